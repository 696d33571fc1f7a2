//! Where events come in: Redis, the Unix socket, and what was spooled for it.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet};

use super::assembly::Assembly;
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

    /// Lets events in.
    pub(super) fn let_in(
        self,
        unix: Option<UnixSource>,
        spool: Option<SpoolSource>,
        parts: &mut JoinSet<()>,
    ) -> Opened {
        let config = self.live.now();
        let (redis_up, redis_ready) = watch::channel(!config.redis_source);
        if config.redis_source {
            let (publisher, counters) = (self.publisher.clone(), self.counters.clone());
            let source = RedisSource { settings: config.redis.clone(), publisher, counters, dev: self.dev };
            // Before anybody is let in.
            source.publisher.overhears(matches!(config.redis.nodes, RedisNodes::Cluster(_)));
            parts.spawn(source.run(redis_up, self.sockets_gone.clone()));
        }
        let (gone, publishers_gone) = watch::channel(unix.is_none());
        if let Some(unix) = unix {
            let gate = Arc::new(Gate::default());
            if let Some(spool) = spool {
                spool.prepare(&gate);
                parts.spawn(spool.run(gate.clone(), self.stopping.clone()));
            }
            let unix = unix.following(self.live);
            parts.spawn(async move {
                unix.run(self.publisher, self.refusals, self.counters, gate, self.stopping).await;
                gone.send_replace(true);
            });
        }
        Opened { redis_ready, publishers_gone }
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
