//! Events that every node hears by itself, from a legacy publisher on Redis: when each of them is done here. A pure state machine.
//!
//! Nodes hear such events in no common order. So one node notes in the stream that it has heard one: a digest of the event, and
//! which of those alike it is. The event's place is that of its first note. At that place each node does what it has heard by itself:
//! a note brings no event and takes none away, so whatever becomes of notes, what is heard is done once. What finds no note in time
//! is done without a place.
//!
//! Longer than other files: what is heard, noted and done changes the same few counts, and none of it means anything without the rest.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

mod noted;

pub(super) use noted::Noted;

/// A digest of an event.
pub(super) type Key = (u64, u64);

/// How long events that are alike are counted on, in milliseconds of the stream's clock.
pub(super) const MEMORY: u64 = 5_000;
/// Events that may wait for their notes, and bytes of them; beyond that nobody waits.
const MOST: usize = 4_096;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Digests that are remembered.
const MOST_KEYS: usize = 65_536;
/// How long an event that others have heard may still come.
const LATE: Duration = Duration::from_secs(2);

/// That an event has been heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Which event.
    pub(super) key: Key,
    /// Which of those alike, from 1 on.
    pub(super) nth: u32,
    /// How far its node had read the stream, by the stream's clock.
    pub(super) clock: u64,
    /// Its node has read the stream for long enough to know all notes that count.
    pub(super) is_sure: bool,
}

/// What has been heard and not been done, and what is known of notes.
pub(super) struct Overheard<A> {
    patience: Duration,
    /// A note of a node that had read nothing for so long says nothing any more, in milliseconds.
    stale: u64,
    waiting: VecDeque<Waiting<A>>,
    bytes: usize,
    /// So many of those that wait need not.
    late: usize,
    known: HashMap<Key, Known>,
    touched: VecDeque<(u64, Key)>,
    /// How far the stream has been read, and from where on.
    clock: u64,
    begun: u64,
    /// Legacy publishers are heard: what was noted before was said before, and does not come any more.
    listens: bool,
    /// Notes that have found nothing, and until when it may come.
    missing: usize,
    missing_until: Option<Instant>,
    /// So many have come after their notes and are not done yet.
    undone: usize,
    /// Something was done without a place that may still get one elsewhere.
    doubt_until: Option<Instant>,
    /// What is heard comes later than its notes: nobody waits for it.
    is_slow: bool,
}

struct Waiting<A> {
    key: Key,
    lane: u64,
    at: Instant,
    channel: Box<str>,
    bytes: usize,
    /// The number of this node's message with its note.
    said: Option<u64>,
    /// Its place has gone by.
    is_late: bool,
    act: A,
}

#[derive(Default)]
struct Known {
    /// The number of the last note, and when that was by the stream's clock; 0: never.
    nth: u32,
    last: u64,
    /// How many wait; how many were done before their notes came, and until when that counts if nobody may ever note them; how many
    /// notes came and found none, and until when these are among the missing.
    waiting: u32,
    spent: u32,
    spent_until: Option<Instant>,
    holes: u32,
    holes_until: Option<Instant>,
    /// When one was taken for a late one last: its own note is on its way if it was not.
    was_late: Option<Instant>,
    touched: u64,
}

/// What is done without a place.
pub(super) struct Early<A> {
    pub(super) act: A,
    /// The number of the message after which its place is known; none when there is none.
    pub(super) until: Option<u64>,
    /// Its place has gone by.
    pub(super) is_late: bool,
}

/// What a note tells.
pub(super) enum Told<A> {
    /// Nothing new.
    Nothing,
    /// It came too late to tell, and has been said again by the message of this number.
    Again(u64),
    /// It is this event's turn.
    Turn(A),
    /// The event was done here before, without a place.
    Spent,
    /// It has not been heard here.
    Missing,
}

/// Says a note about an event on a channel; the number of the message, when there was room for it.
pub(super) type Say<'a> = &'a mut dyn FnMut(Note, &str) -> Option<u64>;

