//! The Socket.IO edge: handshake, transports, packets.
//!
//! One room behind a small interface. An edge hands every connection to [`Sessions`] as a [`Socket`], tells of each event it
//! sends and of its end; the rest of the sidecar hands ready-made [`Packet`]s to sockets. Nothing outside this folder names a
//! type of an Engine.IO or Socket.IO crate, and nothing inside it knows what a channel is.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::Value;

use crate::{
    bounds::Bound,
    config::{Config, EdgeKind},
    recovery::{Claim, Heard, Trace},
};

pub mod client_file;
mod headers;
pub mod lean;
mod oxide;
pub mod packet;
mod run;

pub use headers::{Headers, UNTRUSTED};
pub use packet::Packet;
pub use run::Run;

/// The edge that runs.
pub enum Edge {
    /// Our own.
    Lean(lean::Lean),
    /// socketioxide's.
    Oxide(oxide::Oxide),
}

impl Edge {
    /// The configured edge, telling `sessions` of its sockets.
    pub fn new(config: &Config, sessions: Arc<dyn Sessions>) -> Self {
        match config.edge {
            EdgeKind::Lean => Self::Lean(lean::Lean::new(
                &config.socketio,
                &config.limits,
                lean::Bounds {
                    stall: config.limits.write_timeout,
                    connect: config.limits.connect,
                    ..lean::Bounds::default()
                },
                sessions,
                tokio::runtime::Handle::current(),
            )),
            EdgeKind::Socketioxide => Self::Oxide(oxide::Oxide::new(config, sessions)),
        }
    }

    /// Goes by these bounds from now on; socketioxide knows none of them.
    pub fn change(&self, config: &Config) {
        if let Self::Lean(edge) = self {
            edge.change(&config.limits);
        }
    }

    /// What has to be awaited, before the sockets are closed one by one, so that clients come back by themselves.
    pub fn close_all(&self) -> BoxFuture<'static, ()> {
        match self {
            Self::Lean(edge) => edge.close_all(),
            Self::Oxide(edge) => edge.close_all(),
        }
    }

    /// Answers a request below the Socket.IO path.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self {
            Self::Lean(edge) => edge.answer(request.map(Body::new)).await,
            Self::Oxide(edge) => edge.answer(request).await,
        }
    }
}

/// A Socket.IO socket id: the value of `X-Socket-ID` and of `socket` in what Laravel publishes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(Arc<str>);

impl SocketId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are of one connection: a client that recovers has its old id on a new one.
    pub fn is_same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<&str> for SocketId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl std::borrow::Borrow<str> for SocketId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

/// Which pair of protocols a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// Engine.IO 3 with Socket.IO protocol 4: socket.io-client 1.x and 2.x.
    V3,
    /// Engine.IO 4 with Socket.IO protocol 5: socket.io-client 3.x and 4.x.
    V4,
}

/// How the packets of a socket travel at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// A websocket.
    Websocket,
}

/// What is known of a connection from the request that opened it.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// A few of the opening request.
    pub headers: Headers,
    /// The address of the peer; none on a Unix socket.
    pub peer: Option<IpAddr>,
    /// The protocols the client speaks.
    pub generation: Generation,
}

/// One event from a client, in the default Socket.IO namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The event's name; for example `subscribe`.
    pub name: String,
    /// Its arguments after the name, of any JSON type. Binary ones are placeholder objects.
    pub args: Vec<Value>,
    /// The binary attachments that the placeholders of `args` number.
    pub attachments: Vec<Bytes>,
}

/// Why a socket ended. The text is the one laravel-echo-server's users grep for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The client sent a Socket.IO DISCONNECT packet.
    ClientNamespaceDisconnect,
    /// The connection was closed or lost.
    TransportClose,
    /// A browser closed the connection because it leaves the page: nobody will come back.
    PageClosed,
    /// The connection broke with an error.
    TransportError,
    /// No heartbeat in time.
    PingTimeout,
    /// The client sent something that is not the protocol.
    ParseError,
    /// The client took too little for too long: its queue reached its bound.
    SlowClient,
    /// The client took too little while too much waited for all clients together.
    Crowded,
    /// The client took nothing of what waited for it for too long.
    WriteTimeout,
    /// The sidecar closed it.
    ServerClose,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::TransportClose | Self::PageClosed => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::SlowClient | Self::Crowded | Self::WriteTimeout => "slow client",
            Self::ServerClose => "server shutting down",
        })
    }
}

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The socket is gone.
    #[error("socket is closed")]
    Closed,
    /// The socket's queue is at its bound; the edge is closing it with [`DisconnectReason::SlowClient`].
    #[error("queue of the socket is full")]
    Full,
}

