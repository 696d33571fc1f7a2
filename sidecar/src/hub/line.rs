//! The way of a channel's events to its subscribers: one by one, or joined with those that came while the last ones were written.
//!
//! A fan-out to many sockets takes milliseconds, nearly all of them in system calls, one a socket. Events that come meanwhile,
//! and for as long again but at most `coalesceMs`, wait, and then share one write a socket. A channel at rest waits for nothing.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

use super::{Channel, Reach};
use crate::{
    counters::Counters,
    edge::{EmitError, Packet, Run, Socket},
    prefetch,
    recovery::{Doubt, Unwritten},
    seen::Emitting,
};

/// The sockets that were subscribed at one moment.
pub(super) type List = Arc<Vec<Arc<dyn Socket>>>;

/// After a fan-out shorter than this nobody waits: a timer is not finer, and there is little to save.
const SHORT: Duration = Duration::from_micros(500);
/// What may wait on one channel, in bytes of packets. Whoever brings more writes it.
const MOST_BYTES: usize = 64 * 1024;

/// An event for the sockets of a list.
pub(super) struct Event {
    pub(super) packet: Packet,
    /// The place in the list that is left out.
    pub(super) except: Option<usize>,
    /// Let go of once every socket has been handed the event; told by this number whom it reached.
    pub(super) follower: Option<(Arc<dyn Follower>, usize)>,
    /// Of a numbered one.
    pub(super) unwritten: Option<Unwritten>,
}

/// Goes along with an event.
pub(crate) trait Follower: Send + Sync {
    /// How far the event has come, for the next sidecar.
    fn emitting(&self) -> Option<&Emitting>;

    /// Whom it reached on one channel.
    fn reached(&self, stop: usize, reach: Reach);
}

/// Events for the same sockets.
struct Batch {
    list: List,
    events: Vec<Event>,
}

/// Whom events wait for.
pub(super) struct Pace {
    /// The longest rest after a fan-out, in microseconds; zero joins nothing.
    pub(super) longest: AtomicU64,
    /// Where the tasks run that write what waited.
    pub(super) runtime: Handle,
}

/// What all lines share.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) counters: Arc<Counters>,
    /// Without one every event is written at once, by itself.
    pace: Option<Pace>,
    /// The channels on which something waits; and how many they are, to be looked at without the lock.
    waiting: Mutex<Vec<Arc<Channel>>>,
    count: AtomicUsize,
}

/// One channel's line.
#[derive(Default)]
pub(super) struct Line {
    /// Held during a fan-out: the order of events is the order of taking it.
    pub(super) turn: Mutex<()>,
    /// To be locked before the subscribers, where both are.
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    waiting: VecDeque<Batch>,
    bytes: usize,
    /// Whose events are being written.
    under_way: Vec<List>,
    /// Until then what comes waits.
    rest_until: Option<Instant>,
    /// A task is going to write what waits.
    scheduled: bool,
    /// It is among [`Lines::waiting`].
    listed: bool,
}

impl Lines {
    pub(super) fn new(counters: Arc<Counters>, pace: Option<Pace>) -> Self {
        Self { counters, pace, ..Self::default() }
    }

    /// Joins events within a rest of at most `longest` from now on.
    pub(super) fn change_pace(&self, longest: Duration) {
        if let Some(pace) = &self.pace {
            pace.longest.store(longest.as_micros() as u64, Relaxed);
        }
    }

    /// The longest rest after a fan-out; none when every event is written by itself.
    fn rest(&self) -> Option<Duration> {
        let longest = self.pace.as_ref()?.longest.load(Relaxed);
        (longest > 0).then(|| Duration::from_micros(longest))
    }

    /// Has everything written that may not be overtaken by an event on `channel`: what waits on others that share a subscriber.
    pub(super) fn let_pass(self: &Arc<Self>, channel: &Arc<Channel>) {
        if self.count.load(SeqCst) == 0 {
            return;
        }
        let others: Vec<_> = self.waiting.lock().iter().filter(|other| !Arc::ptr_eq(other, channel)).cloned().collect();
        for other in others {
            if other.may_share_with(channel) {
                other.flush(self);
            }
        }
    }

    /// Writes everything that waits.
    pub(super) fn flush_all(self: &Arc<Self>) {
        let all = self.waiting.lock().clone();
        all.iter().for_each(|channel| channel.flush(self));
    }
}

