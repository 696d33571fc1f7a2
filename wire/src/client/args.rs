//! What a publisher hands over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::id::EventId;
use crate::message::{Publish, Receipt};
use crate::spool::SpoolSettings;

/// Whether to wait for the sidecar's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// The call returns when the sidecar has accepted the event.
    Receipt,
    /// The call returns when the event has been written to the socket. A refusal is seen, and counted, by a later call.
    None,
    /// The call returns when the event has been written to the socket; receipts are read by [`super::Client::flush`].
    Deferred,
}

/// What to do when the sidecar cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure<'a> {
    /// The call fails.
    Throw,
    /// The event goes to the spool; the call fails only where that fails, too.
    Spool(&'a SpoolSettings),
}

/// How to hand an event over.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Whether to wait for the sidecar's word.
    pub ack: Ack,
    /// What to do when the sidecar cannot be had.
    pub on_failure: OnFailure<'a>,
    /// The longest time for which the sidecar is left alone after a failure; zero: it is asked every time.
    pub breaker: Duration,
    /// Another event follows at once: unless a receipt is waited for, this one may wait for it, to travel in one write.
    pub more: bool,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The sidecar has accepted it.
    Accepted(Receipt),
    /// It was written; no receipt was asked for, or it is still to be read.
    Written,
    /// It is in the spool.
    Spooled,
}

/// One event to publish.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublishArgs<'a> {
    /// Full wire names of the channels.
    pub channels: &'a [&'a str],
    /// The event's name.
    pub event: &'a str,
    /// The event's data, encoded as JSON.
    pub data: &'a str,
    /// The socket id that shall not get the event.
    pub socket_id: Option<&'a str>,
    /// The event's id; `None` draws one.
    pub id: Option<EventId>,
    /// Microseconds since 1970-01-01 UTC; `None`: now.
    pub time: Option<u64>,
    /// Whether the event may have been published before, with the same id.
    pub replayed: bool,
    /// A W3C `traceparent`.
    pub trace: Option<&'a str>,
}

impl<'a> PublishArgs<'a> {
    /// The message that is written.
    pub(super) fn message(&self, id: EventId, ack: Ack) -> Publish<'a> {
        Publish {
            receipt: ack != Ack::None,
            replayed: self.replayed,
            spoolable: false,
            id,
            time: self.time.unwrap_or_else(now),
            channels: self.channels.to_vec(),
            event: self.event,
            socket: self.socket_id.unwrap_or_default(),
            trace: self.trace.unwrap_or_default(),
            data: self.data,
            lent: None,
        }
    }
}

/// Microseconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(0))
}
