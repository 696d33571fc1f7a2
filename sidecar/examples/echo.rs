//! The lean edge alone, for trying clients and for measuring: every event comes back to whoever sent it.
//!
//! `cargo run --release -p rustecho-sidecar --example echo -- 127.0.0.1:6002`. Three names do something else: `all` goes to every
//! socket, `bye` closes the socket, `count` answers with the number of sockets.

use std::{collections::HashMap, sync::Arc};

use axum::{body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustecho_sidecar::{
    config::{Limits, SocketIoConfig},
    edge::{DisconnectReason, Packet, Received, Sessions, Socket, SocketId, lean},
};
use serde_json::value::{RawValue, to_raw_value};
use tokio::{net::TcpListener, runtime::Handle};

#[derive(Default)]
struct Echo(Mutex<HashMap<SocketId, Arc<dyn Socket>>>);

impl Sessions for Echo {
    fn connected(&self, socket: Arc<dyn Socket>) {
        self.0.lock().insert(socket.id().clone(), socket);
    }

    fn received(&self, id: &SocketId, event: Received) {
        let Some(socket) = self.0.lock().get(id).cloned() else { return };
        let args: Vec<Box<RawValue>> = event.args.iter().filter_map(|arg| to_raw_value(arg).ok()).collect();
        let args: Vec<&RawValue> = args.iter().map(AsRef::as_ref).collect();
        let packet = Packet::with_attachments(&event.name, &args, event.attachments);
        // A socket that is gone or too slow is closed by the edge.
        match event.name.as_str() {
            "bye" => socket.close(),
            "all" => self.0.lock().values().for_each(|socket| {
                let _ = socket.emit(&packet);
            }),
            "count" => {
                if let Ok(count) = to_raw_value(&self.0.lock().len()) {
                    let _ = socket.emit(&Packet::new("count", &[&count]));
                }
            }
            _ => {
                let _ = socket.emit(&packet);
            }
        }
    }

    fn disconnected(&self, id: &SocketId, _: DisconnectReason) {
        self.0.lock().remove(id);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6002".to_owned());
    let listener = TcpListener::bind(&address).await?;
    let edge = lean::Lean::new(
        &SocketIoConfig::default(),
        &Limits::default(),
        lean::Bounds::default(),
        Arc::new(Echo::default()),
        Handle::current(),
    );
    tracing::info!(%address, "listening");
    loop {
        let (stream, _) = listener.accept().await?;
        let edge = edge.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let edge = edge.clone();
            async move { Ok::<_, std::convert::Infallible>(edge.answer(request.map(Body::new)).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    }
}
