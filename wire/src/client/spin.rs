//! Whether to ask for an answer again at once instead of going to sleep.
//!
//! A sidecar that is idle answers within some 20 microseconds. A process that sleeps meanwhile is woken by another processor,
//! which on virtual machines takes as long again. So a few microseconds are spent asking, as long as that mostly brings the
//! answer; where it does not (one processor, a busy machine, a sidecar that takes longer) the process sleeps at once.
//!
//! Whether it pays depends on where the sidecar is. On this process' own processor it can answer only when this one sleeps; and on
//! another one that had nothing to do it has to be woken, which shows: on virtual machines the system call that writes then
//! takes 15 microseconds more. The two are told apart by that, and each has its own experience.

use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The longest time that is spent asking: an idle sidecar, and a request that publishes for the first time, are slower than usual.
const LONGEST: Duration = Duration::from_micros(120);
/// So many successes are remembered; each failure takes two away.
const CREDIT: u32 = 8;
/// Without credit it is tried again after so many answers.
const RETRY: u32 = 64;

/// Asked once: the standard library reads the files of its control groups to tell.
static SEVERAL_PROCESSORS: LazyLock<bool> =
    LazyLock::new(|| available_parallelism().map_or(true, |count| count.get() > 1));

/// Writing takes less where no other processor has to be woken.
const WAKING: Duration = Duration::from_micros(10);

/// What has been learnt on one connection.
#[derive(Debug, Default)]
pub(super) struct Spin {
    /// Writing has woken another processor.
    woke: bool,
    here: Learnt,
    there: Learnt,
}

/// What has been learnt of answers of one kind.
#[derive(Debug)]
struct Learnt {
    credit: u32,
    /// Answers since the last try without credit.
    since: u32,
}

/// The time until which to ask.
pub(super) struct End(Instant);

impl End {
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

impl Default for Learnt {
    fn default() -> Self {
        Self { credit: 2, since: 0 }
    }
}

impl Spin {
    /// How long it took to write what is to be answered.
    pub(super) fn wrote(&mut self, took: Duration) {
        self.woke = took >= WAKING;
    }

    fn learnt(&mut self) -> &mut Learnt {
        if self.woke { &mut self.there } else { &mut self.here }
    }

    /// When to stop asking; `None`: do not begin.
    pub(super) fn begin(&mut self) -> Option<End> {
        self.learnt().begin()
    }

    /// Whether the answer came while asking.
    pub(super) fn learn(&mut self, came: bool) {
        self.learnt().learn(came);
    }
}

impl Learnt {
    fn begin(&mut self) -> Option<End> {
        if self.credit == 0 {
            self.since += 1;
            if self.since < RETRY || !*SEVERAL_PROCESSORS {
                return None;
            }
            self.since = 0;
        }
        Some(End(Instant::now() + LONGEST))
    }

    fn learn(&mut self, came: bool) {
        self.credit = if came { (self.credit + 1).min(CREDIT) } else { self.credit.saturating_sub(2) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_where_it_does_not_pay_and_tries_again_later() {
        let mut spin = Spin::default();
        assert!(spin.begin().is_some());
        spin.learn(false);
        let skipped = (0..1_000).take_while(|_| spin.begin().is_none()).count() as u32;
        if available_parallelism().is_ok_and(|count| count.get() > 1) {
            assert_eq!(skipped, RETRY - 1);
            (0..20).for_each(|_| spin.learn(true));
            (0..3).for_each(|_| spin.learn(false));
            assert!(spin.begin().is_some(), "some failures are forgiven");
        }
    }

    #[test]
    fn where_another_processor_is_woken_it_is_another_matter() {
        let mut spin = Spin::default();
        spin.learn(false);
        assert!(spin.begin().is_none());
        spin.wrote(WAKING);
        assert!(spin.begin().is_some());
        spin.learn(true);
        spin.wrote(Duration::from_micros(3));
        assert!(spin.begin().is_none());
    }
}
