//! Places that are kept for those who are away, and what they missed.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::{Channel, Hub, Reach, line};
use crate::{
    channel::ChannelName,
    edge::Socket,
    recovery::{Entry, History, Mark, Rewound, Span, TooOld, Trace, mark, now},
    seen::Emitting,
};

/// A place that was kept.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The channel.
    pub channel: ChannelName,
    /// Which of its events were for the session.
    pub span: Span,
}

/// The history of a channel, for the next sidecar.
#[derive(Debug)]
pub struct Kept {
    /// The channel.
    pub channel: ChannelName,
    /// Events up to this number may be missing.
    pub complete_from: u64,
    /// Its last events.
    pub entries: Vec<Entry>,
}

/// Why nobody was brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotThere {
    /// The offset is none that the client can have.
    #[error("the offset is unknown")]
    Unknown,
    /// See [`TooOld`].
    #[error(transparent)]
    TooOld(#[from] TooOld),
    /// The client that wanted it has gone.
    #[error("the client has gone again")]
    Gone,
}

impl Hub {
    /// Where events get their numbers, when sessions can be recovered.
    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    pub(super) fn last(&self) -> u64 {
        self.history.as_ref().map_or(0, History::last)
    }

    /// Takes a subscriber out and keeps its place. It was handed the events up to the number returned, or will find that it
    /// cannot be handed them.
    pub fn park(&self, channel: &ChannelName, socket: &crate::edge::SocketId) -> u64 {
        let left = self.without(channel, |subscribers| {
            // The place first, so that nobody thinks that nobody is left.
            subscribers.expect(self.history.as_ref());
            if subscribers.remove(socket) {
                self.subscriptions.take(channel);
            }
            self.last()
        });
        left.unwrap_or_else(|| self.expect(channel))
    }

    /// Keeps a place for somebody who is away: for the events after the number returned.
    pub fn expect(&self, channel: &ChannelName) -> u64 {
        self.with_subscribers(channel, |subscribers| {
            subscribers.expect(self.history.as_ref());
            self.last()
        })
    }

    /// As [`Hub::expect`], for somebody who is at another node, which knew at the place `known` that `last` was the last event; with
    /// the time of the last that other nodes may have in another place.
    pub fn expect_elsewhere(&self, channel: &ChannelName, known: Option<Mark>, last: Option<Mark>, unplaced: u64) {
        let floor = known.and_then(|known| self.recent.last(channel.as_str(), known, last));
        self.with_subscribers(channel, |subscribers| {
            let is_new = !subscribers.may_miss();
            subscribers.expect(self.history.as_ref());
            if let (true, Some(floor)) = (is_new, floor) {
                subscribers.log.set_floor(floor);
            }
            subscribers.log.note_unplaced(unplaced);
        });
    }

    /// An event that other nodes have on this channel, at the current place of the order, is not here.
    pub fn missed(&self, channel: &str) {
        mark::next_part();
        self.recent.note(channel);
        let entry = self.channels.read().get(channel).cloned();
        if let (Some(entry), Some(mark)) = (entry, mark::current()) {
            entry.subscribers.lock().log.note_missing(mark);
        }
    }

    /// An event on this channel may have another place at other nodes.
    pub fn unplaced(&self, channel: &str) {
        if let Some(entry) = self.channels.read().get(channel).cloned() {
            entry.subscribers.lock().log.note_unplaced(now());
        }
    }

    /// How far this node has come in the cluster's order, while it keeps to it.
    pub fn reached(&self, mark: Option<Mark>) {
        match mark {
            Some(mark) => self.recent.begin(mark),
            None => self.recent.forget(),
        }
        if let Some(history) = &self.history {
            history.set_reached(mark);
        }
    }

    /// The last event of a channel in the cluster's order, and when the last came that has no place in it.
    pub fn last_event(&self, channel: &ChannelName) -> (Option<Mark>, u64) {
        let entry = self.channels.read().get(channel).cloned();
        entry.map_or((None, 0), |entry| {
            let subscribers = entry.subscribers.lock();
            (subscribers.log.last_mark(), subscribers.log.unplaced())
        })
    }

    /// The number after which everything follows that a client of another node has not seen, which has seen everything on the
    /// channel up to this place, and nothing after it.
    ///
    /// # Errors
    /// [`TooOld`] when something may be gone, or is not where it is at other nodes.
    pub fn number_at(&self, channel: &ChannelName, seen: Mark) -> Result<u64, TooOld> {
        let keep = self.history.as_ref().map_or(0, |history| history.settings().keep.as_millis() as u64);
        let entry = self.channels.read().get(channel).cloned().ok_or(TooOld)?;
        let log = &entry.subscribers.lock().log;
        // Its session was kept once at its own node, and once here.
        if log.unplaced() + 3 * keep > now() {
            return Err(TooOld);
        }
        Ok(log.number_at(seen)?.min(self.last()))
    }

    /// Keeps a place no longer.
    pub fn release(&self, channel: &ChannelName) {
        self.without(channel, |subscribers| subscribers.absent = subscribers.absent.saturating_sub(1));
    }

