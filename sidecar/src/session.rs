//! What a connected client may ask for: `subscribe`, `unsubscribe` and `client event`. Everything else is ignored.
//!
//! Any input is answered or ignored; none is fatal. What a socket is subscribed to is changed under its session's lock, so that
//! a subscription that Laravel grants after the socket has gone leaves nothing behind.

use std::{collections::HashMap, sync::Arc, time::Duration};

use indexmap::IndexSet;
use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    auth::{Ask, Authorizer, Verdict},
    channel::ChannelName,
    config::Limits,
    counters::Counters,
    devlog::DevLog,
    edge::{DisconnectReason, Generation, Packet, Received, Sessions, Socket, SocketId, packet::quote},
    hub::Hub,
    presence::Presence,
    store::Store,
};

mod request;
#[cfg(test)]
mod tests;

use request::{ClientEvent, Subscription};

/// What sessions need of the rest of the sidecar.
pub struct Context {
    /// Who is subscribed to what.
    pub hub: Arc<Hub>,
    /// Who is on the presence channels.
    pub presence: Arc<Presence>,
    /// Where presence members are kept for others to read.
    pub store: Arc<dyn Store>,
    /// Who decides about guarded channels.
    pub authorizer: Arc<dyn Authorizer>,
    /// Bounds.
    pub limits: Limits,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// What is printed in `devMode`.
    pub dev: DevLog,
}

/// The sessions of all connected sockets.
pub struct Clients {
    context: Arc<Context>,
    sessions: RwLock<HashMap<SocketId, Arc<Session>>>,
}

/// One socket and what it is subscribed to.
struct Session {
    socket: Arc<dyn Socket>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The client has sent something.
    heard: bool,
    /// In the order of subscribing, which is the order of leaving them.
    channels: IndexSet<ChannelName>,
    /// Auth requests that are not answered yet.
    pending: usize,
    gone: bool,
}

impl Clients {
    /// No sessions yet.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, sessions: RwLock::default() }
    }

    /// How many sockets are connected.
    pub fn count(&self) -> usize {
        self.sessions.read().len()
    }

    /// Closes every socket.
    pub fn close_all(&self) {
        let all: Vec<_> = self.sessions.read().values().cloned().collect();
        for session in all {
            session.socket.close();
        }
    }

    fn session(&self, socket: &SocketId) -> Option<Arc<Session>> {
        self.sessions.read().get(socket).cloned()
    }
}

impl Sessions for Clients {
    fn connected(&self, socket: Arc<dyn Socket>) {
        self.context.counters.connections.add();
        tracing::debug!(socket = %socket.id(), "connected");
        let session = Session { socket: socket.clone(), state: Mutex::default() };
        let session = Arc::new(session);
        self.sessions.write().insert(socket.id().clone(), session.clone());
        if socket.handshake().generation == Generation::V4 {
            tokio::spawn(remind_silent(session, self.context.hub.clone()));
        }
    }

    fn received(&self, socket: &SocketId, event: Received) {
        let Some(session) = self.session(socket) else { return };
        session.state.lock().heard = true;
        let payload = event.args.into_iter().next().unwrap_or(Value::Null);
        let understood = match event.name.as_str() {
            "subscribe" => Subscription::parse(payload, &self.context.limits)
                .map(|wanted| self.context.subscribe(&session, wanted)),
            "unsubscribe" => Subscription::parse(payload, &self.context.limits)
                .map(|wanted| self.context.unsubscribe(&session, &wanted.channel)),
            "client event" => ClientEvent::parse(payload, &self.context.limits)
                .map(|whisper| self.context.whisper(&session, &whisper, event.attachments)),
            _ => None,
        };
        if understood.is_none() {
            self.context.counters.ignored_requests.add();
            let name = crate::channel::start_of(&event.name);
            tracing::debug!(%socket, event = name, "ignored: not something a client can ask for");
        }
    }

    fn disconnected(&self, socket: &SocketId, reason: DisconnectReason) {
        let Some(session) = self.sessions.write().remove(socket) else { return };
        let channels = {
            let mut state = session.state.lock();
            state.gone = true;
            std::mem::take(&mut state.channels)
        };
        tracing::debug!(%socket, %reason, "disconnected");
        for channel in &channels {
            self.context.leave(session.socket.as_ref(), channel);
            self.context.dev.left(socket, channel, reason);
        }
    }
}

/// laravel-echo up to 2.1.5 subscribes again after a reconnect when its *socket* emits `reconnect`, but since version 3
/// socket.io-client emits that on its manager: such a page would stay deaf. A page that comes back says nothing by itself, so a
/// silent socket is told `reconnect` once. It does nothing to a page without channels, nor to other clients.
async fn remind_silent(session: Arc<Session>, hub: Arc<Hub>) {
    tokio::time::sleep(SILENCE).await;
    let silent = {
        let state = session.state.lock();
        !state.heard && !state.gone
    };
    if silent {
        hub.emit_to(session.socket.as_ref(), &Packet::new("reconnect", &[RawValue::TRUE]));
    }
}

/// How long a client may say nothing before it is taken for a page that came back. Longer than the round trip in which a new
/// page's first `subscribe` arrives.
const SILENCE: Duration = Duration::from_millis(800);

