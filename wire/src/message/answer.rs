//! What the sidecar answers.

use super::reader::Reader;
use super::{HEADER_ROOM, cut};
use crate::PROTOCOL_VERSION;
use crate::error::DecodeError;
use crate::frame::{Kind, MAGIC};
use crate::id::EventId;
use crate::limits::MAX_SHORT_LEN;

/// The most bytes of a refusal's message; a longer one is cut when it is written.
pub const MAX_MESSAGE_LEN: usize = 1024;

/// An answer is far shorter than the limit of a frame, so that writing it cannot fail.
fn seal_short(mut frame: Vec<u8>, kind: Kind) -> Vec<u8> {
    let len = u32::try_from(frame.len() - HEADER_ROOM.len()).unwrap_or(u32::MAX).to_be_bytes();
    frame[..4].copy_from_slice(&[MAGIC[0], MAGIC[1], PROTOCOL_VERSION, kind as u8]);
    frame[4..8].copy_from_slice(&len);
    frame
}

/// Appends a text, cut at `limit`.
fn put_cut(out: &mut Vec<u8>, text: &str, limit: u16) {
    let text = cut(text, usize::from(limit));
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(limit).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Answers a hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The sidecar's version: `0.1.0`. Cut at 255 bytes when it is written.
    pub sidecar: String,
    /// The oldest protocol version it speaks.
    pub oldest: u8,
    /// The newest protocol version it speaks.
    pub newest: u8,
    /// The most bytes of data one event may have there.
    pub max_data: u32,
}

impl Welcome {
    /// The whole frame.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = HEADER_ROOM.to_vec();
        put_cut(&mut frame, &self.sidecar, MAX_SHORT_LEN as u16);
        frame.extend_from_slice(&[self.oldest, self.newest]);
        frame.extend_from_slice(&self.max_data.to_be_bytes());
        seal_short(frame, Kind::Welcome)
    }

    /// Reads the body of a welcome frame.
    ///
    /// # Errors
    /// See [`super::Message::decode`].
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let welcome = Self {
            sidecar: reader.short("sidecar", MAX_SHORT_LEN)?.to_owned(),
            oldest: reader.u8("oldest")?,
            newest: reader.u8("newest")?,
            max_data: reader.u32("max data")?,
        };
        reader.end().map(|()| welcome)
    }
}

/// The event was accepted: it has been handed to every socket that was subscribed on this node at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id.
    pub id: EventId,
    /// How many sockets of this node got it.
    pub subscribers: u32,
}

impl Receipt {
    /// The whole frame.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = HEADER_ROOM.to_vec();
        frame.extend_from_slice(&self.id.0);
        frame.extend_from_slice(&self.subscribers.to_be_bytes());
        seal_short(frame, Kind::Receipt)
    }

    /// Reads the body of a receipt frame.
    ///
    /// # Errors
    /// See [`super::Message::decode`].
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let receipt = Self { id: reader.id()?, subscribers: reader.u32("subscribers")? };
        reader.end().map(|()| receipt)
    }
}

/// Why a sidecar refuses, as a number of the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// 1: the protocol version is not spoken. The sidecar closes.
    Version,
    /// 2: the frame did not decode. The sidecar closes.
    BadFrame,
    /// 3: the data is not valid JSON.
    NotJson,
    /// 4: no channel, or too many.
    Channels,
    /// 5: a channel name is empty or too long.
    ChannelName,
    /// 6: the event name is empty or too long.
    EventName,
    /// 7: the data is over the sidecar's limit.
    DataTooLong,
    /// 8: the sidecar is stopping, or over its bounds: try later.
    Unavailable,
    /// A code that a later sidecar may have.
    Other(u16),
}

impl RefusalCode {
    /// The number on the wire.
    #[must_use]
    pub fn as_u16(self) -> u16 {
        match self {
            Self::Version => 1,
            Self::BadFrame => 2,
            Self::NotJson => 3,
            Self::Channels => 4,
            Self::ChannelName => 5,
            Self::EventName => 6,
            Self::DataTooLong => 7,
            Self::Unavailable => 8,
            Self::Other(code) => code,
        }
    }

    /// Whether the sidecar closes the connection after it.
    #[must_use]
    pub fn closes(self) -> bool {
        matches!(self, Self::Version | Self::BadFrame)
    }
}

impl From<u16> for RefusalCode {
    fn from(code: u16) -> Self {
        match code {
            1 => Self::Version,
            2 => Self::BadFrame,
            3 => Self::NotJson,
            4 => Self::Channels,
            5 => Self::ChannelName,
            6 => Self::EventName,
            7 => Self::DataTooLong,
            8 => Self::Unavailable,
            other => Self::Other(other),
        }
    }
}

/// The event, or the connection, cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The event's id; [`EventId::NIL`] where it is not known.
    pub id: EventId,
    /// Why.
    pub code: RefusalCode,
    /// One sentence for people, naming the field and the limit. Cut at [`MAX_MESSAGE_LEN`] bytes when it is written.
    pub message: String,
}

impl Refusal {
    /// The whole frame.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = HEADER_ROOM.to_vec();
        frame.extend_from_slice(&self.id.0);
        frame.extend_from_slice(&self.code.as_u16().to_be_bytes());
        put_cut(&mut frame, &self.message, MAX_MESSAGE_LEN as u16);
        seal_short(frame, Kind::Refusal)
    }

    /// Reads the body of a refusal frame.
    ///
    /// # Errors
    /// See [`super::Message::decode`].
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let refusal = Self {
            id: reader.id()?,
            code: RefusalCode::from(reader.u16("code")?),
            message: reader.str16("message")?.to_owned(),
        };
        reader.end().map(|()| refusal)
    }
}
