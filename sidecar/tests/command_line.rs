//! The built `rustecho` command, as scripts and people use it.
//!
//! Every test has a folder of its own, its Unix socket in it, and no variable of ours in its environment.

// Clippy lets tests unwrap, but not the functions they share.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rustecho"));
    let ours = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("RUSTECHO_") || name.starts_with("LARAVEL_ECHO_SERVER_")
    });
    for (name, _) in ours {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a configuration that nothing outside of it touches.
fn folder(name: &str, extra: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut file = json!({
        "host": "127.0.0.1", "port": 0, "unixSocket": folder.path().join("r.sock"),
        "database": "memory", "subscribers": {"http": true, "redis": false}
    });
    file.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    fs::write(folder.path().join(name), file.to_string()).unwrap();
    folder
}

/// A server in the foreground; killed if a test ends early.
struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    said: String,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(&mut command(folder, arguments))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, out, said: String::new() };
        while !server.said.contains("Server ready!") {
            assert!(server.out.read_line(&mut server.said).unwrap() > 0, "the server ended: {}", server.said);
        }
        server
    }

    fn port(&self) -> u16 {
        let line = self.said.lines().find(|line| line.contains("Running at")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit status, within the time a stop may take.
    fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_signal_that_stops_leaves_no_lock() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let folder = folder("laravel-echo-server.json", &json!({}));
        let mut server = Server::start(folder.path(), &["start"]);
        let lock = folder.path().join("laravel-echo-server.lock");
        let want = format!("{{\n\t\"process\": {}\n}}", server.child.id());
        assert_eq!(fs::read_to_string(&lock).unwrap(), want);
        server.signal(signal);
        assert_eq!(server.end(), Some(0), "{signal:?}");
        assert!(!lock.exists(), "{signal:?}");
    }
}

#[test]
fn the_start_is_told_in_the_old_words() {
    let folder = folder("laravel-echo-server.json", &json!({"devMode": true}));
    let mut server = Server::start(folder.path(), &["start"]);
    let port = server.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    server.signal(Signal::TERM);
    server.end();
    let want = format!(
        "\nL A R A V E L  E C H O  S E R V E R\n\nversion {}\n\n⚠ Starting server in DEV mode...\n\n\
         ✔  Running at 127.0.0.1 on port {port}\n✔  Channels are ready.\n✔  Listening for http events...\n\nServer ready!\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.said, want);
    let mut rest = String::new();
    server.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "\n");
}

#[test]
fn a_second_server_is_refused_or_takes_the_place() {
    let folder = folder("rustecho.json", &json!({}));
    let mut first = Server::start(folder.path(), &["start"]);
    let refused = run(folder.path(), &["start"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("already a server running"), "{refused:?}");
    let mut second = Server::start(folder.path(), &["start", "--force"]);
    assert!(second.said.contains(&format!("Warning: Closing process {} because", first.child.id())), "{}", second.said);
    assert_eq!(first.end(), Some(0));
    let stopped = run(folder.path(), &["stop"]);
    assert_eq!((stopped.status.code(), text(&stopped.stdout).as_str()), (Some(0), "Closed the running server.\n"));
    assert_eq!(second.end(), Some(0));
    let again = run(folder.path(), &["stop"]);
    assert_eq!(
        (again.status.code(), text(&again.stderr).as_str()),
        (Some(1), "Error: Could not find any lock file.\n")
    );
}

#[test]
fn a_lock_of_a_killed_server_holds_nobody_up() {
    let folder = folder("rustecho.json", &json!({}));
    let mut first = Server::start(folder.path(), &["start"]);
    first.signal(Signal::KILL);
    first.end();
    assert!(folder.path().join("rustecho.lock").exists());
    let server = Server::start(folder.path(), &["start"]);
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_ok());
}

#[test]
fn a_wrong_setting_ends_with_64_before_anything_is_opened() {
    let folder = folder("rustecho.json", &json!({"port": 99_999, "graceMs": "long"}));
    for arguments in [["start"].as_slice(), &["check-config"]] {
        let refused = run(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(64), "{refused:?}");
        let said = text(&refused.stderr);
        assert!(said.contains("rustecho.json: port is 99999; expected a port from 1 to 65535"), "{said}");
        assert!(said.contains("rustecho.json: graceMs is \"long\"; expected a whole number"), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_broken_file_is_told_with_its_place_and_to_old_scripts_in_the_old_words() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("laravel-echo-server.json");
    fs::write(&old, "{\n  nope").unwrap();
    let start = run(folder.path(), &["start"]);
    assert_eq!(start.status.code(), Some(0));
    assert_eq!(text(&start.stdout), "Error: There was a problem reading the config file.\n");
    let check = run(folder.path(), &["check-config"]);
    assert_eq!(check.status.code(), Some(64));
    assert!(text(&check.stderr).contains("laravel-echo-server.json:2:3: not valid JSON: expected a key"), "{check:?}");
    fs::rename(old, folder.path().join("my.json")).unwrap();
    let named = run(folder.path(), &["start", "--config=my.json"]);
    assert_eq!(named.status.code(), Some(64));
}

#[test]
fn without_a_file_the_old_answer_or_a_server_by_environment() {
    let folder = tempfile::tempdir().unwrap();
    let missing = run(folder.path(), &["start"]);
    assert_eq!(missing.status.code(), Some(0));
    assert_eq!(text(&missing.stdout), "Error: The config file could not be found.\n");
    assert_eq!(text(&missing.stderr), "");
    let mut command = command(folder.path(), &["start"]);
    let server = Server::of(command.env("RUSTECHO_PORT", "0").env("RUSTECHO_UNIX_SOCKET", "r.sock"));
    assert!(folder.path().join("r.sock").exists() && folder.path().join("rustecho.lock").exists(), "{}", server.said);
}

#[test]
fn a_taken_port_is_said_and_leaves_no_lock() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder("rustecho.json", &json!({"port": taken.local_addr().unwrap().port()}));
    let refused = run(folder.path(), &["start"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("in use"), "{refused:?}");
    assert!(!folder.path().join("rustecho.lock").exists());
}

#[test]
fn init_answers_from_a_pipe_make_a_configuration_that_is_usable() {
    let folder = tempfile::tempdir().unwrap();
    let mut init = command(folder.path(), &["init"]).stdin(Stdio::piped()).spawn().unwrap();
    init.stdin.take().unwrap().write_all(b"\n7001\nredis\nhttp://app.test\n\ny\n\n\n").unwrap();
    let done = init.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(text(&done.stdout).ends_with("Configuration file saved. Run rustecho start to run server.\n"));
    let check = run(folder.path(), &["check-config"]);
    let said = text(&check.stdout);
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    assert!(said.contains("port 7001") && said.contains("http://app.test") && said.contains("in redis"), "{said}");
    let again = run(folder.path(), &["init", "--yes"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("--force"), "{again:?}");
}

#[test]
fn versions_and_wrong_words() {
    let here = Path::new("/");
    assert_eq!(text(&run(here, &["--version"]).stdout).trim(), env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&run(here, &["version"]).stdout).trim(), concat!("rustecho ", env!("CARGO_PKG_VERSION")));
    let nothing = run(here, &[]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("Please provide a valid command."));
    assert_eq!(run(here, &["nonsense"]).status.code(), Some(64));
    assert_eq!(run(here, &["start", "--prot=1"]).status.code(), Some(64));
    assert_eq!(run(here, &["start", "--help"]).status.code(), Some(0));
}
