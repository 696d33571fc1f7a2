//! Websocket frames (RFC 6455): heads for what is sent, a decoder for what comes.
//!
//! The decoder holds nothing between reads but a frame or message that has not ended, so an idle socket owns no buffer.

use bytes::{Bytes, BytesMut};

/// Room for the longest head of a frame that a server sends.
pub(in crate::edge) const HEAD_ROOM: usize = 10;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const MAX_CONTROL: u8 = 125;
/// A buffer above this is given back as soon as what it holds is small.
const KEEP_CAPACITY: usize = 4 * 1024;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::edge) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn read(byte: u8) -> Option<Self> {
        Some(match byte & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Writes the head of an unfragmented, unmasked frame in front of its payload: into the end of `room`. Returns where it starts.
pub(in crate::edge) fn write_head(room: &mut [u8; HEAD_ROOM], opcode: Opcode, length: usize) -> usize {
    let first = FIN | opcode as u8;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => {
            room[8..].copy_from_slice(&[first, short]);
            8
        }
        (_, Ok(medium)) => {
            room[6..8].copy_from_slice(&[first, 126]);
            room[8..].copy_from_slice(&medium.to_be_bytes());
            6
        }
        _ => {
            room[..2].copy_from_slice(&[first, 127]);
            room[2..].copy_from_slice(&(length as u64).to_be_bytes());
            0
        }
    }
}

/// A whole frame whose payload is the two parts one after the other.
pub(super) fn encode(opcode: Opcode, prefix: &[u8], payload: &[u8]) -> Bytes {
    let mut head = [0; HEAD_ROOM];
    let start = write_head(&mut head, opcode, prefix.len() + payload.len());
    let mut frame = BytesMut::with_capacity(HEAD_ROOM - start + prefix.len() + payload.len());
    frame.extend_from_slice(&head[start..]);
    frame.extend_from_slice(prefix);
    frame.extend_from_slice(payload);
    frame.freeze()
}

/// Why a websocket is closed, as the number in the close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub(super) enum Violation {
    /// Not a websocket frame, or not one a client may send.
    #[error("frame breaks the websocket protocol")]
    Protocol = 1002,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8 = 1007,
    /// More than the bound.
    #[error("message is over the limit")]
    TooBig = 1009,
}

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// With its code, when it has one.
    Close(Option<u16>),
}

/// Puts messages together from what was read.
#[derive(Debug)]
pub(super) struct Decoder {
    /// A frame that has begun.
    pending: Vec<u8>,
    /// A message that has begun; boxed, since most sockets never have one.
    begun: Option<Box<Begun>>,
    max: usize,
}

/// The first fragments of a message.
#[derive(Debug)]
struct Begun {
    opcode: Opcode,
    fragments: Vec<u8>,
    /// How much of a text is known to be UTF-8.
    checked: usize,
}

struct Head {
    opcode: Opcode,
    fin: bool,
    mask: [u8; 4],
    start: usize,
    length: usize,
}

impl Decoder {
    /// Messages may have up to `max` bytes. The bytes `ahead` are looked at as soon as it is fed, even if with nothing.
    pub(super) fn new(max: usize, ahead: &[u8]) -> Self {
        Self { pending: ahead.to_vec(), begun: None, max }
    }

