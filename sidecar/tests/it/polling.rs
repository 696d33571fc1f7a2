use std::time::Duration;

use rustecho_sidecar::edge::{DisconnectReason, EmitError};
use tokio::io::AsyncWriteExt as _;

use crate::support::{
    BOTH, Http, Server, Told,
    http::{Session, frame},
    server::packet,
};

#[tokio::test]
async fn events_go_both_ways_and_keep_their_order() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        let answer = session.send(&["42[\"a\",\"é😀\"]", "42[\"b\"]", "42[\"echo\",1]"]).await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(answer.header("set-cookie").is_some(), eio == 3);
        for name in ["a", "b", "echo"] {
            assert_eq!(server.received().await.name, name);
        }
        let socket = server.socket(&id);
        socket.emit(&packet("x", "\"é😀\"")).unwrap();
        socket.emit(&packet("y", "2")).unwrap();
        let expected = frame(eio == 4, &["42[\"echo\",1]", "42[\"x\",\"é😀\"]", "42[\"y\",2]"]);
        assert_eq!(session.poll().await.text(), expected);
    }
}

#[tokio::test]
async fn a_waiting_poll_is_answered_by_the_first_event() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        let query = session.query.clone();
        session.http.send("GET", &query, &[], b"").await;
        // The other connection shows that the poll has been taken up: a second poll would end the session.
        let mut other = server.http().await;
        let body = frame(eio == 4, &["42[\"echo\",7]"]);
        assert_eq!(other.post(&query, &body).await.text(), "ok");
        assert_eq!(session.http.answer().await.unwrap().text(), frame(eio == 4, &["42[\"echo\",7]"]));
        server.socket(&id).emit(&packet("later", "1")).unwrap();
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["42[\"later\",1]"]));
    }
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut first, _) = Session::joined(server.address, eio).await;
        let query = first.query.clone();
        first.http.send("GET", &query, &[], b"").await;
        // Which of the two is first is for the server to say: one is refused, the other told of the end.
        let mut second = server.http().await;
        second.send("GET", &query, &[], b"").await;
        let mut answers = [first.http.answer().await.unwrap(), second.answer().await.unwrap()];
        answers.sort_by_key(|answer| answer.status);
        assert_eq!((answers[0].status, answers[0].text()), (200, &frame(eio == 4, &["1"])[..]));
        assert_eq!(answers[1].status, if eio == 3 { 500 } else { 400 });
        assert_eq!(server.disconnected().await, DisconnectReason::TransportError);
        assert_eq!(first.poll().await.text(), "{\"code\":1,\"message\":\"Session ID unknown\"}");
    }
}

#[tokio::test]
async fn a_poll_that_goes_away_ends_the_session() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        let mut poller = server.http().await;
        poller.send("GET", &session.query, &[], b"").await;
        drop(poller);
        assert_eq!(server.disconnected().await, DisconnectReason::TransportError);
        assert_eq!(socket.emit(&packet("x", "1")), Err(EmitError::Closed));
        server.empty().await;
    }
}

#[tokio::test]
async fn a_close_packet_ends_the_session_and_lets_the_poll_go() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (session, _) = Session::joined(server.address, eio).await;
        let mut poller = server.http().await;
        poller.send("GET", &session.query, &[], b"").await;
        poller.stream.flush().await.unwrap();
        let mut other = server.http().await;
        assert_eq!(other.post(&session.query, &frame(eio == 4, &["1", "42[\"never\"]"])).await.text(), "ok");
        // A noop, or, where the close was quicker than the poll, an error.
        let answer = poller.answer().await.unwrap();
        assert!(answer.text() == frame(eio == 4, &["6"]) || answer.status == 400, "{answer:?}");
        assert_eq!(server.disconnected().await, DisconnectReason::TransportClose);
        server.empty().await;
    }
}

#[tokio::test]
async fn a_badly_framed_body_is_answered_and_ends_the_session() {
    for (eio, bodies) in
        [(3, &["", "abc", "5:4", "1:x", "1:2\u{fffd}"][..]), (4, &["", "abc", "3\x1e", "42[\"a\"]\x1eq"])]
    {
        for body in bodies {
            let mut server = Server::start().await;
            let (mut session, _) = Session::joined(server.address, eio).await;
            assert_eq!(session.post(body).await.text(), "ok", "{body:?}");
            assert_eq!(server.disconnected().await, DisconnectReason::ParseError, "{body:?}");
            assert_eq!(session.poll().await.status, 400, "{body:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf8_ends_the_session() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut session, _) = Session::joined(server.address, eio).await;
        let query = session.query.clone();
        session.http.request("POST", &query, &[], b"2:4\xff").await;
        assert_eq!(server.disconnected().await, DisconnectReason::ParseError);
    }
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    for eio in BOTH {
        let mut server = Server::with(|config, _, _| config.max_payload = 1_000).await;
        let (mut session, _) = Session::joined(server.address, eio).await;
        let query = session.query.clone();
        let fits = format!("42[\"fits\",\"{}\"]", "x".repeat(900));
        assert_eq!(session.send(&[&fits]).await.text(), "ok");
        assert_eq!(server.received().await.name, "fits");
        session.http.send("POST", &query, &[], &[b'x'; 1_001]).await;
        match (eio, session.http.answer().await) {
            (3, None) => {}
            (4, Some(answer)) => assert_eq!(answer.status, 413),
            (_, other) => panic!("{eio}: {other:?}"),
        }
        assert_eq!(server.disconnected().await, DisconnectReason::TransportError);
    }
}

#[tokio::test]
async fn a_body_that_never_ends_ends_the_session() {
    for eio in BOTH {
        let mut server = Server::with(|_, _, bounds| bounds.body = Duration::from_millis(50)).await;
        let (session, _) = Session::joined(server.address, eio).await;
        let mut http = server.http().await;
        let head = format!("POST /socket.io/?{} HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n4", session.query);
        http.stream.write_all(head.as_bytes()).await.unwrap();
        assert!(http.answer().await.is_none());
        assert_eq!(server.disconnected().await, DisconnectReason::TransportError);
        server.empty().await;
    }
}

#[tokio::test]
async fn two_posts_at_once_end_the_session() {
    let mut server = Server::start().await;
    let (mut session, _) = Session::joined(server.address, 3).await;
    let mut half = Http::connect(server.address).await;
    let head = format!("POST /socket.io/?{} HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n4", session.query);
    half.stream.write_all(head.as_bytes()).await.unwrap();
    // Until the half request has been taken up whole ones are answered with `ok`.
    let answer = loop {
        let answer = session.send(&["2"]).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(answer.status, 500);
    assert_eq!(server.disconnected().await, DisconnectReason::TransportError);
}

#[tokio::test]
async fn a_session_the_server_closes_takes_what_waits_and_is_told_at_the_poll_after_it() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        assert_eq!(server.told().await, Told::Connected(id.clone()));
        let socket = server.socket(&id);
        socket.emit(&packet("last", "1")).unwrap();
        socket.close();
        socket.close();
        assert_eq!(server.told().await, Told::Disconnected(id, DisconnectReason::ServerClose));
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["42[\"last\",1]"]));
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["1"]));
        server.empty().await;
        assert_eq!(session.poll().await.status, 400);
    }
}

#[tokio::test]
async fn a_closed_session_nobody_asks_for_is_forgotten() {
    let mut server = Server::with(|config, _, bounds| {
        bounds.farewell = Duration::from_millis(20);
        config.ping_timeout = Duration::from_millis(50);
    })
    .await;
    let (_session, id) = Session::joined(server.address, 3).await;
    server.told().await;
    server.socket(&id).close();
    server.empty().await;
}
