use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
};

use crate::support::Sidecar;

/// A stream of server-sent events.
struct Live(Lines<BufReader<TcpStream>>);

impl Live {
    async fn open(sidecar: &Sidecar, query: &str) -> Self {
        let mut stream = TcpStream::connect(sidecar.admin).await.unwrap();
        let request = format!("GET /api/live{query} HTTP/1.1\r\nhost: {}\r\n\r\n", sidecar.admin);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut live = Self(BufReader::new(stream).lines());
        // Whoever has been sent this is watching.
        live.next("history").await;
        live
    }

    /// The next of this kind.
    async fn next(&mut self, kind: &str) -> Value {
        let wanted = format!("event: {kind}");
        let reading = async {
            let mut is_wanted = false;
            while let Some(line) = self.0.next_line().await.unwrap() {
                match line.strip_prefix("data: ") {
                    Some(data) if is_wanted => return serde_json::from_str(data).unwrap(),
                    _ => is_wanted = line == wanted || (is_wanted && line.is_empty()),
                }
            }
            panic!("the stream ended before {kind}");
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), reading).await.expect(kind)
    }
}

#[tokio::test]
async fn a_watcher_sees_the_road_of_the_events_it_asked_for() {
    let sidecar = Sidecar::start().await;
    let mut live = Live::open(&sidecar, "?channel=orders*&event=Shipped").await;
    for (channel, event) in [("other", "Shipped"), ("orders.1", "Paid"), ("orders.1", "Shipped")] {
        sidecar.publish(channel, event).await;
    }
    let road = live.next("event").await;
    assert_eq!(
        (&road["event"], &road["source"], &road["result"]),
        (&json!("Shipped"), &json!("http"), &json!("nobody"))
    );
    assert_eq!(road["channels"][0], json!({"channel": "orders.1", "taken": 0, "closed": 0, "slow": 0, "leftOut": 0}));
    assert_eq!(road["data"], r#"{"n":1}"#);
    let status = live.next("status").await;
    assert_eq!(status["status"]["counters"]["published_http"], 3);
    sidecar.stop().await;
}

#[tokio::test]
async fn watchers_are_bounded_and_do_not_hold_up_a_stop() {
    let sidecar = Sidecar::start().await;
    let mut all = Vec::new();
    for _ in 0..32 {
        all.push(Live::open(&sidecar, "").await);
    }
    let one_more = sidecar.get("/api/live").await;
    assert_eq!(one_more.status, 503, "{}", one_more.body);
    sidecar.stop().await;
}
