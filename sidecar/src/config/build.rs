//! Settings → [`Config`], one function for each thing that is more than a value.

use std::{ops::RangeInclusive, path::Path, time::Duration};

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::{
    ApiClient, ApiCors, Config, Database, EdgeKind, Flavour, LogFormat, admin, cluster, limits, otel,
    reader::{Reader, Setting, as_boolean},
    recovery, redis, socketio, spool, tls, unix_socket, visitors,
};

const AUTH_TIMEOUT_MS: RangeInclusive<u64> = 1..=600_000;
const PRESENCE_GRACE_MS: RangeInclusive<u64> = 0..=60_000;
const GRACE_MS: RangeInclusive<u64> = 0..=600_000;
const COALESCE_MS: RangeInclusive<u64> = 0..=1_000;

/// What the outside has to say besides the settings.
pub(super) struct Surroundings<'a> {
    pub flavour: Flavour,
    pub working_dir: &'a Path,
    /// Whether files can be made in this folder, or it can be made.
    pub is_usable: &'a dyn Fn(&Path) -> bool,
}

/// Everything that is wrong is left in the reader.
pub(super) fn build(reader: &mut Reader<'_>, around: &Surroundings<'_>) -> Config {
    let default = Config::default();
    let host = reader.text("host");
    let (http_source, redis_source) = sources(reader, around.flavour);
    let is_ours = around.flavour == Flavour::Ours;
    let unix_socket = unix_socket::read(reader, around);
    let spool = unix_socket.as_ref().and_then(|unix| spool::read(reader, around, &unix.path));
    let edge = edge(reader).unwrap_or(default.edge);
    let beside = spool.as_ref().zip(unix_socket.as_ref().map(|unix| unix.path.as_path()));
    let port = port(reader).unwrap_or(default.port);
    let redis = redis::read(reader);
    Config {
        recovery: recovery::read(reader, around, &recovery::Beside { edge, port, spool: beside }),
        spool,
        auth_keep_alive: reader.boolean("authKeepAlive", is_ours),
        auth_forward_client: reader.boolean("authForwardClient", is_ours),
        auth_check_body: reader.boolean("authCheckBody", is_ours),
        auth_hosts: auth_hosts(reader, host.as_deref()),
        auth_endpoint: reader.text("authEndpoint").unwrap_or(default.auth_endpoint),
        auth_timeout: reader.millis("authTimeoutMs", AUTH_TIMEOUT_MS, default.auth_timeout),
        auth_verify_tls: reader.boolean("authVerifyTls", default.auth_verify_tls),
        visitors: visitors::read(reader, around.flavour),
        clients: clients(reader),
        database: database(reader, around),
        cluster: cluster::read(reader, &redis),
        redis,
        publish_presence: only_true(reader, "databaseConfig.publishPresence", &Value::Bool(true)),
        dev_mode: dev_mode(reader),
        host,
        port,
        tls: tls::read(reader),
        socketio: socketio::read(reader),
        http_source,
        redis_source,
        api_cors: cors(reader),
        headers: headers(reader),
        unix_socket,
        reuse_port: reader.boolean("reusePort", default.reuse_port),
        admin: admin::read(reader, around),
        otel: otel::read(reader),
        log_format: log_format(reader, around.flavour),
        log_level: log_level(reader),
        edge,
        presence_grace: reader.millis(
            "presenceGraceMs",
            PRESENCE_GRACE_MS,
            if is_ours { default.presence_grace } else { Duration::ZERO },
        ),
        limits: limits::read(reader, around.flavour, edge),
        coalesce: reader.millis("coalesceMs", COALESCE_MS, default.coalesce),
        grace: reader.millis("graceMs", GRACE_MS, default.grace),
    }
}

/// `null` and the empty text mean the listen address, which has no scheme: such requests fail, as they always did.
fn auth_hosts(reader: &mut Reader<'_>, host: Option<&str>) -> Vec<String> {
    let default = || vec!["http://localhost".to_owned()];
    let Some(setting) = reader.setting("authHost") else {
        let emptied = reader.has_in_file("authHost");
        return if emptied { host.map_or_else(default, |host| vec![host.to_owned()]) } else { default() };
    };
    let Some(hosts) = reader.texts(&setting) else { return default() };
    if hosts.iter().any(|host| host.chars().any(|c| c.is_whitespace() || c.is_control())) {
        reader.wrong(&setting, "an address such as \"http://localhost\", or a list of them");
    }
    match (hosts.as_slice(), host) {
        ([], Some(host)) if setting.value.as_str() == Some("") => vec![host.to_owned()],
        ([], _) => default(),
        ([only], _) if !only.contains("://") => {
            reader.warn(&setting, "has no http:// or https:// in front; requests to it will fail");
            hosts
        }
        _ => hosts,
    }
}

