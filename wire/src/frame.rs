//! Framing: a header of eight bytes, then a body.

use crate::PROTOCOL_VERSION;
use crate::error::DecodeError;

/// The first two bytes of every frame: `RE`.
pub const MAGIC: [u8; 2] = *b"RE";
/// Bytes in a header.
pub const HEADER_LEN: usize = 8;
/// The most bytes a body may have: 16 MiB.
pub const MAX_BODY_LEN: usize = 16 * 1024 * 1024;

/// What a frame's body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Publisher to sidecar: who speaks.
    Hello = 1,
    /// Sidecar to publisher: the answer to a hello.
    Welcome = 2,
    /// Publisher to sidecar: one event.
    Publish = 3,
    /// Sidecar to publisher: the event was accepted.
    Receipt = 4,
    /// Sidecar to publisher: the event, or the connection, cannot be accepted.
    Refusal = 5,
}

impl TryFrom<u8> for Kind {
    type Error = DecodeError;

    fn try_from(byte: u8) -> Result<Self, DecodeError> {
        Ok(match byte {
            1 => Self::Hello,
            2 => Self::Welcome,
            3 => Self::Publish,
            4 => Self::Receipt,
            5 => Self::Refusal,
            other => return Err(DecodeError::UnknownKind(other)),
        })
    }
}

/// A header that has been checked: the version is ours, the kind is known, the length is within [`MAX_BODY_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the body holds.
    pub kind: Kind,
    /// Bytes in the body.
    pub len: usize,
}

impl Header {
    /// Reads a header. Nothing has to be allocated for the body before this has said yes.
    ///
    /// # Errors
    /// Wrong magic, another version, an unknown kind, or a body over [`MAX_BODY_LEN`].
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, DecodeError> {
        let [m0, m1, version, kind, l0, l1, l2, l3] = *bytes;
        if [m0, m1] != MAGIC {
            return Err(DecodeError::Magic([m0, m1]));
        }
        if version != PROTOCOL_VERSION {
            return Err(DecodeError::Version(version));
        }
        let kind = Kind::try_from(kind)?;
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        if len > MAX_BODY_LEN {
            return Err(DecodeError::BodyTooLong { len });
        }
        Ok(Self { kind, len })
    }

    /// The eight bytes of this header.
    ///
    /// # Errors
    /// `len` is over [`MAX_BODY_LEN`]: nobody would read such a frame.
    pub fn encode(self) -> Result<[u8; HEADER_LEN], DecodeError> {
        let too_long = DecodeError::BodyTooLong { len: self.len };
        if self.len > MAX_BODY_LEN {
            return Err(too_long);
        }
        let [l0, l1, l2, l3] = u32::try_from(self.len).map_err(|_| too_long)?.to_be_bytes();
        Ok([MAGIC[0], MAGIC[1], PROTOCOL_VERSION, self.kind as u8, l0, l1, l2, l3])
    }
}

/// What [`decode`] found at the start of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole frame.
    Frame {
        /// What the body holds.
        kind: Kind,
        /// The body, borrowed from the buffer.
        body: &'a [u8],
        /// Bytes of the buffer this frame took, header included.
        consumed: usize,
    },
    /// The frame is not complete: at least this many bytes are missing.
    NeedMore(usize),
}

/// Looks for one frame at the start of `buffer`. An incomplete frame is an ordinary outcome, not an error.
///
/// # Errors
/// The header is not one of ours; see [`Header::parse`].
pub fn decode(buffer: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER_LEN>() else {
        return Ok(Decoded::NeedMore(HEADER_LEN - buffer.len()));
    };
    let Header { kind, len } = Header::parse(header)?;
    Ok(match rest.get(..len) {
        Some(body) => Decoded::Frame { kind, body, consumed: HEADER_LEN + len },
        None => Decoded::NeedMore(len - rest.len()),
    })
}
