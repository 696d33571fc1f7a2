//! What a client's packets do.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;

use super::{
    client::Client,
    conn::{Call, Conn, LastWord, State},
    engine::{self, Incoming, Outgoing},
    event::{self, Claimed, Kind, Malformed, Partial, TooBig},
    outbox::Wrote,
    sid,
};
use crate::{
    edge::{DisconnectReason, Generation, Socket as _, SocketId, Transport, packet::quote},
    recovery::{Claim, Heard, Pid, Trace},
};

impl Conn {
    /// Takes one Engine.IO packet. False when the connection has ended.
    pub(super) fn receive(self: &Arc<Self>, packet: Incoming<'_>, via: Transport) -> bool {
        let now = self.edge.clock.now();
        {
            let mut state = self.state.lock();
            if state.ended.is_some() {
                return false;
            }
            state.seen = now;
        }
        match (packet, self.generation()) {
            (Incoming::Ping(_), Generation::V3) => self.send(Outgoing::Text(engine::PONG)),
            (Incoming::Ping(_), Generation::V4) => {
                // In protocol 4 only the server pings.
                self.end(DisconnectReason::TransportError, LastWord::Close(None));
                return false;
            }
            (Incoming::Message(text), _) => return self.understood(&self.message(text)),
            (Incoming::Binary(data), _) => return self.attachment(data),
            (Incoming::Close, _) if via == Transport::Polling => {
                self.end(DisconnectReason::TransportClose, LastWord::Noop);
                return false;
            }
            // A client of generation 3 closes its websocket itself; the old server never looked at this packet there.
            (Incoming::Close, Generation::V4) => {
                self.end(DisconnectReason::TransportClose, LastWord::Close(None));
                return false;
            }
            (Incoming::Close | Incoming::Pong | Incoming::Upgrade | Incoming::Ignored, _) => {}
        }
        true
    }

    /// Ends the connection when its client does not speak Socket.IO.
    fn understood(self: &Arc<Self>, outcome: &Result<(), Malformed>) -> bool {
        if outcome.is_err() {
            self.end(DisconnectReason::ParseError, LastWord::Orderly);
        }
        outcome.is_ok()
    }

    /// Tells of a packet that is too large; the caller ends the connection.
    pub(super) fn oversized(&self) {
        self.edge.sessions.oversized(self.edge.config.max_payload, self.handshake.peer);
    }

    /// Ends the connection because its client does not speak Engine.IO.
    pub(super) fn not_understood(self: &Arc<Self>) -> bool {
        self.end(DisconnectReason::ParseError, LastWord::Close(None));
        false
    }

    /// Joins the default namespace: at once in generation 3, by CONNECT in generation 4. [`Conn::tell`] has to follow.
    pub(super) fn join(self: &Arc<Self>, state: &mut State, heard: Heard) -> Wrote {
        let begins = match self.generation() {
            Generation::V3 => None,
            Generation::V4 => self.edge.sessions.recovers(),
        };
        let pid = begins.map(|_| Pid::fresh());
        let id = match self.generation() {
            Generation::V3 => SocketId::from(&*self.sid),
            Generation::V4 => SocketId::from(&*sid::fresh()),
        };
        state.trace = Trace::starting_at(begins.unwrap_or_default());
        let (client, wrote) = self.open(state, id, pid.as_ref().map(Pid::as_str), heard);
        state.call(Call::Connected(client));
        wrote
    }

    /// Makes the socket and tells the client of it.
    fn open(
        self: &Arc<Self>,
        state: &mut State,
        id: SocketId,
        pid: Option<&str>,
        heard: Heard,
    ) -> (Arc<Client>, Wrote) {
        let answer = match (self.generation(), pid) {
            // Socket.IO 2 has told its client already, together with the Engine.IO handshake.
            (Generation::V3, _) => None,
            (Generation::V4, None) => Some(format!("40{{\"sid\":\"{id}\"}}")),
            (Generation::V4, Some(pid)) => Some(format!("40{{\"sid\":\"{id}\",\"pid\":{}}}", quote(pid))),
        };
        let wrote = answer.map_or(Wrote::Fine, |answer| self.put(state, Outgoing::Text(answer.into())));
        let client = Arc::new(Client::new(id, pid, heard, Arc::clone(self)));
        state.joined = Some(Arc::clone(&client));
        state.ever_joined = true;
        self.edge.joined.fetch_add(1, Ordering::Relaxed);
        (client, wrote)
    }

    /// Whether the session that a client wants has to be fetched from elsewhere first; then it joins when that is done.
    fn wait_for(self: &Arc<Self>, claimed: &Claimed) -> bool {
        let claim = Claim { pid: &claimed.pid, offset: claimed.offset.as_deref() };
        let Some(ready) = Arc::clone(&self.edge.sessions).prepare(claim) else { return false };
        self.state.lock().awaiting = true;
        let (conn, claimed) = (Arc::clone(self), Claimed { pid: claimed.pid.clone(), offset: claimed.offset.clone() });
        self.edge.runtime.spawn(async move {
            ready.await;
            conn.state.lock().awaiting = false;
            if conn.rejoin(&claimed) {
                return;
            }
            let mut state = conn.state.lock();
            if state.ended.is_none() && state.joined.is_none() {
                let wrote = conn.join(&mut state, claimed.heard());
                drop(state);
                // A failure shows in the connection's end.
                let _ = conn.settle(wrote);
                conn.tell();
            }
        });
        true
    }

