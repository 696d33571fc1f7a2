//! Redis away, late, or silent.

use std::time::Duration;

use redis::Commands;
use rustix::process::Signal;

use crate::{
    servers::{Server, available, free_port, until},
    sidecar::{Sidecar, at, list},
};

fn publish(server: &Server, message: &str) {
    // It may be away at this moment.
    if let Ok(mut connection) = server.client().get_connection_with_timeout(Duration::from_millis(100)) {
        let _ = connection.publish::<_, _, i64>("orders", message);
    }
}

async fn has(server: &Server, sockets: &[&str]) {
    until("Redis has the list", async || (server.text("presence-room:members")? == list(sockets)).then_some(())).await;
}

#[tokio::test]
async fn a_restart_is_survived_and_every_list_written_anew() {
    if !available() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let mut sidecar = Sidecar::start(at(server.port()));
    sidecar.is_ready().await;
    sidecar.join("presence-room", "a");
    sidecar.join("presence-empty", "a");
    has(&server, &["a"]).await;

    server.kill();
    until("the loss is counted", async || (sidecar.counters.redis_lost.get() == 1).then_some(())).await;
    sidecar.join("presence-room", "b");
    sidecar.leave("presence-empty", "a");
    assert_eq!(sidecar.listed("presence-room").await, None, "while Redis is away nobody waits for it");
    server.start_again().await;
    sidecar.hears(|message| publish(&server, message)).await;
    has(&server, &["a", "b"]).await;
    until("a list emptied meanwhile", async || (server.text("presence-empty:members")? == "[]").then_some(())).await;
    assert_eq!(sidecar.counters.redis_lost.get(), 1, "one gap is counted once, however many tries it took");
}

#[tokio::test]
async fn redis_may_come_later() {
    if !available() {
        return;
    }
    let mut server = Server::start(&[]).await;
    server.kill();
    let mut sidecar = Sidecar::start(at(server.port()));
    sidecar.join("presence-room", "a");
    until("it is said that Redis is away", async || (sidecar.counters.redis_lost.get() == 1).then_some(())).await;
    assert!(!*sidecar.ready.borrow());
    server.start_again().await;
    sidecar.is_ready().await;
    sidecar.hears(|message| publish(&server, message)).await;
    has(&server, &["a"]).await;
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let mut sidecar = Sidecar::start(at(server.port()));
    sidecar.is_ready().await;
    sidecar.join("presence-room", "a");
    has(&server, &["a"]).await;
    server.signal(Signal::STOP);
    sidecar.join("presence-room", "b");
    until("the silence is noticed", async || (sidecar.counters.redis_lost.get() == 1).then_some(())).await;
    server.signal(Signal::CONT);
    sidecar.hears(|message| publish(&server, message)).await;
    has(&server, &["a", "b"]).await;
}

#[tokio::test]
async fn changes_without_redis_take_no_room_and_a_stop_no_time() {
    if !available() {
        return;
    }
    let sidecar = Sidecar::start(at(free_port()));
    for n in 0..20_000 {
        sidecar.join(&format!("presence-{n}"), "a");
        sidecar.leave(&format!("presence-{n}"), "a");
    }
    tokio::time::timeout(Duration::from_secs(2), sidecar.store.close()).await.unwrap();
}
