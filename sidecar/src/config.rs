//! The validated configuration: what the rest of the sidecar works with.
//!
//! As written (JSON file, environment, `.env`) → [`Config`]. Everything in here is ready to use; whatever can be wrong with a
//! setting was found while it was read. Nothing else in the sidecar reads the environment.

use std::{path::PathBuf, time::Duration};

mod build;
mod dotenv;
mod environment;
mod file;
pub mod keys;
mod load;
mod problem;
mod reader;
mod redis;
pub mod reference;
mod socketio;
mod suggest;
#[cfg(test)]
mod tests;
mod tls;
mod unix_socket;
mod unknown;

pub use environment::Environment;
pub use file::{Flavour, OLD_FILE, OUR_FILE, Place, read as read_file};
pub use load::{Loaded, load, lock_beside};
pub use problem::{ConfigError, Problem};

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
    /// `clients`: who may use the HTTP API.
    pub clients: Vec<ApiClient>,
    /// `database`: where presence members are kept for others to read.
    pub database: Database,
    /// `databaseConfig.redis`, in ioredis' words; used by the Redis source and the Redis presence store.
    pub redis: RedisConfig,
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
    /// `edge`.
    pub edge: EdgeKind,
    /// Bounds on what comes from outside.
    pub limits: Limits,
    /// `graceMs`: how long a stop may take. Default 10 s, supervisord's own patience.
    pub grace: Duration,
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

/// `sslCertPath` and its companions.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// `sslCertPath`, PEM.
    pub cert: PathBuf,
    /// `sslKeyPath`, PEM.
    pub key: PathBuf,
    /// `sslCertChainPath`, PEM.
    pub chain: Option<PathBuf>,
    /// `sslPassphrase` of the key.
    pub passphrase: Option<String>,
}

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConfig").field("cert", &self.cert).field("key", &self.key).finish_non_exhaustive()
    }
}

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

/// `unixSocket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocketConfig {
    /// `path`. Default `/run/rustecho/rustecho.sock`; where its folder is not writable, `rustecho.sock` in the working folder.
    pub path: PathBuf,
    /// `mode`, octal. Default `0660`.
    pub mode: u32,
    /// `group`: name or number that the socket file is given to; none leaves it.
    pub group: Option<String>,
    /// `allowedUids`: peers that may connect; empty is everyone the mode lets in.
    pub allowed_uids: Vec<u32>,
    /// Whether the sidecar may not start without it. The old server had none: where its file does not ask for one, a path that
    /// cannot be had (a second sidecar on the machine has it) is a warning.
    pub required: bool,
}

/// Which Socket.IO edge runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// Our own, on the protocols' own terms.
    Lean,
    /// socketioxide.
    Socketioxide,
}

/// Bounds on what comes from outside, each with its key under `limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `channelNameBytes`. Default 512.
    pub channel_name: usize,
    /// `eventNameBytes`. Default 512.
    pub event_name: usize,
    /// `dataBytes` of one published event. Default 10 MiB.
    pub data: usize,
    /// `channelsPerEvent`. Default 100.
    pub channels_per_event: usize,
    /// `subscriptionsPerSocket`. Default 1,000.
    pub subscriptions_per_socket: usize,
    /// `queueBytesPerSocket`: what may wait for one slow client. Default 1 MiB above the largest event.
    pub queue_per_socket: usize,
    /// `authInFlight`: auth requests at one time; more wait. Default 64.
    pub auth_in_flight: usize,
    /// `authQueued`: how many may wait; more are refused. Default 20,000.
    pub auth_queued: usize,
    /// `authResponseBytes`. Default 1 MiB.
    pub auth_response: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            channel_name: 512,
            event_name: 512,
            data: 10 * MIB,
            channels_per_event: 100,
            subscriptions_per_socket: 1_000,
            queue_per_socket: 11 * MIB,
            auth_in_flight: 64,
            auth_queued: 20_000,
            auth_response: MIB,
        }
    }
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

impl Default for UnixSocketConfig {
    fn default() -> Self {
        Self {
            path: "/run/rustecho/rustecho.sock".into(),
            mode: 0o660,
            group: None,
            allowed_uids: Vec::new(),
            required: true,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            auth_hosts: vec!["http://localhost".into()],
            auth_endpoint: "/broadcasting/auth".into(),
            auth_timeout: Duration::from_secs(10),
            auth_verify_tls: true,
            auth_keep_alive: true,
            auth_forward_client: true,
            auth_check_body: true,
            clients: Vec::new(),
            database: Database::Memory,
            redis: RedisConfig::default(),
            publish_presence: false,
            dev_mode: false,
            host: None,
            port: 6001,
            tls: None,
            socketio: SocketIoConfig::default(),
            http_source: true,
            redis_source: false,
            api_cors: None,
            headers: Vec::new(),
            unix_socket: Some(UnixSocketConfig::default()),
            edge: EdgeKind::Lean,
            limits: Limits::default(),
            grace: Duration::from_secs(10),
        }
    }
}