    /// Takes what was read and hands on each message and control frame that is whole, until `each` returns false; the frames
    /// after that one are kept for the next call.
    ///
    /// # Errors
    /// [`Violation`]: the connection has to be closed with it.
    pub(super) fn feed(
        &mut self,
        read: &mut [u8],
        each: &mut dyn FnMut(Incoming<'_>) -> bool,
    ) -> Result<(), Violation> {
        if self.pending.is_empty() {
            let used = self.parse(read, each)?;
            self.pending.extend_from_slice(&read[used..]);
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(read);
        let used = self.parse(&mut pending, each)?;
        if used < pending.len() {
            pending.drain(..used);
            if pending.capacity() > KEEP_CAPACITY && pending.len() < pending.capacity() / 4 {
                pending.shrink_to_fit();
            }
            self.pending = pending;
        }
        Ok(())
    }

    /// Parses whole frames from the front of `buffer`; returns how many bytes they took.
    fn parse(&mut self, buffer: &mut [u8], each: &mut dyn FnMut(Incoming<'_>) -> bool) -> Result<usize, Violation> {
        let mut at = 0;
        while let Some(head) = self.head(&buffer[at..])? {
            let start = at + head.start;
            let Some(payload) = buffer.get_mut(start..start + head.length) else { break };
            unmask(payload, head.mask);
            at = start + head.length;
            if !self.frame(&head, payload, each)? {
                break;
            }
        }
        Ok(at)
    }

    /// Reads and checks a frame's head; none while it is not all there.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let opcode = Opcode::read(first).ok_or(Violation::Protocol)?;
        let fin = first & FIN != 0;
        let in_order = match opcode {
            Opcode::Continuation => self.begun.is_some(),
            Opcode::Text | Opcode::Binary => self.begun.is_none(),
            Opcode::Close | Opcode::Ping | Opcode::Pong => fin,
        };
        if first & RESERVED != 0 || !in_order {
            return Err(Violation::Protocol);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(Violation::Protocol);
        }
        let extended = |range| bytes.get(range).map(|bytes: &[u8]| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
        let (length, mask_at) = match second & !MASKED {
            126 => (extended(2..4), 4),
            127 => (extended(2..10), 10),
            short => (Some(u64::from(short)), 2),
        };
        if opcode.is_control() && second & !MASKED > MAX_CONTROL {
            return Err(Violation::Protocol);
        }
        let Some(length) = length else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| Violation::TooBig)?;
        let begun = self.begun.as_ref().map_or(0, |begun| begun.fragments.len());
        if !opcode.is_control() && length > self.max.saturating_sub(begun) {
            return Err(Violation::TooBig);
        }
        let Some(mask) = bytes.get(mask_at..mask_at + 4) else { return Ok(None) };
        Ok(Some(Head { opcode, fin, mask: [mask[0], mask[1], mask[2], mask[3]], start: mask_at + 4, length }))
    }

    fn frame(
        &mut self,
        head: &Head,
        payload: &[u8],
        each: &mut dyn FnMut(Incoming<'_>) -> bool,
    ) -> Result<bool, Violation> {
        match head.opcode {
            Opcode::Ping => Ok(each(Incoming::Ping(payload))),
            Opcode::Pong => Ok(each(Incoming::Pong)),
            Opcode::Close => Ok(each(Incoming::Close(close_code(payload)?))),
            Opcode::Text | Opcode::Binary if head.fin => message(head.opcode, payload, each),
            Opcode::Text | Opcode::Binary => {
                let mut begun = Begun { opcode: head.opcode, fragments: Vec::new(), checked: 0 };
                begun.add(payload)?;
                self.begun = Some(Box::new(begun));
                Ok(true)
            }
            Opcode::Continuation => {
                let mut begun = self.begun.take().ok_or(Violation::Protocol)?;
                begun.add(payload)?;
                if head.fin {
                    return message(begun.opcode, &begun.fragments, each);
                }
                self.begun = Some(begun);
                Ok(true)
            }
        }
    }
}

impl Begun {
    /// Keeps a fragment. Text that cannot become UTF-8 is refused at once: its end may never come.
    fn add(&mut self, payload: &[u8]) -> Result<(), Violation> {
        self.fragments.extend_from_slice(payload);
        if self.opcode != Opcode::Text {
            return Ok(());
        }
        match std::str::from_utf8(&self.fragments[self.checked..]) {
            Ok(_) => self.checked = self.fragments.len(),
            // A character that goes on in the next fragment.
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::Utf8),
        }
        Ok(())
    }
}

fn message(opcode: Opcode, payload: &[u8], each: &mut dyn FnMut(Incoming<'_>) -> bool) -> Result<bool, Violation> {
    if opcode == Opcode::Text {
        let text = std::str::from_utf8(payload).map_err(|_| Violation::Utf8)?;
        return Ok(each(Incoming::Text(text)));
    }
    Ok(each(Incoming::Binary(payload)))
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let [high, low, reason @ ..] = payload else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::Protocol) };
    };
    std::str::from_utf8(reason).map_err(|_| Violation::Utf8)?;
    match u16::from_be_bytes([*high, *low]) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
        _ => Err(Violation::Protocol),
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
