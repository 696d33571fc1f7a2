//! Binds, serves and stops: the one place where the parts are put together.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    api::{self, Api},
    auth::Laravel,
    config::{Config, UnixSocketConfig},
    counters::Counters,
    devlog::DevLog,
    edge::Edge,
    hub::Hub,
    ingest::{
        redis::RedisSource,
        unix::{BindError, UnixSource},
    },
    presence::Presence,
    publisher::Publisher,
    session::{Clients, Context},
    store,
    tls::{Certificate, TlsError},
};

mod http;

pub use http::PeerAddress;

/// Why the sidecar cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The TCP port cannot be had.
    #[error("host and port: cannot listen on {address}: {error}")]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// The Unix socket cannot be had.
    #[error(transparent)]
    Unix(#[from] BindError),
    /// The certificate cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The presence store cannot be had.
    #[error(transparent)]
    Store(#[from] store::OpenError),
}

/// A sidecar with its ports open, that serves nobody yet.
pub struct Bound {
    config: Arc<Config>,
    tcp: TcpListener,
    certificate: Option<Arc<Certificate>>,
    unix: Option<UnixSource>,
}

impl Bound {
    /// Opens the configured ports. Nothing is served until [`Bound::run`].
    ///
    /// # Errors
    /// [`StartError`] naming the port or path that cannot be had.
    pub async fn open(config: Config) -> Result<Self, StartError> {
        let certificate = config.tls.clone().map(Certificate::open).transpose()?.map(Arc::new);
        let tcp = listen(config.host.as_deref(), config.port).await?;
        let unix = config.unix_socket.clone().map(open_unix).transpose()?.flatten();
        Ok(Self { config: Arc::new(config), tcp, certificate, unix })
    }

    /// The address Socket.IO and the HTTP API are served on.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The certificate that is served, when it is TLS that is served: [`Certificate::reload`] reads it anew at any time.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Where publishers connect, when the Unix socket is on.
    pub fn unix_path(&self) -> Option<&std::path::Path> {
        self.unix.as_ref().map(UnixSource::path)
    }

    /// Serves until `shutdown` is done, then stops within the grace period. `ready` is called once everything that was
    /// configured is up, Redis included.
    ///
    /// # Errors
    /// [`StartError`] when the presence store cannot be opened.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()>,
        ready: impl FnOnce() + Send + 'static,
    ) -> Result<(), StartError> {
        // The process-wide choice, for the libraries that look for one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = self.config;
        let counters = Arc::new(Counters::default());
        let dev = DevLog::new(config.dev_mode);
        let hub = Arc::new(Hub::new(counters.clone()));
        let presence = Arc::new(Presence::default());
        let store = store::open(&config, &presence, &counters)?;
        let publisher = Arc::new(Publisher::new(hub.clone(), config.limits.clone(), counters.clone(), dev));
        let context = Context {
            hub: hub.clone(),
            presence: presence.clone(),
            store: store.clone(),
            authorizer: Arc::new(Laravel::new(config.clone(), dev)),
            limits: config.limits.clone(),
            counters: counters.clone(),
            dev,
        };
        let clients = Arc::new(Clients::new(Arc::new(context)));
        let edge = Edge::new(&config, clients.clone());
        let parts = api::Parts {
            config: config.clone(),
            hub,
            presence,
            store: store.clone(),
            clients: clients.clone(),
            publisher: publisher.clone(),
        };
        let api = Api::new(parts);

        let (stop, stopping) = watch::channel(false);
        let mut parts = JoinSet::new();
        if let Some(unix) = self.unix {
            parts.spawn(unix.run(publisher.clone(), counters.clone(), stopping.clone()));
        }
        let (redis_up, mut redis_ready) = watch::channel(!config.redis_source);
        if config.redis_source {
            let settings = config.redis.clone();
            let source = RedisSource { settings, publisher, counters, dev };
            parts.spawn(source.run(redis_up, stopping.clone()));
        }
        let close_edge = edge.close_all();
        let app = http::App { config: config.clone(), edge, api };
        parts.spawn(http::serve(self.tcp, self.certificate, app, stopping));
        tokio::spawn(async move {
            if redis_ready.wait_for(|up| *up).await.is_ok() {
                ready();
            }
        });

        shutdown.await;
        tracing::info!(grace_ms = config.grace.as_millis() as u64, "stopping");
        stop.send_replace(true);
        let finish = async {
            close_edge.await;
            clients.close_all();
            let parts = async { while parts.join_next().await.is_some() {} };
            // At the same time: whoever hangs on to its connection shall not keep presence members where they are.
            tokio::join!(parts, store.close());
        };
        let stopped = tokio::time::timeout(config.grace, finish).await;
        if stopped.is_err() {
            tracing::warn!("not everything was finished within the grace period (graceMs)");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Opens the Unix socket; one that nobody asked for may be missing.
fn open_unix(settings: UnixSocketConfig) -> Result<Option<UnixSource>, BindError> {
    let required = settings.required;
    match UnixSource::bind(settings) {
        Ok(source) => Ok(Some(source)),
        Err(error) if required => Err(error),
        Err(error) => {
            // Whoever comes from the old server never had one: no warning in a log that used to be silent.
            tracing::info!(%error, "starting without the Unix socket: events come by Redis and HTTP only (set unixSocket)");
            Ok(None)
        }
    }
}

/// Opens the TCP port; without a host on every address, IPv6 and IPv4 where the machine has both.
async fn listen(host: Option<&str>, port: u16) -> Result<TcpListener, StartError> {
    let failed = |address: String| move |error| StartError::Listen { address, error };
    match host.filter(|host| !host.is_empty()) {
        Some(host) => TcpListener::bind((host, port)).await.map_err(failed(format!("{host}:{port}"))),
        None => match TcpListener::bind(("::", port)).await {
            Ok(listener) => Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(failed(format!("port {port}"))(error)),
            Err(_) => TcpListener::bind(("0.0.0.0", port)).await.map_err(failed(format!("0.0.0.0:{port}"))),
        },
    }
}

/// How long a client may take for the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(15);

/// Waits until the sidecar is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender has gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[tokio::test]
    async fn a_unix_socket_that_was_not_asked_for_may_be_taken() {
        let folder = TempDir::new("server");
        let settings = UnixSocketConfig { path: folder.path().join("r.sock"), ..UnixSocketConfig::default() };
        let first = open_unix(settings.clone()).unwrap();
        assert!(first.is_some());
        assert!(matches!(open_unix(settings.clone()), Err(BindError::InUse(_))));
        assert!(open_unix(UnixSocketConfig { required: false, ..settings }).unwrap().is_none());
    }
}
