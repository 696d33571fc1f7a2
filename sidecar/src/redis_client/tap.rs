//! A connection to Redis that hands messages on where they are read.
//!
//! The Redis crate takes each message apart into a tree of values, which is two thirds of all that an event for one socket costs
//! here, and passes it to another task. So messages are taken out of the stream below the crate. Everything else is the crate's:
//! login, subscribing, pings, errors, and whatever is not understood here.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who messages are handed to.
pub trait Hears: Send + Sync {
    /// Is told the channel and the payload of each message.
    fn message(&self, channel: &str, payload: &[u8]);

    /// What is to be waited for before more is read: Redis keeps the rest, within its own bounds.
    fn wait(&self) -> Option<Wait> {
        None
    }
}

impl<F: Fn(&str, &[u8]) + Send + Sync> Hears for F {
    fn message(&self, channel: &str, payload: &[u8]) {
        self(channel, payload);
    }
}

/// Until there is room for more.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Who messages are handed to.
pub type OnMessage = Arc<dyn Hears>;

/// What is read at once; a buffer that a large message has made larger is given back.
const CHUNK: usize = 16 * 1024;
/// Lists in lists that are looked at.
const DEPTH: usize = 8;

/// A stream without its `pmessage`s.
pub(super) struct Tap<S> {
    stream: S,
    on_message: OnMessage,
    wait: Option<Wait>,
    scratch: Box<[u8]>,
    /// What has been read and not been dealt with, from `at` on.
    read: Vec<u8>,
    at: usize,
    /// So many bytes of it are for the crate.
    through: usize,
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S, on_message: OnMessage) -> Self {
        Self { stream, on_message, wait: None, scratch: vec![0; CHUNK].into(), read: Vec::new(), at: 0, through: 0 }
    }

    /// Hands on the messages that are whole, up to the first thing that is not one.
    fn deliver(&mut self) {
        while self.through == 0 && self.at < self.read.len() {
            let rest = &self.read[self.at..];
            match value(rest, DEPTH) {
                Ok(length) => match message(&rest[..length]) {
                    Some((channel, payload)) => {
                        self.on_message.message(channel, payload);
                        self.at += length;
                    }
                    None => self.through = length,
                },
                Err(Unclear::Partial) => break,
                Err(Unclear::Foreign) => self.through = rest.len(),
            }
        }
        if self.at == self.read.len() {
            self.read.clear();
            self.read.shrink_to(CHUNK);
            self.at = 0;
        } else if self.at > CHUNK {
            self.read.drain(..self.at);
            self.at = 0;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if let Some(wait) = &mut this.wait {
                ready!(wait.as_mut().poll(context));
            }
            this.deliver();
            this.wait = this.on_message.wait();
            if this.through > 0 {
                let count = this.through.min(out.remaining());
                out.put_slice(&this.read[this.at..this.at + count]);
                this.at += count;
                this.through -= count;
                return Poll::Ready(Ok(()));
            }
            if this.wait.is_some() {
                continue;
            }
            let mut chunk = ReadBuf::new(&mut this.scratch);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() && this.at == this.read.len() {
                return Poll::Ready(Ok(()));
            }
            if chunk.filled().is_empty() {
                // What has no end is not whole: the crate knows what to say of it.
                this.through = this.read.len() - this.at;
            }
            this.read.extend_from_slice(chunk.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Why it cannot be said where a value ends.
enum Unclear {
    /// It is not all there.
    Partial,
    /// It is none of RESP2.
    Foreign,
}

/// How many bytes the value at the start takes.
fn value(bytes: &[u8], depth: usize) -> Result<usize, Unclear> {
    let (head, mut used) = line(bytes)?;
    match head.split_first() {
        Some((b'+' | b'-' | b':', _)) => Ok(used),
        Some((b'$', _)) => bulk(bytes).map(|(_, used)| used),
        Some((b'*', count)) if depth > 0 => {
            for _ in 0..number(count)?.unwrap_or(0) {
                used += value(&bytes[used..], depth - 1)?;
            }
            Ok(used)
        }
        _ => Err(Unclear::Foreign),
    }
}

/// The channel and the payload, if a whole value is a message whose channel is text.
fn message(value: &[u8]) -> Option<(&str, &[u8])> {
    let rest = value.strip_prefix(b"*4\r\n$8\r\npmessage\r\n")?;
    let (_pattern, used) = bulk(rest).ok()?;
    let rest = &rest[used..];
    let (channel, used) = bulk(rest).ok()?;
    let (payload, _) = bulk(&rest[used..]).ok()?;
    Some((std::str::from_utf8(channel).ok()?, payload))
}

/// A text with its length in front, and how many bytes both take; of none at all it is empty.
fn bulk(bytes: &[u8]) -> Result<(&[u8], usize), Unclear> {
    let (head, start) = line(bytes)?;
    let Some(length) = number(head.strip_prefix(b"$").ok_or(Unclear::Foreign)?)? else { return Ok((b"", start)) };
    let end = start.checked_add(length).ok_or(Unclear::Foreign)?;
    let text = bytes.get(start..end).ok_or(Unclear::Partial)?;
    match &bytes[end..] {
        [b'\r', b'\n', ..] => Ok((text, end + 2)),
        [] | [b'\r'] => Err(Unclear::Partial),
        _ => Err(Unclear::Foreign),
    }
}

/// A line without its end, and how many bytes it takes with it.
fn line(bytes: &[u8]) -> Result<(&[u8], usize), Unclear> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Unclear::Partial)?;
    Ok((bytes[..end].strip_suffix(b"\r").ok_or(Unclear::Foreign)?, end + 1))
}

/// A length; none is written as −1.
fn number(digits: &[u8]) -> Result<Option<usize>, Unclear> {
    if digits == b"-1" {
        return Ok(None);
    }
    if digits.is_empty() {
        return Err(Unclear::Foreign);
    }
    let add = |sum: usize, digit: &u8| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    };
    digits.iter().try_fold(0, add).map(Some).ok_or(Unclear::Foreign)
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
