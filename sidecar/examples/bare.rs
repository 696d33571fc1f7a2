//! The lean edge's websockets without Engine.IO on them, for test suites of the websocket protocol: every message comes back.
//!
//! `cargo run -p rustecho-sidecar --features bare --example bare -- 127.0.0.1:0` says on which port it listens.

use std::{io::Write, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustecho_sidecar::{
    config::{Limits, SocketIoConfig},
    edge::{DisconnectReason, Received, Sessions, Socket, SocketId, lean},
};
use tokio::{net::TcpListener, runtime::Handle};

/// Nobody joins.
struct Nobody;

impl Sessions for Nobody {
    fn connected(&self, _: Arc<dyn Socket>) {}
    fn received(&self, _: &SocketId, _: Received) {}
    fn disconnected(&self, _: &SocketId, _: DisconnectReason) {}
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&address).await?;
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    // The suite sends 16 MiB in one message, and heartbeats are Engine.IO's.
    let day = Duration::from_secs(86_400);
    let config = SocketIoConfig { max_payload: 64 << 20, ping_interval: day, ping_timeout: day, ..Default::default() };
    let limits = Limits { queue_per_socket: 64 << 20, queue_in_all: 16 << 30, ..Limits::default() };
    let bounds = lean::Bounds { connect: day, ..lean::Bounds::default() };
    let edge = lean::Lean::new(&config, &limits, bounds, Arc::new(Nobody), Handle::current());
    loop {
        let (stream, _) = listener.accept().await?;
        let edge = edge.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let edge = edge.clone();
            async move { Ok::<_, std::convert::Infallible>(edge.answer_bare(request.map(Body::new)).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    }
}
