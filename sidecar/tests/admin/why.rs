use serde_json::{Value, json};

use crate::support::{Sidecar, ask, until};

/// A client that has connected by polling.
pub(crate) struct Visitor {
    path: String,
}

impl Visitor {
    pub(crate) async fn connect(sidecar: &Sidecar) -> Self {
        let opened = ask(sidecar.public, "GET", "/socket.io/?EIO=4&transport=polling", &[], "").await.body;
        let open: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
        let visitor = Self { path };
        visitor.send(sidecar, "40").await;
        let connected = ask(sidecar.public, "GET", &visitor.path, &[], "").await.body;
        assert!(connected.starts_with("40{"), "{connected}");
        visitor
    }

    async fn send(&self, sidecar: &Sidecar, packet: &str) {
        let kind = [("content-type", "text/plain;charset=UTF-8")];
        assert_eq!(ask(sidecar.public, "POST", &self.path, &kind, packet).await.status, 200);
    }

    pub(crate) async fn subscribe(&self, sidecar: &Sidecar, channel: &str) {
        let request = json!(["subscribe", {"channel": channel, "auth": {"headers": {}}}]);
        self.send(sidecar, &format!("42{request}")).await;
    }
}

async fn why(sidecar: &Sidecar, channel: &str) -> Value {
    sidecar.get(&format!("/api/why?channel={channel}")).await.json()
}

#[tokio::test]
async fn a_channel_nobody_is_on_is_explained_by_its_neighbours_and_by_refusals() {
    // Nothing listens there: Laravel cannot be asked.
    let sidecar = Sidecar::with(|config| config.auth_hosts = vec!["http://127.0.0.1:9".into()]).await;
    let nobody = why(&sidecar, "orders.1").await;
    assert!(nobody["answer"].as_str().unwrap().contains("nobody is connected"), "{nobody}");

    let visitor = Visitor::connect(&sidecar).await;
    for channel in ["orders.1", "orders.22", "news", "private-orders.1"] {
        visitor.subscribe(&sidecar, channel).await;
    }
    until("a refusal", async || why(&sidecar, "private-orders.1").await["refused"][0].is_object()).await;
    let private = why(&sidecar, "private-orders.1").await;
    assert_eq!((&private["subscribers"], &private["refused"][0]["result"]), (&json!(0), &json!("failed")));
    let names: Vec<_> = private["similar"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["orders.1", "orders.22"]);
    let answer = private["answer"].as_str().unwrap();
    assert!(answer.starts_with("0 subscribers; a subscription was refused"), "{answer}");
    assert!(answer.contains("orders.1 (1: the same name") && answer.contains("new Channel('orders.1')"), "{answer}");

    assert_eq!(why(&sidecar, "orders.1").await["answer"], "1 subscriber");
    let far = why(&sidecar, "weather").await;
    assert!(far["answer"].as_str().unwrap().contains("Echo.channel('weather')"), "{far}");
    assert_eq!(sidecar.get("/api/why").await.status, 400);
    sidecar.stop().await;
}
