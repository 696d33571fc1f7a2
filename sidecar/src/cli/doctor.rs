//! `doctor`: looks at everything an event needs on its way, and says what to do about what is wrong.

use std::{os::unix::fs::PermissionsExt, process::ExitCode, sync::Arc, time::Duration};

use rustecho_wire::client::Client;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    DoctorArgs,
    outcome::FAILED,
    remote::{self, Remote},
    why,
};
use crate::{
    auth::{Ask, Authorizer, Laravel, Verdict, Wanted},
    bounds::Refusals,
    channel::ChannelName,
    config::{Config, Database, Loaded, Place},
    console::{self, Tone},
    counters::Counters,
    devlog::DevLog,
    edge::{Generation, Handshake, Headers},
    findings::{Words, words},
    ingest::spool::SpoolView,
    lock::{self, Holder},
    redis_client,
};

/// How long each check may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Below this many file descriptors a busy site soon cannot be served.
const FEW_FILES: u64 = 4_096;
/// Where Laravel says why it failed.
const LARAVEL_LOG: &str = "storage/logs/laravel.log";

/// What a check found: all is well, or a finding of the list.
enum Found {
    Good(String),
    Off(String),
    Warn(Words),
    Bad(Words),
}

impl Found {
    fn tone(&self) -> Tone {
        match self {
            Self::Good(_) => Tone::Good,
            Self::Off(_) => Tone::Plain,
            Self::Warn(_) => Tone::Warn,
            Self::Bad(_) => Tone::Bad,
        }
    }

    fn show(&self, name: &str) {
        match self {
            Self::Good(detail) | Self::Off(detail) => console::found(name, detail, self.tone()),
            Self::Warn(words) | Self::Bad(words) => {
                console::found(name, &format!("{} [{}]", words.text, words.id), self.tone());
                console::line(&format!("  -> {}", words.advice));
            }
        }
    }

    fn json(&self, name: &str) -> Value {
        let result = self.tone().word();
        match self {
            Self::Good(detail) | Self::Off(detail) => json!({"check": name, "result": result, "detail": detail}),
            Self::Warn(words) | Self::Bad(words) => {
                json!({"check": name, "result": result, "detail": words.text, "finding": words.id, "advice": words.advice})
            }
        }
    }
}

pub(super) fn run(place: &Place, arguments: &DoctorArgs) -> ExitCode {
    let loaded = match remote::configuration(place, arguments.look.json) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let mut findings: Vec<(&'static str, Found)> = Vec::new();
    let mut found = |name: &'static str, check: &dyn Fn() -> Found| {
        if !arguments.look.json {
            console::progress(name);
        }
        let finding = check();
        if !arguments.look.json {
            finding.show(name);
        }
        findings.push((name, finding));
    };
    found("configuration", &|| configuration(&loaded));
    found("sidecar", &|| sidecar(&loaded));
    found("unix socket", &|| unix_socket(&loaded.config));
    found("spool", &|| spool(&loaded.config));
    found("redis", &|| redis(&loaded.config));
    found("laravel", &|| laravel(&loaded.config));
    found("file descriptors", &file_descriptors);
    if let Some(name) = &arguments.channel {
        found("channel", &|| channel(&loaded, name));
    }
    let of = |tone| findings.iter().filter(|(_, finding)| finding.tone() == tone).count();
    let bad = of(Tone::Bad);
    if arguments.look.json {
        let list: Vec<Value> = findings.iter().map(|(name, finding)| finding.json(name)).collect();
        console::say(&json!({"healthy": bad == 0, "checks": list}).to_string());
    } else if bad == 0 {
        let verdict =
            if of(Tone::Warn) == 0 { "Nothing is wrong." } else { "Nothing is broken; look at what is marked." };
        console::success(&format!("{verdict} Does one event not arrive? {}", look_on(&loaded)));
    } else {
        console::line("The words in brackets are headings of docs/troubleshooting.md, which says more.");
    }
    if bad == 0 { ExitCode::SUCCESS } else { FAILED.into() }
}

/// What shows the road of one event, for who finds nothing wrong.
fn look_on(loaded: &Loaded) -> String {
    match Remote::of(loaded) {
        Ok(_) => "`rustecho tail` shows the road of each.".into(),
        Err(off) => format!("`rustecho tail` shows the road of each, but not yet: {off}."),
    }
}

