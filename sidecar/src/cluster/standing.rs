//! How a node stands with the others, and what it waits for by that.

use std::time::Duration;

use tokio::time::Instant;

use super::{Cluster, Echo};
use crate::recovery::Mark;

/// How long a node that starts waits for the others: for the first word of those it knows nothing of, of those that spoke shortly
/// before it, some of which may have died, and for everything.
const GREETING: Duration = Duration::from_millis(100);
const EXPECTED: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(2);
/// How long a node that stops, and does not hear itself, waits for its connection to Redis: a command has five seconds to be answered.
const RECONNECT: Duration = Duration::from_secs(6);

/// How long a client that comes back waits until its session is here.
pub const CLAIM: Duration = Duration::from_secs(2);

/// How this node stands with the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Other nodes that live, as far as this one knows.
    pub peers: usize,
    /// What this node says arrives, and it hears the others.
    pub is_hearing: bool,
    /// It does everything in the common order at the moment.
    pub is_in_order: bool,
    /// Bytes that could not be said yet.
    pub backlog: usize,
    /// How long what this node says takes to come back to it; growing while it does not.
    pub lag: Duration,
}

impl Cluster {
    /// Waits until this node knows the members of the others, so that the first client is told all of them. A Redis that is away
    /// is not waited for longer than two seconds.
    pub async fn started(&self) {
        let all = async {
            while !self.standing().is_hearing {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let heard = Instant::now();
            self.expect_the_living();
            tokio::time::sleep(GREETING).await;
            while !self.is_accounted(heard.elapsed() < EXPECTED) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(START, all).await.is_err() {
            tracing::warn!("starting without having heard of all nodes of the cluster");
        }
    }

    /// Whether all nodes that this one has heard have told it their members, and those that it `expects` as well.
    fn is_accounted(&self, expects: bool) -> bool {
        let state = self.state.lock();
        let expected = state.expected.keys().filter(|_| expects);
        state.peers.others().iter().chain(expected).all(|node| state.accounted.contains(node))
    }

    /// Nobody is expected who, by now, would have said something.
    fn expect_the_living(&self) {
        let (mut state, sign) = (self.state.lock(), self.sign().as_millis());
        let clock = state.peers.clock();
        state.expected.retain(|_, said| u128::from(clock.saturating_sub(*said)) <= sign);
    }

    /// Waits, before a receipt is given, until what was said up to this number has been done here, in its turn or because Redis takes
    /// too long.
    pub async fn told(&self, seq: u64) {
        self.turns.until_done(seq).await;
    }

    /// Waits until this node has come so far in the common order; false when it does not within [`CLAIM`].
    pub async fn has_reached(&self, mark: Mark) -> bool {
        let mut reached = self.reached.subscribe();
        let reached = reached.wait_for(|reached| reached.is_some_and(|reached| reached >= mark));
        matches!(tokio::time::timeout(CLAIM, reached).await, Ok(Ok(_)))
    }

    /// Where this node has kept to the common order since, if it does so now and nothing is missing, and ever did otherwise.
    pub fn in_order_since(&self) -> Option<Option<Mark>> {
        // What may still come would come after what a client has seen it before.
        let is_missing = self.overheard.lock().is_missing(Instant::now());
        let state = self.state.lock();
        (!state.is_out && !is_missing).then_some(state.in_order_since)
    }

    /// Waits until everything that this node has to say has been said; for a Redis that is away only as long as it takes to connect:
    /// a node that stood still finds its connection broken when it goes on.
    pub async fn said(&self) {
        let patience = Instant::now() + RECONNECT;
        let is_worth_it = || self.standing().is_hearing || (self.outbox.owes() && Instant::now() < patience);
        while self.outbox.backlog() > 0 && is_worth_it() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Whoever waits for its turn has it soon, or needs none.
        let done = self.turns.until_done(self.outbox.last());
        let _ = tokio::time::timeout(self.config.wait * 8 / 5, done).await;
        let patience = Instant::now() + self.config.wait;
        while !self.overheard.lock().is_empty() && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How this node stands with the others.
    pub fn standing(&self) -> Standing {
        let state = self.state.lock();
        let is_hearing = state.peers.is_hearing(Instant::now());
        let lag = match state.echo {
            Echo::Said(at) => at.elapsed(),
            Echo::Heard(took) => took,
        };
        Standing {
            peers: state.peers.others().len(),
            is_hearing,
            is_in_order: !state.is_out,
            backlog: self.outbox.backlog(),
            lag,
        }
    }
}
