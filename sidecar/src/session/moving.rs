//! How a session changes its node.
//!
//! Who gets a client of another node's claims its session in the common order: from that place on it is here, with what its client
//! has not seen.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::{
    Clients, Link, Owed, Past, Session, State, Stay,
    elsewhere::{Absent, Seated},
};
use crate::{
    channel::ChannelName,
    cluster::{self, Place, SessionStay},
    recovery::{Claim, Mark, Offset, PidHash, Span, TooOld, Trace, now},
};

/// A session that is to come here.
struct Wanted {
    pid: PidHash,
    generation: u32,
    seen: Option<Mark>,
    members: Vec<(ChannelName, Map<String, Value>)>,
}

impl Clients {
    /// Another node has this session now: it ends here, and nobody is told. Its channels, whose places are kept for it; none when
    /// the other node is behind.
    pub(super) fn give_up(&self, session: &Arc<Session>, generation: u32) -> Option<IndexMap<ChannelName, Seated>> {
        let mut state = session.state.lock();
        if generation <= state.generation {
            return None;
        }
        let is_connected = match std::mem::replace(&mut state.link, Link::Gone) {
            Link::Live(socket) => {
                socket.close();
                self.sessions.write().remove(&session.id);
                true
            }
            Link::Lost { .. } => {
                self.kept.lose();
                false
            }
            Link::Gone => false,
        };
        self.kept.forget(session);
        let channels = std::mem::take(&mut state.channels);
        drop(state);
        tracing::debug!(socket = %session.id, "its client is at another node");
        self.context.counters.recovery_moved_away.add();
        let mut stays = IndexMap::new();
        for (channel, stay) in channels {
            if is_connected {
                self.context.hub.park(&channel, &session.id);
            }
            stays.insert(channel, Seated { consent: stay.consent, since: stay.since });
        }
        Some(stays)
    }

    /// See [`crate::edge::Sessions::prepare`].
    pub(super) fn fetch(self: &Arc<Self>, claim: Claim<'_>) -> Option<BoxFuture<'static, ()>> {
        let cluster = self.context.cluster.clone()?;
        self.keeps_by()?;
        let pid = PidHash::of(claim.pid);
        if self.kept.find_hash(pid).is_some() {
            return None;
        }
        let offset = match claim.offset {
            None => None,
            Some(text) => Some(Offset::parse(text)?.mark?), // what has no place can be found nowhere else
        };
        let clients = self.clone();
        Some(Box::pin(async move {
            // What its client has seen has to be known here, and with it what the session is.
            let reached = offset.unwrap_or_else(|| Mark::before((0, 0)));
            if !cluster.has_reached(reached).await {
                return;
            }
            let Some((session, wanted)) = clients.wish(pid, offset) else { return };
            let (done, decided) = tokio::sync::oneshot::channel::<()>();
            let owner = clients.clone();
            cluster.claim(session, move |place| {
                owner.take_in(wanted, place);
                let _ = done.send(());
            });
            let _ = decided.await;
        }))
    }

    /// What to tell the others of a session that is to come here.
    fn wish(&self, pid: PidHash, seen: Option<Mark>) -> Option<(cluster::Session, Wanted)> {
        let hub = &self.context.hub;
        let (generation, socket, stays) = {
            let known = self.elsewhere.known.lock();
            let absent = known.get(&pid)?;
            (absent.generation + 1, absent.socket.clone(), absent.stays.clone())
        };
        let members = stays.keys().filter(|channel| channel.is_presence()).filter_map(|channel| {
            Some((channel.clone(), self.context.presence.with(channel, |members| members.of(&socket))?))
        });
        let members: Vec<_> = members.collect();
        let stays = stays.into_iter().map(|(channel, stay)| {
            let (last, unplaced) = hub.last_event(&channel);
            let (channel, consent) = (channel.as_str().to_owned(), stay.consent.map(Into::into));
            SessionStay { channel, consent, since: stay.since.max(seen), last, unplaced }
        });
        let session = cluster::Session {
            pid,
            generation,
            socket: socket.as_str().to_owned(),
            known: hub.history()?.reached(),
            stays: stays.collect(),
            members: members.iter().map(|(name, member)| (name.as_str().to_owned(), member.clone())).collect(),
        };
        Some((session, Wanted { pid, generation, seen, members }))
    }

    /// A session comes here: from now on it is one of this node whose client is away. When it cannot be told what its client has
    /// missed, it ends.
    fn take_in(self: &Arc<Self>, wanted: Wanted, place: Option<Place>) {
        let absent = {
            let mut known = self.elsewhere.known.lock();
            if known.get(&wanted.pid).is_none_or(|absent| absent.generation + 1 != wanted.generation) {
                return; // somebody else was earlier
            }
            known.remove(&wanted.pid)
        };
        let Some(absent) = absent else { return };
        let hub = &self.context.hub;
        let last = hub.history().map_or(0, crate::recovery::History::last);
        let numbers = self.numbers(&absent, wanted.seen, place);
        let is_complete = numbers.is_ok();
        let numbers = numbers.unwrap_or_else(|_| vec![last; absent.stays.len()]);
        let begun = numbers.iter().copied().min().unwrap_or(last);
        let past = Past::Known(Trace::starting_at(begun));
        let since = now();
        let mut state = State::new(Link::Lost { since, past });
        (state.generation, state.is_told) = (wanted.generation, true);
        for ((channel, stay), joined) in absent.stays.into_iter().zip(numbers) {
            if channel.is_presence() {
                state.owe(channel.clone(), Owed::Here); // what changed there meanwhile has no order between the nodes
            }
            let span = Span { joined, left: last };
            let since = stay.since.max(wanted.seen);
            state.channels.insert(channel, Stay { span, consent: stay.consent, unconfirmed: false, since });
        }
        let recovery = Some((wanted.pid, begun));
        let session = Arc::new(Session { id: absent.socket, recovery, state: Mutex::new(state) });
        self.kept.know(&session);
        self.kept.add(&session, since);
        for (channel, member) in wanted.members {
            self.context.presence.with(&channel, |members| {
                if let Some(who) = members.moved(None, &session.id, member).joining {
                    self.context.tell_others("presence:joining", &channel, &who, &session.id);
                }
                self.save_members(&channel, members);
            });
        }
        if is_complete {
            self.context.counters.recovery_moved_here.add();
            tracing::debug!(socket = %session.id, "its client comes from another node");
        } else {
            self.context.counters.recovery_too_old.add();
            let mut state = session.state.lock();
            self.end(&session, &mut state, &"cannot be told what its client has missed", true);
        }
    }

    /// For each channel the number after which everything follows that the client has not seen.
    fn numbers(&self, absent: &Absent, seen: Option<Mark>, place: Option<Place>) -> Result<Vec<u64>, TooOld> {
        let in_order_since = self.context.cluster.as_ref().and_then(|cluster| cluster.in_order_since());
        let (Some(in_order_since), Some(_)) = (in_order_since, place) else { return Err(TooOld) };
        let number = |(channel, stay): (&ChannelName, &Seated)| {
            let from = stay.since.max(seen).ok_or(TooOld)?;
            // What was done out of order before is not where it is at other nodes.
            if in_order_since.is_some_and(|since| seen.is_none_or(|seen| seen < since) && from <= since) {
                return Err(TooOld);
            }
            self.context.hub.number_at(channel, from)
        };
        absent.stays.iter().map(number).collect()
    }
}
