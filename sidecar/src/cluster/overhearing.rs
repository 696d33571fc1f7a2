//! Events of legacy publishers, which every node hears by itself: they wait for their place in the common order as everything does.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{
    Cluster, Here, Place,
    message::{Body, Message},
    overheard::{Early, Key, Note, Told},
};
use crate::{bounds::Bucket, publisher::Publish, recovery::mark};

/// Hands an event to the sockets of this node.
pub(super) type Emit = Box<dyn FnOnce() + Send>;

/// While more than so many bytes wait for Redis, nothing is noted: events need the room.
const MOST_BACKLOG: usize = 256 * 1024;
/// What an event that waits holds besides its data.
const OWN: usize = 512;
/// Notes in a second: more would push what cannot be heard twice out of the stream, and out of what nodes keep for each other.
const MOST_NOTES: u32 = 500;
/// Where there would be more, nothing is noted for so long, and nobody waits.
const REST: Duration = Duration::from_millis(100);

/// How many notes this node may say.
#[derive(Debug)]
pub(super) struct Notes {
    bucket: Bucket,
    begun: Instant,
    rest: Option<Instant>,
}

impl Notes {
    pub(super) fn new() -> Self {
        Self { bucket: Bucket::default(), begun: Instant::now(), rest: None }
    }

    fn take(&mut self, now: Instant) -> bool {
        // A second's worth has come back by the time the clock wraps.
        #[allow(clippy::cast_possible_truncation)]
        let millis = (now.duration_since(self.begun).as_millis() as u32).wrapping_add(1_000);
        let fits = self.bucket.take(MOST_NOTES, millis);
        if !fits {
            self.rest = Some(now + REST);
        }
        fits
    }
}

impl Cluster {
    /// Legacy publishers are heard here; by a Redis Cluster or not.
    pub fn overhears(&self, has_lanes: bool) {
        self.overhears.store(true, Relaxed);
        self.has_lanes.store(has_lanes, Relaxed);
        self.overheard.lock().listen();
    }

    /// Whether events of legacy publishers get a place.
    pub fn places(&self) -> bool {
        !self.config.wait.is_zero()
    }

    /// An event of a legacy publisher is heard: `emit` hands it to the sockets of this node, in its turn.
    pub fn overhear(&self, publish: &Publish<'_>, emit: impl FnOnce() + Send + 'static) {
        let channel = publish.channels.first().copied().unwrap_or_default();
        let key = digest(&[channel]);
        let lane = if self.has_lanes.load(Relaxed) { key.0 } else { 0 };
        let bytes = publish.data.get().len() + OWN;
        // Its publisher may go on at this node's door, in the order of which this note is.
        let rank = if publish.id.is_some() { 0 } else { self.rank() };
        let (key, now) = (key_of(publish), Instant::now());
        let has_room = self.has_room();
        {
            let mut overheard = self.overheard.lock();
            overheard.come(key, lane, channel, bytes, Box::new(emit), now);
            overheard.note(rank, now, &mut |note: Note, channel: &str| self.say_note(has_room, note, channel));
        }
        self.came.notify_one();
    }

    /// How many nodes note before this one. Who does not know all notes that count comes after all that do, dead ones among them:
    /// whose first note it is would otherwise be a matter of chance.
    fn rank(&self) -> u32 {
        let me = self.outbox.node();
        let is_sure = self.overheard.lock().is_sure();
        let before = self.state.lock().peers.others().iter().filter(|other| **other < me).count();
        // An eighth of the time that events wait is one step.
        let rank = u32::try_from(before.min(3)).unwrap_or(3);
        if is_sure { rank } else { rank + 4 }
    }

    /// Whether more has been heard than may wait.
    pub fn hears_too_much(&self) -> bool {
        self.overheard.lock().is_full()
    }

    /// Waits while that is so: then Redis has to keep the rest.
    pub async fn can_hear_more(&self) {
        loop {
            let done = self.heard.notified();
            if !self.hears_too_much() {
                return;
            }
            done.await;
        }
    }

    fn has_room(&self) -> bool {
        self.outbox.backlog() <= MOST_BACKLOG && self.notes.lock().rest.is_none_or(|rest| rest < Instant::now())
    }

    fn say_note(&self, has_room: bool, note: Note, channel: &str) -> Option<u64> {
        (has_room && self.notes.lock().take(Instant::now())).then(|| {
            self.turns
                .take(None, Box::new(|_| ()), || self.outbox.say(Body::Overheard { note, channel: channel.into() }))
        })
    }

