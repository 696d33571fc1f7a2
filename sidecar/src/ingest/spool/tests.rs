//! Publishers that spool, and a sidecar that comes back.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use rustecho_wire::{
    EventId,
    client::{Ack, Client, Delivery, OnFailure, PublishArgs, Rules},
    spool::SpoolSettings,
};

use super::*;
use crate::{
    channel::ChannelName,
    config::Limits,
    devlog::DevLog,
    hub::{BUCKETS, Hub},
    ingest::unix::UnixSource,
    testing::{StubSocket, TempDir, channel},
};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A sidecar's part from the Unix socket to one subscriber of `orders`, and its spool.
struct Sidecar {
    subscriber: Arc<StubSocket>,
    hub: Arc<Hub>,
    counters: Arc<Counters>,
    gate: Arc<Gate>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

fn unix(folder: &TempDir) -> UnixSocketConfig {
    UnixSocketConfig { path: folder.path().join("r.sock"), ..UnixSocketConfig::default() }
}

fn settings(folder: &TempDir) -> SpoolConfig {
    SpoolConfig { settle: Duration::ZERO, ..SpoolConfig::beside(&unix(folder).path) }
}

impl Sidecar {
    fn start(folder: &TempDir, settings: SpoolConfig) -> Self {
        let counters = Arc::new(Counters::default());
        let hub = Arc::new(Hub::new(counters.clone()));
        let subscriber = StubSocket::new("a");
        hub.subscribe(&channel("orders"), subscriber.clone());
        let publisher = Arc::new(Publisher::new(hub.clone(), Limits::default(), counters.clone(), DevLog::new(false)));
        let unix = unix(folder);
        let spool = SpoolSource::open(settings, &unix, publisher.clone(), counters.clone()).unwrap();
        let (gate, (stop, stopping)) = (Arc::new(Gate::default()), watch::channel(false));
        spool.prepare(&gate);
        let source =
            UnixSource::bind(unix, 8, crate::ingest::unix::Replace::DeadOnly).and_then(UnixSource::appear).unwrap();
        let tasks = vec![
            tokio::spawn(source.run(
                publisher,
                Arc::new(crate::bounds::Refusals::new(counters.clone())),
                counters.clone(),
                gate.clone(),
                stopping.clone(),
            )),
            tokio::spawn(spool.run(gate.clone(), stopping)),
        ];
        Self { subscriber, hub, counters, gate, stop, tasks }
    }

