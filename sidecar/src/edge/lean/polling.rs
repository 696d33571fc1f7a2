//! HTTP long-polling: a GET takes packets, a POST brings them.

use std::{
    sync::Arc,
    task::{Context, Poll as Ready},
    time::Duration,
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{
    answer::{self, Refusal},
    conn::{Carrier, Conn, LastWord},
    engine::{self, Incoming, Outgoing},
    payload::{self, Malformed},
    query::{self, Query},
};
use crate::edge::{DisconnectReason, Generation, Transport};

/// While a websocket is probed a poll is let go after this, so that the client can change over.
const RELEASE: Duration = Duration::from_millis(100);

/// A request of a session.
pub(super) async fn serve(conn: &Arc<Conn>, query: &Query, parts: &Parts, body: Body) -> Response {
    if conn.transport() != Transport::Polling {
        return Refusal::BadRequest.answer(&parts.headers);
    }
    match parts.method {
        Method::GET => get(conn, query, parts).await,
        Method::POST => post(conn, parts, body).await,
        Method::OPTIONS if !conn.format.jsonp => answer::old_preflight(conn, &parts.headers),
        _ => answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Ends a connection whose request went away half-way.
struct Guard<'a>(Option<&'a Arc<Conn>>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.0 {
            conn.end(DisconnectReason::TransportError, LastWord::Close(None));
        }
    }
}

async fn get(conn: &Arc<Conn>, query: &Query, parts: &Parts) -> Response {
    let upgrading = {
        let mut state = conn.state.lock();
        let upgrading = state.upgrading;
        let Carrier::Polling(poll) = &mut state.carrier else { return Refusal::BadRequest.answer(&parts.headers) };
        if poll.waiting {
            drop(state);
            return overlap(conn);
        }
        poll.waiting = true;
        poll.release = false;
        upgrading
    };
    let mut guard = Guard(Some(conn));
    let next = std::future::poll_fn(|context| conn.poll_next(context));
    let taken = if upgrading { tokio::time::timeout(RELEASE, next).await } else { Ok(next.await) };
    guard.0 = None;
    let taken = taken.unwrap_or_else(|_| vec![Outgoing::Text(engine::NOOP)]);
    {
        let mut state = conn.state.lock();
        let ended = state.ended.is_some_and(|word| word == LastWord::Noop || is_close(&taken));
        if let Carrier::Polling(poll) = &mut state.carrier {
            poll.waiting = false;
            poll.waker = None;
        }
        drop(state);
        if ended {
            // It has learnt of it now.
            conn.edge.table.remove(&conn.sid);
        }
    }
    answer::packets(conn, query, &parts.headers, &taken)
}

/// Whether these packets are the last that a client takes.
fn is_close(packets: &[Outgoing]) -> bool {
    matches!(packets.last(), Some(Outgoing::Text(text)) if *text == engine::CLOSE)
}

fn overlap(conn: &Arc<Conn>) -> Response {
    conn.end(DisconnectReason::TransportError, LastWord::Close(None));
    answer::empty(match conn.generation() {
        Generation::V3 => StatusCode::INTERNAL_SERVER_ERROR,
        Generation::V4 => StatusCode::BAD_REQUEST,
    })
}

impl Conn {
    /// What a waiting GET is answered with.
    fn poll_next(&self, context: &Context<'_>) -> Ready<Vec<Outgoing>> {
        let mut state = self.state.lock();
        let ended = state.ended;
        let Carrier::Polling(poll) = &mut state.carrier else {
            // The websocket has taken over, with everything that waited.
            return Ready::Ready(vec![Outgoing::Text(engine::NOOP)]);
        };
        let waited = poll.take();
        match ended {
            Some(LastWord::Noop) => return Ready::Ready(waited.unwrap_or_else(|| vec![Outgoing::Text(engine::NOOP)])),
            // Never both at once: socket.io-client 4 is closed before it has looked at the events in front of the close packet. It
            // keeps them, and hears them once more when its session is recovered.
            Some(
                LastWord::Close(_)
                | LastWord::TooBig
                | LastWord::Over(..)
                | LastWord::Orderly
                | LastWord::Slow
                | LastWord::Nothing,
            ) => {
                return Ready::Ready(waited.unwrap_or_else(|| vec![Outgoing::Text(engine::CLOSE)]));
            }
            None => {}
        }
        if let Some(packets) = waited {
            return Ready::Ready(packets);
        }
        if std::mem::take(&mut poll.release) {
            return Ready::Ready(vec![Outgoing::Text(engine::NOOP)]);
        }
        poll.waker = Some(context.waker().clone());
        Ready::Pending
    }

    fn payload(self: &Arc<Self>, octets: bool, body: &[u8]) -> Result<(), Malformed> {
        let receive = |packet: Incoming<'_>| self.receive(packet, Transport::Polling);
        if octets && self.generation() == Generation::V3 {
            return payload::decode_octets(body, receive);
        }
        let text = std::str::from_utf8(body).map_err(|_| Malformed)?;
        if !self.format.jsonp {
            return payload::decode_text(self.generation(), text, receive);
        }
        // A form without data is answered and otherwise ignored, as of old.
        let Some(data) = query::value(text, "d") else { return Ok(()) };
        payload::decode_text(self.generation(), &unescape_newlines(&data), receive)
    }
}

/// Forms lose newlines, so JSONP clients send them as `\n`, and a real `\n` as `\\n`.
fn unescape_newlines(data: &str) -> String {
    let mut text = String::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (replacement, length) = if rest.starts_with("\\\\n") {
            ("\\n", 3)
        } else if rest.starts_with("\\n") {
            ("\n", 2)
        } else {
            ("\\", 1)
        };
        text.push_str(replacement);
        rest = &rest[length..];
    }
    text + rest
}

