//! The Socket.IO edge: handshake, transports, packets.
//!
//! One room behind a small interface. An edge hands every connection to [`Sessions`] as a [`Socket`], tells of each event it
//! sends and of its end; the rest of the sidecar hands ready-made [`Packet`]s to sockets. Nothing outside this folder names a
//! type of an Engine.IO or Socket.IO crate, and nothing inside it knows what a channel is.

use std::{fmt, net::IpAddr, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use serde_json::Value;

use crate::config::{Config, EdgeKind};

pub mod client_file;
pub mod lean;
mod oxide;
pub mod packet;

pub use packet::Packet;

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
                lean::Bounds::default(),
                sessions,
                tokio::runtime::Handle::current(),
            )),
            EdgeKind::Socketioxide => Self::Oxide(oxide::Oxide::new(config, sessions)),
        }
    }

    /// What has to be awaited, before the sockets are closed one by one, so that clients come back by themselves.
    pub fn close_all(&self) -> BoxFuture<'static, ()> {
        match self {
            Self::Lean(_) => Box::pin(std::future::ready(())), // its sockets end their connections as clients expect
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
    /// Only [`KEPT_HEADERS`] of the opening request: a whole header map would pin the read buffer it came in.
    pub headers: HeaderMap,
    /// The address of the peer; none on a Unix socket.
    pub peer: Option<IpAddr>,
    /// The protocols the client speaks.
    pub generation: Generation,
}

/// The headers of the opening request that an edge keeps, lower case.
pub const KEPT_HEADERS: [&str; 9] = [
    "cookie",
    "origin",
    "referer",
    "host",
    "user-agent",
    "accept-language",
    "authorization",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// Copies the [`KEPT_HEADERS`] out of a request's headers.
pub fn keep_headers(all: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in KEPT_HEADERS {
        if let Some(value) = all.get(name)
            && let Ok(copy) = http::HeaderValue::from_bytes(value.as_bytes())
        {
            kept.insert(http::HeaderName::from_static(name), copy);
        }
    }
    kept
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
    /// The connection broke with an error.
    TransportError,
    /// No heartbeat in time.
    PingTimeout,
    /// The client sent something that is not the protocol.
    ParseError,
    /// The client took too little for too long: its queue reached its bound.
    SlowClient,
    /// The sidecar closed it.
    ServerClose,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::SlowClient => "slow client",
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

    /// Hands one packet to this socket. Never blocks; packets leave in the order of these calls. The caller may hold locks: an
    /// edge that finds the socket broken says so to [`Sessions`] from a task of its own, never from within this call.
    ///
    /// # Errors
    /// [`EmitError`] when the packet will not be delivered.
    fn emit(&self, packet: &Packet) -> Result<(), EmitError>;

    /// Ends the connection; [`Sessions::disconnected`] follows. Harmless when it has ended already.
    fn close(&self);
}

/// What an edge tells of its sockets. Every call returns quickly: waiting is done in tasks of the callee's own.
///
/// For one socket the calls come one after another: `connected`, any number of `received`, `disconnected` exactly once.
pub trait Sessions: Send + Sync + 'static {
    /// A client has joined the default namespace.
    fn connected(&self, socket: Arc<dyn Socket>);

    /// A client sent an event.
    fn received(&self, socket: &SocketId, event: Received);

    /// A client is gone, for whatever reason.
    fn disconnected(&self, socket: &SocketId, reason: DisconnectReason);
}
