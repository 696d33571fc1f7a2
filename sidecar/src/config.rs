//! The validated configuration: what the rest of the sidecar works with.
//!
//! As written (JSON file, environment, `.env`) → [`Config`]. Everything in here is ready to use; whatever can be wrong with a
//! setting was found while it was read. Nothing else in the sidecar reads the environment.

use std::{path::PathBuf, time::Duration};

mod admin;
mod build;
mod cluster;
mod dotenv;
mod environment;
mod file;
pub mod keys;
mod limits;
mod lines;
mod live;
mod load;
mod otel;
mod problem;
mod reader;
mod recovery;
mod redis;
pub mod reference;
mod renew;
mod socketio;
mod spool;
mod suggest;
#[cfg(test)]
mod tests;
mod tls;
mod unix_socket;
mod unknown;
mod visitors;
mod whispers;

pub use admin::AdminConfig;
pub use cluster::ClusterConfig;
pub use environment::Environment;
pub(crate) use file::without_comments;
pub use file::{Flavour, OLD_FILE, OUR_FILE, Place, SERVICE_FOLDER, SYSTEM_FILE, read as read_file};
pub use limits::{Characters, LARGEST_RATE_PER_IP, Limits, SlowClients};
pub use live::Live;
#[cfg(feature = "fuzzing")]
pub use load::fuzz;
pub use load::{Loaded, load, lock_beside};
pub use problem::{ConfigError, Problem};
pub use recovery::RecoveryConfig;
pub use redis::{RedisConfig, RedisNodes, RedisTls};
pub use renew::{Renewal, Written};
pub use socketio::SocketIoConfig;
pub use spool::SpoolConfig;
pub use tls::TlsConfig;
pub use unix_socket::UnixSocketConfig;
pub use visitors::{AuthHeaders, OriginPolicy, Visitors};
pub use whispers::Whispers;

/// Every setting, validated. [`Config::default`] is a sidecar that works without Redis.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `authHost`: where Laravel answers, in the order of the file; never empty.
    pub auth_hosts: Vec<String>,
    /// `authEndpoint`: appended verbatim to the chosen host.
    pub auth_endpoint: String,
    /// `authTimeoutMs`: the whole auth request. Default 10 s: Laravel's slow first request after a deploy still fits.
    pub auth_timeout: Duration,
    /// `authVerifyTls`: whether Laravel's certificate is checked. Default true.
    pub auth_verify_tls: bool,
    /// `authKeepAlive`: keep connections to Laravel open between auth requests. Default true; the old server's files: false.
    pub auth_keep_alive: bool,
    /// `authForwardClient`: tell Laravel the visitor's address and browser (`X-Forwarded-For`, `User-Agent`), so that sessions
    /// kept in a database show the visitor's and not the sidecar's. Default true; the old server's files: false.
    pub auth_forward_client: bool,
    /// `authCheckBody`: a private channel also needs a JSON body that is neither `false` nor `null`, so that a login page
    /// answered with 200 grants nothing. Default true; the old server's files: false, it looked at the status alone.
    pub auth_check_body: bool,
    /// `originPolicy` and its companions: who may come in, and as whom.
    pub visitors: Visitors,
    /// `clients`: who may use the HTTP API.
    pub clients: Vec<ApiClient>,
    /// `database`: where presence members are kept for others to read.
    pub database: Database,
    /// `databaseConfig.redis`, in ioredis' words; used by the Redis source and the Redis presence store.
    pub redis: RedisConfig,
    /// `cluster`; none for a node that is alone.
    pub cluster: Option<ClusterConfig>,
    /// `databaseConfig.publishPresence`.
    pub publish_presence: bool,
    /// `devMode`: print what happens, for people.
    pub dev_mode: bool,
    /// `host`: listen address; none is every address, IPv6 and IPv4.
    pub host: Option<String>,
    /// `port`.
    pub port: u16,
    /// `protocol: "https"` with its certificate.
    pub tls: Option<TlsConfig>,
    /// `socketio`.
    pub socketio: SocketIoConfig,
    /// `subscribers.http`: whether `POST /apps/{id}/events` exists.
    pub http_source: bool,
    /// `subscribers.redis`: whether the sidecar listens to Redis.
    pub redis_source: bool,
    /// `apiOriginAllow`, when `allowCors` is true.
    pub api_cors: Option<ApiCors>,
    /// `headers`: added to every answer that is not Socket.IO's.
    pub headers: Vec<(String, String)>,
    /// `unixSocket`; none when it is `false`.
    pub unix_socket: Option<UnixSocketConfig>,
    /// `spool`; none when it is `false`, or there is no Unix socket.
    pub spool: Option<SpoolConfig>,
    /// `reusePort`: open the port in a way that the next sidecar can open it, too. Default false.
    pub reuse_port: bool,
    /// `admin`; none when it is `false`.
    pub admin: Option<AdminConfig>,
    /// `logFormat`.
    pub log_format: LogFormat,
    /// `otel`; none when no collector is named.
    pub otel: Option<OtelConfig>,
    /// `logLevel`: what is logged; none leaves it to `RUSTECHO_LOG` and the defaults.
    pub log_level: Option<String>,
    /// `edge`.
    pub edge: EdgeKind,
    /// `recovery`; none when it is off, or the edge has none.
    pub recovery: Option<RecoveryConfig>,
    /// `presenceGraceMs`: how long the members of a connection that ended without a word stay, so that a page that is loaded again
    /// neither leaves nor joins. Default 3 s; zero in a file of laravel-echo-server's name.
    pub presence_grace: Duration,
    /// Bounds on what comes from outside.
    pub limits: Limits,
    /// `coalesceMs`: the longest that an event waits to share a write with others of its channel; zero joins nothing. Default
    /// 10 ms.
    pub coalesce: Duration,
    /// `graceMs`: how long a stop may take. Default 10 s, supervisord's own patience.
    pub grace: Duration,
}

