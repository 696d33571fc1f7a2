//! The ids of the last events, so that one that is published twice is emitted once; in memory, and in a [`Ledger`] that
//! outlives this process however it ends.

use std::collections::{HashMap, HashSet, VecDeque};

use rustecho_wire::EventId;

use crate::{hub::BUCKETS, recovery::Doubt};

mod ledger;

pub use ledger::Ledger;
pub(crate) use ledger::at_the_door;
use ledger::{Place, State, set_coming};

/// How many event ids are remembered: ten seconds at 6,000 events a second, in about 5 MB.
const REMEMBERED_IDS: usize = 65_536;

/// Whether an id has been met.
pub(crate) enum Met {
    /// Never: it is to be emitted.
    Never(Emitting),
    /// It has been emitted, or another thread is about to; by the last sidecar, who lacks it for certain, where that was noted.
    Before(Option<Doubt>),
    /// A sidecar was killed while it wrote it to its sockets. To how many, nobody knows; some of their clients can be told apart, by
    /// what they say when they come back.
    InDoubt(Emitting, Option<Doubt>),
}

/// An event is on its way to its sockets, until this is dropped.
pub(crate) struct Emitting(Option<Place>);

impl Drop for Emitting {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            place.set(State::Emitted);
        }
    }
}

/// This thread emits events, until this is dropped.
pub(crate) struct Coming(());

impl Emitting {
    /// Tells that the next thing this thread writes to a socket is these events, and who lacks them if this is as far as they come.
    pub(crate) fn come<'a>(events: impl Iterator<Item = &'a Self>, doubt: Option<Doubt>) -> Coming {
        set_coming(events.filter_map(|event| event.0), doubt);
        Coming(())
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        set_coming([].into_iter(), None);
    }
}

/// The remembered ids.
#[derive(Default)]
pub(crate) struct Seen {
    ids: HashSet<EventId>,
    order: VecDeque<EventId>,
    /// Of the ids, those that the ledger could not be sure about and that nobody has brought again: as many as there were threads.
    in_doubt: HashMap<EventId, (Place, Option<Doubt>)>,
    /// Of the ids, those of events that a sidecar before this one has emitted, and who lacks them.
    done: HashMap<EventId, Doubt>,
    /// Of the ids, those of events that came channel by channel.
    in_parts: HashSet<EventId>,
    ledger: Option<Ledger>,
}

impl Seen {
    /// Goes on where the ledger's last owner was stopped, or killed.
    pub(crate) fn resume(&mut self, ledger: Ledger) {
        for event in ledger.read() {
            self.remember(event.id);
            match (event.in_doubt, event.doubt) {
                (Some(place), doubt) => drop(self.in_doubt.insert(event.id, (place, doubt))),
                (None, Some(doubt)) => drop(self.done.insert(event.id, doubt)),
                (None, None) => {}
            }
        }
        self.ledger = Some(ledger);
    }

    /// Remembers an id that is about to be emitted, unless it has been met.
    pub(crate) fn begin(&mut self, id: EventId) -> Met {
        if self.ids.contains(&id) {
            let in_doubt = self.in_doubt.remove(&id).filter(|(place, _)| place.is_kept());
            return match in_doubt {
                Some((place, doubt)) => Met::InDoubt(Emitting(Some(place)), doubt),
                None => Met::Before(self.done.get(&id).copied()),
            };
        }
        self.remember(id);
        Met::Never(Emitting(self.ledger.as_mut().map(|ledger| ledger.begin(id))))
    }

    /// The same for one channel of an event that comes channel by channel.
    pub(crate) fn begin_part(&mut self, id: EventId, channel: &str) -> Met {
        if !self.in_parts.contains(&id) {
            if self.ids.contains(&id) {
                return Met::Before(None);
            }
            self.remember(id);
            self.in_parts.insert(id);
        }
        self.begin(part_of(id, channel))
    }

    /// Whether this id is that of an event that came channel by channel.
    pub(crate) fn is_in_parts(&self, id: EventId) -> bool {
        self.in_parts.contains(&id)
    }

    /// See [`Ledger::set_subscriptions`].
    pub(crate) fn set_subscriptions(&mut self, counts: &[u64; BUCKETS]) {
        if let Some(ledger) = &mut self.ledger {
            ledger.set_subscriptions(counts);
        }
    }

