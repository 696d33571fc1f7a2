//! Everything that can go wrong, in sentences that name the value, the limit and the way out.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::frame::MAX_BODY_LEN;
use crate::limits::{MAX_CHANNEL_LEN, MAX_CHANNELS, MAX_EVENT_LEN, MAX_SHORT_LEN};
use crate::message::RefusalCode;

/// Bytes that are no frame, or a body that does not fit its kind. The connection they came on cannot be trusted any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The stream does not start with `RE`: something else is talking, or the framing got lost.
    #[error("a frame starts with the bytes 52 45, this one with {:02x} {:02x}", .0[0], .0[1])]
    Magic([u8; 2]),
    /// A protocol version other than ours.
    #[error("protocol version {0} is not spoken here, only version 1")]
    Version(u8),
    /// A kind of frame that version 1 does not have.
    #[error("frame kind {0:#04x} is unknown")]
    UnknownKind(u8),
    /// A kind of frame that the other end never sends.
    #[error("a frame of kind {0:?} is not expected here")]
    UnexpectedKind(crate::frame::Kind),
    /// The header announces more than anyone may send.
    #[error("a frame body of {len} bytes is over the limit of {MAX_BODY_LEN} bytes")]
    BodyTooLong {
        /// Bytes announced.
        len: usize,
    },
    /// The body ends inside a field.
    #[error("the frame body ends inside the field `{field}`")]
    Short {
        /// The field that is cut.
        field: &'static str,
    },
    /// The body goes on after its last field.
    #[error("the frame body has {extra} bytes after its last field")]
    Leftover {
        /// Bytes too many.
        extra: usize,
    },
    /// A text field is not UTF-8.
    #[error("the field `{field}` is not UTF-8")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// A field is longer than its place in the frame.
    #[error("the field `{field}` has {len} bytes, over its limit of {limit} bytes")]
    FieldTooLong {
        /// The field.
        field: &'static str,
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// The data is said to lie in memory that was not lent.
    #[error(
        "the data is said to be in slot {slot} with {len} bytes, which is no place in memory that this publisher lent"
    )]
    NotLent {
        /// The slot.
        slot: u32,
        /// Bytes of data.
        len: u32,
    },
}

impl DecodeError {
    /// The code with which a sidecar answers before it closes.
    #[must_use]
    pub fn refusal_code(&self) -> RefusalCode {
        match self {
            Self::Version(_) => RefusalCode::Version,
            _ => RefusalCode::BadFrame,
        }
    }
}

/// An event that no sidecar would accept. Nothing of it has been written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// The list of channels is empty.
    #[error("channels: the list is empty, name 1 to {MAX_CHANNELS} channels")]
    NoChannel,
    /// More channels than one event may have.
    #[error("channels: {count} channels starting with \"{first}\", over the limit of {MAX_CHANNELS}; publish in parts")]
    TooManyChannels {
        /// How many there are.
        count: usize,
        /// The start of the first.
        first: String,
    },
    /// A channel name is empty.
    #[error("channels[{index}]: the name is empty, it must have 1 to {MAX_CHANNEL_LEN} bytes")]
    EmptyChannel {
        /// Position in the list, from 0.
        index: usize,
    },
    /// A channel name is too long.
    #[error("channels[{index}]: \"{start}\" has {len} bytes, over the limit of {MAX_CHANNEL_LEN} bytes")]
    ChannelTooLong {
        /// Position in the list, from 0.
        index: usize,
        /// How it starts.
        start: String,
        /// Bytes it has.
        len: usize,
    },
    /// The event name is empty.
    #[error("event: the name is empty, it must have 1 to {MAX_EVENT_LEN} bytes")]
    EmptyEvent,
    /// The event name is too long.
    #[error("event: \"{start}\" has {len} bytes, over the limit of {MAX_EVENT_LEN} bytes")]
    EventTooLong {
        /// How it starts.
        start: String,
        /// Bytes it has.
        len: usize,
    },
    /// The socket id or the trace is too long.
    #[error("{field}: \"{start}\" has {len} bytes, over the limit of {MAX_SHORT_LEN} bytes")]
    FieldTooLong {
        /// The field.
        field: &'static str,
        /// How it starts.
        start: String,
        /// Bytes it has.
        len: usize,
    },
    /// The data has more bytes than the sidecar takes.
    #[error(
        "data: {len} bytes starting with {start}, over the limit of {limit} bytes; publish less, such as an id to fetch"
    )]
    DataTooLong {
        /// How it starts.
        start: String,
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// The data is not UTF-8.
    #[error("data: not UTF-8, the first wrong byte is at offset {at}")]
    DataNotUtf8 {
        /// The bytes before it.
        at: usize,
    },
    /// The data is not one JSON value.
    #[error("data: \"{start}\" is not valid JSON: {reason}")]
    DataNotJson {
        /// How it starts.
        start: String,
        /// What the parser says.
        reason: String,
    },
}

impl InvalidEvent {
    /// The code with which a sidecar refuses such an event.
    #[must_use]
    pub fn refusal_code(&self) -> RefusalCode {
        match self {
            Self::NoChannel | Self::TooManyChannels { .. } => RefusalCode::Channels,
            Self::EmptyChannel { .. } | Self::ChannelTooLong { .. } => RefusalCode::ChannelName,
            Self::EmptyEvent | Self::EventTooLong { .. } => RefusalCode::EventName,
            Self::FieldTooLong { .. } | Self::DataNotUtf8 { .. } => RefusalCode::BadFrame,
            Self::DataTooLong { .. } => RefusalCode::DataTooLong,
            Self::DataNotJson { .. } => RefusalCode::NotJson,
        }
    }
}

