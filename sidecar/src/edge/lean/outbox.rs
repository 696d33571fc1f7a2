//! What is written to a websocket, and what waits until it can be.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, Bytes};

use super::{
    clock::Clock,
    pipe::{Mouth, Pipe},
    rule::{Room, Rule},
};
use crate::seen::at_the_door;

/// What became of a frame, or of a packet for a client that polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Written, or behind others that somebody sees to.
    Fine,
    /// Queued; somebody has to call [`Outbox::poll_drain`] until it is ready.
    Stuck,
    /// Queued, and so many older events were dropped for it.
    Dropped(u64),
    /// More waits than may for one client.
    Full,
    /// More waits than may for all of them.
    Crowded,
    /// The connection is broken.
    Broken,
}

/// What each thing that waits counts for beside its bytes: a flood of tiny ones must not be free.
pub(super) const ENTRY: usize = 64;

/// Frames that wait together.
struct Waiting {
    frames: Bytes,
    /// How many events they are; nothing else is ever dropped.
    events: u64,
    room: Room,
}

/// The way out of one websocket. Frames leave whole and in the order of [`Outbox::write`].
pub(super) struct Outbox {
    mouth: Mouth,
    /// Boxed, and there only while it is needed: most sockets take everything at once.
    backlog: Option<Box<Backlog>>,
}

/// What the stream has not taken, or what more it need not take at once.
#[derive(Default)]
struct Backlog {
    /// Of the first ones a part may be written already.
    queue: VecDeque<Waiting>,
    bytes: usize,
    /// The first of the queue has begun to leave.
    begun: bool,
    /// How many more may wait than usual: see [`Outbox::allow`].
    allowance: usize,
    /// Whether a drain is under way: nobody else may write then.
    draining: bool,
    drainer: Option<Waker>,
    /// When the stream last took something, or the queue began; milliseconds of [`Clock`].
    progress: u64,
    /// A part of a frame was written whose rest may not wait: nothing can follow it.
    torn: bool,
}

impl Outbox {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Self { mouth: Mouth::new(pipe), backlog: None }
    }

    /// Writes frames, which are so many events, at once if the stream takes them, else queues what is left of them.
    #[inline]
    pub(super) fn write(&mut self, frames: &Bytes, events: u64, rule: &Rule, clock: &Clock) -> Wrote {
        if self.backlog.is_none()
            && let Ok((count, flushed)) = self.mouth.try_write(frames)
        {
            if count == frames.len() && flushed {
                return Wrote::Fine;
            }
            return self.backlog.get_or_insert_default().queue(frames.slice(count..), events, count, rule, clock);
        }
        self.write_behind(frames, events, rule, clock)
    }

    /// The same where something waits, may wait, or the stream has just refused.
    #[cold]
    fn write_behind(&mut self, frames: &Bytes, events: u64, rule: &Rule, clock: &Clock) -> Wrote {
        let backlog = self.backlog.get_or_insert_default();
        if backlog.draining {
            // Whoever drains may write it before this returns.
            at_the_door();
            return backlog.queue(frames.clone(), events, 0, rule, clock);
        }
        match self.mouth.try_write(frames) {
            Ok((count, true)) if count == frames.len() => {
                self.backlog = None;
                Wrote::Fine
            }
            Ok((count, _)) => backlog.queue(frames.slice(count..), events, count, rule, clock),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                backlog.queue(frames.clone(), events, 0, rule, clock)
            }
            Err(_) => Wrote::Broken,
        }
    }

    /// So many bytes that are about to be written may wait beyond the bound, until as many have left.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.backlog.get_or_insert_default().allowance += bytes;
    }

    /// Throws away what waits, but for the rest of what has begun to leave, and puts these frames behind it. None where nothing can
    /// follow what has left.
    pub(super) fn cut_short(&mut self, last: &Bytes, rule: &Rule, clock: &Clock) -> Option<Wrote> {
        let backlog = self.backlog.get_or_insert_default();
        if backlog.torn {
            return None;
        }
        backlog.queue.truncate(usize::from(backlog.begun));
        backlog.bytes = backlog.queue.iter().map(|waiting| waiting.frames.len() + ENTRY).sum();
        // Few and small: they may wait whatever the bounds are.
        backlog.bytes += last.len() + ENTRY;
        let room = rule.take(last.len() + ENTRY);
        backlog.queue.push_back(Waiting { frames: last.clone(), events: 0, room });
        if std::mem::replace(&mut backlog.draining, true) {
            return Some(Wrote::Fine);
        }
        backlog.progress = clock.now();
        Some(Wrote::Stuck)
    }

    /// Bytes that wait, and what holds them.
    pub(super) fn queued(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.bytes)
    }

    /// Whether nothing waits.
    pub(super) fn is_drained(&self) -> bool {
        !self.backlog.as_ref().is_some_and(|backlog| backlog.draining)
    }

    /// Whether the stream has taken nothing of what waits for `limit` milliseconds.
    pub(super) fn is_stalled(&self, now: u64, limit: u64) -> bool {
        let backlog = self.backlog.as_ref().filter(|backlog| backlog.draining);
        backlog.is_some_and(|backlog| now.saturating_sub(backlog.progress) > limit)
    }

    /// Writes what waits. Ready when nothing does any more.
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>, clock: &Clock) -> Poll<io::Result<()>> {
        let Some(backlog) = &mut self.backlog else { return Poll::Ready(Ok(())) };
        ready!(backlog.poll_drain(self.mouth.pipe(), context, clock))?;
        // A socket that was slow once does not keep the memory of it.
        self.backlog = None;
        Poll::Ready(Ok(()))
    }

    /// Gives the kernel's share up as well, when the connection ends.
    pub(super) fn abandon(&self) {
        self.mouth.pipe().abandon();
    }
}

