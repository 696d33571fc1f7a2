use crate::support::{BOTH, Http, Server, http::Session, server::packet};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn answers_are_script_calls_and_bodies_are_forms() {
    for (eio, opening) in [(3, "___eio[7](\"97:0{"), (4, "___eio[7](\"0{")] {
        let mut server = Server::start().await;
        let mut session = Session::open_with(server.address, &format!("EIO={eio}&transport=polling&j=7"), &[]).await;
        assert!(session.opening.text().starts_with(opening), "{:?}", session.opening);
        assert!(session.opening.text().ends_with("\");"));
        assert_eq!(session.opening.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(session.opening.header("access-control-allow-origin"), None);
        let query = session.query.clone();
        if eio == 4 {
            session.http.request("POST", &query, &[FORM], b"d=40").await;
            session.poll().await;
        }
        // 42["a\n","b\\n"] in JSON text, as the client's form has it; %2B is a plus sign, + a blank.
        let body: &[u8] = if eio == 3 {
            b"d=21%3A42%5B%22e%2B%20+%22%2C%22%5C%5Cn%22%5D0:"
        } else {
            b"d=42%5B%22e%2B%20+%22%2C%22%5C%5Cn%22%5D"
        };
        let body = if eio == 3 { body.strip_suffix(b"0:").unwrap() } else { body };
        let length = "42[\"e+  \",\"\\n\"]".len();
        let body = String::from_utf8(body.to_vec()).unwrap().replace("21%3A", &format!("{length}%3A"));
        assert_eq!(session.http.request("POST", &query, &[FORM], body.as_bytes()).await.text(), "ok");
        let event = server.received().await;
        assert_eq!((event.name.as_str(), &event.args[..]), ("e+  ", &["\n".into()][..]));
    }
}

#[tokio::test]
async fn events_in_script_calls_are_escaped() {
    let mut server = Server::start().await;
    let mut session = Session::open_with(server.address, "EIO=3&transport=polling&j=0", &[]).await;
    server.told().await;
    server.socket(&session.sid).emit(&packet("x", "\"\u{2028}é\"")).unwrap();
    assert_eq!(session.poll().await.text(), "___eio[0](\"12:42[\\\"x\\\",\\\"\\u2028é\\\"]\");");
}

#[tokio::test]
async fn a_form_without_data_is_ignored() {
    for eio in BOTH {
        let server = Server::start().await;
        let mut session = Session::open_with(server.address, &format!("EIO={eio}&transport=polling&j=0"), &[]).await;
        let query = session.query.clone();
        assert_eq!(session.http.request("POST", &query, &[FORM], b"x=1").await.text(), "ok");
        assert_eq!(server.edge.connections(), 1);
        let mut other = Http::connect(server.address).await;
        if eio == 3 {
            assert_eq!(other.request("OPTIONS", &query, &[], b"").await.status, 500);
        }
    }
}
