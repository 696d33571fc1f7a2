//! Binds, serves and stops.

use std::{pin::pin, sync::Arc};

use rustix::process::Pid;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    admin::{self, Admin, AdminListener},
    config::{EdgeKind, Live},
    ingest::unix::UnixSource,
    service, store,
    tls::Certificate,
};

mod assembly;
mod http;
mod lent;
mod listeners;
mod open;
mod resources;
mod sources;
mod stop;

use assembly::Assembly;
pub use http::PeerAddress;
pub(crate) use lent::Lent;
pub(crate) use listeners::{bind, send_over, shares_its_port};
pub use open::{Before, StartError};
use sources::{Opened, Sources};

/// A sidecar with its ports open, that serves nobody yet.
pub struct Bound {
    config: Live,
    tcp: TcpListener,
    certificate: Option<Arc<Certificate>>,
    unix: Option<UnixSource>,
    predecessor: Option<Pid>,
    store: store::Found,
    admin: Option<AdminListener>,
}

impl Bound {
    /// Ends the predecessor, if there is one; then serves until `shutdown` is done, and stops within the grace period. `ready` is
    /// called once everything that was configured is up, Redis included.
    pub async fn run(self, shutdown: impl Future<Output = ()>, ready: impl FnOnce() + Send + 'static) {
        // The process-wide choice, for the libraries that look for one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut shutdown = pin!(shutdown);
        if let Some(predecessor) = self.predecessor
            && !stop::follow(predecessor, self.config.now().grace, &mut shutdown).await
        {
            return;
        }
        let mut sidecar = Assembly::new(&self.config, self.store);
        let spool = self
            .unix
            .as_ref()
            .and_then(|_| sources::open_spool(&self.config.now(), sidecar.publisher.clone(), sidecar.counters.clone()));
        let others = sidecar.join_others().await;
        let (stop, stopping) = watch::channel(false);
        let (last, sockets_gone) = watch::channel(false);
        let (drained, all_done) = watch::channel(false);
        let mut operators = JoinSet::new();
        if let Some(listener) = self.admin {
            let shown = sidecar.shown(self.unix.is_some());
            serve_admin(listener, shown, &stopping, all_done, &mut operators);
        }
        let mut parts = JoinSet::new();
        if let Some(traces) = sidecar.traces.take() {
            // Until the last event has been handed on.
            parts.spawn(traces.run(sockets_gone.clone()));
        }
        let sources = Sources::new(&sidecar, stopping.clone(), sockets_gone);
        let Opened { mut redis_ready, publishers_gone } = sources.let_in(self.unix, spool, &mut parts);
        serve_clients(self.tcp, self.certificate, &sidecar, &stopping, &mut parts);
        service::serves(*redis_ready.borrow());
        tokio::spawn(async move {
            if redis_ready.wait_for(|up| *up).await.is_ok() {
                service::hears_redis();
                ready();
            }
        });

        shutdown.await;
        let grace = self.config.now().grace;
        service::stops();
        tracing::info!(grace_ms = grace.as_millis() as u64, "stopping");
        sidecar.clients.prepare_stop();
        stop.send_replace(true);
        let finish = finish(&sidecar, &last, publishers_gone, &mut parts);
        if tokio::time::timeout(stop::finishing(grace), finish).await.is_err() {
            tracing::warn!("not everything was finished within the grace period (graceMs)");
        }
        // Until here `/ready` said no, and `/health` yes.
        drained.send_replace(true);
        let _ =
            tokio::time::timeout(stop::last_answers(grace), async { while operators.join_next().await.is_some() {} })
                .await;
        others.leave(sidecar.cluster.as_deref()).await;
        sidecar.clients.save();
        tracing::info!("stopped");
    }
}

/// Lets clients in, and whoever calls the HTTP API.
fn serve_clients(
    tcp: TcpListener,
    certificate: Option<Arc<Certificate>>,
    sidecar: &Assembly,
    stop: &watch::Receiver<bool>,
    parts: &mut JoinSet<()>,
) {
    let (memory, clients, refusals) = (sidecar.memory.clone(), sidecar.clients.clone(), sidecar.refusals.clone());
    parts.spawn(resources::idle(clients.clone(), stop.clone()));
    parts.spawn(resources::memory(memory, clients, refusals, stop.clone()));
    let app = http::App {
        config: sidecar.live.clone(),
        edge: sidecar.edge.clone(),
        api: sidecar.api.clone(),
        admission: sidecar.admission.clone(),
        refusals: sidecar.refusals.clone(),
    };
    parts.spawn(http::serve(tcp, certificate, app, stop.clone()));
}

/// Finishes what is in flight, closes the sockets, and then what they needed. `last` is told when the sockets are gone.
async fn finish(
    sidecar: &Assembly,
    last: &watch::Sender<bool>,
    mut publishers_gone: watch::Receiver<bool>,
    parts: &mut JoinSet<()>,
) {
    let config = sidecar.live.now();
    // An event that is accepted when the first sockets are closed would not reach them.
    let _ = tokio::time::timeout(stop::sending_away(config.grace), publishers_gone.wait_for(|gone| *gone)).await;
    sidecar.hub.settle_all();
    // socketioxide's sockets, closed one by one, would not come back.
    if config.edge == EdgeKind::Lean {
        stop::close_sockets(&sidecar.clients, config.grace).await;
    }
    sidecar.edge.close_all().await;
    sidecar.clients.close_all();
    last.send_replace(true);
    let parts = async { while parts.join_next().await.is_some() {} };
    // At the same time: whoever hangs on to its connection shall not keep presence members where they are.
    tokio::join!(parts, sidecar.store.close());
    if let Some(cluster) = &sidecar.cluster {
        cluster.said().await;
    }
}

/// Serves operators from now on, until all is `drained`: a load balancer is told that this sidecar stops.
fn serve_admin(
    listener: AdminListener,
    shown: admin::Parts,
    stop: &watch::Receiver<bool>,
    drained: watch::Receiver<bool>,
    parts: &mut JoinSet<()>,
) {
    let view = Arc::new(admin::View::new(shown, stop.clone()));
    let admin = Admin::new(view.clone(), stop.clone());
    parts.spawn(view.keep_history());
    parts.spawn(listener.serve(Arc::new(admin), stop.clone(), drained));
}

/// Waits until the sidecar is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender has gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
