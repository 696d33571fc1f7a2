//! Websockets: the handshake, the probe of an upgrade, and the task that reads.

use std::{
    cell::Cell,
    io,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{
    HeaderValue, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
};
use sha1::{Digest as _, Sha1};

use super::{
    answer,
    conn::{Carrier, Conn, LastWord},
    engine::{self, Outgoing, PROBE},
    frame::{self, Decoder, Incoming, Opcode, Violation},
    outbox::{Outbox, Wrote},
    pipe::Pipe,
};
use crate::edge::{DisconnectReason, Transport};

/// From RFC 6455.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The close code of a browser that leaves the page.
const GOING_AWAY: u16 = 1001;
const SCRATCH: usize = 16 * 1024;

/// The answer that opens a websocket; none when the request does not ask for one rightly. Extensions are never agreed to.
pub(super) fn accept(parts: &Parts) -> Option<Response> {
    let header = |name| answer::text(&parts.headers, name);
    let key = header(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24 && STANDARD.decode(key).is_ok())?;
    if parts.method != http::Method::GET
        || !header(UPGRADE)?.eq_ignore_ascii_case("websocket")
        || !matches!(header(SEC_WEBSOCKET_VERSION)?.trim(), "13" | "8")
    {
        return None;
    }
    let digest = Sha1::new().chain_update(key).chain_update(ACCEPT_SUFFIX).finalize();
    let mut response = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, STANDARD.encode(digest).parse().ok()?);
    // A client that names subprotocols gives up unless it is given one.
    if let Some(first) = header(SEC_WEBSOCKET_PROTOCOL).and_then(|all| all.split(',').next()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, first.trim().parse().ok()?);
    }
    Some(response)
}

/// A websocket's way in: what was read and is not whole yet.
pub(super) struct Reader {
    pub(super) pipe: Arc<Pipe>,
    decoder: Decoder,
    /// The decoder may hold whole frames: those that hyper had read beyond the handshake, or behind the one that ended a probe.
    behind: bool,
}

impl Reader {
    pub(super) fn new(pipe: Pipe, ahead: &[u8], max_payload: usize) -> Self {
        // Copied: even an empty piece of hyper's buffer would pin all of it.
        Self { pipe: Arc::new(pipe), decoder: Decoder::new(max_payload, ahead), behind: !ahead.is_empty() }
    }

    /// Reads once and hands on what came. Ready with false at the end of the stream.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(Incoming<'_>) -> bool,
    ) -> Poll<io::Result<Result<bool, Violation>>> {
        if std::mem::take(&mut self.behind) {
            return Poll::Ready(Ok(self.decoder.feed(&mut [], each).map(|()| true)));
        }
        with_scratch(|buffer| {
            let count = ready!(self.pipe.poll_read(context, buffer))?;
            let fed = self.decoder.feed(&mut buffer[..count], each);
            Poll::Ready(Ok(fed.map(|()| count > 0)))
        })
    }
}

/// Lends the thread's one read buffer: a socket that says nothing needs none.
fn with_scratch<T>(run: impl FnOnce(&mut [u8]) -> T) -> T {
    thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
    let mut buffer = BUFFER.take();
    buffer.resize(SCRATCH, 0);
    let result = run(&mut buffer);
    BUFFER.set(buffer);
    result
}

/// Reads a connection's websocket until either ends. Not an async function, which would hold what it is given twice: this is
/// what the task of every idle socket consists of.
pub(super) struct Serve<E> {
    conn: Arc<Conn>,
    reader: Reader,
    leaving: Option<BoxFuture<'static, ()>>,
    /// A function, which is of no size.
    each: E,
}

pub(super) fn serve(conn: Arc<Conn>, reader: Reader) -> Serve<impl Each> {
    serve_with(conn, reader, Conn::websocket_message)
}

/// The same; `each` says what becomes of a message, and whether to go on.
pub(super) fn serve_with<E: Each>(conn: Arc<Conn>, reader: Reader, each: E) -> Serve<E> {
    Serve { conn, reader, leaving: None, each }
}

