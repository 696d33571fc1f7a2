use std::time::Duration;

use rustecho_sidecar::{
    config::Limits,
    edge::{Generation, Transport},
};

use crate::support::{BOTH, Server, Told, Ws, field, http::Session};

fn assert_sid(sid: &str) {
    assert_eq!(sid.len(), 20, "{sid}");
    assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{sid}");
}

#[tokio::test]
async fn old_polling_handshake_is_the_old_servers_byte_for_byte() {
    let mut server = Server::start().await;
    for query in ["EIO=3&transport=polling", "transport=polling", "EIO=2&transport=polling&b64=1"] {
        let session = Session::open_with(server.address, query, &[]).await;
        let sid = &session.sid;
        assert_sid(sid);
        let open =
            format!("0{{\"sid\":\"{sid}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000}}");
        assert_eq!(session.opening.text(), format!("{}:{open}2:40", open.len()));
        assert_eq!(session.opening.header("content-type"), Some("text/plain; charset=UTF-8"));
        let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(session.opening.header("set-cookie"), Some(&cookie[..]));
        // The socket id is the session id.
        assert_eq!(server.told().await, Told::Connected(sid.clone()));
        let socket = server.socket(sid);
        assert_eq!(socket.handshake().generation, Generation::V3);
        assert_eq!(socket.handshake().peer, Some([127, 0, 0, 1].into()));
        assert_eq!(socket.transport(), Transport::Polling);
    }
}

#[tokio::test]
async fn new_polling_handshake_connects_by_a_packet() {
    let mut server = Server::start().await;
    let mut session = Session::open(server.address, 4).await;
    let sid = session.sid.clone();
    assert_sid(&sid);
    let open = format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}}"
    );
    assert_eq!(session.opening.text(), open);
    assert_eq!(session.opening.header("set-cookie"), None);
    assert_eq!(server.edge.sockets(), 0);
    session.post("40{\"token\":\"x\"}").await;
    let answer = session.poll().await;
    let id = field(answer.text(), "sid");
    assert_sid(id);
    assert_ne!(id, sid);
    assert_eq!(server.told().await, Told::Connected(id.to_owned()));
    assert_eq!(server.socket(id).handshake().generation, Generation::V4);
    assert_eq!(server.edge.sockets(), 1);
}

#[tokio::test]
async fn websocket_handshakes_greet_in_frames_of_their_own() {
    let mut server = Server::start().await;
    let (_old, sid) = Ws::open(server.address, 3).await;
    assert_sid(&sid);
    assert_eq!(server.told().await, Told::Connected(sid.clone()));
    assert_eq!(server.socket(&sid).transport(), Transport::Websocket);
    let (_new, id) = Ws::joined(server.address, 4).await;
    assert_eq!(server.told().await, Told::Connected(id));
    let mut ws = Ws::connect(server.address, "EIO=3&transport=websocket").await;
    let open = ws.text().await;
    let sid = field(&open, "sid");
    assert_eq!(open, format!("0{{\"sid\":\"{sid}\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}}"));
}

#[tokio::test]
async fn websocket_answer_agrees_to_nothing_but_the_protocol() {
    let server = Server::start().await;
    let (_stream, answer) =
        Ws::ask(server.address, "EIO=4&transport=websocket", "Sec-WebSocket-Protocol: a, b\r\n").await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.header("sec-websocket-extensions"), None);
    assert_eq!(answer.header("sec-websocket-protocol"), Some("a"));
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn only_some_headers_of_the_handshake_are_kept() {
    let mut server = Server::start().await;
    let headers = [("Cookie", "laravel_session=1"), ("User-Agent", "test"), ("X-Other", "no")];
    let session = Session::open_with(server.address, "EIO=3&transport=polling", &headers).await;
    server.told().await;
    let socket = server.socket(&session.sid);
    let kept = &socket.handshake().headers;
    assert_eq!(kept.get("cookie").unwrap(), "laravel_session=1");
    assert_eq!(kept.get("user-agent").unwrap(), "test");
    assert!(kept.get("x-other").is_none());
}

#[tokio::test]
async fn transports_and_upgrades_follow_the_settings() {
    let server = Server::with(|config, _, _| {
        config.websocket = false;
        config.cookie = Some("me".into());
    })
    .await;
    let session = Session::open(server.address, 3).await;
    assert!(session.opening.text().contains("\"upgrades\":[]"), "{:?}", session.opening);
    assert!(session.opening.header("set-cookie").unwrap().starts_with("me="));
    let (_, answer) = Ws::ask(server.address, "EIO=3&transport=websocket", "").await;
    assert_eq!((answer.status, answer.text()), (400, "{\"code\":0,\"message\":\"Transport unknown\"}"));

    let server = Server::with(|config, _, _| {
        config.polling = false;
        config.allow_upgrades = false;
    })
    .await;
    let answer = server.http().await.get("EIO=4&transport=polling").await;
    assert_eq!(answer.text(), "{\"code\":0,\"message\":\"Transport unknown\"}");
    Ws::open(server.address, 4).await;
}

#[tokio::test]
async fn a_new_client_that_never_connects_is_closed() {
    let server = Server::with(|_, _, bounds| bounds.connect = Duration::from_millis(100)).await;
    let (mut ws, _) = Ws::open(server.address, 4).await;
    let mut polling = Session::open(server.address, 4).await;
    let (_joined, _) = Ws::joined(server.address, 4).await;
    assert_eq!(ws.end().await, Some(Some(1008)));
    assert_eq!(polling.poll().await.text(), "1");
    assert_eq!((server.edge.connections(), server.edge.sockets()), (1, 1));
}

#[tokio::test]
async fn how_long_a_client_may_take_to_connect_can_be_changed() {
    let server = Server::start().await;
    let (mut ws, _) = Ws::open(server.address, 4).await;
    server.edge.change(&Limits { connect: Duration::from_millis(100), ..Limits::default() });
    assert_eq!(ws.end().await, Some(Some(1008)));
}

#[tokio::test]
async fn a_stop_closes_every_socket_and_refuses_new_ones() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        let (mut polling, _) = Session::joined(server.address, eio).await;
        let query = polling.query.clone();
        polling.http.send("GET", &query, &[], b"").await;
        let mut silent = Ws::connect(server.address, "EIO=4&transport=websocket").await;
        silent.text().await;
        server.edge.shutdown();
        assert_eq!(silent.end().await, Some(None), "one that has not joined the namespace");
        assert_eq!(ws.end().await, Some(None));
        assert!(polling.http.answer().await.unwrap().text().ends_with('1'));
        for _ in 0..2 {
            assert_eq!(server.disconnected().await, rustecho_sidecar::edge::DisconnectReason::ServerClose);
        }
        server.empty().await;
        let answer = server.http().await.get(&format!("EIO={eio}&transport=polling")).await;
        assert_eq!(answer.status, 503);
    }
}
