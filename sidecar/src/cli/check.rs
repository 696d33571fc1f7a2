//! `check-config`.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::{
    outcome::{USAGE, refuse},
    remote::or_the_services,
};
use crate::{
    config::{Config, ConfigError, Database, Environment, Loaded, Place, load},
    console,
};

/// Always says everything, whatever the file is called.
pub(super) fn run(place: &Place, json: bool) -> ExitCode {
    match load(&or_the_services(place), Environment::of_process()) {
        Ok(loaded) if json => {
            let means: Map<String, Value> =
                rows(&loaded).into_iter().map(|(name, value)| (key(name), value.into())).collect();
            console::say(&json!({"usable": true, "warnings": loaded.warnings, "means": means}).to_string());
            ExitCode::SUCCESS
        }
        Err(error) if json => {
            let problems = match &error {
                ConfigError::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
                other => vec![other.to_string()],
            };
            console::say(&json!({"usable": false, "problems": problems}).to_string());
            USAGE.into()
        }
        Ok(loaded) => {
            for warning in &loaded.warnings {
                console::warning(&format!("Warning: {warning}"));
            }
            for line in summary(&loaded) {
                console::say(&line);
            }
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&error, false),
    }
}

/// `Serves on` as `servesOn`.
fn key(name: &str) -> String {
    let words = name.split(' ').enumerate().map(|(at, word)| {
        let (first, rest) = word.split_at(1);
        if at == 0 { word.to_lowercase() } else { format!("{}{rest}", first.to_uppercase()) }
    });
    words.collect()
}

fn summary(loaded: &Loaded) -> Vec<String> {
    let rows = rows(loaded).into_iter().map(|(name, value)| format!("{name:<17} {value}"));
    rows.chain(["The configuration is usable.".to_owned()]).collect()
}

fn rows(loaded: &Loaded) -> [(&'static str, String); 9] {
    let config = &loaded.config;
    let from = loaded.file.as_ref().map_or_else(|| "the environment".into(), |file| file.display().to_string());
    [
        ("Configuration", from),
        ("Serves on", address(config)),
        ("Admin listener", admin(config)),
        ("Events from", sources(config)),
        ("Asks Laravel at", format!("{} ({})", config.auth_hosts.join(", "), config.auth_endpoint)),
        ("Presence members", members(config)),
        ("Redis", redis(config)),
        ("API clients", clients(config)),
        ("Lock file", loaded.lock.display().to_string()),
    ]
}

fn address(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    format!("{scheme}, {} port {}", config.host.as_deref().unwrap_or("every address,"), config.port)
}

/// Console, metrics, and what `status` and `tail` ask.
fn admin(config: &Config) -> String {
    let Some(admin) = &config.admin else { return "off; \"admin\": 6002 turns it on".into() };
    let key = if admin.key.is_some() { ", with admin.key" } else { "" };
    format!("{}{key}", admin.address())
}

fn sources(config: &Config) -> String {
    let unix = config.unix_socket.as_ref().map(|unix| format!("unix socket {}", unix.path.display()));
    let redis = config.redis_source.then(|| format!("redis {}*", config.redis.key_prefix));
    let http = config.http_source.then(|| "http".to_owned());
    let all: Vec<String> = [unix, redis, http].into_iter().flatten().collect();
    if all.is_empty() { "nowhere".into() } else { all.join(", ") }
}

fn members(config: &Config) -> String {
    match &config.database {
        Database::Memory => "in memory".into(),
        Database::Redis => "in redis".into(),
        Database::Sqlite(path) => format!("in {}", path.display()),
    }
}

fn redis(config: &Config) -> String {
    if !config.redis_source && config.database != Database::Redis {
        return "not used".into();
    }
    let tls = if config.redis.tls.is_some() { ", TLS" } else { "" };
    format!("{:?}, database {}{tls}", config.redis.nodes, config.redis.db)
}

fn clients(config: &Config) -> String {
    let ids: Vec<&str> = config.clients.iter().map(|client| client.app_id.as_str()).collect();
    if ids.is_empty() { "none".into() } else { ids.join(", ") }
}
