//! Stand-ins for unit tests.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    auth::{Ask, Authorizer, Verdict},
    channel::ChannelName,
    edge::{EmitError, Generation, Handshake, Packet, Socket, SocketId, Transport},
};

/// A socket that writes down what it is handed.
pub(crate) struct StubSocket {
    id: SocketId,
    handshake: Handshake,
    packets: Mutex<Vec<Packet>>,
}

impl StubSocket {
    pub(crate) fn new(id: &str) -> Arc<Self> {
        Self::with_headers(id, HeaderMap::new())
    }

    pub(crate) fn with_headers(id: &str, headers: HeaderMap) -> Arc<Self> {
        let handshake = Handshake { headers, peer: None, generation: Generation::V4 };
        Arc::new(Self { id: id.into(), handshake, packets: Mutex::default() })
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

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        self.packets.lock().push(packet.clone());
        Ok(())
    }

    fn close(&self) {}
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
            let member = ask.auth.get("user").map(|id| json!({"user_id": id}).as_object().cloned().unwrap());
            Verdict::Granted(member)
        })
    }
}
