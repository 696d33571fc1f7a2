use serde_json::json;

use crate::support::{KEY, Sidecar, ask};

async fn keyed() -> Sidecar {
    Sidecar::with(|config| config.admin.as_mut().unwrap().key = Some(KEY.into())).await
}

#[tokio::test]
async fn with_a_key_nothing_is_told_without_it() {
    let sidecar = keyed().await;
    for path in ["/metrics", "/api/status", "/api/channels", "/api/live", "/api/channel?name=x"] {
        let answer = sidecar.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.body.contains("admin.key") && !answer.body.contains(KEY), "{}", answer.body);
    }
    let bearer = format!("Bearer {KEY}");
    let status = ask(sidecar.admin, "GET", "/api/status", &[("authorization", &bearer)], "").await;
    assert_eq!((status.status, &status.json()["mayPublish"]), (200, &json!(true)));
    let page = sidecar.get("/").await;
    assert!(page.status == 200 && page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    sidecar.stop().await;
}

#[tokio::test]
async fn a_test_event_needs_the_key_and_the_right_content_type() {
    let event = r#"{"channel":"orders","event":"E","data":{"n":1}}"#;
    let json_type = ("content-type", "application/json");
    let open = Sidecar::start().await;
    let refused = ask(open.admin, "POST", "/api/publish", &[json_type], event).await;
    assert!(refused.status == 403 && refused.body.contains("needs admin.key"), "{}", refused.body);
    open.stop().await;

    let sidecar = keyed().await;
    let bearer = format!("Bearer {KEY}");
    let key = ("authorization", bearer.as_str());
    let post =
        async |headers: &[(&str, &str)], body: &str| ask(sidecar.admin, "POST", "/api/publish", headers, body).await;
    assert_eq!(post(&[json_type], event).await.status, 401);
    assert_eq!(post(&[key, ("content-type", "text/plain")], event).await.status, 415);
    let done = post(&[key, json_type], event).await;
    assert_eq!((done.status, done.json()), (200, json!({"sockets": 0})));
    for (body, status) in [("{}", 400), (r#"{"channel":"","event":"E","data":1}"#, 422), ("[", 400)] {
        assert_eq!(post(&[key, json_type], body).await.status, status, "{body}");
    }
    let wrong_method = ask(sidecar.admin, "GET", "/api/publish", &[key], "").await;
    assert_eq!(wrong_method.status, 405);
    sidecar.stop().await;
}

#[tokio::test]
async fn without_a_key_other_sites_get_nothing() {
    let sidecar = Sidecar::start().await;
    for headers in [[("host", "evil.test")].as_slice(), &[("origin", "http://evil.test")]] {
        let answer = ask(sidecar.admin, "GET", "/api/status", headers, "").await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    let status = sidecar.get("/api/status").await.json();
    assert_eq!(status["counters"]["refused_admin_requests"], 2);
    assert_eq!(sidecar.get("/nothing").await.status, 404);
    sidecar.stop().await;
}
