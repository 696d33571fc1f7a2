//! The TCP port: one HTTP server for Socket.IO and the HTTP API.

use std::{net::IpAddr, sync::Arc, time::Duration};

use ::http::{
    Request, Response,
    header::{CONNECTION, UPGRADE},
};
use axum::body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::HEADER_TIME;
use crate::{api::Api, config::Config, edge::Edge, tls::Certificate};

/// What unacknowledged bytes may last before the kernel gives a connection up.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// What answers requests.
pub(super) struct App {
    pub(super) config: Arc<Config>,
    pub(super) edge: Edge,
    pub(super) api: Api,
}

/// The peer of a request, for whoever needs it further in.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// Accepts until `stop` changes, then lets the requests under way finish.
pub(super) async fn serve(
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
    app: App,
    stop: watch::Receiver<bool>,
) {
    let app = Arc::new(app);
    let mut stopping = stop.clone();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = super::stopped(&mut stopping) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let (app, peer, stop) = (app.clone(), peer.ip(), stop.clone());
                match certificate.clone() {
                    // hyper is given the bare stream: the edge asks for it back after an upgrade.
                    None => connections.spawn(connection(stream, peer, app, stop)),
                    Some(certificate) => connections.spawn(encrypted(stream, certificate, peer, app, stop)),
                };
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors: let some go
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn encrypted(
    stream: TcpStream,
    certificate: Arc<Certificate>,
    peer: IpAddr,
    app: Arc<App>,
    mut stop: watch::Receiver<bool>,
) {
    // The edge does so for bare streams; it cannot reach this one.
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    let handshake = tokio::select! {
        handshake = certificate.accept(stream) => handshake,
        () = super::stopped(&mut stop) => return,
    };
    match handshake {
        Ok(stream) => connection(stream, peer, app, stop).await,
        Err(error) => tracing::debug!(%peer, %error, "TLS handshake failed"),
    }
}

async fn connection<S>(stream: S, peer: IpAddr, app: Arc<App>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let app = app.clone();
        async move {
            request.extensions_mut().insert(PeerAddress(peer.to_canonical()));
            if app.is_stray(&request) {
                tokio::time::sleep(STRAY).await;
                return Err(Dropped);
            }
            Ok(app.answer(request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = super::stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
}

/// After which a websocket that asks for something else than Socket.IO is dropped, as it always was.
const STRAY: Duration = Duration::from_secs(1);

/// A request that gets no answer.
#[derive(Debug, thiserror::Error)]
#[error("a websocket on a path that is not Socket.IO's")]
struct Dropped;

impl App {
    /// Whether a request asks for a websocket where there is none.
    fn is_stray(&self, request: &Request<Incoming>) -> bool {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let asks = |value: &str| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
        header(UPGRADE).is_some_and(|what| what.eq_ignore_ascii_case("websocket"))
            && header(CONNECTION).is_some_and(asks)
            && self.below_socketio(request.uri().path()).is_none()
    }

    /// What follows the Socket.IO path and its slash.
    fn below_socketio<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.config.socketio.path.as_str())?.strip_prefix('/')
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self.below_socketio(request.uri().path()) {
            Some("") => self.edge.answer(request).await,
            Some(file)
                if self.config.socketio.serve_client && request.uri().query().is_none_or(|q| !q.contains("EIO=")) =>
            {
                let file = file.to_owned();
                match crate::edge::client_file::answer(&file, &request) {
                    Some(response) => response,
                    None => self.edge.answer(request).await,
                }
            }
            Some(_) => self.edge.answer(request).await,
            None => self.api.answer(request).await,
        }
    }
}
