//! Nodes that note what they are told, and a stream between them that a test writes and reads.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

use super::super::*;
use crate::{edge::SocketId, presence::Presence, publisher::Publish, recovery::PidHash, testing::channel};

/// The event that a node has a defect for.
pub(super) const DEFECT: &str = "a defect";

/// A node as the cluster sees it.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) presence: Presence,
    pub(super) events: Mutex<Vec<String>>,
    /// Per channel and user: told as here.
    pub(super) told: Mutex<BTreeMap<(String, String), bool>>,
}

impl Stage {
    pub(super) fn tell(&self, channel: &ChannelName, who: &Value, here: bool) {
        let user = who["user_id"].to_string();
        let before = self.told.lock().insert((channel.to_string(), user.clone()), here);
        assert_ne!(before.unwrap_or(false), here, "user {user} on {channel} told twice as {here}");
    }

    pub(super) fn users(&self) -> BTreeSet<(String, String)> {
        let all = self.presence.channels().into_iter().flat_map(|channel| {
            let members = self.presence.all(&channel);
            members.into_iter().map(move |member| (channel.to_string(), member["user_id"].to_string()))
        });
        all.collect()
    }
}

impl Here for Stage {
    fn event(&self, event: &RemoteEvent<'_>) {
        if event.event == DEFECT {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        self.events.lock().push(event.event.to_owned());
    }

    fn whisper(&self, _: &str, event: &str, _: &RawValue, _: &str, _: Vec<Bytes>) {
        self.events.lock().push(event.to_owned());
    }

    fn joined(
        &self,
        node: NodeId,
        channel: &ChannelName,
        socket: &str,
        member: Map<String, Value>,
        _: Option<(Seat, Turn)>,
    ) {
        let arrival = self.presence.with(channel, |members| members.join_elsewhere(node, &socket.into(), member));
        if let Some(who) = arrival.joining {
            self.tell(channel, &who, true);
        }
    }

    fn left(&self, node: NodeId, channel: &ChannelName, socket: &str) {
        let leaving = self.presence.with(channel, |members| members.leave_elsewhere(node, &socket.into()));
        if let Some(who) = leaving {
            self.tell(channel, &who, false);
        }
    }

    fn replace(&self, node: NodeId, channel: &ChannelName, members: Part) {
        let members = members.into_iter().map(|(socket, member)| (SocketId::from(socket.as_str()), member)).collect();
        let replaced = self.presence.with(channel, |all| all.replace(node, members));
        for who in &replaced.joining {
            self.tell(channel, who, true);
        }
        for who in &replaced.leaving {
            self.tell(channel, who, false);
        }
    }

    fn has_members(&self, node: NodeId, channel: &ChannelName) -> bool {
        self.presence.with(channel, |members| members.has_of(node))
    }

    fn member_channels(&self) -> Vec<ChannelName> {
        self.presence.channels()
    }

    fn members(&self, channel: &ChannelName) -> Part {
        self.presence.with(channel, |members| members.told())
    }

    fn seated(&self, _: NodeId, _: &ChannelName, _: &str, _: &Seat, _: Turn) {}

    fn unseated(&self, _: &ChannelName, _: PidHash, _: u32) {}

    fn session(&self, _: NodeId, _: &Session, _: Turn) {}

    fn gone(&self, _: PidHash, _: u32) {}

    fn told_sessions(&self, _: NodeId, _: Option<u64>) {}

    fn account_sessions(&self, _: &mut dyn FnMut(Session)) {}

    fn missed(&self, _: &str) {}

    fn hush(&self, _: bool) {}

    fn reached(&self, _: Option<Mark>) {}

    fn count(&self, _: Option<&str>) -> (u64, Vec<(String, u64)>) {
        (1, Vec::new())
    }
}

pub(super) struct Node {
    /// Which it is of all that have been started.
    pub(super) name: usize,
    pub(super) cluster: Arc<Cluster>,
    pub(super) stage: Arc<Stage>,
    /// How far it has read the stream.
    pub(super) read: usize,
    /// The events it has published.
    pub(super) published: Vec<String>,
}

impl Node {
    pub(super) fn hear_held(&self, now: Instant) {
        while self.cluster.gaps.lock().has_next() {
            self.cluster.hear_held(self.stage.as_ref(), now);
        }
    }
}

pub(super) struct World {
    started: usize,
    pub(super) nodes: Vec<Node>,
    /// None where Redis has forgotten.
    pub(super) stream: Vec<(u64, Option<Bytes>)>,
    pub(super) begun: Instant,
    pub(super) now: Instant,
}

impl World {
    pub(super) fn new(count: usize) -> Self {
        let mut world =
            Self { started: 0, nodes: Vec::new(), stream: Vec::new(), begun: Instant::now(), now: Instant::now() };
        for _ in 0..count {
            world.start();
        }
        world
    }

