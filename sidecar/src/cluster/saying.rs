//! What this node tells the others, and does in its turn.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

use super::{
    Cluster, Here, Place,
    message::{Body, Seat, Session},
    turns::{Act, Effect},
};
use crate::{
    channel::ChannelName,
    publisher::Publish,
    recovery::{Doubt, PidHash},
};

impl Cluster {
    /// An event is published here, perhaps once more after what a sidecar before had `done` of it: `emit` hands it to the sockets of this
    /// node. Returns its number, for [`Cluster::told`].
    pub fn publish(&self, publish: &Publish<'_>, done: Option<Doubt>, emit: impl FnOnce() + Send + 'static) -> u64 {
        self.turns.take(None, Box::new(move |_| emit()), || {
            self.outbox.say(Body::Event {
                id: publish.id.map(|id| id.0),
                channels: publish.channels.iter().map(|name| Cow::Borrowed(*name)).collect(),
                event: publish.event.into(),
                data: publish.data,
                except: publish.except.map(Cow::Borrowed),
                done,
            })
        })
    }

    /// A socket of this node whispers.
    pub fn whisper(
        &self,
        channel: &str,
        event: &str,
        data: &RawValue,
        socket: &str,
        attachments: &[Bytes],
        emit: impl FnOnce() + Send + 'static,
    ) {
        use base64::Engine as _;
        let encode = |bytes: &Bytes| base64::engine::general_purpose::STANDARD.encode(bytes);
        let attachments = attachments.iter().map(encode).collect();
        let (channel, event, socket) = (channel.into(), event.into(), socket.into());
        self.turns.take(None, Box::new(move |_| emit()), || {
            self.outbox.say(Body::Whisper { channel, event, data, socket, attachments })
        });
    }

    /// A socket of this node becomes a member; with a seat, its session is there as well. `join` makes it one here.
    pub fn joined(
        &self,
        channel: &ChannelName,
        socket: &str,
        member: Map<String, Value>,
        seat: Option<Seat>,
        join: impl FnOnce(Option<Place>) + Send + 'static,
    ) {
        let effect = Effect { channel: channel.clone(), socket: socket.to_owned(), member: Some(member.clone()) };
        self.turns.take(Some(effect), act(join), || {
            self.outbox.say(Body::Join { channel: channel.as_str().into(), socket: socket.into(), member, seat })
        });
    }

    /// A socket of this node is no member any more, once `leave` has been done.
    pub fn left(&self, channel: &ChannelName, socket: &str, leave: impl FnOnce() + Send + 'static) {
        let effect = Effect { channel: channel.clone(), socket: socket.to_owned(), member: None };
        self.turns.take(Some(effect), Box::new(move |_| leave()), || {
            self.outbox.say(Body::Leave { channel: channel.as_str().into(), socket: socket.into() })
        });
    }

    /// A session of this node that can be recovered subscribes to a channel.
    pub fn seated(
        &self,
        channel: &ChannelName,
        socket: &str,
        seat: Seat,
        join: impl FnOnce(Option<Place>) + Send + 'static,
    ) {
        self.turns.take(None, act(join), || {
            self.outbox.say(Body::Seat { channel: channel.as_str().into(), socket: socket.into(), seat })
        });
    }

    /// And leaves it.
    pub fn unseated(&self, channel: &ChannelName, pid: PidHash, generation: u32) {
        self.outbox.say(Body::Unseat { channel: channel.as_str().into(), pid, generation });
    }

    /// It has ended.
    pub fn gone(&self, pid: PidHash, generation: u32) {
        self.outbox.say(Body::Gone { pid, generation });
    }

    /// A session of another node is to be one of this node: `take` brings it here.
    pub fn claim(&self, session: Session, take: impl FnOnce(Option<Place>) + Send + 'static) {
        let undecided = self.claims.clone();
        let take = move |place| {
            let _undecided = undecided; // until it is done, or has panicked
            take(place);
        };
        self.turns.take(None, act(take), || self.outbox.say(Body::Session(Box::new(session))));
    }

    /// Tells all members and sessions of this node; false when a claim has to be decided first. Nothing is done meanwhile; what has
    /// been said and not been done yet is counted in.
    pub(super) fn give_account(&self, here: &dyn Here) -> bool {
        let begun = self.turns.with_effects(|effects| {
            let channels: Vec<_> = effects.map(|effect| effect.channel.clone()).collect();
            (Arc::strong_count(&self.claims) == 1).then(|| (self.outbox.last() + 1, channels))
        });
        let Some((since, mut channels)) = begun else { return false };
        channels.extend(here.member_channels());
        channels.sort();
        channels.dedup();
        for channel in channels {
            self.turns.with_effects(|effects| {
                let mut members = here.members(&channel);
                for effect in effects.filter(|effect| effect.channel == channel) {
                    match &effect.member {
                        Some(member) => members.push((effect.socket.clone(), member.clone())),
                        None => members.retain(|(socket, _)| *socket != effect.socket),
                    }
                }
                if !members.is_empty() {
                    self.outbox.say(Body::Part { channel: channel.as_str().into(), members });
                }
            });
        }
        here.account_sessions(&mut |session| {
            self.outbox.say(Body::Session(Box::new(session)));
        });
        self.outbox.say(Body::Parts { since });
        true
    }
}

fn act(act: impl FnOnce(Option<Place>) + Send + 'static) -> Act {
    Box::new(act)
}
