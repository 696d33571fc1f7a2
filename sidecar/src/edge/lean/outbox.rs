//! What is written to a websocket, and what waits until it can be.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, Bytes};

use super::{clock::Clock, pipe::Pipe};

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Written, or behind others that [`Outbox::poll_drain`] is busy with.
    Fine,
    /// Queued; somebody has to call [`Outbox::poll_drain`] until it is ready.
    Stuck,
    /// More waits than may.
    Full,
    /// The connection is broken.
    Broken,
}

/// The way out of one websocket. Frames leave whole and in the order of [`Outbox::write`].
pub(super) struct Outbox {
    pipe: Arc<Pipe>,
    /// Frames that wait; of the first one a part may be written already.
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// Whether a drain is under way: nobody else may write then.
    draining: bool,
    drainer: Option<Waker>,
    /// When the stream last took something, or the queue began; milliseconds of [`Clock`].
    progress: u64,
}

impl Outbox {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Self { pipe, queue: VecDeque::new(), bytes: 0, draining: false, drainer: None, progress: 0 }
    }

    /// Writes a frame at once if the stream takes it, else queues what is left of it: at most `bound` bytes in all.
    pub(super) fn write(&mut self, frame: &Bytes, bound: usize, clock: &Clock) -> Wrote {
        let mut written = 0;
        if !self.draining {
            match self.pipe.try_write(frame) {
                Ok(count) if count == frame.len() => {
                    if self.pipe.is_flushed() {
                        return Wrote::Fine;
                    }
                    written = count;
                }
                Ok(count) => written = count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Wrote::Broken,
            }
        }
        let rest = frame.len() - written;
        if self.bytes + rest > bound {
            return Wrote::Full;
        }
        if rest > 0 {
            self.bytes += rest;
            self.queue.push_back(frame.slice(written..));
        }
        if self.draining {
            return Wrote::Fine;
        }
        self.draining = true;
        self.progress = clock.now();
        Wrote::Stuck
    }

    /// Whether nothing waits.
    pub(super) fn is_drained(&self) -> bool {
        !self.draining
    }

    /// Whether the stream has taken nothing of what waits for `limit` milliseconds.
    pub(super) fn is_stalled(&self, now: u64, limit: u64) -> bool {
        self.draining && now.saturating_sub(self.progress) > limit
    }

    /// Writes what waits. Ready when nothing does any more.
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>, clock: &Clock) -> Poll<io::Result<()>> {
        self.drainer = None;
        while let Some(front) = self.queue.front_mut() {
            let Poll::Ready(result) = self.pipe.poll_write(context, front) else {
                self.drainer = Some(context.waker().clone());
                return Poll::Pending;
            };
            let written = result?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            front.advance(written);
            if front.is_empty() {
                self.queue.pop_front();
            }
            self.bytes -= written;
            self.progress = clock.now();
        }
        self.drainer = Some(context.waker().clone());
        ready!(self.pipe.poll_flush(context))?;
        self.drainer = None;
        self.draining = false;
        // A socket that was slow once does not keep the memory of it.
        self.queue = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    /// Gives the kernel's share up as well, when the connection ends.
    pub(super) fn abandon(&self) {
        self.pipe.abandon();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        // Whoever drains has to look again, and finds nothing.
        if let Some(drainer) = self.drainer.take() {
            drainer.wake();
        }
    }
}
