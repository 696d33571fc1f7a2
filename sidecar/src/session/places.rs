//! Puts sessions on channels and takes them off, with their presence members; in a cluster in their turn.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Consent, Context, Link, Session, State, Stay, subscribe::encode};
use crate::{
    channel::ChannelName,
    cluster::{Place, Seat},
    edge::SocketId,
    presence::Arrival,
    recovery::{Mark, Span},
};

impl Context {
    /// Subscribes the socket, unless its session has ended; on a presence channel with its member. In a cluster it does so in its
    /// turn, so that every node knows since when.
    pub(super) fn join(
        self: &Arc<Self>,
        session: &Arc<Session>,
        channel: &ChannelName,
        member: Option<Map<String, Value>>,
        consent: Option<Consent>,
    ) {
        let member = member.map(|mut member| {
            member.insert("socketId".into(), told_id(session).into());
            member
        });
        let Some(cluster) = self.cluster.as_ref().filter(|_| session.recovery.is_some() || member.is_some()) else {
            return self.join_now(session, channel, member, consent, None);
        };
        let (seat, is_member) = {
            let mut state = session.state.lock();
            if matches!(state.link, Link::Gone) {
                return;
            }
            if !state.channels.contains_key(channel)
                && state.channels.len() >= self.settings.limits().subscriptions_per_socket
            {
                drop(state);
                return self.full(session, channel);
            }
            let is_there = |stay: &Stay| !stay.unconfirmed && stay.consent.is_none();
            if member.is_none() && consent.is_none() && state.channels.get(channel).is_some_and(is_there) {
                drop(state);
                return self.join_now(session, channel, None, None, None); // the others have been told
            }
            let seat = session.recovery.map(|(pid, _)| {
                state.is_told = true;
                state.promised.get_or_insert_default().insert(channel.clone(), consent);
                Seat { pid, generation: state.generation, consent: consent.map(Into::into) }
            });
            let is_member = match &member {
                None => Ok(true),
                Some(member) => self.presence.with(channel, |members| {
                    self.has_room(members, &session.id, channel, member)?;
                    Ok(members.is_member(&session.id, member))
                }),
            };
            (seat, is_member)
        };
        let is_member = match is_member {
            Ok(is_member) => is_member,
            Err(over) => {
                session.state.lock().promise_kept(channel);
                return self.over(session, "subscribe", &over);
            }
        };
        let (context, joining, name) = (self.clone(), session.clone(), channel.clone());
        let (id, who) = (session.id.as_str(), member.clone());
        let join = move |place: Option<Place>| context.join_now(&joining, &name, who, consent, place);
        match (member, seat) {
            (Some(member), seat) if !is_member => cluster.joined(channel, id, member, seat, join),
            (_, Some(seat)) => cluster.seated(channel, id, seat, join),
            (_, None) => join(None),
        }
    }

    /// See [`Context::join`].
    fn join_now(
        self: &Arc<Self>,
        session: &Session,
        channel: &ChannelName,
        member: Option<Map<String, Value>>,
        consent: Option<Consent>,
        place: Option<Place>,
    ) {
        let mut state = session.state.lock();
        state.promise_kept(channel);
        if matches!(state.link, Link::Gone) {
            drop(state);
            if member.is_some() && self.cluster.is_some() {
                self.leave_members(&session.id, channel, || {}); // the others have been told that it joins
            }
            return;
        }
        let known = state.channels.get(channel).is_some_and(|stay| stay.unconfirmed);
        if !state.channels.contains_key(channel)
            && state.channels.len() >= self.settings.limits().subscriptions_per_socket
        {
            drop(state);
            self.full(session, channel);
            return;
        }
        let Some(member) = member else {
            self.take_place(session, &mut state, channel, consent, place);
            return;
        };
        let refused = self.presence.with(channel, |members| {
            self.has_room(members, &session.id, channel, &member)?;
            self.take_place(session, &mut state, channel, consent, place);
            // Whoever comes back is a member already.
            let arrival = if known && members.is_member(&session.id, &member) {
                Arrival::default()
            } else {
                members.join(&session.id, member).arrival
            };
            self.tell_here(&mut state, channel, members);
            for (event, who) in [("presence:leaving", arrival.leaving), ("presence:joining", arrival.joining)] {
                if let Some(who) = who {
                    self.tell_others(event, channel, &who, &session.id);
                }
            }
            self.store.save(channel, members);
            Ok(())
        });
        drop(state);
        if let Err(over) = refused {
            self.over(session, "subscribe", &over);
        }
    }

