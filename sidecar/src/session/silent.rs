//! Clients that have come and say nothing.
//!
//! laravel-echo up to 2.1.5 subscribes again after a reconnect when its *socket* emits `reconnect`, but since version 3
//! socket.io-client emits that on its manager: such a page would stay deaf. A page that comes back says nothing by itself, so a
//! silent socket is told `reconnect` once. It does nothing to a page without channels, nor to other clients. A page whose
//! session was recovered is told as well: a `subscribe` may have been lost with its connection, and those that were not lost are
//! answered from what is known.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::Session;
use crate::{
    edge::{Generation, Packet, Socket, SocketId},
    hub::Hub,
};

/// How long a client may say nothing before it is taken for a page that came back. Longer than the round trip in which a new
/// page's first `subscribe` arrives.
pub(super) const SILENCE: Duration = Duration::from_millis(800);

/// Those who came last, in the order of coming. One task looks after all of them: ten thousand that come at once would leave
/// holes between what stays in memory.
#[derive(Default)]
pub(super) struct Silent(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    clients: VecDeque<Newcomer>,
    is_watched: bool,
}

struct Newcomer {
    due: Instant,
    session: Weak<Session>,
    connection: SocketId,
}

impl Silent {
    /// Reminds the client of this socket, if it has not sent anything by then.
    pub(super) fn watch(self: &Arc<Self>, session: &Arc<Session>, socket: &dyn Socket, hub: &Arc<Hub>) {
        if socket.handshake().generation != Generation::V4 {
            return;
        }
        let mut waiting = self.0.lock();
        let (session, connection) = (Arc::downgrade(session), socket.id().clone());
        waiting.clients.push_back(Newcomer { due: Instant::now() + SILENCE, session, connection });
        if !std::mem::replace(&mut waiting.is_watched, true) {
            let (silent, hub) = (self.clone(), hub.clone());
            tokio::spawn(async move {
                while let Some(due) = silent.next() {
                    tokio::time::sleep_until(due).await;
                    silent.remind(&hub);
                }
            });
        }
    }

    /// When somebody is to be looked at; none when nobody is, and then nobody waits for it any more.
    fn next(&self) -> Option<Instant> {
        let mut waiting = self.0.lock();
        let due = waiting.clients.front().map(|first| first.due);
        if due.is_none() {
            *waiting = Waiting::default();
        }
        due
    }

    fn remind(&self, hub: &Hub) {
        let now = Instant::now();
        loop {
            let newcomer = {
                let mut waiting = self.0.lock();
                match waiting.clients.front() {
                    Some(first) if first.due <= now => waiting.clients.pop_front(),
                    _ => None,
                }
            };
            let Some(Newcomer { session, connection, .. }) = newcomer else { return };
            let Some(session) = session.upgrade() else { continue };
            let state = session.state.lock();
            if let (false, true, Some(socket)) = (state.heard, state.is_on(&connection), state.socket()) {
                hub.emit_to(socket.as_ref(), &subscribe_again());
            }
        }
    }
}

/// What such a client is told.
pub(super) fn subscribe_again() -> Packet {
    Packet::new("reconnect", &[RawValue::TRUE])
}
