//! `init`, alias `configure`: asks, and writes a configuration file.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    clients::{new_client, with_tabs},
    interview::{Interview, at_standard_input},
    outcome::{Audience, FAILED},
    replace::replace,
};
use crate::{
    config::{Flavour, OLD_FILE, OUR_FILE},
    console,
};

/// What `init` need not ask.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct InitArgs {
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = OUR_FILE)]
    config: PathBuf,
    /// Ask nothing: take the flags below, and defaults for the rest
    #[arg(short, long)]
    yes: bool,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long, requires = "yes")]
    json: bool,
    /// Development mode
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
        hide_possible_values = true)]
    dev: Option<bool>,
    /// Port to serve on [default: 6001]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Where presence members are kept
    #[arg(long)]
    database: Option<Storage>,
    /// Where Laravel answers [default: http://localhost]
    #[arg(long, value_name = "URL")]
    auth_host: Option<String>,
    /// http or https [default: http]
    #[arg(long)]
    protocol: Option<Protocol>,
    /// Certificate for https, PEM
    #[arg(long, value_name = "FILE")]
    ssl_cert: Option<String>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    ssl_key: Option<String>,
    /// Make a client for the HTTP API and print its key
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
        hide_possible_values = true)]
    client: Option<bool>,
    /// Let this origin use the HTTP API from a browser
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Option<String>,
    /// HTTP methods it may use [default: GET, POST]
    #[arg(long, value_name = "METHODS", requires = "cors_origin")]
    cors_methods: Option<String>,
    /// HTTP headers it may send
    #[arg(long, value_name = "HEADERS", requires = "cors_origin")]
    cors_headers: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Storage {
    Memory,
    Redis,
    Sqlite,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    Http,
    Https,
}

/// What was answered.
struct Answers {
    dev: bool,
    port: String,
    database: String,
    auth_host: String,
    protocol: String,
    ssl_cert: String,
    ssl_key: String,
    client: Option<(String, String)>,
    cors: Option<[String; 3]>,
    file: PathBuf,
}

const CORS_METHODS: &str = "GET, POST";
const CORS_HEADERS: &str =
    "Origin, Content-Type, X-Auth-Token, X-Requested-With, Accept, Authorization, X-CSRF-TOKEN, X-Socket-Id";

pub(super) fn run(arguments: &InitArgs, here: &Path) -> ExitCode {
    let done = match arguments.yes {
        true => interview(arguments, &mut Defaults, here),
        false => interview(arguments, at_standard_input().as_mut(), here),
    };
    match done.and_then(|answers| save(&answers, here).map(|()| answers)) {
        Ok(answers) if arguments.json => {
            let client = answers.client.as_ref().map(|(id, key)| json!({"appId": id, "key": key}));
            console::say(&json!({"file": here.join(&answers.file), "client": client}).to_string());
            ExitCode::SUCCESS
        }
        Ok(answers) => {
            if let Some((id, key)) = &answers.client {
                console::say(&format!("appId: {id}"));
                console::say(&format!("key: {key}"));
            }
            console::say(&last_line(&answers.file));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let audience = if arguments.json { Audience::Program } else { Audience::Anybody };
            audience.fail("", &error.to_string(), FAILED)
        }
    }
}

