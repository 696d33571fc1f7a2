//! One Socket.IO EVENT packet, encoded once and shared by every socket that gets it.

use std::ops::Range;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::lean::frame::{self, HEAD_ROOM, Opcode};

/// An event ready to be emitted: `42["<event>",<arg>,…]`, the same text in both protocol generations.
///
/// Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The text and, in front of it, the head that makes it a websocket frame.
    frame: Bytes,
    text: Bytes,
    event: String,
    args: Vec<Range<usize>>,
    attachments: Vec<Bytes>,
}

impl Packet {
    /// Encodes `event` with `args`, each of them one JSON value, which are copied as they are.
    pub fn new(event: &str, args: &[&RawValue]) -> Self {
        Self::with_attachments(event, args, Vec::new())
    }

    /// As [`Packet::new`], with binary attachments that placeholders in `args` refer to by number: a BINARY_EVENT packet,
    /// `45<count>-["<event>",…]`, followed by the attachments.
    pub fn with_attachments(event: &str, args: &[&RawValue], attachments: Vec<Bytes>) -> Self {
        let size: usize = args.iter().map(|arg| arg.get().len() + 1).sum();
        let mut text = String::with_capacity(HEAD_ROOM + size + event.len() + 16);
        text.extend([' '; HEAD_ROOM]);
        if attachments.is_empty() {
            text.push_str("42[");
        } else {
            text.push_str("45");
            text.push_str(&attachments.len().to_string());
            text.push_str("-[");
        }
        text.push_str(&quote(event));
        let mut ranges = Vec::with_capacity(args.len());
        for arg in args {
            text.push(',');
            let start = text.len();
            text.push_str(arg.get());
            ranges.push(start - HEAD_ROOM..text.len() - HEAD_ROOM);
        }
        text.push(']');
        let mut frame = text.into_bytes();
        let mut head = [0; HEAD_ROOM];
        let start = frame::write_head(&mut head, Opcode::Text, frame.len() - HEAD_ROOM);
        frame[..HEAD_ROOM].copy_from_slice(&head);
        let frame = Bytes::from(frame);
        let text = frame.slice(HEAD_ROOM..);
        Self { frame: frame.slice(start..), text, event: event.to_owned(), args: ranges, attachments }
    }

    /// The packet as one Engine.IO message, its type digit `4` included.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// [`Packet::text`] as one websocket frame of a server.
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The JSON text of each argument after the name.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &str> {
        self.args.iter().map(|range| std::str::from_utf8(&self.text[range.clone()]).unwrap_or("null"))
    }

    /// Binary attachments, in the order of their numbers; empty for a plain event.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

/// A JSON string literal of `text`.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Names that Socket.IO's servers keep for themselves and never send to a client.
pub fn is_reserved(event: &str) -> bool {
    matches!(event, "connect" | "connection" | "newListener")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn event_with_channel_and_data_is_encoded_as_both_generations_expect() {
        let packet = Packet::new("App\\Events\\E", &[&raw("\"a\""), &raw("{\"x\": 1.0}")]);
        assert_eq!(&packet.text()[..], br#"42["App\\Events\\E","a",{"x": 1.0}]"#);
        assert_eq!(packet.args().collect::<Vec<_>>(), ["\"a\"", "{\"x\": 1.0}"]);
    }

    #[test]
    fn frame_is_the_text_behind_its_head() {
        let packet = Packet::new("e", &[]);
        assert_eq!(&packet.frame()[..], b"\x81\x0742[\"e\"]");
        let long = Packet::new("e", &[&raw(&format!("\"{}\"", "x".repeat(70_000)))]);
        assert_eq!(long.frame()[..2], [0x81, 127]);
        assert_eq!(&long.frame()[10..], &long.text()[..]);
        assert_eq!(long.args().next().unwrap().len(), 70_002);
    }

    #[test]
    fn attachments_make_a_binary_event() {
        let packet = Packet::with_attachments(
            "e",
            &[&raw(r#"{"_placeholder":true,"num":0}"#)],
            vec![Bytes::from_static(b"\x01")],
        );
        assert_eq!(&packet.text()[..], br#"451-["e",{"_placeholder":true,"num":0}]"#);
    }
}
