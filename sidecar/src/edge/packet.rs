//! One Socket.IO EVENT packet, encoded once and shared by every socket that gets it.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    Generation,
    lean::frame::{self, HEAD_ROOM, Opcode},
};
use crate::recovery::Offset;

/// An event ready to be emitted: `42["<event>",<arg>,…]`, the same text in both protocol generations, unless it is
/// [numbered](Packet::numbered).
///
/// Cloning shares it.
#[derive(Debug, Clone)]
pub struct Packet(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    /// As generation 4 gets it.
    form: Form,
    /// As generation 3 gets a numbered one, from when the first socket of it wants it.
    plain: OnceLock<Form>,
    /// The number, and how many bytes of `form` it takes.
    number: Option<(u64, usize)>,
    /// For an edge that encodes by itself, from when it first asks.
    parts: OnceLock<Parts>,
    attachments: Vec<Bytes>,
}

/// A text and, in front of it, the head that makes it a websocket frame.
#[derive(Debug, Clone)]
struct Form {
    frame: Bytes,
    text: Bytes,
}

/// What a text says.
#[derive(Debug, Default)]
struct Parts {
    event: String,
    args: Vec<Box<RawValue>>,
}

impl Form {
    /// Of a text with [`HEAD_ROOM`] in front.
    fn new(mut buffer: Vec<u8>) -> Self {
        let mut head = [0; HEAD_ROOM];
        let start = frame::write_head(&mut head, Opcode::Text, buffer.len() - HEAD_ROOM);
        buffer[..HEAD_ROOM].copy_from_slice(&head);
        let mut frame = Bytes::from(buffer);
        let text = frame.slice(HEAD_ROOM..);
        bytes::Buf::advance(&mut frame, start);
        Self { text, frame }
    }

    /// Of a text in two pieces.
    fn joined(start: &[u8], end: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEAD_ROOM + start.len() + end.len());
        buffer.resize(HEAD_ROOM, 0);
        buffer.extend_from_slice(start);
        buffer.extend_from_slice(end);
        Self::new(buffer)
    }
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
        let mut text = begin(event, size, attachments.len());
        for arg in args {
            text.push(b',');
            text.extend_from_slice(arg.get().as_bytes());
        }
        text.push(b']');
        Self::of(Form::new(text), None, attachments)
    }

    /// What Laravel's clients hear of an event on a channel: the same as [`Packet::new`] with the channel's name and the data.
    pub fn on_channel(event: &str, channel: &str, data: &RawValue) -> Self {
        let mut text = begin(event, channel.len() + data.get().len() + 4, 0);
        text.push(b',');
        push_quoted(&mut text, channel);
        text.push(b',');
        text.extend_from_slice(data.get().as_bytes());
        text.push(b']');
        Self::of(Form::new(text), None, Vec::new())
    }

    fn of(form: Form, number: Option<(u64, usize)>, attachments: Vec<Bytes>) -> Self {
        let (plain, parts) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Encoded { form, plain, number, parts, attachments }))
    }

    /// The same with an offset as one more argument, for sockets of generation 4; those of generation 3 know nothing of it.
    pub fn numbered(&self, offset: Offset) -> Self {
        let text = &self.text()[..self.text().len() - 1];
        let mut buffer = Vec::with_capacity(HEAD_ROOM + text.len() + 64);
        buffer.resize(HEAD_ROOM, 0);
        buffer.extend_from_slice(text);
        // A vector takes everything.
        let _ = write!(buffer, ",\"{offset}\"]");
        let length = buffer.len() - HEAD_ROOM - text.len() - 1;
        Self::of(Form::new(buffer), Some((offset.number, length)), self.0.attachments.clone())
    }

    /// One that was numbered before this process began, from its [numbered text](Packet::numbered_text).
    pub fn restored(text: &str, offset: Offset, attachments: Vec<Bytes>) -> Option<Self> {
        if !text.starts_with("42[\"") && !text.starts_with("45") {
            return None;
        }
        let (_, end) = text.rsplit_once(",\"")?;
        let found = Offset::parse(end.strip_suffix("\"]")?)?;
        if (found.epoch, found.number) != (offset.epoch, offset.number) {
            return None;
        }
        Some(Self::of(Form::joined(text.as_bytes(), b""), Some((offset.number, end.len() + 1)), attachments))
    }

    /// Its number, when it is [numbered](Packet::numbered).
    pub fn number(&self) -> Option<u64> {
        self.0.number.map(|(number, _)| number)
    }

    fn plain(&self) -> &Form {
        let form = &self.0.form;
        let Some((_, length)) = self.0.number else { return form };
        self.0.plain.get_or_init(|| Form::joined(&form.text[..form.text.len() - 1 - length], b"]"))
    }

    /// The packet as one Engine.IO message, its type digit `4` included, without an offset.
    pub fn text(&self) -> &Bytes {
        &self.plain().text
    }

    /// [`Packet::text`] as one websocket frame of a server.
    pub fn frame(&self) -> &Bytes {
        &self.plain().frame
    }

    /// [`Packet::text`], with the offset when it is numbered.
    pub fn numbered_text(&self) -> &Bytes {
        &self.0.form.text
    }

    /// [`Packet::numbered_text`] as one websocket frame of a server.
    pub fn numbered_frame(&self) -> &Bytes {
        &self.0.form.frame
    }

    /// The text as a client of this generation gets it.
    pub fn text_for(&self, generation: Generation) -> &Bytes {
        match generation {
            Generation::V3 => self.text(),
            Generation::V4 => self.numbered_text(),
        }
    }

    /// The frame as a client of this generation gets it.
    pub fn frame_for(&self, generation: Generation) -> &Bytes {
        match generation {
            Generation::V3 => self.frame(),
            Generation::V4 => self.numbered_frame(),
        }
    }

    fn parts(&self) -> &Parts {
        self.0.parts.get_or_init(|| {
            let text = self.text();
            let list = text.iter().position(|byte| *byte == b'[').map_or(&[][..], |start| &text[start..]);
            let mut args: Vec<Box<RawValue>> = serde_json::from_slice(list).unwrap_or_default();
            if args.is_empty() {
                return Parts::default();
            }
            Parts { event: serde_json::from_str(args.remove(0).get()).unwrap_or_default(), args }
        })
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        &self.parts().event
    }

    /// Each argument after the name.
    pub fn args(&self) -> &[Box<RawValue>] {
        &self.parts().args
    }

    /// Binary attachments, in the order of their numbers; empty for a plain event.
    pub fn attachments(&self) -> &[Bytes] {
        &self.0.attachments
    }
}

