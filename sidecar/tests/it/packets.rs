use rustecho_sidecar::edge::{DisconnectReason, EmitError};
use serde_json::json;

use crate::support::{BOTH, Frame, Server, Told, Ws, field, http::Session, server::packet};

#[tokio::test]
async fn events_arrive_in_order_and_come_back() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        assert_eq!(server.told().await, Told::Connected(id.clone()));
        for number in 0..100 {
            ws.send(&format!("42{number}[\"echo\",{number},{{\"a\":\"é😀\"}}]")).await;
        }
        for number in 0..100 {
            assert_eq!(server.received().await.args, [json!(number), json!({"a": "é😀"})]);
            assert_eq!(ws.text().await, format!("42[\"echo\",{number},{{\"a\":\"é😀\"}}]"));
        }
    }
}

#[tokio::test]
async fn every_wrong_packet_closes_its_connection_and_no_other() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut witness, _) = Ws::joined(server.address, eio).await;
        let mut wrong = vec![
            "",
            "4",
            "7",
            "x",
            "42x",
            "42{}",
            "42[]",
            "42[null]",
            "42[\"a\"",
            "43x",
            "45[\"a\"]",
            "450-[\"a\"]",
            "4599999-[\"a\"]",
            "451-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        ];
        match eio {
            3 => wrong.push("b4!"),
            _ => wrong.extend(["2", "4x", "bxyz!", "49", "44", "40", "42/foo,[\"a\"]", "42[\"connect\"]"]),
        }
        for packet in wrong {
            let (mut ws, _) = Ws::joined(server.address, eio).await;
            ws.send(packet).await;
            assert_eq!(ws.end().await, Some(None), "{packet:?}");
            let reason = server.disconnected().await;
            let expected = if packet == "2" { DisconnectReason::TransportError } else { DisconnectReason::ParseError };
            assert_eq!(reason, expected, "{packet:?}");
        }
        witness.send("42[\"echo\"]").await;
        assert_eq!(witness.text().await, "42[\"echo\"]");
    }
}

#[tokio::test]
async fn what_means_nothing_is_ignored() {
    for (eio, packets) in [
        (
            3,
            &["0", "1", "3", "5", "6", "4x", "49", "43[]", "4312[]", "44\"x\"", "40", "42/foo,[\"a\"]", "41/foo", "42"]
                [..],
        ),
        (4, &["0", "3", "5", "6", "43[]", "4312[1]", "42"]),
    ] {
        let server = Server::start().await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        for packet in packets {
            ws.send(packet).await;
            ws.send("42[\"echo\"]").await;
            assert_eq!(ws.text().await, "42[\"echo\"]", "{packet}");
        }
    }
}

#[tokio::test]
async fn other_namespaces_do_not_exist() {
    let server = Server::start().await;
    let (mut old, _) = Ws::open(server.address, 3).await;
    old.send("40/foo?token=1").await;
    assert_eq!(old.text().await, "44/foo,\"Invalid namespace\"");
    let (mut new, _) = Ws::open(server.address, 4).await;
    new.send("40/foo,{\"a\":1}").await;
    assert_eq!(new.text().await, "44/foo,{\"message\":\"Invalid namespace\"}");
    new.send("40").await;
    assert!(new.text().await.starts_with("40{"));
}

#[tokio::test]
async fn disconnect_leaves_the_connection_up() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        ws.send("41").await;
        let reason = DisconnectReason::ClientNamespaceDisconnect;
        assert_eq!(server.told().await, Told::Disconnected(id.clone(), reason));
        assert_eq!(socket.emit(&packet("x", "1")), Err(EmitError::Closed));
        socket.close();
        assert_eq!((server.edge.sockets(), server.edge.connections()), (0, 1));
        if eio == 3 {
            ws.send("42[\"echo\"]").await;
            ws.send("2").await;
            assert_eq!(ws.text().await, "3");
        }
        // It may come again; in generation 4 as somebody new.
        ws.send("40").await;
        let Told::Connected(again) = server.told().await else { panic!("not connected") };
        if eio == 4 {
            assert_eq!(field(&ws.text().await, "sid"), again);
        }
        assert_eq!(again == id, eio == 3);
        server.socket(&again).emit(&packet("x", "1")).unwrap();
        assert_eq!(ws.text().await, "42[\"x\",1]");
    }
}

#[tokio::test]
async fn an_event_before_connect_closes_a_new_client() {
    let server = Server::start().await;
    for packet in ["42[\"a\"]", "41", "43[]"] {
        let (mut ws, _) = Ws::open(server.address, 4).await;
        ws.send(packet).await;
        assert_eq!(ws.end().await, Some(None), "{packet}");
        let mut session = Session::open(server.address, 4).await;
        session.post(packet).await;
        assert_eq!(session.poll().await.text(), "1", "{packet}");
    }
    server.empty().await;
}

#[tokio::test]
async fn a_socket_the_server_closes_gets_what_was_emitted_before() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        socket.emit(&packet("last", "1")).unwrap();
        socket.close();
        assert_eq!(socket.emit(&packet("after", "1")), Err(EmitError::Closed));
        assert_eq!(ws.text().await, "42[\"last\",1]");
        assert_eq!(ws.next().await, Frame::Close(None));
        assert_eq!(ws.next().await, Frame::End);
        assert_eq!(server.told().await, Told::Disconnected(id, DisconnectReason::ServerClose));
        server.empty().await;
    }
}
