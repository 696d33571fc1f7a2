//! What a publisher sends.

use super::reader::Reader;
use super::{HEADER_ROOM, cut, put_str16, seal};
use crate::error::DecodeError;
use crate::frame::{HEADER_LEN, Header, Kind};
use crate::id::EventId;
use crate::lane::Lent;
use crate::limits::{MAX_CHANNELS, MAX_SHORT_LEN};

/// Says who speaks. The first frame of a connection; may be repeated to ask whether the sidecar is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// For the log: `rustecho-ext/0.1.0 php/8.2.36 fpm-fcgi`. Cut at [`MAX_SHORT_LEN`] bytes when it is written.
    pub client: &'a str,
    /// The publisher's process id.
    pub pid: u32,
}

impl<'a> Hello<'a> {
    /// The whole frame.
    ///
    /// # Errors
    /// None that can happen: the name is cut to fit.
    pub fn to_frame(&self) -> Result<Vec<u8>, DecodeError> {
        let mut frame = HEADER_ROOM.to_vec();
        put_str16(&mut frame, "client", cut(self.client, MAX_SHORT_LEN))?;
        frame.extend_from_slice(&self.pid.to_be_bytes());
        seal(frame, Kind::Hello, 0)
    }

    /// Reads the body of a hello frame.
    ///
    /// # Errors
    /// See [`super::Message::decode`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let hello = Self { client: reader.short("client", MAX_SHORT_LEN)?, pid: reader.u32("pid")? };
        reader.end().map(|()| hello)
    }
}

/// A receipt is wanted.
const RECEIPT: u8 = 0b01;
/// The event may have been published before.
const REPLAYED: u8 = 0b10;
/// The publisher keeps the event in its spool when it is refused with code 8.
const SPOOLABLE: u8 = 0b100;
/// The data lies in memory that the publisher lent; see [`crate::lane`].
const LENT: u8 = 0b1000;

/// One event. A decoded one is well formed but not yet checked: see [`crate::limits::check`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish<'a> {
    /// Whether the publisher waits for a receipt.
    pub receipt: bool,
    /// Whether this event may have been published before, with the same id.
    pub replayed: bool,
    /// Whether the publisher spools the event when the sidecar says "try later" ([`super::RefusalCode::Unavailable`]).
    pub spoolable: bool,
    /// The event's id.
    pub id: EventId,
    /// When the publisher made the event: microseconds since 1970-01-01 UTC; 0: unknown.
    pub time: u64,
    /// Full wire names of the channels.
    pub channels: Vec<&'a str>,
    /// The event's name.
    pub event: &'a str,
    /// The socket id that shall not get the event; empty: nobody is left out.
    pub socket: &'a str,
    /// A W3C `traceparent`; empty: none.
    pub trace: &'a str,
    /// The event's JSON value, as the publisher encoded it.
    pub data: &'a str,
    /// Where the data lies if it is not in the frame; `data` is empty then.
    pub lent: Option<Lent>,
}

impl<'a> Publish<'a> {
    /// Header and body up to the data, which follows on the wire as it is. Write the two with one `sendmsg`, so that the
    /// data is never copied.
    ///
    /// # Errors
    /// A field has more bytes than fit its place, or the frame is over the limit of a body.
    pub fn encode_head(&self) -> Result<Vec<u8>, DecodeError> {
        let names: usize = self.channels.iter().map(|channel| channel.len() + 2).sum();
        let mut head = Vec::with_capacity(64 + names + self.event.len() + self.socket.len() + self.trace.len());
        head.extend_from_slice(&HEADER_ROOM);
        head.push(self.flags());
        head.extend_from_slice(&self.id.0);
        head.extend_from_slice(&self.time.to_be_bytes());
        let limit = usize::from(u16::MAX);
        let count = u16::try_from(self.channels.len()).map_err(|_| DecodeError::FieldTooLong {
            field: "channels",
            len: self.channels.len(),
            limit,
        })?;
        head.extend_from_slice(&count.to_be_bytes());
        for channel in &self.channels {
            put_str16(&mut head, "channel", channel)?;
        }
        put_str16(&mut head, "event", self.event)?;
        put_str16(&mut head, "socket", self.socket)?;
        put_str16(&mut head, "trace", self.trace)?;
        seal(head, Kind::Publish, self.data.len())
    }

    /// Makes of an encoded head the whole frame of an event whose data lies in lent memory. `None`: it is not one.
    #[must_use]
    pub fn lend(head: &[u8], lent: Lent) -> Option<Vec<u8>> {
        let (_, body) = head.split_first_chunk::<HEADER_LEN>()?;
        let (flags, rest) = body.split_first()?;
        let header = Header { kind: Kind::Publish, len: body.len() + Lent::WIRE_LEN }.encode().ok()?;
        Some([&header[..], &[flags | LENT], rest, &lent.to_bytes()].concat())
    }

    fn flags(&self) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(self.receipt, RECEIPT) | bit(self.replayed, REPLAYED) | bit(self.spoolable, SPOOLABLE)
    }

    /// Marks an encoded frame as one for the spool: nobody waits for a receipt, and it may have been published before.
    /// What is no publish frame is left alone.
    pub fn mark_replayed(frame: &mut [u8]) {
        if let Some(flags) = frame.get_mut(crate::frame::HEADER_LEN) {
            *flags = REPLAYED;
        }
    }

    /// The whole frame in one piece, for tests and tools.
    ///
    /// # Errors
    /// See [`Publish::encode_head`].
    pub fn to_frame(&self) -> Result<Vec<u8>, DecodeError> {
        let mut frame = self.encode_head()?;
        if let Some(frame) = self.lent.and_then(|lent| Self::lend(&frame, lent)) {
            return Ok(frame);
        }
        frame.extend_from_slice(self.data.as_bytes());
        Ok(frame)
    }

    /// Reads the body of a publish frame.
    ///
    /// # Errors
    /// See [`super::Message::decode`]. Lists and names that are merely too long do decode, so that the sidecar can refuse
    /// the event and keep the connection.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let flags = reader.u8("flags")?;
        let id = reader.id()?;
        let time = reader.u64("time")?;
        let count = usize::from(reader.u16("channels")?);
        // The count is only announced yet: room is made for as many as are allowed.
        let mut channels = Vec::with_capacity(count.min(MAX_CHANNELS));
        for _ in 0..count {
            channels.push(reader.str16("channel")?);
        }
        let mut event = Self {
            receipt: flags & RECEIPT != 0,
            replayed: flags & REPLAYED != 0,
            spoolable: flags & SPOOLABLE != 0,
            id,
            time,
            channels,
            event: reader.str16("event")?,
            socket: reader.short("socket", MAX_SHORT_LEN)?,
            trace: reader.short("trace", MAX_SHORT_LEN)?,
            ..Self::default()
        };
        if flags & LENT == 0 {
            event.data = reader.rest("data")?;
        } else {
            event.lent = Some(Lent { slot: reader.u32("data")?, len: reader.u32("data")? });
            reader.end()?;
        }
        Ok(event)
    }
}
