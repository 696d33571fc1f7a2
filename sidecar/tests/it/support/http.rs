//! Raw HTTP: what is sent is what a test writes, what comes back is bytes.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{field, within};

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One connection, kept alive.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    pub(crate) async fn get(&mut self, query: &str) -> Answer {
        self.request("GET", query, &[], b"").await
    }

    pub(crate) async fn post(&mut self, query: &str, body: &str) -> Answer {
        self.request("POST", query, &[("Content-Type", "text/plain;charset=UTF-8")], body.as_bytes()).await
    }

    pub(crate) async fn request(&mut self, method: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(method, query, headers, body).await;
        self.answer().await.expect("an answer")
    }

    pub(crate) async fn send(&mut self, method: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head =
            format!("{method} /socket.io/?{query} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next answer; none when the connection ends before its first byte.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        within("an answer", read_answer(&mut self.stream)).await
    }
}

pub(crate) async fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return None,
            Err(error) => panic!("{error} after {head:?}"),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).await.unwrap();
    Some(answer)
}

/// A session that polls: its requests on one connection, its polls on another.
pub(crate) struct Session {
    pub(crate) http: Http,
    pub(crate) sid: String,
    /// `EIO`, `transport` and `sid`.
    pub(crate) query: String,
    pub(crate) opening: Answer,
}

impl Session {
    /// Opens a session; in generation 4 it has not connected to the namespace yet.
    pub(crate) async fn open(address: SocketAddr, eio: u8) -> Self {
        Self::open_with(address, &format!("EIO={eio}&transport=polling"), &[]).await
    }

    pub(crate) async fn open_with(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut http = Http::connect(address).await;
        let opening = http.request("GET", query, headers, b"").await;
        assert_eq!(opening.status, 200, "{opening:?}");
        let text = opening.text().replace("\\\"", "\"");
        let sid = field(&text, "sid").to_owned();
        Self { http, query: format!("{query}&sid={sid}"), sid, opening }
    }

    /// Opens a session and joins the default namespace; the socket id.
    pub(crate) async fn joined(address: SocketAddr, eio: u8) -> (Self, String) {
        let mut session = Self::open(address, eio).await;
        if eio == 3 {
            let id = session.sid.clone();
            return (session, id);
        }
        assert_eq!(session.post("40").await.text(), "ok");
        let answer = session.poll().await;
        let id = field(answer.text(), "sid").to_owned();
        assert_eq!(answer.text(), format!("40{{\"sid\":\"{id}\"}}"));
        (session, id)
    }

    pub(crate) async fn poll(&mut self) -> Answer {
        self.http.get(&self.query.clone()).await
    }

    pub(crate) async fn post(&mut self, body: &str) -> Answer {
        self.http.post(&self.query.clone(), body).await
    }

    /// Posts Engine.IO packets in the framing of the session's generation.
    pub(crate) async fn send(&mut self, packets: &[&str]) -> Answer {
        let body = frame(self.query.contains("EIO=4"), packets);
        self.post(&body).await
    }
}

/// Packets as one body.
pub(crate) fn frame(new: bool, packets: &[&str]) -> String {
    if new {
        return packets.join("\x1e");
    }
    packets.iter().map(|packet| format!("{}:{packet}", packet.encode_utf16().count())).collect()
}