/// One connected client.
pub trait Socket: Send + Sync + 'static {
    /// Its socket id; never changes.
    fn id(&self) -> &SocketId;

    /// What the opening request said.
    fn handshake(&self) -> &Handshake;

    /// How its packets travel now.
    fn transport(&self) -> Transport;

    /// Whether its id is all that a client shows to go on with its session: then it is nobody else's business. A session on a websocket
    /// cannot be gone on with.
    fn is_id_secret(&self) -> bool {
        self.transport() == Transport::Polling
    }

    /// What waits for this socket because it reads too slowly, in bytes; 0 where the edge does not know.
    fn queued(&self) -> usize {
        0
    }

    /// Hands one packet to this socket. Never blocks; packets leave in the order of these calls. The caller may hold locks: an
    /// edge that finds the socket broken says so to [`Sessions`] from a task of its own, never from within this call.
    ///
    /// # Errors
    /// [`EmitError`] when the packet will not be delivered.
    fn emit(&self, packet: &Packet) -> Result<(), EmitError>;

    /// As [`Socket::emit`], for what a client missed and now gets all at once: it may wait beyond the bound of the queue.
    ///
    /// # Errors
    /// [`EmitError`] when the packet will not be delivered.
    fn emit_missed(&self, packet: &Packet) -> Result<(), EmitError> {
        self.emit(packet)
    }

    /// What the client needs to know to [recover](Sessions::recover) its session; none when it was not told.
    fn pid(&self) -> Option<&str> {
        None
    }

    /// Which numbered packets were written, and which could not be. Final once the socket has ended and nobody emits to it.
    fn trace(&self) -> Trace {
        Trace::default()
    }

    /// Hands several packets to this socket, as [`Socket::emit`] each.
    ///
    /// # Errors
    /// [`EmitError`] when not all of them will be delivered.
    fn emit_run(&self, run: &Run) -> Result<(), EmitError> {
        run.packets().iter().try_for_each(|packet| self.emit(packet))
    }

    /// What its client has heard last, by what it said when it came.
    fn heard(&self) -> Heard {
        Heard::Unknown
    }

    /// It is about to be handed a packet: whatever that will take may be fetched meanwhile.
    fn coming(&self) {}

    /// Ends the connection; [`Sessions::disconnected`] follows. Harmless when it has ended already.
    fn close(&self);

    /// The same for a bound that is at `limit`; where there is room for a reason, it names it.
    fn close_over(&self, bound: Bound, limit: u64) {
        let _ = (bound, limit);
        self.close();
    }
}

/// What a socket goes on with when a client has its session back.
#[derive(Debug)]
pub struct Recovered {
    /// Its socket id of old.
    pub id: SocketId,
    /// What it has been written before.
    pub trace: Trace,
}

/// What an edge tells of its sockets. Every call returns quickly: waiting is done in tasks of the callee's own.
///
/// For one socket the calls come one after another: `connected` (or a successful `recover`), any number of `received`,
/// `disconnected` exactly once. The id in these calls is [that of the connection](SocketId::is_same_connection).
pub trait Sessions: Send + Sync + 'static {
    /// When sessions can be recovered, the number a socket that connects now begins at; none when they cannot.
    fn recovers(&self) -> Option<u64> {
        None
    }

    /// A client is about to [recover](Sessions::recover) a session; what has to be awaited before it can.
    fn prepare(self: Arc<Self>, claim: Claim<'_>) -> Option<BoxFuture<'static, ()>> {
        let _ = claim;
        None
    }

    /// A client says whose session it wants back. When it may have it, `open` is called once; it answers the client and gives the
    /// socket that the session goes on with, or none when the client has gone. That is in the place of [`Sessions::connected`].
    /// Returns whether `open` was called; if not, the client gets a new session.
    fn recover(&self, claim: Claim<'_>, open: &mut dyn FnMut(Recovered) -> Option<Arc<dyn Socket>>) -> bool {
        let _ = (claim, open);
        false
    }

    /// A client has joined the default namespace.
    fn connected(&self, socket: Arc<dyn Socket>);

    /// A client sent an event.
    fn received(&self, socket: &SocketId, event: Received);

    /// So many events that waited for slow clients were dropped. May come from within [`Socket::emit`].
    fn dropped(&self, events: u64) {
        let _ = events;
    }

    /// A client sent a packet of more than `most` bytes; its connection ends.
    fn oversized(&self, most: usize, peer: Option<IpAddr>) {
        let _ = (most, peer);
    }

    /// A client opened a connection and did not join within `longest`; its connection ends.
    fn never_joined(&self, longest: Duration, peer: Option<IpAddr>) {
        let _ = (longest, peer);
    }

    /// A client is gone, for whatever reason.
    fn disconnected(&self, socket: &SocketId, reason: DisconnectReason);
}
