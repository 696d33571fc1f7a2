//! The API as a client sees it, without a port.

use http_body_util::{BodyExt, Full};
use serde_json::json;

use super::*;
use crate::{
    config::{ApiClient, ApiCors, Limits},
    counters::Counters,
    devlog::DevLog,
    edge::Sessions,
    session::Context,
    store::Memory,
    testing::{StubLaravel, StubSocket, channel},
};

struct Bench {
    api: Api,
}

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8", "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let clients = vec![ApiClient { app_id: "app1".into(), key: "key1".into(), secret: None }];
        let limits = Limits { data: 1000, ..Limits::default() };
        let config = Live::from(Config { clients, limits, ..config });
        let counters = Arc::new(Counters::default());
        let (hub, presence) = (Arc::new(Hub::new(counters.clone())), Arc::new(Presence::default()));
        let (store, dev): (Arc<dyn Store>, _) = (Arc::new(Memory), DevLog::new(false));
        let refusals = Arc::new(Refusals::new(counters.clone()));
        let publisher = Arc::new(Publisher::new(hub.clone(), limits, counters.clone(), dev));
        let clients = Arc::new(Clients::new(Arc::new(Context {
            hub: hub.clone(),
            presence: presence.clone(),
            store: store.clone(),
            authorizer: Arc::new(StubLaravel),
            cluster: None,
            settings: limits.into(),
            lingering: crate::session::Lingering::new(std::time::Duration::ZERO),
            refusals: refusals.clone(),
            counters,
            dev,
            tail: Arc::default(),
        })));
        Self { api: Api::new(Parts { config, hub, presence, store, cluster: None, clients, publisher, refusals }) }
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let response = self.api.answer(request.body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap()).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path), "").await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", &format!("/apps/app1{path}{}auth_key=key1", if path.contains('?') { '&' } else { '?' })).await
    }

    async fn post(&self, body: &str) -> Answer {
        self.send(Request::builder().method("POST").uri("/apps/app1/events?auth_key=key1"), body).await
    }

    fn subscribed(&self, id: &str, channels: &[&str]) -> Arc<StubSocket> {
        let socket = StubSocket::new(id);
        for name in channels {
            self.api.parts.hub.subscribe(&channel(name), socket.clone());
        }
        socket
    }

    fn member(&self, name: &str, id: &str, member: &Value) {
        let member = member.as_object().unwrap().clone();
        self.api.parts.presence.with(&channel(name), |members| members.join(&id.into(), member));
    }
}

#[tokio::test]
async fn root_says_ok_without_a_key() {
    let bench = Bench::new();
    let answer = bench.ask("GET", "/?x=1").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "OK"));
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let head = bench.ask("HEAD", "/").await;
    assert_eq!((head.status, head.body.as_str(), head.header("content-length")), (200, "", "2"));
}

#[tokio::test]
async fn status_tells_connections_uptime_and_memory() {
    let bench = Bench::new();
    bench.api.parts.clients.connected(StubSocket::new("a"));
    let status = bench.get("/status").await.json();
    assert_eq!(status["subscription_count"], 1);
    assert!(status["uptime"].as_f64().unwrap() > 0.0);
    let keys: Vec<_> = status["memory_usage"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["rss", "heapTotal", "heapUsed", "external", "arrayBuffers"]);
}

#[tokio::test]
async fn without_the_key_everything_is_forbidden_whatever_the_body() {
    let bench = Bench::new();
    for (method, path) in [
        ("GET", "/apps/app1/status"),
        ("GET", "/apps/app1/channels?auth_key=wrong"),
        ("GET", "/apps/none/channels/x?auth_key=key1"),
        ("HEAD", "/apps/app1/channels/presence-x/users"),
        ("POST", "/apps/app1/events"),
    ] {
        let answer = bench.send(Request::builder().method(method).uri(path), "{").await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(method == "HEAD" || answer.json() == json!({"error": "Unauthorized"}));
    }
}

#[tokio::test]
async fn channels_are_listed_and_filtered() {
    let bench = Bench::new();
    bench.subscribed("a", &["orders", "private-orders"]);
    bench.subscribed("b", &["orders"]);
    let one = json!({"subscription_count": 1, "occupied": true});
    let two = json!({"subscription_count": 2, "occupied": true});
    assert_eq!(bench.get("/channels").await.json(), json!({"channels": {"orders": two, "private-orders": one}}));
    let private = bench.get("/channels?filter_by_prefix=private-&info=user_count").await.json();
    assert_eq!(private, json!({"channels": {"private-orders": one}}));
    assert_eq!(bench.get("/channels?filter_by_prefix=").await.json()["channels"].as_object().unwrap().len(), 2);
    assert_eq!(bench.get("/channels?filter_by_prefix=zzz").await.json(), json!({"channels": {}}));
}

