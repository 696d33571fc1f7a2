//! What a connected client may ask for: `subscribe`, `unsubscribe` and `client event`. Everything else is ignored.
//!
//! Any input is answered or ignored; none is fatal. What a socket is subscribed to is changed under its session's lock, so that
//! a subscription that Laravel grants after the session has ended leaves nothing behind.
//!
//! A session whose connection is lost is [`kept`] for a while, with its channels and its presence members, when its client can
//! recover it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use serde_json::Value;

use crate::{
    auth::Authorizer,
    bounds::{Bound, Refusals},
    cluster::Cluster,
    config::Live,
    counters::Counters,
    devlog::DevLog,
    edge::{DisconnectReason, Received, Recovered, Sessions, Socket, SocketId},
    hub::Hub,
    presence::Presence,
    recovery::{Claim, History},
    store::Store,
    tail::Tail,
};

mod asked;
mod bounded;
mod census;
mod elsewhere;
mod households;
mod idle;
mod kept;
mod lingering;
mod moving;
mod places;
#[cfg(test)]
mod recovery_tests;
mod request;
mod saved;
mod silent;
mod state;
mod subscribe;
#[cfg(test)]
mod tests;
mod whispered;

pub use census::Census;
use elsewhere::Elsewhere;
use households::Households;
use kept::Kept;
pub use lingering::Lingering;
use request::{ClientEvent, Subscription, Wrong};
pub use saved::left_at;
use silent::Silent;
use state::{Consent, Link, Owed, Past, Refusal, Session, State, Stay};

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
    /// The other nodes, where there are any.
    pub cluster: Option<Arc<Cluster>>,
    /// Members whose connections have ended a moment ago.
    pub lingering: Lingering,
    /// What is in force: the bounds.
    pub settings: Live,
    /// Counts and names those over a bound.
    pub refusals: Arc<Refusals>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// What is printed in `devMode`.
    pub dev: DevLog,
    /// Where authorisations are told.
    pub tail: Arc<Tail>,
}

/// The sessions of all sockets that are connected, or may come back.
pub struct Clients {
    context: Arc<Context>,
    /// Those of connected sockets.
    sessions: RwLock<HashMap<SocketId, Arc<Session>>>,
    kept: Kept,
    silent: Arc<Silent>,
    elsewhere: Elsewhere,
    households: Households,
    stopping: AtomicBool,
}

impl Clients {
    /// No sessions yet.
    pub fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            sessions: RwLock::default(),
            kept: Kept::default(),
            silent: Arc::default(),
            elsewhere: Elsewhere::default(),
            households: Households::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// How many sockets are connected.
    pub fn count(&self) -> usize {
        self.sessions.read().len()
    }

    /// From now on a session whose socket the sidecar closes is kept for the sidecar that comes next.
    pub fn prepare_stop(&self) {
        self.stopping.store(true, Relaxed);
        self.context.lingering.hurry();
    }

    /// Every connected socket, in no order.
    pub fn sockets(&self) -> Vec<Arc<dyn Socket>> {
        self.all().iter().filter_map(|session| session.socket()).collect()
    }

    /// Closes every socket.
    pub fn close_all(&self) {
        for socket in self.sockets() {
            socket.close();
        }
    }

    /// Closes one of so many sockets, at least one if there is one; how many it closed.
    pub fn close_some(&self, one_of: usize) -> usize {
        let sockets = self.sockets();
        let count = sockets.len().div_ceil(one_of.max(1));
        // A map's order is as good as chance.
        for socket in sockets.iter().take(count) {
            socket.close();
        }
        count
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.read().values().cloned().collect()
    }

    /// The session of a connection.
    fn session(&self, connection: &SocketId) -> Option<Arc<Session>> {
        let session = self.sessions.read().get(connection).cloned()?;
        let is_on = session.state.lock().is_on(connection);
        is_on.then_some(session)
    }

    /// Whether a session may be wanted back after this end of its connection.
    fn may_return(&self, reason: DisconnectReason) -> bool {
        match reason {
            DisconnectReason::TransportClose
            | DisconnectReason::TransportError
            | DisconnectReason::PingTimeout
            | DisconnectReason::SlowClient
            | DisconnectReason::Crowded
            | DisconnectReason::WriteTimeout => true,
            DisconnectReason::ServerClose => self.stopping.load(Relaxed),
            DisconnectReason::ClientNamespaceDisconnect
            | DisconnectReason::PageClosed
            | DisconnectReason::ParseError => false,
        }
    }
}