    fn subscribe(&self, channel: &ChannelName) {
        self.hub.subscribe(channel, self.subscriber.clone());
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// What the subscriber got, once it is as much as this.
    async fn emitted(&self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        let end = Instant::now() + PATIENCE;
        while all.len() < count {
            all.append(&mut self.subscriber.texts());
            assert!(Instant::now() < end, "{} of {count} events came, the first: {:?}", all.len(), all.first());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        all
    }
}

/// A publisher with the default spool. Its calls block: it lives on a thread for such things.
struct Php {
    client: Option<Client>,
    spool: SpoolSettings,
}

impl Php {
    fn new(folder: &TempDir) -> Self {
        let client = Some(Client::new(unix(folder).path, "test/0.1.0", Duration::from_secs(5)));
        Self { client, spool: SpoolSettings { dir: settings(folder).dir, max_bytes: 10_000_000 } }
    }

    async fn publish(&mut self, data: &str) -> Delivery {
        self.publish_as(data, None).await
    }

    async fn publish_as(&mut self, data: &str, id: Option<EventId>) -> Delivery {
        let (mut client, data, spool) = (self.client.take().unwrap(), data.to_owned(), self.spool.clone());
        let task = tokio::task::spawn_blocking(move || {
            let on_failure = OnFailure::Spool(&spool);
            let rules = Rules { ack: Ack::Receipt, on_failure, breaker: Duration::ZERO, more: false };
            let args = PublishArgs { channels: &["orders"], event: "E", data: &data, id, ..PublishArgs::default() };
            let delivery = client.deliver(&args, &rules).unwrap();
            (client, delivery)
        });
        let (client, delivery) = task.await.unwrap();
        self.client = Some(client);
        delivery
    }
}

fn packets(data: impl IntoIterator<Item = u32>) -> Vec<String> {
    data.into_iter().map(|n| format!(r#"42["E","orders",{n}]"#)).collect()
}

fn spool_files(folder: &TempDir) -> usize {
    let entries = fs::read_dir(settings(folder).dir).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".spool")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spooled_is_emitted_once_in_order_and_before_what_comes_directly() {
    let folder = TempDir::new("spool");
    let mut php = Php::new(&folder);
    let sidecar = Sidecar::start(&folder, settings(&folder));
    assert!(matches!(php.publish("0").await, Delivery::Accepted(_)));
    sidecar.stop().await;
    for n in 1..=50 {
        assert_eq!(php.publish(&n.to_string()).await, Delivery::Spooled);
    }
    let sidecar = Sidecar::start(&folder, settings(&folder));
    let (mut n, end) = (50, Instant::now() + PATIENCE);
    // Goes on spooling until the file is drained, and directly from then on.
    loop {
        n += 1;
        assert!(Instant::now() < end, "the spool is never drained: {n} events are in it");
        match php.publish(&n.to_string()).await {
            Delivery::Accepted(_) => break,
            delivery => assert_eq!(delivery, Delivery::Spooled),
        }
    }
    assert_eq!(sidecar.emitted(n as usize).await, packets(1..=n));
    assert_eq!(spool_files(&folder), 0);
    assert_eq!(sidecar.counters.spool_drained.get(), u64::from(n) - 1);
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_spools_faster_than_can_be_emitted_is_caught_up_with() {
    let folder = TempDir::new("spool");
    Sidecar::start(&folder, settings(&folder)).stop().await; // makes the folder
    let mut php = Php::new(&folder);
    let padding = "x".repeat(2000);
    let data = |n: u32| format!(r#"["{n} {padding}"]"#);
    assert_eq!(php.publish(&data(1)).await, Delivery::Spooled);
    let sidecar = Sidecar::start(&folder, settings(&folder));
    for n in 0..1000 {
        sidecar.hub.subscribe(&channel("orders"), StubSocket::new(&format!("slow{n}")));
    }
    let (mut n, end) = (1_u32, Instant::now() + PATIENCE);
    loop {
        n += 1;
        assert!(Instant::now() < end, "the spool is never drained: {n} events are in it");
        if php.publish(&data(n)).await != Delivery::Spooled {
            break;
        }
    }
    let emitted = sidecar.emitted(n as usize).await;
    let whole = |(n, text): (u32, &String)| text.contains(&format!("\"{n} "));
    assert!((1..=n).zip(&emitted).all(whole) && emitted.len() == n as usize);
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_emitted_before_its_receipt_was_lost_is_not_emitted_again() {
    let folder = TempDir::new("spool");
    let id = Some(EventId([9; 16]));
    let sidecar = Sidecar::start(&folder, settings(&folder));
    let mut php = Php::new(&folder);
    assert!(matches!(php.publish_as("1", id).await, Delivery::Accepted(_)));
    sidecar.stop().await;
    // The publisher never heard: it spools the event under its id, and the next sidecar has the ledger.
    let mut other = Php::new(&folder);
    assert_eq!(other.publish_as("1", id).await, Delivery::Spooled);
    assert_eq!(other.publish("2").await, Delivery::Spooled);
    let sidecar = Sidecar::start(&folder, settings(&folder));
    assert_eq!(sidecar.emitted(1).await, packets([2]));
    assert_eq!((sidecar.counters.duplicates.get(), sidecar.counters.spool_drained.get()), (1, 2));
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_its_publisher_is_at_is_left_and_counted_once() {
    let folder = TempDir::new("spool");
    Sidecar::start(&folder, settings(&folder)).stop().await; // makes the folder
    let mut php = Php::new(&folder);
    for n in 1..=2 {
        assert_eq!(php.publish(&n.to_string()).await, Delivery::Spooled);
    }
    let entries = fs::read_dir(settings(&folder).dir).unwrap().flatten();
    let file =
        entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|kind| kind == "spool")).unwrap();
    let held = fs::OpenOptions::new().append(true).open(&file).unwrap();
    held.lock().unwrap();
    let sidecar = Sidecar::start(&folder, settings(&folder));
    assert_eq!(sidecar.emitted(2).await, packets(1..=2));
    // Looks again as often as somebody knocks.
    let end = Instant::now() + Duration::from_millis(500);
    while Instant::now() < end {
        sidecar.gate.knock();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((sidecar.counters.spool_drained.get(), sidecar.counters.duplicates.get()), (2, 0));
    assert_eq!(spool_files(&folder), 1);
    held.unlock().unwrap();
    let more = php.publish("3").await;
    assert_eq!(sidecar.emitted(1).await, packets([3]));
    let drained = if more == Delivery::Spooled { 3 } else { 2 };
    let end = Instant::now() + PATIENCE;
    while spool_files(&folder) > 0 {
        assert!(Instant::now() < end, "the file stays");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((sidecar.counters.spool_drained.get(), sidecar.counters.duplicates.get()), (drained, 0));
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_events_wait_until_the_subscribers_are_back() {
    let folder = TempDir::new("spool");
    let patient = SpoolConfig { settle: Duration::from_secs(3600), ..settings(&folder) };
    let sidecar = Sidecar::start(&folder, patient.clone());
    sidecar.subscribe(&channel("news"));
    let end = Instant::now() + PATIENCE;
    // Two subscriptions have been noted: the counts, at the ledger's end, are written as often as the folder is looked at.
    let noted = || {
        let bytes = fs::read(ledger(&folder)).unwrap();
        let words = bytes[bytes.len() - 8 * BUCKETS..].chunks(8);
        words.map(|word| u64::from_ne_bytes(word.try_into().unwrap())).sum::<u64>()
    };
    while noted() != 2 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sidecar.stop().await;
    let sidecar = Sidecar::start(&folder, patient);
    let mut php = Php::new(&folder);
    assert_eq!(php.publish("1").await, Delivery::Spooled);
    assert!(sidecar.gate.is_shut());
    assert_eq!(sidecar.counters.spool_deferred.get(), 1);
    assert!(sidecar.subscriber.texts().is_empty());
    sidecar.subscribe(&channel("news"));
    assert_eq!(sidecar.emitted(1).await, packets([1]));
    assert!(!sidecar.gate.is_shut());
    sidecar.stop().await;
}

fn ledger(folder: &TempDir) -> std::path::PathBuf {
    let entries = fs::read_dir(settings(folder).dir).unwrap().flatten();
    entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "ledger")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_dropped_and_counted() {
    let folder = TempDir::new("spool");
    let brief = SpoolConfig { ttl: Duration::from_millis(1), ..settings(&folder) };
    Sidecar::start(&folder, brief.clone()).stop().await;
    let mut php = Php::new(&folder);
    assert_eq!(php.publish("1").await, Delivery::Spooled);
    tokio::time::sleep(Duration::from_millis(20)).await; // the event's age is what is tested
    let sidecar = Sidecar::start(&folder, brief);
    let end = Instant::now() + PATIENCE;
    while sidecar.counters.spool_expired.get() == 0 || spool_files(&folder) > 0 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(sidecar.subscriber.texts().is_empty());
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_no_publisher_made_are_removed_and_others_left_alone() {
    let folder = TempDir::new("spool");
    Sidecar::start(&folder, settings(&folder)).stop().await;
    let (dir, socket) = (settings(&folder).dir, socket_number(&unix(&folder).path));
    let name = |publisher: u32| format!("{socket:016x}-1-{publisher:016x}-0.spool");
    let precious = folder.path().join("precious");
    fs::write(&precious, "RESPOOL1").unwrap();
    symlink(&precious, dir.join(name(1))).unwrap();
    fs::hard_link(&precious, dir.join(name(2))).unwrap();
    fs::create_dir(dir.join(name(3))).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join(name(4)),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fs::write(dir.join(name(5)), "garbage that is no spool file at all").unwrap();
    fs::write(dir.join(name(6)), [&b"RESPOOL1"[..], &[0xff; 64]].concat()).unwrap();
    fs::write(dir.join("0000000000000001-1-0000000000000001-0.spool"), "another socket's").unwrap();
    fs::write(dir.join("notes.txt"), "an admin's").unwrap();
    let sidecar = Sidecar::start(&folder, settings(&folder));
    let end = Instant::now() + PATIENCE;
    while spool_files(&folder) > 1 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "RESPOOL1");
    assert!(dir.join("notes.txt").exists());
    assert_eq!((sidecar.counters.spool_foreign.get(), sidecar.counters.spool_torn.get()), (4, 2));
    sidecar.stop().await;
}

#[tokio::test]
async fn the_folder_is_made_for_those_who_may_open_the_socket() {
    let folder = TempDir::new("spool");
    let (counters, hub) = (Arc::<Counters>::default(), Arc::<Hub>::default());
    let publisher = Arc::new(Publisher::new(hub, Limits::default(), counters.clone(), DevLog::new(false)));
    let open = |dir: &Path| {
        let settings = SpoolConfig { dir: dir.into(), ..settings(&folder) };
        SpoolSource::open(settings, &unix(&folder), publisher.clone(), counters.clone())
    };
    let dir = folder.path().join("new");
    let first = open(&dir).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7777, 0o3770);
    assert!(open(&dir).err().unwrap().to_string().contains("another sidecar"));
    drop(first);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(open(&dir).err().unwrap().to_string().contains("sticky bit"));
    let link = folder.path().join("link");
    symlink(&dir, &link).unwrap();
    assert!(open(&link).err().unwrap().to_string().contains("symbolic link"));
    assert!(open(&folder.path().join("a/b")).is_err());
}
