//! `start`, up to the point where a server is needed.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use super::{
    StartArgs,
    outcome::{Audience, FAILED, refuse},
};
use crate::{
    config::{Config, ConfigError, Environment, Flavour, Loaded, Place, SYSTEM_FILE, Written, load, lock_beside},
    console::{self, DevMode},
    lock::{self, Holder, LockError, LockFile},
    server::Before,
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
    /// How the settings are written.
    pub written: Written,
    /// The server to take over from, when one runs and may run a little longer.
    pub predecessor: Option<Predecessor>,
    /// A server was told to end, and has.
    pub replaced: bool,
}

impl Prepared {
    /// Who served before.
    pub fn before(&self) -> Before {
        match &self.predecessor {
            Some(running) => Before::Running(running.pid),
            None if self.replaced => Before::Ended,
            None => Before::Nobody,
        }
    }
}

/// A running server whose place this one takes.
#[derive(Debug)]
pub struct Predecessor {
    /// Its process.
    pub pid: rustix::process::Pid,
    /// Its lock file.
    pub lock: PathBuf,
}

impl StartArgs {
    /// `--dev`; to be without it says nothing.
    pub(super) fn wants_dev(&self) -> bool {
        self.dev == Some(true) && !self.no_dev
    }

    /// `--json`.
    pub fn wants_json(&self) -> bool {
        self.json
    }
}

/// Reads the configuration, takes the lock and says who starts; nothing is bound yet.
///
/// # Errors
/// The exit status, when there is nothing to serve; what was wrong has been said.
pub fn prepare(arguments: &StartArgs) -> Result<Prepared, ExitCode> {
    let place = arguments.place.place(super::here());
    let audience = Audience::of(&place, arguments.json);
    let loaded = read(arguments).map_err(|error| not_loaded(&error, audience))?;
    let force = arguments.force == Some(true);
    let predecessor = if force { predecessor(&loaded) } else { None };
    let replaced = force && predecessor.is_none() && matches!(lock::holder(&loaded.lock), Holder::Running(_));
    let lock = match predecessor {
        Some(_) => None, // taken once the ports are had
        None => take_lock(&loaded, force, audience)?,
    };
    for warning in &loaded.warnings {
        console::tell(&format!("Warning: {warning}"));
    }
    if !arguments.json {
        console::banner(loaded.flavour);
        console::starting(DevMode::from(loaded.config.dev_mode));
    }
    let Loaded { config, flavour, written, .. } = loaded;
    Ok(Prepared { config, flavour, lock, written, predecessor, replaced })
}

/// Reads the configuration that `start` was given.
///
/// # Errors
/// [`ConfigError`].
pub fn read(arguments: &StartArgs) -> Result<Loaded, ConfigError> {
    let mut loaded = load(&arguments.place.place(super::here()), Environment::of_process())?;
    // Whoever reads JSON has the same facts in the log.
    loaded.config.dev_mode = !arguments.json && (loaded.config.dev_mode || arguments.wants_dev());
    Ok(loaded)
}

fn not_loaded(error: &ConfigError, audience: Audience) -> ExitCode {
    match (error, audience) {
        (_, Audience::Program) => refuse(error, true),
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
        _ => refuse(error, false),
    }
}

/// With `reusePort` the server that runs goes on until this one has the ports.
fn predecessor(loaded: &Loaded) -> Option<Predecessor> {
    match lock::holder(&loaded.lock) {
        // laravel-echo-server takes no such lock, and shares no port.
        Holder::Running(pid)
            if loaded.config.reuse_port
                && lock::is_locked(&loaded.lock)
                && lock::may_stop(&loaded.lock, pid).is_ok() =>
        {
            Some(Predecessor { pid, lock: loaded.lock.clone() })
        }
        _ => None,
    }
}

fn take_lock(loaded: &Loaded, force: bool, audience: Audience) -> Result<Option<LockFile>, ExitCode> {
    const RUNNING: &str =
        "There is already a server running! Use the option '--force' to stop it and start another one.";
    match lock::holder(&loaded.lock) {
        Holder::Absent | Holder::Stale(_) => {}
        Holder::Unreadable => {
            audience.warn("Error: There was a problem reading the existing lock file.", console::error);
        }
        Holder::Running(pid) if force => {
            lock::may_stop(&loaded.lock, pid)
                .map_err(|error| audience.fail(&format!("Error: {error}"), &error.to_string(), FAILED))?;
            replace(pid, loaded.config.grace, audience)?;
        }
        Holder::Running(pid) => {
            let full = format!("{RUNNING}\n{} names process {}.", loaded.lock.display(), pid.as_raw_nonzero());
            return Err(audience.fail(&format!("Error: {RUNNING}"), &full, FAILED));
        }
    }
    match LockFile::acquire(&loaded.lock) {
        Ok(lock) => Ok(Some(lock)),
        // A configuration that is mounted read-only is no reason not to serve.
        Err(LockError::Unwritable { path, source }) if may_do_without(&source) => {
            warn_of_no_lock(&format_args!("{}: {source}", path.display()));
            Ok(None)
        }
        Err(error) => {
            Err(audience.fail("Error: Cannot write lock file.", &format!("Cannot write lock file. {error}"), FAILED))
        }
    }
}

/// Says what a server without a lock file cannot do.
pub fn warn_of_no_lock(why: &dyn std::fmt::Display) {
    console::tell(&format!("Warning: no lock file ({why}); `rustecho stop` and --force will not find this server."));
}

fn may_do_without(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Stops the server that runs and waits for it: its port and its lock file must be free.
fn replace(pid: rustix::process::Pid, grace: Duration, audience: Audience) -> Result<(), ExitCode> {
    const BEYOND_GRACE: Duration = Duration::from_secs(5);
    let number = pid.as_raw_nonzero();
    let closing = format!("Warning: Closing process {number} because you used the '--force' option.");
    audience.warn(&closing, console::warning);
    // It may have ended by itself meanwhile; the wait tells.
    let refused = lock::terminate(pid).err();
    if lock::wait_for_end(pid, grace + BEYOND_GRACE) {
        return Ok(());
    }
    let reason = refused.map_or_else(|| "it did not stop in time".to_owned(), |error| error.to_string());
    let full = format!("process {number} still runs ({reason}); stop it by hand and start again.");
    let audience = if audience == Audience::Program { audience } else { Audience::Anybody };
    Err(audience.fail("", &full, FAILED))
}

impl Place {
    /// The lock files that may belong to it, the most likely first. The machine's own only where no folder has a file.
    pub(super) fn lock_files(&self) -> Vec<PathBuf> {
        let found = self.found();
        let belongs = |file: &&PathBuf| **file != *Path::new(SYSTEM_FILE) || found.as_ref() == Some(*file);
        self.candidates().iter().filter(belongs).map(|file| lock_beside(file)).collect()
    }
}
