//! The Pusher protocol, as far as a subscriber and a publisher need it: for servers that do not speak Socket.IO.
//!
//! Sources: Pusher's documents "Pusher Channels Protocol" (version 7) and "HTTP API reference", section "Authentication".

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use md5::{Digest, Md5};
use ring::hmac;
use serde_json::json;

use crate::{http, mark::Mark};

/// Id, key and secret of the one application that the servers under test know.
pub const APP: (&str, &str, &str) = ("bench", "bench-key", "bench-secret");

/// Where a client asks for its websocket.
pub fn target() -> String {
    format!("/app/{}?protocol=7&client=bench&version=1", APP.1)
}

/// What a client sends to have a channel.
pub fn subscribe(channel: u32) -> String {
    json!({ "event": "pusher:subscribe", "data": { "channel": format!("bench.{channel}") } }).to_string()
}

/// What a message of the server asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// The connection is accepted.
    Established,
    /// The heartbeat, to be answered with [`PONG`].
    Ping,
    /// Something is wrong.
    Error,
    /// An event, or what needs no answer.
    Other,
}

/// The answer to a heartbeat.
pub const PONG: &[u8] = br#"{"event":"pusher:pong","data":{}}"#;

/// Tells by the event's name; deliveries are told by their marks.
pub fn said(message: &[u8]) -> Said {
    let has = |name: &str| memchr::memmem::find(message, name.as_bytes()).is_some();
    if has("pusher:connection_established") {
        Said::Established
    } else if has("pusher:ping") {
        Said::Ping
    } else if has("pusher:error") {
        Said::Error
    } else {
        Said::Other
    }
}

/// The signed request that publishes one event.
pub fn publish(mark: Mark, bytes: usize) -> anyhow::Result<Vec<u8>> {
    let body = json!({
        "name": "App\\Events\\Bench",
        "channels": [format!("bench.{}", mark.channel)],
        "data": mark.data(bytes),
    })
    .to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let path = format!("/apps/{}/events", APP.0);
    let digest = hex(&Md5::digest(body.as_bytes()));
    let query = format!("auth_key={}&auth_timestamp={now}&auth_version=1.0&body_md5={digest}", APP.1);
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP.2.as_bytes());
    let signature = hex(hmac::sign(&key, format!("POST\n{path}\n{query}").as_bytes()).as_ref());
    Ok(http::post_json(&format!("{path}?{query}&auth_signature={signature}"), &body).into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::marks;

    #[test]
    fn a_request_is_signed_and_carries_its_mark() {
        let mark = Mark { channel: 7, sequence: 3, at_ns: 99 };
        let request = String::from_utf8(publish(mark, 150).unwrap()).unwrap();
        assert!(request.starts_with("POST /apps/bench/events?auth_key=bench-key&auth_timestamp="), "{request}");
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(head.contains(&format!("body_md5={}", hex(&Md5::digest(body.as_bytes())))));
        assert_eq!(marks(body.as_bytes()).next(), Some(mark));
    }

    #[test]
    fn messages_are_told_apart() {
        assert_eq!(said(br#"{"event":"pusher:connection_established","data":"{}"}"#), Said::Established);
        assert_eq!(said(br#"{"event":"pusher:ping","data":"{}"}"#), Said::Ping);
        assert_eq!(said(br#"{"event":"pusher:error","data":{"code":4001}}"#), Said::Error);
        assert_eq!(said(br#"{"event":"App\\Events\\Bench","channel":"bench.0","data":"x"}"#), Said::Other);
    }
}
