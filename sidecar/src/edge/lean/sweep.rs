//! One walk over all connections instead of timers for each: heartbeats, stalls, clients that never CONNECT.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    Edge,
    clock::millis,
    conn::{Carrier, Conn, LastWord},
    engine::{self, Outgoing},
};
use crate::{
    bounds::Bound,
    edge::{DisconnectReason, Generation},
};

/// The pause between two walks is a part of the shortest time that is watched, within these bounds.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// What is due for one connection.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Ping,
    Timeout,
    Stalled,
    NeverConnected,
    /// It has ended, and no poll has come to learn of it.
    Forget,
}

/// Walks until the edge is gone.
pub(super) async fn sweep(edge: Weak<Edge>) {
    loop {
        let Some(pause) = edge.upgrade().map(|edge| edge.pause()) else { return };
        tokio::time::sleep(pause).await;
        let Some(edge) = edge.upgrade() else { return };
        edge.walk();
    }
}

impl Edge {
    fn pause(&self) -> Duration {
        let shortest = [self.config.ping_interval, self.config.ping_timeout, self.connect()];
        let stall = Duration::from_millis(self.rule.stall());
        let shortest = shortest.into_iter().min().unwrap_or(PAUSE.1).min(stall);
        (shortest / 8).clamp(PAUSE.0, PAUSE.1)
    }

    fn walk(&self) {
        let now = self.clock.now();
        for (conn, due) in self.table.choose(|conn| self.due(conn, now)) {
            conn.attend(&due, now);
        }
    }

    fn due(&self, conn: &Conn, now: u64) -> Option<Due> {
        let interval = millis(self.config.ping_interval);
        let timeout = millis(self.config.ping_timeout);
        let state = conn.state.lock();
        if state.ended.is_some() {
            let waited = now.saturating_sub(state.seen) > millis(self.bounds.farewell);
            return waited.then_some(Due::Forget);
        }
        let stalled = match &state.carrier {
            Carrier::Websocket(outbox) => outbox.is_stalled(now, self.rule.stall()),
            Carrier::Polling(_) | Carrier::Gone => false,
        };
        if stalled {
            Some(Due::Stalled)
        } else if now.saturating_sub(state.seen) > interval + timeout {
            Some(Due::Timeout)
        } else if !state.ever_joined && now.saturating_sub(state.opened) > millis(self.connect()) {
            Some(Due::NeverConnected)
        } else if conn.generation() == Generation::V4 && now.saturating_sub(state.pinged) >= interval {
            Some(Due::Ping)
        } else {
            None
        }
    }
}

impl Conn {
    fn attend(self: &Arc<Self>, due: &Due, now: u64) {
        match due {
            Due::Ping => {
                self.state.lock().pinged = now;
                self.send(Outgoing::Text(engine::PING));
            }
            Due::Timeout => {
                // Told first: whoever sees the connection closed shall find its channels left.
                self.state.lock().part(&self.edge, DisconnectReason::PingTimeout);
                self.tell();
                self.end(DisconnectReason::PingTimeout, LastWord::Close(None));
            }
            Due::Stalled => self.end(DisconnectReason::WriteTimeout, LastWord::Slow),
            Due::Forget => {
                self.edge.table.remove(&self.sid);
            }
            Due::NeverConnected => {
                let longest = self.edge.connect();
                self.edge.sessions.never_joined(longest, self.handshake.peer);
                self.end(DisconnectReason::TransportClose, LastWord::Over(Bound::Connect, millis(longest)));
            }
        }
    }
}
