//! rustecho's own Socket.IO edge: Engine.IO 3 and 4 on one port, one writer per socket, nothing held for an idle one.
//!
//! Layout, from the wire inwards: [`frame`] and [`pipe`] (websocket frames, byte streams), [`payload`] and [`engine`] (polling
//! bodies, Engine.IO packets), [`event`] (Socket.IO packets); [`conn`] is one connection with its [`outbox`] or [`poll`] queue;
//! [`receive`] says what a client's packets do, [`sweep`] what time does; [`polling`] and [`websocket`] carry, [`answer`] and
//! [`query`] are HTTP. This file opens sessions and finds them again.
//!
//! A session is an Engine.IO connection; a client in the default Socket.IO namespace of it is a
//! [`Socket`](crate::edge::Socket).
//!
//! ```text
//! handshake ──> Polling ──2probe/3probe/5──> Websocket ──> ended      a session ends once, by whoever is first:
//!     └──────────────────────────────────────────^                    peer, heartbeat, full queue, bad packet, us
//! ```

mod answer;
#[cfg(feature = "bare")]
mod bare;
mod client;
mod clock;
mod conn;
mod engine;
mod event;
pub(in crate::edge) mod frame;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod outbox;
mod payload;
mod pipe;
mod poll;
mod polling;
mod query;
mod receive;
mod rule;
mod send;
mod sid;
mod surrogates;
mod sweep;
mod table;
mod verify;
mod websocket;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, response::Response};
use futures_util::future::BoxFuture;
use http::{Method, Request, StatusCode, request::Parts};
use tokio::runtime::Handle;

use self::{
    answer::Refusal,
    clock::{Clock, millis},
    conn::{Conn, Format, LastWord},
    engine::Outgoing,
    pipe::Pipe,
    query::Query,
    rule::Rule,
    table::Table,
    verify::verify,
    websocket::Reader,
};
use super::{DisconnectReason, Generation, Handshake, Sessions};
use crate::{
    admission::Place,
    config::{Limits, SocketIoConfig},
    recovery::Heard,
    server::PeerAddress,
};

/// How long things may take that are not settings.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From a websocket's first byte to the end of its probe. Default 10 s, Engine.IO's own.
    pub upgrade: Duration,
    /// From the handshake of a client of generation 4 to its CONNECT. Default 45 s, Socket.IO's own.
    pub connect: Duration,
    /// How long a stop waits for clients that are changing over to a websocket. Default 1 s.
    pub changing: Duration,
    /// The body of a POST. Default 30 s.
    pub body: Duration,
    /// How long a client's connection may take nothing of what waits for it. Default 30 s.
    pub stall: Duration,
    /// How long a close may wait for the peer's. Default 2 s.
    pub linger: Duration,
    /// How long a session that was closed while no poll waited is kept for the poll that learns of it. Default 30 s, Engine.IO's
    /// own.
    pub farewell: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            upgrade: Duration::from_secs(10),
            connect: Duration::from_secs(45),
            changing: Duration::from_secs(1),
            body: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            farewell: Duration::from_secs(30),
        }
    }
}

/// The edge. Cloning shares it.
#[derive(Clone)]
pub struct Lean(Arc<Edge>);

struct Edge {
    config: SocketIoConfig,
    rule: Rule,
    bounds: Bounds,
    sessions: Arc<dyn Sessions>,
    runtime: Handle,
    clock: Clock,
    table: Table,
    joined: AtomicUsize,
    slow: AtomicU64,
    stopping: AtomicBool,
    /// How long a client of generation 4 may take for its CONNECT, in milliseconds.
    connect: AtomicU64,
}

impl Lean {
    /// An edge whose tasks run on `runtime`.
    pub fn new(
        config: &SocketIoConfig,
        limits: &Limits,
        bounds: Bounds,
        sessions: Arc<dyn Sessions>,
        runtime: Handle,
    ) -> Self {
        let edge = Arc::new(Edge {
            config: config.clone(),
            rule: Rule::new(limits, bounds.stall),
            bounds,
            sessions,
            clock: Clock::start(),
            table: Table::new(),
            joined: AtomicUsize::new(0),
            slow: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            connect: AtomicU64::new(millis(bounds.connect)),
            runtime,
        });
        edge.runtime.spawn(sweep::sweep(Arc::downgrade(&edge)));
        Self(edge)
    }

    /// Goes by these bounds from now on.
    pub fn change(&self, limits: &Limits) {
        self.0.rule.change(limits, limits.write_timeout);
        self.0.connect.store(millis(limits.connect), Ordering::Relaxed);
    }

    /// Sockets in the default namespace.
    pub fn sockets(&self) -> usize {
        self.0.joined.load(Ordering::Relaxed)
    }

    /// Engine.IO sessions, those included that have not joined the namespace yet.
    pub fn connections(&self) -> usize {
        self.0.table.len()
    }

    /// How many sockets were closed because they took too little for too long.
    pub fn slow_sockets(&self) -> u64 {
        self.0.slow.load(Ordering::Relaxed)
    }

