//! What a client tells about itself.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::ClientError;
use crate::message::{Receipt, Welcome};

/// What has happened in this process since it started, or since it was forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events written whole without an error.
    pub published: u64,
    /// Receipts read.
    pub receipts: u64,
    /// Refusals read, those of earlier events without a receipt included.
    pub refusals: u64,
    /// Calls whose deadline passed.
    pub timeouts: u64,
    /// Connections opened in place of one that broke or belonged to the process before a fork.
    pub reconnects: u64,
    /// Calls that ended in an error, of whatever kind.
    pub failures: u64,
    /// Events that went to the spool.
    pub spooled: u64,
    /// Calls in which the sidecar was not asked because an earlier one had failed shortly before.
    pub rested: u64,
    /// Bytes written to the sidecar.
    pub bytes: u64,
}

impl Counters {
    pub(super) fn succeeded(&mut self, receipt: Option<Receipt>) {
        self.published += 1;
        self.receipts += u64::from(receipt.is_some());
    }

    pub(super) fn failed(&mut self, error: &ClientError) {
        self.failures += 1;
        self.timeouts += u64::from(matches!(error, ClientError::Timeout { .. }));
    }
}

/// How the circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The sidecar is asked.
    Closed,
    /// The last call failed; the sidecar is left alone for so much longer.
    Open(Duration),
    /// The last call failed; the next one asks again.
    Probe,
}

/// A client's state, for `rustecho_status()` and phpinfo().
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The sidecar's socket.
    pub path: PathBuf,
    /// Whether a connection of this process is open, as far as is known without asking.
    pub connected: bool,
    /// This process.
    pub pid: u32,
    /// What the sidecar last said about itself.
    pub welcome: Option<Welcome>,
    /// What has happened so far.
    pub counters: Counters,
    /// How the circuit breaker stands.
    pub breaker: BreakerState,
    /// Whether events of this process wait in the spool, as far as is known without looking.
    pub spooling: bool,
    /// Deferred events whose receipts have not been read.
    pub pending: usize,
    /// The last error of this process, refusals of events without a receipt included.
    pub last_error: Option<String>,
}
