//! A raw websocket client: sends any frame, also wrong ones.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Answer, field, http::read_answer, within};

const MASK: [u8; 4] = [0x5a, 0x01, 0xff, 0x80];

/// One frame from the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// With its code.
    Close(Option<u16>),
    /// The connection is over.
    End,
}

pub(crate) struct Ws {
    pub(crate) stream: TcpStream,
}

impl Ws {
    /// A websocket that has not been greeted yet.
    pub(crate) async fn connect(address: SocketAddr, query: &str) -> Self {
        match Self::ask(address, query, "").await {
            (stream, answer) if answer.status == 101 => Self { stream },
            (_, answer) => panic!("{answer:?}"),
        }
    }

    /// Sends a handshake and returns whatever comes.
    pub(crate) async fn ask(address: SocketAddr, query: &str, headers: &str) -> (TcpStream, Answer) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!(
            "GET /socket.io/?{query} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = within("an answer to the handshake", read_answer(&mut stream)).await.unwrap();
        (stream, answer)
    }

    /// A websocket of a new session, greeted: the session id.
    pub(crate) async fn open(address: SocketAddr, eio: u8) -> (Self, String) {
        let mut ws = Self::connect(address, &format!("EIO={eio}&transport=websocket")).await;
        let open = ws.text().await;
        let sid = field(&open, "sid").to_owned();
        if eio == 3 {
            assert_eq!(ws.text().await, "40");
        }
        (ws, sid)
    }

    /// The same, in the default namespace: the socket id.
    pub(crate) async fn joined(address: SocketAddr, eio: u8) -> (Self, String) {
        let (mut ws, sid) = Self::open(address, eio).await;
        if eio == 3 {
            return (ws, sid);
        }
        ws.send("40").await;
        let answer = ws.text().await;
        let id = field(&answer, "sid").to_owned();
        assert_eq!(answer, format!("40{{\"sid\":\"{id}\"}}"));
        (ws, id)
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.write(&client_frame(0x81, text.as_bytes())).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.write(&client_frame(0x82, bytes)).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame, which has to be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Frame::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn next(&mut self) -> Frame {
        within("a frame", self.read()).await
    }

    /// Skips to the end: the code of the close frame, if there was one.
    pub(crate) async fn end(&mut self) -> Option<Option<u16>> {
        let mut close = None;
        loop {
            match self.next().await {
                Frame::Close(code) => close = Some(code),
                Frame::End => return close,
                Frame::Text(_) | Frame::Binary(_) | Frame::Pong(_) => {}
            }
        }
    }

    async fn read(&mut self) -> Frame {
        let mut head = [0; 2];
        if self.stream.read_exact(&mut head).await.is_err() {
            return Frame::End;
        }
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        match head[0] {
            0x81 => Frame::Text(String::from_utf8(payload).unwrap()),
            0x82 => Frame::Binary(payload),
            0x8a => Frame::Pong(payload),
            0x88 => Frame::Close(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))),
            other => panic!("frame {other:#x}"),
        }
    }
}

/// A masked frame with any first byte.
pub(crate) fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