    fn remember(&mut self, id: EventId) {
        self.ids.insert(id);
        self.order.push_back(id);
        if self.order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
            self.in_doubt.remove(&oldest);
            self.done.remove(&oldest);
            self.in_parts.remove(&oldest);
        }
    }
}

/// The id of an event on one of its channels: FNV-1a with 128 bits, which begins at the event's id.
fn part_of(id: EventId, channel: &str) -> EventId {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    EventId(channel.bytes().fold(u128::from_be_bytes(id.0).wrapping_mul(PRIME), hash).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{recovery::Epoch, testing::TempDir};

    fn id(n: u128) -> EventId {
        EventId(n.to_be_bytes())
    }

    fn met(seen: &mut Seen, n: u128) -> &'static str {
        match seen.begin(id(n)) {
            Met::Never(_) => "never",
            Met::Before(None) => "before",
            Met::Before(Some(doubt)) => {
                assert_eq!(doubt, Doubt { epoch: doubt.epoch, from: 31 });
                "before, by one who noted it"
            }
            Met::InDoubt(_, None) => "in doubt",
            Met::InDoubt(_, Some(doubt)) => {
                assert_eq!(doubt, Doubt { epoch: doubt.epoch, from: 41 });
                "in doubt, but not for all"
            }
        }
    }

    #[test]
    fn remembered_ids_are_bounded() {
        let mut seen = Seen::default();
        for n in 0..(REMEMBERED_IDS as u128 + 10) {
            assert_eq!(met(&mut seen, n), "never");
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (REMEMBERED_IDS, REMEMBERED_IDS));
        assert_eq!((met(&mut seen, 5), met(&mut seen, 50)), ("never", "before"));
    }

    #[test]
    fn the_ledger_tells_the_next_sidecar_what_was_emitted_and_what_is_in_doubt() {
        let folder = TempDir::new("ledger");
        let path = folder.path().join("l");
        let total = REMEMBERED_IDS as u128 + 100;
        let mut seen = Seen::default();
        seen.resume(Ledger::open(&path).unwrap());
        assert!(Ledger::open(&path).is_err(), "only one may have it");
        for n in 0..total {
            assert_eq!(met(&mut seen, n), "never");
        }
        // Killed before the door, and killed at it: what is never dropped is never done.
        std::mem::forget(seen.begin(id(total)));
        let Met::Never(second) = seen.begin(id(total + 1)) else { panic!("met before") };
        let coming = Emitting::come([&second].into_iter(), None);
        at_the_door();
        at_the_door();
        drop(coming);
        std::mem::forget(second);
        let Met::Never(third) = seen.begin(id(total + 2)) else { panic!("met before") };
        for from in [41, 43] {
            let coming = Emitting::come([&third].into_iter(), Some(Doubt { epoch: Epoch::fresh(), from }));
            at_the_door();
            drop(coming);
        }
        std::mem::forget(third);
        let Met::Never(fourth) = seen.begin(id(total + 3)) else { panic!("met before") };
        drop(Emitting::come([&fourth].into_iter(), Some(Doubt { epoch: Epoch::fresh(), from: 31 })));
        drop(fourth);
        let counts = std::array::from_fn(|at| at as u64 * 7);
        seen.set_subscriptions(&counts);
        drop(seen);

        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.subscriptions(), counts);
        let mut seen = Seen::default();
        seen.resume(ledger);
        assert_eq!(met(&mut seen, total - 1), "before");
        assert_eq!(met(&mut seen, total + 1), "in doubt");
        assert_eq!(met(&mut seen, total + 1), "before", "there is one more try at most");
        assert_eq!(met(&mut seen, total + 2), "in doubt, but not for all");
        assert_eq!(met(&mut seen, total + 3), "before, by one who noted it");
        assert_eq!(met(&mut seen, total), "never", "nothing of it had left");
        assert_eq!(met(&mut seen, total), "before");
        assert_eq!(met(&mut seen, 3), "never", "too long ago");
    }

    #[test]
    fn a_ledger_of_another_kind_is_started_afresh_and_a_link_is_not_followed() {
        let folder = TempDir::new("ledger");
        let path = folder.path().join("l");
        fs::write(&path, "something else").unwrap();
        assert!(Ledger::open(&path).unwrap().read().is_empty());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Ledger::open(&link).is_err());
    }
}
