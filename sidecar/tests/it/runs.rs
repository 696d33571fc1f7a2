use rustecho_sidecar::edge::{EmitError, Run};

use crate::support::{BOTH, Server, Ws, http::Session, server::packet};

fn run(names: &[&str]) -> Run {
    Run::new(names.iter().map(|name| packet(name, "1")).collect())
}

#[tokio::test]
async fn joined_events_arrive_as_events_of_their_own() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut ws, id) = Ws::joined(server.address, eio).await;
        server.told().await;
        let socket = server.socket(&id);
        socket.emit_run(&run(&["a", "b", "c"])).unwrap();
        socket.emit_run(&run(&["d"])).unwrap();
        for name in ["a", "b", "c", "d"] {
            assert_eq!(ws.text().await, format!("42[\"{name}\",1]"));
        }
        socket.close();
        server.disconnected().await;
        assert_eq!(socket.emit_run(&run(&["a", "b"])), Err(EmitError::Closed));
    }
}

#[tokio::test]
async fn joined_events_reach_a_poller() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (mut session, id) = Session::joined(server.address, eio).await;
        server.told().await;
        server.socket(&id).emit_run(&run(&["a", "b"])).unwrap();
        let answer = session.poll().await;
        let body = answer.text();
        let (a, b) = (body.find("42[\"a\",1]").unwrap(), body.find("42[\"b\",1]").unwrap());
        assert!(a < b, "{body}");
    }
}