fn configuration(loaded: &Loaded) -> Found {
    let from = loaded.file.as_ref().map_or_else(|| "the environment".into(), |file| file.display().to_string());
    match loaded.warnings.as_slice() {
        [] => Found::Good(from),
        warnings => Found::Warn(words("configuration-warnings", &[("reason", &warnings.join("; "))])),
    }
}

fn sidecar(loaded: &Loaded) -> Found {
    let away = |reason: &str| words("sidecar-away", &[("reason", reason.trim_end_matches('.'))]);
    let remote = match Remote::of(loaded) {
        Ok(remote) => remote,
        Err(off) if runs(loaded) => return Found::Warn(away(&off.to_string())),
        Err(off) => return Found::Bad(away(&format!("{off}; nor does anybody serve port {}", loaded.config.port))),
    };
    match remote::wait(remote.get("/api/status")) {
        Ok(status) if status["ready"] == true => Found::Good(format!(
            "{} answers at {}",
            console::clean(status["version"].as_str().unwrap_or_default()),
            remote.address()
        )),
        Ok(status) => Found::Bad(words("sidecar-not-ready", &[("reason", &status["reasons"].to_string())])),
        Err(error) => Found::Bad(away(&error.to_string())),
    }
}

/// Whether a sidecar seems to run that cannot be asked; what systemd has opened may be another port than the configuration's.
fn runs(loaded: &Loaded) -> bool {
    let host = loaded.config.host.as_deref().filter(|host| !host.is_empty()).unwrap_or("127.0.0.1");
    matches!(lock::holder(&loaded.lock), Holder::Running(_))
        || remote::wait(async {
            let connecting = TcpStream::connect((host, loaded.config.port));
            Ok(matches!(tokio::time::timeout(PATIENCE, connecting).await, Ok(Ok(_))))
        })
        .unwrap_or(false)
}

fn unix_socket(config: &Config) -> Found {
    let Some(unix) = &config.unix_socket else { return Found::Off("off (unixSocket)".into()) };
    let path = unix.path.display().to_string();
    match Client::new(&unix.path, "rustecho-doctor", PATIENCE).probe() {
        Ok(_) => {
            let mode = std::fs::metadata(&unix.path).map_or(0, |about| about.permissions().mode() & 0o777);
            let rights = format!("mode {mode:04o}");
            if mode & 0o006 != 0o006 && unix.group.is_none() {
                return Found::Warn(words("socket-group", &[("path", &path), ("rights", &rights)]));
            }
            Found::Good(format!("answers at {path}, {rights}"))
        }
        Err(error) if !unix.path.exists() => {
            tracing::debug!(%error, "no Unix socket");
            Found::Bad(words("socket-missing", &[("path", &path)]))
        }
        Err(error) => Found::Bad(words("sidecar-silent", &[("reason", error.to_string().trim_end_matches('.'))])),
    }
}

fn spool(config: &Config) -> Found {
    let Some((view, spool)) = SpoolView::of(config).zip(config.spool.as_ref()) else {
        return Found::Off("off: events published while the sidecar is away fail in PHP".into());
    };
    let depth = view.depth();
    let folder = spool.dir.display().to_string();
    let files = if depth.files == 1 { "1 file".to_owned() } else { format!("{} files", depth.files) };
    match (depth.files, depth.age) {
        (0, _) if spool.dir.is_dir() => Found::Good(format!("empty ({folder})")),
        (0, _) => Found::Warn(words("spool-missing", &[("folder", &folder)])),
        (_, Some(age)) if age > Duration::from_secs(60) => {
            let seconds = age.as_secs().to_string();
            Found::Bad(words("spool-not-drained", &[("files", &files), ("folder", &folder), ("seconds", &seconds)]))
        }
        _ => Found::Warn(words("spool-draining", &[("files", &files), ("folder", &folder)])),
    }
}

