//! Clients that never read, against the built sidecar: what they cost, in memory and to the others.

// The helpers are tests as well: where they cannot go on, the test has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustecho_wire::client::{Ack, Client, PublishArgs};
use socket2::{Domain, Socket, Type};

#[path = "../examples/support/subscriber.rs"]
mod subscriber;

use subscriber::Subscriber;

const DEADLINE: Duration = Duration::from_secs(20);
const READERS: u32 = 40;
const SLEEPERS: u32 = 10;
const BOUND: usize = 256 * 1024;
const EVENTS: u32 = 1_500;

struct Sidecar(Child, SocketAddr);

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Sidecar {
    fn start(folder: &Path) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = serde_json::json!({
            "host": "127.0.0.1", "port": address.port(), "spool": false, "unixSocket": folder.join("r.sock"),
            "limits": { "queueBytesPerSocket": BOUND }, "recovery": false,
        });
        std::fs::write(folder.join("rustecho.json"), config.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rustecho"));
        command.arg("start").current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let sidecar = Self(command.spawn().unwrap(), address);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() || !folder.join("r.sock").exists() {
            assert!(begun.elapsed() < DEADLINE, "the sidecar does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        sidecar
    }

    /// Resident memory, in bytes.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// A client; one that will not read offers the kernel little room for what it does not take.
    fn join(&self, eio: u64, sleeps: bool) -> Subscriber {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if sleeps {
            socket.set_recv_buffer_size(16 * 1024).unwrap();
        }
        socket.connect(&self.1.into()).unwrap();
        Subscriber::join(socket.into(), eio).unwrap()
    }
}

#[test]
fn clients_that_never_read_cost_their_bound_and_nobody_else_anything() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path());
    let mut readers: Vec<_> = (0..READERS).map(|n| sidecar.join(3 + u64::from(n % 2), false)).collect();
    let sleepers: Vec<_> = (0..SLEEPERS).map(|n| sidecar.join(3 + u64::from(n % 2), true)).collect();
    let mut client = Client::new(folder.path().join("r.sock"), "slow-clients", DEADLINE);
    let (mut before, mut most, mut subscribers) = (sidecar.memory(), 0, 0);
    let mut late: Vec<Duration> = Vec::new();
    for number in 0..EVENTS {
        let data = format!("{{\"number\":{number},\"filler\":\"{}\"}}", "x".repeat(4_000));
        let event = PublishArgs { channels: &["bench.0"], event: "E", data: &data, ..PublishArgs::default() };
        let begun = Instant::now();
        subscribers = client.publish(&event, Ack::Receipt).unwrap().unwrap().subscribers;
        for reader in &mut readers {
            assert!(reader.frame().unwrap().contains(&data), "every event, in order");
        }
        late.push(begun.elapsed());
        if number == 50 {
            before = sidecar.memory(); // what a first event needs is there
        }
        most = most.max(sidecar.memory());
    }
    assert_eq!(subscribers, READERS, "who never reads is gone");
    let bound = BOUND * SLEEPERS as usize;
    let grown = most.saturating_sub(before);
    assert!(grown < bound + 3 * 1024 * 1024, "{grown} bytes for {SLEEPERS} clients that may have {BOUND} each");
    late.sort_unstable();
    let p99 = late[late.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(250), "others waited for {p99:?}");
    drop(sleepers);
}
