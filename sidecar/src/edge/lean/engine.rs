//! Engine.IO packets: one digit for the type, then the data. The same digits in protocols 3 and 4.
//!
//! Own codec: protocol 3 has to be byte for byte the old server's, its lenience included.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

use crate::edge::Generation;

/// Engine.IO's `close`, as the last word to a polling client.
pub(super) const CLOSE: Bytes = Bytes::from_static(b"1");
/// Engine.IO's `ping`: sent by the server in protocol 4, by the client in protocol 3.
pub(super) const PING: Bytes = Bytes::from_static(b"2");
/// Engine.IO's `pong`.
pub(super) const PONG: Bytes = Bytes::from_static(b"3");
/// The answer to an upgrade probe.
pub(super) const PONG_PROBE: Bytes = Bytes::from_static(b"3probe");
/// Engine.IO's `noop`: ends a poll with nothing to say.
pub(super) const NOOP: Bytes = Bytes::from_static(b"6");
/// Data of the ping that probes a websocket.
pub(super) const PROBE: &str = "probe";

/// Old clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One packet from a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    /// `1`.
    Close,
    /// `2`, with its data.
    Ping(&'a str),
    /// `3`.
    Pong,
    /// `4`: a Socket.IO packet.
    Message(&'a str),
    /// A binary attachment.
    Binary(Bytes),
    /// `5`.
    Upgrade,
    /// `0`, `6`, and binary packets of other types: nothing to do.
    Ignored,
}

/// A packet for a client, as it waits for a transport.
#[derive(Debug, Clone)]
pub(super) enum Outgoing {
    /// A text packet, its type digit included.
    Text(Bytes),
    /// The bytes of a binary attachment.
    Binary(Bytes),
}

impl Outgoing {
    /// Bytes it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// Reads a text packet; none when it is not one.
pub(super) fn decode_text(generation: Generation, packet: &str) -> Option<Incoming<'_>> {
    let mut rest = packet.chars();
    let kind = rest.next()?;
    let data = rest.as_str();
    Some(match kind {
        '1' => Incoming::Close,
        '2' => Incoming::Ping(data),
        '3' => Incoming::Pong,
        '4' => Incoming::Message(data),
        '5' => Incoming::Upgrade,
        '0' | '6' => Incoming::Ignored,
        'b' => return decode_base64(generation, data),
        _ => return None,
    })
}

/// Reads a binary packet. Protocol 3 has the type in the first byte, protocol 4 knows only messages.
pub(super) fn decode_binary(generation: Generation, packet: &[u8]) -> Incoming<'static> {
    match (generation, packet) {
        (Generation::V4, all) => Incoming::Binary(Bytes::copy_from_slice(all)),
        (Generation::V3, [4, data @ ..]) => Incoming::Binary(Bytes::copy_from_slice(data)),
        (Generation::V3, [2, ..]) => Incoming::Ping(""),
        (Generation::V3, _) => Incoming::Ignored,
    }
}

fn decode_base64(generation: Generation, data: &str) -> Option<Incoming<'static>> {
    let data = match generation {
        Generation::V4 => data,
        Generation::V3 => match data.strip_prefix('4') {
            Some(data) => data,
            None => return Some(Incoming::Ignored),
        },
    };
    BASE64.decode(data).ok().map(|bytes| Incoming::Binary(bytes.into()))
}

/// A binary attachment as a text packet: `b4…` in protocol 3, `b…` in protocol 4.
pub(super) fn encode_base64(generation: Generation, data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len() / 3 * 4 + 8);
    text.push_str(match generation {
        Generation::V3 => "b4",
        Generation::V4 => "b",
    });
    BASE64.encode_string(data, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_packets() {
        for generation in [Generation::V3, Generation::V4] {
            assert_eq!(decode_text(generation, "4"), Some(Incoming::Message("")));
            assert_eq!(decode_text(generation, "42[]"), Some(Incoming::Message("2[]")));
            assert_eq!(decode_text(generation, "2probe"), Some(Incoming::Ping(PROBE)));
            assert_eq!(decode_text(generation, "6"), Some(Incoming::Ignored));
            for bad in ["", "7", "é", "x", " 4"] {
                assert_eq!(decode_text(generation, bad), None, "{bad:?}");
            }
        }
    }

    #[test]
    fn base64_with_and_without_padding_in_both_protocols() {
        let bytes = Bytes::from_static(&[1, 2, 3, 4]);
        assert_eq!(decode_text(Generation::V3, "b4AQIDBA=="), Some(Incoming::Binary(bytes.clone())));
        assert_eq!(decode_text(Generation::V3, "b4AQIDBA"), Some(Incoming::Binary(bytes.clone())));
        assert_eq!(decode_text(Generation::V4, "bAQIDBA=="), Some(Incoming::Binary(bytes.clone())));
        assert_eq!(decode_text(Generation::V4, "b!"), None);
        assert_eq!(encode_base64(Generation::V3, &bytes), "b4AQIDBA==");
        assert_eq!(encode_base64(Generation::V4, &bytes), "bAQIDBA==");
    }

    #[test]
    fn binary_packets_have_a_type_byte_in_protocol_3_only() {
        assert_eq!(decode_binary(Generation::V3, &[4, 9]), Incoming::Binary(Bytes::from_static(&[9])));
        assert_eq!(decode_binary(Generation::V3, &[]), Incoming::Ignored);
        assert_eq!(decode_binary(Generation::V4, &[4, 9]), Incoming::Binary(Bytes::from_static(&[4, 9])));
    }
}