    pub(super) fn start(&mut self) {
        let cluster = Arc::new(Cluster::new(ClusterConfig::default(), 512, Arc::default()));
        let read = self.stream.len();
        self.nodes.push(Node { name: self.started, cluster, stage: Arc::default(), read, published: Vec::new() });
        self.started += 1;
    }

    /// A node says what it has to say, as far as it comes.
    pub(super) async fn write(&mut self, at: usize, count: usize) {
        let outbox = &self.nodes[at].cluster.outbox;
        let waiting = outbox.next(usize::MAX);
        let Ok(batch) = tokio::time::timeout(Duration::ZERO, waiting).await else { return };
        let count = count.min(batch.len());
        let millis = self.begun.elapsed().as_millis() as u64;
        self.stream.extend(batch.into_iter().take(count).map(|bytes| (millis, Some(bytes))));
        // It hears others before Redis answers.
        self.read(at, count / 2);
        self.nodes[at].cluster.outbox.said(count);
    }

    pub(super) fn read(&mut self, at: usize, count: usize) {
        let node = &mut self.nodes[at];
        for _ in 0..count {
            let Some((millis, entry)) = self.stream.get(node.read).cloned() else { return };
            node.read += 1;
            if let Some(bytes) = entry {
                let place = Place(millis, node.read as u64);
                node.cluster.hear(node.stage.as_ref(), place, &bytes, self.now);
                node.hear_held(self.now);
            }
        }
    }

    /// Redis loses what was said last.
    pub(super) fn forget(&mut self, last: usize) {
        let begin = self.stream.len().saturating_sub(last);
        self.stream[begin..].iter_mut().for_each(|entry| entry.1 = None);
    }

    /// Every node finds its connection broken, and Redis has forgotten something.
    pub(super) fn lost_redis(&self) {
        for node in &self.nodes {
            node.cluster.lost_redis(node.stage.as_ref(), false, self.now);
        }
    }

    /// A socket of a node joins or leaves; each user has two of them at every node.
    pub(super) fn change(&mut self, at: usize, socket: u8, join: bool) {
        let user = socket / 2;
        let node = &self.nodes[at];
        let (room, id) =
            (channel(&format!("presence-{}", user % 2)), format!("{:x}-{socket}", node.cluster.outbox.node().0));
        let mut member = Map::new();
        member.insert("user_id".into(), user.into());
        let (stage, to, socket) = (node.stage.clone(), room.clone(), SocketId::from(id.as_str()));
        let who = member.clone();
        let change = move || {
            stage.presence.with(&to, |members| {
                let told = if join { members.join(&socket, who).arrival.joining } else { members.leave(&socket) };
                if let Some(who) = told {
                    stage.tell(&to, &who, join);
                }
            });
        };
        if join {
            node.cluster.joined(&room, &id, member, None, move |_| change());
        } else {
            node.cluster.left(&room, &id, change);
        }
    }

    pub(super) fn publish(&mut self, at: usize) {
        let number = self.nodes[at].published.len();
        let name = format!("{}.{number}", self.nodes[at].name);
        let data = RawValue::from_string("1".into()).unwrap();
        let source = crate::publisher::Source::Unix;
        let (stage, own) = (self.nodes[at].stage.clone(), name.clone());
        self.nodes[at].cluster.publish(&publish(source, &name, &data), None, move || stage.events.lock().push(own));
        self.nodes[at].published.push(name);
    }

    /// Everybody beats, answers and reads until nothing is left to say.
    pub(super) async fn settle(&mut self) {
        for _ in 0..12 {
            tokio::time::advance(Duration::from_secs(1)).await;
            self.now = Instant::now();
            for node in &self.nodes {
                node.cluster.hurry(node.stage.as_ref(), self.now); // what Redis has lost of one's own
                node.hear_held(self.now);
            }
            for at in 0..self.nodes.len() {
                self.nodes[at].cluster.outbox.say(Body::Beat);
            }
            for _ in 0..6 {
                for at in 0..self.nodes.len() {
                    self.write(at, usize::MAX).await;
                }
                for at in 0..self.nodes.len() {
                    self.read(at, usize::MAX);
                    self.nodes[at].cluster.mind_gaps(self.now);
                    self.answer(at).await;
                }
            }
            for node in &self.nodes {
                let silent = node.cluster.state.lock().peers.silent(self.now);
                silent.into_iter().for_each(|of| _ = node.cluster.outbox.say(Body::Bury { of }));
            }
        }
    }

    /// What the task for accounts does.
    pub(super) async fn answer(&self, at: usize) {
        let node = &self.nodes[at];
        if tokio::time::timeout(Duration::ZERO, node.cluster.asked.notified()).await.is_ok() {
            assert!(node.cluster.give_account(node.stage.as_ref()));
        }
    }
}

pub(super) fn publish<'a>(source: crate::publisher::Source, event: &'a str, data: &'a RawValue) -> Publish<'a> {
    Publish {
        source,
        id: None,
        channels: vec!["orders"],
        event,
        data,
        except: None,
        came_as: None,
        came: crate::publisher::Came::now(),
    }
}
