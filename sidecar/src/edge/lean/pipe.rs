//! The byte stream under a websocket.
//!
//! A bare TCP stream is written to and read from by plain system calls, from any thread; everything else (TLS, a stream that
//! hyper would not give back) behind a mutex that is held for one poll at most.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, RawFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustix::net::SendFlags;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{seen::at_the_door, server::Lent};

/// What the kernel may hold for one client: without a bound it grows to 4 MB for each that does not read.
const SEND_BUFFER: usize = 256 * 1024;

/// The way into a pipe, for who writes to a thousand of them in a row.
pub(super) struct Mouth {
    pipe: Arc<Pipe>,
    /// A bare stream's descriptor: writing needs nothing of the pipe then, which for once in a while is far away in memory.
    stream: Option<RawFd>,
}

impl Mouth {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        let stream = match &*pipe {
            Pipe::Tcp(stream) => Some(stream.as_raw_fd()),
            Pipe::Other(_) => None,
        };
        Self { pipe, stream }
    }

    /// As [`Pipe::try_write`]; and whether all that was taken is on its way.
    #[inline]
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        let Some(stream) = self.stream else {
            let count = self.pipe.try_write(bytes)?;
            return Ok((count, self.pipe.is_flushed()));
        };
        // SAFETY: the pipe closes its descriptor when it is dropped, no sooner, and lives for as long as this does.
        let stream = unsafe { BorrowedFd::borrow_raw(stream) };
        Ok((send(stream, bytes)?, true))
    }

    pub(super) fn pipe(&self) -> &Pipe {
        &self.pipe
    }
}

/// Writes what the stream takes now.
#[inline]
fn send(stream: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    // Nothing between the two: a sidecar that is killed has either marked the event and sent it, or neither. Tokio is not asked
    // first whether the stream is ready: it mostly is, and who is refused waits by `poll_write`.
    at_the_door();
    Ok(rustix::net::send(stream, bytes, SendFlags::NOSIGNAL)?)
}

/// A connection after its upgrade.
pub(super) enum Pipe {
    Tcp(TcpStream),
    Other(Mutex<TokioIo<Upgraded>>),
}

impl Pipe {
    /// Takes a connection out of hyper, with the bytes hyper has read ahead. None when it has ended.
    pub(super) fn new(upgraded: Upgraded) -> Option<(Self, bytes::Bytes)> {
        let upgraded = match upgraded.downcast::<TokioIo<Lent<TcpStream>>>() {
            Ok(parts) => return Some((Self::tcp(parts.io.into_inner().into_stream()?), parts.read_buf)),
            Err(upgraded) => upgraded,
        };
        Some(match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => (Self::Other(Mutex::new(TokioIo::new(upgraded))), bytes::Bytes::new()),
        })
    }

    fn tcp(stream: TcpStream) -> Self {
        // None of these is needed for the connection to work.
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        Self::Tcp(stream)
    }

    /// Writes what the stream takes now. A stream that buffers may still have to be flushed, see [`Pipe::poll_flush`].
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => send(stream, bytes),
            Self::Other(stream) => {
                at_the_door();
                let mut context = Context::from_waker(Waker::noop());
                match Pin::new(&mut *stream.lock()).poll_write(&mut context, bytes) {
                    Poll::Ready(result) => result,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
        }
    }

    pub(super) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => loop {
                ready!(stream.poll_write_ready(context))?;
                match stream.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Other(stream) => Pin::new(&mut *stream.lock()).poll_write(context, bytes),
        }
    }

    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Other(stream) => Pin::new(&mut *stream.lock()).poll_flush(context),
        }
    }

    /// Whether everything [`Pipe::try_write`] took is on its way.
    fn is_flushed(&self) -> bool {
        matches!(self, Self::Tcp(_)) || self.poll_flush(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    pub(super) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => loop {
                ready!(stream.poll_read_ready(context))?;
                match stream.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Other(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream.lock()).poll_read(context, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Poll::Ready(SockRef::from(stream).shutdown(std::net::Shutdown::Write)),
            Self::Other(stream) => Pin::new(&mut *stream.lock()).poll_shutdown(context),
        }
    }

    /// Makes the end of the connection throw away what the kernel still holds for a peer that does not take it.
    pub(super) fn abandon(&self) {
        if let Self::Tcp(stream) = self {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}
