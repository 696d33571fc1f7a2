//! Streams that are not bare TCP: everything that writes has another way to go there.

use rustecho_sidecar::edge::{DisconnectReason, EmitError};

use crate::support::{BOTH, Frame, Server, Ws, http::Session, server::packet, ws::client_frame};

#[tokio::test]
async fn events_in_order_large_and_small() {
    for eio in BOTH {
        let mut server = Server::over(true, |_, _, _| {}).await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        for length in [1, 900, 1_100, 300_000, 1] {
            let json = format!("\"{}\"", "x".repeat(length));
            socket.emit(&packet("x", &json)).unwrap();
            assert_eq!(ws.text().await, format!("42[\"x\",{json}]"));
        }
        let filler = "x".repeat(10_000);
        for number in 0..500 {
            socket.emit(&packet("x", &format!("[{number},\"{filler}\"]"))).unwrap();
        }
        for number in 0..500 {
            assert!(ws.text().await.starts_with(&format!("42[\"x\",[{number},")), "{number}");
        }
        ws.write(&client_frame(0x88, &[3, 232])).await;
        assert_eq!(ws.next().await, Frame::Close(Some(1000)));
        assert_eq!(ws.next().await, Frame::End);
        server.empty().await;
    }
}

#[tokio::test]
async fn upgrade_and_heartbeat() {
    for eio in BOTH {
        let server = Server::over(true, |_, _, _| {}).await;
        let (session, _) = Session::joined(server.address, eio).await;
        let mut ws = Ws::connect(server.address, &format!("EIO={eio}&transport=websocket&sid={}", session.sid)).await;
        ws.send("2probe").await;
        assert_eq!(ws.text().await, "3probe");
        ws.send("5").await;
        ws.send("42[\"echo\"]").await;
        assert_eq!(ws.text().await, "42[\"echo\"]");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_at_its_bound() {
    let mut server = Server::over(true, |_, limits, _| limits.queue_per_socket = 500_000).await;
    let (_ws, id) = Ws::joined(server.address, 4).await;
    server.told().await;
    let socket = server.socket(&id);
    let large = packet("x", &format!("\"{}\"", "x".repeat(100_000)));
    let error = loop {
        if let Err(error) = socket.emit(&large) {
            break error;
        }
    };
    assert_eq!(error, EmitError::Full);
    assert_eq!(server.disconnected().await, DisconnectReason::SlowClient);
    server.empty().await;
}