    /// Gives a client its places back, and what it has missed: everything on its channels after the last event it has `seen`, in
    /// order, and then what comes, nothing twice. `past` reads what was written to its lost connection; `open` makes the new
    /// socket, which goes on with the trace it is given.
    ///
    /// # Errors
    /// [`NotThere`]; then the places are kept as before.
    pub fn resume(
        &self,
        me: &str,
        seats: &[Seat],
        seen: u64,
        past: impl FnOnce() -> Trace,
        open: impl FnOnce(Trace) -> Option<Arc<dyn Socket>>,
    ) -> Result<Arc<dyn Socket>, NotThere> {
        let mut channels: Vec<(Arc<Channel>, &Seat)> = {
            let known = self.channels.read();
            seats.iter().filter_map(|seat| Some((known.get(&seat.channel)?.clone(), seat))).collect()
        };
        // Always in the same order: two that resume never wait for each other.
        channels.sort_by_key(|(channel, _)| Arc::as_ptr(channel).addr());
        // What was on its way to the lost connection finds that it is lost; and then nothing is on its way on these channels.
        channels.iter().for_each(|(channel, _)| channel.flush(&self.lines));
        let turns: Vec<MutexGuard<'_, ()>> = channels.iter().map(|(channel, _)| channel.line.turn.lock()).collect();
        let seen = past().rewind(seen).ok_or(NotThere::Unknown)?;
        // Nobody adds an event between looking for what was missed and taking the place.
        let lines: Vec<_> = channels.iter().map(|(channel, _)| channel.line.state.lock()).collect();
        let mut subscribers: Vec<_> = channels.iter().map(|(channel, _)| channel.subscribers.lock()).collect();
        let unwritten: Vec<_> = lines.iter().flat_map(|line| line.unwritten()).collect();
        drop(lines);
        let mut missed = Vec::new();
        for (subscribers, (_, seat)) in subscribers.iter().zip(&channels) {
            missed.extend(
                subscribers.log.missed(seat.span, &seen, me)?.map(|entry| (entry.number, entry.packet.clone())),
            );
        }
        let Rewound { trace, .. } = seen;
        let socket = open(trace).ok_or(NotThere::Gone)?;
        for (subscribers, (_, seat)) in subscribers.iter_mut().zip(&channels) {
            subscribers.absent = subscribers.absent.saturating_sub(1);
            if subscribers.add(socket.clone(), None) {
                self.subscriptions.add(&seat.channel);
            }
        }
        drop(subscribers);
        missed.sort_by_key(|(number, _)| *number);
        // Some of it may not have been written to anybody before.
        let doubt = unwritten.iter().find_map(|(_, doubt)| *doubt);
        let _coming = Emitting::come(unwritten.iter().filter_map(|(follower, _)| follower.emitting()), doubt);
        for (_, packet) in missed {
            let mut reach = Reach::default();
            line::hand(socket.as_ref(), socket.emit_missed(&packet), &mut reach);
            line::count(&packet, reach, &self.lines.counters);
        }
        drop(turns);
        Ok(socket)
    }

    /// Forgets events that nobody can want any more because of their age.
    pub fn expire(&self) {
        let Some(history) = &self.history else { return };
        let before = now().saturating_sub(history.settings().keep.as_millis() as u64);
        self.forget(history, before);
    }

    fn forget(&self, history: &History, before: u64) {
        let all: Vec<_> = self.channels.read().values().cloned().collect();
        for channel in all {
            history.expire(&mut channel.subscribers.lock().log, before);
        }
    }

    /// When there is more in all than may be, the oldest eighth of the time that is remembered is forgotten, until it fits.
    pub(super) fn keep_bounds(&self) {
        let Some(history) = self.history.as_ref().filter(|history| history.is_over()) else { return };
        let Some(_turn) = self.forgetting.try_lock() else { return };
        while history.is_over() {
            let all: Vec<_> = self.channels.read().values().cloned().collect();
            let oldest = all.iter().filter_map(|channel| channel.subscribers.lock().log.oldest()).min();
            let Some(oldest) = oldest else { return };
            self.forget(history, oldest + (now().saturating_sub(oldest) / 8).max(1));
        }
    }

    /// The history of every channel.
    pub fn kept(&self) -> Vec<Kept> {
        let all: Vec<_> = self.channels.read().iter().map(|(name, channel)| (name.clone(), channel.clone())).collect();
        let kept = all.into_iter().map(|(channel, entry)| {
            entry.flush(&self.lines);
            let subscribers = entry.subscribers.lock();
            let log = &subscribers.log;
            Kept { channel, complete_from: log.complete_from(), entries: log.entries().cloned().collect() }
        });
        kept.collect()
    }

    /// Takes the history of a channel over from the sidecar before this one, if a place is kept on it.
    pub fn restore(&self, kept: Kept) {
        let Some(history) = &self.history else { return };
        let Some(entry) = self.channels.read().get(&kept.channel).cloned() else { return };
        let mut subscribers = entry.subscribers.lock();
        if subscribers.may_miss() {
            subscribers.log.begin(kept.complete_from, history.reached());
            kept.entries.into_iter().for_each(|entry| history.restore(&mut subscribers.log, entry));
        }
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
