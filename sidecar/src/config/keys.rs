//! The one table of settings: from it come the names that are known, their environment variables, and docs/configuration.md.

/// One setting as an operator writes it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its place in the file, dots between the levels; `clients[].appId` is a field of each entry of a list.
    pub path: &'static str,
    /// Its environment variable after [`PREFIX`]; none where the environment cannot say it.
    pub env: Option<&'static str>,
    /// Its variable of laravel-echo-server after [`OLD_PREFIX`].
    pub old_env: Option<&'static str>,
    /// What holds without it, as JSON; empty when there is nothing to show.
    pub default: &'static str,
    /// What it is for, its unit and its bounds, for the reference.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// In front of every variable of ours.
pub const PREFIX: &str = "RUSTECHO_";
/// In front of every variable of laravel-echo-server.
pub const OLD_PREFIX: &str = "LARAVEL_ECHO_SERVER_";

/// Variables after [`PREFIX`] that belong to the Laravel package and to logging; a shared `.env` has them.
pub const NOT_SETTINGS: [&str; 13] = [
    "SOCKET",
    "TRANSPORT",
    "TIMEOUT_MS",
    "ACK",
    "AUTH_ENABLED",
    "AUTH_MIDDLEWARE",
    "AUTH_CHANNELS",
    "API_URL",
    "API_KEY",
    "LOG",
    "LOG_FORMAT",
    "CONNECTION",
    "BIN",
];

/// Options of Socket.IO that are known and have no counterpart are named in one warning; so are those of ioredis.
pub const OPEN_GROUPS: [&str; 3] = ["socketio", "databaseConfig.redis", "databaseConfig.redis.tls"];