impl Backlog {
    /// Queues what is left of frames.
    #[cold]
    fn queue(&mut self, rest: Bytes, events: u64, written: usize, rule: &Rule, clock: &Clock) -> Wrote {
        let mut most = rule.most(self.bytes, self.allowance);
        let mut dropped = 0;
        if rule.drops_oldest() && self.bytes + rest.len() + ENTRY > most.bytes {
            dropped = self.make_room(rest.len() + ENTRY, most.bytes);
            most = rule.most(self.bytes, self.allowance);
        }
        if self.bytes + rest.len() + ENTRY > most.bytes {
            self.torn |= written > 0;
            return match most.is_crowded {
                // There is nothing older of its own to make room.
                true if rule.drops_oldest() && events > 0 && written == 0 => Wrote::Dropped(dropped + events),
                true => Wrote::Crowded,
                false => Wrote::Full,
            };
        }
        if !rest.is_empty() {
            self.begun |= self.queue.is_empty() && written > 0;
            self.bytes += rest.len() + ENTRY;
            let room = rule.take(rest.len() + ENTRY);
            self.queue.push_back(Waiting { frames: rest, events, room });
        }
        if self.draining {
            return if dropped > 0 { Wrote::Dropped(dropped) } else { Wrote::Fine };
        }
        self.draining = true;
        self.progress = clock.now();
        Wrote::Stuck
    }

    /// Drops the oldest events until there is room for so many bytes; how many there were.
    fn make_room(&mut self, bytes: usize, bound: usize) -> u64 {
        let (mut at, mut dropped) = (usize::from(self.begun), 0);
        while self.bytes + bytes > bound {
            let Some(oldest) = self.queue.get(at) else { break };
            if oldest.events == 0 {
                at += 1;
                continue;
            }
            if let Some(oldest) = self.queue.remove(at) {
                self.bytes -= oldest.frames.len() + ENTRY;
                dropped += oldest.events;
            }
        }
        dropped
    }

    /// Writes what waits. Ready when nothing does any more.
    fn poll_drain(&mut self, pipe: &Pipe, context: &mut Context<'_>, clock: &Clock) -> Poll<io::Result<()>> {
        self.drainer = None;
        while let Some(front) = self.queue.front_mut() {
            let Poll::Ready(result) = pipe.poll_write(context, &front.frames) else {
                self.drainer = Some(context.waker().clone());
                return Poll::Pending;
            };
            let written = result?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            front.frames.advance(written);
            front.room.give(written);
            self.begun = !front.frames.is_empty();
            self.bytes -= written;
            if !self.begun {
                self.queue.pop_front();
                self.bytes -= ENTRY;
                self.allowance = self.allowance.saturating_sub(ENTRY);
            }
            self.allowance = self.allowance.saturating_sub(written);
            self.progress = clock.now();
        }
        self.drainer = Some(context.waker().clone());
        ready!(pipe.poll_flush(context))?;
        self.drainer = None;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        // Whoever drains has to look again, and finds nothing.
        if let Some(drainer) = self.drainer.take() {
            drainer.wake();
        }
    }
}