    /// Joins with the session of an earlier connection. False when there is none to be had.
    fn rejoin(self: &Arc<Self>, claimed: &Claimed) -> bool {
        {
            let mut state = self.state.lock();
            // While the end of an earlier socket of this connection is being told, a new one cannot begin out of turn.
            if state.calling || state.ended.is_some() {
                return false;
            }
            // From here on, what happens to the connection is told after its beginning.
            state.calling = true;
        }
        let mut written = Wrote::Fine;
        let claim = Claim { pid: &claimed.pid, offset: claimed.offset.as_deref() };
        let recovered = self.edge.sessions.recover(claim, &mut |session| {
            let mut state = self.state.lock();
            if state.ended.is_some() {
                return None;
            }
            state.trace = session.trace;
            let (client, wrote) = self.open(&mut state, session.id, Some(&claimed.pid), Heard::Unknown);
            written = wrote;
            Some(client)
        });
        self.state.lock().calling = false;
        // A failure shows in the connection's end.
        let _ = self.settle(written);
        self.tell();
        recovered
    }

    fn message(self: &Arc<Self>, text: &str) -> Result<(), Malformed> {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return Ok(());
        }
        if state.partial.is_some() {
            return Err(Malformed);
        }
        let Some(packet) = event::decode(self.generation(), text)? else { return Ok(()) };
        if packet.namespace != "/" {
            drop(state);
            return self.elsewhere(packet.namespace, &packet.kind);
        }
        let mut wrote = Wrote::Fine;
        let strict = self.generation() == Generation::V4;
        match (packet.kind, state.joined.is_some()) {
            (Kind::Connect(_), false) if strict && state.awaiting => return Err(Malformed),
            (Kind::Connect(Some(claimed)), false) if strict => {
                drop(state);
                if self.wait_for(&claimed) {
                    return Ok(());
                }
                if self.rejoin(&claimed) {
                    return Ok(());
                }
                state = self.state.lock();
                if state.ended.is_none() {
                    wrote = self.join(&mut state, claimed.heard());
                }
            }
            (Kind::Connect(_), false) => wrote = self.join(&mut state, Heard::Unknown),
            (Kind::Connect(_), true) | (Kind::Error, _) | (_, false) if strict => return Err(Malformed),
            (Kind::Event(event, attachments), joined) => {
                if attachments > 0 {
                    state.partial = Some(Box::new(Partial::new(joined.then_some(event), attachments)));
                } else if let Some(client) = &state.joined {
                    let id = client.id().clone();
                    state.call(Call::Received(id, event));
                }
            }
            (Kind::Ignored(attachments), _) if attachments > 0 => {
                state.partial = Some(Box::new(Partial::new(None, attachments)));
            }
            (Kind::Disconnect, true) => state.part(&self.edge, DisconnectReason::ClientNamespaceDisconnect),
            (Kind::Connect(_) | Kind::Disconnect | Kind::Ignored(_) | Kind::Error, _) => {}
        }
        drop(state);
        // A failure shows in the connection's end.
        let _ = self.settle(wrote);
        self.tell();
        Ok(())
    }

    /// A packet for a namespace that does not exist.
    fn elsewhere(self: &Arc<Self>, namespace: &str, kind: &Kind) -> Result<(), Malformed> {
        let answer = match (kind, self.generation()) {
            (Kind::Connect(_), Generation::V3) => format!("44{namespace},\"Invalid namespace\""),
            (Kind::Connect(_), Generation::V4) => format!("44{namespace},{{\"message\":\"Invalid namespace\"}}"),
            (Kind::Event(_, attachments) | Kind::Ignored(attachments), Generation::V3) => {
                if *attachments > 0 {
                    self.state.lock().partial = Some(Box::new(Partial::new(None, *attachments)));
                }
                return Ok(());
            }
            (Kind::Disconnect | Kind::Error, Generation::V3) => return Ok(()),
            (_, Generation::V4) => return Err(Malformed),
        };
        self.send(Outgoing::Text(answer.into()));
        Ok(())
    }

    /// Takes an attachment. False when the connection has ended.
    fn attachment(self: &Arc<Self>, data: Bytes) -> bool {
        let mut state = self.state.lock();
        let Some(mut partial) = state.partial.take() else {
            drop(state);
            return self.understood(&Err(Malformed));
        };
        match partial.take(data, self.edge.config.max_payload) {
            Err(TooBig) => {
                drop(state);
                self.oversized();
                self.end(DisconnectReason::TransportError, LastWord::TooBig);
                return false;
            }
            Ok(false) => state.partial = Some(partial),
            Ok(true) => {
                let id = state.joined.as_ref().map(|client| client.id().clone());
                if let Some((id, event)) = id.zip(partial.into_event()) {
                    state.call(Call::Received(id, event));
                }
            }
        }
        drop(state);
        self.tell();
        true
    }
}
