//! Nodes, the stream between them, and pages that go from one to the other.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde_json::{Value, value::RawValue};

use super::super::*;
use crate::{
    bounds::Refusals,
    config::{Limits, Live, RecoveryConfig},
    devlog::DevLog,
    edge::{DisconnectReason, Received, Sessions, Socket as _},
    hub::{Hub, Later},
    presence::Presence,
    publisher::{Came, Publish, Publisher, Source},
    recovery::{Claim, Epoch, History, Trace},
    session::{Clients, Context, Lingering},
    store::Memory,
    testing::{StubLaravel, StubSocket},
};

/// The publisher whom every node hears by itself, among the names of the nodes.
pub(super) const LEGACY: usize = 1_000_000;

pub(super) const CHANNELS: [&str; 3] = ["x", "y", "presence-z"];

/// A whole node but for its edge and its Redis.
pub(super) struct Node {
    /// A number that no other node has had.
    pub(super) name: usize,
    pub(super) cluster: Arc<Cluster>,
    pub(super) local: Local,
    pub(super) read: usize,
    /// Channels and numbers of what a legacy publisher has published, on their way here.
    pub(super) wire: VecDeque<(String, u64)>,
}

pub(super) struct Page {
    pub(super) pid: String,
    pub(super) id: String,
    pub(super) node: usize,
    pub(super) socket: Arc<StubSocket>,
    pub(super) offset: Option<String>,
    /// Per channel and publisher the numbers it has heard.
    pub(super) heard: BTreeMap<(String, String), Vec<u64>>,
}

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) begun: Instant,
    pub(super) stream: Vec<(u64, Option<Bytes>)>,
    pub(super) pages: Vec<Page>,
    pub(super) started: usize,
    /// Per channel and publisher.
    pub(super) published: BTreeMap<(String, usize), u64>,
    pub(super) recovered: usize,
    /// Redis has, and perhaps not everybody has been told again what.
    pub(super) has_forgotten: bool,
}

