//! The `rustecho` command.

use std::process::ExitCode;

use anyhow::Context;
use rustecho_sidecar::{
    cli::{self, Prepared, StartArgs, Work},
    config::Flavour,
    console,
    server::Bound,
    signals::{Hangup, Signals},
    tls::Certificate,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // 1. The command line; every verb but `start` ends here.
    let arguments = match cli::run(std::env::args_os()) {
        Work::Start(arguments) => arguments,
        Work::Done(status) => return status,
    };
    // 2. The threads.
    let served = tokio::runtime::Runtime::new()
        .context("cannot start threads")
        .and_then(|runtime| runtime.block_on(start(&arguments)));
    served.unwrap_or_else(|error| {
        console::tell(&format!("Error: {error:#}"));
        cli::FAILED.into()
    })
}

async fn start(arguments: &StartArgs) -> anyhow::Result<ExitCode> {
    // 3. Signals, before there is a lock file that one of them could leave behind.
    let signals = Signals::catch().context("cannot catch signals")?;
    // 4. The configuration and the lock, which is held until the end of this function.
    let Prepared { config, flavour, lock } = match cli::prepare(arguments) {
        Ok(prepared) => prepared,
        Err(status) => return Ok(status),
    };
    // 5. The log.
    log_to_standard_error(flavour, config.dev_mode);
    // 6. The ports.
    let settings = config.clone();
    let bound = Bound::open(config).await?;
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
    // 7. Serve until told to stop.
    let ready = move || {
        if settings.redis_source {
            console::listening_redis();
        }
        console::ready();
    };
    let certificate = bound.certificate();
    let on_hangup = || certificate.as_ref().map_or(Hangup::Stops, |certificate| reload(certificate));
    bound.run(signals.until_stop(on_hangup), ready).await?;
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

/// Reads the certificate anew; when that fails, the one that is served stays.
fn reload(certificate: &Certificate) -> Hangup {
    match certificate.reload() {
        Ok(()) => tracing::info!("SIGHUP: the certificate was read anew"),
        Err(error) => tracing::error!(%error, "SIGHUP: the certificate that is served stays"),
    }
    Hangup::Reloaded
}

/// `RUSTECHO_LOG` chooses what is logged (`debug`, `rustecho_sidecar::auth=trace`, …), `RUSTECHO_LOG_FORMAT=json` how. In the
/// place of laravel-echo-server, which was silent while all went well, only warnings are logged unless it is set; and in its
/// `devMode`, which prints the same facts in the lines that people grep for, only errors.
fn log_to_standard_error(flavour: Flavour, dev_mode: bool) {
    let default = match flavour {
        Flavour::Ours => "info",
        Flavour::LaravelEchoServer if dev_mode => "error",
        Flavour::LaravelEchoServer => "warn",
    };
    let filter = EnvFilter::try_from_env("RUSTECHO_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("RUSTECHO_LOG_FORMAT").is_ok_and(|format| format == "json") {
        log.json().init();
    } else {
        log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}
