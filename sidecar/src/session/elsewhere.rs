//! Sessions of other nodes, known here so that their clients can come back here.
//!
//! A session is at one node. Each node knows the sessions of all, and keeps the history of their channels. How a session changes
//! its node: [`moving`](super::moving).

use std::collections::HashMap;

use indexmap::IndexMap;
use parking_lot::Mutex;

use super::{Clients, Consent, Link, Session, State};
use crate::{
    channel::ChannelName,
    cluster::{self, NodeId, Seat, SessionStay, Turn},
    edge::SocketId,
    presence::Members,
    recovery::{Mark, PidHash, now},
};

/// The sessions of other nodes.
#[derive(Default)]
pub(super) struct Elsewhere {
    pub(super) known: Mutex<HashMap<PidHash, Absent>>,
}

/// A session of another node.
pub(super) struct Absent {
    pub(super) node: NodeId,
    pub(super) generation: u32,
    pub(super) socket: SocketId,
    /// The number of the last message that told of it.
    pub(super) seq: u64,
    /// Its node is dead: it is kept until then, in milliseconds since 1970.
    pub(super) until: Option<u64>,
    pub(super) stays: IndexMap<ChannelName, Seated>,
}

#[derive(Clone)]
pub(super) struct Seated {
    pub(super) consent: Option<Consent>,
    /// Its client needs nothing up to this place.
    pub(super) since: Option<Mark>,
}

impl Elsewhere {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.known.lock().len()
    }
}

impl Clients {
    /// How many sessions of other nodes are known.
    pub fn elsewhere(&self) -> usize {
        self.elsewhere.count()
    }

    /// A session of another node has subscribed to a channel; false when it is at another one by now.
    pub fn seated_elsewhere(&self, node: NodeId, channel: &ChannelName, socket: &str, seat: &Seat, turn: Turn) -> bool {
        let Some(settings) = self.keeps_by() else { return true };
        if self.kept.find_hash(seat.pid).is_some() {
            return false;
        }
        let mut known = self.elsewhere.known.lock();
        if !known.contains_key(&seat.pid) && known.len() >= settings.sessions {
            self.context.counters.recovery_not_kept.add();
            return true;
        }
        let absent = known.entry(seat.pid).or_insert_with(|| Absent {
            node,
            generation: seat.generation,
            socket: socket.into(),
            seq: turn.seq,
            until: None,
            stays: IndexMap::new(),
        });
        if (absent.node, absent.generation) != (node, seat.generation) {
            return false;
        }
        (absent.seq, absent.until) = (turn.seq, None);
        let consent = seat.consent.map(Consent::from);
        match absent.stays.entry(channel.clone()) {
            indexmap::map::Entry::Occupied(mut stay) => stay.get_mut().consent = consent,
            indexmap::map::Entry::Vacant(stay) => {
                self.context.hub.expect(channel);
                stay.insert(Seated { consent, since: Some(Mark::after(turn.place.entry())) });
            }
        }
        true
    }

    /// And has left it.
    pub fn unseated_elsewhere(&self, channel: &ChannelName, pid: PidHash, generation: u32) {
        let mut known = self.elsewhere.known.lock();
        let Some(absent) = known.get_mut(&pid).filter(|absent| absent.generation == generation) else { return };
        if absent.stays.shift_remove(channel).is_some() {
            self.context.hub.release(channel);
        }
    }

    /// It has ended.
    pub fn gone_elsewhere(&self, pid: PidHash, generation: u32) {
        let mut known = self.elsewhere.known.lock();
        if known.get(&pid).is_some_and(|absent| absent.generation == generation)
            && let Some(absent) = known.remove(&pid)
        {
            self.release(&absent);
        }
    }

    /// A session is at another node, and this is all there is to know of it. False when that has been overtaken.
    pub fn told_elsewhere(&self, node: NodeId, session: &cluster::Session, turn: Turn) -> bool {
        let Some(settings) = self.keeps_by() else { return true };
        let mut before: IndexMap<ChannelName, Seated> = IndexMap::new();
        if let Some(own) = self.kept.find_hash(session.pid) {
            match self.give_up(&own, session.generation) {
                Some(stays) => before = stays,
                None => return false,
            }
        }
        let mut known = self.elsewhere.known.lock();
        if let Some(absent) = known.get_mut(&session.pid) {
            let is_news = session.generation > absent.generation
                || (session.generation, node) == (absent.generation, absent.node);
            if !is_news {
                return false;
            }
            before = std::mem::take(&mut absent.stays);
        } else if known.len() >= settings.sessions {
            self.context.counters.recovery_not_kept.add();
            before.keys().for_each(|channel| self.context.hub.release(channel));
            return true;
        }
        let mut stays = IndexMap::new();
        for told in &session.stays {
            let Some(channel) = self.channel(&told.channel) else { continue };
            let kept = before.shift_remove(&channel);
            if kept.is_none() {
                self.context.hub.expect_elsewhere(&channel, session.known, told.last, told.unplaced);
            }
            let since = kept.and_then(|kept| kept.since).or(told.since);
            stays.insert(channel, Seated { consent: told.consent.map(Consent::from), since });
        }
        before.keys().for_each(|channel| self.context.hub.release(channel));
        let (socket, generation) = (SocketId::from(session.socket.as_str()), session.generation);
        let absent = Absent { node, generation, socket, seq: turn.seq, until: None, stays };
        known.insert(session.pid, absent);
        true
    }

