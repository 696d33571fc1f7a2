//! The last events of one channel.

use std::{collections::VecDeque, sync::Arc};

use super::{Mark, Rewound};
use crate::edge::Packet;

/// The last events of one channel, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Every event up to this number that was on the channel may be gone.
    complete_from: u64,
    /// In a cluster: the last event on the channel, or where there may have been one, that is not here.
    floor: Option<Mark>,
    /// When the last event came that other nodes may have in another place.
    unplaced: u64,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// When it was emitted; milliseconds since 1970.
    pub at: u64,
    /// Its place in the cluster's order, where it has one.
    pub mark: Option<Mark>,
    /// What is emitted.
    pub packet: Packet,
    /// The socket id that shall not get it.
    pub except: Option<Arc<str>>,
}

impl Entry {
    /// What it holds, in bytes.
    pub fn bytes(&self) -> usize {
        const OWN: usize = 160; // this struct, the packet's parts, and what the allocator adds
        let attached: usize = self.packet.attachments().iter().map(bytes::Bytes::len).sum();
        OWN + self.packet.numbered_frame().len() + attached + self.except.as_ref().map_or(0, |id| id.len())
    }
}

/// Which events of a channel a session is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Those after this number: it was the last when the socket subscribed.
    pub joined: u64,
    /// Up to this number they were handed to the socket; later ones came while nobody was there.
    pub left: u64,
}

/// Events that were missed are no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events that were missed are no longer in the history")]
pub struct TooOld;

impl Log {
    /// Begins anew: the events to come are the first that anybody may miss.
    pub fn begin(&mut self, last: u64, floor: Option<Mark>) -> usize {
        let freed = self.bytes;
        *self = Self { complete_from: last, floor, ..Self::default() };
        freed
    }

    /// Takes an event in; how many bytes others had to go for it, when there may be so many events and bytes.
    pub fn push(&mut self, entry: Entry, most_events: usize, most_bytes: usize) -> usize {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        let mut freed = 0;
        while self.entries.len() > most_events || self.bytes > most_bytes {
            freed += self.drop_oldest();
        }
        freed
    }

    /// Drops events emitted before a moment; how many bytes they were.
    pub fn expire(&mut self, before: u64) -> usize {
        let mut freed = 0;
        while self.entries.front().is_some_and(|entry| entry.at < before) {
            freed += self.drop_oldest();
        }
        freed
    }

    fn drop_oldest(&mut self) -> usize {
        let Some(entry) = self.entries.pop_front() else { return 0 };
        let bytes = entry.bytes();
        self.bytes -= bytes;
        self.complete_from = entry.number;
        self.floor = self.floor.max(entry.mark);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        bytes
    }

    /// When its oldest event was emitted.
    pub fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.at)
    }

    /// Its events.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// What it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// See [`Log::begin`]; for writing it down.
    pub fn complete_from(&self) -> u64 {
        self.complete_from
    }

    /// The last event there was, as far as it has a place in the cluster's order.
    pub fn last_mark(&self) -> Option<Mark> {
        self.entries.iter().rev().find_map(|entry| entry.mark).max(self.floor)
    }

    /// The last event before its beginning is known better now.
    pub fn set_floor(&mut self, floor: Option<Mark>) {
        self.floor = floor;
    }

    /// At this place there was an event that is not here.
    pub fn note_missing(&mut self, mark: Mark) {
        self.floor = self.floor.max(Some(mark));
    }

    /// An event came that other nodes may have in another place.
    pub fn note_unplaced(&mut self, at: u64) {
        self.unplaced = self.unplaced.max(at);
    }

    /// When the last such event came; milliseconds since 1970, 0: never.
    pub fn unplaced(&self) -> u64 {
        self.unplaced
    }

    /// The number after which everything follows that a client of another node has not seen, which has seen everything up to this
    /// place, and nothing after it; the largest there is when that is nothing. What has no place came before this node kept to the
    /// order, and has been seen.
    ///
    /// # Errors
    /// [`TooOld`] when some of it may be gone.
    pub fn number_at(&self, seen: Mark) -> Result<u64, TooOld> {
        if self.floor.is_some_and(|floor| floor > seen) {
            return Err(TooOld);
        }
        let next = self.entries.iter().find(|entry| entry.mark.is_some_and(|mark| mark > seen));
        Ok(next.map_or(u64::MAX, |entry| entry.number - 1))
    }

    /// The events that the session of socket `me`, whose client has come so far, was to get and did not see.
    ///
    /// # Errors
    /// [`TooOld`] when some of them may be gone.
    pub fn missed(&self, span: Span, seen: &Rewound, me: &str) -> Result<impl Iterator<Item = &Entry>, TooOld> {
        if self.complete_from > span.joined.max(seen.complete_to().min(span.left)) {
            return Err(TooOld);
        }
        let from = self.entries.partition_point(|entry| entry.number <= span.joined);
        let missed = self.entries.range(from..).filter(move |entry| {
            (entry.number > span.left || seen.lacks(entry.number)) && entry.except.as_deref() != Some(me)
        });
        Ok(missed)
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
