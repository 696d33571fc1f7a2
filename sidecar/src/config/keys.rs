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
    /// A variable that other programs know as well, with its whole name.
    pub shared_env: Option<&'static str>,
    /// What holds without it, as JSON; empty when there is nothing to show.
    pub default: &'static str,
    /// What it is for, its unit and its bounds, for the reference.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// Whether SIGHUP brings a change of it into force; else a restart does.
    pub live: bool,
}

/// In front of every variable of ours.
pub const PREFIX: &str = "RUSTECHO_";
/// In front of every variable of laravel-echo-server.
pub const OLD_PREFIX: &str = "LARAVEL_ECHO_SERVER_";

/// Variables after [`PREFIX`] that belong to the Laravel package and to logging; a shared `.env` has them.
pub const NOT_SETTINGS: [&str; 17] = [
    "SOCKET",
    "TRANSPORT",
    "TIMEOUT_MS",
    "ACK",
    "ON_FAILURE",
    "REDIS_CONNECTION",
    "BREAKER_MS",
    "SPOOL_MAX_BYTES",
    "AUTH_ENABLED",
    "AUTH_MIDDLEWARE",
    "AUTH_CHANNELS",
    "API_URL",
    "API_KEY",
    "LOG",
    "CONNECTION",
    "BIN",
    "HEALTH_UP",
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
    Key { path, env: Some(env), old_env: None, shared_env: None, default, meaning, secret: false, live: false }
}

/// A field of a list's entries: only the file can say it.
const fn field(path: &'static str, meaning: &'static str) -> Key {
    Key { path, env: None, old_env: None, shared_env: None, default: "", meaning, secret: false, live: false }
}

impl Key {
    const fn was(mut self, old_env: &'static str) -> Self {
        self.old_env = Some(old_env);
        self
    }

    const fn shared(mut self, name: &'static str) -> Self {
        self.shared_env = Some(name);
        self
    }

