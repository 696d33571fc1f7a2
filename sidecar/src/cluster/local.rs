//! What other nodes say, done on this one.

use std::sync::Arc;

use bytes::Bytes;
use rustecho_wire::EventId;
use serde_json::{Map, Value, value::RawValue};

use super::{Here, Part, RemoteEvent, Seat, Session, Turn, message::NodeId};
use crate::{
    channel::ChannelName,
    edge::{Packet, SocketId, packet::quote},
    hub::{Hub, Later},
    presence::Presence,
    publisher::{Came, Publish, Publisher, Source},
    recovery::{Mark, PidHash},
    session::Clients,
};

/// This node's sockets, channels and members.
pub struct Local {
    /// Who is subscribed to what.
    pub hub: Arc<Hub>,
    /// Who is on the presence channels.
    pub presence: Arc<Presence>,
    /// The door that events of other nodes come in by as well.
    pub publisher: Arc<Publisher>,
    /// The sockets.
    pub clients: Arc<Clients>,
}

impl Local {
    fn tell(&self, channel: &ChannelName, event: &str, member: &Value) {
        let name = RawValue::from_string(quote(channel.as_str()));
        if let (Ok(name), Ok(data)) = (name, RawValue::from_string(member.to_string())) {
            self.hub.emit(channel.as_str(), &Packet::new(event, &[&name, &data]), None);
        }
    }
}

impl Here for Local {
    fn event(&self, event: &RemoteEvent<'_>) {
        let done = event.done;
        let event = Publish {
            source: Source::Cluster,
            id: event.id.map(EventId),
            channels: event.channels.clone(),
            event: event.event,
            data: event.data,
            except: event.except,
            came_as: None,
            came: Came::now(),
        };
        // What is wrong with it, the door counts and logs.
        let _ = self.publisher.publish_after(&event, done, &mut Later::default());
    }

    fn whisper(&self, channel: &str, event: &str, data: &RawValue, socket: &str, attachments: Vec<Bytes>) {
        if let Ok(name) = RawValue::from_string(quote(channel)) {
            let packet = Packet::with_attachments(event, &[&name, data], attachments);
            self.hub.emit(channel, &packet, Some(socket));
        }
    }

    fn joined(
        &self,
        node: NodeId,
        channel: &ChannelName,
        socket: &str,
        member: Map<String, Value>,
        seat: Option<(Seat, Turn)>,
    ) {
        if let Some((seat, turn)) = seat
            && !self.clients.seated_elsewhere(node, channel, socket, &seat, turn)
        {
            return; // it is at another node by now
        }
        self.presence.with(channel, |members| {
            let arrival = members.join_elsewhere(node, &socket.into(), member);
            for (event, who) in [("presence:leaving", arrival.leaving), ("presence:joining", arrival.joining)] {
                if let Some(who) = who {
                    self.tell(channel, event, &who);
                }
            }
        });
    }

    fn left(&self, node: NodeId, channel: &ChannelName, socket: &str) {
        self.presence.with(channel, |members| {
            if let Some(who) = members.leave_elsewhere(node, &socket.into()) {
                self.tell(channel, "presence:leaving", &who);
            }
        });
    }

    fn replace(&self, node: NodeId, channel: &ChannelName, members: Part) {
        let members = members.into_iter().map(|(socket, member)| (SocketId::from(socket.as_str()), member)).collect();
        self.presence.with(channel, |all| {
            let replaced = all.replace(node, members);
            for who in &replaced.joining {
                self.tell(channel, "presence:joining", who);
            }
            for who in &replaced.leaving {
                self.tell(channel, "presence:leaving", who);
            }
        });
    }

    fn has_members(&self, node: NodeId, channel: &ChannelName) -> bool {
        self.presence.with(channel, |members| members.has_of(node))
    }

    fn member_channels(&self) -> Vec<ChannelName> {
        self.presence.channels()
    }

    fn members(&self, channel: &ChannelName) -> Part {
        self.presence.with(channel, |members| members.told())
    }

    fn seated(&self, node: NodeId, channel: &ChannelName, socket: &str, seat: &Seat, turn: Turn) {
        self.clients.seated_elsewhere(node, channel, socket, seat, turn);
    }

    fn unseated(&self, channel: &ChannelName, pid: PidHash, generation: u32) {
        self.clients.unseated_elsewhere(channel, pid, generation);
    }

    fn session(&self, node: NodeId, session: &Session, turn: Turn) {
        if !self.clients.told_elsewhere(node, session, turn) {
            return;
        }
        for (name, member) in &session.members {
            let Some(channel) = self.clients.channel(name) else { continue };
            self.presence.with(&channel, |members| {
                let arrival = members.moved(Some(node), &session.socket.as_str().into(), member.clone());
                if let Some(who) = arrival.joining {
                    self.tell(&channel, "presence:joining", &who);
                }
            });
        }
    }

    fn gone(&self, pid: PidHash, generation: u32) {
        self.clients.gone_elsewhere(pid, generation);
    }

    fn told_sessions(&self, node: NodeId, since: Option<u64>) {
        self.clients.accounted_elsewhere(node, since);
    }

    fn account_sessions(&self, tell: &mut dyn FnMut(Session)) {
        self.clients.account(tell);
    }

    fn missed(&self, channel: &str) {
        self.hub.missed(channel);
    }

    fn hush(&self, is_missing: bool) {
        if let Some(history) = self.hub.history() {
            history.hush(is_missing);
        }
    }

    fn reached(&self, mark: Option<Mark>) {
        self.hub.reached(mark);
    }

    fn count(&self, prefix: Option<&str>) -> (u64, Vec<(String, u64)>) {
        let channels = prefix.map(|prefix| self.hub.channels(prefix)).unwrap_or_default();
        let counts = channels.into_iter().map(|(name, count)| (name.as_str().to_owned(), count as u64));
        (self.clients.count() as u64, counts.collect())
    }
}