async fn post(conn: &Arc<Conn>, parts: &Parts, body: Body) -> Response {
    {
        let mut state = conn.state.lock();
        let Carrier::Polling(poll) = &mut state.carrier else { return Refusal::BadRequest.answer(&parts.headers) };
        if poll.posting {
            drop(state);
            return overlap(conn);
        }
        poll.posting = true;
    }
    let mut guard = Guard(Some(conn));
    let body = match read(conn, body).await {
        Ok(body) => body,
        // The guard ends the connection.
        Err(TooMuch::Bytes) => {
            conn.oversized();
            return too_big(conn, parts);
        }
        Err(TooMuch::Time | TooMuch::Broken) => return answer::cut(),
    };
    let octets = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) == Some(payload::OCTETS.as_bytes());
    if conn.payload(octets, &body).is_err() {
        conn.not_understood();
    }
    guard.0 = None;
    {
        let mut state = conn.state.lock();
        if let Carrier::Polling(poll) = &mut state.carrier {
            poll.posting = false;
        }
        if state.ended == Some(LastWord::TooBig) {
            drop(state);
            return too_big(conn, parts);
        }
    }
    // Whether it made sense or not; text/html so that old browsers do not offer to save it.
    let mut answer = answer::plain(StatusCode::OK, "text/html", Bytes::from_static(b"ok"));
    answer::polling_headers(conn, &parts.headers, answer.headers_mut());
    answer
}

/// Who sends too much at once is told the bound; clients of generation 3 never were.
fn too_big(conn: &Conn, parts: &Parts) -> Response {
    if conn.generation() == Generation::V3 {
        return answer::cut();
    }
    let body = format!("{{\"message\":\"{}\"}}", conn.edge.too_big());
    let mut answer = answer::plain(StatusCode::PAYLOAD_TOO_LARGE, "application/json", body.into());
    answer::polling_headers(conn, &parts.headers, answer.headers_mut());
    answer
}

/// Why a body was not read to its end.
enum TooMuch {
    Bytes,
    Time,
    Broken,
}

async fn read(conn: &Conn, body: Body) -> Result<Bytes, TooMuch> {
    let whole = Limited::new(body, conn.edge.config.max_payload).collect();
    match tokio::time::timeout(conn.edge.bounds.body, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TooMuch::Bytes),
        Ok(Err(_)) => Err(TooMuch::Broken),
        Err(_) => Err(TooMuch::Time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_of_jsonp_forms() {
        for (sent, meant) in [("a\\nb", "a\nb"), ("a\\\\nb", "a\\nb"), ("a\\tb\\", "a\\tb\\"), ("", "")] {
            assert_eq!(unescape_newlines(sent), meant);
        }
    }
}
