//! `databaseConfig.redis`, in ioredis' words.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    keys::KEYS,
    reader::{Reader, Setting, as_boolean, as_integer},
};

/// How to reach Redis.
#[derive(Clone, PartialEq)]
pub struct RedisConfig {
    /// One server, a sentinel group or a cluster.
    pub nodes: RedisNodes,
    /// ACL user name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Database number; a cluster has only 0.
    pub db: i64,
    /// `keyPrefix`: in front of every channel and key.
    pub key_prefix: String,
    /// TLS, and whether the certificate is checked.
    pub tls: Option<RedisTls>,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("nodes", &self.nodes)
            .field("db", &self.db)
            .field("key_prefix", &self.key_prefix)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// The shapes a Redis installation has.
#[derive(Clone, PartialEq, Eq)]
pub enum RedisNodes {
    /// `host` and `port`.
    Single {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `path`: a Unix socket.
    Unix(PathBuf),
    /// `sentinels` with `name`.
    Sentinel {
        /// `host`, `port` of each sentinel.
        sentinels: Vec<(String, u16)>,
        /// The master's name.
        name: String,
        /// `sentinelUsername`.
        sentinel_username: Option<String>,
        /// `sentinelPassword`.
        sentinel_password: Option<String>,
    },
    /// `cluster`: start nodes.
    Cluster(Vec<(String, u16)>),
}

impl std::fmt::Debug for RedisNodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Single { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Sentinel { sentinels, name, .. } => write!(f, "sentinels of {name}: {sentinels:?}"),
            Self::Cluster(nodes) => write!(f, "cluster: {nodes:?}"),
        }
    }
}

/// TLS towards Redis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedisTls {
    /// `rejectUnauthorized: false`: do not check the certificate.
    pub insecure: bool,
    /// `ca`: PEM text of the authorities to trust instead of the system's.
    pub ca: Option<String>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            nodes: RedisNodes::Single { host: "127.0.0.1".into(), port: 6379 },
            username: None,
            password: None,
            db: 0,
            key_prefix: String::new(),
            tls: None,
        }
    }
}

const GROUP: &str = "databaseConfig.redis";
const PORTS: std::ops::RangeInclusive<u64> = 1..=65_535;
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Whether anything at all is said about Redis. The empty object that `init` used to write says nothing.
pub(super) fn is_given(reader: &Reader<'_>) -> bool {
    let in_file = match reader.in_file(GROUP) {
        Some(Value::Object(options)) => !options.is_empty(),
        Some(_) => true,
        None => false,
    };
    in_file || KEYS.iter().any(|key| key.path.starts_with("databaseConfig.redis.") && reader.in_environment(key))
}

pub(super) fn read(reader: &mut Reader<'_>) -> RedisConfig {
    let mut config = RedisConfig::default();
    if let Some(setting) = url_setting(reader) {
        read_url(reader, &setting, &mut config);
    }
    if let Some(nodes) = nodes(reader, &config.nodes) {
        config.nodes = nodes;
    }
    config.username = credential(reader, "username").or(config.username);
    config.password = credential(reader, "password").or(config.password);
    config.db = i64::try_from(number(reader, "db", 0..=65_535, config.db.unsigned_abs())).unwrap_or_default();
    config.key_prefix = text(reader, "keyPrefix").unwrap_or(config.key_prefix);
    config.tls = tls(reader, config.tls);
    config
}

/// The one-line form: `url`, or a text where the options would stand, which ioredis took too.
fn url_setting(reader: &Reader<'_>) -> Option<Setting> {
    let as_group = reader.in_file(GROUP).filter(|value| !value.is_object()).map(|value| Setting {
        path: GROUP.into(),
        value: value.clone(),
        origin: reader.origin.clone(),
        secret: true,
        from_env: false,
    });
    reader.setting("databaseConfig.redis.url").or(as_group)
}

fn read_url(reader: &mut Reader<'_>, setting: &Setting, config: &mut RedisConfig) {
    const EXPECTED: &str = "a URL such as redis://user:password@host:6379/0, rediss://… or unix:///run/redis.sock";
    let text = setting.value.as_str().unwrap_or_default();
    if text.starts_with('/') {
        config.nodes = RedisNodes::Unix(text.into());
        return;
    }
    let Ok(url) = url::Url::parse(text) else { return reader.wrong(setting, EXPECTED) };
    match (url.scheme(), url.host_str().filter(|host| !host.is_empty())) {
        ("redis" | "rediss", Some(host)) => {
            let host = host.trim_matches(['[', ']']).to_owned();
            config.nodes = RedisNodes::Single { host, port: url.port().unwrap_or(REDIS_PORT) };
        }
        ("unix", None) => config.nodes = RedisNodes::Unix(url.path().into()),
        _ => return reader.wrong(setting, EXPECTED),
    }
    if url.scheme() == "rediss" {
        config.tls = Some(RedisTls::default());
    }
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    config.username = Some(decoded(url.username())).filter(|name| !name.is_empty());
    config.password = url.password().map(decoded);
    if let Some(db) = url.path().strip_prefix('/').filter(|db| url.scheme() != "unix" && !db.is_empty()) {
        match db.parse() {
            Ok(db) => config.db = db,
            Err(_) => reader.wrong(setting, EXPECTED),
        }
    }
}

