//! Handing an event over in any state the sidecar may be in: directly, or into the spool behind those that are there.

use std::io::ErrorKind;
use std::time::Duration;

use super::{Ack, Client, Deadline, Delivery, Flushed, Job, OnFailure, PublishArgs, Rules, Wants};
use crate::error::{ClientError, InvalidEvent};
use crate::message::{Publish, Receipt};
use crate::spool::SpoolSettings;
use crate::{limits, sys, utf8};

/// A spool that a sidecar has not begun to drain, though it has been there for so long, no longer holds events back from it: the two
/// ends disagree about the directory, and order is worth less than arriving.
const UNDRAINED: Duration = Duration::from_secs(30);

impl Client {
    /// Hands one event over, by `rules`. Never takes longer than the timeout.
    ///
    /// # Errors
    /// See [`ClientError`]. With [`OnFailure::Spool`] only an event that nobody would take fails, or one that could not be
    /// spooled.
    pub fn deliver(&mut self, args: &PublishArgs<'_>, rules: &Rules<'_>) -> Result<Delivery, ClientError> {
        self.deliver_bytes(args, args.data.as_bytes(), rules)
    }

    /// The same for data, in the place of that in `args`, of which it is not known that it is text: where it has to be copied anyway that
    /// is found out on the way.
    ///
    /// # Errors
    /// See [`Client::deliver`]. Of [`InvalidEvent::DataNotUtf8`], which is about the caller's argument, nothing is counted.
    pub fn deliver_bytes(
        &mut self,
        args: &PublishArgs<'_>,
        data: &[u8],
        rules: &Rules<'_>,
    ) -> Result<Delivery, ClientError> {
        let deadline = Deadline::after(self.timeout);
        self.leave_parent();
        self.breaker.belong_to(self.spool.socket().max(1));
        let (data, stashed) = self.text(data, rules).map_err(|at| InvalidEvent::DataNotUtf8 { at })?;
        let args = PublishArgs { data, ..*args };
        let delivery = self.try_deliver(&args, stashed, rules, deadline).inspect_err(|error| self.note(error))?;
        self.counters.published += 1;
        self.counters.receipts += u64::from(matches!(delivery, Delivery::Accepted(_)));
        Ok(delivery)
    }

