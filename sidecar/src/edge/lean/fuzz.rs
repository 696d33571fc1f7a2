//! The parsers of this room by name, for the fuzzer: each takes any bytes, and checks what has to hold whatever they are.

use axum::{body::Body, http::Request};

use super::{
    answer,
    engine::{self, Incoming},
    event::{self, Kind},
    frame::{Decoder, Incoming as Message, Violation},
    payload,
    query::{self, Query},
    websocket,
};
use crate::edge::Generation;

/// Largest message; small, so that the bound is met.
const MAX: usize = 1_000;

/// Websocket frames: what comes in pieces is what comes at once, and nothing is over the bound.
pub fn frames(input: &[u8]) {
    let Some((&size, stream)) = input.split_first() else { return };
    assert_eq!(decoded(stream, stream.len().max(1)), decoded(stream, usize::from(size).max(1)));
}

fn decoded(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Option<Violation>) {
    let mut decoder = Decoder::new(MAX, &[]);
    let mut seen = Vec::new();
    for piece in stream.chunks(size) {
        let fed = decoder.feed(&mut piece.to_vec(), &mut |message| {
            let (kind, bytes) = match message {
                Message::Text(text) => (0, text.as_bytes().to_vec()),
                Message::Binary(bytes) => (1, bytes.to_vec()),
                Message::Ping(bytes) => (2, bytes.to_vec()),
                Message::Pong => (3, Vec::new()),
                Message::Close(code) => (4, code.unwrap_or_default().to_be_bytes().to_vec()),
            };
            assert!(bytes.len() <= MAX);
            seen.push([vec![kind], bytes].concat());
            true
        });
        if let Err(violation) = fed {
            return (seen, Some(violation));
        }
    }
    (seen, None)
}

/// Bodies of polling requests, text and bytes, in both protocols: no step stands still, no packet comes from nowhere.
pub fn payloads(input: &[u8]) {
    let mut bytes = 0;
    let mut count = |packet: Incoming<'_>| {
        if let Incoming::Message(text) | Incoming::Ping(text) = packet {
            bytes += text.len();
        }
        true
    };
    let _ = payload::decode_octets(input, &mut count);
    if let Ok(text) = std::str::from_utf8(input) {
        for generation in [Generation::V3, Generation::V4] {
            let _ = payload::decode_text(generation, text, &mut count);
        }
    }
    assert!(bytes <= 3 * input.len());
}

/// Engine.IO and Socket.IO packets of both protocols: the attachments that are waited for are bounded.
pub fn packets(input: &[u8]) {
    for generation in [Generation::V3, Generation::V4] {
        let _ = engine::decode_binary(generation, input);
        let Ok(text) = std::str::from_utf8(input) else { continue };
        let Some(Incoming::Message(packet)) = engine::decode_text(generation, text) else { continue };
        let Ok(Some(packet)) = event::decode(generation, packet) else { continue };
        assert!(packet.namespace.starts_with('/'));
        if let Kind::Event(_, attachments) | Kind::Ignored(attachments) = packet.kind {
            assert!(attachments <= event::MAX_ATTACHMENTS);
        }
    }
}

/// The query of a request, and forms of JSONP.
pub fn queries(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let parsed = Query::parse(&text);
    assert!(parsed.j.is_none_or(|j| j.bytes().all(|byte| byte.is_ascii_digit())));
    assert!(parsed.sid.is_none_or(|sid| !sid.is_empty()));
    let _ = query::value(&text, "d");
}

/// The request for a websocket: lines of `name: value`. Who is let in gets the answer to his key.
pub fn upgrades(input: &[u8]) {
    let mut request = Request::builder().uri("/socket.io/?EIO=4&transport=websocket");
    for line in input.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            request = request.header(name, value.trim_ascii());
        }
    }
    let Ok(request) = request.body(Body::empty()) else { return };
    let (parts, _) = request.into_parts();
    let _ = super::verify::is_upgrade(&parts);
    if let Some(answer) = websocket::accept(&parts) {
        assert!(answer.headers().contains_key("sec-websocket-accept"));
    }
    let _ = answer::preflight(&parts.headers);
}