    /// Refuses new connections, and closes every socket as [`Lean::shutdown`] does once no client is changing over to a
    /// websocket: one that loses its connection just then notices only when heartbeats stay away.
    pub fn close_all(&self) -> BoxFuture<'static, ()> {
        let edge = self.clone();
        Box::pin(async move {
            edge.0.stopping.store(true, Ordering::Relaxed);
            let end = tokio::time::Instant::now() + edge.0.bounds.changing;
            let is_changing = |conn: &Conn| conn.state.lock().upgrading.then_some(());
            while tokio::time::Instant::now() < end && !edge.0.table.choose(is_changing).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            edge.shutdown();
        })
    }

    /// Closes every socket, with [`DisconnectReason::ServerClose`], and refuses new ones. Clients come back by themselves.
    pub fn shutdown(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
        for (conn, ()) in self.0.table.choose(|_| Some(())) {
            conn.end(DisconnectReason::ServerClose, LastWord::Orderly);
        }
    }

    /// Answers one request for the Socket.IO path.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        let (mut parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        // Where websockets are off, nobody looks at what a request would like to become.
        if self.0.config.websocket && verify::is_upgrade(&parts) {
            return self.upgrade(&mut parts, &query);
        }
        if parts.method == Method::OPTIONS && query.generation() == Generation::V4 {
            return answer::preflight(&parts.headers);
        }
        let session = match verify(&self.0, &parts, &query, false) {
            Ok(session) => session,
            Err(refusal) => return refusal.answer(&parts.headers),
        };
        match session {
            Some(conn) => polling::serve(&conn, &query, &parts, body).await,
            None if self.is_stopping() => answer::empty(StatusCode::SERVICE_UNAVAILABLE),
            None if query.transport == verify::POLLING => self.open_polling(&parts, &query),
            // A websocket without an upgrade.
            None => Refusal::BadRequest.answer(&parts.headers),
        }
    }

    fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    /// A session that polls. Its open packet and, in generation 3, its CONNECT are one answer.
    fn open_polling(&self, parts: &Parts, query: &Query) -> Response {
        let format = Format { base64: query.b64, jsonp: query.j.is_some() };
        let conn = Arc::new(Conn::new(&self.0, sid::fresh(), handshake(parts, query), format, None, place(parts)));
        let answer = answer::packets(&conn, query, &parts.headers, &self.greeting(&conn));
        self.0.enter(&conn);
        conn.tell();
        answer
    }

    /// A websocket: a new session, or the upgrade of one.
    fn upgrade(&self, parts: &mut Parts, query: &Query) -> Response {
        let session = match verify(&self.0, parts, query, true) {
            Ok(session) => session,
            Err(refusal) => return refusal.answer_upgrade(),
        };
        if query.transport != verify::WEBSOCKET || self.is_stopping() {
            return Refusal::BadRequest.answer_upgrade();
        }
        let Some(answer) = websocket::accept(parts) else { return Refusal::BadRequest.answer_upgrade() };
        let Some(upgrade) = parts.extensions.remove::<hyper::upgrade::OnUpgrade>() else {
            return Refusal::BadRequest.answer_upgrade();
        };
        let lean = self.clone();
        let (handshake, place) = (handshake(parts, query), place(parts));
        let format = Format { base64: query.b64, jsonp: false };
        self.0.runtime.spawn(async move {
            let bound = lean.0.bounds.upgrade;
            let Ok(Ok(upgraded)) = tokio::time::timeout(bound, upgrade).await else { return };
            let Some((pipe, ahead)) = Pipe::new(upgraded) else { return };
            let reader = Reader::new(pipe, &ahead, lean.0.config.max_payload);
            drop(ahead);
            match session {
                Some(conn) => websocket::upgrade(conn, reader).await,
                None => lean.open_websocket(handshake, format, reader, place),
            }
        });
        answer
    }

    fn open_websocket(&self, handshake: Handshake, format: Format, reader: Reader, place: Option<Place>) {
        let conn = Arc::new(Conn::new(&self.0, sid::fresh(), handshake, format, Some(&reader.pipe), place));
        websocket::greet(&conn, self.greeting(&conn));
        self.0.enter(&conn);
        conn.tell();
        // A task of its own: this one holds what the handshake needed.
        self.0.runtime.spawn(websocket::serve(conn, reader));
    }

    /// The open packet, and what follows it at once.
    fn greeting(&self, conn: &Conn) -> Vec<Outgoing> {
        let config = &self.0.config;
        let upgrades = match conn.transport() {
            super::Transport::Polling if config.allow_upgrades && config.websocket => "\"websocket\"",
            super::Transport::Polling | super::Transport::Websocket => "",
        };
        let open = format!(
            "0{{\"sid\":\"{}\",\"upgrades\":[{upgrades}],\"pingInterval\":{},\"pingTimeout\":{}",
            conn.sid,
            config.ping_interval.as_millis(),
            config.ping_timeout.as_millis(),
        );
        let text = |text: String| Outgoing::Text(text.into());
        match conn.generation() {
            Generation::V3 => vec![text(open + "}"), text("40".into())],
            Generation::V4 => vec![text(format!("{open},\"maxPayload\":{}}}", config.max_payload))],
        }
    }
}

impl Edge {
    /// The sentence for who sends too much at once; short enough for a close frame.
    fn too_big(&self) -> String {
        format!("over socketio.maxHttpBufferSize ({})", self.config.max_payload)
    }

    /// How long a client of generation 4 may take for its CONNECT.
    fn connect(&self) -> Duration {
        Duration::from_millis(self.connect.load(Ordering::Relaxed))
    }

    /// Makes a connection known, and its socket, where that does not wait for a CONNECT.
    fn enter(&self, conn: &Arc<Conn>) {
        self.table.insert(conn);
        if conn.generation() == Generation::V3 {
            let mut state = conn.state.lock();
            // Its websocket may have broken already; nobody would tell of the end of a socket that joins now.
            if state.ended.is_none() {
                conn.join(&mut state, Heard::Unknown);
            }
        }
        if self.stopping.load(Ordering::Relaxed) {
            conn.end(DisconnectReason::ServerClose, LastWord::Orderly);
        }
    }
}

fn place(parts: &Parts) -> Option<Place> {
    parts.extensions.get().cloned()
}

fn handshake(parts: &Parts, query: &Query) -> Handshake {
    let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
    Handshake { headers: (&parts.headers).into(), peer, generation: query.generation() }
}
