//! The servers that are measured, and how each is started with Redis in and nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde_json::json;

use crate::{client::Generation, generator::Road, pusher};

/// A server that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Server {
    /// With its defaults: the lean edge.
    Rustecho,
    /// Its other edge.
    RustechoSocketioxide,
    /// With coalescing switched off.
    RustechoUncoalesced,
    /// The baseline in `bench/plain`.
    PlainSocketioxide,
    /// 1.6.3 from npm.
    #[value(name = "laravel-echo-server")]
    LaravelEcho,
    /// A small server on socket.io 4 from npm.
    #[value(name = "socket.io-4")]
    SocketIo4,
    /// From crates.io. It speaks the Pusher protocol and takes its events by HTTP.
    Sockudo,
}

/// What a server needs to know.
pub struct Place<'a> {
    /// Where to listen, on 127.0.0.1.
    pub port: u16,
    /// Where Redis is.
    pub redis: u16,
    /// A folder that goes away afterwards.
    pub folder: &'a Path,
    /// Certificate and key, if TLS is to be spoken.
    pub tls: Option<(&'a Path, &'a Path)>,
}

impl Server {
    /// How it is called in options, tables and JSON.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it is this project: its losses are failures, those of others are reported.
    pub fn ours(self) -> bool {
        matches!(self, Self::Rustecho | Self::RustechoSocketioxide | Self::RustechoUncoalesced)
    }

    /// The protocols of the newest client that it serves.
    pub fn newest_generation(self) -> Generation {
        match self {
            Self::LaravelEcho => Generation::V3,
            Self::Sockudo => Generation::Pusher,
            _ => Generation::V4,
        }
    }

    /// How events get to it.
    pub fn road(self) -> Road {
        if self == Self::Sockudo { Road::Api } else { Road::Redis }
    }

    /// The command line that starts it.
    ///
    /// # Errors
    /// When its program is not built or installed, or its configuration cannot be written.
    pub fn command(self, place: &Place<'_>, programs: &Programs) -> anyhow::Result<Command> {
        let (port, redis) = (place.port.to_string(), place.redis.to_string());
        let program = match self {
            Self::PlainSocketioxide => programs.built.join("plain-socketioxide"),
            Self::LaravelEcho => programs.peers.join("node_modules/laravel-echo-server/bin/server.js"),
            Self::SocketIo4 => programs.peers.join("socketio4.mjs"),
            Self::Sockudo => programs.sockudo.clone().context("which sockudo? --sockudo says it")?,
            _ => programs.rustecho.clone(),
        };
        ensure!(
            program.exists(),
            "{} is not there; `make bench-fanout` builds and installs what is measured",
            program.display()
        );
        let mut command = match self {
            Self::LaravelEcho | Self::SocketIo4 => {
                let mut node = Command::new("node");
                node.arg(program);
                node
            }
            _ => Command::new(program),
        };
        command.current_dir(place.folder);
        match self {
            Self::PlainSocketioxide | Self::SocketIo4 => command.args([port, redis]),
            Self::LaravelEcho => {
                let file = self.configure(place, "laravel-echo-server.json")?;
                command.args(["start".into(), "--config".into(), file])
            }
            Self::Sockudo => command.arg("--config").arg(sockudo_file(place)?),
            _ => {
                let file = self.configure(place, "rustecho.json")?;
                command.arg("start").arg("--config").arg(file)
            }
        };
        // What the caller's environment sets would count more than the file.
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("RUSTECHO_") || name.starts_with("LARAVEL_ECHO_"))
        {
            command.env_remove(name);
        }
        Ok(command)
    }

    fn configure(self, place: &Place<'_>, name: &str) -> anyhow::Result<PathBuf> {
        let mut config = json!({
            "host": "127.0.0.1",
            "port": place.port,
            "databaseConfig": { "redis": { "host": "127.0.0.1", "port": place.redis } },
            "subscribers": { "redis": true, "http": true },
        });
        if self.ours() {
            config["unixSocket"] = json!({ "path": place.folder.join("rustecho.sock") });
        } else {
            config["database"] = json!("redis");
        }
        match self {
            Self::RustechoSocketioxide => config["edge"] = json!("socketioxide"),
            Self::RustechoUncoalesced => config["coalesceMs"] = json!(0),
            _ => {}
        }
        if let Some((certificate, key)) = place.tls {
            config["protocol"] = json!("https");
            config["sslCertPath"] = json!(certificate);
            config["sslKeyPath"] = json!(key);
        }
        let file = place.folder.join(name);
        fs::write(&file, serde_json::to_string_pretty(&config)?)?;
        Ok(file)
    }
}

/// One application, nothing that counts or limits, metrics off as with the others.
fn sockudo_file(place: &Place<'_>) -> anyhow::Result<PathBuf> {
    let (id, key, secret) = pusher::APP;
    let config = json!({
        "host": "127.0.0.1",
        "port": place.port,
        "metrics": { "enabled": false },
        "rate_limiter": { "enabled": false },
        "app_manager": { "driver": "memory", "array": { "apps": [{
            "id": id, "key": key, "secret": secret, "enabled": true, "enable_client_messages": false,
            "max_connections": "100000", "max_client_events_per_second": "100000",
            "max_backend_events_per_second": "1000000", "max_read_requests_per_second": "1000000",
        }] } },
    });
    let file = place.folder.join("sockudo.json");
    fs::write(&file, serde_json::to_string_pretty(&config)?)?;
    Ok(file)
}

/// Where the programs are.
pub struct Programs {
    /// rustecho itself.
    pub rustecho: PathBuf,
    /// The folder with what cargo built of `bench/`.
    pub built: PathBuf,
    /// `bench/peers`, with its node_modules.
    pub peers: PathBuf,
    /// sockudo, where it could be built.
    pub sockudo: Option<PathBuf>,
}
