//! Names of keys in Redis. All of them begin with `keyPrefix`, so that an ACL for that prefix covers them.

use crate::{
    channel::ChannelName,
    config::{RedisConfig, RedisNodes},
};

/// Makes names.
#[derive(Clone)]
pub(super) struct Keys {
    prefix: String,
    is_cluster: bool,
}

impl Keys {
    pub(super) fn new(settings: &RedisConfig) -> Self {
        let is_cluster = matches!(settings.nodes, RedisNodes::Cluster(_));
        Self { prefix: settings.key_prefix.clone(), is_cluster }
    }

    /// The list that everybody reads.
    pub(super) fn list(&self, channel: &ChannelName) -> String {
        format!("{}{channel}:members", self.prefix)
    }

    /// The hash of node to its members of a channel. None where the two keys do not get into one slot of a cluster, which
    /// happens to names with odd braces: there a list is written as one node sees it.
    pub(super) fn parts(&self, channel: &ChannelName) -> Option<String> {
        let list = self.list(channel);
        let parts = match hash_tag(&list) {
            Some(tag) => format!("{}rustecho:parts:{{{tag}}}:{channel}", self.prefix),
            None => format!("{}rustecho:parts:{{{list}}}", self.prefix),
        };
        let slot = |key: &str| hash_tag(key).unwrap_or(key).to_owned();
        (!self.is_cluster || slot(&parts) == slot(&list)).then_some(parts)
    }

    /// The set of all nodes.
    pub(super) fn nodes(&self) -> String {
        format!("{}rustecho:nodes", self.prefix)
    }

    /// A node's lease.
    pub(super) fn lease(&self, node: &str) -> String {
        format!("{}rustecho:node:{node}", self.prefix)
    }

    /// The set of channels a node has a part of.
    pub(super) fn channels(&self, node: &str) -> String {
        format!("{}rustecho:node:{node}:channels", self.prefix)
    }
}

/// The part of a key that decides about its slot, when it is not the whole.
fn hash_tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;

    fn keys(prefix: &str) -> Keys {
        Keys { prefix: prefix.into(), is_cluster: true }
    }

    #[test]
    fn the_list_has_the_name_of_old() {
        assert_eq!(keys("app_").list(&channel("presence-x")), "app_presence-x:members");
    }

    #[test]
    fn list_and_parts_share_a_slot_or_parts_are_given_up() {
        for (prefix, name, expected) in [
            ("", "presence-x", Some("rustecho:parts:{presence-x:members}")),
            ("app_", "presence-x", Some("app_rustecho:parts:{app_presence-x:members}")),
            ("", "presence-{7}", Some("rustecho:parts:{7}:presence-{7}")),
            ("{app}:", "presence-x", Some("{app}:rustecho:parts:{app}:presence-x")),
            ("", "presence-a}b", None),
            ("", "presence-{}", None),
        ] {
            assert_eq!(keys(prefix).parts(&channel(name)).as_deref(), expected, "{prefix}{name}");
        }
        let single = Keys { prefix: String::new(), is_cluster: false };
        assert!(single.parts(&channel("presence-a}b")).is_some());
    }
}
