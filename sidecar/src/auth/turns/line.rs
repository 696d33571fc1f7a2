//! What waits of one household, each of its sockets in turn.

use std::collections::{HashMap, VecDeque};

use super::Waiter;
use crate::edge::SocketId;

#[derive(Debug, Default)]
pub(super) struct Line {
    /// What waits, socket by socket; empty where everything has been given up.
    sockets: HashMap<SocketId, VecDeque<Waiter>>,
    /// Whose turn it is next: all of these sockets, once each.
    round: VecDeque<SocketId>,
    waiting: usize,
}

impl Line {
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How much of one socket's waits.
    pub(super) fn of(&self, socket: &SocketId) -> usize {
        self.sockets.get(socket).map_or(0, VecDeque::len)
    }

    /// Whether nothing is left of it.
    pub(super) fn is_over(&self) -> bool {
        self.waiting == 0
    }

    pub(super) fn push(&mut self, socket: &SocketId, waiter: Waiter) {
        self.waiting += 1;
        if let Some(waiters) = self.sockets.get_mut(socket) {
            waiters.push_back(waiter);
        } else {
            self.sockets.insert(socket.clone(), VecDeque::from([waiter]));
            self.round.push_back(socket.clone());
        }
    }

    /// Who is next; none when everything has been given up.
    pub(super) fn pop(&mut self) -> Option<Waiter> {
        while let Some(socket) = self.round.pop_front() {
            let Some(waiters) = self.sockets.get_mut(&socket) else { continue };
            let next = waiters.pop_front();
            if waiters.is_empty() {
                self.sockets.remove(&socket);
            } else {
                self.round.push_back(socket);
            }
            if next.is_some() {
                self.waiting -= 1;
                return next;
            }
        }
        None
    }

    /// Takes out what nobody waits for any more, and says how many that were: none where it was called before.
    pub(super) fn give_up(&mut self, socket: &SocketId, number: u64) -> usize {
        let Some(waiters) = self.sockets.get_mut(socket) else { return 0 };
        let before = waiters.len();
        waiters.retain(|waiter| waiter.number != number);
        let gone = before - waiters.len();
        self.waiting -= gone;
        gone
    }
}