    /// The data as text, and whether it has been put where the sidecar will find it.
    fn text<'a>(&mut self, data: &'a [u8], rules: &Rules<'_>) -> Result<(&'a str, bool), usize> {
        let alone = rules.ack == Ack::None && !rules.more && !self.pending.has_unsent();
        match self.conn.as_mut().filter(|_| alone).and_then(|conn| conn.stash(data)) {
            Some(text) => text.map(|text| (text, true)),
            None => utf8::from_utf8(data).map(|text| (text, false)),
        }
    }

    /// Writes what was gathered, reads the answers to all deferred events, and says what became of them. What cannot be
    /// answered within `timeout` is spooled or reported as failed. With no time at all it only writes, and reports what is
    /// known by then.
    pub fn flush(&mut self, timeout: Duration, rules: &Rules<'_>) -> Flushed {
        self.leave_parent();
        if timeout.is_zero() {
            if self.pending.has_unsent() {
                self.write_gathered(rules, Deadline::after(self.timeout));
            }
            return self.pending.report();
        }
        let usual = std::mem::replace(&mut self.timeout, timeout);
        self.collect(Deadline::after(timeout), rules);
        self.timeout = usual;
        self.pending.report()
    }

    /// Whether [`Client::flush`] has anything to do or to say.
    #[must_use]
    pub fn has_deferred(&self) -> bool {
        self.pid == sys::process() && !self.pending.is_idle()
    }

    fn try_deliver(
        &mut self,
        args: &PublishArgs<'_>,
        stashed: bool,
        rules: &Rules<'_>,
        deadline: Deadline,
    ) -> Result<Delivery, ClientError> {
        let id = args.id.unwrap_or_else(|| self.ids.next_id());
        let mut event = args.message(id, rules.ack);
        event.spoolable = event.receipt && matches!(rules.on_failure, OnFailure::Spool(_));
        // Whether the data is JSON is for the sidecar to say: looking twice would cost more than the whole call.
        self.check(&event)?;
        let head = event.encode_head().map_err(|source| self.garbled(source))?;
        let may = match self.may_ask(rules, deadline) {
            Ok(()) if self.needs_limit(&event) => self.learn_limit(&event, rules, deadline),
            other => other,
        };
        let direct = match may {
            Ok(()) if rules.ack == Ack::Deferred || (rules.ack == Ack::None && rules.more) => {
                self.pending.push(id, [head.as_slice(), args.data.as_bytes()].concat(), event.receipt);
                let before = self.counters.spooled;
                self.defer(rules, deadline);
                let spooled = self.counters.spooled > before && self.pending.is_empty();
                return Ok(if spooled { Delivery::Spooled } else { Delivery::Written });
            }
            Ok(()) => {
                let wants = if rules.ack == Ack::Receipt { Wants::Receipt(id) } else { Wants::Nothing };
                self.ask(&Job { head: &head, data: args.data.as_bytes(), wants, stashed }, rules, deadline)
            }
            Err(held) => Err(held),
        };
        let behind = matches!(direct, Err(ClientError::Resting { .. })) && self.spool.is_open();
        let error = match direct {
            Ok(Some(receipt)) => return Ok(Delivery::Accepted(receipt)),
            Ok(None) => return Ok(Delivery::Written),
            Err(error) => error,
        };
        match rules.on_failure {
            OnFailure::Spool(spool) if error.is_absence() => {
                limits::check_json(args.data)?;
                let frame = std::iter::once((head.as_slice(), args.data.as_bytes()));
                match self.spool.append(spool, frame, behind, deadline) {
                    Ok(true) => {
                        self.counters.spooled += 1;
                        Ok(Delivery::Spooled)
                    }
                    // There is nothing to come behind any more: one that waited for the sidecar to drain would otherwise begin the
                    // next file, and so on.
                    Ok(false) => self.try_deliver(args, stashed, rules, deadline),
                    Err(source) => Err(ClientError::NotSpooled { cause: Box::new(error), source }),
                }
            }
            _ => Err(error),
        }
    }

    /// Whether the sidecar is to be asked now: it is not left alone, and nothing waits in the spool that has to go first.
    fn may_ask(&mut self, rules: &Rules<'_>, deadline: Deadline) -> Result<(), ClientError> {
        let behind = matches!(rules.on_failure, OnFailure::Spool(_)) && self.spool.is_pending();
        if behind && self.pending.is_empty() && self.spool.shall_look() && self.breaker.begin().is_none() {
            let _ = self.ask(&Job::bare(Wants::Welcome), rules, deadline);
        }
        let waits = behind && self.spool.waited().is_none_or(|waited| waited < UNDRAINED);
        let resting = match () {
            () if rules.breaker.is_zero() => None,
            () if waits => self.breaker.resting(),
            () => self.breaker.begin(),
        };
        if resting.is_none() && !waits {
            return Ok(());
        }
        self.counters.rested += u64::from(resting.is_some());
        Err(ClientError::Resting {
            path: self.path.clone(),
            left: resting.unwrap_or_default(),
            reason: if resting.is_some() { self.breaker.reason() } else { "events wait in its spool".into() },
        })
    }

    /// Has the sidecar say how much it takes, and checks the event by that.
    fn learn_limit(&mut self, event: &Publish<'_>, rules: &Rules<'_>, deadline: Deadline) -> Result<(), ClientError> {
        self.ask(&Job::bare(Wants::Welcome), rules, deadline)?;
        Ok(self.check(event)?)
    }

    /// One exchange with the sidecar, from which the breaker learns.
    fn ask(&mut self, job: &Job<'_>, rules: &Rules<'_>, deadline: Deadline) -> Result<Option<Receipt>, ClientError> {
        let outcome = self.call(job, deadline);
        match &outcome {
            Ok(_) => self.arrived(),
            Err(error) => self.failed(error, rules, deadline),
        }
        outcome
    }

    /// Writes what is gathered, unless more follows; and reads answers when too many are missing.
    fn defer(&mut self, rules: &Rules<'_>, deadline: Deadline) {
        if self.pending.is_full() {
            self.collect(deadline, rules);
        } else if !rules.more || self.pending.is_gathered() {
            self.write_gathered(rules, deadline);
        }
    }

    fn write_gathered(&mut self, rules: &Rules<'_>, deadline: Deadline) {
        match self.call(&Job::bare(Wants::Nothing), deadline) {
            Ok(_) => self.arrived(),
            Err(error) => self.failed(&error, rules, deadline),
        }
    }

    fn collect(&mut self, deadline: Deadline, rules: &Rules<'_>) {
        if self.pending.is_empty() {
            return;
        }
        match self.call(&Job::bare(Wants::Rest), deadline) {
            Ok(_) => self.arrived(),
            Err(error) => {
                self.note(&error);
                self.failed(&error, rules, deadline);
            }
        }
    }

    /// The sidecar has answered. A spool it has not drained in all that time is none of its own.
    fn arrived(&mut self) {
        if self.breaker.is_open() {
            self.breaker.succeeded();
        }
        self.spool.is_there();
        if self.spool.waited().is_some_and(|waited| waited >= UNDRAINED) && self.spool.is_pending() {
            self.spool.let_go();
            let error = "the sidecar answers but has not drained the spool: compare rustecho.spool with its spool.path";
            self.last_error = Some(error.to_owned());
        }
    }

    /// The sidecar could not be had: deferred events, which come before the one at hand, go where it will go.
    fn failed(&mut self, error: &ClientError, rules: &Rules<'_>, deadline: Deadline) {
        if error.is_absence() {
            self.last_error = Some(error.to_string());
        }
        match error {
            // It has answered, and only this connection is not for now: no reason for others to leave it alone.
            ClientError::Refused { .. } => self.breaker.succeeded(),
            ClientError::Lost { source, .. } if source.kind() == ErrorKind::ResourceBusy => self.breaker.succeeded(),
            _ if error.is_absence() => {
                let at_once = matches!(error, ClientError::Connect { .. });
                self.breaker.failed(rules.breaker, at_once, error.errno(), error.to_string());
                self.spool.is_away();
            }
            _ => {}
        }
        if self.pending.is_empty() || self.conn.is_some() {
            return; // answers may still come
        }
        if let (OnFailure::Spool(spool), true) = (rules.on_failure, error.is_absence())
            && self.spool_pending(spool, deadline)
        {
            return;
        }
        self.pending.failed(error);
    }

    fn spool_pending(&mut self, spool: &SpoolSettings, deadline: Deadline) -> bool {
        self.pending.fail_invalid();
        let frames = self.pending.frames().map(|frame| (frame, &[][..]));
        let spooled = self.spool.append(spool, frames, false, deadline);
        if let Err(error) = &spooled {
            self.last_error = Some(error.to_string());
            return false;
        }
        self.counters.spooled += self.pending.spooled();
        true
    }
}
