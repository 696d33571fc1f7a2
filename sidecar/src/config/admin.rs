//! `admin`: an object, a port or `false`.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

use serde_json::Value;

use super::{
    Flavour,
    build::{Surroundings, is_off},
    reader::{Reader, as_boolean, as_integer},
};

/// `admin`: where operators look in: metrics, health, the console.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminConfig {
    /// `host`. Default `127.0.0.1`.
    pub host: String,
    /// `port`; 0 lets the system choose. Default 6002.
    pub port: u16,
    /// `key`: who shows it may look, and publish; there is always one where others than this machine can come.
    pub key: Option<String>,
    /// `readyLagMs`: how far behind the sidecar may be while `/ready` says yes. Default 5 s.
    pub ready_lag: Duration,
    /// Whether the sidecar may not start without it: a port was asked for. The default one may be another sidecar's.
    pub required: bool,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: 6002, key: None, ready_lag: Duration::from_secs(5), required: false }
    }
}

impl AdminConfig {
    /// Where it is, as a URL.
    #[must_use]
    pub fn address(&self) -> String {
        // An IPv6 address needs brackets in a URL.
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("http://{host}:{}", self.port)
    }
}

impl std::fmt::Debug for AdminConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminConfig").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

const READY_LAG_MS: RangeInclusive<u64> = 1..=600_000;
/// Shorter ones can be guessed.
const SHORTEST_KEY: usize = 16;

pub(super) fn read(reader: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<AdminConfig> {
    let default = AdminConfig::default();
    let whole = reader.setting("admin");
    let mut port = None;
    if let Some(setting) = &whole {
        match &setting.value {
            _ if is_off(setting) => return None,
            Value::Object(_) => {}
            _ if as_boolean(&setting.value) == Some(true) => {}
            value => match as_integer(value).and_then(|number| u16::try_from(number).ok()) {
                Some(number) => port = Some(number),
                None => {
                    reader
                        .wrong(setting, "false, a port, or {\"host\": \"127.0.0.1\", \"port\": 6002, \"key\": \"…\"}");
                }
            },
        }
    }
    if let Some(setting) = reader.setting("admin.port") {
        port = reader.as_number(&setting, 0..=65_535).and_then(|number| u16::try_from(number).ok()).or(port);
    }
    let host = reader.text("admin.host");
    let key = key(reader);
    let is_asked_for = whole.is_some() || port.is_some() || host.is_some() || key.is_some();
    if around.flavour == Flavour::LaravelEchoServer && !is_asked_for {
        return None;
    }
    let admin = AdminConfig {
        host: host.unwrap_or(default.host),
        required: port.is_some(),
        port: port.unwrap_or(default.port),
        key,
        ready_lag: reader.millis("admin.readyLagMs", READY_LAG_MS, default.ready_lag),
    };
    // An unusable key has been said to be one.
    if reader.setting("admin.key").is_none()
        && !is_loopback(&admin.host)
        && let Some(setting) = reader.setting("admin.host")
    {
        reader.wrong(
            &setting,
            "a loopback address such as \"127.0.0.1\", or an admin.key beside it: others can reach it",
        );
    }
    Some(admin)
}

fn key(reader: &mut Reader<'_>) -> Option<String> {
    let setting = reader.setting("admin.key")?;
    let key = reader.as_text(&setting)?;
    if key.len() < SHORTEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.wrong(
            &setting,
            format!("{SHORTEST_KEY} or more letters, digits and signs, such as `openssl rand -hex 16` prints"),
        );
        return None;
    }
    Some(key)
}

/// Whether only this machine can reach what listens on `host`.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
