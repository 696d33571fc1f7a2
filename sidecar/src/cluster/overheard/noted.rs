//! What a node that stops knows of notes, for the one that comes next in its place: that need not wait until it knows them itself.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Key, Known, LATE, MEMORY, Overheard};

/// All notes that are known, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// By the stream's clock.
    begun: u64,
    pub(super) events: Vec<Event>,
}

/// Events that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    key: Key,
    /// The number of the last note, and when that was by the stream's clock.
    nth: u32,
    last: u64,
    /// How many were done before their notes came.
    spent: u32,
}

impl<A> Overheard<A> {
    /// What is known here. Nothing waits any more.
    pub(in crate::cluster) fn leaves(&self) -> Noted {
        // A node that has not read so far may still count on what this one does not.
        let counts = |known: &Known| known.last.saturating_add(MEMORY + self.stale) >= self.clock;
        let events = self.known.iter().filter(|(_, known)| known.spent > 0 || counts(known));
        let events =
            events.map(|(key, known)| Event { key: *key, nth: known.nth, last: known.last, spent: known.spent });
        Noted { begun: self.begun, events: events.collect() }
    }

    /// Goes on with what the node before this one knew, which had read the stream so far. What has been said meanwhile on Redis and
    /// not in the stream is not here: whoever notes it finds that it is missing.
    pub(in crate::cluster) fn resume(&mut self, clock: u64, noted: &Noted, now: Instant) {
        (self.clock, self.begun) = (clock, noted.begun);
        for event in &noted.events {
            let known = self.touch(event.key);
            (known.nth, known.last, known.spent) = (event.nth, event.last, event.spent);
            known.spent_until = (event.spent > 0).then(|| now + LATE);
        }
    }
}
