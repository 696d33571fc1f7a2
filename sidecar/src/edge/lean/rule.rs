//! What may wait for slow clients: for one of them, and for all together.
//!
//! What one may have shrinks as the room for all of them fills up (the "dynamic threshold" of switches that share their memory
//! among their ports): a few that take nothing are let go long before a client that stumbles for a moment is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::clock::millis;
use crate::{
    bounds::Bound,
    config::{Limits, SlowClients},
    edge::DisconnectReason,
};

/// One client may have this part of what is left for all.
const PART: usize = 16;

/// The rule in force.
#[derive(Debug)]
pub(super) struct Rule {
    bound: AtomicUsize,
    drop_oldest: AtomicBool,
    /// Milliseconds.
    stall: AtomicU64,
    pool: Arc<Pool>,
}

/// The room for all queues together.
#[derive(Debug)]
struct Pool {
    bound: AtomicUsize,
    taken: AtomicUsize,
}

/// Room that something takes while it waits.
#[derive(Debug)]
pub(super) struct Room {
    pool: Arc<Pool>,
    bytes: usize,
}

/// What may wait for one client at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    /// So many bytes.
    pub(super) bytes: usize,
    /// That is less than a client alone might have.
    pub(super) is_crowded: bool,
}

impl Rule {
    /// By these limits, and this longest time that a client may take nothing.
    pub(super) fn new(limits: &Limits, stall: Duration) -> Self {
        let rule = Self {
            bound: AtomicUsize::default(),
            drop_oldest: AtomicBool::default(),
            stall: AtomicU64::default(),
            pool: Arc::new(Pool { bound: AtomicUsize::default(), taken: AtomicUsize::default() }),
        };
        rule.change(limits, stall);
        rule
    }

    /// By these from now on.
    pub(super) fn change(&self, limits: &Limits, stall: Duration) {
        self.bound.store(limits.queue_per_socket, Relaxed);
        self.drop_oldest.store(limits.slow_clients == SlowClients::DropOldest, Relaxed);
        self.stall.store(millis(stall), Relaxed);
        self.pool.bound.store(limits.queue_in_all, Relaxed);
    }

    /// Whether the oldest events make room, instead of the connection's end.
    pub(super) fn drops_oldest(&self) -> bool {
        self.drop_oldest.load(Relaxed)
    }

    /// How long a client may take nothing of what waits for it, in milliseconds.
    pub(super) fn stall(&self) -> u64 {
        self.stall.load(Relaxed)
    }

    /// The sentence for a client whose connection ends for a bound of these; short enough for a close frame.
    pub(super) fn sentence(&self, reason: DisconnectReason) -> Option<String> {
        let (bound, limit) = match reason {
            DisconnectReason::SlowClient => (Bound::Queue, self.bound.load(Relaxed) as u64),
            DisconnectReason::Crowded => (Bound::QueueInAll, self.pool.bound.load(Relaxed) as u64),
            DisconnectReason::WriteTimeout => (Bound::WriteTimeout, self.stall()),
            _ => return None,
        };
        Some(format!("over {} ({limit})", bound.key()))
    }

    /// How much may wait for a client for which `own` bytes wait already, `allowance` more than usual.
    pub(super) fn most(&self, own: usize, allowance: usize) -> Most {
        let alone = self.bound.load(Relaxed);
        let left = self.pool.bound.load(Relaxed).saturating_sub(self.pool.taken.load(Relaxed));
        let share = left / PART;
        // Never more than there is, whatever it is allowed.
        let bytes = (alone.min(share) + allowance).min(own + left);
        Most { bytes, is_crowded: bytes < alone + allowance }
    }

    /// Takes room for something that waits from now on.
    pub(super) fn take(&self, bytes: usize) -> Room {
        self.pool.taken.fetch_add(bytes, Relaxed);
        Room { pool: self.pool.clone(), bytes }
    }

    /// The bytes that wait for all clients, and what holds them.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.pool.taken.load(Relaxed)
    }
}

impl Room {
    /// Gives a part of it back.
    pub(super) fn give(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.pool.taken.fetch_sub(bytes, Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(one: usize, all: usize) -> Rule {
        let limits = Limits { queue_per_socket: one, queue_in_all: all, ..Limits::default() };
        Rule::new(&limits, Duration::from_secs(1))
    }

    #[test]
    fn while_there_is_room_each_may_have_its_bound() {
        let rule = rule(100, 1_000_000);
        assert_eq!(rule.most(0, 0), Most { bytes: 100, is_crowded: false });
        assert_eq!(rule.most(0, 7), Most { bytes: 107, is_crowded: false });
    }

    #[test]
    fn the_less_is_left_the_less_may_one_have_and_never_more_than_that() {
        let rule = rule(100, 1_000);
        let large = rule.take(200);
        assert_eq!(rule.most(200, 0), Most { bytes: 800 / PART, is_crowded: true });
        assert_eq!(rule.most(0, 5_000).bytes, 800, "an allowance makes no room");
        let mut rest = rule.take(800);
        assert_eq!(rule.most(3, 5_000).bytes, 3);
        rest.give(400);
        assert_eq!((rule.taken(), rule.most(0, 0).bytes), (600, 400 / PART));
        drop((large, rest));
        assert_eq!(rule.taken(), 0);
    }
}