impl Node {
    fn hear_held(&self) {
        while self.cluster.gaps.lock().has_next() {
            self.cluster.hear_held(&self.local, Instant::now());
        }
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            begun: Instant::now(),
            stream: Vec::new(),
            pages: Vec::new(),
            started: 0,
            published: BTreeMap::new(),
            recovered: 0,
            has_forgotten: false,
        };
        for _ in 0..3 {
            world.start();
        }
        world.settle().await;
        for page in 0..4 {
            world.visit(page % 3);
        }
        world.settle().await;
        world
    }

    pub(super) fn start(&mut self) {
        self.begin();
        self.nodes[self.nodes.len() - 1].cluster.overhears(false);
    }

    /// A node begins that does not hear legacy publishers yet.
    fn begin(&mut self) {
        let counters = Arc::new(Counters::default());
        let history = History::new(RecoveryConfig::default(), Epoch::fresh(), 0);
        let hub = Arc::new(Hub::new(counters.clone()).keeping(Some(history)));
        let cluster = Arc::new(Cluster::new(ClusterConfig::default(), 512, counters.clone()));
        let dev = DevLog::new(false);
        let live = Live::from(Limits::default());
        let publisher = Publisher::new(hub.clone(), live.clone(), counters.clone(), dev);
        let publisher = Arc::new(publisher.in_cluster(Some(cluster.clone())));
        let presence = Arc::new(Presence::default());
        let clients = Arc::new(Clients::new(Arc::new(Context {
            hub: hub.clone(),
            presence: presence.clone(),
            store: Arc::new(Memory),
            authorizer: Arc::new(StubLaravel),
            cluster: Some(cluster.clone()),
            lingering: Lingering::new(Duration::ZERO),
            settings: live,
            refusals: Arc::new(Refusals::new(counters.clone())),
            counters,
            dev,
            tail: Arc::default(),
        })));
        let local = Local { hub, presence, publisher, clients };
        let wire = VecDeque::new();
        self.nodes.push(Node { name: self.started, cluster, local, read: self.stream.len(), wire });
        self.started += 1;
    }

    pub(super) async fn write(&mut self, at: usize, count: usize) {
        let outbox = &self.nodes[at].cluster.outbox;
        let Ok(batch) = tokio::time::timeout(Duration::ZERO, outbox.next(usize::MAX)).await else { return };
        let count = count.min(batch.len());
        let millis = self.begun.elapsed().as_millis() as u64;
        self.stream.extend(batch.into_iter().take(count).map(|bytes| (millis, Some(bytes))));
        outbox.said(count);
    }

    pub(super) fn read(&mut self, at: usize, count: usize) {
        for _ in 0..count {
            let node = &mut self.nodes[at];
            let Some((millis, entry)) = self.stream.get(node.read).cloned() else { return };
            node.read += 1;
            if let Some(bytes) = entry {
                let place = Place(millis, node.read as u64);
                node.cluster.hear(&node.local, place, &bytes, Instant::now());
                node.hear_held();
            }
        }
    }

    /// A legacy publisher publishes; those alike cannot be told apart.
    pub(super) fn publish_legacy(&mut self, channel: &str) {
        let number = self.published.entry((channel.to_owned(), LEGACY)).or_default();
        self.nodes.iter_mut().for_each(|node| node.wire.push_back((channel.to_owned(), *number)));
        *number += 1;
    }

    /// A node hears some of what it has published.
    pub(super) fn overhear(&mut self, at: usize, count: usize) {
        let node = &mut self.nodes[at];
        for (channel, number) in node.wire.drain(..count.min(node.wire.len())).collect::<Vec<_>>() {
            let data = RawValue::from_string(format!("[{LEGACY},{number}]")).unwrap();
            let publish = publish(Source::Redis, "E", &data);
            let publish = Publish { channels: vec![channel.as_str()], ..publish };
            node.local.publisher.publish_later(&publish, &mut Later::default()).unwrap();
        }
    }

    /// So much time passes, and everybody notices.
    pub(super) async fn pass(&mut self, millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
        for node in &self.nodes {
            node.cluster.hurry(&node.local, Instant::now());
        }
    }

    /// Everybody says and hears everything there is.
    pub(super) async fn exchange(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.overhear(at, usize::MAX));
        for _ in 0..4 {
            for at in 0..self.nodes.len() {
                self.write(at, usize::MAX).await;
            }
            for at in 0..self.nodes.len() {
                self.read(at, usize::MAX);
                let node = &self.nodes[at];
                node.cluster.mind_gaps(Instant::now());
                if tokio::time::timeout(Duration::ZERO, node.cluster.asked.notified()).await.is_ok()
                    && !node.cluster.give_account(&node.local)
                {
                    node.cluster.asked.notify_one();
                }
            }
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(super) async fn settle(&mut self) {
        self.exchange().await;
        for _ in 0..12 {
            tokio::time::advance(Duration::from_secs(1)).await;
            for node in &self.nodes {
                node.cluster.hurry(&node.local, Instant::now()); // what Redis has lost of one's own
                node.hear_held();
                node.cluster.outbox.say(Body::Beat);
            }
            self.exchange().await;
            for node in &self.nodes {
                let silent = node.cluster.state.lock().peers.silent(Instant::now());
                silent.into_iter().for_each(|of| _ = node.cluster.outbox.say(Body::Bury { of }));
            }
        }
        self.listen();
    }

    pub(super) fn connect(&self, at: usize, id: &str, pid: &str) -> Arc<StubSocket> {
        let clients = &self.nodes[at].local.clients;
        let begun = clients.recovers().unwrap();
        let socket = StubSocket::recovering(id.into(), pid, Trace::starting_at(begun));
        clients.connected(socket.clone());
        for name in CHANNELS {
            let payload = serde_json::json!({"channel": name, "auth": {"headers": {"user": id}}});
            let event = Received { name: "subscribe".into(), args: vec![payload], attachments: vec![] };
            clients.received(socket.id(), event);
        }
        socket
    }

    pub(super) fn visit(&mut self, at: usize) {
        let id = format!("{:x}", rand::random::<u64>());
        let pid = format!("secret {id}");
        let socket = self.connect(at, &id, &pid);
        self.pages.push(Page { pid, id, node: at, socket, offset: None, heard: BTreeMap::new() });
    }

    pub(super) fn publish(&mut self, at: usize, channel: &str) {
        let node = &self.nodes[at];
        let number = self.published.entry((channel.to_owned(), node.name)).or_default();
        let data = RawValue::from_string(format!("[{},{number}]", node.name)).unwrap();
        *number += 1;
        let publish = Publish {
            source: Source::Http,
            id: None,
            channels: vec![channel],
            event: "E",
            data: &data,
            except: None,
            came_as: None,
            came: Came::now(),
        };
        node.local.publisher.publish_later(&publish, &mut Later::default()).unwrap();
    }

    /// The pages take what they were sent.
    pub(super) fn listen(&mut self) {
        for page in &mut self.pages {
            page.take(usize::MAX);
        }
    }

    /// A page loses its connection after it has taken `seen` of what it was sent, and comes back at node `to`.
    pub(super) async fn go(&mut self, page: usize, to: usize, seen: usize, noticed: bool) -> bool {
        self.pages[page].take(seen);
        let (pid, offset) = (self.pages[page].pid.clone(), self.pages[page].offset.clone());
        let from = self.pages[page].node;
        self.pages[page].socket.cut();
        if noticed && let Some(node) = self.nodes.get(from) {
            node.local.clients.disconnected(self.pages[page].socket.id(), DisconnectReason::TransportClose);
        }
        let claim = || Claim { pid: &pid, offset: offset.as_deref() };
        let clients = self.nodes[to].local.clients.clone();
        if let Some(ready) = clients.clone().prepare(claim()) {
            let fetched = tokio::spawn(ready);
            for round in 0..20 {
                self.exchange().await;
                if fetched.is_finished() {
                    break;
                }
                if round > 10 {
                    tokio::time::advance(CLAIM).await;
                }
            }
        }
        let mut socket = None;
        let recovered = clients.recover(claim(), &mut |session| {
            let opened = StubSocket::recovering(session.id, &pid, session.trace);
            socket = Some(opened.clone());
            Some(opened)
        });
        match socket {
            Some(socket) => {
                assert!(recovered);
                assert_eq!(socket.id().as_str(), self.pages[page].id);
                let page = &mut self.pages[page];
                (page.node, page.socket) = (to, socket);
                self.recovered += 1;
            }
            None => {
                let id = format!("{:x}", rand::random::<u64>());
                let pid = format!("secret {id}");
                let socket = self.connect(to, &id, &pid);
                self.pages[page] = Page { pid, id, node: to, socket, offset: None, heard: BTreeMap::new() };
            }
        }
        recovered
    }

    /// A node is killed; another starts in its place.
    pub(super) async fn kill(&mut self, at: usize) {
        self.nodes.remove(at);
        self.start();
        self.leave(at).await;
        self.settle().await;
    }

    /// A node is stopped when it has said everything; another goes on in its place, and has all of its clients but these pages.
    pub(super) async fn restart(&mut self, at: usize) {
        if std::mem::take(&mut self.has_forgotten) {
            // What Redis loses before anybody has read it, and whose node stops then, is lost.
            self.settle().await;
        }
        self.write(at, usize::MAX).await;
        let node = self.nodes.remove(at);
        node.cluster.hear_out(&node.local);
        let millis = node.read.checked_sub(1).map_or(0, |last| self.stream[last].0);
        *node.cluster.place.lock() = Some(Place(millis, node.read as u64));
        let left = node.cluster.leaves().unwrap();
        self.begin();
        let new = self.nodes.len() - 1;
        self.nodes[new].cluster.resume(&left);
        self.nodes[new].read = node.read;
        self.read(new, usize::MAX);
        self.nodes[new].cluster.overhears(false);
        for node in &self.nodes {
            node.cluster.outbox.say(Body::Beat);
        }
        self.leave(at).await;
        self.exchange().await;
    }

    /// The pages of a node that is gone, another being there instead of it, go to the first.
    async fn leave(&mut self, at: usize) {
        let new = self.nodes.len() - 1;
        let gone: Vec<_> = (0..self.pages.len()).filter(|page| self.pages[*page].node == at).collect();
        for page in &mut self.pages {
            page.node = if page.node == at { usize::MAX } else { page.node - usize::from(page.node > at) };
        }
        assert!(new > 0);
        for page in gone {
            self.go(page, 0, usize::MAX, false).await;
        }
    }

    pub(super) fn check(&self) {
        for page in &self.pages {
            for ((channel, from), numbers) in &page.heard {
                let expected: Vec<u64> = (numbers[0]..numbers[0] + numbers.len() as u64).collect();
                assert_eq!(numbers, &expected, "page {} on {channel} of {from}", page.id);
            }
            for name in self.nodes.iter().map(|node| node.name).chain([LEGACY]) {
                for channel in CHANNELS {
                    let published = self.published.get(&(channel.to_owned(), name)).copied().unwrap_or_default();
                    if let Some(numbers) = page.heard.get(&(channel.to_owned(), name.to_string())) {
                        assert_eq!(numbers.last(), Some(&(published - 1)), "page {} on {channel}", page.id);
                    }
                }
            }
        }
    }
}

impl Page {
    pub(super) fn take(&mut self, most: usize) {
        for packet in self.socket.packets().into_iter().take(most) {
            let text: Value = serde_json::from_slice(&packet.numbered_text()[2..]).unwrap();
            if packet.number().is_some() {
                self.offset = text.as_array().and_then(|args| args.last()?.as_str()).map(ToOwned::to_owned);
            }
            if text[0] == "E" {
                let from = (text[1].as_str().unwrap().to_owned(), text[2][0].to_string());
                self.heard.entry(from).or_default().push(text[2][1].as_u64().unwrap());
            }
        }
    }
}
