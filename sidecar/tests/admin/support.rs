//! A sidecar on free ports, and requests to it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use rustecho_sidecar::{
    config::{AdminConfig, ApiClient, Config, LogFormat, SpoolConfig, UnixSocketConfig},
    server::Bound,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

pub(crate) const KEY: &str = "the-key-of-the-tests";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Sidecar {
    pub(crate) admin: SocketAddr,
    pub(crate) public: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    run: JoinHandle<()>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Sidecar {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("r.sock");
        let spool = SpoolConfig { dir: folder.path().join("spool"), ..SpoolConfig::beside(&socket) };
        let admin = AdminConfig { port: 0, required: true, ..AdminConfig::default() };
        let mut config = Config {
            host: Some("127.0.0.1".into()),
            port: 0,
            admin: Some(admin),
            log_format: LogFormat::Text,
            clients: vec![ApiClient { app_id: "a".into(), key: "k".into(), secret: None }],
            unix_socket: Some(UnixSocketConfig { path: socket.clone(), ..UnixSocketConfig::default() }),
            spool: Some(spool),
            ..Config::default()
        };
        change(&mut config);
        let bound = Bound::open(config).await.unwrap();
        let (admin, public) = (bound.admin_address().unwrap(), bound.address().unwrap());
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(async move {
            let shutdown = async { _ = stopped.await };
            bound.run(shutdown, || {}).await;
        });
        Self { admin, public, socket, folder, stop: Some(stop), run }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop_and_keep().await);
    }

    /// Stops it, and keeps its folder.
    pub(crate) async fn stop_and_keep(mut self) -> tempfile::TempDir {
        _ = self.stop.take().unwrap().send(());
        tokio::time::timeout(PATIENCE, self.run).await.expect("the sidecar stops").unwrap();
        self.folder
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(self.admin, "GET", path, &[], "").await
    }

    /// An event by the HTTP API; how many sockets there are makes no difference to the answer.
    pub(crate) async fn publish(&self, channel: &str, event: &str) {
        let body = format!(r#"{{"channel":"{channel}","name":"{event}","data":{{"n":1}}}}"#);
        let answer = ask(self.public, "POST", "/apps/a/events?auth_key=k", &[], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

pub(crate) async fn ask(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let host = if headers.iter().any(|(name, _)| *name == "host") { String::new() } else { format!("host: {to}\r\n") };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}connection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut whole = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut whole)).await.expect("an answer").unwrap();
    let whole = String::from_utf8(whole).unwrap();
    let (head, body) = whole.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head[9..12].parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// Waits for a condition.
pub(crate) async fn until<F: AsyncFnMut() -> bool>(what: &str, mut condition: F) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