impl Sessions for Clients {
    fn recovers(&self) -> Option<u64> {
        self.context.hub.history().map(History::last)
    }

    fn prepare(self: Arc<Self>, claim: Claim<'_>) -> Option<BoxFuture<'static, ()>> {
        self.fetch(claim)
    }

    fn recover(&self, claim: Claim<'_>, open: &mut dyn FnMut(Recovered) -> Option<Arc<dyn Socket>>) -> bool {
        self.bring_back(claim, open)
    }

    fn connected(&self, socket: Arc<dyn Socket>) {
        self.context.counters.connections.add();
        tracing::debug!(socket = %socket.id(), "connected");
        let session = Arc::new(Session::new(socket.clone(), self.recovers()));
        self.kept.know(&session);
        self.sessions.write().insert(socket.id().clone(), session.clone());
        self.silent.watch(&session, socket.as_ref(), &self.context.hub);
    }

    fn received(&self, socket: &SocketId, event: Received) {
        let Some(session) = self.session(socket) else { return };
        session.state.lock().heard = true;
        let payload = event.args.into_iter().next().unwrap_or(Value::Null);
        let settings = self.context.settings.read();
        let limits = &settings.limits;
        let done = match event.name.as_str() {
            "subscribe" => Subscription::parse(payload, limits).and_then(|wanted| {
                self.context.may_ask(&session, &wanted, &self.households)?;
                self.context.subscribe(&session, wanted);
                Ok(())
            }),
            "unsubscribe" => {
                Subscription::parse(payload, limits).map(|wanted| self.context.unsubscribe(&session, &wanted.channel))
            }
            "client event" => ClientEvent::parse(payload, limits)
                .and_then(|whisper| self.context.whisper(&session, whisper, event.attachments)),
            _ => Err(Wrong::Nonsense),
        };
        match done {
            Ok(()) => {}
            Err(Wrong::Over(over)) => self.context.over(&session, &event.name, &over),
            Err(Wrong::Nonsense) => {
                self.context.counters.ignored_requests.add();
                let name = crate::channel::start_of(&event.name);
                tracing::debug!(%socket, event = name, "ignored: not something a client can ask for");
            }
        }
    }

    fn dropped(&self, events: u64) {
        self.context.counters.dropped_oldest.add_many(events);
    }

    fn oversized(&self, most: usize, peer: Option<IpAddr>) {
        self.context.refusals.over(Bound::Packet, most, said(peer));
    }

    fn never_joined(&self, longest: Duration, peer: Option<IpAddr>) {
        self.context.refusals.over(Bound::Connect, longest.as_millis(), said(peer));
    }

    fn disconnected(&self, socket: &SocketId, reason: DisconnectReason) {
        let met = bounded::met(reason);
        if let Some(bound) = met {
            self.context.refusals.over(bound, self.context.limit_of(bound), socket);
        }
        let Some(session) = self.sessions.read().get(socket).cloned() else { return };
        let mut state = session.state.lock();
        if !state.is_on(socket) {
            return; // the client is back already, on another connection
        }
        tracing::debug!(%socket, %reason, "disconnected");
        self.sessions.write().remove(socket);
        state.met = met;
        if self.may_return(reason) && self.keep(&session, &mut state) {
            return;
        }
        // Whoever says that it leaves does so now.
        let lingers = !matches!(reason, DisconnectReason::ClientNamespaceDisconnect | DisconnectReason::ParseError);
        self.end(&session, &mut state, &reason, lingers);
    }
}

/// Who is not a socket yet, or is no longer known as one.
fn said(peer: Option<IpAddr>) -> String {
    peer.map_or_else(|| "a client".to_owned(), |peer| peer.to_string())
}

/// What clients ask for, read from any JSON. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    let Ok(payload) = serde_json::from_slice::<serde_json::Value>(input) else { return };
    let limits = crate::config::Limits::default();
    assert!(request::placeholders(&payload) <= input.len());
    if let Ok(wanted) = request::Subscription::parse(payload.clone(), &limits) {
        assert!(wanted.channel.as_str().len() <= limits.channel_name);
    }
    if let Ok(whisper) = request::ClientEvent::parse(payload, &limits) {
        assert!(whisper.event.len() <= limits.event_name);
    }
}
