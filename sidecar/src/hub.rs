//! Turns a publish into emits on this node: which sockets there are, and who is subscribed to which channel.
//!
//! Fan-out to one channel is done by one thread at a time, so that every socket gets the channel's events in one order; [`line`]
//! says when. Emitting never blocks (see [`Socket::emit`]), and nobody waits here for anything but that.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::{
    channel::ChannelName,
    counters::Counters,
    edge::{Generation, Packet, Socket, SocketId},
    recovery::{Doubt, Heard, History, Log, Unwritten, mark},
};

mod keep;
mod line;
mod recent;
mod tally;
#[cfg(test)]
mod tests;

pub use keep::{Kept, NotThere, Seat};
pub(crate) use line::Follower;
use line::{Event, Line, Lines, List, Pace};
use recent::Recent;
pub use tally::{BUCKETS, Tally};

/// The subscribers of every channel of this node.
#[derive(Default)]
pub struct Hub {
    channels: RwLock<HashMap<ChannelName, Arc<Channel>>>,
    subscriptions: Tally,
    lines: Arc<Lines>,
    /// Where events get their numbers, when sessions can be recovered.
    history: Option<History>,
    /// Held by whoever makes room in the history.
    forgetting: Mutex<()>,
    /// In a cluster: where each channel had its last event.
    recent: Recent,
}

/// Channels on which events wait that somebody wants to be written: with [`Hub::settle`].
#[derive(Default)]
pub struct Later {
    channels: Vec<Arc<Channel>>,
    /// In a cluster: the number of the last of the events, and where those wait that have had their turn.
    pub(crate) told: u64,
    pub(crate) ordered: Vec<Arc<Mutex<Later>>>,
}

/// One channel that somebody is subscribed to, or is kept a place on.
#[derive(Default)]
struct Channel {
    line: Line,
    subscribers: Mutex<Subscribers>,
}

/// The sockets of one channel, and where each stands in the list. The list is shared with fan-outs that are under way.
#[derive(Default)]
struct Subscribers {
    list: List,
    places: HashMap<SocketId, usize>,
    /// How many of them can recover what they miss.
    recovering: usize,
    /// How many sessions are kept a place while their clients are away.
    absent: usize,
    /// The last events, while somebody may miss them.
    log: Log,
    /// Nobody was left and the hub has let go of this channel.
    retired: bool,
}

/// Which of a channel's subscribers an event is for.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct To<'a> {
    /// Not for this socket id.
    pub(crate) except: Option<&'a str>,
    /// What was done of it before.
    pub(crate) done: Done,
}

/// What a killed sidecar did of an event.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum Done {
    /// Nothing.
    #[default]
    Nothing,
    /// Some of this node's subscribers may have it: it is for those that lack it for certain; who is away gets it in no case.
    Some(Doubt),
    /// It was another node's sidecar: it is not for those that come from there and may have it.
    Elsewhere(Doubt),
}

/// Whom an event reached on a channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Sockets that took it.
    pub taken: u32,
    /// Sockets that were about to go.
    pub closed: u32,
    /// Sockets whose queue was full, and that are closed for it.
    pub slow: u32,
    /// Sockets that were left out as its sender (`toOthers`).
    pub left_out: u32,
}

impl Hub {
    /// A hub without channels that counts into `counters` and writes each event at once.
    pub fn new(counters: Arc<Counters>) -> Self {
        Self { lines: Arc::new(Lines::new(counters, None)), ..Self::default() }
    }

    /// The same, but events of one channel that come while others of it are written, and for as long again but at most `longest`,
    /// share one write a socket. What waits is written by tasks on `runtime`.
    pub fn coalescing(counters: Arc<Counters>, longest: Duration, runtime: Handle) -> Self {
        let pace = Pace { longest: AtomicU64::new(longest.as_micros() as u64), runtime };
        Self { lines: Arc::new(Lines::new(counters, Some(pace))), ..Self::default() }
    }

    /// Coalesces by another `longest` from now on.
    pub fn change_pace(&self, longest: Duration) {
        self.lines.change_pace(longest);
    }

    /// With numbers for events, and the last of them kept for those who miss them.
    #[must_use]
    pub fn keeping(self, history: Option<History>) -> Self {
        Self { history, ..self }
    }

    /// Adds a subscriber; adding it twice is adding it once. It gets the events with higher numbers than the one returned.
    pub fn subscribe(&self, channel: &ChannelName, socket: Arc<dyn Socket>) -> u64 {
        self.with_subscribers(channel, |subscribers| {
            if subscribers.add(socket, self.history.as_ref()) {
                self.subscriptions.add(channel);
            }
            self.last()
        })
    }

