//! Real Redis servers of a test's own, on free ports, ended with the test.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Client, Commands as _, FromRedisValue};

/// How long anything may take that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Whether tests can run; says why not, and fails in CI.
pub(crate) fn available() -> bool {
    match Command::new("redis-server").arg("--version").stdout(Stdio::null()).status() {
        Ok(_) => true,
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("redis-server is needed: {error}"),
        Err(error) => {
            println!("skipped: redis-server: {error}");
            false
        }
    }
}

/// A port that was free a moment ago. Not of the range the system hands out by itself, where it might go to a client.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_000..30_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Looks until `found`, failing with `what` when it takes too long.
pub(crate) async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A running `redis-server`, or sentinel.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    arguments: Vec<String>,
}

impl Server {
    /// A server that keeps nothing on disk; `arguments` as on its command line.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut server = Self { child: spawn(folder.path(), port, &arguments), folder, port, arguments };
        server.answers().await;
        server
    }

    /// A sentinel that watches `master` and replaces it after half a second.
    pub(crate) async fn sentinel(master: &Self) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor group 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds group 500\nsentinel failover-timeout group 2000\n",
            master.port
        );
        std::fs::write(&file, text).unwrap();
        let child = run(Command::new("redis-server").arg(&file).arg("--sentinel"), folder.path());
        let mut server = Self { child, folder, port, arguments: Vec::new() };
        server.answers().await;
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A file in the server's own folder, which exists before the server starts.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client without a password.
    pub(crate) fn client(&self) -> Client {
        Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Sends one command, without a password.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        self.try_ask(command).unwrap()
    }

    /// The same of a server that may just be closing its connections.
    pub(crate) fn try_ask<T: FromRedisValue>(&self, command: &str) -> redis::RedisResult<T> {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = asked.arg(word));
        asked.query(&mut self.client().get_connection()?)
    }

    /// The text at a key.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.client().get_connection().unwrap().get(key).unwrap()
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew on the same port, with nothing in it.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), self.port, &self.arguments);
        self.answers().await;
    }

    /// Makes it stand still with its connections open, or go on.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    async fn answers(&mut self) {
        let (port, log) = (self.port, self.folder.path().join("log"));
        until("the server answers", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("redis-server: {status}: {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", std::fs::read_to_string(self.file("log")).unwrap_or_default());
        }
    }
}

fn spawn(folder: &Path, port: u16, arguments: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]).arg(folder);
    if !arguments.iter().any(|argument| argument == "--tls-port") {
        command.args(["--port", &port.to_string()]);
    }
    let own: Vec<String> = arguments
        .iter()
        .map(|argument| {
            argument.replace("{folder}", &folder.display().to_string()).replace("{port}", &port.to_string())
        })
        .collect();
    run(command.args(own), folder)
}

fn run(command: &mut Command, folder: &Path) -> Child {
    let mut log = std::fs::File::create(folder.join("log")).unwrap();
    writeln!(log, "{command:?}").unwrap();
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}
