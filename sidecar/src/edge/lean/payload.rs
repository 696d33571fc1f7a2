//! Bodies of polling requests: several Engine.IO packets in one.
//!
//! Protocol 3: `<length>:<packet>…`, lengths in UTF-16 units; with a binary packet in it, the XHR2 form
//! `<0 text | 1 binary><length, one decimal digit a byte><255><packet>…`, lengths in bytes. Protocol 4: packets separated by
//! `0x1e`, binary ones in base64.

use std::fmt::Write as _;

use super::engine::{self, Incoming, Outgoing};
use crate::edge::Generation;

/// Content type of a body that holds text.
pub(super) const TEXT: &str = "text/plain; charset=UTF-8";
/// Content type of an XHR2 body.
pub(super) const OCTETS: &str = "application/octet-stream";

const SEPARATOR: char = '\x1e';
/// More digits than any body under its bound can need.
const MAX_DIGITS: usize = 10;

/// The body is not a payload.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("body of a polling request is not an Engine.IO payload")]
pub(super) struct Malformed;

/// The body of a polling answer.
pub(super) enum Body {
    /// Text, for [`TEXT`].
    Text(String),
    /// The XHR2 form, for [`OCTETS`].
    Octets(Vec<u8>),
}

/// Joins packets to one body. With `base64` no binary body is made.
pub(super) fn encode(generation: Generation, packets: &[Outgoing], base64: bool) -> Body {
    let has_binary = packets.iter().any(|packet| matches!(packet, Outgoing::Binary(_)));
    if generation == Generation::V3 && has_binary && !base64 {
        return Body::Octets(encode_octets(packets));
    }
    let mut body = String::with_capacity(packets.iter().map(|packet| packet.len() + 8).sum());
    for (number, packet) in packets.iter().enumerate() {
        let encoded;
        let text = match packet {
            Outgoing::Text(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Outgoing::Binary(bytes) => {
                encoded = engine::encode_base64(generation, bytes);
                &encoded
            }
        };
        match generation {
            Generation::V3 => {
                let _ = write!(body, "{}:", utf16_len(text));
            }
            Generation::V4 if number > 0 => body.push(SEPARATOR),
            Generation::V4 => {}
        }
        body.push_str(text);
    }
    Body::Text(body)
}

fn encode_octets(packets: &[Outgoing]) -> Vec<u8> {
    let mut body = Vec::new();
    for packet in packets {
        let (kind, prefix, bytes): (u8, &[u8], _) = match packet {
            Outgoing::Text(bytes) => (0, &[], bytes),
            Outgoing::Binary(bytes) => (1, &[4], bytes),
        };
        body.push(kind);
        body.extend((prefix.len() + bytes.len()).to_string().bytes().map(|digit| digit - b'0'));
        body.push(0xff);
        body.extend_from_slice(prefix);
        body.extend_from_slice(bytes);
    }
    body
}

/// Hands each packet of a text body to `each`, until it returns false.
pub(super) fn decode_text(
    generation: Generation,
    body: &str,
    mut each: impl FnMut(Incoming<'_>) -> bool,
) -> Result<(), Malformed> {
    if generation == Generation::V4 {
        for packet in body.split(SEPARATOR) {
            if !each(engine::decode_text(generation, packet).ok_or(Malformed)?) {
                break;
            }
        }
        return Ok(());
    }
    let mut rest = body;
    if rest.is_empty() {
        return Err(Malformed);
    }
    while !rest.is_empty() {
        let (length, after) = rest.split_once(':').ok_or(Malformed)?;
        if length.is_empty() || length.len() > MAX_DIGITS || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Malformed);
        }
        let units = length.parse().map_err(|_| Malformed)?;
        let (packet, after) = split_utf16(after, units).ok_or(Malformed)?;
        if !packet.is_empty() && !each(engine::decode_text(generation, packet).ok_or(Malformed)?) {
            break;
        }
        rest = after;
    }
    Ok(())
}

/// Hands each packet of a protocol 3 XHR2 body to `each`, until it returns false.
pub(super) fn decode_octets(body: &[u8], mut each: impl FnMut(Incoming<'_>) -> bool) -> Result<(), Malformed> {
    let mut rest = body;
    while let [kind, after @ ..] = rest {
        let end = after.iter().take(MAX_DIGITS + 1).position(|byte| *byte == 0xff).ok_or(Malformed)?;
        let (digits, after) = (&after[..end], &after[end + 1..]);
        if digits.is_empty() || digits.iter().any(|digit| *digit > 9) {
            return Err(Malformed);
        }
        let length = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(*digit));
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        if length > after.len() {
            return Err(Malformed);
        }
        let (packet, after) = after.split_at(length);
        let go_on = match kind {
            0 => {
                let text = std::str::from_utf8(packet).map_err(|_| Malformed)?;
                each(engine::decode_text(Generation::V3, text).ok_or(Malformed)?)
            }
            1 => each(engine::decode_binary(Generation::V3, packet)),
            _ => return Err(Malformed),
        };
        if !go_on {
            break;
        }
        rest = after;
    }
    Ok(())
}

/// Length of a text as JavaScript counts it.
pub(super) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// Splits after `units` UTF-16 units; none when the text is shorter or the cut goes through a character.
fn split_utf16(text: &str, units: usize) -> Option<(&str, &str)> {
    let mut left = units;
    let mut chars = text.chars();
    while left > 0 {
        left = left.checked_sub(chars.next()?.len_utf16())?;
    }
    let rest = chars.as_str();
    Some((&text[..text.len() - rest.len()], rest))
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
