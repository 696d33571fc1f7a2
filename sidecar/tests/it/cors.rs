use crate::support::{BOTH, Server, Ws, http::Session};

const ORIGIN: (&str, &str) = ("Origin", "https://app.test");

#[tokio::test]
async fn any_origin_is_answered_with_its_name() {
    let server = Server::start().await;
    for eio in BOTH {
        let mut session = Session::open_with(server.address, &format!("EIO={eio}&transport=polling"), &[ORIGIN]).await;
        let query = session.query.clone();
        let post = session.http.request("POST", &query, &[ORIGIN], b"").await;
        let error = session.http.request("GET", "transport=x", &[ORIGIN], b"").await;
        for answer in [&session.opening, &post, &error] {
            assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1), "{answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        }
        let plain = Session::open(server.address, eio).await;
        assert_eq!(plain.opening.header("access-control-allow-origin"), Some("*"));
        assert_eq!(plain.opening.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let server = Server::start().await;
    let mut session = Session::open(server.address, 3).await;
    let query = session.query.clone();
    let answer = session.http.request("OPTIONS", &query, &[ORIGIN], b"").await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.header("access-control-allow-headers"), Some("Content-Type"));
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1));

    // Clients of generation 4 may send headers of their own with the handshake already.
    let asks = [ORIGIN, ("Access-Control-Request-Headers", "x-token")];
    let answer = session.http.request("OPTIONS", "EIO=4&transport=polling", &asks, b"").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-token"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn origins_that_are_not_configured_are_refused() {
    let server = Server::with(|config, _, _| config.origins = vec!["app.test:443".into()]).await;
    for eio in BOTH {
        let query = format!("EIO={eio}&transport=polling");
        Session::open_with(server.address, &query, &[ORIGIN]).await;
        for headers in [&[("Origin", "https://other.test")][..], &[]] {
            let answer = server.http().await.request("GET", &query, headers, b"").await;
            assert_eq!((answer.status, answer.text()), (403, "{\"code\":4,\"message\":\"Forbidden\"}"));
        }
        let query = format!("EIO={eio}&transport=websocket");
        let (_, answer) = Ws::ask(server.address, &query, "Origin: https://other.test\r\n").await;
        assert_eq!((answer.status, answer.text()), (400, ""));
        let (_, answer) = Ws::ask(server.address, &query, "Origin: https://app.test\r\n").await;
        assert_eq!(answer.status, 101);
    }
}

#[tokio::test]
async fn internet_explorer_is_told_not_to_warn() {
    let server = Server::start().await;
    let agent = ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko");
    let session = Session::open_with(server.address, "EIO=3&transport=polling", &[agent]).await;
    assert_eq!(session.opening.header("x-xss-protection"), Some("0"));
}
