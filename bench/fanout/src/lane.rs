//! One connection of a client: bytes that wait to be sent, bytes that are not yet a whole frame, with or without TLS.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    sync::Arc,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// The stream, plain or through TLS.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A connection that never blocks.
pub struct Lane {
    stream: Stream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// Whether HTTP has ended and frames are spoken.
    pub upgraded: bool,
}

impl Lane {
    /// Begins to connect, and to be told of what happens under `token`.
    pub fn dial(
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        registry: &Registry,
        token: Token,
    ) -> anyhow::Result<Self> {
        let mut tcp = TcpStream::connect(address)?;
        registry.register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE)?;
        let stream = match tls {
            None => Stream::Plain(tcp),
            Some(config) => {
                let connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
                Stream::Tls(Box::new(StreamOwned::new(connection, tcp)))
            }
        };
        Ok(Self { stream, inbox: Vec::new(), outbox: Vec::new(), upgraded: false })
    }

    /// Is no longer told of what happens.
    pub fn leave(&mut self, registry: &Registry) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(tcp) => registry.deregister(tcp),
            Stream::Tls(tls) => registry.deregister(&mut tls.sock),
        }
    }

    /// Sends as soon as it can be sent.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outbox.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends what waits, as far as the other end takes it.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.outbox.len() {
            let rest = &self.outbox[sent..];
            let written = match &mut self.stream {
                Stream::Plain(tcp) => tcp.write(rest),
                Stream::Tls(tls) => tls.write(rest),
            };
            match written {
                Ok(count) => sent += count,
                Err(error) if waits(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outbox.drain(..sent);
        match &mut self.stream {
            Stream::Tls(tls) => match tls.flush() {
                Err(error) if !waits(&error) => Err(error),
                _ => Ok(()),
            },
            Stream::Plain(_) => Ok(()),
        }
    }

    /// Reads all there is. `consume` is shown what has come and says how much of it was whole. Gives back whether the other end
    /// is still there.
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        mut consume: impl FnMut(&mut Self, &[u8]) -> anyhow::Result<usize>,
    ) -> anyhow::Result<bool> {
        loop {
            let (read, drained) = match &mut self.stream {
                Stream::Plain(tcp) => {
                    let read = tcp.read(scratch);
                    // Told of edges only; less than was asked for is the end of what there is.
                    let drained = read.as_ref().is_ok_and(|count| *count < scratch.len());
                    (read, drained)
                }
                Stream::Tls(tls) => (tls.read(scratch), false),
            };
            let count = match read {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if waits(&error) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if self.inbox.is_empty() {
                let used = consume(self, &scratch[..count])?;
                self.inbox.extend_from_slice(&scratch[used..count]);
            } else {
                let mut all = std::mem::take(&mut self.inbox);
                all.extend_from_slice(&scratch[..count]);
                let used = consume(self, &all)?;
                all.drain(..used);
                self.inbox = all;
            }
            if drained {
                return Ok(true);
            }
        }
    }
}

/// Whether there is nothing to do but wait. A socket that is still connecting says `NotConnected`.
fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
