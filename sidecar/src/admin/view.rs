//! What is looked at: every part of the sidecar that has something to show, and the whole of it as JSON.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{health, history::History};
use crate::{
    admission::Admission,
    cluster::{Cluster, Standing},
    config::Live,
    counters::{Counters, Reading},
    hub::Hub,
    ingest::spool::{Depth, SpoolView},
    presence::Presence,
    publisher::Publisher,
    session::{Census, Clients},
};

/// What looking costs is paid once in this time, however many look.
const FRESH: Duration = Duration::from_millis(900);

/// The parts of a running sidecar that have something to show.
pub struct Parts {
    /// The settings.
    pub config: Live,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Channels and their subscribers.
    pub hub: Arc<Hub>,
    /// Presence members.
    pub presence: Arc<Presence>,
    /// The other nodes, where there are any.
    pub cluster: Option<Arc<Cluster>>,
    /// Connected sockets.
    pub clients: Arc<Clients>,
    /// Who may connect.
    pub admission: Arc<Admission>,
    /// The one door.
    pub publisher: Arc<Publisher>,
    /// Whether publishers can connect to the Unix socket.
    pub unix_is_open: bool,
}

/// A running sidecar as operators see it.
pub struct View {
    pub(super) parts: Parts,
    pub(super) history: History,
    spool: Option<SpoolView>,
    stop: watch::Receiver<bool>,
    started: Instant,
    /// See [`View::lag`], in microseconds.
    lag: AtomicU64,
    cached: Mutex<Option<(Instant, Arc<Value>)>>,
}

/// One source of events.
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) place: String,
    pub(super) state: SourceState,
}

/// Whether events can come in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceState {
    Up,
    Down,
    /// Not configured, or not to be had and not asked for.
    Off,
}

impl SourceState {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Off => "off",
        }
    }
}

impl View {
    /// A view whose uptime counts from now.
    pub fn new(parts: Parts, stop: watch::Receiver<bool>) -> Self {
        let spool = SpoolView::of(&parts.config.read());
        let (started, lag, cached) = (Instant::now(), AtomicU64::new(0), Mutex::default());
        Self { parts, history: History::default(), spool, stop, started, lag, cached }
    }

    /// Takes a sample each second, until the sidecar stops.
    pub async fn keep_history(self: Arc<Self>) {
        let mut stop = self.stop.clone();
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                due = ticks.tick() => {
                    self.note_lag(due.elapsed());
                    self.history.sample(&self.parts);
                }
                () = crate::server::stopped(&mut stop) => return,
            }
        }
    }

    /// Falls by half each second: a moment of trouble is forgotten, but not before somebody has asked.
    fn note_lag(&self, late: Duration) {
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.lag.store(late.max(self.lag.load(Relaxed) / 2), Relaxed);
    }

    /// How late this process does what it is to do each second: long while its threads, or the machine, are overloaded.
    pub(super) fn lag(&self) -> Duration {
        Duration::from_micros(self.lag.load(Relaxed))
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.parts.counters
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn sources(&self) -> Vec<Source> {
        let config = self.parts.config.read();
        let unix = config.unix_socket.as_ref().map(|unix| unix.path.display().to_string());
        let of = |on: bool| if on { SourceState::Up } else { SourceState::Off };
        let redis = match (config.redis_source, self.counters().state.redis.get()) {
            (false, _) => SourceState::Off,
            (true, Some(true)) => SourceState::Up,
            (true, _) => SourceState::Down,
        };
        let port = config.port;
        vec![
            Source { name: "unix", place: unix.unwrap_or_default(), state: of(self.parts.unix_is_open) },
            Source { name: "redis", place: format!("{:?}", config.redis.nodes), state: redis },
            Source { name: "http", place: format!("port {port}"), state: of(config.http_source) },
        ]
    }

    /// What waits in the spool; none where there is no spool.
    pub(super) async fn spool(&self) -> Option<Depth> {
        let spool = self.spool.clone()?;
        tokio::task::spawn_blocking(move || spool.depth()).await.ok()
    }

    /// How this node stands with the others; none where it is alone.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.parts.cluster.as_ref().map(|cluster| cluster.standing())
    }

    /// Everything at a glance; at most a second old.
    pub(super) async fn status(&self) -> Arc<Value> {
        let now = Instant::now();
        if let Some((at, status)) = &*self.cached.lock()
            && now - *at < FRESH
        {
            return status.clone();
        }
        let status = Arc::new(self.look(self.spool().await));
        *self.cached.lock() = Some((now, status.clone()));
        status
    }

    fn look(&self, spool: Option<Depth>) -> Value {
        let Parts { config, counters, hub, presence, clients, .. } = &self.parts;
        let census: Census = clients.census();
        let groups: Vec<Value> = census
            .groups()
            .map(|(transport, generation, count)| json!({"transport": transport, "generation": generation, "count": count}))
            .collect();
        let sources: Vec<Value> = self
            .sources()
            .iter()
            .map(|source| json!({"name": source.name, "place": source.place, "state": source.state.name()}))
            .collect();
        let counted: Map<String, Value> =
            counters.snapshot().into_iter().map(|(metric, number)| (metric.name.to_owned(), number.into())).collect();
        let [public, private, presence_channels] = hub.kinds();
        let times = &counters.times;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let reasons = health::reasons(self);
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "at": at.as_secs_f64(),
            "uptime": self.uptime().as_secs_f64(),
            "ready": reasons.is_empty(),
            "reasons": reasons,
            "devMode": config.read().dev_mode,
            "mayPublish": config.read().admin.as_ref().is_some_and(|admin| admin.key.is_some()),
            "connections": {"total": census.total(), "groups": groups, "queuedBytes": census.queued},
            "subscriptions": hub.subscriptions(),
            "channels": {"public": public, "private": private, "presence": presence_channels},
            "members": presence.count(),
            "cluster": self.standing().map(|standing| health::cluster(&standing)),
            "sources": sources,
            "spool": spool.map(|depth| json!({
                "files": depth.files,
                "bytes": depth.bytes,
                "age": depth.age.map(|age| age.as_secs_f64()),
            })),
            "memoryBytes": crate::api::memory::resident(),
            "counters": counted,
            "latency": {
                "minute": latency(&self.history.last_minute(&times.publish_to_emit.read())),
                "ever": latency(&times.publish_to_emit.read()),
                "phpToFrame": latency(&times.php_to_frame.read()),
                "frameToAccepted": latency(&times.frame_to_accepted.read()),
                "acceptedToEmitted": latency(&times.accepted_to_emitted.read()),
                "auth": latency(&all_of(&times.auth.read())),
            },
        })
    }
}

/// The readings of all results together.
fn all_of(results: &[(&str, Reading)]) -> Reading {
    results.iter().fold(Reading::default(), |all, (_, reading)| all.and(reading))
}

/// Percentiles in microseconds.
fn latency(reading: &Reading) -> Value {
    let percentile = |share| reading.percentile(share);
    json!({"count": reading.count(), "p50": percentile(0.5), "p95": percentile(0.95), "p99": percentile(0.99)})
}
