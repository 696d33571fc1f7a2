//! One Engine.IO connection: its state, and the two things that may happen to it from anywhere, a packet to send and its end.
//!
//! Everything that changes is behind one mutex that is never held while somebody else's code runs. What is to be told to
//! [`Sessions`](crate::edge::Sessions) is queued under that mutex and told outside of it, one call after another.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll as Ready, Waker},
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    Edge,
    client::Client,
    engine::{self, Outgoing},
    event::Partial,
    frame::{self, Opcode},
    outbox::{Outbox, Wrote},
    pipe::Pipe,
    poll::Poll,
};
use crate::edge::{
    DisconnectReason, EmitError, Generation, Handshake, Packet, Received, Socket as _, SocketId, Transport,
};

/// One Engine.IO connection.
pub(super) struct Conn {
    /// Its Engine.IO session id.
    pub(super) sid: Arc<str>,
    pub(super) edge: Arc<Edge>,
    pub(super) handshake: Handshake,
    pub(super) format: Format,
    pub(super) state: Mutex<State>,
}

/// How packets are put for this client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    /// No binary frames and bodies: `b64=1`.
    pub(super) base64: bool,
    /// Polling answers are calls of a script.
    pub(super) jsonp: bool,
}

pub(super) struct State {
    pub(super) carrier: Carrier,
    /// Set once it has ended.
    pub(super) ended: Option<LastWord>,
    /// Its socket in the default Socket.IO namespace.
    pub(super) joined: Option<Arc<Client>>,
    pub(super) ever_joined: bool,
    /// A websocket is being probed.
    pub(super) upgrading: bool,
    pub(super) partial: Option<Box<Partial>>,
    calls: VecDeque<Call>,
    calling: bool,
    /// The task that reads the websocket.
    pub(super) reader: Option<Waker>,
    /// When the client last said something, was last pinged, and came; milliseconds of the edge's clock.
    pub(super) seen: u64,
    pub(super) pinged: u64,
    pub(super) opened: u64,
}

/// What carries the packets to the client.
pub(super) enum Carrier {
    /// Boxed: a websocket, which most are, needs less.
    Polling(Box<Poll>),
    Websocket(Outbox),
    /// Its websocket is gone.
    Gone,
}

/// How a connection is taken leave of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastWord {
    /// As the client wished: a waiting poll ends with a noop.
    Noop,
    /// A close packet for a poll that waits, or a close frame with this code.
    Close(Option<u16>),
    /// The same without a code; when no poll waits the next one gets the close packet, after everything that waited.
    Orderly,
    /// Nothing: it would not be taken.
    Nothing,
}

/// One call of `Sessions`.
pub(super) enum Call {
    Connected(Arc<Client>),
    Received(SocketId, Received),
    Disconnected(SocketId, DisconnectReason),
}

impl Conn {
    pub(super) fn new(
        edge: &Arc<Edge>,
        sid: Arc<str>,
        handshake: Handshake,
        format: Format,
        pipe: Option<&Arc<Pipe>>,
    ) -> Self {
        let now = edge.clock.now();
        let carrier = match pipe {
            Some(pipe) => Carrier::Websocket(Outbox::new(Arc::clone(pipe))),
            None => Carrier::Polling(Box::default()),
        };
        let state = State {
            carrier,
            ended: None,
            joined: None,
            ever_joined: false,
            upgrading: false,
            partial: None,
            calls: VecDeque::new(),
            calling: false,
            reader: None,
            seen: now,
            pinged: now,
            opened: now,
        };
        Self { sid, edge: Arc::clone(edge), handshake, format, state: Mutex::new(state) }
    }

    pub(super) fn generation(&self) -> Generation {
        self.handshake.generation
    }

    pub(super) fn transport(&self) -> Transport {
        match self.state.lock().carrier {
            Carrier::Polling(_) => Transport::Polling,
            Carrier::Websocket(_) | Carrier::Gone => Transport::Websocket,
        }
    }

    /// Sends an event.
    pub(super) fn emit(self: &Arc<Self>, packet: &Packet) -> Result<(), EmitError> {
        let mut state = self.state.lock();
        let wrote = if state.ended.is_some() {
            return Err(EmitError::Closed);
        } else if let Carrier::Websocket(outbox) = &mut state.carrier {
            let mut wrote = outbox.write(packet.frame(), self.edge.queue_bound, &self.edge.clock);
            for attachment in packet.attachments() {
                if matches!(wrote, Wrote::Fine | Wrote::Stuck) {
                    let frame = self.frame(&Outgoing::Binary(attachment.clone()));
                    let next = outbox.write(&frame, self.edge.queue_bound, &self.edge.clock);
                    wrote = if next == Wrote::Fine { wrote } else { next };
                }
            }
            wrote
        } else {
            let parts = std::iter::once(Outgoing::Text(packet.text().clone()));
            let attachments = packet.attachments().iter().cloned().map(Outgoing::Binary);
            parts
                .chain(attachments)
                .map(|part| self.put(&mut state, part))
                .find(|wrote| *wrote != Wrote::Fine)
                .unwrap_or(Wrote::Fine)
        };
        drop(state);
        self.settle(wrote)
    }

