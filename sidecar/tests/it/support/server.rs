//! The edge on a port of its own, and what it tells.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustecho_sidecar::{
    config::{Limits, SocketIoConfig},
    edge::{
        DisconnectReason, Packet, Received, Sessions, Socket, SocketId,
        lean::{Bounds, Lean},
    },
    server::PeerAddress,
};
use serde_json::value::{RawValue, to_raw_value};
use tokio::{io::BufWriter, net::TcpListener, runtime::Handle, sync::mpsc, task::JoinHandle};

use super::{Http, within};

/// What the edge told of one socket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Connected(String),
    Received(String, Received),
    Disconnected(String, DisconnectReason),
}

/// Notes what it is told; events called `echo` come back at once.
struct Recorder {
    sockets: Mutex<HashMap<SocketId, Arc<dyn Socket>>>,
    told: mpsc::UnboundedSender<Told>,
    dropped: AtomicU64,
}

impl Sessions for Recorder {
    fn connected(&self, socket: Arc<dyn Socket>) {
        let id = socket.id().clone();
        self.sockets.lock().insert(id.clone(), socket);
        let _ = self.told.send(Told::Connected(id.to_string()));
    }

    fn received(&self, id: &SocketId, event: Received) {
        if event.name == "echo"
            && let Some(socket) = self.sockets.lock().get(id)
        {
            let args: Vec<_> = event.args.iter().map(|arg| to_raw_value(arg).unwrap()).collect();
            let args: Vec<&RawValue> = args.iter().map(AsRef::as_ref).collect();
            let _ = socket.emit(&Packet::with_attachments("echo", &args, event.attachments.clone()));
        }
        let _ = self.told.send(Told::Received(id.to_string(), event));
    }

    fn dropped(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    fn disconnected(&self, id: &SocketId, reason: DisconnectReason) {
        self.sockets.lock().remove(id);
        let _ = self.told.send(Told::Disconnected(id.to_string(), reason));
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) edge: Lean,
    recorder: Arc<Recorder>,
    told: mpsc::UnboundedReceiver<Told>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// With the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(|_, _, _| {}).await
    }

    /// With heartbeats that tests can wait for: pings every 300 ms, 200 ms for the answer.
    pub(crate) async fn impatient() -> Self {
        Self::with(|config, _, _| {
            config.ping_interval = Duration::from_millis(300);
            config.ping_timeout = Duration::from_millis(200);
        })
        .await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut SocketIoConfig, &mut Limits, &mut Bounds)) -> Self {
        Self::over(false, change).await
    }

    /// `buffered`: over a stream that is no bare TCP stream and has to be flushed, as TLS is.
    pub(crate) async fn over(
        buffered: bool,
        change: impl FnOnce(&mut SocketIoConfig, &mut Limits, &mut Bounds),
    ) -> Self {
        let (mut config, mut limits) = (SocketIoConfig::default(), Limits::default());
        let mut bounds = Bounds { linger: Duration::from_millis(300), ..Bounds::default() };
        change(&mut config, &mut limits, &mut bounds);
        let (sender, told) = mpsc::unbounded_channel();
        let recorder = Arc::new(Recorder { sockets: Mutex::default(), told: sender, dropped: AtomicU64::new(0) });
        let edge = Lean::new(&config, &limits, bounds, recorder.clone(), Handle::current());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(accept(listener, edge.clone(), buffered));
        Self { address, edge, recorder, told, accepting }
    }

    pub(crate) async fn http(&self) -> Http {
        Http::connect(self.address).await
    }

    pub(crate) fn socket(&self, id: &str) -> Arc<dyn Socket> {
        self.recorder.sockets.lock().get(id).cloned().unwrap_or_else(|| panic!("no socket {id}"))
    }

    /// Events dropped for slow clients.
    pub(crate) fn dropped(&self) -> u64 {
        self.recorder.dropped.load(Ordering::Relaxed)
    }

    /// The next thing the edge tells.
    pub(crate) async fn told(&mut self) -> Told {
        within("the edge tells of a socket", self.told.recv()).await.unwrap()
    }

    /// The next event, whatever else is told before.
    pub(crate) async fn received(&mut self) -> Received {
        loop {
            if let Told::Received(_, event) = self.told().await {
                return event;
            }
        }
    }

    /// The next end of a socket, whatever else is told before.
    pub(crate) async fn disconnected(&mut self) -> DisconnectReason {
        loop {
            if let Told::Disconnected(_, reason) = self.told().await {
                return reason;
            }
        }
    }

    /// Waits until no session is left.
    pub(crate) async fn empty(&self) {
        within("no session is left", async {
            while self.edge.connections() > 0 || self.edge.sockets() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }
}

/// An event with one argument.
pub(crate) fn packet(name: &str, json: &str) -> Packet {
    let raw = RawValue::from_string(json.to_owned()).unwrap();
    Packet::new(name, &[&raw])
}

async fn accept(listener: TcpListener, edge: Lean, buffered: bool) {
    while let Ok((stream, peer)) = listener.accept().await {
        let edge = edge.clone();
        let ip: IpAddr = peer.ip();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let edge = edge.clone();
            request.extensions_mut().insert(PeerAddress(ip));
            async move { Ok::<_, std::convert::Infallible>(edge.answer(request.map(Body::new)).await) }
        });
        let http = http1::Builder::new();
        if buffered {
            let stream = TokioIo::new(BufWriter::with_capacity(1_000, stream));
            tokio::spawn(http.serve_connection(stream, service).with_upgrades());
        } else {
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
        }
    }
}
