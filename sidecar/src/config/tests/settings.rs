//! Settings that are more than a value.

use std::path::PathBuf;

use super::*;

#[test]
fn a_port_is_written_in_many_ways() {
    for written in [json!(6002), json!("6002"), json!("tcp://10.0.0.1:6002"), json!("6002/"), json!(" 6002 ")] {
        assert_eq!(ours_with("port", written.clone()).port, 6002, "{written}");
    }
    assert_eq!(ours_with("port", json!(0)).port, 0);
}

#[test]
fn dev_mode_is_exactly_true() {
    for (written, want) in [(json!(true), true), (json!("true"), true), (json!("false"), false), (json!(false), false)]
    {
        assert_eq!(ours_with("devMode", written).dev_mode, want);
    }
    for odd in [json!(1), json!("yes"), json!([])] {
        let setup = Setup::ours(&json!({ "devMode": odd }));
        assert!(!setup.load().unwrap().config.dev_mode);
        assert_eq!(setup.warnings(), ["rustecho.json: devMode is neither true nor false; it counts as false"]);
    }
}

#[test]
fn auth_hosts_fall_back_as_of_old() {
    let hosts = |file: Value| Setup::old(&file).load().unwrap().config.auth_hosts;
    assert_eq!(hosts(json!({})), ["http://localhost"]);
    assert_eq!(hosts(json!({"host": "h", "authHost": null})), ["h"]);
    assert_eq!(hosts(json!({"host": "h", "authHost": ""})), ["h"]);
    assert_eq!(hosts(json!({"host": "h"})), ["http://localhost"]);
    assert_eq!(hosts(json!({"authHost": null})), ["http://localhost"]);
    assert_eq!(hosts(json!({"authHost": []})), ["http://localhost"]);
    assert_eq!(hosts(json!({"authHost": ["http://a", ".b"]})), ["http://a", ".b"]);
    assert_eq!(hosts(json!({"authHost": "http://a/sub/"})), ["http://a/sub/"]);
    let setup = Setup::old(&json!({"authHost": "app.test"}));
    assert!(setup.warnings()[0].contains("no http:// or https://"), "{:?}", setup.warnings());
}

#[test]
fn clients_that_never_could_do_anything_still_cannot() {
    let file = json!({"clients": [
        {"appId": 1, "key": "number"}, {"appId": "a", "key": "first"}, {"appId": "a", "key": "second"}, {"appId": "b"},
        {"appId": "c", "key": "k", "secret": "s"}
    ]});
    let setup = Setup::old(&file);
    let clients = setup.load().unwrap().config.clients;
    let seen: Vec<_> = clients.iter().map(|c| (c.app_id.as_str(), c.key.as_str(), c.secret.as_deref())).collect();
    assert_eq!(seen, [("a", "first", None), ("c", "k", Some("s"))]);
    assert_eq!(
        setup.warnings(),
        [
            "laravel-echo-server.json: clients[0] is left out: its appId and its key must both be texts, in quotes",
            "laravel-echo-server.json: clients[2] has the appId of an earlier client and is left out",
            "laravel-echo-server.json: clients[3] is left out: its appId and its key must both be texts, in quotes",
        ]
    );
}

#[test]
fn sqlite_is_below_the_working_directory() {
    let setup = Setup::ours(&json!({"database": "sqlite"}));
    let file = |path: &str| PathBuf::from(format!("{}{path}", setup.dir.path().display()));
    assert_eq!(setup.config().database, Database::Sqlite(file("/database/laravel-echo-server.sqlite")));
    let setup = setup.with("RUSTECHO_SQLITE_PATH", "/my.sqlite");
    assert_eq!(setup.config().database, Database::Sqlite(file_of(&setup, "/my.sqlite")));
}

fn file_of(setup: &Setup, path: &str) -> PathBuf {
    PathBuf::from(format!("{}{path}", setup.dir.path().display()))
}

#[test]
fn https_needs_readable_files() {
    let setup = Setup::ours(&json!({"protocol": "https", "sslCertPath": "CERT", "sslPassphrase": "pass"}));
    assert_eq!(
        setup.error(),
        "rustecho.json:1: sslCertPath is \"CERT\"; expected the path of a readable PEM file (No such file or directory (os error 2))"
    );
    let missing = Setup::ours(&json!({"protocol": "https"}));
    assert!(matches!(missing.load(), Err(ConfigError::SslPathsMissing { missing: "sslCertPath", .. })));
    let (cert, key) = (setup.dir.path().join("c.pem"), setup.dir.path().join("k.pem"));
    setup.write("c.pem", "").write("k.pem", "");
    let setup = setup
        .with("LARAVEL_ECHO_SERVER_SSL_CERT", cert.to_str().unwrap())
        .with("RUSTECHO_SSL_KEY", key.to_str().unwrap())
        .with("RUSTECHO_SSL_CHAIN", cert.to_str().unwrap())
        .with("LARAVEL_ECHO_SERVER_SSL_PASS", "word");
    let want = TlsConfig { cert: cert.clone(), key, chain: Some(cert), passphrase: Some("word".into()) };
    assert_eq!(setup.config().tls, Some(want));
}

