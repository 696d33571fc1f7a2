//! The bounds on what one client may ask for: rates, sizes, numbers; and telling it which one it met.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

use super::{
    ClientEvent, Context, Households, Refusal, Session, Subscription, Wrong,
    request::{self, Over},
    whispered::Whispered,
};
use crate::{
    admission::subscribes_of,
    bounds::{Bound, Bucket},
    channel::ChannelName,
    edge::{DisconnectReason, Packet, Socket, SocketId, packet::quote},
    hub::{Done, Later, To},
    presence::Members,
};

/// How fast a socket asks.
#[derive(Debug, Default)]
pub(super) struct Rates {
    subscribes: Bucket,
    whispers: Bucket,
    /// `rustecho:error`: one a second.
    told: Bucket,
}

/// The bound that a slow client met.
pub(super) fn met(reason: DisconnectReason) -> Option<Bound> {
    match reason {
        DisconnectReason::SlowClient => Some(Bound::Queue),
        DisconnectReason::Crowded => Some(Bound::QueueInAll),
        DisconnectReason::WriteTimeout => Some(Bound::WriteTimeout),
        _ => None,
    }
}

impl Context {
    /// Where the bounds are that a slow client meets.
    pub(super) fn limit_of(&self, bound: Bound) -> u128 {
        let limits = self.settings.limits();
        match bound {
            Bound::WriteTimeout => limits.write_timeout.as_millis(),
            Bound::QueueInAll => limits.queue_in_all as u128,
            _ => limits.queue_per_socket as u128,
        }
    }

    /// Tells a client that is back why its connection had to end: that one took nothing any more.
    pub(super) fn tell_met(&self, socket: &dyn Socket, bound: Bound) {
        let sentence = format!("the connection was over {} ({})", bound.key(), self.limit_of(bound));
        if let Ok(json) = RawValue::from_string(format!("{{\"message\":{}}}", quote(&sentence))) {
            self.hub.emit_to(socket, &Packet::new("rustecho:error", &[&json]));
        }
    }

    /// Whether a socket may ask for one more channel now.
    pub(super) fn may_ask(
        &self,
        session: &Session,
        wanted: &Subscription,
        households: &Households,
    ) -> Result<(), Over> {
        let config = self.settings.read();
        let over = |bound, rate| Err(Over::new(bound, rate, wanted.channel.as_str()));
        let rate = config.limits.subscribes_per_second;
        let (may, socket) = {
            let mut state = session.state.lock();
            (state.rates.subscribes.take(rate, self.refusals.now()), state.socket().cloned())
        };
        if !may {
            return over(Bound::Subscribes, rate);
        }
        match socket.and_then(|socket| subscribes_of(&config, socket.handshake())) {
            Some((household, rate)) if !households.take(household, rate, || self.refusals.now()) => {
                over(Bound::SubscribesPerIp, rate)
            }
            _ => Ok(()),
        }
    }

    /// Whether there is room on a presence channel for this member.
    pub(super) fn has_room(
        &self,
        members: &Members,
        socket: &SocketId,
        channel: &ChannelName,
        member: &Map<String, Value>,
    ) -> Result<(), Over> {
        let limits = self.settings.limits();
        let (most, largest) = (limits.presence_members, limits.user_info);
        if members.sockets() >= most && !members.has(socket) {
            return Err(Over::new(Bound::PresenceMembers, most, channel.as_str()));
        }
        let said: BTreeMap<_, _> = member.iter().filter(|(key, _)| *key != "socketId").collect(); // that is ours
        if serde_json::to_string(&said).is_ok_and(|json| json.len() > largest) {
            return Err(Over::new(Bound::UserInfo, largest, channel.as_str()));
        }
        Ok(())
    }

    /// The socket has as many channels as it may have.
    pub(super) fn full(&self, session: &Session, channel: &ChannelName) {
        let limit = self.settings.limits().subscriptions_per_socket;
        self.over(session, "subscribe", &Over::new(Bound::Subscriptions, limit, channel.as_str()));
    }

    /// Tells a client that it was over a bound, and which.
    pub(super) fn over(&self, session: &Session, request: &str, over: &Over) {
        let sentence = self.refusals.over(over.bound, &over.limit, &session.id);
        let mut state = session.state.lock();
        match request {
            "subscribe" => {
                let refusal = Refusal { status: over.bound.status().to_owned(), sentence: Some(sentence) };
                self.refuse(&mut state, &over.channel, refusal);
            }
            "client event" if state.rates.told.take(1, self.refusals.now()) => {
                let json = format!("{{\"channel\":{},\"message\":{}}}", quote(&over.channel), quote(&sentence));
                if let (Some(socket), Ok(json)) = (state.socket(), RawValue::from_string(json)) {
                    self.hub.emit_to(socket.as_ref(), &Packet::new("rustecho:error", &[&json]));
                }
            }
            _ => {}
        }
    }

    /// Relays a whisper to the other subscribers. Only the three fields it needs are taken from the sender.
    pub(super) fn whisper(
        &self,
        session: &Session,
        whisper: ClientEvent,
        attachments: Vec<Bytes>,
    ) -> Result<(), Wrong> {
        let ClientEvent { channel, event, data } = whisper;
        let limits = self.settings.limits();
        let (rate, largest) = (limits.whispers_per_second, limits.whisper);
        let is_in_time = session.state.lock().rates.whispers.take(rate, self.refusals.now());
        if !is_in_time {
            return Err(Over::new(Bound::Whispers, rate, channel.as_str()).into());
        }
        let allowed = event.contains("client-")
            && channel.is_guarded()
            && session.state.lock().channels.contains_key(&channel)
            && request::placeholders(&data) == attachments.len();
        if !allowed {
            self.counters.refused_whispers.add();
            return Ok(());
        }
        if !limits.whispers.allow(&channel) {
            return Err(Over::new(Bound::WhisperTypes, limits.whispers, channel.as_str()).into());
        }
        let data = data.to_string();
        if data.len() + attachments.iter().map(Bytes::len).sum::<usize>() > largest {
            return Err(Over::new(Bound::Whisper, largest, channel.as_str()).into());
        }
        self.counters.whispers.add();
        if let (Ok(name), Ok(data)) = (RawValue::from_string(quote(channel.as_str())), RawValue::from_string(data)) {
            let packet = Packet::with_attachments(&event, &[&name, &data], attachments);
            let sender = session.id.as_str();
            let follower =
                Whispered::follow(&self.tail, &channel, &event, data.get(), sender).map(|follower| (follower, 0));
            let (hub, to, from, own) = (self.hub.clone(), channel.clone(), session.id.clone(), packet.clone());
            let emit = move || {
                hub.emit_later(
                    to.as_str(),
                    &own,
                    To { except: Some(from.as_str()), done: Done::Nothing },
                    follower,
                    &mut Later::default(),
                );
            };
            match &self.cluster {
                Some(cluster) => {
                    cluster.whisper(channel.as_str(), &event, &data, sender, packet.attachments(), emit);
                }
                None => emit(),
            }
        }
        Ok(())
    }
}
