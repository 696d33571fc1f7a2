use crate::support::{BOTH, Server, Ws, http::Session};

const UNKNOWN_TRANSPORT: &str = "{\"code\":0,\"message\":\"Transport unknown\"}";
const UNKNOWN_SID: &str = "{\"code\":1,\"message\":\"Session ID unknown\"}";
const BAD_METHOD: &str = "{\"code\":2,\"message\":\"Bad handshake method\"}";
const BAD_REQUEST: &str = "{\"code\":3,\"message\":\"Bad request\"}";

#[tokio::test]
async fn requests_that_are_no_handshake() {
    let server = Server::start().await;
    for eio in BOTH {
        for (method, query, body) in [
            ("GET", "", UNKNOWN_TRANSPORT),
            ("GET", "transport=", UNKNOWN_TRANSPORT),
            ("GET", "transport=tcp", UNKNOWN_TRANSPORT),
            ("GET", "transport=Polling", UNKNOWN_TRANSPORT),
            ("GET", "transport=polling&sid=unknown", UNKNOWN_SID),
            ("POST", "transport=polling&sid=__proto__", UNKNOWN_SID),
            ("POST", "transport=polling", BAD_METHOD),
            ("PUT", "transport=polling", BAD_METHOD),
            ("GET", "transport=websocket", BAD_REQUEST),
        ] {
            let answer = server.http().await.request(method, &format!("EIO={eio}&{query}"), &[], b"").await;
            assert_eq!((answer.status, answer.text()), (400, body), "{method} {query}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        }
    }
    let answer = server.http().await.request("OPTIONS", "EIO=3&transport=polling", &[], b"").await;
    assert_eq!((answer.status, answer.text()), (400, BAD_METHOD));
    assert_eq!(server.edge.connections(), 0);
}

#[tokio::test]
async fn a_session_is_asked_for_by_its_own_transport() {
    let server = Server::start().await;
    for eio in BOTH {
        let (_ws, sid) = Ws::open(server.address, eio).await;
        let answer = server.http().await.get(&format!("EIO={eio}&transport=polling&sid={sid}")).await;
        assert_eq!((answer.status, answer.text()), (400, BAD_REQUEST));
        let answer = server.http().await.get(&format!("EIO={eio}&transport=websocket&sid={sid}")).await;
        assert_eq!((answer.status, answer.text()), (400, BAD_REQUEST));
        let mut session = Session::open(server.address, eio).await;
        let query = session.query.clone();
        let answer = session.http.request("PUT", &query, &[], b"x").await;
        assert_eq!((answer.status, answer.text()), (500, ""));
    }
}

#[tokio::test]
async fn websocket_handshakes_are_refused_in_plain_text() {
    let server = Server::start().await;
    for (query, body) in [
        ("EIO=3", "Transport unknown"),
        ("EIO=3&transport=polling", "Bad request"),
        ("EIO=4&transport=websocket&sid=unknown", "Session ID unknown"),
    ] {
        let (_, answer) = Ws::ask(server.address, query, "").await;
        assert_eq!((answer.status, answer.text()), (400, body), "{query}");
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

#[tokio::test]
async fn websocket_handshakes_that_are_none() {
    let server = Server::start().await;
    let upgrade = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")];
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let version = ("Sec-WebSocket-Version", "13");
    for headers in [
        vec![upgrade[0], upgrade[1]],
        vec![upgrade[0], upgrade[1], version],
        vec![upgrade[0], upgrade[1], key],
        vec![upgrade[0], upgrade[1], key, ("Sec-WebSocket-Version", "7")],
        vec![upgrade[0], upgrade[1], version, ("Sec-WebSocket-Key", "short")],
        vec![upgrade[0], ("Upgrade", "h2c"), key, version],
    ] {
        let answer = server.http().await.request("GET", "EIO=4&transport=websocket", &headers, b"").await;
        assert_eq!(answer.status, 400, "{headers:?}");
    }
    assert_eq!(server.edge.connections(), 0);
}
