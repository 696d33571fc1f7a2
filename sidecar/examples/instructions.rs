//! User-space instructions per delivery, counted by valgrind: a figure without noise, of the whole program.
//!
//! `make bench-instructions`, or `cargo run -p rustecho-sidecar --example instructions -- target/release/rustecho [MOST]`. Runs the
//! sidecar twice under callgrind with 500 websockets on one channel, half of either protocol generation, and publishes 20 and then
//! 120 events on the Unix socket, each with a receipt: the difference of the two counts is what 100 events cost, reading, checking,
//! encoding and receipt included, without start and handshakes. Every delivery is read and counted. Coalescing is off: each
//! delivery is a write of its own. Exits 1 when the figure is above `MOST`. `PROFILE=file` keeps the longer run's profile for
//! `callgrind_annotate`.

use std::{
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rustecho_wire::client::{Ack, Client, PublishArgs};
use rustix::process::{Pid, Signal, kill_process};

#[path = "support/subscriber.rs"]
mod subscriber;

use subscriber::Subscriber;

const SOCKETS: u64 = 500;
const EVENTS: [u64; 2] = [20, 120];
/// Valgrind is some fifty times slower than the machine.
const PATIENCE: Duration = Duration::from_secs(40);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = PathBuf::from(arguments.next().unwrap_or_else(|| "target/release/rustecho".into()));
    let most: Option<f64> = arguments.next().map(|most| most.parse()).transpose().context("MOST is a number")?;
    ensure!(binary.is_file(), "{} is not there: run `make build` first", binary.display());
    let [few, many] = EVENTS.map(|events| measure(&binary, events));
    let (few, many) = (few?, many?);
    let deliveries = (EVENTS[1] - EVENTS[0]) * SOCKETS;
    let figure = (many - few) as f64 / deliveries as f64;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "user-space instructions per delivery: {figure:.0}  ({deliveries} deliveries of 196 bytes to {SOCKETS} websockets)"
    )?;
    if let Some(most) = most {
        ensure!(figure <= most, "{figure:.0} instructions per delivery; at most {most:.0} are allowed");
    }
    Ok(())
}

/// Instructions of a sidecar that lives from its start to its stop, with so many events in between.
fn measure(binary: &Path, events: u64) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let mut sidecar = Sidecar::start(binary, folder.path())?;
    let mut sockets = (0..SOCKETS)
        .map(|n| Subscriber::join(TcpStream::connect(("127.0.0.1", sidecar.port))?, 3 + n % 2))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut client = Client::new(folder.path().join("r.sock"), "instructions", PATIENCE);
    for event in 0..events {
        let data = format!("{{\"number\":\"{event:06}\",\"filler\":\"{}\"}}", "x".repeat(120));
        let event =
            PublishArgs { channels: &["bench.0"], event: "App\\Events\\Bench", data: &data, ..PublishArgs::default() };
        let receipt = client.publish(&event, Ack::Receipt)?.context("a receipt")?;
        ensure!(u64::from(receipt.subscribers) == SOCKETS, "{} subscribers", receipt.subscribers);
        for socket in &mut sockets {
            let text = socket.frame()?;
            ensure!(text.starts_with("42[") && text.contains(&data), "{text} is not {data}");
        }
    }
    drop(sockets);
    sidecar.stop()
}

/// A sidecar under callgrind.
struct Sidecar {
    process: Child,
    port: u16,
    said: PathBuf,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sidecar {
    fn start(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = serde_json::json!({
            "host": "127.0.0.1", "port": port, "coalesceMs": 0, "spool": false,
            "unixSocket": folder.join("r.sock"), "socketio": { "pingInterval": 86_400_000 },
        });
        std::fs::write(folder.join("rustecho.json"), config.to_string())?;
        let said = folder.join("valgrind.log");
        let process = Command::new("valgrind")
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", std::env::var("PROFILE").unwrap_or_else(|_| "/dev/null".into())))
            .arg(format!("--log-file={}", said.display()))
            .arg(std::fs::canonicalize(binary)?)
            .arg("start")
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("valgrind cannot be run: install it (apt-get install valgrind)")?;
        let mut sidecar = Self { process, port, said };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() || !folder.join("r.sock").exists() {
            ensure!(
                sidecar.process.try_wait()?.is_none(),
                "the sidecar ended: {}",
                std::fs::read_to_string(&sidecar.said)?
            );
            ensure!(begun.elapsed() < PATIENCE, "the sidecar does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sidecar)
    }

    /// Stops it; the instructions of its life.
    fn stop(&mut self) -> anyhow::Result<u64> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        self.process.wait()?;
        let said = std::fs::read_to_string(&self.said)?;
        let count = said.lines().find_map(|line| line.split_once("Collected :")).context("callgrind says no count")?.1;
        Ok(count.trim().parse()?)
    }
}
