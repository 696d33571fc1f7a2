//! What waits for a polling client until it asks.

use std::{collections::VecDeque, task::Waker};

use super::engine::Outgoing;

/// The state of a connection that is polling.
#[derive(Debug, Default)]
pub(super) struct Poll {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    /// Whether a GET is waiting.
    pub(super) waiting: bool,
    /// Whether a POST is being read.
    pub(super) posting: bool,
    /// A websocket is being probed: a waiting GET has to be let go, so that the client can change over.
    pub(super) release: bool,
    /// Of the waiting GET.
    pub(super) waker: Option<Waker>,
}

impl Poll {
    /// Queues a packet; false when that would be more than `bound` bytes.
    pub(super) fn push(&mut self, packet: Outgoing, bound: usize) -> bool {
        if self.bytes + packet.len() > bound {
            return false;
        }
        self.bytes += packet.len();
        self.queue.push_back(packet);
        self.wake();
        true
    }

    /// Everything that waits; none when nothing does.
    pub(super) fn take(&mut self) -> Option<Vec<Outgoing>> {
        self.bytes = 0;
        if self.queue.is_empty() { None } else { Some(std::mem::take(&mut self.queue).into()) }
    }

    /// Lets a waiting GET look again.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