    /// Takes a subscriber out; whether it was one.
    pub fn unsubscribe(&self, channel: &ChannelName, socket: &SocketId) -> bool {
        self.without(channel, |subscribers| {
            let was_there = subscribers.remove(socket);
            if was_there {
                self.subscriptions.take(channel);
            }
            was_there
        })
        .unwrap_or(false)
    }

    /// Looks at a channel that may be new.
    fn with_subscribers<R>(&self, channel: &ChannelName, change: impl FnOnce(&mut Subscribers) -> R) -> R {
        loop {
            let known = self.channels.read().get(channel).cloned();
            let entry = known.unwrap_or_else(|| self.channels.write().entry(channel.clone()).or_default().clone());
            let mut subscribers = entry.subscribers.lock();
            if !subscribers.retired {
                return change(&mut subscribers);
            }
            // Emptied between finding and locking it: the next look finds or makes another.
        }
    }

    /// Changes a channel that may have nobody left afterwards.
    fn without<R>(&self, channel: &ChannelName, change: impl FnOnce(&mut Subscribers) -> R) -> Option<R> {
        let entry = self.channels.read().get(channel).cloned()?;
        let mut subscribers = entry.subscribers.lock();
        if subscribers.retired {
            return None;
        }
        let result = change(&mut subscribers);
        if let (Some(history), false) = (&self.history, subscribers.may_miss()) {
            history.begin(&mut subscribers.log);
        }
        if subscribers.list.is_empty() && subscribers.absent == 0 {
            subscribers.retired = true;
            drop(subscribers);
            let mut channels = self.channels.write();
            if channels.get(channel).is_some_and(|now| Arc::ptr_eq(now, &entry)) {
                channels.remove(channel);
            }
        }
        Some(result)
    }

    /// Whether anybody is subscribed to `channel`, or may come back to it: whether there is anything to emit.
    pub fn has(&self, channel: &str) -> bool {
        self.channels.read().contains_key(channel)
    }

    /// Emits to every subscriber of `channel` but `except`; how many there are.
    pub fn emit(&self, channel: &str, packet: &Packet, except: Option<&str>) -> u32 {
        self.emit_later(channel, packet, To { except, done: Done::Nothing }, None, &mut Later::default())
    }

    /// As [`Hub::emit`]; where the event waits for others, the channel is noted in `later`. `follower` is told, by the
    /// number beside it, whom the event reached, and is let go of when it has been handed to every socket.
    pub(crate) fn emit_later(
        &self,
        channel: &str,
        packet: &Packet,
        to: To<'_>,
        follower: Option<(Arc<dyn Follower>, usize)>,
        later: &mut Later,
    ) -> u32 {
        mark::next_part();
        self.recent.note(channel);
        let Some(entry) = self.channels.read().get(channel).cloned() else { return 0 };
        self.lines.let_pass(&entry);
        let (count, waits) = entry.offer(&self.lines, || {
            let mut subscribers = entry.subscribers.lock();
            let history = self.history.as_ref().filter(|_| subscribers.may_miss());
            let those = |is_one: &dyn Fn(Heard) -> bool| {
                let is_one =
                    |socket: &&Arc<dyn Socket>| is_one(socket.heard()) && Some(socket.id().as_str()) != to.except;
                Arc::new(subscribers.list.iter().filter(is_one).cloned().collect())
            };
            let some = match to.done {
                Done::Nothing => None,
                Done::Some(doubt) => Some(those(&|heard| heard.lacks(doubt))),
                Done::Elsewhere(doubt) => Some(those(&|heard| !heard.may_have(doubt))),
            };
            let kept = history.map(|history| match to.done {
                Done::Some(_) => history.pass(packet),
                Done::Nothing | Done::Elsewhere(_) => history.keep(&mut subscribers.log, packet, to.except),
            });
            let (packet, unwritten) = numbered(packet, kept);
            if let Some(list) = some {
                return (list, Event { packet, except: None, follower, unwritten });
            }
            let except = to.except.and_then(|socket| subscribers.places.get(socket).copied());
            (subscribers.list.clone(), Event { packet, except, follower, unwritten })
        });
        self.keep_bounds();
        if waits && !later.channels.iter().any(|other| Arc::ptr_eq(other, &entry)) {
            later.channels.push(entry);
        }
        count
    }

    /// Writes what waits on these channels.
    pub fn settle(&self, later: &mut Later) {
        for channel in later.channels.drain(..) {
            channel.flush(&self.lines);
        }
        for ordered in std::mem::take(&mut later.ordered) {
            let mut had = std::mem::take(&mut *ordered.lock());
            self.settle(&mut had);
        }
    }

