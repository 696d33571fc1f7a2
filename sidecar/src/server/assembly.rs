//! The parts of a sidecar, put together: who knows whom. Nothing is served here.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::{
    admin,
    admission::{Admission, Memory},
    api::{self, Api},
    auth::Laravel,
    bounds::Refusals,
    cluster::{Cluster, Here, Local},
    config::{Live, OtelConfig},
    counters::Counters,
    devlog::DevLog,
    edge::Edge,
    hub::Hub,
    otel,
    presence::Presence,
    publisher::Publisher,
    recovery::{Epoch, History},
    session::{self, Clients, Context, Lingering},
    store::{self, Store},
};

/// What serves publishers, clients and operators, as soon as there is a way in.
pub(super) struct Assembly {
    pub(super) live: Live,
    pub(super) counters: Arc<Counters>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) memory: Arc<Memory>,
    pub(super) admission: Arc<Admission>,
    pub(super) dev: DevLog,
    pub(super) hub: Arc<Hub>,
    pub(super) presence: Arc<Presence>,
    pub(super) store: Arc<dyn Store>,
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) clients: Arc<Clients>,
    pub(super) edge: Arc<Edge>,
    pub(super) api: Arc<Api>,
    /// To be run, where traces are wanted.
    pub(super) traces: Option<otel::Sender>,
}

impl Assembly {
    /// Puts the parts together, with what the sidecar before this one has left.
    pub(super) fn new(live: &Live, store: store::Found) -> Self {
        let config = live.now();
        let limits = &config.limits;
        let counters = Arc::new(Counters::default());
        let refusals = Arc::new(Refusals::new(counters.clone()));
        let memory = Arc::new(Memory::new(limits.memory));
        let admission = Arc::new(Admission::new(&config, memory.clone(), refusals.clone(), counters.clone()));
        let dev = DevLog::new(config.dev_mode);
        let runtime = tokio::runtime::Handle::current();
        let left = config.recovery.as_ref().and_then(|settings| session::left_at(settings.file.as_ref()?));
        let (epoch, last) = left.as_ref().map_or_else(|| (Epoch::fresh(), 0), |left| (left.epoch, left.last));
        let history = config.recovery.clone().map(|settings| History::new(settings, epoch, last));
        let hub = Arc::new(Hub::coalescing(counters.clone(), config.coalesce, runtime).keeping(history));
        let presence = Arc::new(Presence::default());
        let store = store.begin(&config, &presence, &counters);
        let cluster = config
            .cluster
            .clone()
            .map(|settings| Arc::new(Cluster::new(settings, limits.channel_name, counters.clone())));
        let publisher = Publisher::new(hub.clone(), live.clone(), counters.clone(), dev).in_cluster(cluster.clone());
        let publisher = Arc::new(publisher);
        let traces = config.otel.as_ref().map(|settings| trace(settings, &publisher, &counters));
        let laravel = Arc::new(Laravel::new(live.clone(), refusals.clone(), counters.clone(), dev));
        let context = Context {
            hub: hub.clone(),
            presence: presence.clone(),
            store: store.clone(),
            authorizer: laravel.clone(),
            cluster: cluster.clone(),
            settings: live.clone(),
            lingering: Lingering::new(config.presence_grace),
            refusals: refusals.clone(),
            counters: counters.clone(),
            dev,
            tail: publisher.tail().clone(),
        };
        let clients = Arc::new(Clients::new(Arc::new(context)));
        if let (Some(cluster), Some(left)) = (&cluster, left.as_ref().and_then(|left| left.left.as_ref())) {
            cluster.resume(left);
        }
        if let Some(left) = left {
            clients.restore(left);
        }
        clients.sweep();
        let edge = Arc::new(Edge::new(&config, clients.clone()));
        let api = Arc::new(Api::new(api::Parts {
            config: live.clone(),
            hub: hub.clone(),
            presence: presence.clone(),
            store: store.clone(),
            cluster: cluster.clone(),
            clients: clients.clone(),
            publisher: publisher.clone(),
            refusals: refusals.clone(),
        }));
        let live = live.clone();
        let assembly = Self {
            live,
            counters,
            refusals,
            memory,
            admission,
            dev,
            hub,
            presence,
            store,
            cluster,
            publisher,
            clients,
            edge,
            api,
            traces,
        };
        assembly.follow(laravel);
        assembly
    }

    /// What can be changed while the sidecar runs is changed in each of them.
    fn follow(&self, laravel: Arc<Laravel>) {
        let (hub, memory, admission) = (self.hub.clone(), self.memory.clone(), self.admission.clone());
        let (edge, api, dev) = (self.edge.clone(), self.api.clone(), self.dev);
        self.live.follow(move |config| {
            admission.change(config);
            memory.change(config.limits.memory);
            laravel.change(config);
            api.change(config);
            edge.change(config);
            hub.change_pace(config.coalesce);
            if let Some((history, settings)) = hub.history().zip(config.recovery.as_ref()) {
                history.change(settings);
            }
            dev.switch(config.dev_mode);
        });
    }

    /// What operators may look at.
    pub(super) fn shown(&self, unix_is_open: bool) -> admin::Parts {
        admin::Parts {
            cluster: self.cluster.clone(),
            config: self.live.clone(),
            counters: self.counters.clone(),
            hub: self.hub.clone(),
            presence: self.presence.clone(),
            clients: self.clients.clone(),
            admission: self.admission.clone(),
            publisher: self.publisher.clone(),
            unix_is_open,
        }
    }

    /// Joins the other nodes, where there are any. What comes back hears them until it is dropped.
    pub(super) async fn join_others(&self) -> Others {
        let local: Arc<dyn Here> = Arc::new(Local {
            hub: self.hub.clone(),
            presence: self.presence.clone(),
            publisher: self.publisher.clone(),
            clients: self.clients.clone(),
        });
        let mut hearing = None;
        if let Some(cluster) = &self.cluster {
            hearing = Some(cluster.run(&Arc::downgrade(&local)));
            cluster.started().await; // who connects meanwhile waits in the listener's queue
            self.clients.tell_restored();
        }
        Others { local, hearing }
    }
}

/// The connection to the other nodes.
pub(super) struct Others {
    /// The cluster itself does not keep it.
    local: Arc<dyn Here>,
    hearing: Option<JoinSet<()>>,
}

impl Others {
    /// What is heard from now on belongs to the next sidecar; what still waits for its place does so no longer.
    pub(super) async fn leave(mut self, cluster: Option<&Cluster>) {
        if let Some(hearing) = &mut self.hearing {
            hearing.shutdown().await;
        }
        if let Some(cluster) = cluster {
            cluster.hear_out(self.local.as_ref());
        }
    }
}

/// Begins to take what is to be sent to the collector.
fn trace(settings: &OtelConfig, publisher: &Publisher, counters: &Arc<Counters>) -> otel::Sender {
    let (traces, sender) = otel::start(settings, counters);
    publisher.tail().trace_to(traces);
    tracing::info!("sending traces to the collector (otel.endpoint)");
    sender
}
