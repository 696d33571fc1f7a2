//! Counting who is connected, for the metrics and the console.

use super::Clients;
use crate::edge::{Generation, Transport};

/// The connected sockets at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Sockets by transport (polling, websocket) and generation (3, 4).
    pub sockets: [[usize; 2]; 2],
    /// Bytes that wait for slow sockets.
    pub queued: usize,
}

impl Census {
    /// All sockets.
    pub fn total(&self) -> usize {
        self.sockets.iter().flatten().sum()
    }

    /// Each group of sockets with the names of its transport and generation.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, &'static str, usize)> {
        let of = |transport: usize, generation: usize| self.sockets[transport][generation];
        [
            ("polling", "3", of(0, 0)),
            ("polling", "4", of(0, 1)),
            ("websocket", "3", of(1, 0)),
            ("websocket", "4", of(1, 1)),
        ]
        .into_iter()
    }
}

impl Clients {
    /// Counts the sockets. Costs a look at each of them.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        // Not under the lock: a look at a socket takes the socket's own.
        for socket in self.all().iter().filter_map(|session| session.socket()) {
            let transport = usize::from(socket.transport() == Transport::Websocket);
            let generation = usize::from(socket.handshake().generation == Generation::V4);
            census.sockets[transport][generation] += 1;
            census.queued += socket.queued();
        }
        census
    }
}
