//! A socket in the default Socket.IO namespace, as the rest of the sidecar sees it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::conn::{Conn, LastWord};
use crate::edge::{DisconnectReason, EmitError, Handshake, Packet, Socket, SocketId, Transport};

/// One socket: lives from CONNECT to DISCONNECT or to the end of its connection.
pub(super) struct Client {
    id: SocketId,
    conn: Arc<Conn>,
    left: AtomicBool,
}

impl Client {
    pub(super) fn new(id: SocketId, conn: Arc<Conn>) -> Self {
        Self { id, conn, left: AtomicBool::new(false) }
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

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        if self.left.load(Ordering::Relaxed) {
            return Err(EmitError::Closed);
        }
        self.conn.emit(packet)
    }

    fn close(&self) {
        if !self.left.load(Ordering::Relaxed) {
            self.conn.end(DisconnectReason::ServerClose, LastWord::Orderly);
        }
    }
}
