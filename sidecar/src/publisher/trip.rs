//! An event between the door and its last socket.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Publish, Publisher, Travel};
use crate::{
    counters::Counters,
    hub::{Follower, Reach},
    seen::Emitting,
    tail::{Outcome, Road, Tail},
};

/// Is dropped when the event has been handed to every socket.
pub(super) struct Trip {
    travel: Travel,
    emitting: Option<Emitting>,
    counters: Arc<Counters>,
    tail: Arc<Tail>,
    /// None when nobody wants it.
    road: Mutex<Option<Box<Road>>>,
}

impl Trip {
    /// `known` is what is told of it as long as it has reached nobody, and why.
    pub(super) fn begin(
        door: &Publisher,
        publish: &Publish<'_>,
        travel: Travel,
        known: (Outcome, Option<String>),
        emitting: Option<Emitting>,
    ) -> Self {
        let road = door.tail.wants(publish.came.trace).then(|| Box::new(travel.told(publish, known.0, known.1)));
        let (counters, tail) = (door.counters.clone(), door.tail.clone());
        Self { travel, emitting, counters, tail, road: Mutex::new(road) }
    }
}

impl Follower for Trip {
    fn emitting(&self) -> Option<&Emitting> {
        self.emitting.as_ref()
    }

    fn reached(&self, stop: usize, reach: Reach) {
        if let Some(road) = &mut *self.road.lock() {
            if let Some(stop) = road.channels.get_mut(stop) {
                stop.reach = reach;
            }
            if reach.taken > 0 && road.result == Outcome::Nobody {
                road.result = Outcome::Emitted;
            }
        }
    }
}

impl Drop for Trip {
    fn drop(&mut self) {
        let took = self.travel.emitted(&self.counters.times);
        if let Some(mut road) = self.road.get_mut().take() {
            road.accepted_to_emitted = Some(took);
            self.tail.tell_road(*road);
        }
    }
}
