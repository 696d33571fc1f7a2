//! The blocking client: one kept connection, one deadline over each call.
//!
//! It connects when it first has something to say. A call never takes longer than its timeout, whatever state the sidecar
//! is in. A connection that broke, or that a fork inherited, is replaced once within the call and the frame written again
//! with the same id. Whatever goes wrong half-way closes the connection, so the next call never meets half a frame.
//!
//! [`Client::publish`] is the bare exchange. [`Client::deliver`] adds what PHP's requests need around it: a circuit breaker, the
//! spool, and receipts that are collected later, by [`Client::flush`].

mod answer;
mod args;
mod breaker;
mod conn;
mod deadline;
mod deliver;
mod exchange;
#[cfg(target_os = "linux")]
mod lane;
#[cfg(not(target_os = "linux"))]
#[path = "client/no_lane.rs"]
mod lane;
mod pending;
mod report;
mod spin;

pub use args::{Ack, Delivery, OnFailure, PublishArgs, Rules};
pub use breaker::share as share_breakers;
pub use pending::{Failure, Flushed};
pub use report::{BreakerState, Counters, Status};

pub(crate) use self::deadline::Deadline;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::breaker::Breaker;
use self::conn::{Conn, OpenError, Trouble, advice};
use self::exchange::{Job, Stop, Wants};
use self::pending::Pending;
use crate::error::{ClientError, DecodeError, Fate, InvalidEvent, Stage};
use crate::frame::MAX_BODY_LEN;
use crate::id::{EventId, IdSource};
use crate::limits::{self, DEFAULT_MAX_DATA};
use crate::message::{Publish, Receipt, RefusalCode, Welcome};
use crate::spool::Writer;
use crate::sys;

/// Bytes of a frame kept free for everything but the data: 100 channels, the names, the ids.
const HEAD_ROOM: usize = 64 * 1024;

/// A publisher's end of the socket. One per process; not shared between threads.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    name: String,
    timeout: Duration,
    conn: Option<Conn>,
    welcome: Option<Welcome>,
    ids: IdSource,
    pid: u32,
    counters: Counters,
    last_error: Option<String>,
    breaker: Breaker,
    pending: Pending,
    spool: Writer,
}

