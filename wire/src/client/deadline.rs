//! One point in time that bounds everything a call does.

use std::time::{Duration, Instant};

/// When a call has to be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    begun: Instant,
    end: Instant,
}

impl Deadline {
    /// So much time from now on.
    pub(crate) fn after(time: Duration) -> Self {
        let begun = Instant::now();
        // A time too far to express is no bound at all; a day is enough for anyone.
        Self { begun, end: begun.checked_add(time).unwrap_or_else(|| begun + Duration::from_secs(86_400)) }
    }

    /// When the call began.
    pub(crate) fn begun(self) -> Instant {
        self.begun
    }

    /// Whether so much is left that something can be begun: a quarter.
    pub(crate) fn is_ample(self) -> bool {
        self.left().is_some_and(|left| left >= (self.end - self.begun) / 4)
    }

    /// What is left; `None` when the time is over.
    pub(crate) fn left(self) -> Option<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}
