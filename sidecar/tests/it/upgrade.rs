use std::time::Duration;

use rustecho_sidecar::edge::{DisconnectReason, Transport};

use crate::support::{
    BOTH, Frame, Server, Ws,
    http::{Session, frame},
    server::packet,
    ws::client_frame,
};

async fn probing(server: &Server, session: &Session, eio: u8) -> Ws {
    let mut ws = Ws::connect(server.address, &format!("EIO={eio}&transport=websocket&sid={}", session.sid)).await;
    ws.send("2probe").await;
    assert_eq!(ws.text().await, "3probe");
    ws
}

#[tokio::test]
async fn polling_changes_over_to_a_websocket_and_loses_nothing() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        let query = session.query.clone();
        session.http.send("GET", &query, &[], b"").await;
        let mut ws = probing(&server, &session, eio).await;
        // The waiting poll is let go with a noop.
        assert_eq!(session.http.answer().await.unwrap().text(), frame(eio == 4, &["6"]));
        assert_eq!(socket.transport(), Transport::Polling);
        for number in 0..3 {
            socket.emit(&packet("queued", &number.to_string())).unwrap();
        }
        // The change, and packets right behind it in one segment.
        ws.write(&[client_frame(0x81, b"5"), client_frame(0x81, b"42[\"echo\",1]")].concat()).await;
        for number in 0..3 {
            assert_eq!(ws.text().await, format!("42[\"queued\",{number}]"));
        }
        assert_eq!(ws.text().await, "42[\"echo\",1]");
        assert_eq!(socket.transport(), Transport::Websocket);
        let answer = session.poll().await;
        assert_eq!((answer.status, answer.text()), (400, "{\"code\":3,\"message\":\"Bad request\"}"));
        drop(ws);
        assert_eq!(server.disconnected().await, DisconnectReason::TransportClose);
        server.empty().await;
    }
}

#[tokio::test]
async fn polling_goes_on_while_a_websocket_is_probed() {
    for eio in BOTH {
        let server = Server::start().await;
        let (mut session, _) = Session::joined(server.address, eio).await;
        let _ws = probing(&server, &session, eio).await;
        session.send(&["42[\"echo\",1]"]).await;
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["42[\"echo\",1]"]));
        // Nothing to say: let go after a moment, to let the client change over.
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["6"]));
    }
}

#[tokio::test]
async fn a_probe_that_is_never_finished_is_given_up() {
    for eio in BOTH {
        let server = Server::with(|_, _, bounds| bounds.upgrade = Duration::from_millis(100)).await;
        let (mut session, _) = Session::joined(server.address, eio).await;
        let mut ws = probing(&server, &session, eio).await;
        assert_eq!(ws.end().await, Some(None));
        session.send(&["42[\"echo\",1]"]).await;
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["42[\"echo\",1]"]));
        // And another may try.
        let mut ws = probing(&server, &session, eio).await;
        ws.send("5").await;
        ws.send("42[\"echo\",2]").await;
        assert_eq!(ws.text().await, "42[\"echo\",2]");
    }
}

#[tokio::test]
async fn a_probe_that_says_something_else_is_closed() {
    for eio in BOTH {
        let server = Server::start().await;
        let (mut session, _) = Session::joined(server.address, eio).await;
        for wrong in ["2", "4", "42[\"a\"]", "", "x"] {
            let query = format!("EIO={eio}&transport=websocket&sid={}", session.sid);
            let mut ws = Ws::connect(server.address, &query).await;
            ws.send(wrong).await;
            assert_eq!(ws.end().await, Some(None), "{wrong:?}");
        }
        session.send(&["42[\"echo\",1]"]).await;
        assert_eq!(session.poll().await.text(), frame(eio == 4, &["42[\"echo\",1]"]));
    }
}

#[tokio::test]
async fn the_probe_may_be_left_out() {
    for eio in BOTH {
        let server = Server::start().await;
        let (session, _) = Session::joined(server.address, eio).await;
        let query = format!("EIO={eio}&transport=websocket&sid={}", session.sid);
        let mut ws = Ws::connect(server.address, &query).await;
        ws.send("5").await;
        ws.send("42[\"echo\",1]").await;
        assert_eq!(ws.text().await, "42[\"echo\",1]");
    }
}

#[tokio::test]
async fn a_second_websocket_of_a_session_is_closed() {
    for eio in BOTH {
        let server = Server::start().await;
        let (session, _) = Session::joined(server.address, eio).await;
        let mut first = probing(&server, &session, eio).await;
        let query = format!("EIO={eio}&transport=websocket&sid={}", session.sid);
        let mut second = Ws::connect(server.address, &query).await;
        assert_eq!(second.next().await, Frame::Close(None));
        first.send("5").await;
        first.send("42[\"echo\",1]").await;
        assert_eq!(first.text().await, "42[\"echo\",1]");
        let mut third = Ws::connect(server.address, &query).await;
        assert_eq!(third.next().await, Frame::Close(None));
        first.send("42[\"echo\",2]").await;
        assert_eq!(first.text().await, "42[\"echo\",2]");
    }
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_probed_takes_the_websocket_along() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        let mut ws = probing(&server, &session, eio).await;
        server.socket(&id).close();
        ws.send("5").await;
        assert_eq!(ws.end().await, Some(None));
    }
}
