//! One configuration after another: what the later one may change while the sidecar runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    AdminConfig, Config, Limits, RecoveryConfig, UnixSocketConfig,
    keys::{self, KEYS, Key},
    reader::Reader,
};

/// Settings as they were written, to be compared; never to be shown.
#[derive(Clone, Default, PartialEq)]
pub struct Written(BTreeMap<&'static str, Value>);

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a configuration that was read anew means for a running sidecar.
#[derive(Debug)]
pub struct Renewal {
    /// What is to come into force.
    pub config: Config,
    /// The settings that are other ones now and come into force.
    pub applied: Vec<&'static str>,
    /// Those that only a restart brings into force.
    pub waiting: Vec<&'static str>,
}

impl Written {
    pub(super) fn of(reader: &Reader<'_>) -> Self {
        let whole = |key: &&Key| !key.path.contains("[]");
        let written = |key: &Key| Some((key.path, reader.setting(key.path)?.value));
        // An object is no more than the settings in it.
        let is_value = |(path, value): &(&str, Value)| !(value.is_object() && keys::is_group(path));
        Self(KEYS.iter().filter(whole).filter_map(written).filter(is_value).collect())
    }

    /// Takes over what `later` says of these settings.
    pub fn take(&mut self, later: &Self, paths: &[&'static str]) {
        for path in paths {
            match later.0.get(path) {
                Some(value) => self.0.insert(path, value.clone()),
                None => self.0.remove(path),
            };
        }
    }

    /// The settings that are other ones in `later`.
    fn changed<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = &'static Key> + 'a {
        KEYS.iter().filter(|key| self.0.get(key.path) != later.0.get(key.path))
    }
}

impl Renewal {
    /// From what is in force, as it was `written`, to what was `read` and how that is written.
    pub fn new((config, written): (&Config, &Written), (read, read_written): (&Config, &Written)) -> Self {
        let renewed = config.renewed(read);
        let needs_nothing = renewed == *read;
        let (applied, waiting): (Vec<&Key>, Vec<&Key>) =
            written.changed(read_written).partition(|key| key.live && !is_fixed(key.path, config, read));
        let path = |key: &Key| key.path;
        // A default that is written out now, or by the environment instead of the file.
        let mut waiting: Vec<_> = waiting.into_iter().map(path).filter(|_| !needs_nothing).collect();
        // Nothing is written otherwise, and yet something is other: what a file says that a setting names.
        if waiting.is_empty() {
            waiting.extend((renewed.redis != read.redis).then_some("databaseConfig.redis.tls.ca"));
            waiting.extend((renewed.cluster != read.cluster).then_some("cluster"));
        }
        Self { config: renewed, applied: applied.into_iter().map(path).collect(), waiting }
    }
}

/// Whether a setting that can change does not this time.
fn is_fixed(path: &str, config: &Config, read: &Config) -> bool {
    match path.split_once('.').map_or(path, |(group, _)| group) {
        // Other nodes are told them when this one starts.
        "limits" => config.cluster.is_some() && ["limits.dataBytes", "limits.channelNameBytes"].contains(&path),
        // What is there keeps its settings, and what is not yet there has none.
        "unixSocket" => config.unix_socket.is_some() != read.unix_socket.is_some(),
        "recovery" => config.recovery.is_some() != read.recovery.is_some(),
        "sslCertPath" | "sslKeyPath" | "sslCertChainPath" | "sslPassphrase" => {
            config.tls.is_some() != read.tls.is_some()
        }
        "admin" => match (&config.admin, &read.admin) {
            (Some(old), Some(new)) => path == "admin.key" && !takes_key(old, new),
            _ => true,
        },
        _ => false,
    }
}

/// Whether the key of `new` comes into force at `old`: whoever can reach it from elsewhere is never without one.
fn takes_key(old: &AdminConfig, new: &AdminConfig) -> bool {
    new.host == old.host || new.key.is_some()
}

impl Config {
    /// This configuration with everything of `read` that can change while the sidecar runs: the settings that the table marks
    /// as [`Key::live`].
    fn renewed(&self, read: &Self) -> Self {
        let limits = match self.cluster {
            Some(_) => Limits { data: self.limits.data, channel_name: self.limits.channel_name, ..read.limits },
            None => read.limits,
        };
        let recovery = self.recovery.as_ref().map(|old| match &read.recovery {
            Some(new) => RecoveryConfig { file: old.file.clone(), ..new.clone() },
            None => old.clone(),
        });
        let unix_socket = self.unix_socket.as_ref().map(|old| match &read.unix_socket {
            Some(new) => UnixSocketConfig { allowed_uids: new.allowed_uids.clone(), ..old.clone() },
            None => old.clone(),
        });
        let tls = self.tls.as_ref().map(|old| read.tls.as_ref().unwrap_or(old).clone());
        let admin = self.admin.as_ref().map(|old| match &read.admin {
            Some(new) => AdminConfig {
                key: if takes_key(old, new) { new.key.clone() } else { old.key.clone() },
                ready_lag: new.ready_lag,
                ..old.clone()
            },
            None => old.clone(),
        });
        let read = read.clone();
        Self {
            auth_hosts: read.auth_hosts,
            auth_endpoint: read.auth_endpoint,
            auth_timeout: read.auth_timeout,
            auth_verify_tls: read.auth_verify_tls,
            auth_keep_alive: read.auth_keep_alive,
            auth_forward_client: read.auth_forward_client,
            auth_check_body: read.auth_check_body,
            visitors: read.visitors,
            clients: read.clients,
            dev_mode: read.dev_mode,
            log_level: read.log_level,
            tls,
            api_cors: read.api_cors,
            headers: read.headers,
            unix_socket,
            admin,
            recovery,
            limits,
            coalesce: read.coalesce,
            grace: read.grace,
            // Ports, files, connections and promises to clients that are made once. All are named, so that a new setting is
            // thought about.
            database: self.database.clone(),
            redis: self.redis.clone(),
            cluster: self.cluster.clone(),
            publish_presence: self.publish_presence,
            host: self.host.clone(),
            port: self.port,
            socketio: self.socketio.clone(),
            http_source: self.http_source,
            redis_source: self.redis_source,
            spool: self.spool.clone(),
            otel: self.otel.clone(),
            reuse_port: self.reuse_port,
            log_format: self.log_format,
            edge: self.edge,
            presence_grace: self.presence_grace,
        }
    }
}