#[tokio::test]
async fn a_channel_tells_its_subscribers_and_a_presence_channel_its_users() {
    let bench = Bench::new();
    bench.subscribed("a", &["api 05/ü", "presence-x"]);
    bench.subscribed("b", &["presence-x"]);
    for id in ["a", "b"] {
        bench.member("presence-x", id, &json!({"user_id": 1, "user_info": {"tab": id}}));
    }
    let encoded = bench.get("/channels/api%2005%2F%C3%BC").await.json();
    assert_eq!(encoded, json!({"subscription_count": 1, "occupied": true}));
    let presence = bench.get("/channels/presence-x").await;
    assert_eq!(presence.body, r#"{"subscription_count":2,"occupied":true,"user_count":1}"#);
    assert_eq!(bench.get("/channels/none").await.body, r#"{"subscription_count":0,"occupied":false}"#);
    assert_eq!(bench.get("/channels/presence-none").await.json()["user_count"], 0);
    let users = bench.get("/channels/presence-x/users").await;
    assert_eq!(users.body, r#"{"users":[{"id":1,"user_info":{"tab":"a"}}]}"#);
    assert_eq!(bench.get("/channels/presence-none/users").await.json(), json!({"users": []}));
    let public = bench.get("/channels/orders/users").await;
    assert_eq!(public.status, 400);
    assert_eq!(public.json(), json!({"error": "User list is only possible for Presence Channels"}));
}

#[tokio::test]
async fn an_event_reaches_its_channels_but_not_the_excepted_socket() {
    let bench = Bench::new();
    let (a, b) = (bench.subscribed("a", &["x", "y"]), bench.subscribed("b", &["x"]));
    let answer = bench.post(r#"{"channels":["x","y","x"],"name":"E","data":"{\"n\": 1.0}","socket_id":"b"}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"message":"ok"}"#));
    assert_eq!(a.texts(), [r#"42["E","x",{"n": 1.0}]"#, r#"42["E","y",{"n": 1.0}]"#, r#"42["E","x",{"n": 1.0}]"#]);
    assert!(b.texts().is_empty());
    bench.post(r#"{"channel":"x","name":"E","data":5,"socket_id":"elsewhere"}"#).await;
    assert_eq!((a.texts().len(), b.texts().len()), (1, 1));
    assert_eq!(bench.post(r#"{"channels":[],"name":"E","data":5}"#).await.status, 200);
}

#[tokio::test]
async fn bad_events_are_answered_with_the_reason_and_reach_nobody() {
    let bench = Bench::new();
    let socket = bench.subscribed("a", &["x"]);
    for (body, word) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("null", "must include"),
        (r#"{"channel":"x","name":"E","data":0}"#, "must include"),
        (r#"{"channels":"x","name":"E","data":1}"#, "list of strings"),
        (r#"{"channel":"x","name":"connection","data":1}"#, "reserved"),
        (r#"{"channel":"x","name":"newListener","data":1}"#, "reserved"),
    ] {
        let answer = bench.post(body).await;
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && error.contains(word), "{body}: {} {error}", answer.status);
    }
    assert!(socket.texts().is_empty());
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_before_it_is_kept() {
    let bench = Bench::new();
    let data = "x".repeat(1001);
    let event = bench.post(&format!(r#"{{"channel":"x","name":"E","data":"{data}"}}"#)).await;
    assert_eq!(event.status, 413);
    assert!(event.json()["error"].as_str().unwrap().contains("limits.dataBytes"));
    let body = bench.post(&" ".repeat(300 * 1024)).await;
    assert_eq!(body.status, 413);
    assert!(body.json()["error"].as_str().unwrap().starts_with("over limits.dataBytes (1000): "));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let bench = Bench::new();
    let stuck = http_body_util::StreamBody::new(futures_util::stream::pending::<Result<_, std::io::Error>>());
    let stuck = BodyExt::map_frame(stuck, |frame: hyper::body::Frame<bytes::Bytes>| frame);
    let request = Request::builder().method("POST").uri("/apps/app1/events?auth_key=key1").body(stuck).unwrap();
    assert_eq!(bench.api.answer(request).await.status(), 408);
}

#[tokio::test]
async fn unknown_paths_and_methods_get_the_page_of_old() {
    let bench = Bench::new();
    for (method, path, shown) in [
        ("GET", "/nope", "Cannot GET /nope"),
        ("POST", "/", "Cannot POST /"),
        ("GET", "/apps/app1", "Cannot GET /apps/app1"),
        ("GET", "/apps/app1/events?auth_key=key1", "Cannot GET /apps/app1/events"),
        ("DELETE", "/apps/app1/channels", "Cannot DELETE /apps/app1/channels"),
        ("POST", "/apps/app1/batch_events", "Cannot POST /apps/app1/batch_events"),
        ("OPTIONS", "/nope", "Cannot OPTIONS /nope"),
        ("GET", "/a'b&c", "Cannot GET /a&#39;b&amp;c"),
    ] {
        let answer = bench.ask(method, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.ends_with(&format!("<body>\n<pre>{shown}</pre>\n</body>\n</html>\n")), "{}", answer.body);
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("etag"), "");
    }
    assert_eq!(bench.ask("GET", "/nope").await.header("content-length"), "143");
    assert_eq!(bench.ask("GET", "/apps/app1/channels/%E0%A4%A").await.status, 400);
}

#[tokio::test]
async fn options_names_the_methods_and_unchanged_content_is_not_sent_again() {
    let bench = Bench::new();
    for (path, methods) in [("/", "GET,HEAD"), ("/apps/any/channels", "GET,HEAD"), ("/apps/any/events", "POST")] {
        let answer = bench.ask("OPTIONS", path).await;
        assert_eq!((answer.status, answer.header("allow"), answer.body.as_str()), (200, methods, methods));
    }
    let tag = bench.ask("GET", "/").await.header("etag").to_owned();
    for known in [tag.clone(), format!("\"x\", {}", tag.trim_start_matches("W/")), "*".into()] {
        let again = bench.send(Request::builder().uri("/").header("if-none-match", known), "").await;
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", tag.as_str()));
    }
    let forced = Request::builder().uri("/").header("if-none-match", &tag).header("cache-control", "no-cache");
    assert_eq!(bench.send(forced, "").await.status, 200);
}

#[tokio::test]
async fn configured_headers_stand_on_every_answer() {
    let cors = ApiCors { origin: "http://a.test".into(), methods: "GET, POST".into(), headers: "X-One".into() };
    let headers = vec![("X-Two".to_owned(), "2".to_owned()), ("bad name".to_owned(), "x".to_owned())];
    let bench = Bench::with(Config { api_cors: Some(cors), headers, ..Config::default() });
    for (method, path) in [("GET", "/"), ("GET", "/nope"), ("OPTIONS", "/"), ("GET", "/apps/app1/status")] {
        let answer = bench.ask(method, path).await;
        assert_eq!(answer.header("access-control-allow-origin"), "http://a.test", "{method} {path}");
        assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
        assert_eq!(answer.header("access-control-allow-headers"), "X-One");
        assert_eq!(answer.header("x-two"), "2");
    }
    assert_eq!(Bench::new().ask("GET", "/").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn without_the_http_source_events_do_not_exist() {
    let bench = Bench::with(Config { http_source: false, ..Config::default() });
    assert_eq!(bench.post(r#"{"channel":"x","name":"E","data":1}"#).await.status, 404);
    assert_eq!(bench.ask("OPTIONS", "/apps/app1/events").await.status, 404);
    assert_eq!(bench.get("/status").await.status, 200);
}

#[tokio::test]
async fn a_publish_may_belong_to_a_trace() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let bench = Bench::new();
    let mut watcher = bench.api.parts.publisher.tail().watch();
    for (sent, told) in [(PARENT.to_owned(), Some(PARENT)), ("0".repeat(70_000), None)] {
        let request =
            Request::builder().method("POST").uri("/apps/app1/events?auth_key=key1").header("traceparent", sent);
        let answer = bench.send(request, r#"{"channel":"a","name":"E","data":"1"}"#).await;
        assert_eq!(answer.status, 200);
        let crate::tail::Heard::Fact(fact) = watcher.next().await else { panic!("missed") };
        let crate::tail::Fact::Event(road) = &*fact else { panic!("{fact:?}") };
        assert_eq!(road.trace.as_deref(), told);
    }
}
