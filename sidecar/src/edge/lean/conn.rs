//! One Engine.IO connection: its state, and the two things that may happen to it from anywhere, a packet to [`send`](super::send)
//! and its end.
//!
//! Everything that changes is behind one mutex that is never held while somebody else's code runs. What is to be told to
//! [`Sessions`](crate::edge::Sessions) is queued under that mutex and told outside of it, one call after another.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    task::{Context, Waker},
};

use bytes::BytesMut;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::{
    Edge,
    client::Client,
    engine::Outgoing,
    event::Partial,
    frame::{self, Opcode, Violation},
    outbox::{Outbox, Wrote},
    pipe::Pipe,
    poll::Poll,
};
use crate::{
    admission::Place,
    bounds::Bound,
    edge::{
        DisconnectReason, Generation, Handshake, Packet, Received, Socket as _, SocketId, Transport, packet::quote,
    },
    recovery::Trace,
};

/// The close code of a websocket whose client was over a bound.
const POLICY: u16 = 1008;

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
    /// Taken among all connections, until it ends.
    place: Option<Place>,
    /// Its socket in the default Socket.IO namespace.
    pub(super) joined: Option<Arc<Client>>,
    pub(super) ever_joined: bool,
    /// The numbered events it was written.
    pub(super) trace: Trace,
    /// A websocket is being probed.
    pub(super) upgrading: bool,
    /// The log has been told that events are dropped.
    pub(super) told_dropping: bool,
    pub(super) partial: Option<Box<Partial>>,
    calls: VecDeque<Call>,
    /// A session is being fetched for it.
    pub(super) awaiting: bool,
    /// Somebody is telling what is queued.
    pub(super) calling: bool,
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
    /// The same, with the bound that a message was over.
    TooBig,
    /// The same, with a bound on a time and where it is; when no poll waits, the next one gets the close packet.
    Over(Bound, u64),
    /// The same without a code; when no poll waits, or what waited has to go first, the next one gets the close packet.
    Orderly,
    /// It takes too little: what waits is thrown away for a sentence that names the bound, and a close frame or packet. There is a
    /// moment for it to take that.
    Slow,
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
        place: Option<Place>,
    ) -> Self {
        let now = edge.clock.now();
        let carrier = match pipe {
            Some(pipe) => Carrier::Websocket(Outbox::new(Arc::clone(pipe))),
            None => Carrier::Polling(Box::default()),
        };
        let state = State {
            carrier,
            ended: None,
            place,
            joined: None,
            ever_joined: false,
            trace: Trace::default(),
            upgrading: false,
            told_dropping: false,
            partial: None,
            calls: VecDeque::new(),
            awaiting: false,
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

    /// Bytes that wait until the client takes them.
    pub(super) fn queued(&self) -> usize {
        match &self.state.lock().carrier {
            Carrier::Polling(poll) => poll.queued(),
            Carrier::Websocket(outbox) => outbox.queued(),
            Carrier::Gone => 0,
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
        let (event, why) =
            if word == LastWord::Slow { self.last_sentence(&state, reason) } else { (None, String::new()) };
        match (&mut state.carrier, word) {
            (Carrier::Polling(poll), LastWord::Slow) => {
                let event = event.map(|packet| Outgoing::Text(packet.text_for(self.generation()).clone()));
                poll.cut_short(event, &self.edge.rule);
                awaited = !(poll.waiting && poll.is_empty());
                poll.wake();
            }
            (Carrier::Polling(poll), _) => {
                awaited = matches!(word, LastWord::Orderly | LastWord::Over(..)) && !(poll.waiting && poll.is_empty());
                poll.wake();
            }
            (Carrier::Websocket(outbox), LastWord::Nothing) => outbox.abandon(),
            (Carrier::Websocket(outbox), LastWord::Slow) => {
                let mut frames = BytesMut::new();
                if let Some(packet) = &event {
                    frames.extend_from_slice(packet.frame_for(self.generation()));
                }
                frames.extend_from_slice(&frame::encode(Opcode::Close, &POLICY.to_be_bytes(), why.as_bytes()));
                match outbox.cut_short(&frames.freeze(), &self.edge.rule, &self.edge.clock) {
                    Some(wrote) => stuck = wrote == Wrote::Stuck,
                    None => {
                        outbox.abandon();
                        state.ended = Some(LastWord::Nothing);
                    }
                }
            }
            (
                Carrier::Websocket(outbox),
                LastWord::Close(_) | LastWord::TooBig | LastWord::Over(..) | LastWord::Orderly,
            ) => {
                let (code, why) = match word {
                    LastWord::Close(code) => (code, String::new()),
                    LastWord::TooBig => (Some(Violation::TooBig as u16), self.edge.too_big()),
                    LastWord::Over(bound, limit) => (Some(POLICY), format!("over {} ({limit})", bound.key())),
                    _ => (None, String::new()),
                };
                let code = code.map(u16::to_be_bytes);
                let frame = frame::encode(Opcode::Close, code.as_ref().map_or(b"", |code| code), why.as_bytes());
                stuck = outbox.write(&frame, 0, &self.edge.rule, &self.edge.clock) == Wrote::Stuck;
            }
            (Carrier::Websocket(_), LastWord::Noop) | (Carrier::Gone, _) => {}
        }
        state.wake_reader();
        state.part(&self.edge, reason);
        if awaited {
            // As long as it is kept for its last words it takes its place: who ends its connections badly has no more of them.
            state.seen = self.edge.clock.now();
        } else {
            state.place = None;
        }
        drop(state);
        tracing::debug!(sid = &*self.sid, %reason, "connection ended");
        if matches!(reason, DisconnectReason::SlowClient | DisconnectReason::Crowded | DisconnectReason::WriteTimeout) {
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

    /// What a client that took too little is told of the bound it met: as an event where it cannot recover its session, for then it
    /// hears of it when it is back; and in any case as the reason of the close.
    fn last_sentence(&self, state: &State, reason: DisconnectReason) -> (Option<Packet>, String) {
        let why = self.edge.rule.sentence(reason).unwrap_or_default();
        let hears = state.joined.as_ref().is_some_and(|client| client.pid().is_none());
        let json = format!("{{\"message\":{}}}", quote(&format!("the connection was {why}")));
        let event = RawValue::from_string(json).ok().filter(|_| hears);
        (event.map(|json| Packet::new("rustecho:error", &[&json])), why)
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

    pub(super) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
