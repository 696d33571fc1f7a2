//! What is sent to one client: put for its transport, written at once or behind what waits, and what comes of it.

use std::{sync::Arc, task::Poll as Ready};

use bytes::{Bytes, BytesMut};

use super::{
    conn::{Carrier, Conn, LastWord, State},
    engine::{self, Outgoing},
    frame::{self, Opcode},
    outbox::{ENTRY, Wrote},
};
use crate::{
    edge::{DisconnectReason, EmitError, Generation, Packet, Run},
    prefetch,
    recovery::Trace,
};

impl Conn {
    /// An event is about to be sent.
    #[inline]
    pub(super) fn coming(&self) {
        prefetch::fetch(&self.edge);
        prefetch::fetch(&self.handshake.generation);
        prefetch::fetch(&self.state);
    }

    /// Sends an event.
    pub(super) fn emit(self: &Arc<Self>, packet: &Packet) -> Result<(), EmitError> {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            state.note(packet, Wrote::Broken);
            return Err(EmitError::Closed);
        }
        let (edge, generation) = (&self.edge, self.generation());
        let wrote = match &mut state.carrier {
            Carrier::Websocket(outbox) if packet.attachments().is_empty() => {
                outbox.write(packet.frame_for(generation), 1, &edge.rule, &edge.clock)
            }
            Carrier::Websocket(outbox) => outbox.write(&self.frames(packet), 1, &edge.rule, &edge.clock),
            Carrier::Polling(poll) => {
                let attachments = packet.attachments().iter().cloned().map(Outgoing::Binary);
                let text = Outgoing::Text(packet.text_for(generation).clone());
                poll.push_event(std::iter::once(text).chain(attachments), &edge.rule)
            }
            Carrier::Gone => Wrote::Broken,
        };
        state.note(packet, wrote);
        drop(state);
        self.settle(wrote)
    }

    /// Sends an event of which the history holds the bytes in any case: it may wait beyond the bound of the queue.
    pub(super) fn emit_missed(self: &Arc<Self>, packet: &Packet) -> Result<(), EmitError> {
        let attached: usize =
            packet.attachments().iter().map(|bytes| frame::HEAD_ROOM + bytes.len().div_ceil(3) * 4).sum();
        let entries = (1 + packet.attachments().len()) * ENTRY;
        self.state.lock().carrier.allow(packet.frame_for(self.generation()).len() + attached + entries);
        self.emit(packet)
    }

    /// An event will not be written.
    pub(super) fn failed(&self, packet: &Packet) {
        self.state.lock().note(packet, Wrote::Broken);
    }

    /// The numbered events it was written.
    pub(super) fn trace(&self) -> Trace {
        self.state.lock().trace.clone()
    }

    /// Sends several events; on a websocket by one write.
    pub(super) fn emit_run(self: &Arc<Self>, run: &Run) -> Result<(), EmitError> {
        let mut state = self.state.lock();
        if state.ended.is_none()
            && let Carrier::Websocket(outbox) = &mut state.carrier
            && let Some(frames) = run.frames(self.handshake.generation)
        {
            let wrote = outbox.write(frames, run.packets().len() as u64, &self.edge.rule, &self.edge.clock);
            state.note_run(run, wrote);
            drop(state);
            return self.settle(wrote);
        }
        drop(state);
        // Each of them, also after one that fails: what is not written has to be noted.
        run.packets().iter().map(|packet| self.emit(packet)).fold(Ok(()), Result::and)
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
            Carrier::Websocket(outbox) => outbox.write(&self.frame(&packet), 0, &self.edge.rule, &self.edge.clock),
            Carrier::Polling(poll) => poll.push(packet, &self.edge.rule),
            Carrier::Gone => Wrote::Broken,
        }
    }

    /// Does what the outcome of a write asks for.
    #[inline]
    pub(super) fn settle(self: &Arc<Self>, wrote: Wrote) -> Result<(), EmitError> {
        if wrote == Wrote::Fine { Ok(()) } else { self.settle_late(wrote) }
    }

    #[cold]
    fn settle_late(self: &Arc<Self>, wrote: Wrote) -> Result<(), EmitError> {
        match wrote {
            Wrote::Fine => Ok(()),
            Wrote::Dropped(events) => {
                self.edge.sessions.dropped(events);
                if !std::mem::replace(&mut self.state.lock().told_dropping, true) {
                    tracing::info!(
                        sid = &*self.sid,
                        "a slow client misses events: the oldest of its queue make room for new ones"
                    );
                }
                Ok(())
            }
            Wrote::Stuck => {
                let conn = Arc::clone(self);
                self.edge.runtime.spawn(async move { conn.drain_outbox().await });
                Ok(())
            }
            Wrote::Full => {
                self.end(DisconnectReason::SlowClient, LastWord::Slow);
                Err(EmitError::Full)
            }
            Wrote::Crowded => {
                self.end(DisconnectReason::Crowded, LastWord::Slow);
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

    /// The frames of an event with attachments, one behind the other.
    fn frames(&self, packet: &Packet) -> Bytes {
        let mut frames = BytesMut::from(&packet.frame_for(self.generation())[..]);
        for attachment in packet.attachments() {
            frames.extend_from_slice(&self.frame(&Outgoing::Binary(attachment.clone())));
        }
        frames.freeze()
    }

    /// The body of a polling answer, counted until it is written.
    pub(super) fn unsent(&self, body: Vec<u8>) -> Bytes {
        match &mut self.state.lock().carrier {
            Carrier::Polling(poll) => poll.unsent(body, &self.edge.rule),
            Carrier::Websocket(_) | Carrier::Gone => body.into(),
        }
    }

    pub(super) async fn drain_outbox(self: Arc<Self>) {
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
}

impl Carrier {
    /// So many bytes may wait beyond the bound of the queue.
    pub(super) fn allow(&mut self, bytes: usize) {
        match self {
            Self::Polling(poll) => poll.allow(bytes),
            Self::Websocket(outbox) => outbox.allow(bytes),
            Self::Gone => {}
        }
    }
}

impl State {
    /// Notes what became of a numbered event.
    fn note(&mut self, packet: &Packet, wrote: Wrote) {
        match (packet.number(), wrote) {
            (Some(number), Wrote::Fine | Wrote::Stuck | Wrote::Dropped(_)) => self.trace.wrote(number),
            (Some(number), Wrote::Full | Wrote::Crowded | Wrote::Broken) => self.trace.failed(number),
            (None, _) => {}
        }
    }

    /// The same for events that share a write.
    #[inline]
    fn note_run(&mut self, run: &Run, wrote: Wrote) {
        match run.numbers() {
            Some((first, last)) if wrote == Wrote::Fine && first > self.trace.last() => self.trace.wrote(last),
            _ => run.packets().iter().for_each(|packet| self.note(packet, wrote)),
        }
    }
}
