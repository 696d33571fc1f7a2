//! Presence lists on one Redis that several write to.

use redis::Commands;
use rustecho_sidecar::config::{Config, Database};

use crate::{
    servers::{Server, available, until},
    sidecar::{Sidecar, at, list},
};

const LIST: &str = "presence-room:members";

async fn becomes(server: &Server, sockets: &[&str]) {
    until(&format!("the list is {sockets:?}"), async || (server.text(LIST)? == list(sockets)).then_some(())).await;
}

fn set(server: &Server, key: &str, value: &str) {
    server.client().get_connection().unwrap().set::<_, _, ()>(key, value).unwrap();
}

#[tokio::test]
async fn what_belongs_to_nobody_stays_until_the_first_join() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    set(&server, LIST, r#"[{"user_id":9,"socketId":"ghost"}]"#);
    let sidecar = Sidecar::start(at(server.port()));
    let ghosts = until("Redis is there", async || sidecar.listed("presence-room").await).await;
    assert_eq!(ghosts[0]["user_id"], 9);
    sidecar.join("presence-room", "a");
    becomes(&server, &["a"]).await;
    sidecar.leave("presence-room", "a");
    becomes(&server, &[]).await;
}

#[tokio::test]
async fn whatever_stands_in_the_keys_place_is_replaced() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let sidecar = Sidecar::start(at(server.port()));
    until("Redis is there", async || sidecar.listed("presence-none").await).await;
    for (name, make) in [("a", "SET {} nonsense"), ("b", "SET {} null"), ("c", "HSET {} f v"), ("d", "LPUSH {} 1")] {
        let room = format!("presence-{name}");
        let key = format!("{room}:members");
        server.ask::<()>(&make.replace("{}", &key));
        assert_eq!(sidecar.listed(&room).await, None, "{make}");
        sidecar.join(&room, "x");
        assert_eq!(sidecar.listed(&room).await.unwrap().len(), 1, "{make}");
        assert_eq!(server.text(&key).as_deref(), Some(list(&["x"]).as_str()));
    }
}

#[tokio::test]
async fn two_nodes_keep_each_others_members() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let first = Sidecar::start(at(server.port()));
    until("the first is there", async || first.listed("presence-room").await).await;
    let second = Sidecar::start(at(server.port()));
    until("the second is there", async || second.listed("presence-room").await).await;
    let names: Vec<String> = (0..50).map(|n| format!("s{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        if n % 2 == 0 { &first } else { &second }.join("presence-room", name);
    }
    let ordered: Vec<&str> =
        names.iter().step_by(2).chain(names.iter().skip(1).step_by(2)).map(String::as_str).collect();
    becomes(&server, &ordered).await;
    assert_eq!(first.listed("presence-room").await.unwrap().len(), 50);
    // One goes; what is the other's stays, and nothing is left of the one but lists.
    second.store.close().await;
    becomes(&server, &ordered[..25]).await;
    first.store.close().await;
    assert_eq!(server.text(LIST).as_deref(), Some("[]"));
    assert_eq!(server.ask::<Vec<String>>("KEYS *"), [LIST]);
}

#[tokio::test]
async fn the_members_of_a_killed_process_go_when_another_starts() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let killed = Sidecar::start(at(server.port()));
    killed.join("presence-room", "a");
    killed.join("presence-other", "a");
    becomes(&server, &["a"]).await;
    until("all is written", async || (server.text("presence-other:members")? == list(&["a"])).then_some(())).await;
    // It cannot be killed apart from this test: its lease is made one of a process that has ended.
    let lease = server.ask::<Vec<String>>("KEYS rustecho:node:*").into_iter().find(|key| !key.ends_with(":channels"));
    let lease = lease.unwrap();
    let holder = server.text(&lease).unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    set(&server, &lease, &holder.replace(&format!(" {} ", std::process::id()), &format!(" {} ", child.id())));

    let next = Sidecar::start(at(server.port()));
    next.join("presence-room", "b");
    becomes(&server, &["b"]).await;
    assert_eq!(server.text("presence-other:members").as_deref(), Some("[]"), "where nobody comes back, too");

    // It lives after all, and notices with its next renewal that it was given up.
    becomes(&server, &["a", "b"]).await;
}

#[tokio::test]
async fn lists_are_published_as_of_old() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let mut listener = server.client().get_connection().unwrap();
    let mut updates = listener.as_pubsub();
    updates.subscribe("PresenceChannelUpdated").unwrap();
    updates.set_read_timeout(Some(crate::servers::PATIENCE)).unwrap();
    let mut redis = at(server.port());
    redis.key_prefix = "app_".into();
    let sidecar =
        Sidecar::with(Config { redis, database: Database::Redis, publish_presence: true, ..Config::default() });
    until("Redis is there", async || sidecar.listed("presence-room").await).await;
    let mut next = || updates.get_message().unwrap().get_payload::<String>().unwrap();
    let message =
        |sockets: &[&str]| format!(r#"{{"event":{{"channel":"presence-room:members","members":{}}}}}"#, list(sockets));
    let mut tells = async |expected: [&[&str]; 2]| {
        assert!(sidecar.listed("presence-room").await.is_some(), "waits until it is written");
        for sockets in expected {
            assert_eq!(next(), message(sockets));
        }
    };
    sidecar.join("presence-room", "a");
    tells([&[], &["a"]]).await;
    sidecar.join("presence-room", "b");
    tells([&["a"], &["a", "b"]]).await;
    sidecar.leave("presence-room", "a");
    tells([&["b"], &["b"]]).await;
    sidecar.leave("presence-room", "b");
    tells([&[], &[]]).await;
}
