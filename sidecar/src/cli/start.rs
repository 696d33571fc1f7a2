//! `start`, up to the point where a server is needed.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use super::{
    StartArgs,
    outcome::{Audience, FAILED, refuse},
};
use crate::{
    config::{Config, ConfigError, Environment, Flavour, Loaded, Place, load},
    console::{self, DevMode},
    lock::{self, Holder, LockError, LockFile},
};

/// Everything a server needs to be opened.
#[derive(Debug)]
pub struct Prepared {
    /// The settings.
    pub config: Config,
    /// Whose defaults hold, and so whose title is shown.
    pub flavour: Flavour,
    /// To be kept as long as the server runs; none where the folder cannot be written.
    pub lock: Option<LockFile>,
}

impl StartArgs {
    /// `--dev`; to be without it says nothing.
    pub(super) fn wants_dev(&self) -> bool {
        self.dev == Some(true) && !self.no_dev
    }
}

/// Reads the configuration, takes the lock and says who starts; nothing is bound yet.
///
/// # Errors
/// The exit status, when there is nothing to serve; what was wrong has been said.
pub fn prepare(arguments: &StartArgs) -> Result<Prepared, ExitCode> {
    let place = arguments.place.place(super::here());
    let audience = Audience::of(&place);
    let mut loaded = load(&place, Environment::of_process()).map_err(|error| not_loaded(&error, audience))?;
    loaded.config.dev_mode |= arguments.wants_dev();
    let lock = take_lock(&loaded, arguments.force == Some(true), audience)?;
    for warning in &loaded.warnings {
        console::tell(&format!("Warning: {warning}"));
    }
    console::banner(loaded.flavour);
    console::starting(DevMode::from(loaded.config.dev_mode));
    Ok(Prepared { config: loaded.config, flavour: loaded.flavour, lock })
}

fn not_loaded(error: &ConfigError, audience: Audience) -> ExitCode {
    match (error, audience) {
        // Scripts look for this line, whoever runs them and whatever the file is called.
        (ConfigError::Missing(_), _) => {
            console::error("Error: The config file could not be found.");
            if std::io::stderr().is_terminal() {
                console::tell(
                    "Run `rustecho init` to write one, or set RUSTECHO_PORT (or any other setting) to start without.",
                );
            }
            ExitCode::SUCCESS
        }
        (ConfigError::NotJson { .. } | ConfigError::Unreadable { .. }, Audience::OldScript) => {
            console::error("Error: There was a problem reading the config file.");
            ExitCode::SUCCESS
        }
        (ConfigError::SslPathsMissing { .. }, Audience::OldScript) => {
            console::banner(Flavour::LaravelEchoServer);
            console::starting(DevMode::Off);
            console::error("SSL paths are missing in server config.");
            ExitCode::SUCCESS
        }
        _ => refuse(error),
    }
}

fn take_lock(loaded: &Loaded, force: bool, audience: Audience) -> Result<Option<LockFile>, ExitCode> {
    const RUNNING: &str =
        "There is already a server running! Use the option '--force' to stop it and start another one.";
    match lock::holder(&loaded.lock) {
        Holder::Absent | Holder::Stale(_) => {}
        Holder::Unreadable => console::error("Error: There was a problem reading the existing lock file."),
        Holder::Running(pid) if force => replace(pid, loaded.config.grace)?,
        Holder::Running(pid) => {
            let full = format!("{RUNNING}\n{} names process {}.", loaded.lock.display(), pid.as_raw_nonzero());
            return Err(audience.fail(&format!("Error: {RUNNING}"), &full, FAILED));
        }
    }
    match LockFile::acquire(&loaded.lock) {
        Ok(lock) => Ok(Some(lock)),
        // A configuration that is mounted read-only is no reason not to serve.
        Err(LockError::Unwritable { path, source }) if may_do_without(&source) => {
            console::tell(&format!(
                "Warning: no lock file ({}: {source}); `rustecho stop` and --force will not find this server.",
                path.display()
            ));
            Ok(None)
        }
        Err(error) => {
            Err(audience.fail("Error: Cannot write lock file.", &format!("Cannot write lock file. {error}"), FAILED))
        }
    }
}

fn may_do_without(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Stops the server that runs and waits for it: its port and its lock file must be free.
fn replace(pid: rustix::process::Pid, grace: Duration) -> Result<(), ExitCode> {
    const BEYOND_GRACE: Duration = Duration::from_secs(5);
    let number = pid.as_raw_nonzero();
    console::warning(&format!("Warning: Closing process {number} because you used the '--force' option."));
    // It may have ended by itself meanwhile; the wait tells.
    let refused = lock::terminate(pid).err();
    if lock::wait_for_end(pid, grace + BEYOND_GRACE) {
        return Ok(());
    }
    let reason = refused.map_or_else(|| "it did not stop in time".to_owned(), |error| error.to_string());
    console::tell(&format!("Error: process {number} still runs ({reason}); stop it by hand and start again."));
    Err(FAILED.into())
}

impl Place {
    /// The lock files that may belong to it, the most likely first.
    pub(super) fn lock_files(&self) -> Vec<PathBuf> {
        self.candidates().iter().map(|file| crate::config::lock_beside(file)).collect()
    }
}
