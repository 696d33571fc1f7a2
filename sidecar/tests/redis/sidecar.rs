//! The parts of a sidecar that talk to Redis, with a socket that notes what it is emitted.

use std::sync::Arc;

use parking_lot::Mutex;
use rustecho_sidecar::{
    channel::ChannelName,
    config::{Config, Database, Limits, RedisConfig, RedisNodes},
    counters::Counters,
    devlog::DevLog,
    edge::{EmitError, Generation, Handshake, Headers, Packet, Socket, SocketId, Transport},
    hub::Hub,
    ingest::redis::RedisSource,
    presence::Presence,
    publisher::Publisher,
    store::{self, Store},
};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

use crate::servers::until;

pub(crate) struct Sidecar {
    pub(crate) counters: Arc<Counters>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ready: watch::Receiver<bool>,
    socket: Arc<Recorder>,
    source: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

/// A single server on this machine.
pub(crate) fn at(port: u16) -> RedisConfig {
    RedisConfig { nodes: RedisNodes::Single { host: "127.0.0.1".into(), port }, ..RedisConfig::default() }
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name, 512).unwrap()
}

impl Sidecar {
    /// Listens to Redis and keeps its lists there; a socket is subscribed to `orders`.
    pub(crate) fn start(redis: RedisConfig) -> Self {
        Self::with(Config { redis, database: Database::Redis, ..Config::default() })
    }

    pub(crate) fn with(config: Config) -> Self {
        let counters = Arc::new(Counters::default());
        let hub = Arc::new(Hub::new(counters.clone()));
        let socket = Arc::new(Recorder::new());
        hub.subscribe(&channel("orders"), socket.clone());
        let presence = Arc::new(Presence::default());
        let store = store::find(&config).unwrap().begin(&config, &presence, &counters);
        let dev = DevLog::new(false);
        let publisher = Arc::new(Publisher::new(hub, Limits::default(), counters.clone(), dev));
        let (up, ready) = watch::channel(false);
        let (stop, stopping) = watch::channel(false);
        let source = RedisSource { settings: config.redis, publisher, counters: counters.clone(), dev };
        let source = tokio::spawn(source.run(up, stopping));
        Self { counters, presence, store, ready, socket, source, _stop: stop }
    }

    /// Waits until the first subscription stands.
    pub(crate) async fn is_ready(&mut self) {
        let waiting = self.ready.wait_for(|up| *up);
        tokio::time::timeout(crate::servers::PATIENCE, waiting).await.unwrap().unwrap();
    }

    /// What the socket was emitted since the last time; they are forgotten.
    pub(crate) fn emitted(&self) -> Vec<String> {
        std::mem::take(&mut self.socket.packets.lock())
    }

    /// Publishes by `publish` until one arrives: a subscription that is just being made misses the first ones.
    pub(crate) async fn hears(&self, publish: impl Fn(&str)) {
        let message = r#"{"event":"E","data":{"n": 1.0},"socket":null}"#;
        until("an event from Redis is emitted", async || {
            publish(message);
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            self.emitted().pop()
        })
        .await;
    }

    pub(crate) fn join(&self, name: &str, socket: &str) {
        let member = json!({"user_id": socket, "user_info": []}).as_object().unwrap().clone();
        self.presence.with(&channel(name), |members| {
            members.join(&socket.into(), member);
            self.store.save(&channel(name), members);
        });
    }

    pub(crate) fn leave(&self, name: &str, socket: &str) {
        self.presence.with(&channel(name), |members| {
            members.leave(&socket.into());
            self.store.save(&channel(name), members);
        });
    }

    /// The list as the HTTP API reads it from the store.
    pub(crate) async fn listed(&self, name: &str) -> Option<Vec<Value>> {
        self.store.read(&channel(name)).await
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.source.abort();
    }
}

/// A list of members named as their sockets.
pub(crate) fn list(sockets: &[&str]) -> String {
    let members: Vec<String> =
        sockets.iter().map(|id| format!(r#"{{"user_id":"{id}","user_info":[],"socketId":"{id}"}}"#)).collect();
    format!("[{}]", members.join(","))
}

struct Recorder {
    id: SocketId,
    handshake: Handshake,
    packets: Mutex<Vec<String>>,
}

impl Recorder {
    fn new() -> Self {
        let handshake = Handshake { headers: Headers::default(), peer: None, generation: Generation::V4 };
        Self { id: "recorder".into(), handshake, packets: Mutex::default() }
    }
}

impl Socket for Recorder {
    fn id(&self) -> &SocketId {
        &self.id
    }

    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn transport(&self) -> Transport {
        Transport::Websocket
    }

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        self.packets.lock().push(String::from_utf8_lossy(packet.text()).into_owned());
        Ok(())
    }

    fn close(&self) {}
}