    /// A node has told all its sessions since its message `since`; or it is dead: then its clients have a while to come here.
    pub fn accounted_elsewhere(&self, node: NodeId, since: Option<u64>) {
        let Some(settings) = self.keeps_by() else { return };
        let until = now() + settings.keep.as_millis() as u64;
        let mut known = self.elsewhere.known.lock();
        let Some(since) = since else {
            known.values_mut().filter(|absent| absent.node == node).for_each(|absent| absent.until = Some(until));
            return;
        };
        for (_, absent) in known.extract_if(|_, absent| absent.node == node && absent.seq < since) {
            self.release(&absent);
        }
    }

    /// Forgets sessions of dead nodes whose clients have not come.
    pub(super) fn expire_elsewhere(&self, now: u64) {
        let mut known = self.elsewhere.known.lock();
        for (_, absent) in known.extract_if(|_, absent| absent.until.is_some_and(|until| until < now)) {
            self.release(&absent);
        }
    }

    pub(super) fn release(&self, absent: &Absent) {
        absent.stays.keys().for_each(|channel| self.context.hub.release(channel));
    }

    /// Tells all sessions of this node that other nodes know.
    pub fn account(&self, tell: &mut dyn FnMut(cluster::Session)) {
        for session in self.kept.all() {
            let state = session.state.lock();
            if let Some(told) = self.to_tell(&session, &state) {
                tell(told);
            }
        }
    }

    fn to_tell(&self, session: &Session, state: &State) -> Option<cluster::Session> {
        let (pid, _) = session.recovery.filter(|_| state.is_told && !matches!(state.link, Link::Gone))?;
        let hub = &self.context.hub;
        let known = hub.history()?.reached();
        let stay = |channel: &ChannelName, consent: Option<Consent>, since| {
            let (last, unplaced) = hub.last_event(channel);
            let (channel, consent) = (channel.as_str().to_owned(), consent.map(Into::into));
            SessionStay { channel, consent, since, last, unplaced }
        };
        let there = state.channels.iter().map(|(channel, kept)| stay(channel, kept.consent, kept.since));
        let promised = state
            .promised
            .iter()
            .flat_map(|promised| promised.iter())
            .filter(|(channel, _)| !state.channels.contains_key(*channel));
        let stays = there.chain(promised.map(|(channel, consent)| stay(channel, *consent, None))).collect();
        let (generation, socket) = (state.generation, session.id.as_str().to_owned());
        Some(cluster::Session { pid, generation, socket, known, stays, members: Vec::new() })
    }

    /// Tells the others that the sessions which the sidecar before this one left are here.
    pub fn tell_restored(&self) {
        let Some(cluster) = &self.context.cluster else { return };
        for session in self.kept.all() {
            let mut state = session.state.lock();
            state.is_told = true;
            let Some(mut told) = self.to_tell(&session, &state) else { continue };
            told.generation += 1;
            let members = state.channels.keys().filter(|channel| channel.is_presence()).filter_map(|channel| {
                let member = self.context.presence.with(channel, |members| members.of(&session.id))?;
                Some((channel.as_str().to_owned(), member))
            });
            told.members = members.collect();
            drop(state);
            let (generation, restored) = (told.generation, session.clone());
            cluster.claim(told, move |_| restored.state.lock().generation = generation);
        }
    }

    /// Writes the members of this node for others to read.
    pub fn save_members(&self, channel: &ChannelName, members: &mut Members) {
        self.context.store.save(channel, members);
    }
}

impl From<(u64, u64)> for Consent {
    fn from((at, auth): (u64, u64)) -> Self {
        Self { at, auth }
    }
}

impl From<Consent> for (u64, u64) {
    fn from(consent: Consent) -> Self {
        (consent.at, consent.auth)
    }
}