fn redis(config: &Config) -> Found {
    if !config.redis_source && config.database != Database::Redis {
        return Found::Off("not used".into());
    }
    let asked = remote::wait(async {
        let pattern = format!("{}*", config.redis.key_prefix);
        let nobody: redis_client::OnMessage = std::sync::Arc::new(|_: &str, _: &[u8]| {});
        match tokio::time::timeout(PATIENCE, redis_client::subscribe(&config.redis, &pattern, &nobody)).await {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(error)) => Ok(Some(error.to_string())),
            Err(_) => Ok(Some(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    });
    let nodes = format!("{:?}", config.redis.nodes);
    let reason = match asked {
        Ok(None) => {
            let prefix = &config.redis.key_prefix;
            return Found::Good(format!(
                "{nodes} answers; events are heard on {prefix}*, which must be Laravel's prefix"
            ));
        }
        Ok(Some(error)) => error,
        Err(error) => error.to_string(),
    };
    Found::Bad(words("redis-away", &[("nodes", &nodes), ("reason", &reason)]))
}

/// Asks as a visitor without a session would; Laravel is expected to refuse.
fn laravel(config: &Config) -> Found {
    let Ok(channel) = ChannelName::parse("private-rustecho-doctor", config.limits.channel_name) else {
        return Found::Off("limits.channelNameBytes is too small to ask".into());
    };
    let handshake = Handshake { headers: Headers::default(), peer: None, generation: Generation::V4 };
    let answered = remote::wait(async {
        let mut config = config.clone();
        config.auth_timeout = config.auth_timeout.min(PATIENCE);
        let counters = Arc::new(Counters::default());
        let refusals = Arc::new(Refusals::new(counters.clone()));
        let laravel = Laravel::new(Arc::new(config), refusals, counters, DevLog::new(false));
        let url = laravel.url(&handshake);
        Ok((
            url,
            laravel
                .authorise(Ask {
                    who: "the doctor".into(),
                    channel,
                    handshake,
                    auth: Value::Null,
                    wanted: Wanted::while_true(|| true),
                })
                .await,
        ))
    });
    match answered {
        Ok((url, verdict)) => judge(&url, verdict),
        Err(error) => Found::Bad(words("auth-unreachable", &[("host", &error.to_string())])),
    }
}

fn judge(url: &str, verdict: Verdict) -> Found {
    let unreachable = |reason: &str| Found::Bad(words("auth-unreachable", &[("host", &format!("{url}: {reason}"))]));
    match verdict {
        Verdict::Denied(401 | 403, _) => Found::Good(format!("{url} answers, and refuses a visitor without a session")),
        Verdict::Denied(419, _) => Found::Warn(words("auth-csrf", &[])),
        Verdict::Denied(status @ 300..=399, _) => Found::Good(format!(
            "{url} answers {status}, a redirect to the login: visitors without a session are refused"
        )),
        Verdict::Denied(404, _) => Found::Bad(words("auth-missing", &[("status", "404"), ("host", url)])),
        Verdict::Denied(status, _) => {
            Found::Bad(words("auth-fails", &[("status", &format!("{status} at {url}")), ("log", LARAVEL_LOG)]))
        }
        Verdict::Granted(_) => Found::Bad(words("auth-open", &[("status", &format!("200 by {url}"))])),
        Verdict::Failed(reason) | Verdict::Oversized(reason) | Verdict::Busy(reason) => unreachable(&reason),
        Verdict::NoQuestion => unreachable("it could not be asked"),
    }
}

/// Whether anybody would get its events, and if not, why.
fn channel(loaded: &Loaded, name: &str) -> Found {
    match why::ask(loaded, name) {
        Ok(why) => {
            let (name, reason) = (console::clean(name), why::sentence(&why));
            if why["subscribers"] == 0 {
                Found::Bad(words("channel-nobody", &[("channel", &name), ("why", &reason)]))
            } else {
                Found::Good(format!("{name}: {reason}"))
            }
        }
        Err(error) => Found::Bad(words("sidecar-away", &[("reason", error.to_string().trim_end_matches('.'))])),
    }
}

fn file_descriptors() -> Found {
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(limit) if limit < FEW_FILES => Found::Warn(words("few-files", &[("limit", &limit.to_string())])),
        Some(limit) => Found::Good(format!("{limit} here")),
        None => Found::Good("unlimited".into()),
    }
}