    /// Puts the session on a channel.
    fn take_place(
        &self,
        session: &Session,
        state: &mut State,
        channel: &ChannelName,
        consent: Option<Consent>,
        place: Option<Place>,
    ) {
        let joined = match &state.link {
            Link::Live(socket) => self.hub.subscribe(channel, socket.clone()),
            Link::Lost { .. } if !state.channels.contains_key(channel) => self.hub.expect(channel),
            Link::Lost { .. } | Link::Gone => 0,
        };
        // Nothing was handed to it yet; while it is there, nobody looks at `left`.
        let since = place.map(|place| Mark::after(place.entry()));
        let fresh = Stay { span: Span { joined, left: joined }, consent, unconfirmed: false, since };
        if state.channels.is_empty() {
            state.channels.reserve_exact(1); // most have one, and a map would begin with room for three
        }
        state.idle = None;
        let stay = state.channels.entry(self.hub.name_of(channel)).or_insert(fresh);
        (stay.consent, stay.unconfirmed) = (consent, false);
        self.dev.joined(&session.id, channel);
    }

    pub(super) fn unsubscribe(self: &Arc<Self>, session: &Session, channel: &ChannelName) {
        self.drop_channel(session, &mut session.state.lock(), channel);
        self.dev.left(&session.id, channel, "unsubscribed");
    }

    /// Takes the session off a channel, if it is on it.
    pub(super) fn drop_channel(self: &Arc<Self>, session: &Session, state: &mut State, channel: &ChannelName) {
        state.forgive(channel);
        if state.channels.shift_remove(channel).is_some() {
            if let (Some(cluster), Some((pid, _))) = (&self.cluster, session.recovery) {
                cluster.unseated(channel, pid, state.generation);
            }
            let connected = state.socket().is_some();
            self.leave(&session.id, channel, connected);
        }
    }

    /// As [`Context::leave`]; a member who `lingers` is told as leaving after the grace period.
    pub(super) fn part(self: &Arc<Self>, id: &SocketId, channel: &ChannelName, connected: bool, lingers: bool) {
        let grace = self.lingering.grace();
        let lingers = lingers && channel.is_presence() && !grace.is_zero();
        if !lingers || !self.presence.with(channel, |members| members.has(id)) {
            return self.leave(id, channel, connected);
        }
        if connected {
            self.hub.unsubscribe(channel, id);
        } else {
            self.hub.release(channel);
        }
        let (context, id, channel) = (self.clone(), id.clone(), channel.clone());
        tokio::spawn(async move {
            context.lingering.wait().await;
            context.leave_members(&id, &channel, || {});
        });
    }

    /// Takes a socket, or the place that is kept for one, off a channel that its session no longer has.
    pub(super) fn leave(self: &Arc<Self>, id: &SocketId, channel: &ChannelName, connected: bool) {
        let leave = || {
            if connected {
                self.hub.unsubscribe(channel, id);
            } else {
                self.hub.release(channel);
            }
        };
        if !channel.is_presence() {
            leave();
            return;
        }
        self.leave_members(id, channel, leave);
    }

    /// Takes a socket's members out after it has left the channel; both while nobody else can touch them.
    fn leave_members(self: &Arc<Self>, id: &SocketId, channel: &ChannelName, leave: impl FnOnce()) {
        let Some(cluster) = &self.cluster else { return self.leave_members_now(id, channel, leave) };
        leave();
        let (context, socket, name) = (self.clone(), id.clone(), channel.clone());
        cluster.left(channel, id.as_str(), move || context.leave_members_now(&socket, &name, || {}));
    }

    fn leave_members_now(&self, id: &SocketId, channel: &ChannelName, leave: impl FnOnce()) {
        self.presence.with(channel, |members| {
            leave();
            let leaving = members.leave(id);
            if let Some(packet) = leaving.and_then(|who| encode("presence:leaving", channel, who.to_string())) {
                self.hub.emit(channel.as_str(), &packet, None);
            }
            self.store.save(channel, members);
        });
    }
}

/// The name of a socket in a list of members. It is its id, as ever, but where that [is a secret](crate::edge::Socket::is_id_secret): then
/// it is a name from which the id cannot be found.
fn told_id(session: &Session) -> String {
    let id = session.id.as_str();
    let is_secret = match &session.state.lock().link {
        Link::Live(socket) => socket.is_id_secret(),
        Link::Lost { .. } | Link::Gone => false,
    };
    if !is_secret {
        return id.to_owned();
    }
    let mut name = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("member {id}")));
    name.truncate(id.len());
    name
}
