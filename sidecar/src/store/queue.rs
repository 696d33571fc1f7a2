//! Which channels' lists have changed and are not written yet.
//!
//! Only names wait here, each once: the list itself is read when it is written, so that a slow store gets the latest list and
//! the queue cannot grow with the number of changes.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::channel::ChannelName;

/// Names that may wait; over this everything there is gets written instead.
const MAX_WAITING: usize = 100_000;

/// Changed channels on their way to a store.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    settled: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<ChannelName>,
    /// The names in `waiting`.
    known: HashSet<ChannelName>,
    /// Being written at this moment.
    writing: Option<ChannelName>,
    /// Names did not fit, or there was nobody to write them.
    overflown: bool,
    /// Nobody can write at the moment.
    paused: bool,
    closing: bool,
    closed: bool,
}

/// What there is to do for whoever writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Write the list of this channel, then call [`Queue::written`].
    Write(ChannelName),
    /// Write every list there is.
    WriteAll,
    /// Take this process's members out of every list, then call [`Queue::closed`].
    Close,
}

impl Queue {
    /// Notes a change.
    pub(super) fn mark(&self, channel: &ChannelName) {
        {
            let mut state = self.state.lock();
            if state.closing || state.paused || !state.known.insert(channel.clone()) {
                return;
            }
            if state.waiting.len() >= MAX_WAITING {
                state.forget();
            } else {
                state.waiting.push_back(channel.clone());
            }
        }
        self.changed.notify_one();
    }

    /// Nobody can write until [`Queue::resume`]: names need not wait, then everything is written.
    pub(super) fn pause(&self) {
        self.state.lock().paused = true;
        self.rewrite();
    }

    /// Somebody can write again.
    pub(super) fn resume(&self) {
        self.state.lock().paused = false;
    }

    /// Everything has to be written: a write has failed.
    pub(super) fn rewrite(&self) {
        {
            let mut state = self.state.lock();
            state.forget();
            state.writing = None;
        }
        self.settled.notify_waiters();
    }

    /// Waits for the next task.
    pub(super) async fn next(&self) -> Task {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state.lock();
                if state.closing {
                    return Task::Close;
                }
                if std::mem::take(&mut state.overflown) {
                    return Task::WriteAll;
                }
                if let Some(channel) = state.waiting.pop_front() {
                    state.known.remove(&channel);
                    state.writing = Some(channel.clone());
                    return Task::Write(channel);
                }
            }
            changed.await;
        }
    }

    /// The last [`Task::Write`] is done, or given up.
    pub(super) fn written(&self) {
        self.state.lock().writing = None;
        self.settled.notify_waiters();
    }

    /// Waits until no change of `channel` is left to write; false when that takes longer than `longest`.
    pub(super) async fn settled(&self, channel: &ChannelName, longest: Duration) -> bool {
        let waiting = async {
            loop {
                let settled = self.settled.notified();
                tokio::pin!(settled);
                settled.as_mut().enable(); // before looking: a change between look and wait must not be missed
                {
                    let state = self.state.lock();
                    if !state.known.contains(channel) && state.writing.as_ref() != Some(channel) {
                        return;
                    }
                }
                settled.await;
            }
        };
        tokio::time::timeout(longest, waiting).await.is_ok()
    }

    /// Tells whoever writes to end, and waits until it has.
    pub(super) async fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_one();
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.state.lock().closed {
                return;
            }
            settled.await;
        }
    }

    /// Waits until [`Queue::close`] is called.
    pub(super) async fn closing(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state.lock().closing {
                return;
            }
            changed.await;
        }
    }

    /// [`Task::Close`] is done.
    pub(super) fn closed(&self) {
        self.state.lock().closed = true;
        self.settled.notify_waiters();
    }
}

impl State {
    fn forget(&mut self) {
        self.waiting.clear();
        self.known.clear();
        self.overflown = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;

    #[tokio::test]
    async fn a_channel_waits_once_and_in_its_place() {
        let queue = Queue::default();
        for name in ["presence-a", "presence-b", "presence-a"] {
            queue.mark(&channel(name));
        }
        assert_eq!(queue.next().await, Task::Write(channel("presence-a")));
        queue.mark(&channel("presence-a")); // changed while it is written
        queue.written();
        assert_eq!(queue.next().await, Task::Write(channel("presence-b")));
        assert_eq!(queue.next().await, Task::Write(channel("presence-a")));
    }

    #[tokio::test]
    async fn too_many_names_become_everything() {
        let queue = Queue::default();
        for n in 0..=MAX_WAITING {
            queue.mark(&channel(&format!("presence-{n}")));
        }
        assert_eq!(queue.next().await, Task::WriteAll);
        assert!(queue.state.lock().waiting.len() <= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn settled_waits_for_the_write_and_not_for_ever() {
        let (queue, name) = (Queue::default(), channel("presence-a"));
        let soon = Duration::from_millis(10);
        assert!(queue.settled(&name, soon).await);
        queue.mark(&name);
        assert!(!queue.settled(&name, soon).await);
        assert_eq!(queue.next().await, Task::Write(name.clone()));
        assert!(!queue.settled(&name, soon).await);
        tokio::join!(async { assert!(queue.settled(&name, soon).await) }, async { queue.written() });
    }

    #[tokio::test]
    async fn after_a_pause_everything_is_written() {
        let queue = Queue::default();
        queue.mark(&channel("presence-a"));
        queue.pause();
        queue.mark(&channel("presence-b"));
        assert!(queue.settled(&channel("presence-a"), Duration::from_millis(10)).await);
        assert!(queue.state.lock().waiting.is_empty());
        queue.resume();
        assert_eq!(queue.next().await, Task::WriteAll);
    }

    #[tokio::test]
    async fn close_waits_for_the_writer_and_stops_marks() {
        let queue = Queue::default();
        tokio::join!(queue.close(), async {
            tokio::task::yield_now().await;
            queue.mark(&channel("presence-a"));
            assert_eq!(queue.next().await, Task::Close);
            queue.closed();
        });
    }
}
