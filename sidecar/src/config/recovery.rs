//! `recovery`: an object, or `false`.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{
    EdgeKind, SpoolConfig,
    build::{Surroundings, is_off},
    reader::{Reader, as_boolean},
};

/// `recovery`: what is kept for clients that come back, see [`crate::recovery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// `seconds`: how long a session is kept after its connection was lost, and an event for those who may have missed it.
    /// Default 2 min.
    pub keep: Duration,
    /// `authSeconds`: how old Laravel's consent to a guarded channel may be when the channel comes back unasked. Default a day: a
    /// connection that does not break is never asked about again.
    pub auth_age: Duration,
    /// `sessions`: how many are kept at one time. Default 50,000.
    pub sessions: usize,
    /// `channelEvents`: how many events are kept of one channel. Default 10,000.
    pub channel_events: usize,
    /// `channelBytes`: how many bytes of them. Default 16 MiB, more than the largest event.
    pub channel_bytes: usize,
    /// `bytes`: how many bytes of events of all channels. Default 64 MiB.
    pub total_bytes: usize,
    /// `path`: the file that takes sessions and events from a sidecar that stops to the one that starts; none is no such file.
    pub file: Option<PathBuf>,
}

impl RecoveryConfig {
    /// The defaults for a sidecar with a spool, whose Unix socket is `socket`.
    pub fn beside(spool: &SpoolConfig, socket: &std::path::Path) -> Self {
        let name = format!("{:016x}.recovery", rustecho_wire::spool::socket_number(socket));
        Self { file: Some(spool.dir.join(name)), ..Self::default() }
    }
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            keep: Duration::from_secs(120),
            auth_age: Duration::from_secs(86_400),
            sessions: 50_000,
            channel_events: 10_000,
            channel_bytes: 16 * MIB,
            total_bytes: 64 * MIB,
            file: None,
        }
    }
}

/// A day: whoever comes back later has forgotten what was on the page.
const SECONDS: RangeInclusive<u64> = 0..=86_400;
const AUTH_SECONDS: RangeInclusive<u64> = 0..=31_536_000;
const MOST: u64 = 1024 * 1024 * 1024 * 64;

/// The settings it depends on.
pub(super) struct Beside<'a> {
    pub(super) edge: EdgeKind,
    pub(super) port: u16,
    /// The spool that the file may lie in, with the Unix socket it belongs to.
    pub(super) spool: Option<(&'a SpoolConfig, &'a Path)>,
}

pub(super) fn read(reader: &mut Reader<'_>, around: &Surroundings<'_>, beside: &Beside<'_>) -> Option<RecoveryConfig> {
    let default = RecoveryConfig::default();
    let given = reader.setting("recovery");
    if let Some(setting) = &given {
        match &setting.value {
            _ if is_off(setting) => return None,
            Value::Object(_) => {}
            _ if as_boolean(&setting.value) == Some(true) => {}
            _ => reader.wrong(setting, "false, or {\"seconds\": 120}"),
        }
    }
    let mut size =
        |path: &str, default: usize| usize::try_from(reader.number(path, 1..=MOST, default as u64)).unwrap_or(default);
    let sessions = size("recovery.sessions", default.sessions);
    let channel_events = size("recovery.channelEvents", default.channel_events);
    let channel_bytes = size("recovery.channelBytes", default.channel_bytes);
    let total_bytes = size("recovery.bytes", default.total_bytes);
    let keep = Duration::from_secs(reader.number("recovery.seconds", SECONDS, default.keep.as_secs()));
    let auth_age = Duration::from_secs(reader.number("recovery.authSeconds", AUTH_SECONDS, default.auth_age.as_secs()));
    let file = match reader.setting("recovery.path") {
        Some(setting) if is_off(&setting) => None,
        Some(setting) => reader.as_text(&setting).map(|path| around.working_dir.join(path)),
        None => match beside.spool {
            Some((spool, socket)) => RecoveryConfig::beside(spool, socket).file,
            None => Some(format!("rustecho-{}.recovery", beside.port).into()),
        },
    };
    if keep.is_zero() {
        return None;
    }
    if beside.edge == EdgeKind::Socketioxide {
        if let Some(setting) = given {
            reader.warn(
                &setting,
                "has no effect with edge \"socketioxide\": only \"lean\" has connection state recovery",
            );
        }
        return None;
    }
    Some(RecoveryConfig { keep, auth_age, sessions, channel_events, channel_bytes, total_bytes, file })
}