/// What is known about an event whose publish did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The sidecar has not accepted it and never will.
    NotPublished,
    /// The whole frame was written but no answer came: it may have been emitted, or may yet be. Publishing it again with
    /// the same id is safe.
    Unknown,
}

/// What the client was doing when the time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Opening the connection.
    Connecting,
    /// Writing the frame.
    Writing,
    /// Waiting for the answer.
    Waiting,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Writing => "writing the event",
            Self::Waiting => "waiting for the answer",
        })
    }
}

/// Why a call of the client failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The event is not acceptable; nothing was written.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// No connection could be made.
    #[error("cannot connect to the sidecar at {} as user {}: {source}; {advice}", path.display(), crate::sys::user(*uid))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The user this process acts as.
        uid: u32,
        /// What the system said.
        source: io::Error,
        /// What to do.
        advice: &'static str,
        /// `Unknown` where an earlier connection broke after the whole frame had been written on it.
        fate: Fate,
    },
    /// The connection broke, and so did the one opened in its place.
    #[error("the sidecar at {} closed the connection twice, as user {} ({source}); its log says why, if this is the path in its setting unixSocket.path; that user must be among unixSocket.allowedUids where that is set", path.display(), crate::sys::user(*uid))]
    Lost {
        /// The socket.
        path: PathBuf,
        /// The user this process acts as.
        uid: u32,
        /// What the system said.
        source: io::Error,
        /// Whether the event may have been accepted.
        fate: Fate,
    },
    /// The deadline passed. The connection has been closed.
    #[error("no success within {} ms, {stage}, with the sidecar at {} as user {}; {}", timeout.as_millis(), path.display(), crate::sys::user(*uid), timeout_advice(*fate))]
    Timeout {
        /// The socket.
        path: PathBuf,
        /// The user this process acts as.
        uid: u32,
        /// What the client was doing.
        stage: Stage,
        /// The time the whole call had.
        timeout: Duration,
        /// Whether the event may have been accepted.
        fate: Fate,
    },
    /// The sidecar said no.
    #[error("the sidecar refused the event (code {}): {message}", code.as_u16())]
    Refused {
        /// Why, as a number of the wire format.
        code: RefusalCode,
        /// Why, as a sentence.
        message: String,
    },
    /// An earlier call failed shortly before, and the sidecar is not asked again yet. Nothing was written.
    #[error("the sidecar at {} failed shortly before and is asked again in {} ms (rustecho.breaker_ms): {reason}", path.display(), left.as_millis())]
    Resting {
        /// The socket.
        path: PathBuf,
        /// How long it is still left alone.
        left: Duration,
        /// The earlier error.
        reason: String,
    },
    /// The sidecar could not be had, and the event could not be spooled either.
    #[cfg(unix)]
    #[error("{cause}; and it could not be spooled: {source}")]
    NotSpooled {
        /// Why it was to be spooled.
        cause: Box<ClientError>,
        /// Why it was not.
        source: crate::spool::SpoolError,
    },
    /// What came back is not the protocol: another program listens there, or another major version.
    #[error("the answer from {} as user {} is not understood: {source}; see whether it is rustecho that listens there, and whether this is the path in its setting unixSocket.path", path.display(), crate::sys::user(*uid))]
    Protocol {
        /// The socket.
        path: PathBuf,
        /// The user this process acts as.
        uid: u32,
        /// What is wrong with the answer.
        source: DecodeError,
    },
}

fn timeout_advice(fate: Fate) -> &'static str {
    match fate {
        Fate::NotPublished => {
            "the event was not published; is the sidecar stopped or overloaded, or is this not the path in its setting unixSocket.path?"
        }
        Fate::Unknown => {
            "the event may still arrive, publish it again only with the same id; is the sidecar hung or overloaded, or is this not the \
             path in its setting unixSocket.path?"
        }
    }
}

impl ClientError {
    /// What is known about the event.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self {
            Self::Connect { fate, .. } | Self::Lost { fate, .. } | Self::Timeout { fate, .. } => *fate,
            Self::Invalid(_) | Self::Refused { .. } | Self::Resting { .. } => Fate::NotPublished,
            Self::Protocol { .. } => Fate::Unknown,
            #[cfg(unix)]
            Self::NotSpooled { cause, .. } => cause.fate(),
        }
    }

    /// Whether the sidecar is merely away, so that the event is worth keeping until it is back.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == RefusalCode::Unavailable,
            Self::Invalid(_) | Self::Protocol { .. } => false,
            Self::Connect { .. } | Self::Lost { .. } | Self::Timeout { .. } | Self::Resting { .. } => true,
            #[cfg(unix)]
            Self::NotSpooled { .. } => false,
        }
    }

    /// The system's number for it, where the system has said one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Connect { source, .. } | Self::Lost { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// The refusal's code of the wire format; 0 where there was no refusal.
    #[must_use]
    pub fn refusal_code(&self) -> u16 {
        match self {
            Self::Refused { code, .. } => code.as_u16(),
            #[cfg(unix)]
            Self::NotSpooled { cause, .. } => cause.refusal_code(),
            _ => 0,
        }
    }
}
