//! What a client's packets do.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;

use super::{
    client::Client,
    conn::{Call, Conn, LastWord, State},
    engine::{self, Incoming, Outgoing},
    event::{self, Kind, Malformed, Partial},
    outbox::Wrote,
    sid,
};
use crate::edge::{DisconnectReason, Generation, Socket as _, SocketId, Transport};

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
            (Incoming::Binary(data), _) => return self.understood(&self.attachment(data)),
            (Incoming::Close, _) if via == Transport::Polling => {
                self.end(DisconnectReason::TransportClose, LastWord::Noop);
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

    /// Ends the connection because its client does not speak Engine.IO.
    pub(super) fn not_understood(self: &Arc<Self>) -> bool {
        self.end(DisconnectReason::ParseError, LastWord::Close(None));
        false
    }

    /// Joins the default namespace: at once in generation 3, by CONNECT in generation 4. [`Conn::tell`] has to follow.
    pub(super) fn join(self: &Arc<Self>, state: &mut State) -> Wrote {
        let (id, answer) = match self.generation() {
            // Socket.IO 2 has told its client already, together with the Engine.IO handshake.
            Generation::V3 => (SocketId::from(&*self.sid), None),
            Generation::V4 => {
                let id = sid::fresh();
                let answer = format!("40{{\"sid\":\"{id}\"}}");
                (SocketId::from(&*id), Some(Outgoing::Text(answer.into())))
            }
        };
        let wrote = answer.map_or(Wrote::Fine, |answer| self.put(state, answer));
        let client = Arc::new(Client::new(id, Arc::clone(self)));
        state.joined = Some(Arc::clone(&client));
        state.ever_joined = true;
        self.edge.joined.fetch_add(1, Ordering::Relaxed);
        state.call(Call::Connected(client));
        wrote
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
            (Kind::Connect, false) => wrote = self.join(&mut state),
            (Kind::Connect, true) | (Kind::Error, _) | (_, false) if strict => return Err(Malformed),
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
            (Kind::Connect | Kind::Disconnect | Kind::Ignored(_) | Kind::Error, _) => {}
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
            (Kind::Connect, Generation::V3) => format!("44{namespace},\"Invalid namespace\""),
            (Kind::Connect, Generation::V4) => format!("44{namespace},{{\"message\":\"Invalid namespace\"}}"),
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

    fn attachment(self: &Arc<Self>, data: Bytes) -> Result<(), Malformed> {
        let mut state = self.state.lock();
        let mut partial = state.partial.take().ok_or(Malformed)?;
        if !partial.take(data, self.edge.config.max_payload)? {
            state.partial = Some(partial);
            return Ok(());
        }
        let Some(id) = state.joined.as_ref().map(|client| client.id().clone()) else { return Ok(()) };
        if let Some(event) = partial.into_event() {
            state.call(Call::Received(id, event));
        }
        drop(state);
        self.tell();
        Ok(())
    }
}