impl Context {
    fn subscribe(self: &Arc<Self>, session: &Arc<Session>, wanted: Subscription) {
        if !wanted.channel.is_guarded() {
            self.join(session, &wanted.channel, None);
            return;
        }
        {
            let mut state = session.state.lock();
            if state.pending >= self.limits.subscriptions_per_socket {
                drop(state);
                self.refuse(session.socket.as_ref(), &wanted.channel, "429");
                return;
            }
            state.pending += 1;
        }
        let (context, session) = (self.clone(), session.clone());
        tokio::spawn(async move {
            let handshake = session.socket.handshake().clone();
            let ask = Ask { channel: wanted.channel.clone(), handshake, auth: wanted.auth };
            let verdict = context.authorizer.authorise(ask).await;
            session.state.lock().pending -= 1;
            context.decided(&session, &wanted.channel, verdict);
        });
    }

    fn decided(&self, session: &Session, channel: &ChannelName, verdict: Verdict) {
        let (socket, id) = (session.socket.as_ref(), session.socket.id());
        let status = match verdict {
            Verdict::Granted(member) => {
                self.counters.auth_granted.add();
                self.dev.granted(id, channel);
                tracing::debug!(socket = %id, %channel, "authorised");
                if channel.is_presence() && member.is_none() {
                    self.dev.no_member();
                    tracing::warn!(socket = %id, %channel, "listens without being a member: Laravel's answer has no channel_data");
                }
                self.join(session, channel, member);
                return;
            }
            Verdict::Denied(status, body) => {
                self.counters.auth_denied.add();
                self.dev.denied(id, channel, status, &body);
                tracing::info!(socket = %id, %channel, status, "subscription denied by Laravel");
                status.to_string()
            }
            Verdict::Failed(reason) => {
                self.counters.auth_failed.add();
                self.dev.failed(id, channel, &reason);
                tracing::warn!(socket = %id, %channel, reason, "Laravel could not be asked for a subscription");
                "0".to_owned()
            }
            Verdict::NoQuestion => {
                self.counters.auth_failed.add();
                "null".to_owned()
            }
        };
        self.refuse(socket, channel, &status);
    }

    /// Tells the client that it does not get `channel`; `status` is a JSON value.
    fn refuse(&self, socket: &dyn Socket, channel: &ChannelName, status: &str) {
        if let Some(packet) = encode("subscription_error", channel, status.to_owned()) {
            self.hub.emit_to(socket, &packet);
        }
    }

    /// Subscribes the socket, unless it has gone; on a presence channel with its member.
    fn join(&self, session: &Session, channel: &ChannelName, member: Option<Map<String, Value>>) {
        let socket = &session.socket;
        let mut state = session.state.lock();
        if state.gone {
            return;
        }
        if !state.channels.contains(channel) && state.channels.len() >= self.limits.subscriptions_per_socket {
            drop(state);
            tracing::info!(socket = %socket.id(), "refused a subscription: the socket has limits.subscriptionsPerSocket of them");
            self.refuse(socket.as_ref(), channel, "429");
            return;
        }
        state.channels.insert(channel.clone());
        let Some(member) = member else {
            self.hub.subscribe(channel, socket.clone());
            self.dev.joined(socket.id(), channel);
            return;
        };
        self.presence.with(channel, |members| {
            self.hub.subscribe(channel, socket.clone());
            self.dev.joined(socket.id(), channel);
            let joined = members.join(socket.id(), member);
            if let Some(packet) = encode("presence:subscribed", channel, Value::Array(joined.here).to_string()) {
                self.hub.emit_to(socket.as_ref(), &packet);
            }
            if let Some(packet) = joined.joining.and_then(|who| encode("presence:joining", channel, who.to_string())) {
                self.hub.emit(channel.as_str(), &packet, Some(socket.id().as_str()));
            }
            self.store.save(channel, members);
        });
    }

    fn unsubscribe(&self, session: &Session, channel: &ChannelName) {
        let mut state = session.state.lock();
        if state.channels.shift_remove(channel) {
            self.leave(session.socket.as_ref(), channel);
        }
        self.dev.left(session.socket.id(), channel, "unsubscribed");
    }

    fn leave(&self, socket: &dyn Socket, channel: &ChannelName) {
        if !channel.is_presence() {
            self.hub.unsubscribe(channel, socket.id());
            return;
        }
        self.presence.with(channel, |members| {
            self.hub.unsubscribe(channel, socket.id());
            let leaving = members.leave(socket.id());
            if let Some(packet) = leaving.and_then(|who| encode("presence:leaving", channel, who.to_string())) {
                self.hub.emit(channel.as_str(), &packet, None);
            }
            self.store.save(channel, members);
        });
    }

    /// Relays a whisper to the other subscribers. Only the three fields it needs are taken from the sender.
    fn whisper(&self, session: &Session, whisper: &ClientEvent, attachments: Vec<bytes::Bytes>) {
        let allowed = whisper.event.contains("client-")
            && whisper.channel.is_guarded()
            && session.state.lock().channels.contains(&whisper.channel)
            && request::placeholders(&whisper.data) == attachments.len();
        if !allowed {
            self.counters.refused_whispers.add();
            return;
        }
        self.counters.whispers.add();
        let raw = |json: String| RawValue::from_string(json);
        if let (Ok(name), Ok(data)) = (raw(quote(whisper.channel.as_str())), raw(whisper.data.to_string())) {
            let packet = Packet::with_attachments(&whisper.event, &[&name, &data], attachments);
            self.hub.emit(whisper.channel.as_str(), &packet, Some(session.socket.id().as_str()));
        }
    }
}

/// `[event, channel, json]` as a packet.
fn encode(event: &str, channel: &ChannelName, json: String) -> Option<Packet> {
    let name = RawValue::from_string(quote(channel.as_str())).ok()?;
    let data = RawValue::from_string(json).ok()?;
    Some(Packet::new(event, &[&name, &data]))
}
