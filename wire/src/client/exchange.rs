//! One exchange on one connection: what is written, and what the answers mean.

use super::answer::Answer;
use super::conn::{Conn, Trouble};
use super::{Client, Deadline};
use crate::PROTOCOL_VERSION;
use crate::error::DecodeError;
use crate::id::EventId;
use crate::message::{Hello, Receipt, Refusal, RefusalCode};
use std::time::Instant;

/// Why one attempt ended.
pub(super) enum Stop {
    Trouble(Trouble),
    Refused(Refusal),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// What a call wants to have written and answered.
pub(super) struct Job<'a> {
    pub(super) head: &'a [u8],
    pub(super) data: &'a [u8],
    pub(super) wants: Wants,
    /// Whether the data was put where the kept connection's lent memory has it.
    pub(super) stashed: bool,
}

impl Job<'_> {
    /// One that brings no event.
    pub(super) fn bare(wants: Wants) -> Self {
        Self { head: &[], data: &[], wants, stashed: false }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Wants {
    Nothing,
    Receipt(EventId),
    Welcome,
    /// The answers to everything that was deferred.
    Rest,
}

impl Client {
    /// Writes the job and reads what it wants to know.
    pub(super) fn exchange(
        &mut self,
        conn: &mut Conn,
        fresh: bool,
        job: &Job<'_>,
        deadline: Deadline,
    ) -> Result<Option<Receipt>, Stop> {
        let mut before = Vec::new();
        if fresh || matches!(job.wants, Wants::Welcome) {
            before = Hello { client: &self.name, pid: self.pid }.to_frame().map_err(Trouble::Garbled)?;
        } else if matches!(job.wants, Wants::Nothing) && conn.shall_look(deadline.begun()) {
            // Nobody waits for these answers, but they must not fill the socket, and a sidecar that is about to close has said
            // so. Who waits for an answer reads what came before it.
            while let Some(answer) = conn.read_now(Answer::of)? {
                self.hear(answer, EventId::NIL)?;
            }
        }
        if self.pending.has_unsent() || (fresh && !self.pending.is_empty()) {
            before.append(&mut self.pending.write_out(fresh));
        }
        let lent = self.lent(conn, job, before.is_empty())?;
        let begun = matches!(job.wants, Wants::Receipt(_)).then(Instant::now);
        let written = if let Some(frame) = lent {
            conn.write(&frame, &[], deadline)
        } else if before.is_empty() {
            conn.write(job.head, job.data, deadline)
        } else if job.head.is_empty() {
            conn.write(&before, job.data, deadline)
        } else {
            conn.write(&[before.as_slice(), job.head].concat(), job.data, deadline)
        };
        if let Err(trouble) = written {
            self.last_words(conn)?;
            return Err(trouble.into());
        }
        if let Some(begun) = begun {
            conn.wrote(begun.elapsed());
        }
        self.pending.written();
        let id = match job.wants {
            Wants::Nothing => return Ok(None),
            Wants::Receipt(id) => id,
            Wants::Welcome | Wants::Rest => EventId::NIL,
        };
        loop {
            if matches!(job.wants, Wants::Rest) && self.pending.is_empty() {
                return Ok(None);
            }
            let answer = conn.read(deadline, Answer::of)?;
            let welcome = matches!(answer, Answer::Welcome(_));
            match self.hear(answer, id)? {
                Some(receipt) => return Ok(Some(receipt)),
                None if welcome && matches!(job.wants, Wants::Welcome) => return Ok(None),
                None => {}
            }
        }
    }

    /// The frame of an event that goes `alone` and nobody waits for, if its data can go by lent memory.
    fn lent(&mut self, conn: &mut Conn, job: &Job<'_>, alone: bool) -> Result<Option<Vec<u8>>, Stop> {
        if !alone || job.head.is_empty() || !matches!(job.wants, Wants::Nothing) {
            return Ok(None);
        }
        if conn.shall_lend(job.data) {
            let hello = Hello { client: &self.name, pid: self.pid }.to_frame().map_err(Trouble::Garbled)?;
            conn.lend_memory(&hello)?;
        }
        Ok(conn.lend(job.head, job.data, job.stashed))
    }

    /// Takes note of an answer. A receipt for `id` is returned; a refusal that concerns `id`, or the connection as a whole,
    /// ends the attempt; others belong to earlier events, and are counted.
    fn hear(&mut self, answer: Answer, id: EventId) -> Result<Option<Receipt>, Stop> {
        match answer {
            Answer::Welcome(welcome) => {
                let spoken = welcome.oldest..=welcome.newest;
                let sidecar = welcome.sidecar.clone();
                self.welcome = Some(welcome);
                if !spoken.contains(&PROTOCOL_VERSION) {
                    return Err(Stop::Refused(incompatible(&sidecar, &spoken)));
                }
            }
            Answer::Receipt(receipt) if receipt.id == id => return Ok(Some(receipt)),
            Answer::Receipt(receipt) => {
                self.counters.receipts += 1;
                self.pending.accepted(receipt.id);
            }
            Answer::Refusal(refusal) => {
                self.counters.refusals += 1;
                let later = refusal.code == RefusalCode::Unavailable && self.pending.has(refusal.id);
                if !later && self.pending.refused(refusal.id, refusal.code.as_u16(), &refusal.message) {
                    self.last_error = Some(format!("event {} was refused: {}", refusal.id, refusal.message));
                    return Ok(None);
                }
                if later
                    || refusal.code.closes()
                    || (refusal.id == id && id != EventId::NIL)
                    || refusal.id == EventId::NIL
                {
                    return Err(Stop::Refused(refusal));
                }
                self.last_error = Some(format!("event {} was refused: {}", refusal.id, refusal.message));
            }
            Answer::Unexpected(kind) => return Err(Trouble::Garbled(DecodeError::UnexpectedKind(kind)).into()),
        }
        Ok(None)
    }

    /// A sidecar that closes may have said why just before.
    fn last_words(&mut self, conn: &mut Conn) -> Result<(), Stop> {
        while let Ok(Some(answer)) = conn.read_now(Answer::of) {
            self.hear(answer, EventId::NIL)?;
        }
        Ok(())
    }
}

/// What is wrong when the two ends have no protocol version in common, and what to do.
fn incompatible(sidecar: &str, spoken: &std::ops::RangeInclusive<u8>) -> Refusal {
    let (oldest, newest, own) = (spoken.start(), spoken.end(), env!("CARGO_PKG_VERSION"));
    let message = format!(
        "the sidecar {sidecar} speaks protocol versions {oldest} to {newest}, this publisher {own} speaks {PROTOCOL_VERSION}: \
         install the same release of both"
    );
    Refusal { id: EventId::NIL, code: RefusalCode::Version, message }
}