impl Channel {
    /// Writes an event, or lets it wait. `event` is called while nobody else adds to the line. Returns how many sockets it is for,
    /// and whether it waits.
    pub(super) fn offer(self: &Arc<Self>, lines: &Arc<Lines>, event: impl FnOnce() -> (List, Event)) -> (u32, bool) {
        let mut state = self.line.state.lock();
        let (list, event) = event();
        let count = u32::try_from(list.len() - usize::from(event.except.is_some())).unwrap_or(u32::MAX);
        let was_empty = state.waiting.is_empty();
        let resting = state.rest_until.is_some_and(|until| Instant::now() < until);
        let can_wait = lines.rest().is_some() && event.packet.attachments().is_empty();
        let idle = was_empty && state.under_way.is_empty() && !resting;
        // The common case: nobody else is here, and nothing has to be put anywhere first.
        if idle && let Some(turn) = self.line.turn.try_lock() {
            state.under_way.push(list.clone());
            drop(state);
            self.write(lines, turn, || write_run(&list, &[event], &lines.counters));
            return (count, false);
        }
        state.push(list, event);
        let waits = can_wait && !idle && state.bytes <= MOST_BYTES;
        if waits {
            if !state.listed {
                state.listed = true;
                lines.count.fetch_add(1, SeqCst);
                lines.waiting.lock().push(Arc::clone(self));
            }
            // Otherwise whoever writes now, or is about to, sees to it afterwards.
            if was_empty && state.under_way.is_empty() {
                self.schedule(lines, &mut state);
            }
        }
        drop(state);
        if !waits {
            self.flush(lines);
        }
        (count, waits)
    }

    /// Writes what waits. When this returns, everything that was offered before has been written.
    pub(super) fn flush(self: &Arc<Self>, lines: &Arc<Lines>) {
        let turn = self.line.turn.lock();
        let batches = {
            let mut state = self.line.state.lock();
            let batches = std::mem::take(&mut state.waiting);
            if batches.is_empty() {
                return;
            }
            state.bytes = 0;
            state.under_way.extend(batches.iter().map(|batch| batch.list.clone()));
            batches
        };
        self.write(lines, turn, || batches.into_iter().for_each(|batch| batch.write(lines)));
    }

    /// Has written what is under way, and sees to what came meanwhile.
    fn write(self: &Arc<Self>, lines: &Arc<Lines>, turn: MutexGuard<'_, ()>, write: impl FnOnce()) {
        let begun = Instant::now();
        // A defect in it must not keep the channel's next events waiting: it goes on from here.
        let written = catch_unwind(AssertUnwindSafe(write));
        let ended = Instant::now();
        let mut state = self.line.state.lock();
        state.under_way.clear();
        let took = ended - begun;
        state.rest_until = lines.rest().filter(|_| took >= SHORT).map(|longest| ended + took.min(longest));
        drop(turn);
        if !state.waiting.is_empty() {
            self.schedule(lines, &mut state);
        } else if std::mem::take(&mut state.listed) {
            lines.count.fetch_sub(1, SeqCst);
            lines.waiting.lock().retain(|other| !Arc::ptr_eq(other, self));
        }
        drop(state);
        if let Err(defect) = written {
            resume_unwind(defect);
        }
    }

    /// Sees to it that what waits is written once the rest is over.
    fn schedule(self: &Arc<Self>, lines: &Arc<Lines>, state: &mut State) {
        let Some(pace) = &lines.pace else { return };
        if std::mem::replace(&mut state.scheduled, true) {
            return;
        }
        let (channel, lines) = (Arc::clone(self), Arc::clone(lines));
        pace.runtime.spawn(async move {
            while let Some(due) = channel.due() {
                tokio::time::sleep_until(due.into()).await;
                // A defect ends neither this task nor what the next event needs it for; the hook of panics has logged it.
                let _ = catch_unwind(AssertUnwindSafe(|| channel.flush(&lines)));
            }
        });
    }

    /// When what waits is to be written; none when nothing waits, and then nobody sees to it any more.
    fn due(&self) -> Option<Instant> {
        let mut state = self.line.state.lock();
        state.scheduled = !state.waiting.is_empty();
        state.scheduled.then(|| state.rest_until.unwrap_or_else(Instant::now))
    }

    /// Whether a socket that events of this channel wait for may be subscribed to the other one. When in doubt it is.
    fn may_share_with(&self, other: &Self) -> bool {
        let ours = self.subscribers.lock().list.clone();
        {
            let state = self.line.state.lock();
            let mut lists = state.under_way.iter().chain(state.waiting.iter().map(|batch| &batch.list));
            if lists.any(|list| !Arc::ptr_eq(list, &ours)) {
                return true;
            }
        }
        let theirs = other.subscribers.lock().list.clone();
        let (few, many) = if ours.len() < theirs.len() { (ours, other) } else { (theirs, self) };
        let many = many.subscribers.lock();
        few.iter().any(|socket| many.places.contains_key(socket.id()))
    }
}

