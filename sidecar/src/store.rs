//! Where presence members are kept for others to read: `memory` (nowhere else), `redis` or `sqlite`.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use rusqlite::Connection;
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

/// The configured store, which can be had. No list in it has been touched: they may be those of a sidecar that runs.
pub enum Found {
    /// `database: memory`.
    Memory,
    /// `database: redis`, which is connected to when it can be.
    Redis,
    /// `database: sqlite`.
    Sqlite(Connection),
}

/// Looks whether the configured store can be had.
///
/// # Errors
/// [`OpenError`] for a file. A Redis that cannot be reached is no error: the store connects when it can.
pub fn find(config: &Config) -> Result<Found, OpenError> {
    Ok(match &config.database {
        Database::Memory => Found::Memory,
        Database::Redis => Found::Redis,
        Database::Sqlite(path) => Found::Sqlite(sqlite::open(path)?),
    })
}

impl Found {
    /// Keeps what `presence` holds there from now on. Must be called inside a tokio runtime.
    pub fn begin(self, config: &Config, presence: &Arc<Presence>, counters: &Arc<Counters>) -> Arc<dyn Store> {
        let (presence, counters) = (presence.clone(), counters.clone());
        match self {
            Self::Memory => Arc::new(Memory),
            Self::Redis => {
                Arc::new(redis::RedisStore::open(config.redis.clone(), config.publish_presence, presence, counters))
            }
            Self::Sqlite(file) => Arc::new(sqlite::SqliteStore::begin(file, presence, counters)),
        }
    }
}
