//! The socket file, and publishers of every temper.

use std::{fs, io::Read, io::Write, os::unix::fs::PermissionsExt, os::unix::net::UnixStream};

use rustecho_wire::client::{Ack, Client, PublishArgs};

use super::*;
use crate::{
    config::Limits,
    devlog::DevLog,
    hub::Hub,
    testing::{StubSocket, TempDir, channel},
};

/// A running source with one subscriber of `orders`.
struct Running {
    folder: TempDir,
    subscriber: Arc<StubSocket>,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start() -> Self {
        let folder = TempDir::new("unix");
        let counters = Arc::new(Counters::default());
        let hub = Arc::new(Hub::new(counters.clone()));
        let subscriber = StubSocket::new("a");
        hub.subscribe(&channel("orders"), subscriber.clone());
        let publisher = Arc::new(Publisher::new(hub, Limits::default(), counters.clone(), DevLog::new(false)));
        let (stop, stopping) = watch::channel(false);
        let source = UnixSource::bind(settings(&folder), 8, Replace::DeadOnly).and_then(UnixSource::appear).unwrap();
        let task = tokio::spawn(source.run(
            publisher,
            Arc::new(Refusals::new(counters.clone())),
            counters.clone(),
            Arc::default(),
            stopping,
        ));
        Self { folder, subscriber, counters, stop, task }
    }

    async fn client<R: Send + 'static>(&self, talk: impl FnOnce(Client) -> R + Send + 'static) -> R {
        let client = Client::new(settings(&self.folder).path, "test", Duration::from_secs(2));
        tokio::task::spawn_blocking(move || talk(client)).await.unwrap()
    }
}

fn settings(folder: &TempDir) -> UnixSocketConfig {
    UnixSocketConfig { path: folder.path().join("r.sock"), ..UnixSocketConfig::default() }
}

fn event<'a>(channels: &'a [&'a str], data: &'a str) -> PublishArgs<'a> {
    PublishArgs { channels, event: "E", data, ..PublishArgs::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_means_the_event_was_handed_to_the_subscribers() {
    let running = Running::start();
    let receipt = running.client(|mut client| client.publish(&event(&["orders"], "{\"n\":1}"), Ack::Receipt)).await;
    assert_eq!(receipt.unwrap().unwrap().subscribers, 1);
    assert_eq!(running.subscriber.texts(), [r#"42["E","orders",{"n":1}]"#]);
    running.stop.send_replace(true);
    running.task.await.unwrap();
    assert!(!settings(&running.folder).path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why_and_the_connection_goes_on() {
    let running = Running::start();
    let (refused, accepted) = running
        .client(|mut client| {
            let refused = client.publish(&event(&["orders"], "{nope"), Ack::Receipt).unwrap_err().to_string();
            (refused, client.publish(&event(&["orders"], "1"), Ack::Receipt).is_ok())
        })
        .await;
    assert!(refused.contains("not valid JSON"), "{refused}");
    assert!(accepted);
    assert_eq!(running.counters.refused_unix.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_own_connection_and_nothing_else() {
    let running = Running::start();
    let path = settings(&running.folder).path;
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert_eq!(&answer[..4], b"RE\x01\x05", "a refusal, then the end");
    assert_eq!(running.counters.bad_frames.get(), 1);
    assert!(running.client(|mut client| client.publish(&event(&["orders"], "1"), Ack::Receipt)).await.is_ok());
}

/// How much memory that was lent, if any, this process has open.
fn lent_memory() -> usize {
    let files = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    files.filter(|file| file.to_string_lossy().starts_with("/memfd:rustecho")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_without_a_receipt_arrive_in_order_by_lent_memory() {
    const EVENTS: usize = 300;
    let running = Running::start();
    let lent = running
        .client(|mut client| {
            for number in 0..EVENTS {
                // Some are too small for it, and some too large.
                let len = [30_000, 65_000, 100, 9_000, 70_000][number % 5];
                let data = format!("[{number},\"{}\"]", "ü".repeat(len / 2));
                client.publish(&event(&["orders"], &data), Ack::None).unwrap();
            }
            client.publish(&event(&["orders"], "\"last\""), Ack::Receipt).unwrap().unwrap();
            lent_memory()
        })
        .await;
    assert_eq!(lent, 1);
    let texts = running.subscriber.texts();
    assert_eq!(texts.len(), EVENTS + 1);
    for (number, text) in texts[..EVENTS].iter().enumerate() {
        let start = format!("42[\"E\",\"orders\",[{number},\"ü");
        assert!(text.starts_with(&start) && text.ends_with("ü\"]]"), "{number}: {}", &text[..60]);
    }
    running.stop.send_replace(true);
    running.task.await.unwrap();
    assert_eq!(lent_memory(), 0, "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_in_memory_that_was_not_lent_ends_its_own_connection() {
    let running = Running::start();
    let path = settings(&running.folder).path;
    let answer = tokio::task::spawn_blocking(move || {
        let lent = Some(Lent { slot: 0, len: 10 });
        let event = rustecho_wire::Publish { channels: vec!["orders"], event: "E", lent, ..Default::default() };
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(&event.to_frame().unwrap()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap();
    assert!(answer.contains("no place in memory that this publisher lent"), "{answer}");
    assert!(running.subscriber.texts().is_empty());
    assert!(running.client(|mut client| client.publish(&event(&["orders"], "1"), Ack::Receipt)).await.is_ok());
}

#[tokio::test]
async fn a_file_left_behind_is_replaced_and_a_live_socket_is_not() {
    let folder = TempDir::new("unix");
    let settings = UnixSocketConfig { mode: 0o600, ..settings(&folder) };
    drop(std::os::unix::net::UnixListener::bind(&settings.path).unwrap());
    let live = UnixSource::bind(settings.clone(), 8, Replace::DeadOnly).and_then(UnixSource::appear).unwrap();
    assert_eq!(fs::metadata(&settings.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(UnixSource::bind(settings.clone(), 8, Replace::DeadOnly), Err(BindError::InUse(_))));
    drop(live);
    let _ = fs::remove_file(&settings.path);
    fs::write(&settings.path, "precious").unwrap();
    assert!(matches!(UnixSource::bind(settings.clone(), 8, Replace::DeadOnly), Err(BindError::NotASocket(_))));
    assert_eq!(fs::read_to_string(&settings.path).unwrap(), "precious");
}

#[tokio::test]
async fn a_link_where_the_socket_should_be_is_not_followed() {
    let folder = TempDir::new("unix");
    let settings = settings(&folder);
    let target = folder.path().join("elsewhere");
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, &settings.path).unwrap();
    assert!(matches!(UnixSource::bind(settings, 8, Replace::DeadOnly), Err(BindError::NotASocket(_))));
    assert!(target.exists());
}
