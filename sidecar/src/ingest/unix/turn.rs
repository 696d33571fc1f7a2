//! How long one publisher is served before others are.

use std::time::{Duration, Instant};

/// Frames that have come are handled for so long at a time; what an event takes depends on its subscribers, so neither bytes nor
/// events say it.
const LONGEST: Duration = Duration::from_millis(1);

/// What has been done for one publisher since others were let through.
#[derive(Debug, Default)]
pub(super) struct Turn {
    took: Duration,
}

impl Turn {
    /// Something was done for it since then.
    pub(super) fn worked(&mut self, since: Instant) {
        self.took += since.elapsed();
    }

    /// Whether others are to be let through now; then the next turn begins.
    pub(super) fn is_over(&mut self) -> bool {
        let over = self.took >= LONGEST;
        if over {
            self.took = Duration::ZERO;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_what_was_worked_and_not_what_was_waited() {
        let mut turn = Turn::default();
        std::thread::sleep(LONGEST);
        turn.worked(Instant::now());
        assert!(!turn.is_over());
        turn.worked(Instant::now() - LONGEST);
        assert!(turn.is_over());
        assert!(!turn.is_over(), "the next one has begun");
    }
}
