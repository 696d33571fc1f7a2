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
        ("authHeaders", json!(["X-Tenant", "Cookie"]), "X-Tenant,Cookie"),
        ("originPolicy", json!("strict"), "strict"),
        ("trustedOrigins", json!(["https://a.test", "*.b.test"]), "https://a.test,*.b.test"),
        ("trustedProxies", json!(["10.0.0.1", "fd00::/8"]), "10.0.0.1,fd00::/8"),
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
        ("spool", json!(false), "false"),
        ("spool.path", json!("/tmp/spool"), "/tmp/spool"),
        ("spool.ttl", json!(60), "60"),
        ("spool.settleMs", json!("0"), "0"),
        ("admin", json!(false), "false"),
        ("admin.host", json!("::1"), "::1"),
        ("admin.port", json!(7002), "7002"),
        ("admin.key", json!("0123456789abcdef"), "0123456789abcdef"),
        ("admin.readyLagMs", json!(15), "15"),
        ("otel.endpoint", json!("http://c:1"), "http://c:1"),
        ("logFormat", json!("json"), "json"),
        ("logLevel", json!("debug"), "debug"),
        ("cluster", json!(true), "true"),
        ("cluster.redis", json!("redis://a:7/2"), "redis://a:7/2"),
        ("cluster.secret", json!("0123456789abcdef"), "0123456789abcdef"),
        ("cluster.leaseMs", json!(500), "500"),
        ("cluster.queueBytes", json!(65_536), "65536"),
        ("cluster.streamLength", json!(100), "100"),
        ("cluster.streamBytes", json!(1_048_576), "1048576"),
        ("cluster.waitMs", json!(0), "0"),
        ("presenceGraceMs", json!(7), "7"),
        ("edge", json!("socketioxide"), "socketioxide"),
        ("recovery", json!(false), "false"),
        ("recovery.seconds", json!(0), "0"),
        ("recovery.authSeconds", json!(0), "0"),
        ("recovery.sessions", json!(11), "11"),
        ("recovery.channelEvents", json!(12), "12"),
        ("recovery.channelBytes", json!(13), "13"),
        ("recovery.bytes", json!(14), "14"),
        ("recovery.path", json!("/tmp/recovery"), "/tmp/recovery"),
        ("coalesceMs", json!(0), "0"),
        ("reusePort", json!(true), "true"),
        ("graceMs", json!(0), "0"),
        ("limits.channelNameBytes", json!(1), "1"),
        ("limits.eventNameBytes", json!(2), "2"),
        ("limits.dataBytes", json!(3), "3"),
        ("limits.channelsPerEvent", json!(4), "4"),
        ("limits.subscriptionsPerSocket", json!(5), "5"),
        ("limits.queueBytesPerSocket", json!(6), "6"),
        ("limits.queueBytes", json!(21), "21"),
        ("limits.slowClients", json!("drop-oldest"), "drop-oldest"),
        ("limits.writeTimeoutMs", json!(6), "6"),
        ("limits.authInFlight", json!(7), "7"),
        ("limits.authQueued", json!(8), "8"),
        ("limits.authHeaderBytes", json!(22), "22"),
        ("limits.authResponseBytes", json!(9), "9"),
        ("limits.connections", json!(10), "10"),
        ("limits.connectionsPerIp", json!(11), "11"),
        ("limits.memoryBytes", json!(12), "12"),
        ("limits.handshakeMs", json!(13), "13"),
        ("limits.connectMs", json!(14), "14"),
        ("limits.subscribeMs", json!(15), "15"),
        ("limits.headerBytes", json!(9000), "9000"),
        ("limits.subscribesPerSecond", json!(14), "14"),
        ("limits.subscribesPerSecondPerIp", json!(15), "15"),
        ("limits.channelCharacters", json!("pusher"), "pusher"),
        ("limits.whispers", json!(["presence"]), "presence"),
        ("limits.whisperBytes", json!(15), "15"),
        ("limits.whispersPerSecond", json!(16), "16"),
        ("limits.presenceMembers", json!(17), "17"),
        ("limits.userInfoBytes", json!(18), "18"),
        ("limits.authQueueMs", json!(19), "19"),
        ("limits.publishers", json!(20), "20"),
        ("limits.publishersPerUser", json!(21), "21"),
    ]
}

