//! The table of settings says the truth: every default is the default, every variable does what its key does.

use super::*;

/// A value that is not the default, for every setting that the environment can say: as in the file, and as in a variable.
fn samples() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("host", json!("127.0.0.1"), "127.0.0.1"),
        ("port", json!(7001), "7001"),
        ("authHost", json!(["http://a.test", ".b.test"]), "http://a.test,.b.test"),
        ("authEndpoint", json!("/auth"), "/auth"),
        ("authTimeoutMs", json!(1500), "1500"),
        ("authVerifyTls", json!(false), "false"),
        ("authKeepAlive", json!(false), "false"),
        ("authForwardClient", json!(false), "false"),
        ("authCheckBody", json!(false), "0"),
        ("clients", json!([{"appId": "a", "key": "k", "secret": "s"}, {"appId": "b", "key": "l"}]), "a:k:s,b:l"),
        ("database", json!("redis"), "redis"),
        ("databaseConfig.redis.host", json!("r.test"), "r.test"),
        ("databaseConfig.redis.port", json!(6380), "6380"),
        ("databaseConfig.redis.path", json!("/run/redis.sock"), "/run/redis.sock"),
        ("databaseConfig.redis.url", json!("rediss://u:p%40@h.test:1/2"), "rediss://u:p%40@h.test:1/2"),
        ("databaseConfig.redis.username", json!("u"), "u"),
        ("databaseConfig.redis.password", json!("p"), "p"),
        ("databaseConfig.redis.db", json!(3), "3"),
        ("databaseConfig.redis.keyPrefix", json!("app_"), "app_"),
        ("databaseConfig.redis.tls", json!(true), "true"),
        ("databaseConfig.redis.tls.rejectUnauthorized", json!(false), "false"),
        ("databaseConfig.redis.tls.ca", json!("-----BEGIN C"), "-----BEGIN C"),
        ("databaseConfig.redis.cluster", json!([{"host": "a", "port": 1}, {"host": "::1"}]), "a:1,[::1]:6379"),
        ("databaseConfig.publishPresence", json!(true), "true"),
        ("devMode", json!("true"), "true"),
        ("subscribers.redis", json!(true), "true"),
        ("socketio.path", json!("/ws/"), "/ws"),
        ("socketio.pingInterval", json!(10), "10"),
        ("socketio.pingTimeout", json!("20"), "20"),
        ("socketio.transports", json!(["websocket"]), "websocket"),
        ("socketio.allowUpgrades", json!(false), "no"),
        ("socketio.cookie", json!(false), "false"),
        ("socketio.origins", json!("a.test:* b.test:443"), "a.test:*,b.test:443"),
        ("socketio.maxHttpBufferSize", json!(1e8), "100000000"),
        ("socketio.serveClient", json!(false), "false"),
        ("apiOriginAllow.allowCors", json!(true), "true"),
        ("headers", json!({"X-A": "b", "X-N": 1}), "{\"X-A\": \"b\", \"X-N\": 1}"),
        ("unixSocket", json!(false), "false"),
        ("unixSocket.path", json!("/tmp/r.sock"), "/tmp/r.sock"),
        ("unixSocket.mode", json!("0600"), "600"),
        ("unixSocket.group", json!("www-data"), "www-data"),
        ("unixSocket.allowedUids", json!([33, 0]), "33,0"),
        ("edge", json!("socketioxide"), "socketioxide"),
        ("graceMs", json!(0), "0"),
        ("limits.channelNameBytes", json!(1), "1"),
        ("limits.eventNameBytes", json!(2), "2"),
        ("limits.dataBytes", json!(3), "3"),
        ("limits.channelsPerEvent", json!(4), "4"),
        ("limits.subscriptionsPerSocket", json!(5), "5"),
        ("limits.queueBytesPerSocket", json!(6), "6"),
        ("limits.authInFlight", json!(7), "7"),
        ("limits.authQueued", json!(8), "8"),
        ("limits.authResponseBytes", json!(9), "9"),
    ]
}

/// Settings that do nothing by themselves, and the settings that they need; tested in `settings.rs`.
const NEED_OTHERS: [&str; 14] = [
    "databaseConfig.redis.sentinels",
    "databaseConfig.redis.name",
    "databaseConfig.redis.sentinelUsername",
    "databaseConfig.redis.sentinelPassword",
    "databaseConfig.sqlite.databasePath",
    "protocol",
    "sslCertPath",
    "sslKeyPath",
    "sslCertChainPath",
    "sslPassphrase",
    "subscribers.http",
    "apiOriginAllow.allowOrigin",
    "apiOriginAllow.allowMethods",
    "apiOriginAllow.allowHeaders",
];

#[test]
fn a_variable_does_what_its_key_does() {
    let default = Setup::ours(&json!({})).config();
    for (path, in_file, in_variable) in samples() {
        let key = keys::find(path).unwrap();
        // `subscribers` in the file replaces the whole default; its variables do not, which is told elsewhere.
        let file = if path.starts_with("subscribers") {
            json!({"subscribers": {"http": true, "redis": in_file}})
        } else {
            nested(path, in_file)
        };
        let from_file = Setup::ours(&file).config();
        assert_ne!(from_file, default, "{path}");
        for name in environment::names(key) {
            let from_variable = Setup::ours(&json!({})).with(&name, in_variable).config();
            assert_eq!(from_variable, from_file, "{name}");
            if path.starts_with("subscribers") {
                continue;
            }
            let over_file = Setup::ours(&nested(path, Value::Null)).with(&name, in_variable).config();
            assert_eq!(over_file, from_file, "{name} over null");
        }
    }
}

#[test]
fn every_setting_is_tried() {
    let tried: Vec<&str> = samples().iter().map(|(path, _, _)| *path).chain(NEED_OTHERS).collect();
    for key in keys::KEYS.iter().filter(|key| key.env.is_some()) {
        assert_eq!(tried.iter().filter(|path| **path == key.path).count(), 1, "{}", key.path);
    }
}

#[test]
fn a_documented_default_is_the_default() {
    let default = Setup::ours(&json!({})).config();
    assert_eq!(default, Config::default());
    for key in keys::KEYS.iter().filter(|key| !key.default.is_empty()) {
        let value: Value = serde_json::from_str(key.default).unwrap();
        let file = match key.path {
            "subscribers.http" => json!({"subscribers": {"http": value}}),
            "subscribers.redis" => json!({"subscribers": {"http": true, "redis": value}}),
            path => nested(path, value),
        };
        let mut config = Setup::ours(&file).config();
        // That something is said of Redis turns its source on, and that something is said of its TLS turns that on.
        config.redis_source = false;
        if key.path.starts_with("databaseConfig.redis.tls.") {
            assert_eq!(config.redis.tls.take().unwrap_or_default(), RedisTls::default());
        }
        assert_eq!(config, default, "{}", key.path);
    }
}

#[test]
fn names_are_unique_and_in_the_house_style() {
    let mut names: Vec<String> = keys::KEYS.iter().flat_map(environment::names).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for name in keys::KEYS.iter().filter_map(|key| key.env) {
        assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{name}");
        assert!(!keys::NOT_SETTINGS.contains(&name), "{name}");
    }
}