impl<A> Overheard<A> {
    /// Nothing is heard yet. Nobody waits longer than `patience`; `lease` is what nodes beat in.
    pub(super) fn new(patience: Duration, lease: Duration) -> Self {
        Self {
            patience,
            stale: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX).max(2 * MEMORY),
            waiting: VecDeque::new(),
            bytes: 0,
            late: 0,
            known: HashMap::new(),
            touched: VecDeque::new(),
            clock: 0,
            begun: 0,
            listens: false,
            missing: 0,
            missing_until: None,
            undone: 0,
            doubt_until: None,
            is_slow: false,
        }
    }

    /// Legacy publishers are heard from here on.
    pub(super) fn listen(&mut self) {
        self.listens = true;
    }

    /// All notes are known from here on.
    pub(super) fn begin(&mut self, clock: u64) {
        self.begun = clock;
    }

    /// The stream has been read up to here.
    pub(super) fn read(&mut self, clock: u64) {
        self.clock = clock;
        self.forget();
    }

    fn forget(&mut self) {
        while let Some((at, key)) = self.touched.front().copied()
            && (at.saturating_add(2 * self.stale) < self.clock || self.touched.len() > MOST_KEYS)
        {
            self.touched.pop_front();
            let Some(known) = self.known.get_mut(&key).filter(|known| known.touched <= at) else { continue };
            // This node's own note may be on its way still, however late.
            let is_noted = known.spent > 0 && known.spent_until.is_none() && self.touched.len() < MOST_KEYS;
            if known.waiting > 0 || is_noted {
                known.touched = self.clock;
                self.touched.push_back((self.clock, key));
                return;
            }
            self.known.remove(&key);
        }
    }

    /// Whether this node knows all notes that count.
    pub(super) fn is_sure(&self) -> bool {
        self.clock.saturating_sub(self.begun) > MEMORY
    }

    /// An event is heard. Those of one `lane` are done in the order in which they are heard.
    pub(super) fn come(&mut self, key: Key, lane: u64, channel: &str, bytes: usize, act: A, now: Instant) {
        let known = self.touch(key);
        known.expire(now);
        let is_late = known.holes > 0;
        let was_missing = is_late && known.holes_until.is_some_and(|until| now <= until);
        if is_late {
            known.holes -= 1;
            known.was_late = Some(now);
            self.undone += 1;
            let hold = self.hold();
            if self.missing_until.is_some_and(|until| now + LATE < until + hold) {
                self.is_slow = false; // it would have been worth the wait
            }
        } else {
            known.waiting += 1;
        }
        self.late += usize::from(is_late);
        self.missing = self.missing.saturating_sub(usize::from(was_missing));
        self.bytes += bytes;
        self.waiting.push_back(Waiting {
            key,
            lane,
            at: now,
            channel: channel.into(),
            bytes,
            said: None,
            is_late,
            act,
        });
    }

    /// Notes what the node whose turn it is has not noted: this one is number `rank` of those that do.
    pub(super) fn note(&mut self, rank: u32, now: Instant, say: Say<'_>) {
        let wait = self.step() * rank;
        // They are noted in the order in which they wait: those that are not stand at the end.
        let first = self.waiting.iter().rposition(|next| next.said.is_some()).map_or(0, |at| at + 1);
        for at in first..self.waiting.len() {
            let next = &self.waiting[at];
            if next.at + wait > now {
                return;
            }
            if !next.is_late {
                let key = next.key;
                let behind = self.waiting.iter().skip(at).filter(|other| other.key == key && !other.is_late).count();
                let alike = self.known.get(&key).map_or(0, |known| known.waiting);
                let note = self.next_note(key, alike.saturating_sub(u32::try_from(behind).unwrap_or(u32::MAX)));
                let next = &mut self.waiting[at];
                next.said = say(note, &next.channel);
                if next.said.is_none() {
                    return; // there is no room for others either
                }
            }
        }
    }

    /// What is done without a place now: its time is over, or nobody waits. Messages up to the number `heard` have come back.
    pub(super) fn overdue(&mut self, nobody_waits: bool, now: Instant, heard: u64, say: Say<'_>) -> Vec<Early<A>> {
        let nobody_waits = nobody_waits || self.is_full();
        let is_due = |next: &Waiting<A>| nobody_waits || next.is_late || next.at + self.patience <= now;
        let mut lanes = HashSet::new();
        let mut due = Vec::new();
        for (at, next) in self.waiting.iter().enumerate().rev() {
            if lanes.contains(&next.lane) || is_due(next) {
                lanes.insert(next.lane);
                due.push(at);
            }
        }
        due.reverse();
        self.hurry(&due, now, heard, say)
    }

    /// Whether more has been heard than may wait.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > MOST || self.bytes > MOST_BYTES
    }

    /// One that came after its note is done.
    pub(super) fn late_is_done(&mut self) {
        self.undone = self.undone.saturating_sub(1);
    }

    /// Whether a note about something that is not here yet had better wait, because it is about to come.
    pub(super) fn awaits(&self, note: &Note, place: u64, now: Instant) -> bool {
        if self.is_slow || self.is_stale(note, place) {
            return false;
        }
        let Some(known) = self.known.get(&note.key) else { return true };
        note.nth > known.counted(note.clock)
            && known.spent == 0
            && known.waiting == 0
            && !known.was_just_late(now, self.patience)
    }

    /// How long such a note may wait.
    pub(super) fn hold(&self) -> Duration {
        self.patience * 2 / 5
    }

    /// It has waited in vain.
    pub(super) fn was_in_vain(&mut self) {
        self.is_slow = true;
    }

    /// A note is heard, of this node when its channel is `own`: what has to be done before, without a place, and what in this one.
    pub(super) fn hear(
        &mut self,
        note: &Note,
        own: Option<&str>,
        place: u64,
        now: Instant,
        heard: u64,
        say: Say<'_>,
    ) -> (Vec<Early<A>>, Told<A>) {
        let (is_stale, is_sure, patience) = (self.is_stale(note, place), self.is_sure(), self.patience);
        let listens = self.listens;
        let known = self.touch(note.key);
        known.expire(now);
        let counted = known.counted(note.clock);
        if is_stale && let Some(channel) = own.filter(|_| known.spent > 0) {
            let again = Note { nth: self.counted(note.key).saturating_add(1), ..self.next_note(note.key, 0) };
            return (Vec::new(), self.said(again, channel, now, say).map_or(Told::Nothing, Told::Again));
        }
        if is_stale || note.nth <= counted {
            return (Vec::new(), Told::Nothing);
        }
        let is_new = known.last == 0;
        let has_gap = note.nth > counted + 1 && (is_sure || !is_new);
        (known.nth, known.last) = (note.nth, place.max(1));
        let told = if known.spent > 0 {
            known.spent -= 1;
            (Vec::new(), Told::Spent)
        } else if known.waiting == 0 && known.was_just_late(now, patience) {
            // It was taken for another one, which is lost.
            known.was_late = None;
            (Vec::new(), Told::Spent)
        } else if known.waiting == 0 {
            known.holes += 1;
            if listens {
                known.holes_until = Some(now + LATE);
                self.missing += 1;
                self.missing_until = Some(now + LATE);
            }
            (Vec::new(), Told::Missing)
        } else {
            self.is_slow = false;
            self.turn(note.key, now, heard, say)
        };
        // What is not numbered as elsewhere may have another place there.
        if has_gap || (is_new && !is_sure && !note.is_sure) {
            self.doubt_until = Some(now + LATE);
        }
        told
    }

    fn turn(&mut self, key: Key, now: Instant, heard: u64, say: Say<'_>) -> (Vec<Early<A>>, Told<A>) {
        let Some(at) = self.waiting.iter().position(|next| next.key == key && !next.is_late) else {
            return (Vec::new(), Told::Nothing);
        };
        let lane = self.waiting[at].lane;
        let before: Vec<usize> = (0..at).filter(|before| self.waiting[*before].lane == lane).collect();
        let early = self.hurry(&before, now, heard, say);
        let Some(next) = self.take(at - before.len()) else { return (early, Told::Nothing) };
        (early, Told::Turn(next.act))
    }

    /// Whether what this node has done has the places that it has elsewhere, or none there.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        self.doubt_until.is_none_or(|until| until < now)
    }

    /// Whether something has a place that has gone by, and may still come here.
    pub(super) fn is_missing(&mut self, now: Instant) -> bool {
        if self.missing_until.is_some_and(|until| until < now) {
            (self.missing, self.missing_until) = (0, None);
        }
        self.missing > 0 || self.undone > 0
    }

    /// When the next is to be noted or done, for number `rank` of those that note.
    pub(super) fn due(&self, rank: u32, nobody_waits: bool) -> Option<Instant> {
        let first = self.waiting.front()?;
        if nobody_waits || self.late > 0 {
            return Some(first.at);
        }
        let to_note = self.waiting.iter().find(|next| next.said.is_none()).map(|next| next.at + self.step() * rank);
        let end = first.at + self.patience;
        Some(to_note.map_or(end, |note| note.min(end)))
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Does those at these places of the line, in order, without a place in the stream.
    fn hurry(&mut self, which: &[usize], now: Instant, heard: u64, say: Say<'_>) -> Vec<Early<A>> {
        let mut early = Vec::with_capacity(which.len());
        for (gone, at) in which.iter().enumerate() {
            let Some(next) = self.take(at - gone) else { continue };
            let mut until = None;
            if !next.is_late {
                // Its note has been heard and was none: it had another number.
                until = next.said.filter(|said| *said > heard);
                if until.is_none() {
                    until = self.said(self.next_note(next.key, 0), &next.channel, now, say);
                }
                let known = self.touch(next.key);
                known.spent += 1;
                known.spent_until = until.is_none().then(|| now + LATE);
            }
            early.push(Early { act: next.act, until, is_late: next.is_late });
        }
        early
    }

    fn said(&mut self, note: Note, channel: &str, now: Instant, say: Say<'_>) -> Option<u64> {
        let said = say(note, channel);
        if said.is_none() {
            self.doubt_until = Some(now + LATE);
        }
        said
    }

    fn take(&mut self, at: usize) -> Option<Waiting<A>> {
        let next = self.waiting.remove(at)?;
        self.bytes -= next.bytes;
        if next.is_late {
            self.late -= 1;
        } else if let Some(known) = self.known.get_mut(&next.key) {
            known.waiting = known.waiting.saturating_sub(1);
        }
        Some(next)
    }

    fn counted(&self, key: Key) -> u32 {
        self.known.get(&key).map_or(0, |known| known.counted(self.clock))
    }

    fn next_note(&self, key: Key, before: u32) -> Note {
        let spent = self.known.get(&key).map_or(0, |known| known.spent);
        let nth = self.counted(key).saturating_add(spent).saturating_add(before).saturating_add(1);
        Note { key, nth, clock: self.clock, is_sure: self.is_sure() }
    }

    fn is_stale(&self, note: &Note, place: u64) -> bool {
        note.clock.saturating_add(self.stale) < place
    }

    /// How much later the next node notes what the one before it has not.
    fn step(&self) -> Duration {
        self.patience / 8
    }

    fn touch(&mut self, key: Key) -> &mut Known {
        self.forget();
        let clock = self.clock;
        let known = self.known.entry(key).or_insert_with(|| Known { touched: u64::MAX, ..Known::default() });
        if known.touched == u64::MAX || known.touched + 1_000 <= clock {
            known.touched = clock;
            self.touched.push_back((clock, key));
        }
        known
    }
}

impl Known {
    /// How many of them have been counted, for a node that has read up to there.
    fn counted(&self, clock: u64) -> u32 {
        if clock.saturating_sub(self.last) > MEMORY { 0 } else { self.nth }
    }

    /// What nobody has noted by now nobody will.
    fn expire(&mut self, now: Instant) {
        if self.spent_until.is_some_and(|until| until < now) {
            (self.spent, self.spent_until) = (0, None);
        }
    }

    fn was_just_late(&self, now: Instant, patience: Duration) -> bool {
        self.was_late.is_some_and(|at| now <= at + patience)
    }
}

#[cfg(test)]
#[path = "overheard_tests.rs"]
mod tests;
