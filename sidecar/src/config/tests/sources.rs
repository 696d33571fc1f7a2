//! Which file, whose defaults, and what wins over what.

use super::*;

#[test]
fn an_old_file_has_the_old_defaults() {
    for file in [json!({}), json!({"databaseConfig": {}}), json!({"databaseConfig": null, "subscribers": null})] {
        let old = Setup::old(&file).config();
        assert_eq!(old.database, Database::Redis);
        assert!(old.redis_source && old.http_source && !old.auth_check_body && old.auth_verify_tls);
        let ours = Setup::ours(&file).config();
        assert_eq!(ours.database, Database::Memory);
        assert!(!ours.redis_source && ours.http_source && ours.auth_check_body);
    }
}

#[test]
fn subscribers_in_the_file_replace_both_defaults() {
    let sources = |setup: Setup| {
        let config = setup.config();
        (config.http_source, config.redis_source)
    };
    for setup in [Setup::old, Setup::ours] {
        assert_eq!(sources(setup(&json!({"subscribers": {"redis": true}}))), (false, true));
        assert_eq!(sources(setup(&json!({"subscribers": {"http": true}}))), (true, false));
        assert_eq!(sources(setup(&json!({"subscribers": {}}))), (false, false));
    }
    // A variable is no file: it changes only what it names.
    assert_eq!(sources(Setup::old(&json!({})).with("RUSTECHO_SUBSCRIBERS_REDIS", "false")), (true, false));
    assert_eq!(sources(Setup::ours(&json!({})).with("RUSTECHO_SUBSCRIBERS_HTTP", "false")), (false, false));
}

#[test]
fn in_a_file_of_ours_redis_is_on_when_something_is_said_of_it() {
    let listens = |setup: Setup| setup.config().redis_source;
    assert!(listens(Setup::ours(&json!({"databaseConfig": {"redis": {"port": 1}}}))));
    assert!(listens(Setup::ours(&json!({"databaseConfig": {"redis": "redis://h"}}))));
    assert!(!listens(Setup::ours(&json!({"databaseConfig": {"redis": {}}}))));
    assert!(listens(Setup::ours(&json!({})).with("LARAVEL_ECHO_SERVER_REDIS_HOST", "h")));
    let said = json!({"subscribers": {"http": true}, "databaseConfig": {"redis": {"port": 1}}});
    assert!(!listens(Setup::ours(&said)));
}

#[test]
fn our_file_is_taken_before_the_old_one() {
    let setup = Setup::ours(&json!({"port": 1}));
    setup.write(OLD_FILE, "{\"port\": 2}");
    assert_eq!(setup.config().port, 1);
    fs::remove_file(setup.dir.path().join(OUR_FILE)).unwrap();
    let loaded = setup.load().unwrap();
    assert_eq!((loaded.config.port, loaded.flavour), (2, Flavour::LaravelEchoServer));
    assert_eq!(loaded.lock, setup.dir.path().join("laravel-echo-server.lock"));
}

#[test]
fn without_a_file_a_variable_of_ours_is_needed() {
    let bare = |variables: &[(&str, &str)], config: Option<&str>, dir: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let place =
            Place { working_dir: folder.path().into(), dir: dir.map(Into::into), config: config.map(Into::into) };
        load_with(&place, variables.iter().copied().collect(), &|_: &Path| true)
    };
    let set = [("RUSTECHO_PORT", "1")];
    let loaded = bare(&set, None, None).unwrap();
    assert_eq!((loaded.config.port, loaded.file, loaded.flavour), (1, None, Flavour::Ours));
    assert!(loaded.lock.ends_with("rustecho.lock"));
    // The Laravel package's variables are in every application's environment, and a named file must be there.
    for (variables, config, dir) in [
        (&[("RUSTECHO_SOCKET", "x"), ("LARAVEL_ECHO_SERVER_PORT", "1")][..], None, None),
        (&set, Some("my.json"), None),
        (&set, None, Some("nowhere")),
    ] {
        assert!(matches!(bare(variables, config, dir), Err(ConfigError::Missing(_))));
    }
}

#[test]
fn process_then_working_directory_then_beside_the_file() {
    let setup = Setup::ours(&json!({"port": 1, "host": "file", "edge": "lean", "authEndpoint": "/file"}));
    setup.write("sub/rustecho.json", "{\"port\": 9, \"host\": \"9\", \"edge\": \"lean\", \"authEndpoint\": \"/9\"}");
    setup.write(".env", "RUSTECHO_PORT=2\nLARAVEL_ECHO_SERVER_HOST=cwd\nRUSTECHO_SOCKET=/x\nAPP_NAME=My App\n");
    setup.write(
        "sub/.env",
        "RUSTECHO_PORT=3\nRUSTECHO_HOST=\nLARAVEL_ECHO_SERVER_HOST=beside\nRUSTECHO_AUTH_ENDPOINT=/beside\n",
    );
    let place = Place { dir: Some("sub".into()), ..setup.place() };
    let process: Environment = [("RUSTECHO_PORT", "4")].into_iter().collect();
    let loaded = load_with(&place, process, &|_: &Path| true).unwrap();
    let config = loaded.config;
    assert_eq!((config.port, config.host.as_deref(), config.edge), (4, Some("cwd"), EdgeKind::Lean));
    assert_eq!(config.auth_endpoint, "/beside");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn references_reach_variables_of_the_env_file() {
    let setup = Setup::old(&json!({}));
    setup.write(".env", "LARAVEL_ECHO_SERVER_PORT=${MY_PORT}\nLARAVEL_ECHO_SERVER_REDIS_PASSWORD='a$b${'\nMY_PORT=7\n");
    let config = setup.config();
    assert_eq!((config.port, config.redis.password.as_deref()), (7, Some("a$b${")));
}

#[test]
fn lock_files_are_named_as_of_old() {
    let lock = |file: &str| lock_beside(Path::new(file)).display().to_string();
    assert_eq!(lock("/d/my.json"), "/d/my.lock");
    assert_eq!(lock("/d/conf.txt"), "/d/conf.txt.lock");
    assert_eq!(lock("/d/conf"), "/d/conf.lock");
    assert_eq!(lock("/etc/rustecho/rustecho.json"), "/run/rustecho/rustecho.lock");
}
