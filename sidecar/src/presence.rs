//! Who is on a presence channel: a pure state machine, no IO.
//!
//! A member is what Laravel's auth answer called `channel_data`, with the `socketId` it belongs to. A user may have several
//! sockets: `joining` is told for the first, `leaving` after the last.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde_json::Value;

use crate::channel::ChannelName;

mod members;
#[cfg(test)]
mod tests;

pub use members::{Arrival, Joined, Members, Replaced};

/// The members of every presence channel of this node.
///
/// Channels are spread over shards: what happens to one channel happens in one order, and channels seldom wait for another.
pub struct Presence {
    shards: Vec<Mutex<HashMap<ChannelName, Members>>>,
    hasher: std::hash::RandomState,
}

impl Default for Presence {
    fn default() -> Self {
        Self { shards: (0..64).map(|_| Mutex::default()).collect(), hasher: std::hash::RandomState::new() }
    }
}

impl Presence {
    /// Runs `change` on the members of `channel` while nobody else can touch them.
    pub fn with<R>(&self, channel: &ChannelName, change: impl FnOnce(&mut Members) -> R) -> R {
        use std::hash::BuildHasher;
        let index = self.hasher.hash_one(channel.as_str()) as usize % self.shards.len();
        let mut shard = self.shards[index].lock();
        let members = shard.entry(channel.clone()).or_default();
        let result = change(members);
        if members.is_empty() {
            shard.remove(channel);
        }
        result
    }

    /// Every entry of this node on a channel in join order.
    pub fn stored(&self, channel: &ChannelName) -> Vec<Value> {
        self.with(channel, |members| members.stored())
    }

    /// Every entry of every node on a channel in join order.
    pub fn all(&self, channel: &ChannelName) -> Vec<Value> {
        self.with(channel, |members| members.all())
    }

    /// The channels somebody is on.
    pub fn channels(&self) -> Vec<ChannelName> {
        self.shards.iter().flat_map(|shard| shard.lock().keys().cloned().collect::<Vec<_>>()).collect()
    }

    /// The members of this node across all channels, for a metric.
    pub fn count(&self) -> usize {
        let of = |shard: &Mutex<HashMap<ChannelName, Members>>| -> usize {
            shard.lock().values().map(|members| members.entries().count()).sum()
        };
        self.shards.iter().map(of).sum()
    }
}

/// `{id, user_info}` per user, oldest entry first: what the HTTP API tells of [stored](Members::stored) entries.
pub fn users(stored: &[Value]) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    let first = stored.iter().filter(|member| seen.insert(member.get("user_id").map(Value::to_string)));
    first
        .map(|member| {
            let fields = [("id", "user_id"), ("user_info", "user_info")];
            let known =
                fields.iter().filter_map(|(name, field)| Some(((*name).to_owned(), member.get(field)?.clone())));
            Value::Object(known.collect())
        })
        .collect()
}
