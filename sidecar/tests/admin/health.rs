use rustecho_sidecar::config::{RedisConfig, RedisNodes};
use serde_json::json;

use crate::{
    metrics::value,
    support::{Sidecar, ask, until},
};

#[tokio::test]
async fn alive_and_ready_need_no_key() {
    let sidecar = Sidecar::with(|config| {
        config.admin.as_mut().unwrap().key = Some(crate::support::KEY.into());
    })
    .await;
    let health = ask(sidecar.admin, "GET", "/health", &[("host", "10.1.2.3")], "").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
    let ready = sidecar.get("/ready").await;
    assert!(health.body.ends_with("}\n") && ready.body.ends_with("}\n"), "a prompt stands on its own line");
    assert_eq!((ready.status, ready.json()), (200, json!({"ready": true, "reasons": []})));
    sidecar.stop().await;
}

#[tokio::test]
async fn a_source_that_is_not_connected_is_a_reason_not_to_be_ready() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sidecar = Sidecar::with(|config| {
        config.redis_source = true;
        config.redis = RedisConfig {
            nodes: RedisNodes::Single { host: "127.0.0.1".into(), port: nobody },
            ..RedisConfig::default()
        };
    })
    .await;
    let ready = sidecar.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reasons"], json!([format!("redis: not connected to 127.0.0.1:{nobody}")]));
    assert_eq!(sidecar.get("/health").await.status, 200);
    sidecar.stop().await;
}

#[tokio::test]
async fn a_sidecar_that_is_full_or_behind_is_not_ready_and_says_so() {
    let sidecar = Sidecar::with(|config| {
        config.limits.connections = 0;
        config.admin.as_mut().unwrap().ready_lag = std::time::Duration::ZERO;
    })
    .await;
    // No clock is exact.
    until("the lag", async || {
        let reasons = sidecar.get("/ready").await.json()["reasons"].to_string();
        reasons.contains("limits.connections") && reasons.contains("admin.readyLagMs")
    })
    .await;
    assert!(value(&sidecar.get("/metrics").await.body, "rustecho_lag_seconds").unwrap() > 0.0);
    sidecar.stop().await;
}

#[tokio::test]
async fn whoever_would_be_refused_for_memory_or_for_want_of_a_place_is_not_sent_here() {
    let sidecar = Sidecar::with(|config| config.limits.connections = 1).await;
    assert_eq!(sidecar.get("/ready").await.status, 200);
    // It has its place before it is a client.
    let opened = ask(sidecar.public, "GET", "/socket.io/?EIO=4&transport=polling", &[], "").await;
    assert_eq!(opened.status, 200);
    let ready = sidecar.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reasons"], json!(["1 connections are open, no more are taken (limits.connections)"]));
    sidecar.stop().await;

    let sidecar = Sidecar::with(|config| config.limits.memory = Some(1)).await;
    until("memory to be looked at", async || {
        let ready = sidecar.get("/ready").await;
        ready.status == 503 && ready.json()["reasons"].to_string().contains("(limits.memoryBytes is 1)")
    })
    .await;
    sidecar.stop().await;
}

#[tokio::test]
async fn the_public_port_answers_as_the_old_server_did() {
    let sidecar = Sidecar::start().await;
    for path in ["/health", "/ready", "/metrics"] {
        let answer = ask(sidecar.public, "GET", path, &[], "").await;
        assert_eq!(answer.status, 404, "{path}");
    }
    sidecar.stop().await;
}