    /// Writes what waits on any channel.
    pub fn settle_all(&self) {
        self.lines.flush_all();
    }

    /// Emits to one socket; whether it took the packet.
    pub fn emit_to(&self, socket: &dyn Socket, packet: &Packet) -> bool {
        let mut reach = Reach::default();
        line::hand(socket, socket.emit(packet), &mut reach);
        line::count(packet, reach, &self.lines.counters);
        reach.taken > 0
    }

    /// Whether this socket is subscribed to `channel`.
    pub fn is_subscribed(&self, channel: &str, socket: &str) -> bool {
        let entry = self.channels.read().get(channel).cloned();
        entry.is_some_and(|channel| channel.subscribers.lock().places.contains_key(socket))
    }

    /// The same name; if the channel is known, sharing its text: ten thousand subscribers need not each have a copy.
    pub fn name_of(&self, channel: &ChannelName) -> ChannelName {
        self.channels.read().get_key_value(channel).map_or(channel, |(known, _)| known).clone()
    }

    /// How many subscriptions there are: a socket on two channels has two.
    pub fn subscriptions(&self) -> u64 {
        self.subscriptions.total()
    }

    /// The same, by channel.
    pub fn tally(&self) -> &Tally {
        &self.subscriptions
    }

    /// How many sockets are subscribed to `channel`.
    pub fn count(&self, channel: &str) -> usize {
        let entry = self.channels.read().get(channel).cloned();
        entry.map_or(0, |channel| channel.subscribers.lock().list.len())
    }

    /// How many channels there are that somebody is subscribed to, or may come back to: public, private, presence.
    pub fn kinds(&self) -> [usize; 3] {
        let mut kinds = [0; 3];
        for name in self.channels.read().keys() {
            let kind = if name.is_presence() { 2 } else { usize::from(name.is_guarded()) };
            kinds[kind] += 1;
        }
        kinds
    }

    /// The first `most` subscribers of `channel`.
    pub fn subscribers(&self, channel: &str, most: usize) -> Vec<Arc<dyn Socket>> {
        let entry = self.channels.read().get(channel).cloned();
        entry.map_or_else(Vec::new, |channel| channel.subscribers.lock().list.iter().take(most).cloned().collect())
    }

    /// Every channel whose name starts with `prefix`, with its number of subscribers, sorted by name.
    pub fn channels(&self, prefix: &str) -> Vec<(ChannelName, usize)> {
        let mut all: Vec<_> = self
            .channels
            .read()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(name, channel)| (name.clone(), channel.subscribers.lock().list.len()))
            .filter(|(_, count)| *count > 0)
            .collect();
        all.sort();
        all
    }
}

impl Subscribers {
    /// Whether somebody may miss events and want them later.
    fn may_miss(&self) -> bool {
        self.recovering + self.absent > 0
    }

    /// Whether it was not there before.
    fn add(&mut self, socket: Arc<dyn Socket>, history: Option<&History>) -> bool {
        let place = self.list.len();
        let std::collections::hash_map::Entry::Vacant(vacant) = self.places.entry(socket.id().clone()) else {
            return false;
        };
        vacant.insert(place);
        if can_recover(socket.as_ref()) {
            self.expect(history);
            self.absent -= 1;
            self.recovering += 1;
        }
        Arc::make_mut(&mut self.list).push(socket);
        true
    }

    /// Whether it was there.
    fn remove(&mut self, socket: &SocketId) -> bool {
        let Some(place) = self.places.remove(socket) else { return false };
        let list = Arc::make_mut(&mut self.list);
        let gone = list.swap_remove(place);
        if let Some(moved) = list.get(place).map(|socket| socket.id().clone()) {
            self.places.insert(moved, place);
        }
        self.recovering -= usize::from(can_recover(gone.as_ref()));
        true
    }

    /// One more is away.
    fn expect(&mut self, history: Option<&History>) {
        if let (Some(history), false) = (history, self.may_miss()) {
            history.begin(&mut self.log);
        }
        self.absent += 1;
    }
}

/// A packet with its number, where it has got one.
fn numbered(packet: &Packet, numbered: Option<(Packet, Unwritten)>) -> (Packet, Option<Unwritten>) {
    numbered.map_or_else(|| (packet.clone(), None), |(packet, unwritten)| (packet, Some(unwritten)))
}

/// Whether a socket's client can ask for what it has missed.
fn can_recover(socket: &dyn Socket) -> bool {
    socket.pid().is_some() && socket.handshake().generation == Generation::V4
}