    /// Sends one Engine.IO packet that is not an event; a connection that can't take it ends.
    pub(super) fn send(self: &Arc<Self>, packet: Outgoing) {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return;
        }
        let wrote = self.put(&mut state, packet);
        drop(state);
        // The caller learns of a failure by the connection's end.
        let _ = self.settle(wrote);
    }

    /// Puts a packet on its way. What comes back has to be settled, without the lock.
    pub(super) fn put(&self, state: &mut State, packet: Outgoing) -> Wrote {
        match &mut state.carrier {
            Carrier::Websocket(outbox) => outbox.write(&self.frame(&packet), self.edge.queue_bound, &self.edge.clock),
            Carrier::Polling(poll) => {
                if poll.push(packet, self.edge.queue_bound) {
                    Wrote::Fine
                } else {
                    Wrote::Full
                }
            }
            Carrier::Gone => Wrote::Broken,
        }
    }

    /// Does what the outcome of a write asks for.
    pub(super) fn settle(self: &Arc<Self>, wrote: Wrote) -> Result<(), EmitError> {
        match wrote {
            Wrote::Fine => Ok(()),
            Wrote::Stuck => {
                let conn = Arc::clone(self);
                self.edge.runtime.spawn(async move { conn.drain_outbox().await });
                Ok(())
            }
            Wrote::Full => {
                self.end(DisconnectReason::SlowClient, LastWord::Nothing);
                Err(EmitError::Full)
            }
            Wrote::Broken => {
                self.end(DisconnectReason::TransportClose, LastWord::Nothing);
                Err(EmitError::Closed)
            }
        }
    }

    fn frame(&self, packet: &Outgoing) -> Bytes {
        match (packet, self.generation()) {
            (Outgoing::Text(text), _) => frame::encode(Opcode::Text, b"", text),
            (Outgoing::Binary(data), generation) if self.format.base64 => {
                frame::encode(Opcode::Text, b"", engine::encode_base64(generation, data).as_bytes())
            }
            (Outgoing::Binary(data), Generation::V3) => frame::encode(Opcode::Binary, &[4], data),
            (Outgoing::Binary(data), Generation::V4) => frame::encode(Opcode::Binary, b"", data),
        }
    }

    async fn drain_outbox(self: Arc<Self>) {
        let drained = std::future::poll_fn(|context| {
            let mut state = self.state.lock();
            let Carrier::Websocket(outbox) = &mut state.carrier else { return Ready::Ready(Ok(())) };
            let drained = outbox.poll_drain(context, &self.edge.clock);
            if drained.is_ready() && state.ended.is_some() {
                // It waits for this before it goes.
                state.wake_reader();
            }
            drained
        });
        if drained.await.is_err() {
            self.end(DisconnectReason::TransportClose, LastWord::Nothing);
        }
    }

    /// Ends the connection, once. [`Sessions`](crate::edge::Sessions) is told from a task: the caller may hold locks.
    pub(super) fn end(self: &Arc<Self>, reason: DisconnectReason, word: LastWord) {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(word);
        state.partial = None;
        let mut stuck = false;
        let mut awaited = false;
        match (&mut state.carrier, word) {
            (Carrier::Polling(poll), _) => {
                awaited = word == LastWord::Orderly && !poll.waiting;
                poll.wake();
            }
            (Carrier::Websocket(outbox), LastWord::Nothing) => outbox.abandon(),
            (Carrier::Websocket(outbox), LastWord::Close(_) | LastWord::Orderly) => {
                let code =
                    if let LastWord::Close(Some(code)) = word { code.to_be_bytes().to_vec() } else { Vec::new() };
                let frame = frame::encode(Opcode::Close, b"", &code);
                stuck = outbox.write(&frame, self.edge.queue_bound, &self.edge.clock) == Wrote::Stuck;
            }
            (Carrier::Websocket(_), LastWord::Noop) | (Carrier::Gone, _) => {}
        }
        state.wake_reader();
        state.part(&self.edge, reason);
        if awaited {
            state.seen = self.edge.clock.now();
        }
        drop(state);
        tracing::debug!(sid = &*self.sid, %reason, "connection ended");
        if reason == DisconnectReason::SlowClient {
            self.edge.slow.fetch_add(1, Ordering::Relaxed);
        }
        if !awaited {
            self.edge.table.remove(&self.sid);
        }
        let conn = Arc::clone(self);
        self.edge.runtime.spawn(async move {
            conn.tell();
            if stuck {
                conn.drain_outbox().await;
            }
        });
    }

    /// Tells [`Sessions`](crate::edge::Sessions) what is queued, unless somebody is at it already.
    pub(super) fn tell(&self) {
        let mut state = self.state.lock();
        if state.calling {
            return;
        }
        state.calling = true;
        while let Some(call) = state.calls.pop_front() {
            drop(state);
            match call {
                Call::Connected(client) => self.edge.sessions.connected(client),
                Call::Received(id, event) => self.edge.sessions.received(&id, event),
                Call::Disconnected(id, reason) => self.edge.sessions.disconnected(&id, reason),
            }
            state = self.state.lock();
        }
        state.calls = VecDeque::new();
        state.calling = false;
    }
}

impl State {
    /// Queues a call; [`Conn::tell`] has to follow.
    pub(super) fn call(&mut self, call: Call) {
        self.calls.push_back(call);
    }

    /// Takes the socket out of the default namespace; [`Conn::tell`] has to follow.
    pub(super) fn part(&mut self, edge: &Edge, reason: DisconnectReason) {
        if let Some(client) = self.joined.take() {
            client.leave();
            edge.joined.fetch_sub(1, Ordering::Relaxed);
            self.call(Call::Disconnected(client.id().clone(), reason));
        }
    }

    /// Remembers who reads the websocket.
    pub(super) fn park_reader(&mut self, context: &Context<'_>) {
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            self.reader = Some(context.waker().clone());
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
