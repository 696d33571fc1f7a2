//! One run: a fresh server, its clients, the events, the figures.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};

use crate::{
    generator::{Generator, Road},
    process::{Cores, Process},
    record::Record,
    redis::Redis,
    servers::{Place, Programs, Server},
    wait,
    workloads::{Load, Workload},
};

/// What all runs share.
pub struct Rig {
    folder: tempfile::TempDir,
    redis: Redis,
    programs: Programs,
    cores: Cores,
    tls: Option<Tls>,
    runs: u32,
}

/// A certificate of our own and the client that trusts it.
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    client: Arc<ClientConfig>,
}

/// How much smaller than usual.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// At most so many clients.
    pub clients: usize,
    /// The events divided by this.
    pub events: u32,
}

impl Rig {
    /// Starts Redis.
    pub fn new(programs: Programs, cores: Cores) -> anyhow::Result<Self> {
        cores.settle()?;
        let folder = tempfile::tempdir()?;
        let redis = Redis::start(folder.path())?;
        Ok(Self { folder, redis, programs, cores, tls: None, runs: 0 })
    }

    /// Measures one server under one workload.
    pub fn run(&mut self, workload: &Workload, server: Server, scale: Scale) -> anyhow::Result<Record> {
        self.runs += 1;
        let folder = self.folder.path().join(self.runs.to_string());
        fs::create_dir(&folder)?;
        if workload.tls && self.tls.is_none() {
            self.tls = Some(Tls::make(self.folder.path())?);
        }
        let tls = self.tls.as_ref().filter(|_| workload.tls);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wait::free_port()?));
        let place = Place {
            port: address.port(),
            redis: self.redis.port,
            folder: &folder,
            tls: tls.map(|tls| (tls.certificate.as_path(), tls.key.as_path())),
        };
        self.redis.wait_for_patterns(0)?; // the server before is gone
        let command = server.command(&place, &self.programs)?;
        let mut process = Process::start(command, folder.join("output.txt"), self.cores)?;
        wait::until("the server's port", Duration::from_secs(30), || {
            process.check()?;
            Ok(TcpStream::connect(address).ok())
        })?;
        if server.road() == Road::Redis {
            self.redis.wait_for_patterns(1)?;
        }

        let mut crowd = workload.crowd_for(server);
        crowd.clients = crowd.clients.min(scale.clients);
        crowd.channels = crowd.channels.min(crowd.clients as u32);
        crowd.stalled = crowd.stalled.min(crowd.clients / 2);
        let redis = SocketAddr::from((Ipv4Addr::LOCALHOST, self.redis.port));
        let mut generator =
            Generator::new(crowd, address, tls.map(|tls| Arc::clone(&tls.client)), redis, server.road())?;
        let measured = measure(workload, &mut generator, &process, scale);
        process.check()?;
        Ok(Record { workload: workload.name.to_owned(), server: server.name(), sockets: crowd.clients, ..measured? })
    }
}

/// Connects, subscribes, publishes.
fn measure(workload: &Workload, generator: &mut Generator, process: &Process, scale: Scale) -> anyhow::Result<Record> {
    let mut record = Record::default();
    generator.for_some_time(Duration::from_millis(300), |_| false)?; // starting up is over
    let empty = process.rss_kib()?;

    let (begun, cpu) = (std::time::Instant::now(), process.cpu_ns()?);
    generator.connect()?;
    let clients = generator.clients.len() as f64;
    record.connects_per_second = clients / begun.elapsed().as_secs_f64();
    generator.quiet(Duration::from_millis(200))?; // what was promised is done
    record.handshake_us = (process.cpu_ns()? - cpu) as f64 / clients / 1000.0;

    generator.subscribe()?;
    if workload.events.is_none() {
        generator.for_some_time(Duration::from_secs(3), |_| false)?;
    }
    record.kib_per_socket = process.rss_kib()?.saturating_sub(empty) as f64 / clients;

    if let Some(Load { pace, count, bytes }) = workload.events {
        record.events = (count / scale.events).max(1);
        process.forget_peak()?;
        let held = process.rss_kib()?;
        let (begun, cpu) = (std::time::Instant::now(), process.cpu_ns()?);
        generator.broadcast(record.events, pace, bytes)?;
        record.cpu_us = (process.cpu_ns()? - cpu) as f64 / generator.expected(record.events) as f64 / 1000.0;
        let quiet = Duration::from_millis(200);
        record.per_second = generator.tally.deliveries as f64 / (begun.elapsed() - quiet).as_secs_f64();
        record.grown_kib = process.peak_kib()?.saturating_sub(held);
        generator.look()?;
    }
    let tally = &generator.tally;
    record.deliveries = tally.deliveries;
    record.lost = generator.lost();
    (record.duplicates, record.reorders, record.misdelivered) = (tally.duplicates, tally.reorders, tally.misdelivered);
    record.closed = generator.clients.iter().filter(|client| client.closed).count();
    record.p50_us = tally.latency_us.value_at_quantile(0.5);
    record.p99_us = tally.latency_us.value_at_quantile(0.99);
    record.max_us = tally.latency_us.max();
    record.at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(record)
}

impl Tls {
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .output()
            .context("openssl cannot be started")?;
        ensure!(made.status.success(), "openssl made no certificate: {}", String::from_utf8_lossy(&made.stderr));
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&certificate)?)?;
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { certificate, key, client: Arc::new(client) })
    }
}
