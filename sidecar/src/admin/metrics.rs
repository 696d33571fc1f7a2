//! `/metrics`: everything that can be watched over time, in the text format of OpenMetrics, which Prometheus reads.
//!
//! Written by `prometheus-client`, the Prometheus project's own crate: its collectors read our counters when somebody asks, so
//! that counting costs what an atomic addition costs, and nothing has to be registered where something is counted.

use std::{fmt, sync::Arc};

use axum::body::Body;
use http::{Response, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use super::{View, answer, process::Process, view::SourceState};
use crate::{
    cluster::Standing,
    counters::{BOUNDS, Metric, Reading},
    ingest::spool::Depth,
    recovery::History,
    session::Census,
};

const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the families are about that several counters belong to.
const FAMILIES: [(&str, &str); 16] = [
    ("publishes", "Events that came in, by source and what became of them"),
    ("dropped", "Packets and events that were not delivered, by reason"),
    ("deliveries", "Packets handed to sockets"),
    ("delivered_bytes", "Bytes of the packets handed to sockets, without the heads of frames"),
    ("refused_publishers", "Connections to the Unix socket that were ended, by reason"),
    ("connections_opened", "Socket.IO connections since the start"),
    ("auth_requests", "Requests for guarded channels, by Laravel's answer"),
    ("auth_questions", "Questions for Laravel's auth endpoint, by what became of them"),
    ("cluster_messages", "Messages of other nodes, by what became of them"),
    ("over_limit", "What was refused or closed for a limit, by the setting's name"),
    ("strangers", "Connections of untrusted origins (originPolicy), by what became of them"),
    ("client_events", "Client events (whispers), by what became of them"),
    ("traces", "Events of a trace, by what became of their spans"),
    ("recoveries", "Clients that wanted their sessions back, by what they got"),
    ("recovery_moves", "Sessions that changed their node, by direction"),
    ("recovery_losses", "Sessions and channels that were not kept for their clients, by reason"),
];

/// Answers scrapes.
pub(super) struct Metrics {
    view: Arc<View>,
}

impl Metrics {
    pub(super) fn new(view: Arc<View>) -> Self {
        Self { view }
    }

    pub(super) async fn answer(&self) -> Response<Body> {
        let scrape = Scrape::of(&self.view).await;
        let mut registry = Registry::with_prefix("rustecho");
        registry.register_collector(Box::new(scrape));
        let mut text = String::new();
        let encoded = text::encode_registry(&mut text, &registry);
        let mut of_process = Registry::with_prefix("process");
        of_process.register_collector(Box::new(Process::now()));
        match encoded.and_then(|()| text::encode(&mut text, &of_process)) {
            Ok(()) => answer::content(KIND, text),
            Err(_) => answer::refuse(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written"),
        }
    }
}

/// Everything at the moment of a scrape.
#[derive(Debug)]
struct Scrape {
    counters: Vec<(Metric, u64)>,
    census: Census,
    subscriptions: u64,
    channels: [usize; 3],
    members: usize,
    /// Sessions whose clients are away, and bytes of events that are kept for them.
    kept: (usize, usize),
    spool: Option<Depth>,
    sources: Vec<(&'static str, bool)>,
    standing: Option<Standing>,
    redis: [(&'static str, Option<bool>); 2],
    is_ready: bool,
    lag: f64,
    stages: [(&'static str, Reading); 4],
    auth: [(&'static str, Reading); 4],
}

impl Scrape {
    async fn of(view: &View) -> Self {
        let parts = &view.parts;
        let times = &parts.counters.times;
        let sources = view.sources().into_iter().filter(|source| source.state != SourceState::Off);
        Self {
            counters: parts.counters.snapshot(),
            census: parts.clients.census(),
            subscriptions: parts.hub.subscriptions(),
            channels: parts.hub.kinds(),
            members: parts.presence.count(),
            kept: (parts.clients.kept(), parts.hub.history().map_or(0, History::bytes)),
            spool: view.spool().await,
            standing: view.standing(),
            sources: sources.map(|source| (source.name, source.state == SourceState::Up)).collect(),
            redis: [
                ("events", parts.counters.state.redis.get()),
                ("presence", parts.counters.state.redis_presence.get()),
            ],
            is_ready: super::health::reasons(view).is_empty(),
            lag: view.lag().as_secs_f64(),
            stages: [
                ("php_to_frame", times.php_to_frame.read()),
                ("frame_to_accepted", times.frame_to_accepted.read()),
                ("accepted_to_emitted", times.accepted_to_emitted.read()),
                ("publish_to_emit", times.publish_to_emit.read()),
            ],
            auth: times.auth.read(),
        }
    }

    fn counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut done: Vec<&str> = Vec::new();
        for (first, _) in &self.counters {
            if done.contains(&first.family) {
                continue;
            }
            done.push(first.family);
            let about = FAMILIES.iter().find(|(family, _)| *family == first.family);
            // A dot is put behind it.
            let help = about.map_or(first.meaning.trim_end_matches('.'), |(_, help)| help);
            let mut family = encoder.encode_descriptor(first.family, help, None, MetricType::Counter)?;
            for (metric, number) in self.counters.iter().filter(|(metric, _)| metric.family == first.family) {
                let labels = metric.labels;
                if labels.is_empty() {
                    family.encode_counter::<NoLabelSet, _, f64>(number, None)?;
                } else {
                    family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(number, None)?;
                }
            }
        }
        Ok(())
    }

    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let groups = self.census.groups().map(|(transport, generation, count)| {
            ([("transport", transport), ("generation", generation)], as_gauge(count))
        });
        gauges(encoder, "connections", "Sockets connected, by transport and generation of Engine.IO", None, groups)?;
        let kinds = ["public", "private", "presence"].into_iter().zip(self.channels);
        let kinds = kinds.map(|(kind, count)| ([("kind", kind)], as_gauge(count)));
        gauges(encoder, "channels", "Channels that somebody is subscribed to", None, kinds)?;
        let up = self.sources.iter().map(|(name, up)| ([("source", *name)], i64::from(*up)));
        gauges(encoder, "source_up", "Whether events can come in by this source", None, up)?;
        let redis = self.redis.iter().filter_map(|(what, up)| Some(([("use", *what)], i64::from((*up)?))));
        gauges(encoder, "redis_up", "Whether Redis is connected, for events or for presence lists", None, redis)?;
        let subscriptions = i64::try_from(self.subscriptions).unwrap_or(i64::MAX);
        gauge(encoder, "subscriptions", "Subscriptions: a socket on two channels has two", None, subscriptions)?;
        gauge(
            encoder,
            "presence_members",
            "Presence members of this node, one for each socket",
            None,
            as_gauge(self.members),
        )?;
        let queued = as_gauge(self.census.queued);
        gauge(encoder, "queue", "Bytes that wait for sockets that read too slowly", Some(&Unit::Bytes), queued)?;
        let (sessions, history) = self.kept;
        let help = "Sessions that are kept for clients that may come back";
        gauge(encoder, "recovery_sessions", help, None, as_gauge(sessions))?;
        let help = "Bytes of events that are kept for clients that may have missed them";
        gauge(encoder, "recovery_history", help, Some(&Unit::Bytes), as_gauge(history))?;
        gauge(encoder, "ready", "Whether /ready says so", None, i64::from(self.is_ready))?;
        let help = "How late this process does what it is to do each second";
        encoder.encode_descriptor("lag", help, Some(&Unit::Seconds), MetricType::Gauge)?.encode_gauge(&self.lag)?;
        if let Some(standing) = &self.standing {
            let nodes = as_gauge(standing.peers + 1);
            gauge(encoder, "cluster_nodes", "Nodes of the cluster, as this one sees them", None, nodes)?;
            let connected = i64::from(standing.is_hearing);
            gauge(
                encoder,
                "cluster_connected",
                "Whether this node hears the others and they hear it",
                None,
                connected,
            )?;
            let in_order = i64::from(standing.is_in_order);
            let help =
                "Whether this node does everything in the cluster's common order, so that clients can recover here";
            gauge(encoder, "cluster_in_order", help, None, in_order)?;
            let backlog = as_gauge(standing.backlog);
            gauge(
                encoder,
                "cluster_backlog",
                "Bytes the other nodes are still to be told",
                Some(&Unit::Bytes),
                backlog,
            )?;
            let help = "How long what this node says takes to come back through Redis; growing while it does not";
            let lag = encoder.encode_descriptor("cluster_lag", help, Some(&Unit::Seconds), MetricType::Gauge)?;
            { lag }.encode_gauge(&standing.lag.as_secs_f64())?;
        }
        if let Some(spool) = self.spool {
            gauge(encoder, "spool_files", "Files in the spool", None, as_gauge(spool.files))?;
            let bytes = i64::try_from(spool.bytes).unwrap_or(i64::MAX);
            gauge(encoder, "spool", "Bytes in the spool", Some(&Unit::Bytes), bytes)?;
            let age = spool.age.map_or(0.0, |age| age.as_secs_f64());
            let help = "How long the oldest file in the spool has waited; 0 without files";
            let unit = Some(&Unit::Seconds);
            encoder.encode_descriptor("spool_age", help, unit, MetricType::Gauge)?.encode_gauge(&age)?;
        }
        Ok(())
    }

    fn histograms(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help =
            "Time of an event's way, by stage; publish_to_emit is all of it, from PHP's clock where it said a time";
        let mut family = encoder.encode_descriptor("stage", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (stage, reading) in &self.stages {
            let (sum, buckets) = buckets(reading);
            let labels = [("stage", *stage)];
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, reading.count(), &buckets, None)?;
        }
        let help = "Time of Laravel's answers to auth requests, waiting for a free place included, by result";
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor("auth_request", help, unit, MetricType::Histogram)?;
        for (result, reading) in &self.auth {
            let (sum, buckets) = buckets(reading);
            let labels = [("result", *result)];
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, reading.count(), &buckets, None)?;
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        encoder.encode_descriptor("build", "The running release", None, MetricType::Info)?.encode_info(&labels)?;
        self.counters(&mut encoder)?;
        self.gauges(&mut encoder)?;
        self.histograms(&mut encoder)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, unit: Option<&Unit>, value: i64) -> fmt::Result {
    encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
}

fn gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    values: impl IntoIterator<Item = (L, i64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in values {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// The sum in seconds, and upper bound and number of each bucket.
fn buckets(reading: &Reading) -> (f64, Vec<(f64, u64)>) {
    let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
    (reading.micros as f64 / 1e6, bounds.zip(reading.buckets.iter().copied()).collect())
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
