//! Every open connection by its session id.

use std::{collections::HashMap, hash::BuildHasher as _, hash::RandomState, sync::Arc};

use parking_lot::Mutex;

use super::conn::Conn;

/// Enough that a walk over one shard never holds up handshakes for long.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<Arc<str>, Arc<Conn>>>;

/// The connections. Its locks are never held together with a connection's, except to look at one.
pub(super) struct Table {
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

impl Table {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    fn shard(&self, sid: &str) -> &Shard {
        let hash = usize::try_from(self.hasher.hash_one(sid) & 0xffff).unwrap_or_default();
        &self.shards[hash % SHARDS]
    }

    pub(super) fn insert(&self, conn: &Arc<Conn>) {
        self.shard(&conn.sid).lock().insert(Arc::clone(&conn.sid), Arc::clone(conn));
    }

    pub(super) fn get(&self, sid: &str) -> Option<Arc<Conn>> {
        self.shard(sid).lock().get(sid).cloned()
    }

    pub(super) fn remove(&self, sid: &str) {
        // Dropped after the lock: a connection may be large.
        let removed = self.shard(sid).lock().remove(sid);
        drop(removed);
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// The connections for which `choose` finds something to do.
    pub(super) fn choose<T>(&self, mut choose: impl FnMut(&Conn) -> Option<T>) -> Vec<(Arc<Conn>, T)> {
        let mut chosen = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            chosen.extend(shard.values().filter_map(|conn| Some((Arc::clone(conn), choose(conn)?))));
        }
        chosen
    }
}
