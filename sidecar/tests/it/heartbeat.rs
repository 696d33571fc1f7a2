use std::time::{Duration, Instant};

use rustecho_sidecar::edge::DisconnectReason;

use crate::support::{Frame, Server, Ws, http::Session};

#[tokio::test]
async fn old_clients_ping_and_the_server_answers() {
    let mut server = Server::impatient().await;
    let (mut ws, _) = Ws::joined(server.address, 3).await;
    let (mut polling, _) = Session::joined(server.address, 3).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        ws.send("2data").await;
        assert_eq!(ws.text().await, "3");
        polling.send(&["2"]).await;
        assert_eq!(polling.poll().await.text(), "1:3");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Then silence: closed without a status.
    assert_eq!(ws.end().await, Some(None));
    assert_eq!(server.disconnected().await, DisconnectReason::PingTimeout);
    assert_eq!(server.disconnected().await, DisconnectReason::PingTimeout);
    assert_eq!(polling.poll().await.status, 400);
    assert!(start.elapsed() >= Duration::from_millis(1_400));
}

#[tokio::test]
async fn any_packet_keeps_an_old_client() {
    let server = Server::impatient().await;
    let (mut ws, _) = Ws::joined(server.address, 3).await;
    for _ in 0..10 {
        ws.send("42[\"echo\"]").await;
        assert_eq!(ws.text().await, "42[\"echo\"]");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.edge.sockets(), 1);
}

#[tokio::test]
async fn new_clients_are_pinged_and_answer() {
    let mut server = Server::impatient().await;
    let (mut ws, _) = Ws::joined(server.address, 4).await;
    let (mut polling, _) = Session::joined(server.address, 4).await;
    for _ in 0..3 {
        assert_eq!(ws.text().await, "2");
        ws.send("3").await;
        assert_eq!(polling.poll().await.text(), "2");
        polling.send(&["3"]).await;
    }
    assert_eq!(server.edge.sockets(), 2);
    assert_eq!(ws.text().await, "2");
    assert_eq!(ws.next().await, Frame::Close(None));
    assert_eq!(server.disconnected().await, DisconnectReason::PingTimeout);
    assert_eq!(server.disconnected().await, DisconnectReason::PingTimeout);
    server.empty().await;
}