/// What becomes of a message; false ends the reading.
pub(super) trait Each: Fn(&Arc<Conn>, &Incoming<'_>) -> bool + Copy + Unpin {}

impl<E: Fn(&Arc<Conn>, &Incoming<'_>) -> bool + Copy + Unpin> Each for E {}

impl<E: Each> Future for Serve<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { conn, reader, leaving, each } = &mut *self;
        if leaving.is_none() {
            ready!(conn.poll_serve(context, reader, *each));
        }
        let leaving = leaving.get_or_insert_with(|| {
            let (conn, pipe) = (Arc::clone(conn), Arc::clone(&reader.pipe));
            Box::pin(async move {
                leave(&conn, &pipe).await;
                conn.state.lock().carrier = Carrier::Gone;
            })
        });
        leaving.as_mut().poll(context)
    }
}

impl Conn {
    fn poll_serve<E: Each>(self: &Arc<Self>, context: &mut Context<'_>, reader: &mut Reader, each: E) -> Poll<()> {
        loop {
            {
                let mut state = self.state.lock();
                if state.ended.is_some() {
                    return Poll::Ready(());
                }
                state.park_reader(context);
            }
            let read = ready!(reader.poll_read(context, &mut |incoming| each(self, &incoming)));
            match read {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => self.end(DisconnectReason::TransportClose, LastWord::Close(None)),
                Err(_) => self.end(DisconnectReason::TransportClose, LastWord::Nothing),
                Ok(Err(Violation::TooBig)) => {
                    self.oversized();
                    self.end(DisconnectReason::TransportError, LastWord::TooBig);
                }
                Ok(Err(violation)) => {
                    self.end(DisconnectReason::TransportError, LastWord::Close(Some(violation as u16)));
                }
            }
        }
    }

    pub(super) fn websocket_message(self: &Arc<Self>, incoming: &Incoming<'_>) -> bool {
        match incoming {
            Incoming::Text(text) => match engine::decode_text(self.generation(), text) {
                Some(packet) => self.receive(packet, Transport::Websocket),
                None => self.not_understood(),
            },
            Incoming::Binary(bytes) => {
                self.receive(engine::decode_binary(self.generation(), bytes), Transport::Websocket)
            }
            Incoming::Ping(data) => {
                let mut state = self.state.lock();
                let wrote = match &mut state.carrier {
                    Carrier::Websocket(outbox) => {
                        let pong = frame::encode(Opcode::Pong, b"", data);
                        outbox.write(&pong, 0, &self.edge.rule, &self.edge.clock)
                    }
                    Carrier::Polling(_) | Carrier::Gone => Wrote::Broken,
                };
                drop(state);
                self.settle(wrote).is_ok()
            }
            Incoming::Pong => true,
            Incoming::Close(code) => {
                let reason = match code {
                    Some(GOING_AWAY) => DisconnectReason::PageClosed,
                    Some(_) | None => DisconnectReason::TransportClose,
                };
                self.end(reason, LastWord::Close(*code));
                false
            }
        }
    }

    /// Changes over from polling to a probed websocket. False when the connection has ended meanwhile.
    fn attach(self: &Arc<Self>, pipe: &Arc<Pipe>) -> bool {
        let mut state = self.state.lock();
        state.upgrading = false;
        if state.ended.is_some() {
            return false;
        }
        let carrier = Carrier::Websocket(Outbox::new(Arc::clone(pipe)));
        let Carrier::Polling(mut poll) = std::mem::replace(&mut state.carrier, carrier) else { return false };
        let mut outcome = Wrote::Fine;
        // What was let wait there may wait here; each packet gets the head of a frame.
        let waited = poll.waiting_bytes();
        let packets = poll.take().unwrap_or_default();
        state.carrier.allow(waited + packets.len() * frame::HEAD_ROOM);
        for packet in packets {
            match self.put(&mut state, packet) {
                Wrote::Fine => {}
                wrote => outcome = wrote,
            }
        }
        poll.wake();
        drop(state);
        self.settle(outcome).is_ok()
    }

    /// Claims the connection for one upgrade at a time.
    pub(super) fn begin_upgrade(&self) -> bool {
        let mut state = self.state.lock();
        let free = state.ended.is_none() && !state.upgrading && matches!(state.carrier, Carrier::Polling(_));
        state.upgrading |= free;
        free
    }
}

