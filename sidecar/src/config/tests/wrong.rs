//! What cannot be used is refused with file, key, value and what was expected; secrets are never shown.

use proptest::prelude::*;

use super::*;

#[test]
fn wrong_values_are_named() {
    let cases = [
        (json!({"port": 99999}), "rustecho.json:1: port is 99999; expected a port from 1 to 65535"),
        (json!({"port": "abc"}), "rustecho.json:1: port is \"abc\"; expected a port"),
        (json!({"port": "tcp://h"}), "port is \"tcp://h\"; expected"),
        (json!({"port": -1}), "port is -1; expected"),
        (json!({"port": [6001]}), "port is [6001]; expected"),
        (json!({"port": "x6001"}), "port is \"x6001\"; expected"),
        (json!({"host": true}), "host is true; expected a text"),
        (json!({"authHost": 5}), "authHost is 5; expected a list"),
        (json!({"authHost": ["http://a b"]}), "authHost is [\"http://a b\"]; expected an address"),
        (json!({"authHost": [true]}), "authHost[0] is true; expected a text"),
        (json!({"authTimeoutMs": 0}), "authTimeoutMs is 0; expected a whole number from 1 to 600000"),
        (json!({"authTimeoutMs": 1.5}), "authTimeoutMs is 1.5; expected a whole number"),
        (json!({"database": "mysql"}), "database is \"mysql\"; expected \"memory\", \"redis\" or \"sqlite\""),
        (json!({"databaseConfig": 1}), "databaseConfig is a number; expected an object"),
        (json!({"databaseConfig": {"redis": {"port": 0}}}), "databaseConfig.redis.port is 0; expected"),
        (
            json!({"databaseConfig": {"redis": {"sentinels": [], "name": "m"}}}),
            "sentinels is []; expected at least one",
        ),
        (
            json!({"databaseConfig": {"redis": {"sentinels": ["a"]}}}),
            "databaseConfig.redis.name is null; expected the master",
        ),
        (json!({"databaseConfig": {"redis": {"cluster": [{"port": 1}]}}}), "cluster[0] is {\"port\":1}; expected"),
        (
            json!({"databaseConfig": {"redis": {"tls": {"ca": "/none.pem"}}}}),
            "tls.ca is \"/none.pem\"; expected PEM text",
        ),
        (json!({"subscribers": true}), "subscribers is true or false; expected an object"),
        (json!({"subscribers": {"http": "maybe"}}), "subscribers.http is \"maybe\"; expected true or false"),
        (json!({"protocol": "ftp"}), "protocol is \"ftp\"; expected \"http\" or \"https\""),
        (json!({"socketio": {"path": "/"}}), "socketio.path is \"/\"; expected a path"),
        (json!({"socketio": {"path": "/a b"}}), "socketio.path is \"/a b\"; expected a path"),
        (json!({"socketio": {"transports": ["flash"]}}), "socketio.transports is [\"flash\"]; expected"),
        (json!({"socketio": {"transports": []}}), "socketio.transports is []; expected"),
        (json!({"socketio": {"cookie": "a b"}}), "socketio.cookie is \"a b\"; expected a cookie name or false"),
        (json!({"socketio": {"pingInterval": 0}}), "socketio.pingInterval is 0; expected"),
        (json!({"apiOriginAllow": {"allowOrigin": "a\nb"}}), "apiOriginAllow.allowOrigin is \"a\\nb\"; expected"),
        (json!({"headers": {"a b": "c"}}), "headers.a b is \"c\"; expected an object of header names"),
        (json!({"headers": []}), "headers is []; expected an object"),
        (json!({"unixSocket": 5}), "unixSocket is 5; expected false, a path"),
        (json!({"unixSocket": {"mode": "0888"}}), "unixSocket.mode is \"0888\"; expected an octal"),
        (json!({"spool": 5}), "spool is 5; expected false, a path"),
        (json!({"unixSocket": {"allowedUids": ["www-data"]}}), "unixSocket.allowedUids[0] is \"www-data\"; expected"),
        (json!({"admin": "x"}), "admin is \"x\"; expected false, a port"),
        (json!({"admin": {"port": 65536}}), "admin.port is 65536; expected a whole number from 0 to 65535"),
        (json!({"admin": {"host": "0.0.0.0"}}), "admin.host is \"0.0.0.0\"; expected a loopback address"),
        (json!({"admin": {"host": "0.0.0.0", "key": "short"}}), "admin.key is (not shown); expected 16 or more"),
        (json!({"logFormat": "xml"}), "logFormat is \"xml\"; expected \"auto\", \"text\" or \"json\""),
        (json!({"edge": "node"}), "edge is \"node\"; expected \"socketioxide\" or \"lean\""),
        (
            json!({"limits": {"whispers": ["private", "open"]}}),
            "limits.whispers[1] is \"open\"; expected \"private\" or",
        ),
        (json!({"limits": {"whispers": 5}}), "limits.whispers is 5; expected a list"),
        (
            json!({"limits": {"subscribeMs": -1}}),
            "limits.subscribeMs is -1; expected a whole number from 0 to 86400000",
        ),
        (json!({"limits": {"dataBytes": 0}}), "limits.dataBytes is 0; expected a whole number from 1 to"),
        (
            json!({"limits": {"publishersPerUser": 0}}),
            "limits.publishersPerUser is 0; expected a whole number from 1 to",
        ),
    ];
    for (file, want) in cases {
        let got = Setup::ours(&file).error();
        assert!(got.contains(want), "{file}: {got}");
        assert_eq!(got.lines().count(), 1, "{got}");
    }
}