#[test]
fn the_unix_socket_has_three_forms() {
    let path = |value: Value| ours_with("unixSocket", value).unix_socket.map(|unix| unix.path.display().to_string());
    assert_eq!(path(json!(false)), None);
    assert_eq!(path(json!("/a.sock")).unwrap(), "/a.sock");
    assert_eq!(path(json!({"path": "/b.sock"})).unwrap(), "/b.sock");
    assert_eq!(path(json!({"mode": "0600"})).unwrap(), "/run/rustecho/rustecho.sock");
    assert_eq!(ours_with("unixSocket.mode", json!(770)).unix_socket.unwrap().mode, 0o770);
    let setup = Setup::ours(&json!({}));
    let loaded = load_with(&setup.place(), Environment::default(), &|_: &Path| false).unwrap();
    assert_eq!(loaded.config.unix_socket.unwrap().path, setup.dir.path().join("rustecho.sock"));
}

#[test]
fn cors_headers_are_taken_literally() {
    let allow =
        json!({"allowCors": true, "allowOrigin": "http://a:80", "allowMethods": "GET, POST", "allowHeaders": "X-A"});
    let cors = ours_with("apiOriginAllow", allow).api_cors.unwrap();
    assert_eq!(
        (cors.origin.as_str(), cors.methods.as_str(), cors.headers.as_str()),
        ("http://a:80", "GET, POST", "X-A")
    );
    let setup = Setup::ours(&json!({})).with("RUSTECHO_CORS", "1").with("RUSTECHO_CORS_METHODS", "GET");
    let setup = setup.with("RUSTECHO_CORS_ORIGIN", "*").with("RUSTECHO_CORS_HEADERS", "*");
    let cors = setup.config().api_cors.unwrap();
    assert_eq!((cors.origin.as_str(), cors.methods.as_str(), cors.headers.as_str()), ("*", "GET", "*"));
}

fn redis(options: Value) -> RedisConfig {
    ours_with("databaseConfig.redis", options).redis
}

#[test]
fn redis_in_ioredis_words() {
    let plain =
        redis(json!({"host": "r", "port": "6380", "username": "u", "password": "p", "db": "2", "keyPrefix": "x_"}));
    assert_eq!(plain.nodes, RedisNodes::Single { host: "r".into(), port: 6380 });
    assert_eq!((plain.username.as_deref(), plain.password.as_deref()), (Some("u"), Some("p")));
    assert_eq!((plain.db, plain.key_prefix.as_str(), &plain.tls), (2, "x_", &None));
    assert_eq!(redis(json!({"path": "/r.sock", "host": "r"})).nodes, RedisNodes::Unix("/r.sock".into()));
    assert_eq!(redis(json!({"password": null, "tls": {}})).tls, Some(RedisTls::default()));
    let tls = redis(json!({"tls": {"rejectUnauthorized": false, "ca": "-----BEGIN X"}})).tls;
    assert_eq!(tls, Some(RedisTls { insecure: true, ca: Some("-----BEGIN X".into()) }));
    let cluster = redis(json!({"cluster": [{"host": "a", "port": 7000}, "b:7001"]})).nodes;
    assert_eq!(cluster, RedisNodes::Cluster(vec![("a".into(), 7000), ("b".into(), 7001)]));
}

#[test]
fn redis_behind_sentinels() {
    let file = json!({"sentinels": [{"host": "a", "port": 1}, {"host": "b"}], "name": "m", "sentinelPassword": "p"});
    let want = |user: Option<&str>, password: &str| RedisNodes::Sentinel {
        sentinels: vec![("a".into(), 1), ("b".into(), 26379)],
        name: "m".into(),
        sentinel_username: user.map(Into::into),
        sentinel_password: Some(password.into()),
    };
    assert_eq!(redis(file).nodes, want(None, "p"));
    let setup = Setup::ours(&json!({}))
        .with("RUSTECHO_REDIS_SENTINELS", "a:1, b")
        .with("RUSTECHO_REDIS_SENTINEL_NAME", "m")
        .with("RUSTECHO_REDIS_SENTINEL_USERNAME", "u")
        .with("RUSTECHO_REDIS_SENTINEL_PASSWORD", "q");
    assert_eq!(setup.config().redis.nodes, want(Some("u"), "q"));
}