    const fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn live(mut self) -> Self {
        self.live = true;
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
    .was("AUTH_HOST").live(),
    key("authEndpoint", "AUTH_ENDPOINT", "\"/broadcasting/auth\"", "Appended as it is to the auth host.").live(),
    key("authTimeoutMs", "AUTH_TIMEOUT_MS", "10000", "Longest wait for Laravel's answer to one auth request, in \
         milliseconds, 1 to 600000. After it the subscription is refused.").live(),
    key("authVerifyTls", "AUTH_VERIFY_TLS", "true", "Whether the certificate of an https auth host is checked. \
         laravel-echo-server never did.").live(),
    key("authKeepAlive", "AUTH_KEEP_ALIVE", "true", "Whether connections to Laravel are kept open between auth requests. In a \
         file that is not called `rustecho….json` the default is `false`.").live(),
    key("authForwardClient", "AUTH_FORWARD_CLIENT", "true", "Whether auth requests tell Laravel the visitor's address and browser \
         (`X-Forwarded-For`, `User-Agent`). What the visitor's own request says in `X-Forwarded-For` is passed on only where it comes \
         from one of `trustedProxies` or a loopback address. In a file that is not called `rustecho….json` the default is `false`.").live(),
    key("authCheckBody", "AUTH_CHECK_BODY", "true", "Whether a private channel also needs a JSON answer that is neither `false` \
         nor `null`, so that a login page grants nothing, and a presence channel a member whose `user_id` is a text or a number. \
         In a file that is not called `rustecho….json` the default is `false`.").live(),
    key("authHeaders", "AUTH_HEADERS", "[\"accept\", \"accept-language\", \"authorization\", \"cookie\", \"origin\", \
         \"referer\", \"user-agent\", \"x-csrf-token\", \"x-socket-id\", \"x-xsrf-token\"]", "Which of the headers that a page \
         gives to Echo (`auth.headers`) reach Laravel; `[\"*\"]` is all but those that only the sidecar may set, such as `Host` \
         and `X-Forwarded-For`. In a file that is not called `rustecho….json` the default is `[\"*\"]`.").live(),
    key("originPolicy", "ORIGIN_POLICY", "\"trusted\"", "What a page of an origin that is not trusted gets. `trusted`: a \
         connection, but the cookie of its visitor is not passed on to Laravel. `site`: the same, and all hosts of the site of the \
         sidecar's own host (`www.example.com` for `ws.example.com`) are trusted. `strict`: 403. `any`: all is passed on, \
         as laravel-echo-server did. In a file that is not called `rustecho….json` the default is `site`.").live(),
    key("trustedOrigins", "TRUSTED_ORIGINS", "[]", "Origins that are trusted besides the page's own host, the hosts of `authHost` \
         and those that `socketio.origins` names: `https://app.example.com`, `app.example.com`, `app.example.com:8443`, \
         `*.example.com`, `null` (apps without an origin), `*`. In the environment: commas between them.").live(),
    key("trustedProxies", "TRUSTED_PROXIES", "[]", "Addresses and networks of your proxies, such as `127.0.0.1` and `10.0.0.0/8`: \
         only they are believed what `X-Forwarded-For` and `X-Forwarded-Host` say, which the limits of one address \
         (`limits.connectionsPerIp`, `limits.subscribesPerSecondPerIp`) and `originPolicy` go by. Without those of this machine nginx itself is the one visitor that is seen, and a private \
         address has no bound.").live(),
    key("clients", "CLIENTS", "[]", "Who may use the HTTP API. In the environment: `id:key`, commas between clients; \
         a third part is the secret.").hidden().live(),
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
         and `\"true\"` count; `--dev` switches it on too.").was("DEBUG").live(),
    key("protocol", "PROTOCOL", "\"http\"", "`https` serves with the certificate below, and nothing else, on the port.").was("PROTO"),
    key("sslCertPath", "SSL_CERT", "\"\"", "Certificate, PEM. Needed for https.").was("SSL_CERT").live(),
    key("sslKeyPath", "SSL_KEY", "\"\"", "Its private key, PEM. Needed for https.").was("SSL_KEY").live(),
    key("sslCertChainPath", "SSL_CHAIN", "\"\"", "Certificates between it and the root, PEM.").was("SSL_CHAIN").live(),
    key("sslPassphrase", "SSL_PASS", "\"\"", "Passphrase of the private key.").was("SSL_PASS").hidden().live(),
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
    key("apiOriginAllow.allowCors", "CORS", "false", "Whether the HTTP API sends the three headers below, as they are written.").live(),
    key("apiOriginAllow.allowOrigin", "CORS_ORIGIN", "\"\"", "`Access-Control-Allow-Origin`.").live(),
    key("apiOriginAllow.allowMethods", "CORS_METHODS", "\"\"", "`Access-Control-Allow-Methods`.").live(),
    key("apiOriginAllow.allowHeaders", "CORS_HEADERS", "\"\"", "`Access-Control-Allow-Headers`.").live(),
    key("headers", "HEADERS", "{}", "An object of headers for every answer that is not Socket.IO's. In the environment: JSON.").live(),
    key("unixSocket", "UNIX_SOCKET", "", "The Unix socket that the PHP extension publishes on: an object with the keys \
         below, a path, or `false` for none."),
    key("unixSocket.path", "UNIX_SOCKET_PATH", "", "Its path. Without it `/run/rustecho/rustecho.sock`, or `rustecho.sock` \
         in the working directory where that folder cannot be written."),
    key("unixSocket.mode", "UNIX_SOCKET_MODE", "\"0660\"", "Its file mode, octal."),
    key("unixSocket.group", "UNIX_SOCKET_GROUP", "null", "Group, by name or number, that the socket file is given to: the one PHP \
         runs in, such as `www-data`."),
    key("unixSocket.allowedUids", "UNIX_SOCKET_ALLOWED_UIDS", "[]", "User ids that may publish; empty is everybody whom the \
         file mode lets in.").live(),
    key("spool", "SPOOL", "", "Where publishers on the Unix socket keep events while the sidecar is away: an object with the \
         keys below, a path, or `false` for none."),
    key("spool.path", "SPOOL_PATH", "", "The directory, made at the start with the rights that the Unix socket's mode and group \
         give. Without it `/var/spool/rustecho` for a socket under `/run`, else the folder `spool` beside the socket; the \
         extension's `rustecho.spool` must say the same."),
    key("spool.ttl", "SPOOL_TTL", "3600", "Spooled events older than this are dropped and counted, in seconds, 1 to 31536000."),
    key("spool.settleMs", "SPOOL_SETTLE_MS", "6000", "How long after a start publishers are asked to spool, in milliseconds, 0 to \
         600000, so that browsers are back before the events are emitted. It ends as soon as there are as many \
         subscriptions as before."),
    key("admin", "ADMIN", "", "The admin listener: metrics, health, and the console, a web page that shows what happens. An object \
         with the keys below, a port, or `false` for none. In a file that is not called `rustecho….json` the default is `false`."),
    key("admin.host", "ADMIN_HOST", "\"127.0.0.1\"", "Its address. Any other than a loopback address needs `admin.key`."),
    key("admin.port", "ADMIN_PORT", "", "Its port, 1 to 65535; 0 lets the system choose. Without it 6002, and where that is taken the \
         sidecar starts without the listener."),
    key("admin.key", "ADMIN_KEY", "null", "What `Authorization: Bearer …` must show there, 16 characters or more. `/health` and \
         `/ready` never need it. Without one, whoever is on the machine may look, and nobody may publish from the console.").hidden().live(),
    key("admin.readyLagMs", "ADMIN_READY_LAG_MS", "5000", "How far behind the sidecar may be while `/ready` says yes, in milliseconds, \
         1 to 600000: how late its own clock ticks, and, in a cluster, how long a message takes through Redis.").live(),
    key("logFormat", "LOG_FORMAT", "\"auto\"", "How the log is written to standard error: `text` for people, `json` for programs, or \
         `auto`: text on a terminal, else JSON. In a file that is not called `rustecho….json` the default is `text`."),
    key("logLevel", "LOG_LEVEL", "", "What is logged: `error`, `warn`, `info`, `debug`, `trace`, or for parts of it, such as \
         `info,rustecho_sidecar::auth=debug`. The variable `RUSTECHO_LOG` says the same and wins. Without either `info`; in a file \
         that is not called `rustecho….json` `warn`, and `error` with `devMode`.").live(),
    key("cluster", "CLUSTER", "false", "Whether this node is one of several that serve as one: an object with the keys below, or \
         `true` for their defaults."),
    key("cluster.redis", "CLUSTER_REDIS", "", "Where the nodes hear each other, by the stream `<keyPrefix>rustecho:cluster`: an \
         object with the keys of `databaseConfig.redis`, a `redis://` URL, or `true` for the Redis of `databaseConfig.redis`, \
         which it is without this key.").hidden(),
    key("cluster.secret", "CLUSTER_SECRET", "", "A secret of at least 16 bytes that all nodes share. With it they take only \
         messages of those who know it.").hidden(),
    key("cluster.leaseMs", "CLUSTER_LEASE_MS", "", "The presence members of a node that has died leave within this time, in \
         milliseconds, 500 to 600000; 10000 if not given. A node that is not heard of for seven tenths of it is taken for dead."),
    key("cluster.queueBytes", "CLUSTER_QUEUE_BYTES", "", "What may wait for the other nodes while Redis is away, in bytes, 65536 to \
         4294967296; 67108864 if not given. Beyond that the oldest are lost to them, and counted."),
    key("cluster.streamLength", "CLUSTER_STREAM_LENGTH", "", "How many messages the stream keeps in Redis, about, 100 to 10000000; \
         5000 if not given. Each node remembers 24 bytes of each."),
    key("cluster.streamBytes", "CLUSTER_STREAM_BYTES", "", "How many bytes of them, about, 1048576 to 1099511627776; 268435456 if not \
         given: of large messages it keeps fewer. A node that misses more than it keeps has lost the rest, and counts it."),
    key("cluster.waitMs", "CLUSTER_WAIT_MS", "", "How long what happens at this node waits for Redis, so that all nodes do everything in \
         one order, in milliseconds, 0 to 10000; 25 if not given. Then, and when Redis is away, the sockets of this node get it \
         first. A receipt waits as long, so it should be less than `rustecho.timeout_ms` of PHP. `0` never waits: no client recovers at \
         another node then, and a node that is killed may have given receipts for what no other node knows."),
    key("presenceGraceMs", "PRESENCE_GRACE_MS", "3000", "How long the presence members of a connection that ended without a word \
         stay, in milliseconds, 0 to 60000: a page that is loaded again within it neither leaves nor joins. `Echo.leave()` and \
         `Echo.disconnect()` leave at once. In a file that is not called `rustecho….json` the default is `0`."),
    key("otel", "OTEL", "false", "Traces for OpenTelemetry, see monitoring.md: an object with the keys below."),
    key("otel.endpoint", "OTEL_ENDPOINT", "", "Where a collector takes OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` \
         is appended. Without it there are no traces.")
    .shared("OTEL_EXPORTER_OTLP_ENDPOINT"),
    key("otel.headers", "OTEL_HEADERS", "", "Headers for the collector: `{\"authorization\": \"Bearer …\"}`; in the environment \
         `name=value`, commas between them.")
    .shared("OTEL_EXPORTER_OTLP_HEADERS")
    .hidden(),
    key("otel.serviceName", "OTEL_SERVICE_NAME", "\"rustecho\"", "How the sidecar is called in traces.").shared("OTEL_SERVICE_NAME"),
    key("edge", "EDGE", "\"lean\"", "Which Socket.IO implementation serves: `lean`, our own, or `socketioxide`."),
    key("recovery", "RECOVERY", "", "Connection state recovery for socket.io-client 4.6 and newer, see recovery.md: an object with \
         the keys below, or `false` for none. Only the edge `lean` has it."),
    key("recovery.seconds", "RECOVERY_SECONDS", "120", "How long the session of a lost connection is kept, and an event for those who \
         may have missed it, in seconds, 0 to 86400; 0 turns recovery off.").live(),
    key("recovery.authSeconds", "RECOVERY_AUTH_SECONDS", "86400", "How old Laravel's consent to a guarded channel may be when the channel \
         comes back without asking again, in seconds, 0 to 31536000.").live(),
    key("recovery.sessions", "RECOVERY_SESSIONS", "50000", "Most sessions that are kept at one time.").live(),
    key("recovery.channelEvents", "RECOVERY_CHANNEL_EVENTS", "10000", "Most events that are kept of one channel.").live(),
    key("recovery.channelBytes", "RECOVERY_CHANNEL_BYTES", "16777216", "Most bytes of events that are kept of one channel.").live(),
    key("recovery.bytes", "RECOVERY_BYTES", "67108864", "Most bytes of events that are kept of all channels together.").live(),
    key("recovery.path", "RECOVERY_PATH", "", "The file that carries sessions and events over a stop and start. Without it a file in \
         the spool's directory, or `rustecho-<port>.recovery` in the working directory where there is no spool; `false` is no such file."),
    key("coalesceMs", "COALESCE_MS", "10", "Events of one channel that come while others of it are being written, and for as \
         long again, share one write a socket; this is the longest that one waits for that, in milliseconds, 0 to 1000. An event \
         on a channel at rest never waits. `0` writes every event by itself.").live(),
    key("reusePort", "REUSE_PORT", "false", "Whether the port is opened in a way (`SO_REUSEPORT`) that the next sidecar of the same user \
         can open it, too: then `rustecho start --force` takes over from the one that runs without refusing a connection. \
         A systemd service does that with `rustecho.socket`."),
    key("graceMs", "GRACE_MS", "10000", "Longest time a stop may take, in milliseconds, 0 to 600000. Sockets are closed one after the other, 20 ms apart, or \
         as close as it takes to be done after four fifths of this time.").live(),
    key("limits.connections", "LIMITS_CONNECTIONS", "250000", "Most Socket.IO connections at one time; one more is answered 503. Each \
         needs a file descriptor as well: of those the sidecar takes as many as the system lets it have.").live(),
    key("limits.connectionsPerIp", "LIMITS_CONNECTIONS_PER_IP", "", "Most Socket.IO connections of one address, or of one IPv6 /64; \
         one more is answered 503. Without it 10000 for public addresses and no limit for private ones, which a proxy of yours \
         has. Other connections of an address are twice as many and six at most. Behind a proxy name it in `trustedProxies`, or all \
         visitors are one.").live(),
    key("limits.memoryBytes", "LIMITS_MEMORY_BYTES", "", "Resident memory from which new connections are answered 503, in bytes; from a \
         tenth more on, connections are closed too. Without it four fifths of what the machine has, \
         or of what the container or the service (systemd's `MemoryMax`) is given.").live(),
    key("limits.handshakeMs", "LIMITS_HANDSHAKE_MS", "15000", "Longest time for a TLS handshake and for the head of a request, in \
         milliseconds, 1 to 600000.").live(),
    key("limits.connectMs", "LIMITS_CONNECT_MS", "45000", "Longest time from opening a Socket.IO connection to the packet with which \
         its client joins (CONNECT), in milliseconds, 1 to 600000. Clients of Socket.IO 2 join at once.").live(),
    key("limits.subscribeMs", "LIMITS_SUBSCRIBE_MS", "0", "A connection that is on no channel, and has been on none for so long, is closed, \
         in milliseconds, 0 to 86400000; it may take an eighth longer, or two seconds. `0` never closes one: a page may open its socket \
         long before it subscribes, and socket.io-client comes back at once. For where strangers hold sockets open: minutes, and more than \
         any page of yours needs.").live(),
    key("limits.headerBytes", "LIMITS_HEADER_BYTES", "65536", "Largest head of a request, in bytes, 8192 to 1073741824; more is \
         answered 431.").live(),
    key("limits.subscriptionsPerSocket", "LIMITS_SUBSCRIPTIONS_PER_SOCKET", "1000", "Most channels of one socket.").live(),
    key("limits.subscribesPerSecond", "LIMITS_SUBSCRIBES_PER_SECOND", "1000", "Most subscriptions that one socket may ask for in a \
         second, granted or not.").live(),
    key("limits.subscribesPerSecondPerIp", "LIMITS_SUBSCRIBES_PER_SECOND_PER_IP", "", "Most subscriptions that the sockets of one \
         address, or of one IPv6 /64, may ask for together in a second, on the average of a minute: a minute's worth may come at once, \
         as when a network is back, 1 to 70000. Without it a fifth of `limits.connectionsPerIp`, 2000 at least, for public addresses, and no \
         limit for private ones. In a cluster every node hears of most of them.").live(),
    key("limits.channelNameBytes", "LIMITS_CHANNEL_NAME_BYTES", "512", "Longest channel name, in bytes.").live(),
    key("limits.channelCharacters", "LIMITS_CHANNEL_CHARACTERS", "\"printable\"", "What a channel name may consist of. `any`; \
         `printable`: no control characters; `pusher`: letters and digits of ASCII and `_-=@,.;`, as at Pusher. In a \
         file that is not called `rustecho….json` the default is `any`.").live(),
    key("limits.eventNameBytes", "LIMITS_EVENT_NAME_BYTES", "512", "Longest event name, in bytes.").live(),
    key("limits.dataBytes", "LIMITS_DATA_BYTES", "10485760", "Largest data of one event, in bytes.").live(),
    key("limits.channelsPerEvent", "LIMITS_CHANNELS_PER_EVENT", "100", "Most channels of one event.").live(),
    key("limits.whispers", "LIMITS_WHISPERS", "[\"private\", \"presence\"]", "On which channels pages may send each other client events \
         (whispers): a list of `private` and `presence`; `[]` or `false` is none. `private` is every guarded channel whose name does not \
         begin with `presence-`. In the environment: commas between them. In a cluster that of the node counts to which the page is \
         connected.").live(),
    key("limits.whisperBytes", "LIMITS_WHISPER_BYTES", "1000000", "Largest data of one client event, in bytes.").live(),
    key("limits.whispersPerSecond", "LIMITS_WHISPERS_PER_SECOND", "500", "Most client events of one socket in a second.").live(),
    key("limits.presenceMembers", "LIMITS_PRESENCE_MEMBERS", "10000", "Most sockets on one presence channel.").live(),
    key("limits.userInfoBytes", "LIMITS_USER_INFO_BYTES", "65536", "Largest presence member, `user_id` and `user_info` together as \
         JSON, in bytes.").live(),
    key("limits.queueBytesPerSocket", "LIMITS_QUEUE_BYTES_PER_SOCKET", "11534336", "What may wait for one slow client, in \
         bytes, beside the 256 kB that the kernel holds. An event that is larger never reaches a client that is slow.").live(),
    key("limits.queueBytes", "LIMITS_QUEUE_BYTES", "1073741824", "What may wait for all slow clients together, in bytes. No client \
         has more than a sixteenth of what is left of it: the fuller it is, the sooner those are let go that take least.").live(),
    key("limits.slowClients", "LIMITS_SLOW_CLIENTS", "\"disconnect\"", "What happens over one of the two. `disconnect`: the client comes back, \
         and recovers what it missed where it can. `drop-oldest`: it stays and misses the oldest whole events of its queue.").live(),
    key("limits.writeTimeoutMs", "LIMITS_WRITE_TIMEOUT_MS", "30000", "A client that takes nothing of what waits for it for so long is \
         disconnected, in milliseconds, 1 to 600000; one whose network is dead after 20 s at the latest.").live(),
    key("limits.authHeaderBytes", "LIMITS_AUTH_HEADER_BYTES", "32768", "Most that a page's headers for Laravel (`auth.headers`) may \
         have together, in bytes of their JSON; a subscription with more is refused. Laravel's own web server takes less, as a \
         rule.").live(),
    key("limits.authInFlight", "LIMITS_AUTH_IN_FLIGHT", "64", "Auth requests to Laravel at one time; more wait.").live(),
    key("limits.authQueued", "LIMITS_AUTH_QUEUED", "20000", "Auth requests that may wait; more are refused. One address (of \
         IPv6 a /64; behind `trustedProxies` the visitor's) has at most half of the places that others leave, and no socket more of the second \
         half of those than there is room left.").live(),
    key("limits.authQueueMs", "LIMITS_AUTH_QUEUE_MS", "60000", "Longest time an auth request may wait for its turn, in milliseconds, \
         1 to 600000; then it is refused.").live(),
    key("limits.authResponseBytes", "LIMITS_AUTH_RESPONSE_BYTES", "1048576", "Largest answer of Laravel to an auth request, in \
         bytes.").live(),
    key("limits.publishers", "LIMITS_PUBLISHERS", "8192", "Most connections to the Unix socket at one time. Each PHP process that \
         publishes, a php-fpm worker or a queue worker, has one.").live(),
    key("limits.publishersPerUser", "LIMITS_PUBLISHERS_PER_USER", "", "Most of them that the processes of one user may have, root's \
         included, so that the others' can publish. Without it three quarters of what the other users leave: 6144 of 8192 for one \
         that is alone, and never less than one. Where all of PHP runs as one user that is its bound, and with the number of \
         `limits.publishers` here it can have them all.").live(),
];
