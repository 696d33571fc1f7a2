//! Which numbered events are on their way to their sockets; and what follows from that for one that a killed sidecar was writing.
//!
//! A client says which event it has heard last, and not what else. Events of one channel are written in the order of their numbers,
//! so who has heard a lower number last has not heard a higher one of the same channel; but events of two channels may overtake each
//! other while both are being written. So each event remembers the lowest number that was on its way when it was written first: a
//! client whose last one was before that has not heard it, for whatever it had heard after it would have had such a number itself.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Epoch, Offset};

/// Who lacks an event for certain: whoever has heard something of this epoch last, and it was before this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Of the sidecar that wrote it, and was killed.
    pub epoch: Epoch,
    /// The lowest number that was on its way when the event was written.
    pub from: u64,
}

/// What a client that comes back to a sidecar without its session has heard last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It does not say.
    #[default]
    Unknown,
    /// It has been with a sidecar, and has heard nothing.
    Nothing,
    /// This number of this epoch.
    Last(Epoch, u64),
}

impl Heard {
    /// What the offset of a claim says for which there was no session.
    pub fn of(offset: Option<&str>) -> Self {
        let Some(text) = offset else { return Self::Nothing };
        Offset::parse(text).map_or(Self::Unknown, |offset| Self::Last(offset.epoch, offset.number))
    }

    /// Whether it has not heard what this doubt is about.
    pub fn lacks(self, doubt: Doubt) -> bool {
        match self {
            Self::Unknown => false,
            Self::Nothing => true,
            Self::Last(epoch, number) => epoch == doubt.epoch && number < doubt.from,
        }
    }

    /// Whether it has been with the sidecar that wrote what this doubt is about, and may have heard it there.
    pub fn may_have(self, doubt: Doubt) -> bool {
        matches!(self, Self::Last(epoch, number) if epoch == doubt.epoch && number >= doubt.from)
    }
}

/// For each event that is on its way a number that is not above its own; and how many have the same.
#[derive(Debug)]
pub(super) struct Ways {
    epoch: Epoch,
    floors: Mutex<BTreeMap<u64, usize>>,
}

/// A numbered event is on its way, until this is dropped.
#[derive(Debug)]
pub struct Unwritten {
    ways: Arc<Ways>,
    floor: u64,
}

impl Ways {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self { epoch, floors: Mutex::default() }
    }

    /// To be called before the event gets its number, with the last that was given.
    pub(super) fn begin(self: &Arc<Self>, last: u64) -> Unwritten {
        let floor = last + 1;
        *self.floors.lock().entry(floor).or_default() += 1;
        Unwritten { ways: Arc::clone(self), floor }
    }
}

impl Unwritten {
    /// What is in doubt about the event if this process is killed from now on.
    pub fn doubt(&self) -> Doubt {
        let lowest = self.ways.floors.lock().first_key_value().map_or(self.floor, |(floor, _)| *floor);
        Doubt { epoch: self.ways.epoch, from: lowest }
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        let mut floors = self.ways.floors.lock();
        if let std::collections::btree_map::Entry::Occupied(mut count) = floors.entry(self.floor) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_puts_in_doubt_what_is_written_beside_it() {
        let epoch = Epoch::fresh();
        let ways = Arc::new(Ways::new(epoch));
        let first = ways.begin(6);
        assert_eq!(first.doubt(), Doubt { epoch, from: 7 });
        let beside = [ways.begin(7), ways.begin(7)];
        assert_eq!(beside[1].doubt().from, 7, "what it overtook may be heard after it");
        drop(first);
        assert_eq!(beside[1].doubt().from, 8);
        drop(beside);
        assert!(ways.floors.lock().is_empty());
    }

    #[test]
    fn a_client_lacks_what_came_after_the_last_it_has_heard() {
        let epoch = Epoch::fresh();
        let doubt = Doubt { epoch, from: 7 };
        let last = [6, 7, 8].map(|number: u64| Heard::of(Some(&epoch.offset(number).to_string())));
        assert_eq!(last.map(|heard| heard.lacks(doubt)), [true, false, false]);
        assert_eq!(last.map(|heard| heard.may_have(doubt)), [false, true, true]);
        let others = [Heard::Unknown, Heard::Nothing, Heard::Last(Epoch::fresh(), 9)];
        assert!(!others.iter().any(|heard| heard.may_have(doubt)));
        assert!(Heard::of(None).lacks(doubt));
        assert!(!Heard::default().lacks(doubt), "a client of another generation does not say");
        assert!(!Heard::of(Some(&Epoch::fresh().offset(1).to_string())).lacks(doubt), "of another node");
        assert!(!Heard::of(Some("nonsense")).lacks(doubt));
    }
}