#[test]
fn redis_in_one_line() {
    let tls = redis(json!("rediss://u:p%40@h:6380/3"));
    assert_eq!(tls.nodes, RedisNodes::Single { host: "h".into(), port: 6380 });
    assert_eq!((tls.username.as_deref(), tls.password.as_deref(), tls.db), (Some("u"), Some("p@"), 3));
    assert_eq!(tls.tls, Some(RedisTls::default()));
    assert_eq!(redis(json!("unix:///r.sock")).nodes, RedisNodes::Unix("/r.sock".into()));
    assert_eq!(redis(json!("/r.sock")).nodes, RedisNodes::Unix("/r.sock".into()));
    assert_eq!(redis(json!("redis://[::1]")).nodes, RedisNodes::Single { host: "::1".into(), port: 6379 });
    let over = redis(json!({"url": "redis://a:1", "host": "b", "db": 1}));
    assert_eq!((over.nodes, over.db), (RedisNodes::Single { host: "b".into(), port: 1 }, 1));
}

#[test]
fn laravels_way_to_write_no_password_is_no_password() {
    let setup = Setup::ours(&json!({})).with("LARAVEL_ECHO_SERVER_REDIS_PASSWORD", "${REDIS_PASSWORD}");
    assert_eq!(setup.with("REDIS_PASSWORD", "null").config().redis.password, None);
    assert_eq!(redis(json!({"password": "null"})).password.as_deref(), Some("null"));
}

#[test]
fn the_admin_listener_is_on_by_default_but_in_the_place_of_the_old_server() {
    assert_eq!(ours_with("devMode", json!(false)).admin, Some(AdminConfig::default()));
    assert_eq!(Setup::old(&json!({})).config().admin, None);
    let asked_for = Setup::old(&json!({"admin": {"key": "0123456789abcdef"}})).config().admin.unwrap();
    assert_eq!((asked_for.port, asked_for.required, asked_for.key.is_some()), (6002, false, true));
    let port = ours_with("admin", json!(7002)).admin.unwrap();
    assert_eq!((port.port, port.required), (7002, true));
    let open = ours_with("admin", json!({"host": "0.0.0.0", "key": "0123456789abcdef"})).admin.unwrap();
    assert_eq!(open.host, "0.0.0.0");
}

#[test]
fn the_log_of_the_old_server_stays_for_people() {
    assert_eq!(Setup::old(&json!({})).config().log_format, LogFormat::Text);
    assert_eq!(Setup::old(&json!({"logFormat": "json"})).config().log_format, LogFormat::Json);
    assert_eq!(ours_with("logFormat", json!("text")).log_format, LogFormat::Text);
}

#[test]
fn a_collector_is_named_in_the_file_or_as_other_programs_know_it() {
    let of = |otel: Value| ours_with("otel", otel).otel;
    assert_eq!((of(json!(false)), of(json!({}))), (None, None));
    let found = of(json!({"endpoint": "http://c:4318/", "headers": {"x-key": "k"}})).unwrap();
    assert_eq!((found.endpoint.as_str(), found.service.as_str()), ("http://c:4318/v1/traces", "rustecho"));
    assert_eq!(found.headers, [("x-key".to_owned(), "k".to_owned())]);
    assert!(!format!("{found:?}").contains("x-key"));
    let shared = Setup::ours(&json!({}))
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/base/v1/traces")
        .with("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20k, a=b")
        .with("OTEL_SERVICE_NAME", "shop");
    let found = shared.config().otel.unwrap();
    assert_eq!((found.endpoint.as_str(), found.service.as_str()), ("https://c/base/v1/traces", "shop"));
    assert_eq!(
        found.headers,
        [("authorization".into(), "Bearer k".into()), ("a".into(), "b".into())] as [(String, String); 2]
    );
}

#[test]
fn what_is_meant_for_other_programs_too_keeps_no_sidecar_from_serving() {
    let shared = Setup::ours(&json!({})).with("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    assert!(shared.load().unwrap().config.otel.is_none());
    assert!(
        shared.warnings()[0].contains("OTEL_EXPORTER_OTLP_ENDPOINT: otel.endpoint is ignored"),
        "{:?}",
        shared.warnings()
    );
    for wrong in [json!({"endpoint": "collector:4317"}), json!({"endpoint": "http://c", "headers": "x"}), json!(7)] {
        assert!(Setup::ours(&json!({ "otel": wrong })).load().is_err(), "{wrong}");
    }
}