/// The old questions in the old order; those that a flag answers are left out.
fn interview(flags: &InitArgs, ask: &mut dyn Interview, here: &Path) -> io::Result<Answers> {
    let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let dev = or_ask(flags.dev, || ask.confirm("Do you want to run this server in development mode?", false))?;
    let port = loop {
        let port = or_ask(flags.port.map(|port| port.to_string()), || {
            ask.text("Which port would you like to serve from?", "6001")
        })?;
        if port.parse::<u16>().is_ok_and(|port| port > 0) {
            break port;
        }
        console::tell("A port is a number from 1 to 65535.");
    };
    let options: &[&str] = match Flavour::of(&flags.config) {
        Flavour::Ours => &["memory", "redis", "sqlite"],
        Flavour::LaravelEchoServer => &["redis", "sqlite", "memory"],
    };
    let database = or_ask(flags.database.as_ref().map(|name| word(name)), || {
        ask.choice("Which database would you like to use to store presence channel members?", options)
    })?;
    let auth_host = or_ask(flags.auth_host.clone(), || {
        ask.text("Enter the host of your Laravel authentication server.", "http://localhost")
    })?;
    let protocol = or_ask(flags.protocol.as_ref().map(|name| word(name)), || {
        ask.choice("Will you be serving on http or https?", &["http", "https"])
    })?;
    let (mut ssl_cert, mut ssl_key) = Default::default();
    if protocol == "https" {
        ssl_cert = or_ask(flags.ssl_cert.clone(), || ask.text("Enter the path to your SSL cert file.", ""))?;
        ssl_key = or_ask(flags.ssl_key.clone(), || ask.text("Enter the path to your SSL key file.", ""))?;
    }
    let client = or_ask(flags.client, || ask.confirm("Do you want to generate a client ID/Key for HTTP API?", false))?;
    let client = client.then(new_client).transpose().map_err(io::Error::other)?;
    let cors = cors(flags, ask)?;
    // With --yes the name is --config's; a file name is the one question whose flag has a default.
    let file = ask.text("What do you want this config to be saved as?", &flags.config.to_string_lossy())?;
    let path = here.join(&file);
    let replace = flags.force || !path.exists() || ask.confirm(&format!("{file} exists. Replace it?"), false)?;
    if !replace {
        let text = format!("{} exists; nothing was written. Give --force to replace it", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    Ok(Answers { dev, port, database, auth_host, protocol, ssl_cert, ssl_key, client, cors, file: file.into() })
}

fn cors(flags: &InitArgs, ask: &mut dyn Interview) -> io::Result<Option<[String; 3]>> {
    let given = flags.cors_origin.as_ref().map(|_| true);
    if !or_ask(given, || ask.confirm("Do you want to setup cross domain access to the API?", false))? {
        return Ok(None);
    }
    let mut text = |flag: &Option<String>, question, default| or_ask(flag.clone(), || ask.text(question, default));
    let origin = text(&flags.cors_origin, "Specify the URI that may access the API:", "http://localhost:80")?;
    let methods = text(&flags.cors_methods, "Enter the HTTP methods that are allowed for CORS:", CORS_METHODS)?;
    let headers = text(&flags.cors_headers, "Enter the HTTP headers that are allowed for CORS:", CORS_HEADERS)?;
    Ok(Some([origin, methods, headers]))
}

fn or_ask<T>(flag: Option<T>, ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    flag.map_or_else(ask, Ok)
}

/// `--yes`: nobody is there.
struct Defaults;

impl Interview for Defaults {
    fn confirm(&mut self, _: &str, default: bool) -> io::Result<bool> {
        Ok(default)
    }

    fn text(&mut self, _: &str, default: &str) -> io::Result<String> {
        Ok(default.to_owned())
    }

    fn choice(&mut self, _: &str, options: &[&str]) -> io::Result<String> {
        Ok(options.first().copied().unwrap_or_default().to_owned())
    }
}

fn save(answers: &Answers, here: &Path) -> io::Result<()> {
    let path = here.join(&answers.file);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    replace(&path, &with_tabs(&file(answers))?).map_err(named)
}

/// Every key of the old file, in its order.
fn file(answers: &Answers) -> Value {
    let flavour = Flavour::of(&answers.file);
    let [origin, methods, headers] = answers.cors.clone().unwrap_or_default();
    let clients: Vec<Value> = answers.client.iter().map(|(id, key)| json!({ "appId": id, "key": key })).collect();
    let mut file = json!({
        "authHost": answers.auth_host,
        "authEndpoint": "/broadcasting/auth",
        "clients": clients,
        "database": answers.database,
        "databaseConfig": { "redis": {}, "sqlite": { "databasePath": "/database/laravel-echo-server.sqlite" } },
        "devMode": answers.dev,
        "host": null,
        "port": answers.port,
        "protocol": answers.protocol,
        "socketio": {},
        "secureOptions": 67_108_864,
        "sslCertPath": answers.ssl_cert,
        "sslKeyPath": answers.ssl_key,
        "sslCertChainPath": "",
        "sslPassphrase": "",
        // Who keeps members in this process has no Redis to listen to.
        "subscribers": { "http": true, "redis": answers.database != "memory" },
        "apiOriginAllow": {
            "allowCors": answers.cors.is_some(),
            "allowOrigin": origin,
            "allowMethods": methods,
            "allowHeaders": headers
        }
    });
    if let (Flavour::Ours, Some(file)) = (flavour, file.as_object_mut()) {
        file.remove("secureOptions");
    }
    file
}

fn last_line(file: &Path) -> String {
    let name = file.to_string_lossy();
    let flag = if [OUR_FILE, OLD_FILE].contains(&&*name) { String::new() } else { format!(" --config=\"{name}\"") };
    format!("Configuration file saved. Run rustecho start{flag} to run server.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Database, Environment, Place, load};

    fn init(flags: &InitArgs, here: &Path) -> io::Result<Answers> {
        let answers = interview(flags, &mut Defaults, here)?;
        save(&answers, here).map(|()| answers)
    }

    #[test]
    fn what_it_writes_is_a_configuration_that_can_be_used() {
        for (name, database, redis) in
            [(OUR_FILE, Database::Memory, false), (OLD_FILE, Database::Redis, true), ("my.json", Database::Redis, true)]
        {
            let dir = tempfile::tempdir().unwrap();
            init(&InitArgs { config: name.into(), ..Default::default() }, dir.path()).unwrap();
            let place = Place { working_dir: dir.path().into(), dir: None, config: Some(name.into()) };
            let loaded = load(&place, Environment::default()).unwrap();
            assert_eq!((loaded.config.database, loaded.config.redis_source), (database, redis), "{name}");
            assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
        }
    }

    #[test]
    fn flags_are_answers() {
        let dir = tempfile::tempdir().unwrap();
        let flags = InitArgs {
            config: "rustecho.json".into(),
            dev: Some(true),
            port: Some(7001),
            database: Some(Storage::Sqlite),
            auth_host: Some("http://app.test".into()),
            protocol: Some(Protocol::Http),
            client: Some(true),
            cors_origin: Some("http://a.test".into()),
            ..Default::default()
        };
        let answers = init(&flags, dir.path()).unwrap();
        let place = Place { working_dir: dir.path().into(), ..Default::default() };
        let config = load(&place, Environment::default()).unwrap().config;
        assert!(config.dev_mode && config.redis_source);
        assert_eq!((config.port, config.auth_hosts), (7001, vec!["http://app.test".to_owned()]));
        assert_eq!(config.clients[0].key, answers.client.unwrap().1);
        assert_eq!(config.api_cors.unwrap().methods, CORS_METHODS);
        assert!(matches!(config.database, Database::Sqlite(_)));
    }

    #[test]
    fn an_existing_file_is_only_replaced_with_force() {
        let dir = tempfile::tempdir().unwrap();
        let mut flags = InitArgs { config: OUR_FILE.into(), ..Default::default() };
        init(&flags, dir.path()).unwrap();
        assert_eq!(init(&flags, dir.path()).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        flags.force = true;
        init(&flags, dir.path()).unwrap();
    }

    #[test]
    fn names_the_file_in_the_last_line_only_where_start_would_not_find_it() {
        assert_eq!(last_line(Path::new(OUR_FILE)), "Configuration file saved. Run rustecho start to run server.");
        assert!(last_line(Path::new("a.json")).contains("rustecho start --config=\"a.json\" to"));
    }
}
