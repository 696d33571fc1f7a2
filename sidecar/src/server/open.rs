//! Opens what the sidecar serves on, before it serves anybody.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustecho_wire::spool::socket_number;
use rustix::process::Pid;

use super::{
    Bound,
    listeners::{self, Inherited},
};
use crate::{
    admin::AdminListener,
    config::{AdminConfig, Config},
    ingest::unix::{BindError, Replace, UnixSource},
    reload::Reloader,
    store,
    tls::{Certificate, TlsError},
};

/// How long a port is waited for whose holder has ended, or is about to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the sidecar cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The TCP port cannot be had.
    #[error("host and port: cannot listen on {address}: {error}{}", advice(error))]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// The admin listener's port cannot be had.
    #[error("admin.port: cannot listen on {address}: {error}; choose another, or set admin to false")]
    Admin {
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

/// What to do about a port that cannot be had.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ". Another process has it, and `ss -ltnp` says which: is it an older server, or the service that comes with the package \
             (systemctl disable --now rustecho)? Else choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            ". Ports below 1024 are root's: choose another, or give the program CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => ". The machine has no such address: host names one of its own",
        _ => "",
    }
}

impl StartError {
    /// Whether somebody else has the port.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Self::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse)
    }
}

/// Who served here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nobody, as far as is known.
    Nobody,
    /// A sidecar that was told to end and is no more; the last that it had may take the kernel a moment.
    Ended,
    /// A sidecar that runs: [`Bound::run`] takes over from it. With `reusePort` in both, nobody is refused meanwhile: who comes waits
    /// until it has ended.
    Running(Pid),
}

impl Bound {
    /// Opens the configured ports, or takes those that systemd has opened. Nothing is served until [`Bound::run`].
    ///
    /// # Errors
    /// [`StartError`] naming the port or path that cannot be had.
    pub async fn open(config: Config) -> Result<Self, StartError> {
        Self::open_after(config, Before::Nobody).await
    }

    /// The same, where another sidecar served before. When it fails nothing has changed for one that runs.
    ///
    /// # Errors
    /// [`StartError`] naming the port or path that cannot be had.
    pub async fn open_after(config: Config, before: Before) -> Result<Self, StartError> {
        let (predecessor, patience) = match before {
            Before::Nobody => (None, Duration::ZERO),
            Before::Ended => (None, PATIENCE),
            Before::Running(pid) => (Some(pid), Duration::ZERO),
        };
        let replace = predecessor.map_or(Replace::DeadOnly, Replace::Predecessor);
        let certificate = config.tls.as_ref().map(Certificate::open).transpose()?.map(Arc::new);
        let store = store::find(&config)?;
        let inherited = Inherited::of_process();
        let tcp = match inherited.tcp {
            Some(listener) => listeners::adopt(listener)?,
            None => {
                let open = async || listeners::listen(config.host.as_deref(), config.port, config.reuse_port).await;
                // Whoever was told to stop just now, an older server too, may not have ended yet.
                let patience = if predecessor.is_some() { patience } else { PATIENCE };
                listeners::patiently(patience, StartError::is_taken, open).await?
            }
        };
        let most = config.limits.publishers;
        let unix = match (config.unix_socket.clone(), inherited.unix) {
            (None, None) => None,
            (None, Some(_)) => {
                tracing::warn!(
                    "LISTEN_FDS: nobody serves the Unix socket, since unixSocket is off: take it out of the .socket unit"
                );
                None
            }
            (Some(settings), Some(listener)) => {
                let configured = settings.path.clone();
                let unix = UnixSource::adopt(listener, settings, most)?;
                if socket_number(unix.path()) != socket_number(&configured) {
                    tracing::warn!(
                        inherited = %unix.path().display(),
                        configured = %configured.display(),
                        "unixSocket.path is not that of the socket that was inherited: what PHP spools for the one is looked for \
                         under the name of the other; set unixSocket.path to the path of the .socket unit"
                    );
                }
                Some(unix)
            }
            (Some(settings), None) => {
                let required = settings.required;
                unless_required(required, UnixSource::bind(settings, most, replace))?
            }
        };
        let admin = match &config.admin {
            Some(settings) => open_admin(settings, config.reuse_port, patience).await?,
            None => None,
        };
        // Last, when nothing else can fail: until here publishers find the sidecar that runs.
        let unix = match unix {
            Some(unix) => {
                let required = config.unix_socket.as_ref().is_some_and(|settings| settings.required);
                unless_required(required, unix.appear())?
            }
            None => None,
        };
        Ok(Self { config: config.into(), tcp, certificate, unix, admin, predecessor, store })
    }

    /// The address Socket.IO and the HTTP API are served on.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// What can be changed while it runs.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(self.config.clone(), self.certificate.clone())
    }

    /// Where operators look in, when the admin listener is on.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|admin| admin.address().ok())
    }

    /// Where publishers connect, when the Unix socket is on.
    pub fn unix_path(&self) -> Option<&std::path::Path> {
        self.unix.as_ref().map(UnixSource::path)
    }
}

/// A Unix socket that nobody asked for may be missing.
fn unless_required(required: bool, opened: Result<UnixSource, BindError>) -> Result<Option<UnixSource>, BindError> {
    match opened {
        Ok(source) => Ok(Some(source)),
        Err(error) if required => Err(error),
        Err(error) => {
            // Whoever comes from the old server never had one: no warning in a log that used to be silent.
            tracing::info!(%error, "starting without the Unix socket: events come by Redis and HTTP only (set unixSocket)");
            Ok(None)
        }
    }
}

/// Opens the admin listener; one on a port that nobody asked for may be missing.
async fn open_admin(
    settings: &AdminConfig,
    reuse_port: bool,
    patience: Duration,
) -> Result<Option<AdminListener>, StartError> {
    let address = format!("{}:{}", settings.host, settings.port);
    let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    let open = async || AdminListener::bind(settings, reuse_port).await;
    match listeners::patiently(patience, is_taken, open).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if settings.required => Err(StartError::Admin { address, error }),
        Err(error) => {
            tracing::info!(address, %error, "starting without the admin listener (set admin.port)");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::UnixSocketConfig, testing::TempDir};

    #[tokio::test]
    async fn a_unix_socket_that_was_not_asked_for_may_be_taken() {
        let folder = TempDir::new("server");
        let settings = UnixSocketConfig { path: folder.path().join("r.sock"), ..UnixSocketConfig::default() };
        let open = || UnixSource::bind(settings.clone(), 8, Replace::DeadOnly).and_then(UnixSource::appear);
        let first = unless_required(true, open()).unwrap();
        assert!(first.is_some());
        assert!(matches!(unless_required(true, open()), Err(BindError::InUse(_))));
        assert!(unless_required(false, open()).unwrap().is_none());
    }
}
