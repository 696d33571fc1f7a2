//! The `rustecho` command.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use anyhow::Context;
use rustecho_sidecar::{
    cli::{self, Prepared, StartArgs, Work},
    config::{Config, Flavour, LogFormat},
    console,
    lock::LockFile,
    one_line::OneLine,
    reload::Hangups,
    server::Bound,
    signals::{Hangup, Signals},
};
use tracing_subscriber::EnvFilter;

/// An idle socket is a handful of small pieces: packed tightly they take half of what the system's allocator needs, and what many
/// sockets took goes back when they leave.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long threads that cannot be interrupted may take at the end.
const LAST: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    // 1. The command line; every verb but `start` ends here.
    let arguments = match cli::run(std::env::args_os()) {
        Work::Start(arguments) => arguments,
        Work::Done(status) => return status,
    };
    let json = arguments.wants_json();
    // 2. The threads.
    let served = tokio::runtime::Runtime::new().context("cannot start threads").and_then(|runtime| {
        let served = runtime.block_on(start(&arguments));
        // What had to be written has been. A question to a DNS server that does not answer cannot be called off: it ends with us.
        runtime.shutdown_timeout(LAST);
        served
    });
    served.unwrap_or_else(|error| {
        if json {
            console::say(&serde_json::json!({"ready": false, "error": format!("{error:#}")}).to_string());
        }
        console::tell(&format!("Error: {error:#}"));
        cli::FAILED.into()
    })
}

async fn start(arguments: &StartArgs) -> anyhow::Result<ExitCode> {
    // 3. Signals, before there is a lock file that one of them could leave behind.
    let signals = Signals::catch().context("cannot catch signals")?;
    // 4. The configuration and the lock, which is held until the end of this function.
    let prepared = match cli::prepare(arguments) {
        Ok(prepared) => prepared,
        Err(status) => return Ok(status),
    };
    let before = prepared.before();
    let Prepared { config, flavour, mut lock, written, predecessor, .. } = prepared;
    // 5. The log.
    let (log, change_level) = log_to_standard_error(flavour, &config);
    // 6. The ports.
    let settings = config.clone();
    let stops_at_hangup = stops_at_hangup(flavour, &config);
    let had_terminal = std::io::stdin().is_terminal();
    let lock_beside = predecessor.as_ref().map(|before| LockFile::beside(&before.lock)).transpose()?;
    let bound = Bound::open_after(config, before).await?;
    // The predecessor has lost its Unix socket by now, and will be told to end.
    if let (Some(beside), Some(before)) = (lock_beside, &predecessor) {
        lock = match beside.take_over(&before.lock) {
            Ok(lock) => Some(lock),
            Err(error) => {
                cli::warn_of_no_lock(&error);
                None
            }
        };
    }
    log_opened(log, &bound);
    let summary = arguments.wants_json().then(|| summary(&bound));
    if summary.is_none() {
        console::running_at(settings.host.as_deref(), bound.address()?.port());
        if settings.dev_mode {
            console::channels_ready();
        }
        if settings.http_source {
            console::listening_http();
        }
        if let (Flavour::Ours, Some(path)) = (flavour, bound.unix_path()) {
            console::listening_unix(path);
        }
        if let (Flavour::Ours, Some(address)) = (flavour, bound.admin_address()) {
            console::admin_at(address);
        }
    }
    // 7. Serve until told to stop.
    let ready = move || {
        if let Some(summary) = summary {
            console::say(&summary);
        } else {
            if settings.redis_source {
                console::listening_redis();
            }
            console::ready();
        }
        if log == Log::Json {
            tracing::info!("ready");
        }
    };
    let mut hangups = Hangups::new(bound.reloader(), written, || cli::read(arguments), change_level);
    let on_hangup = || match stops_at_hangup || (had_terminal && !std::io::stdin().is_terminal()) {
        true => Hangup::Stops,
        false => hangups.hangup(),
    };
    bound.run(signals.until_stop(on_hangup), ready).await;
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

/// Whether SIGHUP stops the sidecar even where its terminal is still there: it stopped laravel-echo-server, and whoever has a
/// file of its name may rely on that. With a certificate there always was something to read anew.
fn stops_at_hangup(flavour: Flavour, config: &Config) -> bool {
    flavour == Flavour::LaravelEchoServer && config.tls.is_none()
}

/// `RUSTECHO_LOG` chooses what is logged (`debug`, `rustecho_sidecar::auth=trace`, …), else `logLevel`. In the place of
/// laravel-echo-server, which was silent while all went well, only warnings are logged unless one is set; and in its `devMode`,
/// which prints the same facts in the lines that people grep for, only errors.
fn level(flavour: Flavour, config: &Config) -> EnvFilter {
    let default = match flavour {
        Flavour::Ours => "info",
        Flavour::LaravelEchoServer if config.dev_mode => "error",
        Flavour::LaravelEchoServer => "warn",
    };
    let chosen = config.log_level.as_deref().unwrap_or(default);
    EnvFilter::try_from_env("RUSTECHO_LOG").unwrap_or_else(|_| EnvFilter::new(chosen))
}

/// Starts the log, as `logFormat` wants it; for whom it is, and what makes it one of another configuration.
fn log_to_standard_error(flavour: Flavour, config: &Config) -> (Log, ChangeLevel) {
    let filter = level(flavour, config);
    // A log that cannot be written, on a full disk or where nobody reads any more, is no reason to panic.
    let log = tracing_subscriber::fmt().log_internal_errors(false);
    let is_terminal = std::io::stderr().is_terminal();
    let chosen = match config.log_format {
        LogFormat::Json => Log::Json,
        LogFormat::Auto if !is_terminal => Log::Json,
        LogFormat::Auto | LogFormat::Text => Log::Text,
    };
    match chosen {
        Log::Json => {
            let log = log.with_writer(std::io::stderr).json().flatten_event(true);
            let log = log.with_env_filter(filter).with_filter_reloading();
            let handle = log.reload_handle();
            log.init();
            (chosen, Box::new(move |config| drop(handle.reload(level(flavour, config)))))
        }
        Log::Text => {
            let ansi = is_terminal && std::env::var_os("NO_COLOR").is_none();
            let log = log.with_writer(|| OneLine(std::io::stderr())).with_ansi(ansi);
            let log = log.with_env_filter(filter).with_filter_reloading();
            let handle = log.reload_handle();
            log.init();
            (chosen, Box::new(move |config| drop(handle.reload(level(flavour, config)))))
        }
    }
}

/// Makes the log one of another configuration.
type ChangeLevel = Box<dyn Fn(&Config)>;

/// For whom the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    /// People, who read the lines on standard output as well.
    Text,
    /// Programs, which read nothing else.
    Json,
}

/// What `start --json` prints when all is up.
fn summary(bound: &Bound) -> String {
    let address = bound.address().ok().map(|address| address.to_string());
    let admin = bound.admin_address().map(|address| address.to_string());
    let process = std::process::id();
    let version = env!("CARGO_PKG_VERSION");
    serde_json::json!({
        "ready": true, "version": version, "process": process, "address": address, "unix": bound.unix_path(), "admin": admin,
    })
    .to_string()
}

/// What people are told on standard output.
fn log_opened(log: Log, bound: &Bound) {
    if log == Log::Json {
        let address = bound.address().map_or_else(|error| error.to_string(), |address| address.to_string());
        let unix = bound.unix_path().map(|path| path.display().to_string());
        let admin = bound.admin_address().map(|address| address.to_string());
        tracing::info!(version = env!("CARGO_PKG_VERSION"), address, unix, admin, "listening");
    }
}
