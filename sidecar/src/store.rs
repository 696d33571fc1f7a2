//! Where presence members are kept for others to read: `memory` (nowhere else), `redis` or `sqlite`.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use serde_json::Value;

use crate::{
    channel::ChannelName,
    config::{Config, Database},
    counters::Counters,
    presence::{Members, Presence},
};

mod queue;
mod redis;
mod sqlite;

pub use sqlite::SqliteError;

/// Keeps the member list of each presence channel for readers outside the sidecar. The sidecar itself never needs it.
pub trait Store: Send + Sync + 'static {
    /// Notes that the list of a channel is now `members`. Returns at once; of a channel the latest list is written last.
    fn save(&self, channel: &ChannelName, members: &Members);

    /// The list of a channel as others see it, once what was noted before is written; none when it cannot be had.
    fn read<'a>(&'a self, _channel: &'a ChannelName) -> BoxFuture<'a, Option<Vec<Value>>> {
        Box::pin(ready(None))
    }

    /// Takes this process's members out and writes what is left to write. Whoever calls it bounds the time.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// `database: memory`.
pub struct Memory;

impl Store for Memory {
    fn save(&self, _: &ChannelName, _: &Members) {}
}

/// Why the presence store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite file cannot be used.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
}

/// The configured store of what `presence` holds. Must be called inside a tokio runtime.
///
/// # Errors
/// [`OpenError`] for a file. A Redis that cannot be reached is no error: the store connects when it can.
pub fn open(config: &Config, presence: &Arc<Presence>, counters: &Arc<Counters>) -> Result<Arc<dyn Store>, OpenError> {
    let (presence, counters) = (presence.clone(), counters.clone());
    Ok(match &config.database {
        Database::Memory => Arc::new(Memory),
        Database::Redis => {
            Arc::new(redis::RedisStore::open(config.redis.clone(), config.publish_presence, presence, counters))
        }
        Database::Sqlite(path) => Arc::new(sqlite::SqliteStore::open(path, presence, counters)?),
    })
}