/// Settings that do nothing by themselves, and the settings that they need; tested in `settings.rs`.
const NEED_OTHERS: [&str; 17] = [
    "otel",
    "otel.headers",
    "otel.serviceName",
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

/// The table tells what SIGHUP changes.
#[test]
fn a_setting_that_is_live_changes_a_running_sidecar_and_another_does_not() {
    let default = Setup::ours(&json!({})).load().unwrap();
    for (path, in_file, _) in samples() {
        let file = match path {
            // The sample turns recovery off, which only a restart does.
            "recovery.seconds" => nested(path, json!(60)),
            _ => nested(path, in_file),
        };
        let read = Setup::ours(&file).load().unwrap();
        let renewal = Renewal::new((&default.config, &default.written), (&read.config, &read.written));
        let is_live = keys::find(path).unwrap().live;
        assert_eq!(renewal.config != default.config, is_live, "{path}");
        let named = if is_live { &renewal.applied } else { &renewal.waiting };
        assert_eq!(named, &[path]);
        assert_eq!(renewal.applied.len() + renewal.waiting.len(), 1, "{path}");
    }
}

#[test]
fn what_needs_a_restart_is_said_until_there_is_one_and_a_default_that_is_written_out_is_not() {
    let before = Setup::ours(&json!({"port": 6001})).load().unwrap();
    let mut written = before.written.clone();
    let read = Setup::ours(&json!({"port": 7001, "graceMs": 5, "host": null, "edge": "lean"})).load().unwrap();
    for applied in [&["graceMs"][..], &[]] {
        let renewal = Renewal::new((&before.config, &written), (&read.config, &read.written));
        assert_eq!(renewal.applied, applied);
        assert_eq!(renewal.waiting, ["port", "edge"]);
        assert_eq!((renewal.config.port, renewal.config.grace.as_millis()), (6001, 5));
        written.take(&read.written, &renewal.applied);
    }
    let same = Setup::ours(&json!({"port": "6001", "edge": "lean"})).load().unwrap();
    let renewal = Renewal::new((&before.config, &before.written), (&same.config, &same.written));
    assert!(renewal.applied.is_empty() && renewal.waiting.is_empty(), "{renewal:?}");
}

#[test]
fn in_a_cluster_the_bounds_of_messages_wait_for_a_restart() {
    let file = |bytes: u64| json!({"cluster": true, "limits": {"dataBytes": bytes, "connections": bytes}});
    let (before, read) = (Setup::ours(&file(1_000)).load().unwrap(), Setup::ours(&file(2_000)).load().unwrap());
    let renewal = Renewal::new((&before.config, &before.written), (&read.config, &read.written));
    assert_eq!((renewal.applied, renewal.waiting), (vec!["limits.connections"], vec!["limits.dataBytes"]));
    assert_eq!((renewal.config.limits.data, renewal.config.limits.connections), (1_000, 2_000));
}

#[test]
fn a_key_comes_into_force_though_its_listener_is_to_move_and_not_where_there_is_none() {
    let renewed = |before: Value, read: Value| {
        let (before, read) = (Setup::ours(&before).load().unwrap(), Setup::ours(&read).load().unwrap());
        let renewal = Renewal::new((&before.config, &before.written), (&read.config, &read.written));
        let key = renewal.config.admin.as_ref().and_then(|admin| admin.key.clone());
        (key.map(|key| format!("{key:?}")), renewal.applied, renewal.waiting)
    };
    let admin = |host: &str, key: Value| json!({"admin": {"host": host, "port": 6002, "key": key}});
    let (old, new) = (json!("an-old-key-of-twenty"), json!("a-new-key-of-twenty1"));
    let (before, _, _) = renewed(admin("0.0.0.0", old.clone()), admin("0.0.0.0", old.clone()));
    let (now, applied, waiting) = renewed(admin("0.0.0.0", old.clone()), admin("127.0.0.1", new.clone()));
    assert_ne!(now, before);
    assert_eq!((applied, waiting), (vec!["admin.key"], vec!["admin.host"]));
    // It can still be reached from elsewhere, and is not left open.
    let (now, applied, waiting) = renewed(admin("0.0.0.0", old.clone()), admin("127.0.0.1", Value::Null));
    assert_eq!(now, before);
    assert_eq!((applied, waiting), (vec![], vec!["admin.host", "admin.key"]));
    for (before, read) in
        [(json!({"admin": false}), admin("127.0.0.1", new.clone())), (admin("0.0.0.0", old), json!({"admin": false}))]
    {
        let (_, applied, waiting) = renewed(before, read);
        assert!(applied.is_empty() && waiting.contains(&"admin.key"), "{applied:?} {waiting:?}");
    }
}

#[test]
fn an_authority_whose_file_says_something_else_now_waits_for_a_restart() {
    let before = Setup::ours(&json!({"databaseConfig": {"redis": {"tls": true}}})).load().unwrap();
    let mut read = before.config.clone();
    read.redis.tls.as_mut().unwrap().ca = Some("another".into());
    let renewal = Renewal::new((&before.config, &before.written), (&read, &before.written));
    assert_eq!(renewal.waiting, ["databaseConfig.redis.tls.ca"]);
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

/// One `.env` is read by both: what the Laravel package takes from it is nothing unknown here.
#[test]
fn the_variables_of_the_laravel_package_are_known() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../composer-package/config/rustecho.php");
    let config = fs::read_to_string(&file).unwrap();
    let names: Vec<&str> =
        config.split("env('RUSTECHO_").skip(1).map(|rest| rest.split('\'').next().unwrap_or_default()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let is_setting = keys::KEYS.iter().any(|key| key.env == Some(name));
        assert!(is_setting || keys::NOT_SETTINGS.contains(&name), "RUSTECHO_{name} of {}", file.display());
    }
}
