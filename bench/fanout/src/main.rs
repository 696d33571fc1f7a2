//! `bench-fanout`: measures rustecho and other Socket.IO servers side by side. See docs/performance.md.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;

mod awake;
mod client;
mod clock;
mod frame;
mod generator;
mod http;
mod lane;
mod mark;
mod picture;
mod process;
mod pusher;
mod record;
mod redis;
mod report;
mod required;
mod run;
mod servers;
mod tally;
mod wait;
mod workloads;

use awake::{Awake, How};
use process::Cores;
use record::{Record, Runs};
use run::{Rig, Scale};
use servers::{Programs, Server};
use workloads::{WORKLOADS, Workload};

/// Measures Socket.IO servers side by side, adds the runs to a file, and reports on all runs in it.
///
/// The exit status is 1 when rustecho lost, repeated or reordered anything, whatever the times are.
#[derive(Parser)]
#[command(name = "bench-fanout")]
struct Options {
    /// Only these workloads.
    #[arg(long, value_delimiter = ',', value_parser = workload)]
    only: Vec<&'static Workload>,
    /// Only these servers.
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Server>,
    /// How often everything is run, server by server in turn.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// One round of the workloads that figures are required of, with fewer clients and events.
    #[arg(long)]
    quick: bool,
    /// At most so many clients.
    #[arg(long, default_value_t = usize::MAX)]
    clients: usize,
    /// Divide the number of events by this.
    #[arg(long, default_value_t = 1)]
    divide: u32,
    /// Forget the runs that the folder has.
    #[arg(long)]
    fresh: bool,
    /// Run nothing, report on the runs that the folder has.
    #[arg(long)]
    report: bool,
    /// Do not give the servers one core and the generator another.
    #[arg(long)]
    no_pin: bool,
    /// How cores that have nothing to do are kept from falling asleep, when they are given to programs.
    #[arg(long, default_value = "loop")]
    awake: How,
    /// Where the runs, the report and the pictures go.
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// The rustecho to measure.
    #[arg(long, env = "RUSTECHO_BINARY", default_value = "target/release/rustecho")]
    rustecho: PathBuf,
    /// bench/peers with its node_modules.
    #[arg(long, default_value = "bench/peers")]
    peers: PathBuf,
    /// The sockudo to measure; without it, it takes no part.
    #[arg(long)]
    sockudo: Option<PathBuf>,
}

fn workload(name: &str) -> Result<&'static Workload, String> {
    Workload::named(name).ok_or_else(|| {
        let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        format!("there is no such workload; there are {}", names.join(", "))
    })
}

#[expect(clippy::print_stdout, reason = "a report is what it is for")]
fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let out = &options.out;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let file = out.join("runs.json");
    if options.fresh && file.exists() {
        fs::remove_file(&file)?;
    }
    let mut runs = Runs::load(&file)?;
    let mut wrong = false;
    if !options.report {
        measure(&options, &mut |record| {
            wrong |= record.server.starts_with("rustecho") && !record.exact();
            runs.runs.push(record);
            runs.save(&file)
        })?;
    }
    let report = report::report(&runs);
    fs::write(out.join("report.md"), &report)?;
    fs::write(out.join("verdicts.json"), serde_json::to_string_pretty(&required::judge(&runs))? + "\n")?;
    picture::write(&runs, out)?;
    println!("{report}");
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs what is asked for, and hands over each run as soon as it is done.
fn measure(options: &Options, done: &mut dyn FnMut(Record) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let files = process::raise_open_files()?;
    let programs = Programs {
        rustecho: std::path::absolute(&options.rustecho)?,
        built: std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned(),
        peers: std::path::absolute(&options.peers)?,
        sockudo: options.sockudo.as_ref().map(std::path::absolute).transpose()?,
    };
    let mut rig = Rig::new(programs, Cores::new(!options.no_pin))?;
    let pinned = Cores::new(!options.no_pin).are_pinned();
    let _awake = Awake::keep(if pinned { options.awake } else { How::Not })?;
    let workloads = WORKLOADS.iter().filter(|workload| match options.only.as_slice() {
        [] => !options.quick || workload.quick,
        only => only.iter().any(|asked| asked.name == workload.name),
    });
    let (rounds, divide) = if options.quick { (1, options.divide.max(2)) } else { (options.rounds, options.divide) };
    // Some descriptors are needed for other things.
    let clients = options.clients.min(usize::try_from(files)?.saturating_sub(100));
    for workload in workloads {
        for round in 1..=rounds {
            for server in participants(options, workload) {
                let record = rig
                    .run(workload, server, Scale { clients, events: divide })
                    .with_context(|| format!("{} against {}", workload.name, server.name()))?;
                eprintln!("{} {round}/{rounds} {}", workload.name, record.line());
                done(record)?;
            }
        }
    }
    Ok(())
}

/// The servers that are asked for, else those that the workload is about.
fn participants(options: &Options, workload: &Workload) -> Vec<Server> {
    let there = |server: &Server| *server != Server::Sockudo || (options.sockudo.is_some() && workload.suits(*server));
    let wanted = |server: &Server| (!options.quick || QUICK.contains(server)) && there(server);
    match options.servers.as_slice() {
        [] => workload.servers.iter().copied().filter(wanted).collect(),
        asked => asked.iter().copied().filter(|server| workload.suits(*server)).collect(),
    }
}

/// What the required figures are about.
const QUICK: [Server; 4] =
    [Server::Rustecho, Server::RustechoUncoalesced, Server::PlainSocketioxide, Server::LaravelEcho];
