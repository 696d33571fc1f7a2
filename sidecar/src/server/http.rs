//! The TCP port: one HTTP server for Socket.IO and the HTTP API.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use ::http::{
    Request, Response, StatusCode,
    header::{CONNECTION, UPGRADE},
};
use axum::body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{
    lent::{Lent, Untaken},
    listeners,
};
use crate::{
    admission::{Admission, Place},
    api::Api,
    bounds::{Bound, Refusals},
    config::Live,
    edge::Edge,
    tls::Certificate,
};

/// After `limits.writeTimeoutMs`, by which who takes nothing is let go and counted, the kernel gives a connection up.
const BEYOND_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// What the kernel may hold for one client: without a bound it grows to 4 MB for each that does not read.
const SEND_BUFFER: usize = 256 * 1024;

/// How long connections are still accepted after new ones have been sent over to the next sidecar.
const LINGER: Duration = Duration::from_millis(500);
/// How long a connection may take for its first request once the sidecar stops.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// What answers requests.
pub(super) struct App {
    pub(super) config: Live,
    pub(super) edge: Arc<Edge>,
    pub(super) api: Arc<Api>,
    pub(super) admission: Arc<Admission>,
    pub(super) refusals: Arc<Refusals>,
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
    let descriptors = super::resources::descriptors();
    let mut stopping = stop.clone();
    let mut connections = JoinSet::new();
    {
        let mut end = std::pin::pin!(async {
            super::stopped(&mut stopping).await;
            if listeners::shares_its_port(&listener) {
                if let Err(error) = listeners::send_over(&listener) {
                    tracing::debug!(%error, "new connections cannot be sent over to the next sidecar");
                }
                // Those that are between their first packet and being accepted.
                tokio::time::sleep(LINGER.min(app.config.read().grace / 4)).await;
            }
        });
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut end => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Those whose websockets the edge has are no tasks here any more.
                    if connections.len() + app.admission.open() >= descriptors {
                        app.refusals.over(Bound::Connections, format!("{descriptors} by file descriptors"), peer);
                        continue;
                    }
                    let place = match app.admission.knock(peer.ip().to_canonical()) {
                        Ok(place) => place,
                        Err(sentence) => {
                            if certificate.is_none() {
                                turn_away(&stream, &sentence);
                            }
                            continue;
                        }
                    };
                    prepare(&stream, app.config.limits().write_timeout);
                    let (app, peer, stop) = (app.clone(), peer.ip(), stop.clone());
                    match certificate.clone() {
                        // hyper is given the bare stream: the edge asks for it back after an upgrade.
                        None => connections.spawn(keeping(place, connection(stream, peer, app, stop))),
                        Some(certificate) => {
                            connections.spawn(keeping(place, encrypted(stream, certificate, peer, app, stop)))
                        }
                    };
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors: let some go
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A place is given back when what it is for has ended.
async fn keeping(place: Option<Place>, what: impl Future<Output = ()>) {
    what.await;
    drop(place);
}

/// Tells who may not come in, if that can be written at once. By the system's own call: the runtime has not seen the stream yet.
fn turn_away(stream: &TcpStream, sentence: &str) {
    let socket = SockRef::from(stream);
    let head =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\nRetry-After: 5\r\n";
    let _ = socket.send(format!("{head}Content-Length: {}\r\n\r\n{sentence}", sentence.len()).as_bytes());
    let _ = socket.shutdown(std::net::Shutdown::Write);
}

/// None of these is needed for the connection to work.
fn prepare(stream: &TcpStream, write_timeout: Duration) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_user_timeout(Some(write_timeout + BEYOND_WRITE_TIMEOUT));
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
}

async fn encrypted(
    stream: TcpStream,
    certificate: Arc<Certificate>,
    peer: IpAddr,
    app: Arc<App>,
    mut stop: watch::Receiver<bool>,
) {
    let longest = app.config.limits().handshake;
    let handshake = tokio::select! {
        handshake = certificate.accept(stream, longest) => handshake,
        () = super::stopped(&mut stop) => return,
    };
    match handshake {
        Ok(stream) => connection(stream, peer, app, stop).await,
        Err(error) => {
            if error.kind() == std::io::ErrorKind::TimedOut {
                app.refusals.over(Bound::Handshake, longest.as_millis(), peer);
            }
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
    }
}

async fn connection<S>(stream: S, peer: IpAddr, app: Arc<App>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = app.config.limits();
    let (handshake, header, write_timeout) = (limits.handshake, limits.header, limits.write_timeout);
    let (stream, back) = Lent::new(stream, write_timeout);
    // Whether a request came: only before the first is a client late, later the connection is kept for it.
    let served = Arc::new(AtomicBool::new(false));
    let first_request = Arc::new(Notify::new());
    let (has_served, came, refusals) = (served.clone(), first_request.clone(), app.refusals.clone());
    let lent = back.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (app, lent) = (app.clone(), lent.clone());
        served.store(true, Relaxed);
        came.notify_one();
        async move {
            request.extensions_mut().insert(PeerAddress(peer.to_canonical()));
            if app.is_stray(&request) {
                tokio::time::sleep(STRAY).await;
                return Err(Dropped);
            }
            let answer = app.answer(request).await;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                lent.upgraded();
            }
            Ok(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(handshake)
        .max_buf_size(header)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async {
            super::stopped(&mut stop).await;
            // It came in before the stop, or else its request would be at the next sidecar.
            let wait = tokio::time::timeout(FIRST_REQUEST, first_request.notified());
            if !has_served.load(Relaxed) {
                let _ = wait.await;
            }
        } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if error.is_parse_too_large() {
            let sentence = refusals.over(Bound::Header, header, peer);
            back.farewell("431 Request Header Fields Too Large", &sentence).await;
        } else if error.is_timeout() && !has_served.load(Relaxed) {
            let sentence = refusals.over(Bound::Handshake, handshake.as_millis(), peer);
            back.farewell("408 Request Timeout", &sentence).await;
        } else if is_untaken(&error) {
            refusals.over(Bound::WriteTimeout, write_timeout.as_millis(), peer);
        }
        tracing::trace!(%error, "a connection ended");
    }
}

/// Whether a connection ended because its peer took nothing of an answer.
fn is_untaken(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    matches!(cause.and_then(std::io::Error::get_ref), Some(cause) if cause.is::<Untaken>())
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
        path.strip_prefix(self.config.read().socketio.path.as_str())?.strip_prefix('/')
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self.below_socketio(request.uri().path()) {
            Some("") => self.socketio(request).await,
            Some(file)
                if self.config.read().socketio.serve_client
                    && request.uri().query().is_none_or(|q| !q.contains("EIO=")) =>
            {
                let file = file.to_owned();
                match crate::edge::client_file::answer(&file, &request) {
                    Some(response) => response,
                    None => self.socketio(request).await,
                }
            }
            Some(_) => self.socketio(request).await,
            None => self.api.answer(request).await,
        }
    }

    async fn socketio(&self, mut request: Request<Incoming>) -> Response<Body> {
        let Some(&PeerAddress(peer)) = request.extensions().get() else { return self.edge.answer(request).await };
        match self.admission.admit(&mut request, peer) {
            Ok(()) => self.edge.answer(request).await,
            Err(refused) => *refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[tokio::test]
    async fn the_kernel_gives_nobody_up_before_the_bound_that_names_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.unwrap();
        let longest = Limits::default().write_timeout;
        prepare(&stream, longest);
        assert!(SockRef::from(&stream).tcp_user_timeout().unwrap().unwrap() > longest);
    }
}
