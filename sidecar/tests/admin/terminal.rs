//! The verbs that ask a running sidecar.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rustecho_sidecar::config::{ClusterConfig, RedisConfig, RedisNodes};
use serde_json::{Value, json};

use crate::{
    support::{KEY, Sidecar, until},
    why::Visitor,
};

/// A command that stays.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// The command with a configuration file for this sidecar.
fn command(sidecar: &Sidecar, words: &[&str]) -> Command {
    let config = json!({
        "admin": {"host": "127.0.0.1", "port": sidecar.admin.port(), "key": KEY},
        "unixSocket": {"path": sidecar.socket},
        "authHost": "http://127.0.0.1:9",
    });
    std::fs::write(sidecar.folder.path().join("rustecho.json"), config.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rustecho"));
    command.args(words).arg("--dir").arg(sidecar.folder.path()).env("RUST_BACKTRACE", "0");
    command
}

async fn run(sidecar: &Sidecar, words: &[&str]) -> (i32, String, String) {
    let mut command = command(sidecar, words);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

async fn keyed() -> Sidecar {
    Sidecar::with(|config| config.admin.as_mut().unwrap().key = Some(KEY.into())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_channels_for_people_and_for_programs() {
    let sidecar = keyed().await;
    let (status, out, _) = run(&sidecar, &["status"]).await;
    assert!(status == 0 && out.contains("ready            yes") && out.contains("source unix      up"), "{out}");
    assert!(!out.contains('\u{1b}'), "colours are for terminals");
    let (_, out, _) = run(&sidecar, &["status", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["ready"], true);
    let (_, out, _) = run(&sidecar, &["channels", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), json!({"total": 0, "channels": []}));
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_names_every_limit_that_was_exceeded_and_the_cluster() {
    let sidecar = Sidecar::with(|config| {
        config.admin.as_mut().unwrap().key = Some(KEY.into());
        config.limits.event_name = 5;
        let nowhere = RedisConfig { nodes: RedisNodes::Unix("/nowhere/redis.sock".into()), ..RedisConfig::default() };
        config.cluster = Some(ClusterConfig { redis: nowhere, ..ClusterConfig::default() });
    })
    .await;
    let (status, _, err) = run(&sidecar, &["publish", "orders.1", "LongName", "{}"]).await;
    assert!(status == 1 && err.contains("limits.eventNameBytes"), "{status} {err}");
    let (_, out, _) = run(&sidecar, &["status"]).await;
    assert!(out.contains("1 over limits.eventNameBytes"), "{out}");
    assert!(out.contains("cluster          1 node, not connected; "), "{out}");
    assert!(out.contains("0 from other nodes"), "{out}");
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_says_who_got_it_and_tail_shows_its_road() {
    let sidecar = keyed().await;
    let mut tail =
        Ends(command(&sidecar, &["tail", "--json", "--channel", "orders.*"]).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let (send, mut heard) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| _ = send.send(line)));
    let mut first = None;
    until("tail to hear an event", async || {
        let (status, out, err) = run(&sidecar, &["publish", "orders.1", "E", r#"{"n":1}"#]).await;
        assert!(status == 0 && out.contains("no one is subscribed to orders.1"), "{out}{err}");
        first = heard.try_recv().ok();
        first.is_some()
    })
    .await;
    let road: Value = serde_json::from_str(&first.unwrap()).unwrap();
    assert_eq!((&road["event"], &road["source"], &road["data"]), (&json!("E"), &json!("unix"), &json!(r#"{"n":1}"#)));
    assert!(road["phpToFrame"].is_u64(), "{road}");

    let (status, out, _) = run(&sidecar, &["publish", "orders.1", "E", "1", "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &told["accepted"], &told["sockets"], &told["by"]),
        (0, &json!(true), &json!(0), &json!("unix"))
    );
    assert!(told["why"]["answer"].as_str().unwrap().contains("nobody is connected"), "{told}");
    let (status, _, err) = run(&sidecar, &["publish", "orders.1", "E", "{a}"]).await;
    assert!(status == 64 && err.contains("not JSON"), "{err}");
    let (status, _, err) = run(&sidecar, &["publish", "orders.1", "connection"]).await;
    assert!(status == 1 && err.contains("reserved"), "{err}");
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_announces_on_a_terminal_what_it_watches_once_it_hears_everything() {
    let sidecar = keyed().await;
    let tail = command(&sidecar, &["tail", "--event", "E"]);
    let words: Vec<_> =
        std::iter::once(tail.get_program()).chain(tail.get_args()).map(|word| word.to_str().unwrap()).collect();
    // `script`, which every Linux has, gives it a terminal.
    let mut terminal = Command::new("script");
    terminal.args(["-qefc", &words.join(" "), "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = Ends(terminal.spawn().unwrap());
    let lines = BufReader::new(terminal.0.stdout.take().unwrap()).lines();
    let (send, mut shown) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| _ = send.send(line)));
    let mut next = async || tokio::time::timeout(Duration::from_secs(20), shown.recv()).await.unwrap().unwrap();
    assert_eq!(next().await.trim_end(), format!("Watching http://{}; Ctrl-C ends it.", sidecar.admin));
    // From then on nothing is missed, so once is enough.
    sidecar.publish("orders.1", "E").await;
    let road = next().await;
    assert!(road.contains("http   orders.1  E  to nobody: no one is subscribed"), "{road}");
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_says_why_nobody_gets_the_events_of_a_channel() {
    let sidecar = keyed().await;
    let visitor = Visitor::connect(&sidecar).await;
    visitor.subscribe(&sidecar, "private-orders.1").await;
    visitor.subscribe(&sidecar, "orders.2").await;
    visitor.subscribe(&sidecar, "orders.3").await;
    let near = "similar channel names: orders.2 (1: another of the same kind";
    until("a channel", async || run(&sidecar, &["channels", "orders.3"]).await.1.contains("orders.3")).await;
    let (status, out, _) = run(&sidecar, &["channels", "orders.9"]).await;
    assert!(status == 0 && out.contains("orders.9: 0 subscribers") && out.contains(near), "{out}");
    let (status, out, _) = run(&sidecar, &["publish", "orders.9", "E"]).await;
    assert!(status == 0 && out.contains(near), "{out}");
    let (status, out, _) = run(&sidecar, &["doctor", "--channel", "orders.9"]).await;
    assert!(status == 1 && out.lines().any(|line| line.starts_with("✘ channel") && line.contains(near)), "{out}");
    let (_, out, _) = run(&sidecar, &["doctor", "--channel", "orders.2"]).await;
    assert!(out.lines().any(|line| line.starts_with("✔ channel") && line.contains("1 subscriber")), "{out}");

    let mut tail = command(&sidecar, &["tail", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let (send, mut heard) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| _ = send.send(line)));
    until("tail to say why", async || {
        sidecar.publish("orders.9", "E").await;
        std::iter::from_fn(|| heard.try_recv().ok()).any(|line| {
            let told: Value = serde_json::from_str(&line).unwrap();
            told["kind"] == "why" && told["answer"].as_str().unwrap().contains(near)
        })
    })
    .await;
    tail.kill().unwrap();
    tail.wait().unwrap();
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_what_is_wrong_and_a_sidecar_that_is_away_is_named_too() {
    let sidecar = keyed().await;
    let (status, out, _) = run(&sidecar, &["doctor"]).await;
    assert!(status == 1 && out.contains("✔ sidecar") && out.contains("✔ spool"), "{out}");
    assert!(out.contains("✘ laravel") && out.contains("[auth-unreachable]\n  -> Set authHost"), "{out}");
    let (_, out, _) = run(&sidecar, &["doctor", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["healthy"], false);
    assert!(out.contains(r#""finding":"auth-unreachable""#), "{out}");

    let mut asking = command(&sidecar, &["status", "--json"]);
    let mut publishing = command(&sidecar, &["publish", "a", "E"]);
    let admin = sidecar.admin;
    // The folder with the configuration goes with the sidecar: kept until both commands have run.
    let kept = sidecar.stop_and_keep().await;
    // What was listened on is closed a moment after.
    until("nobody to listen", async || tokio::net::TcpStream::connect(admin).await.is_err()).await;
    let outputs =
        tokio::task::spawn_blocking(move || (asking.output().unwrap(), publishing.output().unwrap())).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told: Value = serde_json::from_slice(&outputs.0.stdout).unwrap();
    assert!(told["error"].as_str().unwrap().contains("no sidecar answers"), "{told}");
    let err = text(&outputs.0.stderr);
    assert!(
        outputs.0.status.code() == Some(1) && err.contains(&admin.to_string()) && err.contains("rustecho start"),
        "{err}"
    );
    let err = text(&outputs.1.stderr);
    assert!(outputs.1.status.code() == Some(1) && err.contains("r.sock"), "{err}");
    drop(kept);
}
