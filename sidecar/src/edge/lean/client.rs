//! A socket in the default Socket.IO namespace, as the rest of the sidecar sees it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::conn::{Conn, LastWord};
use crate::{
    bounds::Bound,
    edge::{DisconnectReason, EmitError, Generation, Handshake, Packet, Run, Socket, SocketId, Transport},
    recovery::{Heard, Trace},
};

/// One socket: lives from CONNECT to DISCONNECT or to the end of its connection.
pub(super) struct Client {
    id: SocketId,
    /// Of a client that can recover.
    pid: Option<Box<str>>,
    /// What it had heard before this session.
    heard: Heard,
    conn: Arc<Conn>,
    left: AtomicBool,
}

impl Client {
    pub(super) fn new(id: SocketId, pid: Option<&str>, heard: Heard, conn: Arc<Conn>) -> Self {
        Self { id, pid: pid.map(Into::into), heard, conn, left: AtomicBool::new(false) }
    }

    /// From now on nothing is sent to it.
    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

impl Socket for Client {
    fn id(&self) -> &SocketId {
        &self.id
    }

    fn handshake(&self) -> &Handshake {
        &self.conn.handshake
    }

    fn transport(&self) -> Transport {
        self.conn.transport()
    }

    // Newer clients have an id of the session beside that of the socket.
    fn is_id_secret(&self) -> bool {
        self.conn.handshake.generation == Generation::V3 && self.transport() == Transport::Polling
    }

    fn queued(&self) -> usize {
        self.conn.queued()
    }

    fn pid(&self) -> Option<&str> {
        self.pid.as_deref()
    }

    fn trace(&self) -> Trace {
        self.conn.trace()
    }

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        if self.left.load(Ordering::Relaxed) {
            self.conn.failed(packet);
            return Err(EmitError::Closed);
        }
        self.conn.emit(packet)
    }

    fn emit_missed(&self, packet: &Packet) -> Result<(), EmitError> {
        self.conn.emit_missed(packet)
    }

    fn emit_run(&self, run: &Run) -> Result<(), EmitError> {
        if self.left.load(Ordering::Relaxed) {
            run.packets().iter().for_each(|packet| self.conn.failed(packet));
            return Err(EmitError::Closed);
        }
        self.conn.emit_run(run)
    }

    fn heard(&self) -> Heard {
        self.heard
    }

    fn coming(&self) {
        self.conn.coming();
    }

    fn close(&self) {
        if !self.left.load(Ordering::Relaxed) {
            self.conn.end(DisconnectReason::ServerClose, LastWord::Orderly);
        }
    }

    fn close_over(&self, bound: Bound, limit: u64) {
        if !self.left.load(Ordering::Relaxed) {
            self.conn.end(DisconnectReason::ServerClose, LastWord::Over(bound, limit));
        }
    }
}
