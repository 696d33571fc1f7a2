//! Which events were written to a socket, and in which order.
//!
//! Numbers are given channel by channel, so a socket on several channels may be written a smaller number after a larger one,
//! when their publishers are busy at the same time. A client tells no more than the last offset it has seen; from that and the
//! order of the few events that were late, everything it has seen follows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How many late events are remembered.
const MOST_LATE: usize = 4_096;
/// In the place of what was written before an event that never was.
const NEVER: u64 = u64::MAX;

/// What a socket was written. Two words, unless events were late.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The largest number that was written; before the first, the one the session began at.
    last: u64,
    late: Option<Box<Lates>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lates {
    /// In the order of writing, which is also that of `after`.
    known: VecDeque<Late>,
    /// The largest `after` of those that did not fit.
    forgotten: u64,
}

/// A number that was written, or should have been, after a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Late {
    number: u64,
    /// The largest number written before it; [`NEVER`] when it was not written at all.
    after: u64,
}

/// Where a client has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewound {
    /// What the client has seen.
    pub trace: Trace,
    /// Numbers up to [`Rewound::reached`] that it has not seen.
    holes: Vec<u64>,
}

impl Trace {
    /// Of a session that begins when `number` was the last.
    pub fn starting_at(number: u64) -> Self {
        Self { last: number, late: None }
    }

    /// The largest number that was written.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// An event was written.
    pub fn wrote(&mut self, number: u64) {
        if number > self.last {
            self.last = number;
        } else {
            self.note(Late { number, after: self.last });
        }
    }

    /// An event could not be written, and nothing will be any more.
    pub fn failed(&mut self, number: u64) {
        if number < self.last {
            self.note(Late { number, after: NEVER });
        }
    }

    fn note(&mut self, late: Late) {
        let lates = self.late.get_or_insert_default();
        lates.known.push_back(late);
        if lates.known.len() > MOST_LATE
            && let Some(oldest) = lates.known.pop_front()
        {
            lates.forgotten = oldest.after;
        }
    }

    /// The trace as it was when the client saw `seen`, the last number it says it has seen. None when that cannot be told.
    pub fn rewind(&self, seen: u64) -> Option<Rewound> {
        if seen > self.last {
            return None;
        }
        let Some(lates) = &self.late else {
            return Some(Rewound { trace: Self::starting_at(seen), holes: Vec::new() });
        };
        let was_late = lates.known.iter().position(|late| late.number == seen && late.after != NEVER);
        let (reached, kept) = match was_late {
            Some(at) => (lates.known[at].after, at + 1),
            None if seen <= lates.forgotten => return None,
            None => (seen, lates.known.partition_point(|late| late.after < seen)),
        };
        let holes = lates.known.range(kept..).map(|late| late.number).filter(|&number| number <= reached).collect();
        let known: VecDeque<_> = lates.known.range(..kept).copied().collect();
        let late =
            (!known.is_empty() || lates.forgotten > 0).then(|| Box::new(Lates { known, forgotten: lates.forgotten }));
        Some(Rewound { trace: Self { last: reached, late }, holes })
    }
}

impl Rewound {
    /// The largest number the client has seen.
    pub fn reached(&self) -> u64 {
        self.trace.last
    }

    /// Whether the client has not seen an event that was to be written to it.
    pub fn lacks(&self, number: u64) -> bool {
        number > self.reached() || self.holes.contains(&number)
    }

    /// Everything up to this number has been seen.
    pub fn complete_to(&self) -> u64 {
        self.holes.iter().min().map_or(self.reached(), |hole| hole - 1)
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
