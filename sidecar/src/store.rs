//! Where presence members are kept for others to read: `memory` (nowhere else), `redis` or `sqlite`.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use serde_json::Value;

use crate::{channel::ChannelName, config::Config, presence::Members};

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
pub enum OpenError {}

/// The configured store.
///
/// # Errors
/// [`OpenError`].
pub fn open(_config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    Ok(Arc::new(Memory))
}
