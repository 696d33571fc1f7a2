//! Takes fields off the front of a body, and never reads past its end.

use crate::error::DecodeError;
use crate::id::EventId;

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    fn bytes<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Short { field })?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.bytes::<1>(field).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.bytes(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.bytes(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.bytes(field).map(u64::from_be_bytes)
    }

    pub(super) fn id(&mut self) -> Result<EventId, DecodeError> {
        self.bytes("id").map(EventId)
    }

    pub(super) fn str16(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let len = usize::from(self.u16(field)?);
        let (text, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Short { field })?;
        self.0 = rest;
        utf8(field, text)
    }

    /// A `str16` that has a limit of its own.
    pub(super) fn short(&mut self, field: &'static str, limit: usize) -> Result<&'a str, DecodeError> {
        let text = self.str16(field)?;
        if text.len() > limit {
            return Err(DecodeError::FieldTooLong { field, len: text.len(), limit });
        }
        Ok(text)
    }

    /// Everything that is left, as text.
    pub(super) fn rest(self, field: &'static str) -> Result<&'a str, DecodeError> {
        utf8(field, self.0)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        match self.0.len() {
            0 => Ok(()),
            extra => Err(DecodeError::Leftover { extra }),
        }
    }
}

fn utf8<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, DecodeError> {
    crate::utf8::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8 { field })
}
