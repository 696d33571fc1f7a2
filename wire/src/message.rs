//! What the bodies of frames mean. Decoding borrows from the body: an event's data is never copied.

mod answer;
mod publish;
mod reader;

pub use answer::{MAX_MESSAGE_LEN, Receipt, Refusal, RefusalCode, Welcome};
pub use publish::{Hello, Publish};

use crate::error::DecodeError;
use crate::frame::{Header, Kind};

/// Any message of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// Who speaks.
    Hello(Hello<'a>),
    /// The answer to a hello.
    Welcome(Welcome),
    /// One event.
    Publish(Publish<'a>),
    /// The event was accepted.
    Receipt(Receipt),
    /// The event was not.
    Refusal(Refusal),
}

impl<'a> Message<'a> {
    /// Reads the body of a frame of this kind.
    ///
    /// # Errors
    /// The body ends too early, has bytes left over, or a text is not UTF-8.
    pub fn decode(kind: Kind, body: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(match kind {
            Kind::Hello => Self::Hello(Hello::decode(body)?),
            Kind::Welcome => Self::Welcome(Welcome::decode(body)?),
            Kind::Publish => Self::Publish(Publish::decode(body)?),
            Kind::Receipt => Self::Receipt(Receipt::decode(body)?),
            Kind::Refusal => Self::Refusal(Refusal::decode(body)?),
        })
    }
}

/// Appends a length and the text.
fn put_str16(out: &mut Vec<u8>, field: &'static str, text: &str) -> Result<(), DecodeError> {
    let limit = usize::from(u16::MAX);
    let len = u16::try_from(text.len()).map_err(|_| DecodeError::FieldTooLong { field, len: text.len(), limit })?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// The longest start of `text` that has at most `limit` bytes and ends between two characters.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Room for a header; [`seal`] fills it in.
const HEADER_ROOM: [u8; crate::frame::HEADER_LEN] = [0; crate::frame::HEADER_LEN];

/// Writes the header over the first bytes of `frame`, whose body goes on for `more` bytes elsewhere.
fn seal(mut frame: Vec<u8>, kind: Kind, more: usize) -> Result<Vec<u8>, DecodeError> {
    let header = Header { kind, len: frame.len() - HEADER_ROOM.len() + more }.encode()?;
    frame[..header.len()].copy_from_slice(&header);
    Ok(frame)
}