impl State {
    /// The events that wait, of those that somebody follows: who, and what is in doubt of a numbered one.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = (Arc<dyn Follower>, Option<Doubt>)> {
        let events = self.waiting.iter().flat_map(|batch| &batch.events);
        events.filter_map(|event| {
            Some((event.follower.as_ref()?.0.clone(), event.unwritten.as_ref().map(Unwritten::doubt)))
        })
    }

    fn push(&mut self, list: List, event: Event) {
        self.bytes += event.packet.numbered_frame().len();
        match self.waiting.back_mut() {
            Some(batch) if Arc::ptr_eq(&batch.list, &list) => batch.events.push(event),
            _ => self.waiting.push_back(Batch { list, events: vec![event] }),
        }
    }
}

impl Batch {
    fn write(self, lines: &Lines) {
        let alone = |event: &Event| lines.rest().is_none() || !event.packet.attachments().is_empty();
        let Self { list, events } = self;
        let mut events = events.into_iter().peekable();
        while let Some(first) = events.next() {
            let mut run = vec![first];
            while !alone(&run[0])
                && let Some(next) = events.next_if(|next| !alone(next))
            {
                run.push(next);
            }
            write_run(&list, &run, &lines.counters);
        }
    }
}

/// Hands consecutive events to every socket of a list.
fn write_run(list: &[Arc<dyn Socket>], events: &[Event], counters: &Counters) {
    let followers = || events.iter().filter_map(|event| event.follower.as_ref());
    let emitting = || followers().filter_map(|(follower, _)| follower.emitting());
    let unwritten = || events.iter().find_map(|event| event.unwritten.as_ref());
    let doubt = emitting().next().and_then(|_| unwritten()).map(Unwritten::doubt);
    let coming = Emitting::come(emitting(), doubt);
    let mut excepted: Vec<usize> = events.iter().filter_map(|event| event.except).collect();
    excepted.sort_unstable();
    let run = Run::new(events.iter().map(|event| event.packet.clone()).collect());
    let mut reach = Reach::default();
    // Of each event, with the sockets that one of the events was not for.
    let mut apart = vec![Reach::default(); if excepted.is_empty() { 0 } else { events.len() }];
    excepted.dedup();
    let mut begin = 0;
    for place in excepted.into_iter().chain([list.len()]) {
        for (at, socket) in list.iter().enumerate().take(place).skip(begin) {
            // By the time it is their turn, what they are is here.
            if let Some(next) = list.get(at + 2) {
                prefetch::fetch(next.as_ref());
            }
            if let Some(next) = list.get(at + 1) {
                next.coming();
            }
            match socket.emit_run(&run) {
                Ok(()) => reach.taken += 1,
                failed => hand(socket.as_ref(), failed, &mut reach),
            }
        }
        if let Some(socket) = list.get(place) {
            for (event, reach) in events.iter().zip(&mut apart) {
                if event.except == Some(place) {
                    reach.left_out += 1;
                } else {
                    hand(socket.as_ref(), socket.emit(&event.packet), reach);
                }
            }
        }
        begin = place + 1;
    }
    drop(coming);
    let apart = apart.into_iter().chain(std::iter::repeat(Reach::default()));
    for (event, apart) in events.iter().zip(apart) {
        let reach = Reach {
            taken: reach.taken + apart.taken,
            closed: reach.closed + apart.closed,
            slow: reach.slow + apart.slow,
            left_out: apart.left_out,
        };
        count(&event.packet, reach, counters);
        if let Some((follower, stop)) = &event.follower {
            follower.reached(*stop, reach);
        }
    }
}

/// Notes what became of what one socket was handed.
pub(super) fn hand(socket: &dyn Socket, outcome: Result<(), EmitError>, reach: &mut Reach) {
    match outcome {
        Ok(()) => reach.taken += 1,
        Err(EmitError::Closed) => reach.closed += 1,
        Err(EmitError::Full) => {
            reach.slow += 1;
            tracing::info!(socket = %socket.id(), "closing a slow client: its queue is full");
        }
    }
}

/// Counts a whole fan-out at once: a counter that every thread writes to is dear where it is written for every socket.
pub(super) fn count(packet: &Packet, reach: Reach, counters: &Counters) {
    let attached: usize = packet.attachments().iter().map(Bytes::len).sum();
    counters.emitted.add_many(reach.taken.into());
    counters.emitted_bytes.add_many(u64::from(reach.taken) * (packet.numbered_text().len() + attached) as u64);
    if reach.closed + reach.slow > 0 {
        counters.dropped_closed.add_many(reach.closed.into());
        counters.dropped_slow.add_many(reach.slow.into());
    }
}