/// `otel`: where traces are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct OtelConfig {
    /// `otel.endpoint`, with the path of OTLP's traces.
    pub endpoint: url::Url,
    /// `otel.headers`: sent along.
    pub headers: Vec<(String, String)>,
    /// `otel.serviceName`.
    pub service: String,
}

impl std::fmt::Debug for OtelConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The headers hold the collector's key, and so may the address.
        f.debug_struct("OtelConfig").field("service", &self.service).finish_non_exhaustive()
    }
}

/// One entry of `clients`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiClient {
    /// `appId`.
    pub app_id: String,
    /// `key`: the bearer key.
    pub key: String,
    /// `secret`: for Pusher's signed queries; new.
    pub secret: Option<String>,
}

impl std::fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiClient").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

/// Where presence members are written for others to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// Nowhere: the sidecar's own memory is all there is.
    Memory,
    /// `<prefix><channel>:members` in Redis.
    Redis,
    /// A table `key_value` in this SQLite file.
    Sqlite(PathBuf),
}

/// CORS headers of the HTTP API, sent literally as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCors {
    /// `allowOrigin`.
    pub origin: String,
    /// `allowMethods`.
    pub methods: String,
    /// `allowHeaders`.
    pub headers: String,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// For people where standard error is a terminal, else JSON.
    Auto,
}

/// Which Socket.IO edge runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// Our own, on the protocols' own terms.
    Lean,
    /// socketioxide.
    Socketioxide,
}

impl Default for Config {
    fn default() -> Self {
        let unix_socket = UnixSocketConfig::default();
        let spool = SpoolConfig::beside(&unix_socket.path);
        Self {
            recovery: Some(RecoveryConfig::beside(&spool, &unix_socket.path)),
            auth_hosts: vec!["http://localhost".into()],
            auth_endpoint: "/broadcasting/auth".into(),
            auth_timeout: Duration::from_secs(10),
            auth_verify_tls: true,
            auth_keep_alive: true,
            auth_forward_client: true,
            auth_check_body: true,
            visitors: Visitors::default(),
            clients: Vec::new(),
            database: Database::Memory,
            redis: RedisConfig::default(),
            publish_presence: false,
            presence_grace: Duration::from_secs(3),
            cluster: None,
            dev_mode: false,
            host: None,
            port: 6001,
            tls: None,
            socketio: SocketIoConfig::default(),
            http_source: true,
            redis_source: false,
            api_cors: None,
            headers: Vec::new(),
            unix_socket: Some(unix_socket),
            spool: Some(spool),
            otel: None,
            reuse_port: false,
            admin: Some(AdminConfig::default()),
            log_format: LogFormat::Auto,
            log_level: None,
            edge: EdgeKind::Lean,
            limits: Limits::default(),
            coalesce: Duration::from_millis(10),
            grace: Duration::from_secs(10),
        }
    }
}