    /// Waits until something that was heard is to be noted or done.
    pub(super) async fn overheard_due(&self) {
        loop {
            let came = self.came.notified();
            let rank = self.rank();
            let nobody_waits = self.turns.is_slow() || !self.has_room();
            let due = self.overheard.lock().due(rank, nobody_waits);
            match due {
                None => came.await,
                Some(due) => {
                    tokio::select! {
                        () = came => {}
                        () = tokio::time::sleep_until(due) => return,
                    }
                }
            }
        }
    }

    /// Notes and does what is due.
    pub(super) fn overhear_on(&self, here: &dyn Here, now: Instant) {
        let (rank, heard, has_room) = (self.rank(), self.turns.heard(), self.has_room());
        let nobody_waits = self.turns.is_slow() || !has_room;
        let early = {
            let mut say = |note: Note, channel: &str| self.say_note(has_room, note, channel);
            let mut overheard = self.overheard.lock();
            overheard.note(rank, now, &mut say);
            overheard.overdue(nobody_waits, now, heard, &mut say)
        };
        self.do_early(here, early);
    }

    /// Does everything that waits: nothing is heard any more.
    pub fn hear_out(&self, here: &dyn Here) {
        let heard = self.turns.heard();
        let early = self.overheard.lock().overdue(true, Instant::now(), heard, &mut |_: Note, _: &str| None);
        self.do_early(here, early);
    }

    fn do_early(&self, here: &dyn Here, early: Vec<Early<Emit>>) {
        for Early { act, until, is_late } in early {
            if let Some(seq) = until {
                self.turns.is_ahead(seq);
            }
            if !is_late {
                self.settle(here, None);
            }
            self.counters.cluster_unplaced.add();
            self.whole(|| mark::outside(act));
            if is_late {
                self.overheard.lock().late_is_done();
            }
        }
        self.heard.notify_one();
    }

    /// A note about something that is not here yet waits a little: by then it has come, as a rule.
    pub(super) async fn hold(&self, here: &dyn Here, place: Place, bytes: &[u8]) {
        let is_held = self.gaps.lock().is_holding();
        if is_held || !is_note(bytes) || self.counters.state.redis.get() != Some(true) {
            return;
        }
        let Ok(Message { body: Body::Overheard { note, .. }, .. }) = self.seal.open(bytes) else { return };
        let until = Instant::now() + self.overheard.lock().hold();
        loop {
            let came = self.came.notified();
            if !self.overheard.lock().awaits(&note, place.0, Instant::now()) {
                return;
            }
            tokio::select! {
                biased;
                () = came => {}
                () = self.turns.wait() => { self.whole(|| self.hurry(here, Instant::now())); }
                () = tokio::time::sleep_until(until) => {
                    self.overheard.lock().was_in_vain();
                    return;
                }
            }
        }
    }

    /// Some node has heard an event of a legacy publisher.
    pub(super) fn noted(&self, here: &dyn Here, place: Place, note: &Note, channel: &str, is_own: bool, now: Instant) {
        if !self.places() {
            return;
        }
        let (heard, has_room) = (self.turns.heard(), self.has_room());
        let (early, told, is_settled) = {
            let mut say = |note: Note, channel: &str| self.say_note(has_room, note, channel);
            let mut overheard = self.overheard.lock();
            let (early, told) = overheard.hear(note, is_own.then_some(channel), place.0, now, heard, &mut say);
            (early, told, overheard.is_settled(now))
        };
        let has_place = early.is_empty() && is_settled;
        self.do_early(here, early);
        match told {
            Told::Nothing => {}
            Told::Again(seq) => self.turns.is_ahead(seq),
            Told::Turn(emit) if has_place => _ = self.whole(emit),
            Told::Turn(emit) => {
                self.settle(here, None);
                self.counters.cluster_unplaced.add();
                self.whole(|| mark::outside(emit));
            }
            Told::Spent => here.missed(channel),
            Told::Missing => {
                here.missed(channel);
                if self.overhears.load(Relaxed) {
                    self.counters.cluster_unheard.add();
                    here.hush(true);
                }
            }
        }
    }
}

/// Whether these are the bytes of a message with a note, as far as the beginning of its JSON tells.
pub(super) fn is_note(bytes: &[u8]) -> bool {
    const TAG: &[u8] = br#"{"overheard":"#;
    bytes.get(..160).unwrap_or(bytes).windows(TAG.len()).any(|part| part == TAG)
}

/// The same on every node.
fn key_of(publish: &Publish<'_>) -> Key {
    let id = publish.id.map(|id| id.to_string());
    let channel = publish.channels.first().copied().unwrap_or_default();
    let except = publish.except.unwrap_or_default();
    digest(&[channel, publish.event, except, id.as_deref().unwrap_or_default(), publish.data.get()])
}

fn digest(parts: &[&str]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let half = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    let bytes = hash.finalize();
    (half(&bytes[..8]), half(&bytes[8..16]))
}
