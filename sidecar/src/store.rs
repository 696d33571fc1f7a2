//! Where presence members are kept for others to read: `memory` (nowhere else), `redis` or `sqlite`.

use serde_json::Value;

use std::sync::Arc;

use crate::{channel::ChannelName, config::Config};

/// Keeps the member list of each presence channel for readers outside the sidecar. The sidecar itself never needs it.
pub trait Store: Send + Sync + 'static {
    /// Notes the whole list of a channel. Returns at once; writes of one channel happen in the order of these calls.
    fn save(&self, channel: &ChannelName, members: Vec<Value>);
}

/// `database: memory`.
pub struct Memory;

impl Store for Memory {
    fn save(&self, _: &ChannelName, _: Vec<Value>) {}
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
