//! Who is on a presence channel: a pure state machine, no IO.
//!
//! A member is what Laravel's auth answer called `channel_data`, with the `socketId` it belongs to. A user may have several
//! sockets: `joining` is told for the first, `leaving` after the last.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::{channel::ChannelName, edge::SocketId};

/// Entries one socket may have when it subscribes again and again; the old server kept all of them.
const MAX_ENTRIES_PER_SOCKET: usize = 2;

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
        if members.0.is_empty() {
            shard.remove(channel);
        }
        result
    }

    /// Every entry of a channel in join order.
    pub fn stored(&self, channel: &ChannelName) -> Vec<Value> {
        self.with(channel, |members| members.stored())
    }

    /// The channels somebody is on.
    pub fn channels(&self) -> Vec<ChannelName> {
        self.shards.iter().flat_map(|shard| shard.lock().keys().cloned().collect::<Vec<_>>()).collect()
    }

    /// The members across all channels, for a metric.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().values().map(|members| members.0.len()).sum::<usize>()).sum()
    }
}

/// The members of one channel, in the order in which they joined.
#[derive(Debug, Default)]
pub struct Members(Vec<Member>);

#[derive(Debug)]
struct Member {
    socket: SocketId,
    /// `channel_data` with `socketId`.
    json: Map<String, Value>,
}

/// What a join changed.
#[derive(Debug, PartialEq)]
pub struct Joined {
    /// For the one who joined: a member per user, newest first.
    pub here: Vec<Value>,
    /// For the others; none when the user was here already.
    pub joining: Option<Value>,
}

impl Members {
    /// Adds `member` for `socket`.
    pub fn join(&mut self, socket: &SocketId, mut member: Map<String, Value>) -> Joined {
        member.insert("socketId".into(), socket.as_str().into());
        let user = loose(member.get("user_id"));
        let known = self.0.iter().any(|other| loose(other.json.get("user_id")) == user);
        let own: Vec<usize> = (0..self.0.len()).filter(|&i| self.0[i].socket == *socket).collect();
        if own.len() >= MAX_ENTRIES_PER_SOCKET
            && let Some(&newest) = own.last()
        {
            self.0.remove(newest);
        }
        self.0.push(Member { socket: socket.clone(), json: member.clone() });
        Joined { here: self.here(), joining: (!known).then(|| Value::Object(member)) }
    }

    /// Takes every entry of `socket` out; the member to tell as `leaving`, when it was its user's last socket.
    pub fn leave(&mut self, socket: &SocketId) -> Option<Value> {
        let mut gone = self.0.iter().find(|member| member.socket == *socket)?.json.clone();
        self.0.retain(|member| member.socket != *socket);
        let user = loose(gone.get("user_id"));
        if self.0.iter().any(|other| loose(other.json.get("user_id")) == user) {
            return None;
        }
        gone.shift_remove("socketId");
        Some(Value::Object(gone))
    }

    /// A member per user, newest first: what `presence:subscribed` tells.
    pub fn here(&self) -> Vec<Value> {
        distinct(self.0.iter().rev()).map(|member| Value::Object(member.json.clone())).collect()
    }

    /// Every entry in join order: what a store keeps for others to read.
    pub fn stored(&self) -> Vec<Value> {
        self.0.iter().map(|member| Value::Object(member.json.clone())).collect()
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

/// The first entry of each `user_id`, compared strictly: 1 is not "1".
fn distinct<'a>(members: impl Iterator<Item = &'a Member>) -> impl Iterator<Item = &'a Member> {
    let mut seen = std::collections::HashSet::new();
    members.filter(move |member| seen.insert(member.json.get("user_id").map(Value::to_string)))
}

/// A `user_id` as joining and leaving compare it: 1 is "1".
fn loose(user_id: Option<&Value>) -> String {
    match user_id {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "null".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data(id: Value, info: &str) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("user_id".into(), id);
        map.insert("user_info".into(), info.into());
        map
    }

    fn socket(id: &str) -> SocketId {
        id.into()
    }

    #[test]
    fn first_tab_joins_and_last_tab_leaves() {
        let mut members = Members::default();
        assert!(members.join(&socket("a"), data(json!(1), "Ann")).joining.is_some());
        let second = members.join(&socket("b"), data(json!(1), "Anny"));
        assert_eq!(second.joining, None);
        assert_eq!(second.here, [json!({"user_id": 1, "user_info": "Anny", "socketId": "b"})]);
        assert_eq!(users(&members.stored()), [json!({"id": 1, "user_info": "Ann"})]);
        assert_eq!(members.leave(&socket("a")), None);
        assert_eq!(members.leave(&socket("b")), Some(json!({"user_id": 1, "user_info": "Anny"})));
        assert_eq!(members.leave(&socket("b")), None);
    }

    #[test]
    fn the_list_is_newest_first_and_overwrites_a_claimed_socket_id() {
        let mut members = Members::default();
        let mut claimed = data(json!(1), "Ann");
        claimed.insert("socketId".into(), "somebody else".into());
        members.join(&socket("a"), claimed);
        let here = members.join(&socket("b"), data(json!(2), "Bob")).here;
        assert_eq!(here[0]["user_id"], 2);
        assert_eq!(here[1]["socketId"], "a");
    }

    #[test]
    fn user_ids_are_loose_for_joining_and_strict_in_lists() {
        let mut members = Members::default();
        members.join(&socket("a"), data(json!(1), "num"));
        let joined = members.join(&socket("b"), data(json!("1"), "str"));
        assert_eq!(joined.joining, None);
        assert_eq!(joined.here.len(), 2);
        assert_eq!(users(&members.stored()).len(), 2);
        assert_eq!(members.leave(&socket("b")), None);
    }

    #[test]
    fn subscribing_without_end_keeps_a_bounded_list() {
        let mut members = Members::default();
        for _ in 0..1000 {
            members.join(&socket("a"), data(json!(1), "Ann"));
        }
        assert_eq!(members.stored().len(), MAX_ENTRIES_PER_SOCKET);
        assert!(members.leave(&socket("a")).is_some());
        assert!(members.stored().is_empty());
    }

    #[test]
    fn a_channel_without_members_is_forgotten() {
        let presence = Presence::default();
        let room = crate::testing::channel("presence-x");
        presence.with(&room, |members| members.join(&socket("a"), data(json!(1), "Ann")));
        assert_eq!(presence.count(), 1);
        presence.with(&room, |members| members.leave(&socket("a")));
        assert!(presence.shards.iter().all(|shard| shard.lock().is_empty()));
    }

    proptest::proptest! {
        /// Whatever sockets do, each user's `joining` and `leaving` alternate and end level with who is left.
        #[test]
        fn joining_and_leaving_alternate(steps in proptest::collection::vec((0u8..6, proptest::bool::ANY), 0..80)) {
            let mut members = Members::default();
            let mut told: HashMap<u8, bool> = HashMap::new();
            for (number, join) in steps {
                let user = number / 2; // two sockets each
                let id = socket(&number.to_string());
                if join {
                    if members.join(&id, data(json!(user), "")).joining.is_some() {
                        proptest::prop_assert_ne!(told.insert(user, true), Some(true));
                    }
                } else if members.leave(&id).is_some() {
                    proptest::prop_assert_eq!(told.insert(user, false), Some(true));
                }
            }
            for (user, here) in told {
                proptest::prop_assert_eq!(users(&members.stored()).iter().any(|member| member["id"] == user), here);
            }
        }
    }
}
