//! The question as a real HTTP server sees it, and every way an answer can go wrong.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::edge::Generation;

fn laravel(config: Config) -> Laravel {
    let counters = Arc::new(Counters::default());
    Laravel::new(Arc::new(config), Arc::new(Refusals::new(counters.clone())), counters, DevLog::new(false))
}

/// Asks a server that reads one request and writes `answer`, then keeps the connection for `hold`.
async fn asked(
    channel: &str,
    answer: &'static [u8],
    hold: Duration,
    change: impl FnOnce(&mut Config),
) -> (Verdict, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config {
        auth_hosts: vec![format!("http://{}", listener.local_addr().unwrap())],
        auth_timeout: Duration::from_millis(400),
        ..Config::default()
    };
    change(&mut config);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let _ = stream.write_all(answer).await;
        tokio::time::sleep(hold).await;
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let laravel = laravel(config);
    let ask = Ask {
        who: "a".into(),
        channel: crate::testing::channel(channel),
        handshake: Handshake { headers: crate::edge::Headers::default(), peer: None, generation: Generation::V4 },
        auth: json!({}),
        wanted: Wanted::while_true(|| true),
    };
    let verdict = laravel.authorise(ask).await;
    (verdict, server.await.unwrap())
}

const OK_TRUE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue";

#[tokio::test]
async fn the_question_is_a_form_post_with_nothing_the_old_server_did_not_send() {
    let (verdict, request) = asked("private-a b!", OK_TRUE, Duration::ZERO, |config| {
        config.auth_keep_alive = false;
        config.auth_forward_client = false;
    })
    .await;
    assert_eq!(verdict, Verdict::Granted(None));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().filter(|line| !line.starts_with("host:")).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "POST /broadcasting/auth HTTP/1.1",
            "connection: close",
            "content-length: 29",
            "content-type: application/x-www-form-urlencoded",
            "x-requested-with: XMLHttpRequest",
        ]
    );
    assert_eq!(body, "channel_name=private-a%20b%21");
}

#[tokio::test]
async fn only_status_200_is_consent() {
    for (answer, status) in [
        (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], 204),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", 302),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403),
    ] {
        let (verdict, _) = asked("private-a", answer, Duration::ZERO, |_| ()).await;
        assert_eq!(verdict, Verdict::Denied(status, String::new()));
    }
}

#[tokio::test]
async fn silence_garbage_and_floods_are_refused_in_bounded_time() {
    const FLOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n";
    let start = Instant::now();
    let second = Duration::from_secs(1);
    for (answer, hold) in
        [(&b""[..], second), (b"garbage\r\n\r\n", Duration::ZERO), (b"", Duration::ZERO), (FLOOD, second)]
    {
        for channel in ["private-a", "presence-a"] {
            let (verdict, _) = asked(channel, answer, hold, |config| config.limits.auth_response = 1000).await;
            assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
        }
    }
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_login_page_with_status_200_grants_nothing_unless_the_old_rule_is_asked_for() {
    const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let (verdict, _) = asked("private-a", PAGE, Duration::ZERO, |_| ()).await;
    assert!(matches!(verdict, Verdict::Failed(_)));
    let (verdict, _) = asked("private-a", PAGE, Duration::ZERO, |config| config.auth_check_body = false).await;
    assert_eq!(verdict, Verdict::Granted(None));
}

#[tokio::test]
async fn a_presence_channel_needs_a_member_unless_the_old_rule_is_asked_for() {
    let (verdict, _) = asked("presence-a", OK_TRUE, Duration::ZERO, |_| ()).await;
    assert!(matches!(verdict, Verdict::Failed(_)));
    let (verdict, _) = asked("presence-a", OK_TRUE, Duration::ZERO, |config| config.auth_check_body = false).await;
    assert_eq!(verdict, Verdict::Granted(None));
}

#[tokio::test]
async fn a_member_needs_an_id_that_pages_can_tell_it_by_unless_the_old_rule_is_asked_for() {
    for channel_data in [r#"{"user_info":{}}"#, r#"{"user_id":{"id":1}}"#, r#"{"user_id":[1]}"#, r#"{"user_id":null}"#]
    {
        let body = format!(r#"{{"channel_data":{channel_data}}}"#);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).leak().as_bytes();
        let (verdict, _) = asked("presence-a", answer, Duration::ZERO, |_| ()).await;
        assert!(matches!(&verdict, Verdict::Failed(why) if why.contains("user_id")), "{channel_data}: {verdict:?}");
        let (verdict, _) = asked("presence-a", answer, Duration::ZERO, |config| config.auth_check_body = false).await;
        assert!(matches!(verdict, Verdict::Granted(Some(_))), "{channel_data}: {verdict:?}");
    }
    for id in ["1", "\"a\"", "0"] {
        let body = format!(r#"{{"channel_data":{{"user_id":{id}}}}}"#);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).leak().as_bytes();
        let (verdict, _) = asked("presence-a", answer, Duration::ZERO, |_| ()).await;
        assert!(matches!(verdict, Verdict::Granted(Some(_))), "{id}: {verdict:?}");
    }
}

#[test]
fn channel_data_is_an_object_or_the_text_of_one() {
    let object = Named::Member(json!({"user_id": 1}).as_object().cloned().unwrap());
    assert_eq!(Named::by(br#"{"channel_data":{"user_id":1}}"#), object);
    assert_eq!(Named::by(br#"{"auth":"k:s","channel_data":"{\"user_id\":1}"}"#), object);
    for nobody in
        [&b"true"[..], b"", b"<html>", b"{}", br#"{"channel_data":null}"#, br#"{"channel_data":"null"}"#, b"[1]"]
    {
        assert_eq!(Named::by(nobody), Named::Nobody);
    }
    for nonsense in [&b"null"[..], br#"{"channel_data":"x"}"#, br#"{"channel_data":5}"#, br#"{"channel_data":[1]}"#] {
        assert_eq!(Named::by(nonsense), Named::Nonsense);
    }
}
