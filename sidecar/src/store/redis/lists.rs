//! Reads and writes lists.

use redis::{ErrorKind, RedisError, ServerErrorKind, cmd};

use super::{keys::Keys, lease::Lease};
use crate::{channel::ChannelName, edge::packet::quote, redis_client::Commands};

/// Replaces one node's part, takes dead nodes' parts out, and writes the list of all parts, nodes in the order in which they
/// started. KEYS: the list, the parts. ARGV: the node, its members as a JSON array, dead nodes. Answers the list and the nodes
/// that have a part. The members are joined as text: Lua's own JSON would turn empty lists into objects.
const REPLACE: &str = r"
if ARGV[2] == '[]' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
for i = 3, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
local nodes = redis.call('HKEYS', KEYS[2])
table.sort(nodes)
local members = {}
for i, node in ipairs(nodes) do members[i] = string.sub(redis.call('HGET', KEYS[2], node), 2, -2) end
local list = '[' .. table.concat(members, ',') .. ']'
redis.call('SET', KEYS[1], list)
return {list, nodes}
";

/// Makes `part` what `node` has of a channel, and writes the list; the list.
pub(super) async fn replace(
    redis: &mut Commands,
    keys: &Keys,
    channel: &ChannelName,
    node: &str,
    part: &str,
    leases: &Lease,
) -> Result<String, RedisError> {
    let list = keys.list(channel);
    let Some(parts) = keys.parts(channel) else {
        redis.query::<()>(cmd("SET").arg(&list).arg(part)).await?;
        return Ok(part.to_owned());
    };
    let mut script = cmd("EVAL");
    script.arg(REPLACE).arg(2).arg(&list).arg(&parts).arg(node).arg(part);
    let (text, nodes): (String, Vec<String>) = match redis.query(&script).await {
        Ok(answer) => answer,
        // A user that may not run scripts, as the old server's needed not: then a list is what one node sees.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
            redis.query::<()>(cmd("SET").arg(&list).arg(part)).await?;
            return Ok(part.to_owned());
        }
        Err(error) => return Err(error),
    };
    // Seldom anybody else: then it is asked once whether they live. A node has its lease before its first part.
    let mut dead = Vec::new();
    for other in nodes.into_iter().filter(|other| other != node) {
        if !leases.is_alive(redis, keys, &other).await? {
            dead.push(other);
        }
    }
    if dead.is_empty() {
        return Ok(text);
    }
    let (text, _): (String, Vec<String>) = redis.query(script.arg(dead)).await?;
    Ok(text)
}

/// The text at a key.
pub(super) async fn get(redis: &mut Commands, key: &str) -> Result<Option<String>, RedisError> {
    redis.query(cmd("GET").arg(key)).await
}

/// Publishes a list on `PresenceChannelUpdated`, which has no prefix.
pub(super) async fn announce(redis: &mut Commands, channel: &ChannelName, list: &str) -> Result<(), RedisError> {
    let name = quote(&format!("{channel}:members"));
    let message = format!("{{\"event\":{{\"channel\":{name},\"members\":{list}}}}}");
    redis.query(cmd("PUBLISH").arg("PresenceChannelUpdated").arg(message)).await
}
