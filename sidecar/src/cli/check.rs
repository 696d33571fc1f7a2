//! `check-config`.

use std::process::ExitCode;

use super::outcome::refuse;
use crate::{
    config::{Config, Database, Environment, Loaded, Place, load},
    console,
};

/// Always says everything, whatever the file is called.
pub(super) fn run(place: &Place) -> ExitCode {
    match load(place, Environment::of_process()) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                console::warning(&format!("Warning: {warning}"));
            }
            for line in summary(&loaded) {
                console::say(&line);
            }
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&error),
    }
}

fn summary(loaded: &Loaded) -> Vec<String> {
    let config = &loaded.config;
    let from = loaded.file.as_ref().map_or_else(|| "the environment".into(), |file| file.display().to_string());
    let rows = [
        ("Configuration", from),
        ("Serves on", address(config)),
        ("Events from", sources(config)),
        ("Asks Laravel at", format!("{} ({})", config.auth_hosts.join(", "), config.auth_endpoint)),
        ("Presence members", members(config)),
        ("Redis", redis(config)),
        ("API clients", clients(config)),
        ("Lock file", loaded.lock.display().to_string()),
    ];
    let rows = rows.into_iter().map(|(name, value)| format!("{name:<17} {value}"));
    rows.chain(["The configuration is usable.".to_owned()]).collect()
}

fn address(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    format!("{scheme}, {} port {}", config.host.as_deref().unwrap_or("every address,"), config.port)
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
