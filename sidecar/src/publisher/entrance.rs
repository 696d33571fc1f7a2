//! Who is on the way in: an event that comes twice at once must have its place before whoever brings it again goes on.
//!
//! A publisher's event may come by its connection, which had waited in a sidecar that stood still, and by the spool at the same
//! moment. One of the two is told that the event is known, and goes on with the publisher's next: that has to stay behind.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustecho_wire::EventId;

use crate::{
    hub::BUCKETS,
    seen::{Ledger, Met, Seen},
};

/// A way in ends when the event has been handed to its sockets, which never wait: so long takes none. It is a bound all the same.
const LONGEST: Duration = Duration::from_secs(1);

/// The remembered ids, and those whose events have no place yet.
#[derive(Default)]
pub(super) struct Entrance {
    state: Mutex<State>,
    placed: Condvar,
}

#[derive(Default)]
struct State {
    seen: Seen,
    /// As many as there are threads that publish.
    entering: Vec<EventId>,
}

/// An event is on its way in, until this is dropped.
pub(super) struct Entering<'a> {
    entrance: &'a Entrance,
    id: EventId,
}

impl Drop for Entering<'_> {
    fn drop(&mut self) {
        self.entrance.state.lock().entering.retain(|id| *id != self.id);
        self.entrance.placed.notify_all();
    }
}

impl Entrance {
    /// Whether this id has been met, as a whole or, of an event that comes channel by channel, on `part`. What has been met has its
    /// place when this returns; what has not is waited for by others until the second value is dropped.
    pub(super) fn meet(&self, id: EventId, part: Option<&str>) -> (Met, Option<Entering<'_>>) {
        let until = Instant::now() + LONGEST;
        let mut state = self.state.lock();
        while state.entering.contains(&id) && !self.placed.wait_until(&mut state, until).timed_out() {}
        let met = match part {
            Some(channel) => state.seen.begin_part(id, channel),
            None => state.seen.begin(id),
        };
        let enters = matches!(met, Met::Never(_) | Met::InDoubt(..));
        if enters {
            state.entering.push(id);
        }
        // Not made where it is not wanted: its end takes the lock.
        (met, enters.then(|| Entering { entrance: self, id }))
    }

    /// Whether this id is that of an event that has come by Redis.
    pub(super) fn is_in_parts(&self, id: EventId) -> bool {
        self.state.lock().seen.is_in_parts(id)
    }

    /// Goes on where the ledger's last owner was stopped, or killed.
    pub(super) fn resume(&self, ledger: Ledger) {
        self.state.lock().seen.resume(ledger);
    }

    /// See [`Ledger::set_subscriptions`].
    pub(super) fn set_subscriptions(&self, counts: &[u64; BUCKETS]) {
        self.state.lock().seen.set_subscriptions(counts);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn who_brings_an_event_again_goes_on_when_it_has_its_place() {
        let (entrance, id) = (Entrance::default(), EventId([1; 16]));
        let (Met::Never(_), Some(entering)) = entrance.meet(id, None) else { panic!("met before") };
        let (sender, met) = mpsc::channel();
        thread::scope(|scope| {
            for part in [None, Some("orders")] {
                let (sender, entrance) = (sender.clone(), &entrance);
                scope.spawn(move || sender.send(matches!(entrance.meet(id, part), (Met::Before(None), None))));
            }
            assert!(matches!(entrance.meet(EventId([2; 16]), None).0, Met::Never(_)), "others do not wait");
            assert!(met.recv_timeout(Duration::from_millis(50)).is_err());
            drop(entering);
            assert_eq!([met.recv(), met.recv()], [Ok(true), Ok(true)]);
        });
    }
}
