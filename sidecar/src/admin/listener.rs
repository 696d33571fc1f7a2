//! The port of the admin listener.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, header::CONNECTION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::Admin;
use crate::{
    config::AdminConfig,
    server::{Lent, bind, send_over, shares_its_port, stopped},
};

/// Connections at one time: a few browsers, a scraper, probes.
const MAX_CONNECTIONS: usize = 128;
/// How long the head of a request may take.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long nothing may be taken of an answer that waits to be.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// An open port that nobody is served on yet.
#[derive(Debug)]
pub struct AdminListener {
    tcp: TcpListener,
}

impl AdminListener {
    /// Opens the configured port.
    ///
    /// # Errors
    /// What the system says; the port may be taken.
    pub async fn bind(settings: &AdminConfig, reuse_port: bool) -> io::Result<Self> {
        Ok(Self { tcp: bind(&settings.host, settings.port, reuse_port).await? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until all is `drained`; from `stop` on only those for whom there is no other sidecar on the port.
    pub async fn serve(self, admin: Arc<Admin>, mut stop: watch::Receiver<bool>, mut drained: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut sent_over = false;
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = stopped(&mut drained) => break,
                () = stopped(&mut stop), if !sent_over => {
                    sent_over = true;
                    self.send_over();
                    continue;
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            };
            match accepted {
                Ok((stream, _)) => {
                    // One too many is closed at once: there is nobody here who has to wait.
                    let Ok(place) = places.clone().try_acquire_owned() else { continue };
                    // Where there may be a next sidecar, whoever keeps a connection shall ask that one.
                    let leaves = shares_its_port(&self.tcp).then(|| stop.clone());
                    let (admin, drained) = (admin.clone(), drained.clone());
                    connections.spawn(async move {
                        connection(stream, admin, leaves, drained).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection to the admin listener");
                    tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors: let some go
                }
            }
        }
        drop(self.tcp);
        while connections.join_next().await.is_some() {}
    }

    fn send_over(&self) {
        if shares_its_port(&self.tcp)
            && let Err(error) = send_over(&self.tcp)
        {
            tracing::debug!(%error, "operators cannot be sent over to the next sidecar");
        }
    }
}

async fn connection(
    stream: TcpStream,
    admin: Arc<Admin>,
    leaves: Option<watch::Receiver<bool>>,
    mut drained: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (admin, leaves) = (admin.clone(), leaves.as_ref().is_some_and(|stop| *stop.borrow()));
        async move {
            let mut answer = admin.answer(request).await;
            if leaves {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(Lent::new(stream, WRITE_TIME).0), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut drained) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection to the admin listener ended");
    }
}
