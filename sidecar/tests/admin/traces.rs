//! A collector that takes OTLP over HTTP, as far as traces go, and what it is sent.

use std::{collections::HashMap, time::Duration};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use rustecho_sidecar::config::OtelConfig;
use rustecho_wire::client::{Ack, Client, OnFailure, PublishArgs, Rules};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    metrics::value,
    support::{Sidecar, until},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

async fn collector() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Value)>) {
    let (send, heard) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        send.send((headers, serde_json::from_slice(&body).unwrap())).unwrap();
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", post(take))).into_future());
    (format!("http://{address}/v1/traces"), heard)
}

async fn traced(endpoint: &str) -> Sidecar {
    let settings = OtelConfig {
        endpoint: endpoint.parse().unwrap(),
        headers: vec![("authorization".into(), "Bearer collect".into())],
        service: "shop-events".into(),
    };
    Sidecar::with(|config| config.otel = Some(settings)).await
}

/// Publishes by the Unix socket, as PHP does; whether each was accepted.
async fn publish(sidecar: &Sidecar, events: &'static [(&'static str, &'static str)]) {
    let socket = sidecar.socket.clone();
    let work = move || {
        let mut client = Client::new(&socket, "test", Duration::from_secs(5));
        let rules = Rules { ack: Ack::Receipt, on_failure: OnFailure::Throw, breaker: Duration::ZERO, more: false };
        for (event, flags) in events {
            let trace = format!("00-{TRACE}-{PARENT}-{flags}");
            let args = PublishArgs {
                channels: &["orders.1"],
                event,
                data: "{}",
                trace: Some(trace.as_str()).filter(|_| !flags.is_empty()),
                ..PublishArgs::default()
            };
            let refused = client.deliver(&args, &rules).is_err();
            assert_eq!(refused, *event == "connection", "{event}");
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// An attribute's text; whole numbers of 64 bits are texts in OTLP's JSON.
fn text<'a>(span: &'a Value, name: &str) -> Option<&'a str> {
    let found = span["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == name)?;
    let value = &found["value"];
    value["stringValue"].as_str().or_else(|| value["intValue"].as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traced_event_arrives_at_the_collector_as_spans_below_that_of_the_request() {
    let (endpoint, mut heard) = collector().await;
    let sidecar = traced(&endpoint).await;
    publish(&sidecar, &[("Plain", ""), ("NotWanted", "00"), ("Shipped", "01"), ("connection", "01")]).await;

    let mut spans: Vec<Value> = Vec::new();
    while spans.len() < 6 {
        let (headers, request) =
            tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.expect("spans").unwrap();
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["authorization"], "Bearer collect");
        let of_resource = &request["resourceSpans"][0];
        assert_eq!(text(&of_resource["resource"], "service.name"), Some("shop-events"));
        spans.extend(of_resource["scopeSpans"][0]["spans"].as_array().unwrap().iter().cloned());
    }
    assert!(spans.iter().all(|span| span["traceId"] == TRACE), "{spans:?}");
    let whole: HashMap<&str, &Value> = spans
        .iter()
        .filter(|span| span["parentSpanId"] == PARENT)
        .map(|span| (text(span, "rustecho.event").unwrap(), span))
        .collect();
    let mut names: Vec<_> = whole.keys().copied().collect();
    names.sort_unstable();
    assert_eq!(names, ["Shipped", "connection"], "what is not traced, or not sampled, is not sent");

    let shipped = whole["Shipped"];
    assert_eq!(text(shipped, "messaging.destination.name"), Some("orders.1"));
    assert_eq!(text(shipped, "rustecho.result"), Some("nobody"));
    let below = |span: &Value| -> Vec<&Value> {
        spans.iter().filter(|other| other["parentSpanId"] == span["spanId"]).collect()
    };
    let names =
        |spans: &[&Value]| spans.iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let parts = below(shipped);
    assert_eq!(names(&parts), ["received", "accepted", "emitted"]);
    let time = |span: &Value, end: &str| span[end].as_str().unwrap().parse::<u128>().unwrap();
    let ends: Vec<_> =
        parts.iter().flat_map(|span| [time(span, "startTimeUnixNano"), time(span, "endTimeUnixNano")]).collect();
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!((ends[0], ends[5]), (time(shipped, "startTimeUnixNano"), time(shipped, "endTimeUnixNano")));
    assert_eq!(text(parts[2], "rustecho.sockets"), Some("0"));

    let refused = whole["connection"];
    assert!(refused["status"]["message"].as_str().unwrap().contains("reserved"), "{refused}");
    assert_eq!(names(&below(refused)), ["received"]);
    let sent = r#"rustecho_traces_total{result="sent"}"#;
    until("both to be counted", async || value(&sidecar.get("/metrics").await.body, sent) == Some(2.0)).await;
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sent_before_the_sidecar_ends() {
    let (endpoint, mut heard) = collector().await;
    let sidecar = traced(&endpoint).await;
    publish(&sidecar, &[("Shipped", "01")]).await;
    sidecar.stop().await;
    assert!(heard.try_recv().is_ok(), "the sidecar has stopped, and the collector knows nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nothing_up_and_is_counted() {
    let sidecar = traced("http://127.0.0.1:9/v1/traces").await;
    publish(&sidecar, &[("Shipped", "01"), ("Shipped", "01")]).await;
    let failed = r#"rustecho_traces_total{result="failed"}"#;
    until("both to be counted", async || value(&sidecar.get("/metrics").await.body, failed) == Some(2.0)).await;
    sidecar.stop().await;
}
