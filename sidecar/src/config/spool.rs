//! `spool`: an object, a path or `false`.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{
    build::{Surroundings, is_off},
    reader::{Reader, as_boolean},
};

/// `spool`: where publishers on the Unix socket keep events while the sidecar is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolConfig {
    /// `path`. Default: what the publishers take for their own default, see [`rustecho_wire::spool::default_dir`].
    pub dir: PathBuf,
    /// `ttl`: older events are dropped. Default 1 h.
    pub ttl: Duration,
    /// `settleMs`: how long after a start events wait for clients to come back, at most. Default 6 s: longer than
    /// socket.io-client pauses between two tries.
    pub settle: Duration,
}

impl SpoolConfig {
    /// The defaults for a sidecar whose Unix socket is `socket`.
    pub fn beside(socket: &std::path::Path) -> Self {
        let dir = rustecho_wire::spool::default_dir(socket);
        Self { dir, ttl: Duration::from_secs(3_600), settle: Duration::from_secs(6) }
    }
}

const TTL_SECONDS: RangeInclusive<u64> = 1..=31_536_000;
const SETTLE_MS: RangeInclusive<u64> = 0..=600_000;

pub(super) fn read(reader: &mut Reader<'_>, around: &Surroundings<'_>, socket: &Path) -> Option<SpoolConfig> {
    let default = SpoolConfig::beside(socket);
    let mut path = None;
    if let Some(setting) = reader.setting("spool") {
        match &setting.value {
            _ if is_off(&setting) => return None,
            Value::Object(_) => {}
            Value::String(text) if as_boolean(&setting.value).is_none() => path = Some(text.clone()),
            _ if as_boolean(&setting.value) == Some(true) => {}
            _ => reader.wrong(&setting, "false, a path, or {\"path\": \"…\", \"ttl\": 3600}"),
        }
    }
    let path = path.or_else(|| reader.text("spool.path"));
    Some(SpoolConfig {
        dir: path.map_or(default.dir, |path| around.working_dir.join(path)),
        ttl: Duration::from_secs(reader.number("spool.ttl", TTL_SECONDS, default.ttl.as_secs())),
        settle: reader.millis("spool.settleMs", SETTLE_MS, default.settle),
    })
}
