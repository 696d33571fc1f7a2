//! Compares the two ways in which nodes could hear each other by Redis, for `docs/decisions/`: pub/sub and a stream.
//!
//! `cargo run --release --example between_nodes` starts a redis-server of its own, lets one sender talk to three receivers and
//! prints latency, the CPU time of Redis per message, and what the receivers miss when Redis is killed and started again half way.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use parking_lot::Mutex;
use redis::{Client, cmd, streams::StreamReadReply};

const RECEIVERS: usize = 3;
const SIZE: usize = 500;
const CONNECTION_RETRY: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    PubSub,
    Stream,
}

/// What one receiver has got.
#[derive(Default)]
struct Got {
    count: AtomicU64,
    micros: Mutex<Vec<u64>>,
}

struct Server {
    port: u16,
    child: Child,
}

impl Server {
    fn start(port: u16) -> Result<Self> {
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()];
        let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn();
        let mut child = child.context("redis-server cannot be started")?;
        let end = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            anyhow::ensure!(Instant::now() < end && child.try_wait()?.is_none(), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { port, child })
    }

    fn client(&self) -> Result<Client> {
        Ok(Client::open(format!("redis://127.0.0.1:{}", self.port))?)
    }

    /// CPU time so far, in microseconds.
    fn cpu(&self) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id()))?;
        Ok(text.split_whitespace().next().context("no schedstat")?.parse::<u64>()? / 1000)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn message(number: u64, begun: Instant) -> Vec<u8> {
    let mut bytes = vec![b'x'; SIZE];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..16].copy_from_slice(&(begun.elapsed().as_micros() as u64).to_le_bytes());
    bytes
}

fn take(got: &Got, bytes: &[u8], begun: Instant) {
    let sent = bytes.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    got.count.fetch_add(1, Relaxed);
    got.micros.lock().push((begun.elapsed().as_micros() as u64).saturating_sub(sent.unwrap_or_default()));
}

async fn receive(way: Way, client: Client, got: Arc<Got>, begun: Instant, ready: Arc<AtomicU64>) {
    let mut place = "0-0".to_owned();
    loop {
        let end = match way {
            Way::PubSub => hear(&client, &got, begun, &ready).await,
            Way::Stream => read(&client, &got, begun, &ready, &mut place).await,
        };
        drop(end); // the server was restarted: connect again
        tokio::time::sleep(CONNECTION_RETRY).await;
    }
}

async fn hear(client: &Client, got: &Got, begun: Instant, ready: &AtomicU64) -> Result<()> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe("between").await?;
    ready.fetch_add(1, Relaxed);
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        take(got, message.get_payload_bytes(), begun);
    }
    Ok(())
}

async fn read(client: &Client, got: &Got, begun: Instant, ready: &AtomicU64, place: &mut String) -> Result<()> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    ready.fetch_add(1, Relaxed);
    loop {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(256).arg("BLOCK").arg(400).arg("STREAMS").arg("between").arg(&*place);
        let reply: Option<StreamReadReply> = read.query_async(&mut connection).await?;
        for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
            if let Some(redis::Value::BulkString(bytes)) = entry.map.get("m") {
                take(got, bytes, begun);
            }
            *place = entry.id;
        }
    }
}

/// Sends `count` messages at `rate` a second; what Redis does not take is sent again until it does.
async fn send(way: Way, client: Client, count: u64, rate: u64, begun: Instant) {
    let mut connection = None;
    let start = Instant::now();
    for number in 0..count {
        let due = start + Duration::from_micros(number * 1_000_000 / rate);
        tokio::time::sleep_until(due.into()).await;
        let bytes = message(number, begun);
        loop {
            if connection.is_none() {
                connection = client.get_multiplexed_async_connection().await.ok();
            }
            let Some(live) = connection.as_mut() else {
                tokio::time::sleep(CONNECTION_RETRY).await;
                continue;
            };
            let mut command = match way {
                Way::PubSub => cmd("PUBLISH"),
                Way::Stream => cmd("XADD"),
            };
            command.arg("between");
            if way == Way::Stream {
                command.arg("MAXLEN").arg("~").arg(5000).arg("*").arg("m");
            }
            if command.arg(&bytes).query_async::<redis::Value>(live).await.is_ok() {
                break;
            }
            connection = None;
        }
    }
}

#[expect(clippy::print_stdout, reason = "that is what it is for")]
async fn run(way: Way, count: u64, rate: u64, kill: bool) -> Result<()> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut server = Server::start(port)?;
    let (begun, ready) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let all: Vec<Arc<Got>> = (0..RECEIVERS).map(|_| Arc::default()).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for got in &all {
        tasks.spawn(receive(way, server.client()?, got.clone(), begun, ready.clone()));
    }
    while ready.load(Relaxed) < RECEIVERS as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (before, done) = (server.cpu()?, Arc::new(AtomicBool::new(false)));
    let (client, told) = (server.client()?, done.clone());
    tokio::spawn(async move {
        send(way, client, count, rate, begun).await;
        told.store(true, Relaxed);
    });
    if kill {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(server);
        tokio::time::sleep(Duration::from_millis(500)).await;
        server = Server::start(port)?;
    }
    while !done.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let name = if way == Way::PubSub { "pub/sub" } else { "stream " };
    if kill {
        let lost: Vec<u64> = all.iter().map(|got| count.saturating_sub(got.count.load(Relaxed))).collect();
        println!("{name}  {rate:>5}/s, Redis killed and back after 0.5 s: lost of {count}: {lost:?}");
    } else {
        let cpu = (server.cpu()? - before) as f64 / count as f64;
        let mut micros: Vec<u64> = all.iter().flat_map(|got| got.micros.lock().clone()).collect();
        micros.sort_unstable();
        let at = |part: usize| micros.get(micros.len() * part / 1000).copied().unwrap_or_default();
        println!("{name}  {rate:>5}/s: p50 {} us, p99 {} us, Redis {cpu:.1} us of CPU a message", at(500), at(990));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    for _ in 0..3 {
        for way in [Way::PubSub, Way::Stream] {
            run(way, 1_000, 200, false).await?;
            run(way, 10_000, 2_000, false).await?;
            run(way, 2_000, 400, true).await?;
        }
    }
    Ok(())
}
