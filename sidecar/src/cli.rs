//! The `rustecho` command: its words, and what each of them does.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::{config::Place, console};

mod check;
mod clients;
mod init;
mod interview;
mod outcome;
mod start;
mod stop;

pub use outcome::{FAILED, USAGE};
pub use start::{Prepared, prepare};

const ABOUT: &str = "Takes events from Laravel and emits them to Laravel Echo's Socket.IO clients.";

const EXAMPLES: &str = "\
First steps:
  rustecho init               Ask a few questions and write rustecho.json
  rustecho check-config       Say what the configuration means, and what is wrong with it
  rustecho start              Serve; stop with Ctrl-C

Coming from laravel-echo-server: stop it, and run `rustecho start` in the same folder.
Every setting and its environment variable: docs/configuration.md.

Exit status: 0 done, 1 failed, 64 wrong command line or configuration.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "rustecho", version, about = ABOUT, after_help = EXAMPLES, disable_version_flag = true)]
pub struct Cli {
    /// Print the version
    #[arg(short = 'V', long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server in the foreground
    Start(StartArgs),
    /// Stop the server that runs with this configuration
    Stop(PlaceArgs),
    /// Ask a few questions and write a configuration file
    #[command(visible_alias = "configure")]
    Init(Box<init::InitArgs>),
    /// Let a client use the HTTP API, or give it a new key
    #[command(name = "client:add")]
    ClientAdd(ClientArgs),
    /// Take the HTTP API away from a client
    #[command(name = "client:remove")]
    ClientRemove(ClientArgs),
    /// Read the configuration, say what it means and what is wrong with it, and stop
    CheckConfig(PlaceArgs),
    /// Print name and version
    Version,
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceArgs {
    /// The config file, below --dir [default: rustecho.json, else laravel-echo-server.json]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder that the config file is in [default: the working directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl PlaceArgs {
    fn place(&self, working_dir: PathBuf) -> Place {
        Place { working_dir, dir: self.dir.clone(), config: self.config.clone() }
    }
}

/// `start`.
#[derive(Debug, Clone, Default, Args)]
pub struct StartArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Stop the server that already runs with this configuration, and take its place
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
        hide_possible_values = true)]
    force: Option<bool>,
    /// Print every event, subscription and auth request, as `devMode` does
    // `--dev=false` and `--no-dev` were accepted, and never switched a devMode of the file off.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
        hide_possible_values = true)]
    dev: Option<bool>,
    #[arg(long, hide = true, overrides_with = "dev")]
    no_dev: bool,
}

/// `client:add` and `client:remove`.
#[derive(Debug, Clone, Default, Args)]
pub struct ClientArgs {
    /// The client's id (appId)
    id: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What is left to do after the command line has been read.
#[derive(Debug)]
pub enum Work {
    /// Serve, with these arguments.
    Start(StartArgs),
    /// Nothing.
    Done(ExitCode),
}

/// Reads the command line and does everything that needs no server.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Work {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => {
            let _ = refusal.print();
            return Work::Done(if refusal.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS });
        }
    };
    let here = here();
    Work::Done(match cli.command {
        Some(Command::Start(arguments)) => return Work::Start(arguments),
        Some(Command::Stop(place)) => stop::run(&place.place(here)),
        Some(Command::Init(arguments)) => init::run(&arguments, &here),
        Some(Command::ClientAdd(arguments)) => clients::add(&arguments.place.place(here), arguments.id.as_deref()),
        Some(Command::ClientRemove(arguments)) => {
            clients::remove(&arguments.place.place(here), arguments.id.as_deref())
        }
        Some(Command::CheckConfig(place)) => check::run(&place.place(here)),
        Some(Command::Version) => {
            console::say(concat!("rustecho ", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        None if cli.version => {
            console::say(env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        None => no_command(),
    })
}

/// The working directory; should it be gone, the empty path still lets absolute paths work.
fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

fn no_command() -> ExitCode {
    console::tell(&format!("{}\nPlease provide a valid command.", Cli::command().render_help()));
    FAILED.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(arguments: &[&str]) -> StartArgs {
        let words = ["rustecho", "start"].iter().chain(arguments);
        match Cli::try_parse_from(words).unwrap().command {
            Some(Command::Start(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_form_of_dev_is_understood() {
        let dev = |arguments: &[&str]| start(arguments).wants_dev();
        assert!(dev(&["--dev"]) && dev(&["--dev=true"]));
        assert!(!dev(&[]) && !dev(&["--dev=false"]) && !dev(&["--no-dev"]));
        assert!(start(&["--force"]).force == Some(true) && start(&[]).force.is_none());
    }

    #[test]
    fn config_and_dir_are_taken_in_both_forms() {
        for words in [["--config=a.json", "--dir=d"].as_slice(), &["--config", "a.json", "--dir", "d"]] {
            let place = start(words).place.place("/w".into());
            assert_eq!(place.candidates(), [PathBuf::from("/w/d/a.json")]);
        }
    }

    #[test]
    fn the_old_verbs_are_all_there() {
        for verb in ["start", "stop", "init", "configure", "client:add", "client:remove", "check-config", "version"] {
            assert!(Cli::try_parse_from(["rustecho", verb]).is_ok(), "{verb}");
            let help = Cli::try_parse_from(["rustecho", verb, "--help"]).unwrap_err();
            assert!(!help.use_stderr(), "{verb}");
        }
        assert!(Cli::try_parse_from(["rustecho", "nonsense"]).unwrap_err().use_stderr());
    }
}
