//! The built `rustecho` command, as scripts and people use it.
//!
//! Every test has a folder of its own, its Unix socket in it, and no variable of ours in its environment.

// Clippy lets tests unwrap, but not the functions they share.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
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

/// What systemd hears of a service of `Type=notify`, one message after the other.
struct Systemd(UnixDatagram);

impl Systemd {
    fn new(folder: &Path) -> Self {
        let socket = UnixDatagram::bind(folder.join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn hears(&self) -> Vec<String> {
        let mut message = [0; 512];
        let length = self.0.recv(&mut message).unwrap();
        text(&message[..length]).lines().map(ToOwned::to_owned).collect()
    }
}

#[test]
fn systemd_hears_when_it_serves_and_when_it_stops_and_is_not_kept_waiting_by_redis() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, redis) = (nobody.local_addr().unwrap().port(), TcpListener::bind("127.0.0.1:0").unwrap());
    drop(nobody);
    let away = redis.local_addr().unwrap().port();
    drop(redis);
    let settings = json!({
        "port": port, "subscribers": {"http": false, "redis": true}, "databaseConfig": {"redis": {"host": "127.0.0.1", "port": away}}
    });
    let folder = folder("rustecho.json", &settings);
    let systemd = Systemd::new(folder.path());
    let mut starting = command(folder.path(), &["start"]);
    starting.env("NOTIFY_SOCKET", folder.path().join("notify")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = starting.spawn().unwrap();
    let ready = systemd.hears();
    assert!(ready[0] == "READY=1" && ready[1].contains("Redis has not answered"), "{ready:?}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::HUP).unwrap();
    let reloading = systemd.hears();
    assert!(reloading[0] == "RELOADING=1" && reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(systemd.hears(), ["READY=1"]);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(systemd.hears()[0], "STOPPING=1");
    assert_eq!(child.wait().unwrap().code(), Some(0));
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
fn clients_that_are_added_at_one_time_are_all_there() {
    let folder = folder("rustecho.json", &json!({}));
    std::thread::scope(|scope| {
        for number in 0..16 {
            let path = folder.path();
            scope.spawn(move || {
                let done = run(path, &["client:add", &format!("app-{number}")]);
                assert_eq!(done.status.code(), Some(0), "{done:?}");
            });
        }
    });
    let file: Value = serde_json::from_slice(&std::fs::read(folder.path().join("rustecho.json")).unwrap()).unwrap();
    assert_eq!(file["clients"].as_array().map(Vec::len), Some(16), "{file}");
}

#[test]
fn every_command_that_prints_a_result_prints_it_as_json_when_asked() {
    let folder = folder("laravel-echo-server.json", &json!({}));
    let json = |arguments: &[&str]| {
        let done = run(folder.path(), arguments);
        let said = serde_json::from_slice::<Value>(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
        (done.status.code(), said)
    };
    let (status, added) = json(&["client:add", "app", "--json"]);
    assert_eq!((status, &added["result"], &added["appId"]), (Some(0), &json!("added"), &json!("app")));
    assert_eq!(added["key"].as_str().map(str::len), Some(32));
    assert_eq!(json(&["client:add", "app", "--json"]).1["result"], "updated");
    assert_eq!(json(&["client:remove", "app", "--json"]), (Some(0), json!({"result": "removed", "appId": "app"})));
    let (status, gone) = json(&["client:remove", "app", "--json"]);
    assert!(status == Some(1) && gone["error"].as_str().unwrap().contains("there is no client app"), "{gone}");
    assert_eq!(json(&["stop", "--json"]), (Some(1), json!({"error": "Could not find any lock file."})));

    let mut child = command(folder.path(), &["start", "--json"]).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let mut server = Server { child, out, said: line };
    let ready: Value = serde_json::from_str(&server.said).unwrap();
    assert_eq!((&ready["ready"], &ready["process"]), (&json!(true), &json!(server.child.id())));
    assert!(TcpStream::connect(ready["address"].as_str().unwrap()).is_ok(), "{ready}");
    assert_eq!(ready["unix"], json!(folder.path().join("r.sock")));
    let (status, second) = json(&["start", "--json"]);
    assert!(status == Some(1) && second["error"].as_str().unwrap().contains("already a server running"), "{second}");
    let stopped = json!({"stopped": true, "process": server.child.id(), "ended": true});
    assert_eq!(json(&["stop", "--json"]), (Some(0), stopped));
    assert_eq!(server.end(), Some(0));
    let mut rest = String::new();
    server.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing but the one object");

    let (status, made) = json(&["init", "--yes", "--client", "--json"]);
    assert_eq!((status, &made["file"]), (Some(0), &json!(folder.path().join("rustecho.json"))));
    assert!(made["client"]["key"].is_string(), "{made}");
    let (status, kept) = json(&["init", "--yes", "--json"]);
    assert!(status == Some(1) && kept["error"].as_str().unwrap().contains("--force"), "{kept}");
    assert_eq!(run(folder.path(), &["init", "--json"]).status.code(), Some(64), "questions are no JSON");
    let (status, wrong) = json(&["start", "--config=none.json", "--json"]);
    assert!(status == Some(64) && wrong["error"].as_str().unwrap().contains("none.json"), "{wrong}");
}

#[test]
fn a_sidecar_that_artisan_started_is_found_from_the_applications_folder() {
    let app = folder("none.json", &json!({}));
    let generated = app.path().join("storage/framework/rustecho.json");
    fs::create_dir_all(generated.parent().unwrap()).unwrap();
    fs::rename(app.path().join("none.json"), &generated).unwrap();
    let status = || text(&run(app.path(), &["status"]).stderr);
    assert!(status().contains("config file not found") && status().contains("--config=FILE"), "{}", status());
    let mut server = Server::start(app.path(), &["start", "--config=storage/framework/rustecho.json"]);
    let looked = run(app.path(), &["publish", "news", "E", "--json"]);
    assert_eq!(looked.status.code(), Some(0), "{looked:?}");
    server.signal(Signal::TERM);
    server.end();
    assert!(status().contains("config file not found"), "{}", status());
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
        assert!(said.contains("rustecho.json:1: port is 99999; expected a port from 1 to 65535"), "{said}");
        assert!(said.contains("rustecho.json:1: graceMs is \"long\"; expected a whole number"), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_a_configuration_means_and_what_is_wrong_with_it_for_programs() {
    let check = |settings: Value| {
        let folder = folder("rustecho.json", &settings);
        let checked = run(folder.path(), &["check-config", "--json"]);
        (checked.status.code(), serde_json::from_slice::<Value>(&checked.stdout).unwrap())
    };
    let (status, good) = check(json!({"port": 7001, "nonsense": 1}));
    assert_eq!(
        (status, &good["usable"], &good["means"]["servesOn"]),
        (Some(0), &json!(true), &json!("http, 127.0.0.1 port 7001"))
    );
    assert_eq!(good["means"]["apiClients"], "none");
    assert_eq!(good["means"]["adminListener"], "http://127.0.0.1:6002");
    assert!(good["warnings"][0].as_str().unwrap().contains("nonsense"), "{good}");
    let (status, bad) = check(json!({"port": 99_999, "graceMs": "long"}));
    assert_eq!((status, &bad["usable"], bad["problems"].as_array().unwrap().len()), (Some(64), &json!(false), 2));
}

/// Answers everybody as Laravel answers a visitor without a session.
fn laravel() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}

#[test]
fn doctor_names_tail_only_with_what_it_needs() {
    for (name, settings) in [("rustecho.json", json!({"admin": false})), ("laravel-echo-server.json", json!({}))] {
        let folder = folder(name, &settings);
        let file = folder.path().join(name);
        let mut whole: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        whole["authHost"] = laravel().into();
        whole["unixSocket"] = false.into();
        fs::write(&file, whole.to_string()).unwrap();
        let looked = run(folder.path(), &["doctor"]);
        let said = text(&looked.stdout);
        assert!(looked.status.code() == Some(1) && said.contains("nor does anybody serve port"), "{said}");

        let _server = Server::start(folder.path(), &["start"]);
        let looked = run(folder.path(), &["doctor"]);
        let said = text(&looked.stdout);
        let last = said.trim_end().lines().last().unwrap();
        assert!(looked.status.success() && last.starts_with("Nothing is broken;"), "{said}");
        assert!(
            last.contains("`rustecho tail`") && last.contains("not yet: ") && last.contains(r#""admin": 6002"#),
            "{said}"
        );
    }
}

#[test]
fn where_the_admin_listener_is_or_that_it_is_off() {
    let listener = |name: &str, settings: Value| {
        let folder = folder(name, &settings);
        let said = text(&run(folder.path(), &["check-config"]).stdout);
        said.lines().find(|line| line.starts_with("Admin listener")).unwrap_or_default().to_owned()
    };
    let keyed = json!({"admin": {"host": "::", "port": 7002, "key": "a-key-that-is-long-enough"}});
    assert_eq!(listener("rustecho.json", keyed), "Admin listener    http://[::]:7002, with admin.key");
    for (name, settings) in [("rustecho.json", json!({"admin": false})), ("laravel-echo-server.json", json!({}))] {
        assert_eq!(listener(name, settings), r#"Admin listener    off; "admin": 6002 turns it on"#);
    }
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
fn a_port_whose_holder_is_just_going_is_waited_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder("rustecho.json", &json!({"port": taken.local_addr().unwrap().port()}));
    let goes = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        drop(taken);
    });
    Server::start(folder.path(), &["start"]);
    goes.join().unwrap();
}

#[test]
fn a_taken_port_is_said_and_leaves_no_lock() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder("rustecho.json", &json!({"port": taken.local_addr().unwrap().port()}));
    let refused = run(folder.path(), &["start"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("in use") && said.contains("ss -ltnp"), "{refused:?}");
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
    let version: Value = serde_json::from_slice(&run(here, &["version", "--json"]).stdout).unwrap();
    assert_eq!(version, json!({"name": "rustecho", "version": env!("CARGO_PKG_VERSION")}));
    let nothing = run(here, &[]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("Please provide a valid command."));
    assert_eq!(run(here, &["nonsense"]).status.code(), Some(64));
    assert_eq!(run(here, &["start", "--prot=1"]).status.code(), Some(64));
    assert_eq!(run(here, &["start", "--help"]).status.code(), Some(0));
}
