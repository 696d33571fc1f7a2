//! `protocol: https` on a real port: the HTTP API, polling and websockets, and a certificate that is read anew meanwhile.

// The helpers are tests as well: where they cannot go on, the test has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustecho_sidecar::{
    config::{Config, Flavour, Loaded, TlsConfig, Written},
    reload::Reloader,
    server::Bound,
};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(10);

struct Bench {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    connector: TlsConnector,
    port: u16,
    reloader: Reloader,
    config: Config,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Bench {
    async fn start(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let issuer = Issuer::new(params, key);
        write(folder.path(), &issuer, name);

        let file = |name| folder.path().join(name);
        let tls = TlsConfig { cert: file("cert.pem"), key: file("key.pem"), chain: None, passphrase: None };
        let config = Config {
            tls: Some(tls),
            host: Some("127.0.0.1".into()),
            port: 0,
            unix_socket: None,
            grace: Duration::from_secs(1),
            ..Config::default()
        };
        let bound = Bound::open(config.clone()).await.unwrap();
        let (port, reloader) = (bound.address().unwrap().port(), bound.reloader());
        let (stop, stopping) = oneshot::channel();
        let running = tokio::spawn(async move {
            let shutdown = async { _ = stopping.await };
            bound.run(shutdown, || {}).await;
        });
        let connector = TlsConnector::from(Arc::new(client));
        Self { folder, issuer, connector, port, reloader, config, stop, running }
    }

    async fn connect(&self, name: &'static str) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let stream = self.connector.connect(ServerName::try_from(name).unwrap(), stream).await?;
        Ok(Connection { stream, read: Vec::new() })
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }
}

fn write(folder: &Path, issuer: &Issuer<'static, KeyPair>, name: &str) {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

struct Connection {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

impl Connection {
    async fn get(&mut self, path: &str, headers: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: echo.test\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads on until `text` has come; everything up to it.
    async fn until(&mut self, text: &str) -> String {
        let found = async {
            loop {
                let so_far = String::from_utf8_lossy(&self.read).into_owned();
                if let Some(at) = so_far.find(text) {
                    self.read.clear();
                    return so_far[..at + text.len()].to_owned();
                }
                assert_ne!(self.stream.read_buf(&mut self.read).await.unwrap(), 0, "ended after {so_far}");
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited in vain for {text}"))
    }
}

#[tokio::test]
async fn api_polling_and_websockets_are_served_on_the_one_port() {
    let bench = Bench::start("echo.test").await;
    let mut connection = bench.connect("echo.test").await.unwrap();
    connection.get("/", "").await;
    assert!(connection.until("\r\n\r\nOK").await.starts_with("HTTP/1.1 200"));
    connection.get("/socket.io/?EIO=3&transport=polling", "").await;
    connection.until("\"pingInterval\":25000").await;

    let mut websocket = bench.connect("echo.test").await.unwrap();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    websocket.get("/socket.io/?EIO=3&transport=websocket", upgrade).await;
    assert!(websocket.until("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").await.starts_with("HTTP/1.1 101"));
    websocket.until("\"upgrades\":[]").await;
    bench.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_open_connections_and_gives_new_ones_the_new_certificate() {
    let bench = Bench::start("old.test").await;
    let mut before = bench.connect("old.test").await.unwrap();
    before.get("/", "").await;
    before.until("\r\n\r\nOK").await;
    write(bench.folder.path(), &bench.issuer, "new.test");
    let read = |tls: &TlsConfig| Loaded {
        config: Config { tls: Some(tls.clone()), ..bench.config.clone() },
        file: None,
        flavour: Flavour::Ours,
        warnings: Vec::new(),
        lock: "none".into(),
        written: Written::default(),
    };
    let tls = bench.config.tls.as_ref().unwrap();
    bench.reloader.apply(&read(tls), &mut Written::default()).unwrap();
    before.get("/", "").await;
    before.until("\r\n\r\nOK").await;
    assert!(bench.connect("old.test").await.is_err());
    let mut after = bench.connect("new.test").await.unwrap();
    after.get("/", "").await;
    after.until("\r\n\r\nOK").await;

    let nowhere = TlsConfig { cert: "/nowhere.pem".into(), ..tls.clone() };
    let error = bench.reloader.apply(&read(&nowhere), &mut Written::default()).unwrap_err();
    assert!(error.to_string().contains("sslCertPath: cannot read /nowhere.pem"), "{error}");
    assert!(bench.connect("new.test").await.is_ok(), "what cannot be used changes nothing");
    bench.stop().await;
}
