//! `socketio`: the options of Socket.IO and Engine.IO that have a counterpart.

use std::time::Duration;

use serde_json::Value;

use super::reader::{Reader, as_boolean};

/// `socketio`: options of Socket.IO and Engine.IO that have a counterpart.
#[derive(Debug, Clone, PartialEq)]
pub struct SocketIoConfig {
    /// `path`, with a leading slash and without a trailing one. Default `/socket.io`.
    pub path: String,
    /// `pingInterval`. Default 25 s.
    pub ping_interval: Duration,
    /// `pingTimeout`. Default 20 s.
    pub ping_timeout: Duration,
    /// `transports` has `polling`.
    pub polling: bool,
    /// `transports` has `websocket`.
    pub websocket: bool,
    /// `allowUpgrades`.
    pub allow_upgrades: bool,
    /// `cookie`: its name; none when `false`. Only for [`crate::edge::Generation::V3`]. Default `io`.
    pub cookie: Option<String>,
    /// `origins`: allowed `host:port` forms; `*:*` allows all.
    pub origins: Vec<String>,
    /// `maxHttpBufferSize`: the most bytes of one incoming packet. Default 1 MB.
    pub max_payload: usize,
    /// `serveClient`: whether `/socket.io/socket.io.js` is served.
    pub serve_client: bool,
}

impl Default for SocketIoConfig {
    fn default() -> Self {
        Self {
            path: "/socket.io".into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            polling: true,
            websocket: true,
            allow_upgrades: true,
            cookie: Some("io".into()),
            origins: vec!["*:*".into()],
            max_payload: 1_000_000,
            serve_client: true,
        }
    }
}

const DAY_MS: u64 = 86_400_000;
const GIB: u64 = 1024 * 1024 * 1024;

pub(super) fn read(reader: &mut Reader<'_>) -> SocketIoConfig {
    let default = SocketIoConfig::default();
    let (polling, websocket) = transports(reader);
    let max_payload = reader.number("socketio.maxHttpBufferSize", 1..=GIB, default.max_payload as u64);
    SocketIoConfig {
        path: path(reader).unwrap_or(default.path),
        ping_interval: reader.millis("socketio.pingInterval", 1..=DAY_MS, default.ping_interval),
        ping_timeout: reader.millis("socketio.pingTimeout", 1..=DAY_MS, default.ping_timeout),
        polling,
        websocket,
        allow_upgrades: reader.boolean("socketio.allowUpgrades", default.allow_upgrades),
        cookie: cookie(reader, default.cookie),
        origins: origins(reader).unwrap_or(default.origins),
        max_payload: usize::try_from(max_payload).unwrap_or(default.max_payload),
        serve_client: reader.boolean("socketio.serveClient", default.serve_client),
    }
}

/// With a leading slash and without a trailing one.
fn path(reader: &mut Reader<'_>) -> Option<String> {
    let setting = reader.setting("socketio.path")?;
    let text = reader.as_text(&setting)?;
    let inner = text.trim_matches('/');
    let usable = !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && !b"?#%{}\"<>\\^`|".contains(&b));
    if !usable {
        reader.wrong(&setting, "a path such as \"/socket.io\"");
        return None;
    }
    Some(format!("/{inner}"))
}

fn transports(reader: &mut Reader<'_>) -> (bool, bool) {
    let Some(setting) = reader.setting("socketio.transports") else { return (true, true) };
    let Some(names) = reader.texts(&setting) else { return (true, true) };
    let has = |name: &str| names.iter().any(|other| other == name);
    if names.is_empty() || names.iter().any(|name| name != "polling" && name != "websocket") {
        reader.wrong(&setting, "a list of \"polling\" and \"websocket\", at least one of them");
    }
    (has("polling"), has("websocket"))
}

fn cookie(reader: &mut Reader<'_>, default: Option<String>) -> Option<String> {
    let Some(setting) = reader.setting("socketio.cookie") else { return default };
    match (&setting.value, as_boolean(&setting.value)) {
        (_, Some(false)) => None,
        (_, Some(true)) => default,
        (Value::String(name), None) if is_token(name) => Some(name.clone()),
        _ => {
            reader.wrong(&setting, "a cookie name or false");
            default
        }
    }
}

fn origins(reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let setting = reader.setting("socketio.origins")?;
    let texts = reader.texts(&setting)?;
    let origins: Vec<String> = texts.iter().flat_map(|text| text.split_whitespace()).map(ToOwned::to_owned).collect();
    if origins.is_empty() {
        reader.wrong(&setting, "at least one origin, such as \"example.com:443\" or \"*:*\"");
    }
    // A lone star means everybody, as people write it.
    Some(origins.into_iter().map(|origin| if origin == "*" { "*:*".into() } else { origin }).collect())
}

/// RFC 6265's cookie names are RFC 2616's tokens.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b))
}
