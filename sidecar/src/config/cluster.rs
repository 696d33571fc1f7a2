//! `cluster`: an object, or `false`.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    Environment, RedisConfig,
    build::is_off,
    keys::KEYS,
    reader::{Reader, Setting, as_boolean},
    redis,
};

/// `cluster`: the nodes that serve as one.
#[derive(Clone, PartialEq)]
pub struct ClusterConfig {
    /// `redis`: where the nodes hear each other. Default: the Redis of `databaseConfig.redis`.
    pub redis: RedisConfig,
    /// `secret`: nodes take only what was said by somebody who knows it.
    pub secret: Option<String>,
    /// `leaseMs`: within this time of a node's death its members leave. Default 10 s.
    pub lease: Duration,
    /// `queueBytes`: what may wait for a Redis that is away. Default 64 MiB.
    pub queue: usize,
    /// `streamLength`: how many messages the stream in Redis keeps, about. Default 5,000.
    pub stream_length: usize,
    /// `streamBytes`: how many bytes of them, about. Default 256 MiB.
    pub stream_bytes: usize,
    /// `waitMs`: how long what happens here waits for its turn in the common order; zero is not at all. Default 25 ms.
    pub wait: Duration,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            redis: RedisConfig::default(),
            secret: None,
            lease: Duration::from_secs(10),
            queue: 64 * 1024 * 1024,
            stream_length: 5_000,
            stream_bytes: 256 * 1024 * 1024,
            wait: Duration::from_millis(25),
        }
    }
}

impl ClusterConfig {
    /// A node that is silent for so long is taken for dead. Others look at it a beat later, and by the time of the last beat they have
    /// heard: two fifths of this at most, and the lease is not over then.
    pub fn silence(&self) -> Duration {
        self.lease * 7 / 10
    }
}

impl std::fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterConfig").field("redis", &self.redis).field("lease", &self.lease).finish_non_exhaustive()
    }
}

const LEASE_MS: RangeInclusive<u64> = 500..=600_000;
const WAIT_MS: RangeInclusive<u64> = 0..=10_000;
const QUEUE_BYTES: RangeInclusive<u64> = 65_536..=4_294_967_296;
const STREAM_LENGTH: RangeInclusive<u64> = 100..=10_000_000;
const STREAM_BYTES: RangeInclusive<u64> = 1_048_576..=1_099_511_627_776;
/// A secret that can be guessed is none.
const SECRET_BYTES: usize = 16;

pub(super) fn read(reader: &mut Reader<'_>, own: &RedisConfig) -> Option<ClusterConfig> {
    let expected = "false, or an object such as {\"redis\": true}";
    let group = reader.setting("cluster");
    match &group {
        Some(setting) if is_off(setting) => return None,
        Some(setting) if as_boolean(&setting.value) == Some(true) || setting.value.is_object() => {}
        Some(setting) => {
            reader.wrong(setting, expected);
            return None;
        }
        None => {}
    }
    let in_environment = KEYS.iter().any(|key| key.path.starts_with("cluster.") && reader.in_environment(key));
    if group.is_none() && !in_environment {
        return None;
    }
    let redis = reader.setting("cluster.redis");
    let default = ClusterConfig::default();
    let redis = match redis {
        Some(setting) => other(reader, &setting, own),
        None => own.clone(),
    };
    Some(ClusterConfig {
        redis,
        secret: secret(reader),
        lease: reader.millis("cluster.leaseMs", LEASE_MS, default.lease),
        queue: size(reader, "cluster.queueBytes", QUEUE_BYTES, default.queue),
        wait: reader.millis("cluster.waitMs", WAIT_MS, default.wait),
        stream_length: size(reader, "cluster.streamLength", STREAM_LENGTH, default.stream_length),
        stream_bytes: size(reader, "cluster.streamBytes", STREAM_BYTES, default.stream_bytes),
    })
}

fn size(reader: &mut Reader<'_>, path: &str, range: RangeInclusive<u64>, default: usize) -> usize {
    usize::try_from(reader.number(path, range, default as u64)).unwrap_or(default)
}

fn secret(reader: &mut Reader<'_>) -> Option<String> {
    let setting = reader.setting("cluster.secret")?;
    let secret = reader.as_text(&setting)?;
    if secret.len() < SECRET_BYTES {
        reader
            .wrong(&setting, format!("a text of at least {SECRET_BYTES} bytes, such as `openssl rand -hex 32` prints"));
    }
    Some(secret)
}

/// `true` is the Redis of `databaseConfig.redis`; else its own, in the same words.
fn other(reader: &mut Reader<'_>, setting: &Setting, own: &RedisConfig) -> RedisConfig {
    match &setting.value {
        _ if as_boolean(&setting.value) == Some(true) => own.clone(),
        Value::Object(_) | Value::String(_) => {
            let mut file = Map::new();
            file.insert("databaseConfig".into(), json!({"redis": setting.value}));
            let environment = Environment::default();
            let mut inner = Reader::new(&file, setting.origin.clone(), &environment);
            let redis = redis::read(&mut inner);
            let mut named = BTreeSet::new();
            for mut problem in inner.problems {
                problem.key = problem.key.replacen("databaseConfig.redis", "cluster.redis", 1);
                if named.insert(problem.key.clone()) {
                    reader.problems.push(problem);
                }
            }
            reader
                .warnings
                .extend(inner.warnings.iter().map(|text| text.replace("databaseConfig.redis", "cluster.redis")));
            redis
        }
        _ => {
            reader.wrong(
                setting,
                "true (the Redis of databaseConfig.redis), a redis:// URL, or an object like databaseConfig.redis",
            );
            own.clone()
        }
    }
}
