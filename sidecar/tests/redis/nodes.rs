//! Two nodes that hear each other by the Redis under test.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use rustecho_sidecar::{
    channel::ChannelName,
    cluster::{Cluster, Here, NodeId, Part, RemoteEvent, Seat, Session, Turn},
    config::{ClusterConfig, RedisConfig},
    counters::Counters,
    publisher::{Came, Publish, Source},
    recovery::{Mark, PidHash},
};
use serde_json::{Map, Value, value::RawValue};
use tokio::task::JoinSet;

use crate::{
    servers::{Server, available, until},
    sidecar::at,
};

/// A node that notes what the others say.
pub(crate) struct Node {
    cluster: Arc<Cluster>,
    heard: Arc<Notes>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Here for Notes {
    fn event(&self, event: &RemoteEvent<'_>) {
        self.0.lock().push(event.event.to_owned());
    }

    fn whisper(&self, _: &str, _: &str, _: &RawValue, _: &str, _: Vec<Bytes>) {}
    fn joined(&self, _: NodeId, _: &ChannelName, _: &str, _: Map<String, Value>, _: Option<(Seat, Turn)>) {}
    fn left(&self, _: NodeId, _: &ChannelName, _: &str) {}
    fn replace(&self, _: NodeId, _: &ChannelName, _: Part) {}
    fn seated(&self, _: NodeId, _: &ChannelName, _: &str, _: &Seat, _: Turn) {}
    fn unseated(&self, _: &ChannelName, _: PidHash, _: u32) {}
    fn session(&self, _: NodeId, _: &Session, _: Turn) {}
    fn gone(&self, _: PidHash, _: u32) {}
    fn told_sessions(&self, _: NodeId, _: Option<u64>) {}
    fn account_sessions(&self, _: &mut dyn FnMut(Session)) {}
    fn missed(&self, _: &str) {}
    fn hush(&self, _: bool) {}
    fn reached(&self, _: Option<Mark>) {}

    fn has_members(&self, _: NodeId, _: &ChannelName) -> bool {
        false
    }

    fn member_channels(&self) -> Vec<ChannelName> {
        Vec::new()
    }

    fn members(&self, _: &ChannelName) -> Part {
        Part::new()
    }

    fn count(&self, _: Option<&str>) -> (u64, Vec<(String, u64)>) {
        (1, Vec::new())
    }
}

impl Node {
    fn start(redis: RedisConfig) -> Self {
        let lease = Duration::from_secs(2);
        let config = ClusterConfig { redis, lease, ..ClusterConfig::default() };
        let cluster = Arc::new(Cluster::new(config, 512, Arc::new(Counters::default())));
        let heard: Arc<Notes> = Arc::default();
        let here: Arc<dyn Here> = heard.clone();
        Self { _tasks: cluster.run(&Arc::downgrade(&here)), cluster, heard }
    }

    pub(crate) fn say(&self, event: &str) {
        let came = Came::now();
        let (source, channels, data) = (Source::Unix, vec!["orders"], RawValue::NULL);
        self.cluster.publish(
            &Publish { source, id: None, channels, event, data, except: None, came_as: None, came },
            None,
            || {},
        );
    }

    /// Waits until this is everything that was heard.
    pub(crate) async fn has_heard(&self, events: &[String]) {
        until(&format!("{} events are heard", events.len()), async || {
            let heard = self.heard.0.lock().clone();
            (heard.len() >= events.len()).then_some(heard)
        })
        .await;
        assert_eq!(*self.heard.0.lock(), events);
    }
}

/// Two nodes that have met.
pub(crate) async fn pair(redis: &RedisConfig) -> [Node; 2] {
    let nodes = [Node::start(redis.clone()), Node::start(redis.clone())];
    for node in &nodes {
        until("the nodes have met", async || (node.cluster.standing().peers == 1).then_some(())).await;
    }
    nodes
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("E{number}")).collect()
}

#[tokio::test]
async fn nodes_miss_nothing_when_redis_forgets_everything() {
    if !available() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let [one, two] = pair(&at(server.port())).await;
    let events = names(3_000);
    for (number, event) in events.iter().enumerate() {
        one.say(event);
        if number % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        match number {
            1_000 => server.kill(),
            1_500 => server.start_again().await,
            2_000 => server.ask::<()>("FLUSHALL"),
            _ => {}
        }
    }
    two.has_heard(&events).await;
    assert_eq!(one.cluster.count(None).await.0, 1);
    // a beat may be on its way at any moment
    until("nothing waits", async || (two.cluster.standing().backlog == 0).then_some(())).await;
}

#[tokio::test]
async fn who_starts_while_redis_is_away_hears_what_is_said_when_it_is_back() {
    if !available() {
        return;
    }
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let redis = at(server.port());
    let [one, two] = pair(&redis).await;
    one.say("before");
    two.has_heard(&["before".to_owned()]).await;
    server.kill();
    // Some of them would read later than the others write.
    let late: Vec<Node> = (0..6).map(|_| Node::start(redis.clone())).collect();
    for node in &late {
        until("it has tried", async || (node.cluster.standing().lag > Duration::from_millis(200)).then_some(())).await;
    }
    one.say("meanwhile");
    server.start_again().await;
    for node in &late {
        node.has_heard(&["meanwhile".to_owned()]).await;
    }
}
