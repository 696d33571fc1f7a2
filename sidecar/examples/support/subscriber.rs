//! A client in a few lines, for programs that measure and for tests of the built sidecar.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{bail, ensure};

/// Longer than anything takes, under valgrind as well.
const PATIENCE: Duration = Duration::from_secs(40);

/// A websocket that is subscribed to the channel.
pub(crate) struct Subscriber(BufReader<TcpStream>);

impl Subscriber {
    /// Of generation `eio`.
    pub(crate) fn join(stream: TcpStream, eio: u64) -> anyhow::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut socket = Self(BufReader::new(stream));
        let head = format!(
            "GET /socket.io/?EIO={eio}&transport=websocket HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        socket.0.get_mut().write_all(head.as_bytes())?;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            ensure!(socket.0.read_line(&mut line)? > 0, "the handshake was not answered");
        }
        socket.frame()?;
        if eio == 4 {
            socket.send("40")?;
        }
        socket.frame()?;
        socket.send("42[\"subscribe\",{\"channel\":\"bench.0\"}]")?;
        // A pong says that everything before it has been done.
        socket.0.get_mut().write_all(&[0x89, 0x80, 0, 0, 0, 0])?;
        let mut pong = [0; 2];
        socket.0.read_exact(&mut pong)?;
        ensure!(pong == [0x8a, 0], "{pong:?} is no pong");
        Ok(socket)
    }

    /// A text, under a mask of zeros.
    fn send(&mut self, text: &str) -> std::io::Result<()> {
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.get_mut().write_all(&frame)
    }

    /// The next text.
    pub(crate) fn frame(&mut self) -> anyhow::Result<String> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        let length = match (head[0], head[1]) {
            (0x81, 126) => {
                let mut long = [0; 2];
                self.0.read_exact(&mut long)?;
                usize::from(u16::from_be_bytes(long))
            }
            (0x81, short @ ..=125) => usize::from(short),
            other => bail!("{other:?} is no head of a short text"),
        };
        let mut text = vec![0; length];
        self.0.read_exact(&mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