#[test]
fn what_an_edge_cannot_do_is_a_warning() {
    let of = |edge: &str| Setup::ours(&json!({"edge": edge, "limits": {"subscribeMs": 5000}})).load().unwrap();
    let (lean, other) = (of("lean"), of("socketioxide"));
    assert_eq!(lean.config.limits.subscribe, Some(std::time::Duration::from_secs(5)));
    assert_eq!(other.config.limits.subscribe, None);
    assert!(other.warnings.iter().any(|warning| warning.contains("limits.subscribeMs has no effect with edge")));
}

#[test]
fn all_of_them_are_named_at_once_with_the_variable_where_it_was_one() {
    let setup = Setup::ours(&json!({"edge": "node", "graceMs": "x"})).with("LARAVEL_ECHO_SERVER_PORT", "99999");
    let error = setup.error();
    assert_eq!(error.lines().count(), 3, "{error}");
    assert!(error.contains("environment variable LARAVEL_ECHO_SERVER_PORT: port is \"99999\"; expected"), "{error}");
}

#[test]
fn long_values_are_shortened() {
    let error = Setup::ours(&json!({"port": "é".repeat(1_000)})).error();
    assert!(error.len() < 400 && error.contains('…'), "{error}");
}

#[test]
fn an_unknown_database_in_an_old_file_does_not_stop_it() {
    let setup = Setup::old(&json!({"database": "mysql"}));
    assert_eq!(setup.load().unwrap().config.database, Database::Memory);
    assert_eq!(
        setup.warnings(),
        ["laravel-echo-server.json: database is none of memory, redis and sqlite; memory is taken"]
    );
}

#[test]
fn unknown_keys_are_one_warning_each() {
    let file = json!({
        "prot": 1, "_note": "x", "limits": {"databytes": 1}, "subscribers": {"http": true, "htpp": 1},
        "clients": [{"appId": "a", "key": "k", "name": "n"}], "headers": {"X-Any": "thing"},
        "databaseConfig": {"mysql": {}}
    });
    let want = [
        "unknown key prot; did you mean port?",
        "unknown key _note",
        "unknown key limits.databytes; did you mean dataBytes?",
        "unknown key subscribers.htpp; did you mean http?",
        "unknown key clients[0].name",
        "unknown key databaseConfig.mysql",
    ];
    let warnings = Setup::ours(&file).warnings();
    assert_eq!(warnings, want.map(|text| format!("rustecho.json: {text}")));
}

#[test]
fn options_without_a_counterpart_are_one_warning() {
    let file = json!({
        "socketio": {"perMessageDeflate": true, "wsEngine": "ws", "path": "/x", "pingTimeuot": 1},
        "databaseConfig": {"redis": {"family": 4, "connectTimeout": 1, "host": "h", "retryStrategy": null}}
    });
    let want = [
        "unknown key socketio.pingTimeuot; did you mean pingTimeout?",
        "without effect in socketio: perMessageDeflate, wsEngine",
        "without effect in databaseConfig.redis: family, connectTimeout, retryStrategy",
    ];
    let warnings = Setup::ours(&file).warnings();
    assert_eq!(warnings, want.map(|text| format!("rustecho.json: {text}")));
}

#[test]
fn secure_options_are_explained_unless_they_are_the_default() {
    assert!(Setup::old(&json!({"secureOptions": 67_108_864})).warnings().is_empty());
    let warnings = Setup::old(&json!({"secureOptions": 0})).warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("TLS 1.2 and 1.3"), "{warnings:?}");
}

#[test]
fn secrets_are_never_shown() {
    let wrong = json!({
        "port": "abc", "sslPassphrase": ["s3cret"], "clients": [["s3cret"], {"appId": "a", "key": ["s3cret"]}],
        "databaseConfig": {"redis": {"password": ["s3cret"], "url": "s3cret://s3cret", "sentinelPassword": {"s3cret": 1}}}
    });
    for text in [Setup::ours(&wrong).error(), format!("{:?}", Setup::ours(&wrong).load().unwrap_err())] {
        assert!(text.contains("port") && !text.contains("s3cret"), "{text}");
    }
    let right = json!({
        "clients": [{"appId": "a", "key": "s3cret", "secret": "s3cret"}],
        "databaseConfig": {"redis": {"url": "redis://u:s3cret@h", "password": "s3cret"}}
    });
    let loaded = Setup::ours(&right).with("RUSTECHO_REDIS_SENTINEL_PASSWORD", "s3cret").load().unwrap();
    assert!(!format!("{loaded:?}").contains("s3cret"), "{loaded:?}");
    let broken = Setup::ours(&json!({}));
    broken.write(OUR_FILE, "{\"sslPassphrase\": \"s3cret\" \"");
    assert!(!broken.error().contains("s3cret"));
}

/// JSON of every shape, not deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["redis://[", "rediss://a:99999", "unix:", "::", "tcp://", "${", "0o9", "*"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("host|port|appId|key|.{0,3}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands at any place: a configuration or an error.
    #[test]
    fn nothing_in_a_file_is_fatal(value in any_json()) {
        for key in keys::KEYS {
            let file = nested(&key.path.replace("[]", ""), value.clone());
            let environment = Environment::default();
            let mut reader = reader::Reader::new(file.as_object().unwrap(), "f".into(), &environment);
            unknown::check(&mut reader, file.as_object().unwrap());
            let around = build::Surroundings {
                flavour: Flavour::Ours,
                working_dir: Path::new("/w"),
                is_usable: &|_: &Path| true,
            };
            build::build(&mut reader, &around);
        }
    }
}
