use bytes::Bytes;
use rustecho_sidecar::edge::DisconnectReason;

use crate::support::{Frame, Server, Ws, http::Session};

const EVENT: &str = "452-[\"echo\",{\"_placeholder\":true,\"num\":0},{\"b\":{\"_placeholder\":true,\"num\":1}}]";

#[tokio::test]
async fn attachments_go_both_ways_by_websocket() {
    for (eio, prefix) in [(3, &[4_u8][..]), (4, &[])] {
        let mut server = Server::start().await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        ws.send(EVENT).await;
        let parts = [[prefix, &[1, 255]].concat(), [prefix, b"hi"].concat()];
        ws.send_binary(&parts[0]).await;
        // A heartbeat between the parts of a packet changes nothing.
        ws.send(if eio == 3 { "2" } else { "3" }).await;
        ws.send_binary(&parts[1]).await;
        let event = server.received().await;
        assert_eq!(event.attachments, [Bytes::from_static(&[1, 255]), Bytes::from_static(b"hi")]);
        if eio == 3 {
            assert_eq!(ws.text().await, "3");
        }
        assert_eq!(ws.text().await, EVENT);
        assert_eq!(ws.next().await, Frame::Binary(parts[0].clone()));
        assert_eq!(ws.next().await, Frame::Binary(parts[1].clone()));
    }
}

#[tokio::test]
async fn base64_where_the_client_asks_for_it() {
    for (eio, prefix) in [(3, "b4"), (4, "b")] {
        let server = Server::start().await;
        let mut ws = Ws::connect(server.address, &format!("EIO={eio}&transport=websocket&b64=1")).await;
        ws.text().await;
        if eio == 4 {
            ws.send("40").await;
        }
        ws.text().await;
        ws.send("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]").await;
        ws.send(&format!("{prefix}AQIDBA==")).await;
        ws.text().await;
        assert_eq!(ws.text().await, format!("{prefix}AQIDBA=="));
    }
}

#[tokio::test]
async fn attachments_by_polling() {
    let server = Server::start().await;
    let (mut new, _) = Session::joined(server.address, 4).await;
    assert_eq!(new.send(&["451-[\"echo\",{\"_placeholder\":true,\"num\":0}]", "bAQIDBA=="]).await.text(), "ok");
    assert_eq!(new.poll().await.text(), "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x1ebAQIDBA==");

    let mut old = Session::open_with(server.address, "EIO=3&transport=polling&b64=1", &[]).await;
    assert_eq!(old.send(&["451-[\"echo\",{\"_placeholder\":true,\"num\":0}]", "b4AQIDBA=="]).await.text(), "ok");
    assert_eq!(old.poll().await.text(), "42:451-[\"echo\",{\"_placeholder\":true,\"num\":0}]10:b4AQIDBA==");
}

#[tokio::test]
async fn old_clients_with_binary_requests_get_binary_answers() {
    let server = Server::start().await;
    let (mut session, _) = Session::joined(server.address, 3).await;
    let head = b"451-[\"echo\",{\"_placeholder\":true,\"num\":0}]";
    let body = [&[0, 4, 2, 255][..], head, &[1, 3, 255, 4, 1, 255]].concat();
    let query = session.query.clone();
    let octets = ("Content-Type", "application/octet-stream");
    assert_eq!(session.http.request("POST", &query, &[octets], &body).await.text(), "ok");
    let answer = session.poll().await;
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.body, body);
}

#[tokio::test]
async fn attachments_nobody_announced_or_more_bytes_than_may_be_close_the_connection() {
    for (eio, prefix) in [(3, &[4_u8][..]), (4, &[])] {
        let mut server = Server::with(|config, _, _| config.max_payload = 1_000).await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        ws.send_binary(&[prefix, b"x"].concat()).await;
        assert_eq!(ws.end().await, Some(None));
        assert_eq!(server.disconnected().await, DisconnectReason::ParseError);

        let (mut ws, _) = Ws::joined(server.address, eio).await;
        ws.send(EVENT).await;
        ws.send("42[\"between\"]").await;
        assert_eq!(ws.end().await, Some(None));

        let (mut ws, _) = Ws::joined(server.address, eio).await;
        ws.send(EVENT).await;
        ws.send_binary(&[prefix, &[0; 900]].concat()).await;
        ws.send_binary(&[prefix, &[0; 101]].concat()).await;
        assert_eq!(ws.end().await, Some(Some(1009)), "as one packet over the bound");
    }
}

#[tokio::test]
async fn attachments_of_what_is_ignored_are_skipped() {
    for (eio, prefix) in [(3, &[4_u8][..]), (4, &[])] {
        let server = Server::start().await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        ws.send("461-7[{\"_placeholder\":true,\"num\":0}]").await;
        ws.send_binary(&[prefix, b"x"].concat()).await;
        ws.send("42[\"echo\"]").await;
        assert_eq!(ws.text().await, "42[\"echo\"]");
    }
}