/// The setting at this place.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether some setting lies below this place.
pub fn is_group(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The names that may stand directly below this place; the top level is the empty text.
pub fn names_below(path: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = KEYS
        .iter()
        .filter_map(|key| match path {
            "" => Some(key.path),
            _ => key.path.strip_prefix(path)?.strip_prefix('.'),
        })
        .filter_map(|rest| rest.split(['.', '[']).next())
        .collect();
    names.dedup();
    names
}

const fn key(path: &'static str, env: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { path, env: Some(env), old_env: None, default, meaning, secret: false }
}

/// A field of a list's entries: only the file can say it.
const fn field(path: &'static str, meaning: &'static str) -> Key {
    Key { path, env: None, old_env: None, default: "", meaning, secret: false }
}

impl Key {
    const fn was(mut self, old_env: &'static str) -> Self {
        self.old_env = Some(old_env);
        self
    }

    const fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn file_only(mut self) -> Self {
        self.env = None;
        self
    }
}

/// Every setting, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("host", "HOST", "null", "Address to listen on. `null` is every address, IPv6 and IPv4.").was("HOST"),
    key(
        "port",
        "PORT",
        "6001",
        "Port to listen on, 1 to 65535; 0 lets the system choose. A number or a text, also in the form \
         `tcp://10.0.0.1:6001`.",
    )
    .was("PORT"),
    key("authHost", "AUTH_HOST", "\"http://localhost\"", "Where Laravel answers: one address or a list. Without a \
         `Referer` the first is asked; with one, the entry that matches it (an address, a `host:port`, or a domain with \
         a leading dot), else the last. `null` falls back to `host`. In the environment: commas between entries.")
    .was("AUTH_HOST"),
    key("authEndpoint", "AUTH_ENDPOINT", "\"/broadcasting/auth\"", "Appended as it is to the auth host."),
    key("authTimeoutMs", "AUTH_TIMEOUT_MS", "10000", "Longest wait for Laravel's answer to one auth request, in \
         milliseconds, 1 to 600000. After it the subscription is refused."),
    key("authVerifyTls", "AUTH_VERIFY_TLS", "true", "Whether the certificate of an https auth host is checked. \
         laravel-echo-server never did."),
    key("authKeepAlive", "AUTH_KEEP_ALIVE", "true", "Whether connections to Laravel are kept open between auth requests. In a \
         file that is not called `rustecho….json` the default is `false`."),
    key("authForwardClient", "AUTH_FORWARD_CLIENT", "true", "Whether auth requests tell Laravel the visitor's address and browser \
         (`X-Forwarded-For`, `User-Agent`). In a file that is not called `rustecho….json` the default is `false`."),
    key("authCheckBody", "AUTH_CHECK_BODY", "true", "Whether a private channel also needs a JSON answer that is neither `false` \
         nor `null`, so that a login page grants nothing. In a file that is not called `rustecho….json` the default is `false`."),
    key("clients", "CLIENTS", "[]", "Who may use the HTTP API. In the environment: `id:key`, commas between clients; \
         a third part is the secret.").hidden(),
    field("clients[].appId", "The client's id, a text. Of two entries with one id the first counts."),
    field("clients[].key", "Its key, given as `Authorization: Bearer …` or `auth_key`.").hidden(),
    field("clients[].secret", "Its secret, for the signed queries of Pusher's libraries. Optional.").hidden(),
    key("database", "DATABASE", "\"memory\"", "Where presence members are kept: `memory` (this process), `redis` \
         (`<keyPrefix><channel>:members`, readable by others) or `sqlite`. In a file that is not called \
         `rustecho….json` the default is `redis`, as it was in laravel-echo-server."),
    key("databaseConfig.redis.host", "REDIS_HOST", "\"127.0.0.1\"", "Redis: host name or address.").was("REDIS_HOST"),
    key("databaseConfig.redis.port", "REDIS_PORT", "6379", "Redis: port, 1 to 65535.").was("REDIS_PORT"),
    key("databaseConfig.redis.path", "REDIS_PATH", "null", "Redis: its Unix socket, instead of host and port."),
    key("databaseConfig.redis.url", "REDIS_URL", "null", "Redis in one line: `redis://user:password@host:6379/0`, \
         `rediss://…` with TLS, or `unix:///run/redis.sock`. The other keys win over its parts.").hidden(),
    key("databaseConfig.redis.username", "REDIS_USERNAME", "null", "Redis: ACL user."),
    key("databaseConfig.redis.password", "REDIS_PASSWORD", "null", "Redis: password.").was("REDIS_PASSWORD").hidden(),
    key("databaseConfig.redis.db", "REDIS_DB", "0", "Redis: database number, for the members. Publishing knows no databases."),
    key("databaseConfig.redis.keyPrefix", "REDIS_PREFIX", "\"\"", "In front of every channel and key; must equal \
         Laravel's `database.redis.options.prefix`."),
    key("databaseConfig.redis.tls", "REDIS_TLS", "false", "Redis over TLS: `true`, or an object with the two keys below.")
    ,
    key("databaseConfig.redis.tls.rejectUnauthorized", "REDIS_TLS_VERIFY", "true", "Whether Redis' certificate is checked."),
    key("databaseConfig.redis.tls.ca", "REDIS_TLS_CA", "null", "Authorities to trust instead of the system's: PEM text, \
         or the path of a PEM file."),
    key("databaseConfig.redis.sentinels", "REDIS_SENTINELS", "null", "Sentinels, a list of `{host, port}`; `name` is \
         needed too. In the environment: `host:port`, commas between them."),
    field("databaseConfig.redis.sentinels[].host", "A sentinel's host."),
    field("databaseConfig.redis.sentinels[].port", "Its port; 26379 if not given."),
    key("databaseConfig.redis.name", "REDIS_SENTINEL_NAME", "null", "The name under which the sentinels know the master."),
    key("databaseConfig.redis.sentinelUsername", "REDIS_SENTINEL_USERNAME", "null", "User at the sentinels."),
    key("databaseConfig.redis.sentinelPassword", "REDIS_SENTINEL_PASSWORD", "null", "Password at the sentinels.").hidden(),
    key("databaseConfig.redis.cluster", "REDIS_CLUSTER", "null", "Start nodes of a Redis Cluster, a list of `{host, port}`. \
         In the environment: `host:port`, commas between them."),
    field("databaseConfig.redis.cluster[].host", "A node's host."),
    field("databaseConfig.redis.cluster[].port", "Its port; 6379 if not given."),
    key("databaseConfig.sqlite.databasePath", "SQLITE_PATH", "\"/database/laravel-echo-server.sqlite\"",
        "SQLite: the file, appended to the working directory. Its folder must exist."),
    key("databaseConfig.publishPresence", "PUBLISH_PRESENCE", "false", "Whether every change of a presence channel's \
         members is published on the Redis channel `PresenceChannelUpdated`. Only `true` counts."),
    key("devMode", "DEV_MODE", "false", "Print every event, subscription and auth request for people to read. Only `true` \
         and `\"true\"` count; `--dev` switches it on too.").was("DEBUG"),
    key("protocol", "PROTOCOL", "\"http\"", "`https` serves with the certificate below, and nothing else, on the port.").was("PROTO"),
    key("sslCertPath", "SSL_CERT", "\"\"", "Certificate, PEM. Needed for https.").was("SSL_CERT"),
    key("sslKeyPath", "SSL_KEY", "\"\"", "Its private key, PEM. Needed for https.").was("SSL_KEY"),
    key("sslCertChainPath", "SSL_CHAIN", "\"\"", "Certificates between it and the root, PEM.").was("SSL_CHAIN"),
    key("sslPassphrase", "SSL_PASS", "\"\"", "Passphrase of the private key.").was("SSL_PASS").hidden(),
    key("secureOptions", "SECURE_OPTIONS", "67108864", "Taken and without effect: TLS 1.2 and 1.3 are spoken, never less.")
        .file_only(),
    key("subscribers.http", "SUBSCRIBERS_HTTP", "true", "Whether `POST /apps/{id}/events` exists. A file that has \
         `subscribers` without `http` switches it off."),
    key("subscribers.redis", "SUBSCRIBERS_REDIS", "false", "Whether events are taken from Redis. Without `subscribers` in \
         the file it is on when some setting of `databaseConfig.redis` is given, and always in a file that is not called \
         `rustecho….json`."),
    key("socketio.path", "SOCKETIO_PATH", "\"/socket.io\"", "Where Socket.IO answers."),
    key("socketio.pingInterval", "SOCKETIO_PING_INTERVAL", "25000", "Time between heartbeats, in milliseconds, 1 to 86400000."),
    key("socketio.pingTimeout", "SOCKETIO_PING_TIMEOUT", "20000", "How late a heartbeat may be, in milliseconds, 1 to 86400000."),
    key("socketio.transports", "SOCKETIO_TRANSPORTS", "[\"polling\", \"websocket\"]", "Which transports are served."),
    key("socketio.allowUpgrades", "SOCKETIO_ALLOW_UPGRADES", "true", "Whether a polling client may change to a websocket."),
    key("socketio.cookie", "SOCKETIO_COOKIE", "\"io\"", "Name of the cookie on polling answers to Socket.IO 2 clients; \
         `false` sends none."),
    key("socketio.origins", "SOCKETIO_ORIGINS", "\"*:*\"", "Origins that may connect, as `host:port`, `host:*`, `*:port` or \
         `scheme://host:port`; a list, or one text with spaces or commas between them."),
    key("socketio.maxHttpBufferSize", "SOCKETIO_MAX_HTTP_BUFFER_SIZE", "1000000", "Largest incoming packet, in bytes, 1 to \
         1073741824."),
    key("socketio.serveClient", "SOCKETIO_SERVE_CLIENT", "true", "Whether `/socket.io/socket.io.js` is served."),
    key("apiOriginAllow.allowCors", "CORS", "false", "Whether the HTTP API sends the three headers below, as they are written."),
    key("apiOriginAllow.allowOrigin", "CORS_ORIGIN", "\"\"", "`Access-Control-Allow-Origin`."),
    key("apiOriginAllow.allowMethods", "CORS_METHODS", "\"\"", "`Access-Control-Allow-Methods`."),
    key("apiOriginAllow.allowHeaders", "CORS_HEADERS", "\"\"", "`Access-Control-Allow-Headers`."),
    key("headers", "HEADERS", "{}", "An object of headers for every answer that is not Socket.IO's. In the environment: JSON."),
    key("unixSocket", "UNIX_SOCKET", "", "The Unix socket that the PHP extension publishes on: an object with the keys \
         below, a path, or `false` for none."),
    key("unixSocket.path", "UNIX_SOCKET_PATH", "", "Its path. Without it `/run/rustecho/rustecho.sock`, or `rustecho.sock` \
         in the working directory where that folder cannot be written."),
    key("unixSocket.mode", "UNIX_SOCKET_MODE", "\"0660\"", "Its file mode, octal."),
    key("unixSocket.group", "UNIX_SOCKET_GROUP", "null", "Group, by name or number, that the socket file is given to: the one PHP \
         runs in, such as `www-data`."),
    key("unixSocket.allowedUids", "UNIX_SOCKET_ALLOWED_UIDS", "[]", "User ids that may publish; empty is everybody whom the \
         file mode lets in."),
    key("edge", "EDGE", "\"lean\"", "Which Socket.IO implementation serves: `lean`, our own, or `socketioxide`."),
    key("graceMs", "GRACE_MS", "10000", "Longest time a stop may take, in milliseconds, 0 to 600000."),
    key("limits.channelNameBytes", "LIMITS_CHANNEL_NAME_BYTES", "512", "Longest channel name, in bytes."),
    key("limits.eventNameBytes", "LIMITS_EVENT_NAME_BYTES", "512", "Longest event name, in bytes."),
    key("limits.dataBytes", "LIMITS_DATA_BYTES", "10485760", "Largest data of one event, in bytes."),
    key("limits.channelsPerEvent", "LIMITS_CHANNELS_PER_EVENT", "100", "Most channels of one event."),
    key("limits.subscriptionsPerSocket", "LIMITS_SUBSCRIPTIONS_PER_SOCKET", "1000", "Most channels of one socket."),
    key("limits.queueBytesPerSocket", "LIMITS_QUEUE_BYTES_PER_SOCKET", "11534336", "What may wait for one slow client, in \
         bytes; over it the client is disconnected."),
    key("limits.authInFlight", "LIMITS_AUTH_IN_FLIGHT", "64", "Auth requests to Laravel at one time; more wait."),
    key("limits.authQueued", "LIMITS_AUTH_QUEUED", "20000", "Auth requests that may wait; more are refused."),
    key("limits.authResponseBytes", "LIMITS_AUTH_RESPONSE_BYTES", "1048576", "Largest answer of Laravel to an auth request, in \
         bytes."),
];
