//! Stand-ins for unit tests.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    auth::{Ask, Authorizer, Verdict},
    channel::ChannelName,
    edge::{EmitError, Generation, Handshake, Headers, Packet, Socket, SocketId, Transport},
    recovery::{Heard, Trace},
};

/// A socket that writes down what it is handed.
pub(crate) struct StubSocket {
    id: SocketId,
    handshake: Handshake,
    packets: Mutex<Vec<Packet>>,
    pid: Option<String>,
    trace: Mutex<Trace>,
    broken: AtomicBool,
    heard: Heard,
}

impl StubSocket {
    pub(crate) fn new(id: &str) -> Arc<Self> {
        let handshake = Handshake { headers: Headers::default(), peer: None, generation: Generation::V4 };
        Arc::new(Self::whole(id.into(), handshake))
    }

    fn whole(id: SocketId, handshake: Handshake) -> Self {
        let (packets, trace, broken, heard) = Default::default();
        Self { id, handshake, packets, pid: None, trace, broken, heard }
    }

    /// One whose client can recover, and has been written this.
    pub(crate) fn recovering(id: SocketId, pid: &str, trace: Trace) -> Arc<Self> {
        let handshake = Handshake { headers: Headers::default(), peer: None, generation: Generation::V4 };
        Arc::new(Self { pid: Some(pid.into()), trace: Mutex::new(trace), ..Self::whole(id, handshake) })
    }

    /// One whose client has lost its session and says what it has heard last.
    pub(crate) fn that_heard(id: &str, heard: Heard) -> Arc<Self> {
        let handshake = Handshake { headers: Headers::default(), peer: None, generation: Generation::V4 };
        Arc::new(Self { pid: Some(id.into()), heard, ..Self::whole(id.into(), handshake) })
    }

    /// The packets so far; they are forgotten.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        std::mem::take(&mut *self.packets.lock())
    }

    /// From now on it takes nothing.
    pub(crate) fn cut(&self) {
        self.broken.store(true, Relaxed);
    }

    /// The offset its client would come back with.
    pub(crate) fn offset(&self) -> Option<String> {
        let packets = self.packets.lock();
        let last = packets.iter().rev().find(|packet| packet.number().is_some())?;
        let args: Vec<serde_json::Value> = serde_json::from_slice(&last.numbered_text()[2..]).ok()?;
        args.last()?.as_str().map(ToOwned::to_owned)
    }

    /// The packets so far, as text; they are forgotten.
    pub(crate) fn texts(&self) -> Vec<String> {
        let packets = std::mem::take(&mut *self.packets.lock());
        packets.iter().map(|packet| String::from_utf8_lossy(packet.text()).into_owned()).collect()
    }
}

impl Socket for StubSocket {
    fn id(&self) -> &SocketId {
        &self.id
    }

    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn transport(&self) -> Transport {
        Transport::Websocket
    }

    fn pid(&self) -> Option<&str> {
        self.pid.as_deref()
    }

    fn trace(&self) -> Trace {
        self.trace.lock().clone()
    }

    fn heard(&self) -> Heard {
        self.heard
    }

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        let (mut trace, broken) = (self.trace.lock(), self.broken.load(Relaxed));
        match packet.number() {
            Some(number) if broken => trace.failed(number),
            Some(number) => trace.wrote(number),
            None => {}
        }
        if broken {
            return Err(EmitError::Closed);
        }
        self.packets.lock().push(packet.clone());
        Ok(())
    }

    fn close(&self) {
        self.cut();
    }
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name, 512).unwrap()
}

pub(crate) fn packet(event: &str) -> Packet {
    Packet::new(event, &[])
}

/// A new folder that goes away with this value.
pub(crate) struct TempDir(std::path::PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rustecho-{name}-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Consents when the channel's name does not contain `secret`; `auth.user` is the member's id.
pub(crate) struct StubLaravel;

impl Authorizer for StubLaravel {
    fn authorise(&self, ask: Ask) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            if ask.channel.as_str().contains("slow") {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            if ask.channel.as_str().contains("secret") {
                return Verdict::Denied(403, String::new());
            }
            let member =
                ask.auth.pointer("/headers/user").map(|id| json!({"user_id": id}).as_object().cloned().unwrap());
            Verdict::Granted(member)
        })
    }

    fn url(&self, _: &Handshake) -> String {
        "http://laravel.test/broadcasting/auth".into()
    }
}
