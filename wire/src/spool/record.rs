//! Records, there and back.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};

use super::MAGIC;
use crate::frame::{HEADER_LEN, MAX_BODY_LEN};
use crate::message::Publish;

/// Bytes before the frame.
const HEAD_LEN: usize = 16;
/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

/// What of a record comes before the `data` that ends its frame, with the frame's `head` marked as replayed: data of megabytes is not
/// copied. `time`: now, in microseconds since 1970-01-01 UTC.
pub(super) fn begin(time: u64, head: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(head.len() + data.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEAD_LEN + head.len());
    record.extend_from_slice(&len.to_be_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&time.to_be_bytes());
    record.extend_from_slice(head);
    Publish::mark_replayed(&mut record[HEAD_LEN..]);
    let sum = checksum([&record[8..], data]);
    record[4..8].copy_from_slice(&sum.to_be_bytes());
    record
}

fn checksum<const N: usize>(parts: [&[u8]; N]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// What comes next in a spool file.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A record whose checksum is right.
    Record {
        /// When it was spooled, microseconds since 1970-01-01 UTC.
        time: u64,
        /// The publish frame, as the publisher wrote it.
        frame: &'a [u8],
    },
    /// Nothing more for now; the file ends after a whole record.
    End,
    /// Nothing more for now; the file ends inside a record: its writer is busy, or has died.
    Torn,
    /// What follows is no record, so nothing behind it can be found: a damaged disk, or no publisher's file.
    Damaged,
}

/// Reads the records of a spool file, as far as it has been written.
#[derive(Debug)]
pub struct Records {
    file: File,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were given out.
    taken: usize,
    started: bool,
}

impl Records {
    /// Reads from where the file stands: its beginning.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self { file, buffer: Vec::new(), taken: 0, started: false }
    }

    /// The file, to lock it.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reads again what comes behind the last whole record: its writer may have taken it back.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn forget_rest(&mut self) -> io::Result<()> {
        let rest = self.buffer.len() - self.taken;
        if rest > 0 {
            self.file.seek_relative(-i64::try_from(rest).unwrap_or(i64::MAX))?;
            self.buffer.truncate(self.taken);
        }
        Ok(())
    }

    /// The next record. After [`Next::End`] and [`Next::Torn`] it may be asked again.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&mut self) -> io::Result<Next<'_>> {
        if !self.started {
            if !self.have(MAGIC.len())? {
                return Ok(if self.buffer.is_empty() { Next::End } else { Next::Torn });
            }
            if self.buffer[..MAGIC.len()] != MAGIC {
                return Ok(Next::Damaged);
            }
            self.taken = MAGIC.len();
            self.started = true;
        }
        if !self.have(HEAD_LEN)? {
            return Ok(if self.buffer.len() == self.taken { Next::End } else { Next::Torn });
        }
        let word = |at: usize| -> [u8; 4] { std::array::from_fn(|i| self.buffer[self.taken + at + i]) };
        let len = u32::from_be_bytes(word(0)) as usize;
        let sum = u32::from_be_bytes(word(4));
        if !(HEADER_LEN..=HEADER_LEN + MAX_BODY_LEN).contains(&len) {
            return Ok(Next::Damaged);
        }
        if !self.have(HEAD_LEN + len)? {
            return Ok(Next::Torn);
        }
        let timed = &self.buffer[self.taken + 8..self.taken + HEAD_LEN + len];
        let (time, frame) = timed.split_at(8);
        if checksum([timed]) != sum {
            return Ok(Next::Damaged);
        }
        self.taken += HEAD_LEN + len;
        let time = time.try_into().map_or(0, u64::from_be_bytes);
        Ok(Next::Record { time, frame })
    }

    /// Whether so many bytes stand ready after those that were given out, once more has been read if need be.
    fn have(&mut self, wanted: usize) -> io::Result<bool> {
        if self.buffer.len() - self.taken >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        while self.buffer.len() < wanted {
            let start = self.buffer.len();
            self.buffer.resize(start + CHUNK.max(wanted - start), 0);
            let read = self.file.read(&mut self.buffer[start..]);
            self.buffer.truncate(start + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
