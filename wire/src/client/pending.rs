//! Events that were handed over without waiting, until their answers have been read.

use std::collections::VecDeque;

use crate::error::{ClientError, Fate};
use crate::frame::HEADER_LEN;
use crate::id::EventId;
use crate::limits;
use crate::message::Publish;

/// The most events that wait for their answers: as many receipts fit in the socket's buffer many times over.
const MAX_EVENTS: usize = 256;
/// The most bytes of events that wait for their answers.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes that are gathered before they are written.
const MAX_UNSENT: usize = 64 * 1024;
/// The most failures that are kept with their sentence; further ones are counted.
const MAX_FAILURES: usize = 1_000;

/// One event whose answer has not been read.
#[derive(Debug)]
struct Entry {
    id: EventId,
    frame: Vec<u8>,
    /// Whether there will be an answer; without one the event is done with when it is written.
    answered: bool,
    /// Whether it was ever begun to be written.
    touched: bool,
}

/// Why a deferred event did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The event's id.
    pub id: EventId,
    /// The refusal's code of the wire format; 0 where there was no refusal.
    pub code: u16,
    /// What happened, as a sentence.
    pub message: String,
    /// What is known about the event.
    pub fate: Fate,
}

/// What became of the deferred events since the last report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flushed {
    /// How many were accepted.
    pub accepted: u64,
    /// How many were spooled.
    pub spooled: u64,
    /// Those that failed, at most 1,000 of them.
    pub failures: Vec<Failure>,
    /// How many failed.
    pub failed: u64,
}

impl Flushed {
    /// Adds another client's report.
    pub fn append(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.spooled += other.spooled;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.failures.truncate(MAX_FAILURES);
    }

    fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(failure);
        }
    }
}

/// Deferred events in the order in which they were handed over.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// How many of the last ones have not been written yet, and their bytes.
    unsent: usize,
    unsent_bytes: usize,
    report: Flushed,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is neither an event nor anything to report.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.report == Flushed::default()
    }

    /// Whether answers have to be read before more can be taken.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }

    /// Whether what was gathered has to be written.
    pub(super) fn is_gathered(&self) -> bool {
        self.unsent_bytes >= MAX_UNSENT
    }

    /// Whether events have not been written yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// Takes an event that has not been written.
    pub(super) fn push(&mut self, id: EventId, frame: Vec<u8>, answered: bool) {
        self.bytes += frame.len();
        self.unsent_bytes += frame.len();
        self.unsent += 1;
        self.entries.push_back(Entry { id, frame, answered, touched: false });
    }

    /// The frames to write, and now they will be: on a new connection all of them, otherwise those that were not written.
    pub(super) fn write_out(&mut self, fresh: bool) -> Vec<u8> {
        let skip = if fresh { 0 } else { self.entries.len() - self.unsent };
        self.entries.iter_mut().for_each(|entry| entry.touched = true);
        let frames: Vec<_> = self.entries.iter().skip(skip).map(|entry| entry.frame.as_slice()).collect();
        frames.concat()
    }

    /// Everything has been written.
    pub(super) fn written(&mut self) {
        if self.unsent > 0 {
            self.entries.retain(|entry| entry.answered);
            self.bytes = self.entries.iter().map(|entry| entry.frame.len()).sum();
        }
        (self.unsent, self.unsent_bytes) = (0, 0);
    }

    /// The event of this id was accepted; nothing if it is not one of these.
    pub(super) fn accepted(&mut self, id: EventId) {
        if self.remove(id) {
            self.report.accepted += 1;
        }
    }

    /// The event of this id was refused; whether it is one of these.
    pub(super) fn refused(&mut self, id: EventId, code: u16, message: &str) -> bool {
        let known = self.remove(id);
        if known {
            self.report.fail(Failure { id, code, message: message.to_owned(), fate: Fate::NotPublished });
        }
        known
    }

    /// Whether the event of this id is one of these.
    pub(super) fn has(&self, id: EventId) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
    }

    /// Answers come in the order of the events: it is the first, but for a frame that was written again.
    fn remove(&mut self, id: EventId) -> bool {
        let Some(index) = self.entries.iter().position(|entry| entry.id == id) else { return false };
        if let Some(entry) = self.entries.remove(index) {
            self.bytes -= entry.frame.len();
        }
        true
    }

    /// The frames of all events, for the spool.
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|entry| entry.frame.as_slice())
    }

    /// Takes out the events that the sidecar would refuse for their JSON: who drains a spool has nobody to tell it to.
    pub(super) fn fail_invalid(&mut self) {
        let report = &mut self.report;
        self.entries.retain(|entry| {
            let data = Publish::decode(&entry.frame[HEADER_LEN..]).map(|event| limits::check_json(event.data));
            let Ok(Err(error)) = data else { return true };
            let (code, message) = (error.refusal_code().as_u16(), error.to_string());
            report.fail(Failure { id: entry.id, code, message, fate: Fate::NotPublished });
            false
        });
    }

    /// All events have been spooled.
    pub(super) fn spooled(&mut self) -> u64 {
        let count = self.entries.len() as u64;
        self.report.spooled += count;
        self.forget();
        count
    }

    /// All events have failed for this reason.
    pub(super) fn failed(&mut self, error: &ClientError) {
        let message = error.to_string();
        while let Some(entry) = self.entries.pop_front() {
            let fate = if entry.touched { Fate::Unknown } else { Fate::NotPublished };
            self.report.fail(Failure { id: entry.id, code: error.refusal_code(), message: message.clone(), fate });
        }
        self.forget();
    }

    /// The parent's events are the parent's to report.
    pub(super) fn leave_parent(&mut self) {
        *self = Self::default();
    }

    pub(super) fn report(&mut self) -> Flushed {
        std::mem::take(&mut self.report)
    }

    fn forget(&mut self) {
        self.entries.clear();
        (self.bytes, self.unsent, self.unsent_bytes) = (0, 0, 0);
    }
}