impl Client {
    /// A client that has not connected yet. `name` says who speaks (`rustecho-ext/0.1.0 php/8.2.36 fpm-fcgi`); `timeout`
    /// bounds each call as a whole.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, name: impl Into<String>, timeout: Duration) -> Self {
        let path = path.into();
        Self {
            spool: Writer::new(&path),
            path,
            name: name.into(),
            timeout,
            conn: None,
            welcome: None,
            ids: IdSource::new(),
            pid: sys::process(),
            counters: Counters::default(),
            last_error: None,
            breaker: Breaker::default(),
            pending: Pending::default(),
        }
    }

    /// The sidecar's socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The time each later call has as a whole.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Draws an id, for who wants to know it before [`PublishArgs::id`] is published.
    pub fn next_id(&mut self) -> EventId {
        self.ids.next_id()
    }

    /// Publishes one event. With [`Ack::Receipt`] the answer is awaited and returned; with [`Ack::None`] the answer is
    /// `None` and says only that the event was written.
    ///
    /// # Errors
    /// See [`ClientError`]; its [`fate`](ClientError::fate) says whether the event may yet arrive.
    pub fn publish(&mut self, args: &PublishArgs<'_>, ack: Ack) -> Result<Option<Receipt>, ClientError> {
        let deadline = Deadline::after(self.timeout);
        self.leave_parent();
        let receipt = self.try_publish(args, ack, deadline).inspect_err(|error| self.note(error))?;
        self.counters.succeeded(receipt);
        Ok(receipt)
    }

    /// Asks the sidecar whether it is there.
    ///
    /// # Errors
    /// It is not, or not in time; see [`ClientError`].
    pub fn probe(&mut self) -> Result<Welcome, ClientError> {
        let deadline = Deadline::after(self.timeout);
        self.leave_parent();
        self.try_probe(deadline).inspect_err(|error| self.note(error))
    }

    /// What this client knows, without asking the sidecar.
    #[must_use]
    pub fn status(&self) -> Status {
        let pid = sys::process();
        let own = pid == self.pid;
        Status {
            path: self.path.clone(),
            connected: self.conn.as_ref().is_some_and(|conn| conn.pid == pid),
            pid,
            welcome: self.welcome.clone(),
            counters: if own { self.counters } else { Counters::default() },
            breaker: match self.breaker.resting() {
                Some(left) if own => BreakerState::Open(left),
                None if own && self.breaker.is_open() => BreakerState::Probe,
                _ => BreakerState::Closed,
            },
            spooling: own && self.spool.is_open(),
            pending: if own { self.pending.len() } else { 0 },
            last_error: self.last_error.clone().filter(|_| own),
        }
    }

    fn note(&mut self, error: &ClientError) {
        self.counters.failed(error);
        self.last_error = Some(error.to_string());
    }

    /// After a fork: counts from zero, and closes the parent's connection without writing to it or shutting it down.
    fn leave_parent(&mut self) {
        let pid = sys::process();
        if self.pid == pid {
            return;
        }
        self.pid = pid;
        self.last_error = None;
        self.breaker.leave_parent();
        self.pending.leave_parent();
        self.counters = Counters { reconnects: u64::from(self.conn.take().is_some()), ..Counters::default() };
    }

    fn try_publish(
        &mut self,
        args: &PublishArgs<'_>,
        ack: Ack,
        deadline: Deadline,
    ) -> Result<Option<Receipt>, ClientError> {
        let id = args.id.unwrap_or_else(|| self.ids.next_id());
        let event = args.message(id, ack);
        self.check(&event)?;
        if self.needs_limit(&event) {
            self.try_probe(deadline)?;
            self.check(&event)?;
        }
        // Where its refusal will be heard, the sidecar looks at the JSON.
        if ack != Ack::Receipt {
            limits::check_json(event.data)?;
        }
        let head = event.encode_head().map_err(|source| self.garbled(source))?;
        let wants = if ack == Ack::Receipt { Wants::Receipt(id) } else { Wants::Nothing };
        self.call(&Job { head: &head, data: args.data.as_bytes(), wants, stashed: false }, deadline)
    }

    /// Checks the event before anything of it is written, by the limit as far as it is known.
    fn check(&self, event: &Publish<'_>) -> Result<(), InvalidEvent> {
        let told = self.welcome.as_ref().map_or(usize::MAX, |welcome| welcome.max_data as usize);
        limits::check(event, told.min(MAX_BODY_LEN - HEAD_ROOM))
    }

    /// Whether only the sidecar can say if it takes so much: more than the default, and it has not yet said how much it takes.
    fn needs_limit(&self, event: &Publish<'_>) -> bool {
        event.data.len() > DEFAULT_MAX_DATA && self.welcome.is_none()
    }

    fn try_probe(&mut self, deadline: Deadline) -> Result<Welcome, ClientError> {
        self.call(&Job::bare(Wants::Welcome), deadline)?;
        self.welcome.clone().ok_or_else(|| self.garbled(DecodeError::UnexpectedKind(crate::frame::Kind::Receipt)))
    }

    /// Runs the job on the kept connection, or on a new one; once more on another if that one breaks.
    fn call(&mut self, job: &Job<'_>, deadline: Deadline) -> Result<Option<Receipt>, ClientError> {
        let whole = job.head.len() as u64 + job.data.len() as u64;
        let mut fate = Fate::NotPublished;
        let mut broken = false;
        loop {
            // Taken out for the time of the exchange: whatever ends it early, a panic included, closes the connection.
            let (mut conn, fresh) = match self.conn.take() {
                Some(conn) => (conn, false),
                None => (self.open(deadline, fate)?, true),
            };
            self.counters.reconnects += u64::from(broken);
            let (before, earlier) = (conn.sent, fate);
            let outcome = self.exchange(&mut conn, fresh, job, deadline);
            let sent = conn.sent - before;
            self.counters.bytes += sent;
            if matches!(job.wants, Wants::Receipt(_) | Wants::Rest) && sent >= whole {
                fate = Fate::Unknown;
            }
            match outcome {
                Ok(receipt) => {
                    self.conn = Some(conn);
                    return Ok(receipt);
                }
                Err(Stop::Refused(refusal)) => {
                    // A sidecar that says "later" says so to everything on this connection: nothing may overtake.
                    if !refusal.code.closes() && refusal.code != RefusalCode::Unavailable {
                        self.conn = Some(conn);
                    }
                    // Who is not let in now says nothing of what it has written whole on the connection before.
                    if refusal.code == RefusalCode::Unavailable && earlier == Fate::Unknown {
                        let busy = io::Error::new(io::ErrorKind::ResourceBusy, refusal.message);
                        return Err(self.lost(busy, fate));
                    }
                    return Err(ClientError::Refused { code: refusal.code, message: refusal.message });
                }
                Err(Stop::Trouble(Trouble::Late(stage))) => return Err(self.late(stage, fate)),
                Err(Stop::Trouble(Trouble::Garbled(source))) => return Err(self.garbled(source)),
                Err(Stop::Trouble(Trouble::Lost(_))) if !broken => broken = true,
                Err(Stop::Trouble(Trouble::Lost(source))) => {
                    return Err(self.lost(source, fate));
                }
            }
        }
    }

    fn open(&self, deadline: Deadline, fate: Fate) -> Result<Conn, ClientError> {
        Conn::open(&self.path, deadline).map_err(|error| match error {
            OpenError::Late => self.late(Stage::Connecting, fate),
            OpenError::Io(source) => ClientError::Connect {
                path: self.path.clone(),
                uid: sys::effective_uid(),
                advice: advice(source.kind()),
                source,
                fate,
            },
        })
    }

    fn late(&self, stage: Stage, fate: Fate) -> ClientError {
        let uid = sys::effective_uid();
        ClientError::Timeout { path: self.path.clone(), uid, stage, timeout: self.timeout, fate }
    }

    fn lost(&self, source: io::Error, fate: Fate) -> ClientError {
        ClientError::Lost { path: self.path.clone(), uid: sys::effective_uid(), source, fate }
    }

    fn garbled(&self, source: DecodeError) -> ClientError {
        ClientError::Protocol { path: self.path.clone(), uid: sys::effective_uid(), source }
    }
}