/// Probes a websocket for a session that polls, and reads it if the client changes over.
pub(super) async fn upgrade(conn: Arc<Conn>, mut reader: Reader) {
    if !conn.begin_upgrade() {
        close_unused(&conn, &reader.pipe).await;
        return;
    }
    let limit = conn.edge.bounds.upgrade;
    let probed = tokio::time::timeout(limit, probe(&conn, &mut reader)).await;
    if matches!(probed, Ok(true)) && conn.attach(&reader.pipe) {
        reader.behind = true;
        conn.edge.runtime.spawn(serve(conn.clone(), reader));
        return;
    }
    conn.state.lock().upgrading = false;
    close_unused(&conn, &reader.pipe).await;
}

/// Waits for `2probe`, answers, and waits for `5`; a client may leave the question out.
async fn probe(conn: &Conn, reader: &mut Reader) -> bool {
    let mut outcome = None;
    while outcome.is_none() {
        let mut to_write = None;
        let read = std::future::poll_fn(|context| {
            reader.poll_read(context, &mut |incoming| {
                match probe_step(&incoming) {
                    ControlFlow::Continue(reply) => to_write = reply.or(to_write.take()),
                    ControlFlow::Break(upgraded) => outcome = Some(upgraded),
                }
                outcome.is_none()
            })
        });
        if !matches!(read.await, Ok(Ok(true))) {
            return false;
        }
        if let Some(reply) = to_write {
            let frame = frame::encode(Opcode::Text, b"", &reply);
            // A stream that does not take ten bytes at its beginning is not worth changing over to.
            if reader.pipe.try_write(&frame).ok() != Some(frame.len()) {
                return false;
            }
            std::future::poll_fn(|context| reader.pipe.poll_flush(context)).await.ok();
            if let Carrier::Polling(poll) = &mut conn.state.lock().carrier {
                poll.release = poll.waiting;
                poll.wake();
            }
        }
    }
    outcome == Some(true)
}

fn probe_step(incoming: &Incoming<'_>) -> ControlFlow<bool, Option<Bytes>> {
    match incoming {
        Incoming::Text(text) => match engine::decode_text(crate::edge::Generation::V4, text) {
            Some(engine::Incoming::Ping(PROBE)) => ControlFlow::Continue(Some(engine::PONG_PROBE)),
            Some(engine::Incoming::Upgrade) => ControlFlow::Break(true),
            _ => ControlFlow::Break(false),
        },
        Incoming::Ping(_) | Incoming::Pong => ControlFlow::Continue(None),
        Incoming::Binary(_) | Incoming::Close(_) => ControlFlow::Break(false),
    }
}

/// Sends what is still to be sent, then waits a little for the peer to have read it.
async fn leave(conn: &Conn, pipe: &Pipe) {
    if conn.state.lock().ended == Some(LastWord::Nothing) {
        return;
    }
    let farewell = async {
        std::future::poll_fn(|context| {
            let mut state = conn.state.lock();
            state.park_reader(context);
            match &state.carrier {
                Carrier::Websocket(outbox) if !outbox.is_drained() => Poll::Pending,
                _ => Poll::Ready(()),
            }
        })
        .await;
        hang_up(pipe).await;
    };
    // Too late or not: it is over.
    let told = tokio::time::timeout(conn.edge.bounds.linger, farewell).await;
    if told.is_err() && conn.state.lock().ended == Some(LastWord::Slow) {
        pipe.abandon();
    }
}

/// Closes our side and throws away what comes until the peer has closed its own: a close with unread bytes would be a reset,
/// which takes the close frame with it.
async fn hang_up(pipe: &Pipe) {
    let _ = std::future::poll_fn(|context| pipe.poll_shutdown(context)).await;
    while let Ok(1..) = std::future::poll_fn(|context| with_scratch(|buffer| pipe.poll_read(context, buffer))).await {}
}

/// Closes a websocket that no connection has taken.
async fn close_unused(conn: &Conn, pipe: &Pipe) {
    let _ = pipe.try_write(&frame::encode(Opcode::Close, b"", b""));
    let _ = tokio::time::timeout(conn.edge.bounds.linger, hang_up(pipe)).await;
}

/// The Engine.IO and Socket.IO packets that open a websocket session, one frame each.
pub(super) fn greet(conn: &Arc<Conn>, packets: Vec<Outgoing>) {
    for packet in packets {
        conn.send(packet);
    }
}
