//! Where events come in: Redis, the Unix socket, and what was spooled for it.

use std::sync::Arc;

use rustix::process::Pid;
use tokio::{sync::watch, task::JoinSet};

use super::{assembly::Assembly, stop, stopped};
use crate::{
    bounds::Refusals,
    config::{Config, Live, RedisNodes},
    counters::Counters,
    devlog::DevLog,
    ingest::{
        redis::RedisSource,
        spool::{Gate, SpoolSource},
        unix::UnixSource,
    },
    publisher::Publisher,
};

/// What those who wait for the sources see.
pub(super) struct Opened {
    /// True once Redis is listened to, where it is to be.
    pub(super) redis_ready: watch::Receiver<bool>,
    /// True once the stop has sent every publisher of the Unix socket away.
    pub(super) publishers_gone: watch::Receiver<bool>,
}

/// What the sources need.
pub(super) struct Sources {
    live: Live,
    publisher: Arc<Publisher>,
    refusals: Arc<Refusals>,
    counters: Arc<Counters>,
    dev: DevLog,
    /// The sidecar has been told to stop.
    stopping: watch::Receiver<bool>,
    /// And its sockets are closed: Redis is listened to until then.
    sockets_gone: watch::Receiver<bool>,
}

impl Sources {
    pub(super) fn new(
        sidecar: &Assembly,
        stopping: watch::Receiver<bool>,
        sockets_gone: watch::Receiver<bool>,
    ) -> Self {
        Self {
            live: sidecar.live.clone(),
            publisher: sidecar.publisher.clone(),
            refusals: sidecar.refusals.clone(),
            counters: sidecar.counters.clone(),
            dev: sidecar.dev,
            stopping,
            sockets_gone,
        }
    }

    /// Lets events in. A predecessor is told to end as soon as Redis is listened to here.
    pub(super) async fn let_in(
        self,
        unix: Option<UnixSource>,
        spool: Option<SpoolSource>,
        predecessor: Option<Pid>,
        parts: &mut JoinSet<()>,
    ) -> Opened {
        let config = self.live.now();
        let (redis_up, mut redis_ready) = watch::channel(!config.redis_source);
        if config.redis_source {
            let (publisher, counters) = (self.publisher.clone(), self.counters.clone());
            let source = RedisSource { settings: config.redis.clone(), publisher, counters, dev: self.dev };
            // Before anybody is let in.
            source.publisher.overhears(matches!(config.redis.nodes, RedisNodes::Cluster(_)));
            parts.spawn(source.run(redis_up, self.sockets_gone.clone()));
        }
        let (gone, publishers_gone) = watch::channel(unix.is_none());
        let gate = Arc::new(Gate::default());
        if let Some(predecessor) = predecessor {
            // Until it has ended and its clients are here, events have to wait; those of Redis are heard by both.
            gate.shut();
            let _ = tokio::time::timeout(config.grace, redis_ready.wait_for(|up| *up)).await;
            stop::tell(predecessor);
        }
        if let Some(unix) = unix {
            self.drain_spool(config, spool, predecessor, &gate, parts);
            let unix = unix.following(self.live);
            parts.spawn(async move {
                unix.run(self.publisher, self.refusals, self.counters, gate, self.stopping).await;
                gone.send_replace(true);
            });
        }
        Opened { redis_ready, publishers_gone }
    }

    /// Drains the spool from now on, or from when the predecessor has let go of it.
    fn drain_spool(
        &self,
        config: Arc<Config>,
        spool: Option<SpoolSource>,
        predecessor: Option<Pid>,
        gate: &Arc<Gate>,
        parts: &mut JoinSet<()>,
    ) {
        let (publisher, counters, gate) = (self.publisher.clone(), self.counters.clone(), gate.clone());
        let mut stopping = self.stopping.clone();
        let Some(predecessor) = predecessor else {
            if let Some(spool) = spool {
                spool.prepare(&gate);
                parts.spawn(spool.run(gate, stopping));
            }
            return;
        };
        parts.spawn(async move {
            tokio::select! {
                () = stop::wait_for(predecessor, config.grace) => {}
                () = stopped(&mut stopping) => return,
            }
            // It has let go of the ledger now.
            let Some(spool) = open_spool(&config, publisher, counters) else {
                gate.open();
                return;
            };
            spool.prepare(&gate);
            spool.run(gate, stopping).await;
        });
    }
}

/// Opens the spool; without one, publishers say what fails. To be called before anything is heard, from other nodes too: of what comes
/// once more only the ledger tells that the sidecar before this one has emitted it.
pub(super) fn open_spool(config: &Config, publisher: Arc<Publisher>, counters: Arc<Counters>) -> Option<SpoolSource> {
    let (settings, unix) = (config.spool.clone()?, config.unix_socket.as_ref()?);
    match SpoolSource::open(settings, unix, publisher, counters) {
        Ok(spool) => {
            tracing::info!(path = %spool.dir().display(), "draining the spool");
            Some(spool)
        }
        Err(error) => {
            tracing::warn!(%error, "no spool: events published while the sidecar is away fail in PHP");
            None
        }
    }
}
