use crate::support::{Sidecar, until};

/// The number of a series, named with its labels as the text has it.
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn what_happens_is_in_the_metrics() {
    let sidecar = Sidecar::start().await;
    let publisher = publisher(&sidecar);
    tokio::task::spawn_blocking(publisher).await.unwrap();
    sidecar.publish("orders", "E").await;

    let answer = sidecar.get("/metrics").await;
    assert!(answer.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{}", answer.head);
    let text = answer.body;
    for (series, expected) in [
        (r#"rustecho_publishes_total{source="unix",result="accepted"}"#, 1.0),
        (r#"rustecho_publishes_total{source="unix",result="refused"}"#, 1.0),
        (r#"rustecho_publishes_total{source="http",result="accepted"}"#, 1.0),
        (r#"rustecho_connections{transport="websocket",generation="4"}"#, 0.0),
        (r#"rustecho_stage_seconds_count{stage="php_to_frame"}"#, 1.0),
        (r#"rustecho_stage_seconds_count{stage="publish_to_emit"}"#, 2.0),
        (r#"rustecho_stage_seconds_bucket{le="+Inf",stage="publish_to_emit"}"#, 2.0),
        (r#"rustecho_source_up{source="unix"}"#, 1.0),
        ("rustecho_ready", 1.0),
        ("rustecho_subscriptions", 0.0),
        ("rustecho_spool_files", 0.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    let build = format!("rustecho_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&text, &build), Some(1.0));
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
    assert!(text.ends_with("# EOF\n"));
    sidecar.stop().await;
}

/// Publishes one good event and one bad one by the Unix socket.
fn publisher(sidecar: &Sidecar) -> impl FnOnce() + Send + use<> {
    use rustecho_wire::client::{Ack, Client, OnFailure, PublishArgs, Rules};
    let socket = sidecar.socket.clone();
    move || {
        let mut client = Client::new(&socket, "test", std::time::Duration::from_secs(5));
        let rules =
            Rules { ack: Ack::Receipt, on_failure: OnFailure::Throw, breaker: std::time::Duration::ZERO, more: false };
        let args = PublishArgs { channels: &["orders"], event: "E", data: "{}", ..PublishArgs::default() };
        client.deliver(&args, &rules).unwrap();
        client.deliver(&PublishArgs { event: "connection", ..args }, &rules).unwrap_err();
    }
}

#[tokio::test]
async fn a_file_in_the_spool_has_bytes_and_an_age() {
    use rustecho_wire::spool::{FileName, socket_number};
    let sidecar = Sidecar::start().await;
    let spool = sidecar.folder.path().join("spool");
    until("the spool's directory", async || spool.is_dir()).await;
    let name = FileName { socket: socket_number(&sidecar.socket), publisher: 1, number: 0, pid: 1 };
    // A publisher holds it: the sidecar waits for it. It has its name only when it is locked, or it would be taken for done with.
    let file = std::fs::File::create(spool.join("beside")).unwrap();
    file.lock().unwrap();
    std::fs::rename(spool.join("beside"), spool.join(name.to_name())).unwrap();
    until("the metrics to show it", async || {
        let text = sidecar.get("/metrics").await.body;
        value(&text, "rustecho_spool_files") == Some(1.0) && value(&text, "rustecho_spool_age_seconds").unwrap() > 0.0
    })
    .await;
    drop(file);
    sidecar.stop().await;
}
