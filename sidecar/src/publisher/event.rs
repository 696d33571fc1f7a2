//! What comes in at the door, and why it may be turned away.

use std::time::Instant;

use rustecho_wire::EventId;
use serde_json::value::RawValue;

use crate::{bounds::Bound, channel::ChannelError};

/// Where a publish came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The Unix socket.
    Unix,
    /// Redis.
    Redis,
    /// The HTTP API.
    Http,
    /// Another node of the cluster.
    Cluster,
}

impl Source {
    /// Its name in logs, metrics and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Redis => "redis",
            Self::Http => "http",
            Self::Cluster => "cluster",
        }
    }
}

/// One event on its way in.
#[derive(Debug)]
pub struct Publish<'a> {
    /// Where from.
    pub source: Source,
    /// Its id, when its publisher gave one: a second publish with the same id is answered, but not emitted. From Redis, where
    /// each channel has a message of its own, the id is that of the event as a whole.
    pub id: Option<EventId>,
    /// Full wire names; a name that stands twice gets the event twice.
    pub channels: Vec<&'a str>,
    /// The event's name.
    pub event: &'a str,
    /// The event's JSON, as its publisher wrote it.
    pub data: &'a RawValue,
    /// The socket id that shall not get it.
    pub except: Option<&'a str>,
    /// What its channel was called where it came from, when that is not its name: in Redis it has a prefix. Only for `devMode`.
    pub came_as: Option<&'a str>,
    /// When it set out and came in.
    pub came: Came<'a>,
}

/// The first part of an event's road, for the histograms and for whoever watches.
#[derive(Debug, Clone, Copy)]
pub struct Came<'a> {
    /// When it was read.
    pub at: Instant,
    /// When its publisher made it, in microseconds since 1970-01-01 UTC; 0: unknown.
    pub made: u64,
    /// The W3C `traceparent` that came with it; empty: none.
    pub trace: &'a str,
}

impl<'a> Came<'a> {
    /// An event that is read now, of which nothing more is known.
    pub fn now() -> Self {
        Self::made(0, "")
    }

    /// An event that is read now.
    pub fn made(made: u64, trace: &'a str) -> Self {
        Self { at: Instant::now(), made, trace }
    }
}

/// Why an event was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// A publish needs somewhere to go.
    #[error("event has no channel")]
    NoChannel,
    /// Over `limits.channelsPerEvent`.
    #[error("event has {count} channels; at most {max} are allowed (limits.channelsPerEvent)")]
    TooManyChannels {
        /// How many it has.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// One of the channels has no usable name.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// An event needs a name.
    #[error("event name is empty")]
    NoEvent,
    /// Over `limits.eventNameBytes`.
    #[error("event name `{start}…` has {len} bytes; at most {max} are allowed (limits.eventNameBytes)")]
    EventTooLong {
        /// Its first characters.
        start: String,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A name that Socket.IO uses for itself on the server and never sends.
    #[error("event name `{0}` is reserved by Socket.IO: choose another with broadcastAs()")]
    Reserved(String),
    /// Over `limits.dataBytes`.
    #[error("data has {len} bytes; at most {max} are allowed (limits.dataBytes)")]
    DataTooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
}

impl PublishError {
    /// The bound it is over.
    pub(super) fn bound(&self) -> Option<Bound> {
        match self {
            Self::TooManyChannels { .. } => Some(Bound::ChannelsPerEvent),
            Self::Channel(error) => error.bound(),
            Self::EventTooLong { .. } => Some(Bound::EventName),
            Self::DataTooLarge { .. } => Some(Bound::Data),
            Self::NoChannel | Self::NoEvent | Self::Reserved(_) => None,
        }
    }
}