/// A text up to the event's name, behind [`HEAD_ROOM`], with room for so many bytes more.
fn begin(event: &str, size: usize, attachments: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(HEAD_ROOM + size + event.len() + 16);
    text.extend([0; HEAD_ROOM]);
    if attachments == 0 {
        text.extend_from_slice(b"42[");
    } else {
        text.extend_from_slice(format!("45{attachments}-[").as_bytes());
    }
    push_quoted(&mut text, event);
    text
}

fn push_quoted(json: &mut Vec<u8>, text: &str) {
    // Text is always JSON, and a vector takes everything.
    let _ = serde_json::to_writer(json, text);
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
        assert_eq!(packet.args().iter().map(|arg| arg.get()).collect::<Vec<_>>(), ["\"a\"", "{\"x\": 1.0}"]);
        assert_eq!(packet.event(), "App\\Events\\E");
        let same = Packet::on_channel("App\\Events\\E", "a", &raw("{\"x\": 1.0}"));
        assert_eq!(same.frame(), packet.frame());
    }

    #[test]
    fn frame_is_the_text_behind_its_head() {
        let packet = Packet::new("e", &[]);
        assert_eq!(&packet.frame()[..], b"\x81\x0742[\"e\"]");
        let long = Packet::new("e", &[&raw(&format!("\"{}\"", "x".repeat(70_000)))]);
        assert_eq!(long.frame()[..2], [0x81, 127]);
        assert_eq!(&long.frame()[10..], &long.text()[..]);
        assert_eq!(long.args()[0].get().len(), 70_002);
    }

    #[test]
    fn a_number_is_one_more_argument_for_generation_4_alone() {
        let offset = crate::recovery::Epoch::fresh().offset(7);
        for packet in
            [Packet::new("e", &[]), Packet::with_attachments("e", &[&raw("1")], vec![Bytes::from_static(b"x")])]
        {
            let plain = String::from_utf8_lossy(packet.text()).into_owned();
            let numbered = packet.numbered(offset);
            let text = format!("{},\"{offset}\"]", plain.strip_suffix(']').unwrap());
            assert_eq!(&numbered.text_for(Generation::V4)[..], text.as_bytes());
            assert_eq!(&numbered.text_for(Generation::V3)[..], plain.as_bytes());
            assert_eq!(numbered.frame_for(Generation::V3), packet.frame());
            assert_eq!(&numbered.frame_for(Generation::V4)[2..], text.as_bytes());
            assert_eq!((numbered.number(), packet.number()), (Some(7), None));
            assert_eq!((numbered.event(), numbered.args().len()), ("e", packet.args().len()));
            let restored = Packet::restored(&text, offset, vec![]).unwrap();
            assert_eq!(restored.numbered_frame(), numbered.numbered_frame());
            assert_eq!(restored.frame(), packet.frame());
            assert!(Packet::restored(&plain, offset, vec![]).is_none());
        }
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
