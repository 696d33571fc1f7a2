//! The `rustecho` command: its words, and what each of them does.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::{config::Place, console};

mod check;
mod clients;
mod doctor;
mod init;
mod interview;
mod look;
mod outcome;
mod publish;
mod remote;
mod replace;
mod start;
mod stop;
mod tail;
mod why;

pub use outcome::{FAILED, USAGE};
pub use start::{Prepared, prepare, read, warn_of_no_lock};

const ABOUT: &str = "Takes events from Laravel and emits them to Laravel Echo's Socket.IO clients.";

const EXAMPLES: &str = "\
First steps:
  rustecho init               Ask a few questions and write rustecho.json
  rustecho check-config       Say what the configuration means, and what is wrong with it
  rustecho start              Serve; stop with Ctrl-C

Why did my event not arrive?
  rustecho tail               Watch every event and authorisation, and what became of it
  rustecho doctor             Check sockets, Redis and Laravel; with --channel, who is on it and why not

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
    Stop(LookArgs),
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
    CheckConfig(LookArgs),
    /// Say how the running server is
    Status(LookArgs),
    /// Show every event and authorisation as it happens
    Tail(TailArgs),
    /// List the channels somebody is subscribed to
    Channels(ChannelsArgs),
    /// Publish one event
    Publish(PublishArgs),
    /// Check everything an event needs on its way, and say what to do
    Doctor(DoctorArgs),
    /// Print name and version
    Version {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man { folder: PathBuf },
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

/// `status`.
#[derive(Debug, Clone, Default, Args)]
pub struct LookArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `doctor`.
#[derive(Debug, Clone, Default, Args)]
pub struct DoctorArgs {
    /// Also say why nobody gets the events of this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    #[command(flatten)]
    look: LookArgs,
}

/// `tail`.
#[derive(Debug, Clone, Default, Args)]
pub struct TailArgs {
    /// Only what is on these channels: a part of the name, or a pattern such as `private-orders.*`
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Only events of this name: a part of it, or a pattern
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// `channels`.
#[derive(Debug, Clone, Default, Args)]
pub struct ChannelsArgs {
    /// Only channels whose names start with this
    #[arg(default_value = "")]
    prefix: String,
    #[command(flatten)]
    look: LookArgs,
}

/// `publish`.
#[derive(Debug, Clone, Default, Args)]
pub struct PublishArgs {
    /// The channel's whole name, such as private-orders.1
    channel: String,
    /// The event's name, such as App\\Events\\OrderShipped
    event: String,
    /// The event's data, as JSON
    #[arg(value_name = "JSON", default_value = "null")]
    data: String,
    #[command(flatten)]
    look: LookArgs,
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
    /// Print one JSON object when it serves, or cannot, in place of the lines for people
    #[arg(long, conflicts_with = "dev")]
    json: bool,
}

/// `client:add` and `client:remove`.
#[derive(Debug, Clone, Default, Args)]
pub struct ClientArgs {
    /// The client's id (appId)
    id: Option<String>,
    #[command(flatten)]
    look: LookArgs,
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
        Some(Command::Stop(arguments)) => stop::run(&arguments.place.place(here), arguments.json),
        Some(Command::Init(arguments)) => init::run(&arguments, &here),
        Some(Command::ClientAdd(ClientArgs { id, look })) => {
            clients::add(&look.place.place(here), id.as_deref(), look.json)
        }
        Some(Command::ClientRemove(ClientArgs { id, look })) => {
            clients::remove(&look.place.place(here), id.as_deref(), look.json)
        }
        Some(Command::CheckConfig(arguments)) => check::run(&arguments.place.place(here), arguments.json),
        Some(Command::Status(arguments)) => look::status(&arguments.place.place(here), &arguments),
        Some(Command::Tail(arguments)) => tail::run(&arguments.place.place(here), &arguments),
        Some(Command::Channels(arguments)) => {
            look::channels(&arguments.look.place.place(here), &arguments.prefix, &arguments.look)
        }
        Some(Command::Publish(arguments)) => publish::run(&arguments.look.place.place(here), &arguments),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments.look.place.place(here), &arguments),
        Some(Command::Version { json }) => {
            const JSON: &str = concat!("{\"name\":\"rustecho\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");
            console::say(if json { JSON } else { concat!("rustecho ", env!("CARGO_PKG_VERSION")) });
            ExitCode::SUCCESS
        }
        Some(Command::Man { folder }) => man(&folder),
        None if cli.version => {
            console::say(env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        None => no_command(),
    })
}

/// For packages: rustecho(1) and a page for each command, made of the words above.
fn man(folder: &Path) -> ExitCode {
    let write = || std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::tell(&format!("Error: {}: the manual pages cannot be written: {error}", folder.display()));
            FAILED.into()
        }
    }
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
    fn every_command_has_a_manual_page() {
        let dir = tempfile::tempdir().unwrap();
        man(dir.path());
        let page = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        assert!(page("rustecho.1").contains("rustecho\\-start(1)") && page("rustecho-start.1").contains("\\-\\-force"));
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
    fn every_command_prints_json_when_asked() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(command.get_arguments().any(|argument| argument.get_id() == "json"), "{}", command.get_name());
        }
    }

    #[test]
    fn the_old_verbs_are_all_there() {
        for verb in ["status", "tail", "channels", "doctor"] {
            assert!(Cli::try_parse_from(["rustecho", verb]).is_ok(), "{verb}");
        }
        for verb in ["start", "stop", "init", "configure", "client:add", "client:remove", "check-config", "version"] {
            assert!(Cli::try_parse_from(["rustecho", verb]).is_ok(), "{verb}");
            let help = Cli::try_parse_from(["rustecho", verb, "--help"]).unwrap_err();
            assert!(!help.use_stderr(), "{verb}");
        }
        assert!(Cli::try_parse_from(["rustecho", "nonsense"]).unwrap_err().use_stderr());
    }
}
