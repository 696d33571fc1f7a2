//! A connection that hyper reads and writes, and that is had back when hyper gives up on what it was sent: hyper's own last word
//! is a bare status, or none. Whoever was over a bound is told which.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// How long the peer may take for the last word, and for closing its own side.
const FAREWELL: Duration = Duration::from_secs(1);
/// How hyper begins its answers to heads that are too large. Nothing else here answers so.
const TOO_LARGE: [&[u8]; 2] = [b"HTTP/1.1 431 ", b"HTTP/1.1 414 "];

/// The stream as hyper has it.
#[derive(Debug)]
pub(crate) struct Lent<S>(Arc<Mutex<Inner<S>>>);

/// The way back to it; holds nothing.
#[derive(Debug)]
pub(crate) struct Back<S>(Weak<Mutex<Inner<S>>>);

impl<S> Clone for Back<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The peer has taken nothing of an answer for as long as it may.
#[derive(Debug, thiserror::Error)]
#[error("the peer takes nothing of its answer")]
pub(super) struct Untaken;

#[derive(Debug)]
struct Inner<S> {
    stream: S,
    /// Something was read.
    came: bool,
    /// hyper has answered that a head is too large; what it wrote was kept back.
    silenced: bool,
    /// How long the peer may take nothing of what is written; after an upgrade others see to that.
    patience: Option<Duration>,
    /// Ends that time, while it lasts.
    untaken: Option<Pin<Box<Sleep>>>,
}

impl<S> Inner<S> {
    /// Watches how long the stream takes nothing.
    fn watch<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let (Poll::Pending, Some(patience)) = (&wrote, self.patience) else {
            self.untaken = None;
            return wrote;
        };
        let sleep = self.untaken.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, Untaken))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S> Lent<S> {
    /// The stream, whose peer may take nothing for so long, and the way back.
    pub(crate) fn new(stream: S, patience: Duration) -> (Self, Back<S>) {
        let inner = Inner { stream, came: false, silenced: false, patience: Some(patience), untaken: None };
        let inner = Arc::new(Mutex::new(inner));
        let back = Back(Arc::downgrade(&inner));
        (Self(inner), back)
    }

    /// The stream itself; none while somebody says farewell on it, which nobody does after an upgrade.
    pub(crate) fn into_stream(self) -> Option<S> {
        Arc::into_inner(self.0).map(|inner| inner.into_inner().stream)
    }
}

impl<S> Back<S> {
    /// What is written from now on is no answer any more.
    pub(super) fn upgraded(&self) {
        if let Some(inner) = self.0.upgrade() {
            inner.lock().patience = None;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Back<S> {
    /// The last word to who has sent something, which names the bound; then the connection may be dropped.
    pub(super) async fn farewell(self, status: &str, sentence: &str) {
        let Some(lent) = self.0.upgrade().filter(|inner| inner.lock().came) else { return };
        let body = json!({ "message": sentence }).to_string();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let said = async {
            let mut rest = answer.as_bytes();
            while !rest.is_empty() {
                let count = std::future::poll_fn(|cx| Pin::new(&mut lent.lock().stream).poll_write(cx, rest)).await?;
                rest = &rest[count.min(rest.len())..];
                if count == 0 {
                    return Ok(());
                }
            }
            std::future::poll_fn(|cx| Pin::new(&mut lent.lock().stream).poll_flush(cx)).await?;
            std::future::poll_fn(|cx| Pin::new(&mut lent.lock().stream).poll_shutdown(cx)).await?;
            // A close with unread bytes would be a reset, which takes the answer with it.
            let mut thrown_away = [0; 4096];
            loop {
                let mut buffer = ReadBuf::new(&mut thrown_away);
                std::future::poll_fn(|cx| Pin::new(&mut lent.lock().stream).poll_read(cx, &mut buffer)).await?;
                if buffer.filled().is_empty() {
                    return io::Result::Ok(());
                }
            }
        };
        // Heard or not: it is over.
        let _ = tokio::time::timeout(FAREWELL, said).await;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        let before = buffer.filled().len();
        let read = Pin::new(&mut inner.stream).poll_read(cx, buffer);
        inner.came |= buffer.filled().len() > before;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.0.lock();
        inner.silenced |= TOO_LARGE.iter().any(|start| bytes.starts_with(start));
        if inner.silenced {
            return Poll::Ready(Ok(bytes.len()));
        }
        let wrote = Pin::new(&mut inner.stream).poll_write(cx, bytes);
        inner.watch(cx, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.0.lock();
        inner.silenced |= pieces.first().is_some_and(|first| TOO_LARGE.iter().any(|start| first.starts_with(start)));
        if inner.silenced {
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        let wrote = Pin::new(&mut inner.stream).poll_write_vectored(cx, pieces);
        inner.watch(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        let flushed = Pin::new(&mut inner.stream).poll_flush(cx);
        inner.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        // The last word is still to come.
        if inner.silenced { Poll::Ready(Ok(())) } else { Pin::new(&mut inner.stream).poll_shutdown(cx) }
    }
}
