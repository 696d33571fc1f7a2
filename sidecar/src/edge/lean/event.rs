//! Socket.IO packets from clients: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//!
//! Own codec: what is ignored and what ends the connection is the old server's choice, and clients of both protocols rely on it.

use std::collections::HashMap;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};

use super::surrogates::mended;
use crate::{
    edge::{Generation, Received},
    recovery::Heard,
};

/// The most attachments one event may bring.
pub(super) const MAX_ATTACHMENTS: usize = 100;

/// Names that Socket.IO 5 keeps for itself.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The packet is not the protocol: the connection ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Socket.IO packet")]
pub(super) struct Malformed;

/// The attachments of one packet are together over the bound of a packet: the connection ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many bytes of attachments")]
pub(super) struct TooBig;

/// One packet from a client.
#[derive(Debug, PartialEq)]
pub(super) struct Packet<'a> {
    /// Socket.IO namespace; `/` is the default one.
    pub namespace: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// The types of packets that matter here.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// `0`, with what its `pid` and `offset` say, if they are texts.
    Connect(Option<Claimed>),
    /// `1`.
    Disconnect,
    /// `2` and `5`: an event, and how many attachments are still to come.
    Event(Received, usize),
    /// `3` and `6`, and events without data: nobody waits for them. The number of attachments to skip.
    Ignored(usize),
    /// `4`.
    Error,
}

/// Reads one packet; none is one of an unknown type.
///
/// # Errors
/// [`Malformed`].
pub(super) fn decode(generation: Generation, packet: &str) -> Result<Option<Packet<'_>>, Malformed> {
    let kind = packet.chars().next().ok_or(Malformed)?;
    if !('0'..='6').contains(&kind) {
        return if generation == Generation::V4 { Err(Malformed) } else { Ok(None) };
    }
    let (count, rest) = match kind {
        '5' | '6' => attachments(&packet[1..])?,
        _ => (0, &packet[1..]),
    };
    let (namespace, rest) = namespace(rest);
    let json = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let kind = match kind {
        '0' if json.is_empty() => Kind::Connect(None),
        '0' => Kind::Connect(claim(json)?),
        '1' if json.is_empty() => Kind::Disconnect,
        '1' => return Err(Malformed),
        '4' => Kind::Error,
        '2' | '5' if json.is_empty() => Kind::Ignored(count),
        '2' | '5' => Kind::Event(event(generation, json, count)?, count),
        _ if json.is_empty() => Kind::Ignored(count),
        _ => {
            serde_json::from_str::<Vec<IgnoredAny>>(json).map_err(|_| Malformed)?;
            Kind::Ignored(count)
        }
    };
    Ok(Some(Packet { namespace, kind }))
}

/// What a client that comes back says of itself, see [`crate::recovery::Claim`].
#[derive(Debug, PartialEq)]
pub(super) struct Claimed {
    pub(super) pid: String,
    pub(super) offset: Option<String>,
}

impl Claimed {
    /// What it has heard, should there be no session for it.
    pub(super) fn heard(&self) -> Heard {
        Heard::of(self.offset.as_deref())
    }
}

/// The data of a CONNECT packet may be any object; two of its fields are ours.
fn claim(json: &str) -> Result<Option<Claimed>, Malformed> {
    let mut fields: HashMap<String, &RawValue> = serde_json::from_str(json).map_err(|_| Malformed)?;
    let mut text = |name: &str| fields.remove(name).and_then(|value| serde_json::from_str(value.get()).ok());
    let (pid, offset) = (text("pid"), text("offset"));
    Ok(pid.map(|pid| Claimed { pid, offset }))
}

fn attachments(rest: &str) -> Result<(usize, &str), Malformed> {
    let (count, rest) = rest.split_once('-').ok_or(Malformed)?;
    if count.len() > 3 || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    match count.parse() {
        Ok(count) if (1..=MAX_ATTACHMENTS).contains(&count) => Ok((count, rest)),
        _ => Err(Malformed),
    }
}

/// The namespace without its query, and the rest.
fn namespace(rest: &str) -> (&str, &str) {
    if !rest.starts_with('/') {
        return ("/", rest);
    }
    let (name, rest) = rest.split_once(',').unwrap_or((rest, ""));
    (name.split('?').next().unwrap_or(name), rest)
}

fn event(generation: Generation, json: &str, attachments: usize) -> Result<Received, Malformed> {
    let mut args: Vec<Value> =
        serde_json::from_str(json).or_else(|_| serde_json::from_str(&mended(json))).map_err(|_| Malformed)?;
    if args.is_empty() {
        return Err(Malformed);
    }
    let name = match args.remove(0) {
        Value::String(name) if generation == Generation::V4 && RESERVED.contains(&name.as_str()) => {
            return Err(Malformed);
        }
        Value::String(name) => name,
        Value::Number(number) => number.to_string(),
        _ => return Err(Malformed),
    };
    if attachments > 0 && !args.iter().all(|arg| placeholders_within(arg, attachments)) {
        return Err(Malformed);
    }
    Ok(Received { name, args, attachments: Vec::new() })
}

/// Whether every placeholder numbers an attachment that was announced. As deep as the JSON parser lets through.
fn placeholders_within(value: &Value, count: usize) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| placeholders_within(item, count)),
        Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => fields
            .get("num")
            .and_then(Value::as_u64)
            .and_then(|number| usize::try_from(number).ok())
            .is_some_and(|number| number < count),
        Value::Object(fields) => fields.values().all(|field| placeholders_within(field, count)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// An event whose attachments are still on their way.
#[derive(Debug)]
pub(super) struct Partial {
    /// What is handed on once it is whole; none when it is only skipped.
    event: Option<Received>,
    missing: usize,
    bytes: usize,
}

impl Partial {
    pub(super) fn new(event: Option<Received>, missing: usize) -> Self {
        Self { event, missing, bytes: 0 }
    }

    /// Takes the next attachment. Returns whether the packet is whole now.
    ///
    /// # Errors
    /// [`TooBig`] when the attachments together are over `max` bytes.
    pub(super) fn take(&mut self, attachment: Bytes, max: usize) -> Result<bool, TooBig> {
        self.bytes += attachment.len();
        if self.bytes > max {
            return Err(TooBig);
        }
        if let Some(event) = &mut self.event {
            event.attachments.push(attachment);
        }
        self.missing = self.missing.saturating_sub(1);
        Ok(self.missing == 0)
    }

    pub(super) fn into_event(self) -> Option<Received> {
        self.event
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