fn clients(reader: &mut Reader<'_>) -> Vec<ApiClient> {
    let Some(setting) = reader.setting("clients") else { return Vec::new() };
    let mut clients: Vec<ApiClient> = Vec::new();
    for entry in reader.list(&setting).unwrap_or_default() {
        let Some(client) = client(reader, &entry) else { continue };
        if clients.iter().any(|other| other.app_id == client.app_id) {
            reader.warn(&entry, "has the appId of an earlier client and is left out");
        } else {
            clients.push(client);
        }
    }
    clients
}

/// Ids and keys were compared as texts, so a number never matched: it must not start to.
fn client(reader: &mut Reader<'_>, entry: &Setting) -> Option<ApiClient> {
    if let Value::String(text) = &entry.value {
        let mut parts = text.splitn(3, ':').map(ToOwned::to_owned);
        let client = (parts.next().filter(|id| !id.is_empty()), parts.next().filter(|key| !key.is_empty()));
        if let (Some(app_id), Some(key)) = client {
            return Some(ApiClient { app_id, key, secret: parts.next() });
        }
        // A text stands here only in the variable's form.
        reader.wrong(entry, "id:key or id:key:secret");
        return None;
    }
    let Value::Object(fields) = &entry.value else {
        reader.wrong(entry, "{\"appId\": \"…\", \"key\": \"…\"}");
        return None;
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let client = text("appId").zip(text("key")).map(|(app_id, key)| ApiClient { app_id, key, secret: text("secret") });
    if client.is_none() {
        reader.warn(entry, "is left out: its appId and its key must both be texts, in quotes");
    }
    client
}

fn database(reader: &mut Reader<'_>, around: &Surroundings<'_>) -> Database {
    let path =
        reader.text("databaseConfig.sqlite.databasePath").unwrap_or("/database/laravel-echo-server.sqlite".into());
    let Some(setting) = reader.setting("database") else {
        return match around.flavour {
            Flavour::Ours => Database::Memory,
            Flavour::LaravelEchoServer => Database::Redis,
        };
    };
    match (setting.value.as_str(), around.flavour) {
        (Some("memory"), _) => Database::Memory,
        (Some("redis"), _) => Database::Redis,
        (Some("sqlite"), _) => Database::Sqlite(format!("{}{path}", around.working_dir.display()).into()),
        // The old server started all the same, without presence.
        (Some(_), Flavour::LaravelEchoServer) if !setting.from_env => {
            reader.warn(&setting, "is none of memory, redis and sqlite; memory is taken");
            Database::Memory
        }
        _ => {
            reader.wrong(&setting, "\"memory\", \"redis\" or \"sqlite\"");
            Database::Memory
        }
    }
}

/// `subscribers` in a file replaces both defaults.
fn sources(reader: &mut Reader<'_>, flavour: Flavour) -> (bool, bool) {
    let (http, redis) = match (reader.in_file("subscribers"), flavour) {
        (Some(_), _) => (false, false),
        (None, Flavour::LaravelEchoServer) => (true, true),
        (None, Flavour::Ours) => (true, redis::is_given(reader)),
    };
    (reader.boolean("subscribers.http", http), reader.boolean("subscribers.redis", redis))
}

/// Written as text it must be exactly `true`.
fn dev_mode(reader: &mut Reader<'_>) -> bool {
    only_true(reader, "devMode", &Value::Bool(true)) || reader.setting("devMode").is_some_and(|s| s.value == "true")
}

/// On only for one value; anything odd is off, and said.
fn only_true(reader: &mut Reader<'_>, path: &str, on: &Value) -> bool {
    let Some(setting) = reader.setting(path) else { return false };
    let is_text = |text: &str| setting.value == text;
    let is_plain = setting.value.is_boolean() || is_text("true") || is_text("false");
    if !is_plain {
        reader.warn(&setting, "is neither true nor false; it counts as false");
    }
    setting.value == *on || (setting.from_env && is_text("true"))
}

/// A number, or a text that ends in one: `tcp://10.0.0.1:6001`, `6001/`.
fn port(reader: &mut Reader<'_>) -> Option<u16> {
    let setting = reader.setting("port")?;
    let number = match &setting.value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => {
            let text = text.trim().trim_end_matches('/');
            let digits = text.rsplit_once(':').map_or(text, |(_, digits)| digits);
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let port = number.and_then(|number| u16::try_from(number).ok());
    if port.is_none() {
        reader.wrong(&setting, "a port from 1 to 65535 (0: any free one), also as \"tcp://10.0.0.1:6001\"");
    }
    port
}

fn cors(reader: &mut Reader<'_>) -> Option<ApiCors> {
    let mut header = |path: &str| {
        let setting = reader.setting(path)?;
        let text = reader.as_text(&setting)?;
        if HeaderValue::from_str(&text).is_err() {
            reader.wrong(&setting, "a text that can stand in an HTTP header");
        }
        Some(text)
    };
    let origin = header("apiOriginAllow.allowOrigin").unwrap_or_default();
    let methods = header("apiOriginAllow.allowMethods").unwrap_or_default();
    let headers = header("apiOriginAllow.allowHeaders").unwrap_or_default();
    reader.boolean("apiOriginAllow.allowCors", false).then_some(ApiCors { origin, methods, headers })
}

fn headers(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    const EXPECTED: &str = "an object of header names and texts, such as {\"X-Frame-Options\": \"DENY\"}";
    let Some(setting) = reader.setting("headers") else { return Vec::new() };
    let parsed = match &setting.value {
        Value::String(text) if setting.from_env => serde_json::from_str(text).unwrap_or_default(),
        value => value.clone(),
    };
    let Value::Object(map) = parsed else {
        reader.wrong(&setting, EXPECTED);
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, value) in map {
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let is_header = HeaderName::try_from(&name).is_ok() && HeaderValue::from_str(&text).is_ok();
            if is_header && !value.is_object() && !value.is_array() && !value.is_null() {
                headers.push((name.clone(), text));
            } else {
                let entry = Setting { path: format!("headers.{name}"), value, ..setting.clone() };
                reader.wrong(&entry, EXPECTED);
            }
        }
    }
    headers
}

fn edge(reader: &mut Reader<'_>) -> Option<EdgeKind> {
    let setting = reader.setting("edge")?;
    match setting.value.as_str() {
        Some("lean") => Some(EdgeKind::Lean),
        Some("socketioxide") => Some(EdgeKind::Socketioxide),
        _ => {
            reader.wrong(&setting, "\"socketioxide\" or \"lean\"");
            None
        }
    }
}

/// laravel-echo-server's log was always for people: whoever reads its files shall go on to.
fn log_format(reader: &mut Reader<'_>, flavour: Flavour) -> LogFormat {
    let default = match flavour {
        Flavour::Ours => LogFormat::Auto,
        Flavour::LaravelEchoServer => LogFormat::Text,
    };
    let Some(setting) = reader.setting("logFormat") else { return default };
    match setting.value.as_str() {
        Some("auto") => LogFormat::Auto,
        Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        _ => {
            reader.wrong(&setting, "\"auto\", \"text\" or \"json\"");
            default
        }
    }
}

/// Directives of tracing-subscriber, as in `RUSTECHO_LOG`.
fn log_level(reader: &mut Reader<'_>) -> Option<String> {
    let setting = reader.setting("logLevel")?;
    let text = reader.as_text(&setting)?;
    if EnvFilter::try_new(&text).is_err() {
        reader.wrong(
            &setting,
            "\"error\", \"warn\", \"info\", \"debug\" or \"trace\", or such as \"info,rustecho_sidecar::auth=debug\"",
        );
        return None;
    }
    Some(text)
}

/// Whether a setting that is only looked at is more than its default.
pub(super) fn explain_secure_options(reader: &mut Reader<'_>) {
    const NO_TLS1: u64 = 67_108_864;
    if let Some(setting) = reader.setting("secureOptions")
        && setting.value.as_u64() != Some(NO_TLS1)
    {
        reader.warn(&setting, "has no effect: TLS 1.2 and 1.3 are spoken, never less");
    }
}

/// Whether it is a switch that is off, as `false` stands for "none" in several places.
pub(super) fn is_off(setting: &Setting) -> bool {
    as_boolean(&setting.value) == Some(false)
}
