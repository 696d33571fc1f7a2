//! In a cluster: where each channel had its last event, whether somebody here was on it or not.
//!
//! A node that is told of another's session keeps the history of its channels from then on. What it has to know of the time before
//! is only whether there was an event since the other looked.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use parking_lot::Mutex;

use crate::recovery::{Mark, mark};

/// So many channels are remembered, and as many before those. Who tells of a session looked a moment ago: no node has events on so
/// many channels since. One that has lets the session's client subscribe anew instead of bringing it back.
const MOST: usize = 8_192;

#[derive(Default)]
pub(super) struct Recent {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nothing is known of events before this.
    begun: Option<Mark>,
    before: HashMap<u64, Mark>,
    /// What was emitted since this is in `last`.
    turned: Option<Mark>,
    last: HashMap<u64, Mark>,
}

impl Recent {
    /// From here on it is known what there is.
    pub(super) fn begin(&self, mark: Mark) {
        self.state.lock().begin(mark);
    }

    /// What is emitted now has no place.
    pub(super) fn forget(&self) {
        *self.state.lock() = State::default();
    }

    /// An event is emitted.
    pub(super) fn note(&self, channel: &str) {
        let Some(mark) = mark::current() else { return };
        let channel = self.hasher.hash_one(channel);
        let mut state = self.state.lock();
        state.begin(mark);
        if state.last.len() >= MOST && !state.last.contains_key(&channel) {
            state.turn(mark);
        }
        state.last.insert(channel, mark);
    }

    /// The last event on a channel, when somebody else knows that `last` was the last up to the place `known`. None: no telling.
    pub(super) fn last(&self, channel: &str, known: Mark, last: Option<Mark>) -> Option<Option<Mark>> {
        let state = self.state.lock();
        if state.begun.is_some_and(|begun| begun > known) {
            return None;
        }
        let channel = self.hasher.hash_one(channel);
        Some(last.max(state.last.get(&channel).or_else(|| state.before.get(&channel)).copied()))
    }
}

impl State {
    fn begin(&mut self, mark: Mark) {
        self.begun.get_or_insert(mark);
        self.turned.get_or_insert(mark);
    }

    fn turn(&mut self, mark: Mark) {
        self.before = std::mem::take(&mut self.last);
        self.begun = self.turned.replace(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::mark::in_turn;

    #[test]
    fn what_came_after_somebody_looked_counts() {
        let recent = Recent::default();
        let (looked, theirs) = (Mark::after((5, 0)), Some(Mark::after((2, 0))));
        assert_eq!(recent.last("x", looked, theirs), Some(theirs));
        for (entry, channel) in [((4, 0), "x"), ((6, 0), "x"), ((7, 0), "y")] {
            in_turn(entry, || recent.note(channel));
        }
        assert_eq!(recent.last("x", looked, theirs), Some(Some(Mark::before((6, 0)))));
        assert_eq!(recent.last("z", looked, theirs), Some(theirs));
        assert_eq!(recent.last("x", Mark::after((3, 0)), None), None, "before it began");
    }

    #[test]
    fn the_last_of_many_channels_are_remembered() {
        let recent = Recent::default();
        let note = |number: u64| in_turn((number, 0), || recent.note(&number.to_string()));
        let knows = |number: u64| {
            recent.last(&number.to_string(), Mark::after((number - 1, 0)), None)
                == Some(Some(Mark::before((number, 0))))
        };
        let most = MOST as u64;
        (1..=2 * most).for_each(note);
        assert!((1..=2 * most).skip(1).all(knows), "all that are remembered at once");
        // The same again and again takes no more room.
        (0..2 * most).for_each(|more| in_turn((2 * most + 1, more), || recent.note(&(2 * most).to_string())));
        assert!(knows(2));
        note(2 * most + 2);
        assert_eq!(recent.last("x", Mark::after((2, 0)), None), None, "the oldest are forgotten");
        assert!((most + 2..2 * most).all(knows) && knows(2 * most + 2));
    }
}