/// Cluster before sentinels before Unix socket before host and port; none when nothing of it is said.
fn nodes(reader: &mut Reader<'_>, base: &RedisNodes) -> Option<RedisNodes> {
    if let Some(nodes) = addresses(reader, "cluster", REDIS_PORT) {
        return Some(RedisNodes::Cluster(nodes));
    }
    if let Some(sentinels) = addresses(reader, "sentinels", SENTINEL_PORT) {
        let name = text(reader, "name").unwrap_or_else(|| {
            let setting = Setting { value: Value::Null, ..absent(reader, "name") };
            reader.wrong(&setting, "the master's name, since sentinels are given");
            String::new()
        });
        let sentinel_username = credential(reader, "sentinelUsername");
        let sentinel_password = credential(reader, "sentinelPassword");
        return Some(RedisNodes::Sentinel { sentinels, name, sentinel_username, sentinel_password });
    }
    if let Some(path) = text(reader, "path") {
        return Some(RedisNodes::Unix(PathBuf::from(path)));
    }
    let (default_host, default_port) = match base {
        RedisNodes::Single { host, port } => (host.clone(), *port),
        RedisNodes::Unix(_) | RedisNodes::Sentinel { .. } | RedisNodes::Cluster(_) => return None,
    };
    let host = text(reader, "host").unwrap_or(default_host);
    let port = number(reader, "port", PORTS, default_port.into());
    Some(RedisNodes::Single { host, port: u16::try_from(port).unwrap_or(default_port) })
}

fn addresses(reader: &mut Reader<'_>, name: &str, default_port: u16) -> Option<Vec<(String, u16)>> {
    let setting = setting(reader, name)?;
    let entries = reader.list(&setting)?;
    if entries.is_empty() {
        reader.wrong(&setting, "at least one {host, port}");
    }
    Some(entries.iter().filter_map(|entry| address(reader, entry, default_port)).collect())
}

/// `{host, port}` or `host:port`.
fn address(reader: &mut Reader<'_>, entry: &Setting, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match &entry.value {
        Value::Object(fields) => {
            let port = fields.get("port").filter(|port| !port.is_null());
            (fields.get("host").and_then(Value::as_str), port.map_or(Some(default_port.into()), as_integer))
        }
        Value::String(text) => match text.rsplit_once(':') {
            Some((host, port)) => (Some(host), port.parse().ok()),
            None => (Some(text.as_str()), Some(default_port.into())),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => (None, None),
    };
    let host = host.map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty());
    let port = port.filter(|port| PORTS.contains(port)).and_then(|port| u16::try_from(port).ok());
    let address = host.map(ToOwned::to_owned).zip(port);
    if address.is_none() {
        reader.wrong(entry, format!("{{\"host\": \"…\", \"port\": {default_port}}}"));
    }
    address
}

fn tls(reader: &mut Reader<'_>, from_url: Option<RedisTls>) -> Option<RedisTls> {
    let switch = match setting(reader, "tls") {
        None => from_url.map(|_| true),
        Some(Setting { value: Value::Object(_), .. }) => Some(true),
        Some(setting) => {
            let switch = as_boolean(&setting.value);
            if switch.is_none() {
                reader.wrong(&setting, "true, false or an object with rejectUnauthorized and ca");
            }
            switch
        }
    };
    let insecure = !reader.boolean("databaseConfig.redis.tls.rejectUnauthorized", true);
    let ca = authorities(reader);
    // Who names authorities, or does without, means TLS.
    switch.unwrap_or(insecure || ca.is_some()).then_some(RedisTls { insecure, ca })
}

/// PEM text, a list of PEM texts, or the path of a PEM file.
fn authorities(reader: &mut Reader<'_>) -> Option<String> {
    let setting = setting(reader, "tls.ca")?;
    let text = match &setting.value {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    };
    if text.contains("-----BEGIN") {
        return Some(text);
    }
    let read = std::fs::read_to_string(&text).ok().filter(|text| text.contains("-----BEGIN"));
    if read.is_none() {
        reader.wrong(&setting, "PEM text, or the path of a readable PEM file");
    }
    read
}

/// Laravel writes `REDIS_PASSWORD=null` for none, and variables are often made from it.
fn credential(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    let from_env = setting(reader, name)?.from_env;
    text(reader, name).filter(|text| !(from_env && matches!(text.as_str(), "null" | "(null)")))
}

fn setting(reader: &Reader<'_>, name: &str) -> Option<Setting> {
    reader.setting(&format!("{GROUP}.{name}"))
}

fn absent(reader: &Reader<'_>, name: &str) -> Setting {
    let path = format!("{GROUP}.{name}");
    Setting { path, value: Value::Null, origin: reader.origin.clone(), secret: false, from_env: false }
}

fn text(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    reader.text(&format!("{GROUP}.{name}"))
}

fn number(reader: &mut Reader<'_>, name: &str, range: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
    reader.number(&format!("{GROUP}.{name}"), range, default)
}
