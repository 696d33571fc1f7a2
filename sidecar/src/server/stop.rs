//! How a sidecar ends, and how the next one takes its place.
//!
//! In this order: nobody new is let in, and publishers are sent away (they wait, spool, or find the next sidecar); what is in
//! flight is finished; the sockets are closed one after the other, spread over most of the grace period, so that they do not all
//! come back at once; Redis is listened to until the last of them has gone; then the stores are
//! closed, and what the next one has to know is written. Its ports may be open by then, and whoever comes waits there: it serves
//! nobody before this one has ended.

use std::{pin::pin, time::Duration};

use rustix::process::Pid;

use crate::{lock, session::Clients};

/// The time between two sockets that are closed, as long as the grace period allows it: a handful of them is no reason to wait.
const EACH: Duration = Duration::from_millis(20);
/// Beyond its grace period a predecessor is not waited for longer than this.
const BEYOND_GRACE: Duration = Duration::from_secs(5);

/// What is kept at most of the grace period's end, for the last answers to operators and for what is written to disk.
const KEPT: Duration = Duration::from_millis(500);
/// How long the admin listener finishes its last answers at most.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// How long publishers may take to be sent away before the first socket is closed.
pub(super) fn sending_away(grace: Duration) -> Duration {
    (grace / 10).min(KEPT)
}

/// What is kept of this grace period's end.
fn kept(grace: Duration) -> Duration {
    (grace / 5).min(KEPT)
}

/// How long the admin listener finishes its last answers; half of what is kept is left for what is written to disk.
pub(super) fn last_answers(grace: Duration) -> Duration {
    (kept(grace) / 2).min(LAST_ANSWERS)
}

/// How long everything else may take, whoever hangs on to its connection: a stop is over within the grace period.
pub(super) fn finishing(grace: Duration) -> Duration {
    grace - kept(grace)
}

/// Over how long so many sockets are closed: four fifths of the grace period at most, and of a short one what leaves a moment for the
/// rest.
pub(super) fn span(sockets: usize, grace: Duration) -> Duration {
    let wanted = EACH.saturating_mul(u32::try_from(sockets.saturating_sub(1)).unwrap_or(u32::MAX));
    wanted.min(grace / 5 * 4).min((finishing(grace) - sending_away(grace)) / 10 * 9)
}

/// Closes every socket, spread over the grace period, those that came meanwhile at the end.
pub(super) async fn close_sockets(clients: &Clients, grace: Duration) {
    let begun = tokio::time::Instant::now();
    let sockets = clients.sockets();
    let (count, span) = (sockets.len(), span(sockets.len(), grace));
    for (at, socket) in sockets.into_iter().enumerate() {
        let share = at as f64 / count as f64;
        tokio::time::sleep_until(begun + span.mul_f64(share)).await;
        socket.close();
    }
    clients.close_all();
}

/// Tells the predecessor to end and waits until it has: its sessions and their events are on disk at its very end, and not before.
/// False when this sidecar is told to stop meanwhile.
pub(super) async fn follow(predecessor: Pid, grace: Duration, stop: impl Future<Output = ()>) -> bool {
    tell(predecessor);
    let mut ended = pin!(wait_for(predecessor, grace));
    tokio::select! {
        () = &mut ended => true,
        () = stop => {
            // Whoever takes over from this one waits for this one alone, and needs what the predecessor leaves as well.
            let _ = tokio::time::timeout(grace, ended).await;
            false
        }
    }
}

/// Tells the predecessor to stop.
fn tell(predecessor: Pid) {
    tracing::info!(pid = predecessor.as_raw_nonzero().get(), "taking over: the running sidecar is told to stop");
    if let Err(error) = lock::terminate(predecessor) {
        tracing::info!(%error, "it has stopped already");
    }
}

/// Waits for the predecessor's end.
async fn wait_for(predecessor: Pid, grace: Duration) {
    let waited = tokio::task::spawn_blocking(move || lock::wait_for_end(predecessor, grace + BEYOND_GRACE)).await;
    if !waited.unwrap_or(false) {
        let pid = predecessor.as_raw_nonzero().get();
        tracing::error!(
            pid,
            "the sidecar before this one has not stopped; this one serves all the same, without what that one knows"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sockets_are_closed_soon_and_many_over_most_of_the_grace_period() {
        let ten = Duration::from_secs(10);
        assert_eq!(span(0, ten), Duration::ZERO);
        assert_eq!(span(1, ten), Duration::ZERO);
        assert_eq!(span(6, ten), Duration::from_millis(100));
        assert_eq!(span(100_000, ten), Duration::from_secs(8));
        assert_eq!(span(100_000, Duration::ZERO), Duration::ZERO);
        assert!(span(100_000, ten) < finishing(ten) && finishing(ten) == Duration::from_millis(9_500));
    }

    #[test]
    fn everything_has_its_part_of_a_grace_period_however_short() {
        for ms in [0, 1, 10, 500, 1_000, 2_000, 2_500, 10_000, 600_000] {
            let grace = Duration::from_millis(ms);
            assert!(sending_away(grace) + span(1_000_000, grace) <= finishing(grace), "{ms}");
            assert!(
                finishing(grace) + 2 * last_answers(grace) <= grace,
                "{ms}: nothing is left for what is written to disk"
            );
        }
    }
}
