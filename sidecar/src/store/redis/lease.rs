//! Which nodes live: each renews a lease, a key that expires.
//!
//! The lease says which process holds it, so that a sidecar that starts on the machine where another one was killed need not wait
//! for the lease to run out.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rand::Rng;
use redis::{RedisError, cmd};
use rustix::process::{Pid, test_kill_process};

use super::{keys::Keys, lists};
use crate::{
    channel::ChannelName,
    redis_client::{Commands, is_lost},
};

/// How often the lease is renewed.
pub(super) const RENEWAL: Duration = Duration::from_secs(10);

/// How long a lease holds: a node may miss two renewals.
const LEASE: Duration = Duration::from_secs(30);

/// This node among those that share a Redis.
pub(super) struct Lease {
    node: String,
    holder: String,
    /// It was held before.
    held: bool,
}

/// What a renewal found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    /// The lease was there, or is the first.
    InTime,
    /// It had run out, or Redis has forgotten everything.
    WasLost,
}

impl Lease {
    /// A node of its own; its name sorts by the time of its start.
    pub(super) fn new() -> Self {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Self { node: format!("{millis:012x}-{:08x}", rand::rng().random::<u32>()), holder: holder(), held: false }
    }

    /// This node's name.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Holds the lease for another while.
    pub(super) async fn renew(&mut self, redis: &mut Commands, keys: &Keys) -> Result<Renewed, RedisError> {
        let key = keys.lease(&self.node);
        let was_there: bool = redis.query(cmd("EXISTS").arg(&key)).await?;
        redis.query::<()>(cmd("SET").arg(&key).arg(&self.holder).arg("PX").arg(LEASE.as_millis() as u64)).await?;
        redis.query::<()>(cmd("SADD").arg(keys.nodes()).arg(&self.node)).await?;
        let lost = std::mem::replace(&mut self.held, true) && !was_there;
        Ok(if lost { Renewed::WasLost } else { Renewed::InTime })
    }

    /// Lets go of the lease; to be called when no part is left.
    pub(super) async fn give_up(&self, redis: &mut Commands, keys: &Keys) -> Result<(), RedisError> {
        redis.query::<()>(cmd("DEL").arg(keys.channels(&self.node))).await?;
        redis.query::<()>(cmd("SREM").arg(keys.nodes()).arg(&self.node)).await?;
        redis.query(cmd("DEL").arg(keys.lease(&self.node))).await
    }

    /// Notes that this node is about to have a part of a channel.
    pub(super) async fn own(&self, redis: &mut Commands, keys: &Keys, channel: &ChannelName) -> Result<(), RedisError> {
        redis.query(cmd("SADD").arg(keys.channels(&self.node)).arg(channel.as_str())).await
    }

    /// Notes that this node has no part of a channel any more.
    pub(super) async fn disown(
        &self,
        redis: &mut Commands,
        keys: &Keys,
        channel: &ChannelName,
    ) -> Result<(), RedisError> {
        redis.query(cmd("SREM").arg(keys.channels(&self.node)).arg(channel.as_str())).await
    }

    /// Whether a node lives: it has its lease, and its process, where that can be seen from here.
    pub(super) async fn is_alive(&self, redis: &mut Commands, keys: &Keys, node: &str) -> Result<bool, RedisError> {
        let holder = lists::get(redis, &keys.lease(node)).await?;
        Ok(holder.is_some_and(|other| !is_dead(&self.holder, &other)))
    }

    /// Takes the members of dead nodes out of their lists.
    pub(super) async fn bury_the_dead(&self, redis: &mut Commands, keys: &Keys) -> Result<(), RedisError> {
        let nodes: Vec<String> = redis.query(cmd("SMEMBERS").arg(keys.nodes())).await?;
        for node in nodes.iter().filter(|node| **node != self.node) {
            if self.is_alive(redis, keys, node).await? {
                continue;
            }
            let channels: Vec<String> = redis.query(cmd("SMEMBERS").arg(keys.channels(node))).await?;
            tracing::info!(node, channels = channels.len(), "taking the presence members of a node that has died out");
            for name in &channels {
                let Ok(channel) = ChannelName::parse(name, usize::MAX) else { continue };
                match lists::replace(redis, keys, &channel, node, "[]", self).await {
                    Err(error) if is_lost(&error) => return Err(error),
                    // Refused: the list stays as it is until somebody joins or leaves.
                    Ok(_) | Err(_) => {}
                }
            }
            redis.query::<()>(cmd("DEL").arg(keys.channels(node))).await?;
            redis.query::<()>(cmd("DEL").arg(keys.lease(node))).await?;
            redis.query::<()>(cmd("SREM").arg(keys.nodes()).arg(node)).await?;
        }
        Ok(())
    }
}

/// Where and since when this process runs: boot, pid namespace, pid and the pid's start time.
fn holder() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    let pid = std::process::id();
    format!("{} {namespace} {pid} {}", boot.trim(), started(pid).unwrap_or_default())
}

/// Whether the process that holds `other` is known to be gone. Of another machine or container nothing is known.
fn is_dead(own: &str, other: &str) -> bool {
    let fields = |text: &str| -> Option<(String, String, u32, String)> {
        let mut words = text.split(' ').map(str::to_owned);
        Some((words.next()?, words.next()?, words.next()?.parse().ok()?, words.next()?))
    };
    let (Some((boot, space, ..)), Some((other_boot, other_space, pid, start))) = (fields(own), fields(other)) else {
        return false;
    };
    if boot.is_empty() || space.is_empty() || (boot, space) != (other_boot, other_space) {
        return false;
    }
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    if test_kill_process(process) == Err(rustix::io::Errno::SRCH) {
        return true;
    }
    // The number may have gone to another process since.
    started(pid).is_some_and(|now| !start.is_empty() && now != start)
}

/// When a process started, in clock ticks since the boot; none where it cannot be seen.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; the start time is the 20th word after it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_a_process_of_this_machine_is_seen_to_be_dead() {
        let own = holder();
        assert!(!is_dead(&own, &own));
        let mut words: Vec<String> = own.split(' ').map(str::to_owned).collect();
        words[3] = "1".into();
        assert!(is_dead(&own, &words.join(" ")), "the pid belongs to another process now");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        words[2] = child.id().to_string();
        child.wait().unwrap();
        assert!(is_dead(&own, &words.join(" ")), "the process has ended");
        words[1] = "pid:[1]".into();
        assert!(!is_dead(&own, &words.join(" ")), "another container");
        assert!(!is_dead(&own, "nonsense") && !is_dead(&own, "") && !is_dead("", ""));
    }

    #[test]
    fn nodes_sort_by_their_start() {
        let (first, second) = (Lease::new(), Lease::new());
        assert!(first.node[..12] <= second.node[..12]);
        assert_ne!(first.node, second.node);
    }
}
