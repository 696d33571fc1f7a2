use std::time::Duration;

use rustecho_sidecar::{
    config::SlowClients,
    edge::{DisconnectReason, EmitError, Packet, Run},
};

use crate::support::{BOTH, Frame, Server, Ws, http::Session, server::packet, within};

#[tokio::test]
async fn a_client_that_does_not_read_costs_its_bound_and_nobody_else_anything() {
    for eio in BOTH {
        let mut server = Server::with(|_, limits, _| limits.queue_per_socket = 500_000).await;
        let (_slow, slow_id) = Ws::joined(server.address, eio).await;
        let (mut witness, witness_id) = Ws::joined(server.address, eio).await;
        server.told().await;
        server.told().await;
        let (slow, other) = (server.socket(&slow_id), server.socket(&witness_id));
        let mut emitted = 0;
        let error = loop {
            let packet = packet("x", &format!("[{emitted},\"{}\"]", "x".repeat(10_000)));
            other.emit(&packet).unwrap();
            assert!(witness.text().await.starts_with(&format!("42[\"x\",[{emitted},")));
            match slow.emit(&packet) {
                Ok(()) => emitted += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, EmitError::Full);
        assert!(emitted > 50, "the bound alone is 50 packets, emitted {emitted}");
        assert_eq!(slow.emit(&packet("y", "1")), Err(EmitError::Closed));
        assert_eq!(server.disconnected().await, DisconnectReason::SlowClient);
        assert_eq!(server.edge.slow_sockets(), 1);
        assert_eq!(server.edge.sockets(), 1);
    }
}

#[tokio::test]
async fn a_client_that_reads_late_gets_everything_in_order() {
    for eio in BOTH {
        let mut server = Server::with(|_, limits, _| limits.queue_per_socket = 100_000_000).await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        let filler = "x".repeat(20_000);
        for number in 0..1_000 {
            socket.emit(&packet("x", &format!("[{number},\"{filler}\"]"))).unwrap();
        }
        for number in 0..1_000 {
            assert!(ws.text().await.starts_with(&format!("42[\"x\",[{number},")), "{number}");
        }
        // The way is free again.
        socket.emit(&packet("x", "1")).unwrap();
        assert_eq!(ws.text().await, "42[\"x\",1]");
    }
}

fn number(text: &str) -> u64 {
    text.split(['[', ',']).nth(3).unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

#[tokio::test]
async fn the_oldest_events_make_room_where_that_is_asked_for() {
    const BOUND: usize = 500_000;
    for (eio, together) in [(3, 1), (4, 1), (4, 3)] {
        let mut server = Server::with(|_, limits, _| {
            limits.queue_per_socket = BOUND;
            limits.slow_clients = SlowClients::DropOldest;
        })
        .await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        let filler = "x".repeat(10_000);
        for run in 0..1_000 / together {
            let number = |n: usize| packet("x", &format!("[{},\"{filler}\"]", run * together + n));
            socket.emit_run(&Run::new((0..together).map(number).collect::<Vec<Packet>>())).unwrap();
            assert!(socket.queued() <= BOUND);
        }
        let sent = (1_000 / together * together) as u64;
        let (mut next, mut got) = (0, 0);
        while next < sent {
            let number = number(&ws.text().await);
            assert!(number >= next, "{number} after {next}");
            (next, got) = (number + 1, got + 1);
        }
        assert!(server.dropped() > 100, "{}", server.dropped());
        assert_eq!(got + server.dropped(), sent, "each one dropped is counted, and none came in part");
        socket.emit(&packet("x", "[1000]")).unwrap();
        assert_eq!(ws.text().await, "42[\"x\",[1000]]");
    }
}

#[tokio::test]
async fn the_oldest_events_make_room_for_a_poller_that_does_not_poll() {
    for eio in BOTH {
        let mut server = Server::with(|_, limits, _| {
            limits.queue_per_socket = 10 * (10 + 64);
            limits.slow_clients = SlowClients::DropOldest;
        })
        .await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        for number in 10..90 {
            socket.emit(&packet("x", &number.to_string())).unwrap();
        }
        assert_eq!(server.dropped(), 70);
        let answer = session.poll().await;
        assert!(answer.text().contains("42[\"x\",80]") && answer.text().contains("42[\"x\",89]"), "{}", answer.text());
        assert!(!answer.text().contains("79]"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_closed() {
    let mut server = Server::with(|_, limits, bounds| {
        limits.queue_per_socket = 100_000_000;
        bounds.stall = Duration::from_millis(200);
    })
    .await;
    let (_ws, id) = Ws::joined(server.address, 4).await;
    server.told().await;
    let socket = server.socket(&id);
    let filler = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..20 {
        socket.emit(&packet("x", &filler)).unwrap();
    }
    assert_eq!(server.disconnected().await, DisconnectReason::WriteTimeout);
    assert_eq!(server.edge.slow_sockets(), 1);
}

#[tokio::test]
async fn a_close_is_not_held_up_by_a_client_that_does_not_read() {
    let mut server = Server::with(|_, limits, _| limits.queue_per_socket = 100_000_000).await;
    let (ws, id) = Ws::joined(server.address, 4).await;
    server.told().await;
    let socket = server.socket(&id);
    let filler = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..20 {
        socket.emit(&packet("x", &filler)).unwrap();
    }
    let weak = std::sync::Arc::downgrade(&socket);
    socket.close();
    drop(socket);
    assert_eq!(server.disconnected().await, DisconnectReason::ServerClose);
    within("everything of the socket is freed", async {
        while weak.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    drop(ws);
}

#[tokio::test]
async fn a_poller_that_does_not_poll_is_closed_at_its_bound() {
    for eio in BOTH {
        let mut server = Server::with(|_, limits, _| limits.queue_per_socket = 1_000).await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        let filler = format!("\"{}\"", "x".repeat(400));
        assert_eq!(socket.emit(&packet("x", &filler)), Ok(()));
        assert_eq!(socket.emit(&packet("x", &filler)), Ok(()));
        assert_eq!(socket.emit(&packet("x", &filler)), Err(EmitError::Full));
        assert_eq!(server.disconnected().await, DisconnectReason::SlowClient);
        let told = session.poll().await;
        assert!(told.text().contains("42[\"rustecho:error\","), "{}", told.text());
        assert!(told.text().contains("over limits.queueBytesPerSocket (1000)"), "{}", told.text());
        assert!(session.poll().await.text().ends_with('1'), "and that it is closed");
        assert_eq!(session.poll().await.status, 400);
    }
}

#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_however_small() {
    let mut server = Server::with(|_, limits, _| limits.queue_per_socket = 1_000_000).await;
    let (mut session, id) = Session::joined(server.address, 3).await;
    server.told().await;
    let socket = server.socket(&id);
    let pings = "1:2".repeat(30_000);
    let query = session.query.clone();
    for _ in 0..2 {
        session.http.post(&query, &pings).await;
        assert!(socket.queued() <= 1_000_000);
    }
    assert_eq!(server.disconnected().await, DisconnectReason::SlowClient);
}

#[tokio::test]
async fn emits_from_many_threads_arrive_whole() {
    let mut server = Server::start().await;
    let (mut ws, id) = Ws::joined(server.address, 3).await;
    server.told().await;
    let socket = server.socket(&id);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                for number in 0..500 {
                    socket.emit(&packet("x", &format!("[{thread},{number},\"{}\"]", "x".repeat(500)))).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..2_000 {
        let Frame::Text(text) = ws.next().await else { panic!("not text") };
        let args: serde_json::Value = serde_json::from_str(&text[2..]).unwrap();
        let thread = usize::try_from(args[1][0].as_u64().unwrap()).unwrap();
        assert_eq!(args[1][1], next[thread]);
        next[thread] += 1;
    }
    for thread in threads {
        thread.join().unwrap();
    }
}
