//! The circuit breaker: after a failure the sidecar is left alone for a while, so that not every call pays for it.
//!
//! Processes that were forked after [`share`] (php-fpm's workers) have it together: when one has waited in vain the others do
//! not try, and when the rest is over one of them tries for all. Each socket has its own, and each user: who may not come in
//! says nothing of the sidecar to those who may.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::sys;

/// The first rest is this part of the longest.
const FIRST: u32 = 16;
/// Longer than this nobody waits for the process that tries for all.
const TRIAL: Duration = Duration::from_millis(100);
/// How many breakers there may be in shared memory; processes that find no room have their own.
const SLOTS: usize = 1024;

static SHARED: OnceLock<&'static [Slot]> = OnceLock::new();

/// From now on processes that are forked from this one share their breakers.
pub fn share() {
    if let Some(slots) = sys::shared::<Slot>(SLOTS) {
        let _ = SHARED.set(slots);
    }
}

/// One breaker's numbers. All zero: closed.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Whose it is; 0: nobody's.
    key: AtomicU64,
    /// Until when nobody asks, on the system's monotonic clock in nanoseconds; 0: closed.
    until: AtomicU64,
    /// How long the last rest was, in nanoseconds.
    step: AtomicU64,
    /// The system's number for the last failure; 0: it had none.
    errno: AtomicI32,
}

/// Whether to ask the sidecar at all. A call that finds it open costs one look at the clock.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    own: Slot,
    shared: Option<&'static Slot>,
    /// The number of the socket it belongs to; 0: of none yet.
    socket: u64,
    /// Why, as far as this process knows.
    reason: String,
}

impl Breaker {
    /// The one for this number of a socket, which is not 0.
    pub(super) fn belong_to(&mut self, socket: u64) {
        if self.socket != socket {
            self.socket = socket;
            let user = u64::from(sys::effective_uid()) + 1;
            let key = (socket ^ user.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1);
            let taken = |slot: &&Slot| {
                slot.key.load(Relaxed) == key || slot.key.compare_exchange(0, key, Relaxed, Relaxed).is_ok()
            };
            // Looked for first, so that a number has one place only.
            let slots = SHARED.get().copied().unwrap_or_default();
            self.shared = slots.iter().find(taken);
        }
    }

    /// After a fork: what the parent had to itself is not the child's.
    pub(super) fn leave_parent(&mut self) {
        self.own = Slot::default();
        (self.socket, self.shared) = (0, None); // it may have become another user's
        self.reason.clear();
    }

    fn slot(&self) -> &Slot {
        self.shared.unwrap_or(&self.own)
    }

    /// How long the sidecar is still left alone; `None`: somebody has to ask it.
    pub(super) fn resting(&self) -> Option<Duration> {
        let left = self.slot().until.load(Relaxed).saturating_sub(sys::clock());
        (left > 0).then(|| Duration::from_nanos(left))
    }

    /// The same, and takes it upon this call to ask when a rest is over: `None` only once.
    pub(super) fn begin(&self) -> Option<Duration> {
        let until = &self.slot().until;
        let before = until.load(Relaxed);
        if before == 0 {
            return None;
        }
        if let Some(left) = self.resting() {
            return Some(left);
        }
        let trial = sys::clock() + TRIAL.as_nanos() as u64;
        match until.compare_exchange(before, trial, Relaxed, Relaxed) {
            Ok(_) => None,
            Err(_) => self.resting(),
        }
    }

    /// Whether the last call that asked has failed.
    pub(super) fn is_open(&self) -> bool {
        self.slot().until.load(Relaxed) > 0
    }

    /// Why the last call failed.
    pub(super) fn reason(&self) -> String {
        if !self.reason.is_empty() {
            return self.reason.clone();
        }
        let user = sys::effective_uid(); // its name is in a file, and this is asked for each event
        match self.slot().errno.load(Relaxed) {
            0 => format!("another process of uid {user} could not reach it"),
            errno => {
                format!("another process of uid {user} could not reach it: {}", io::Error::from_raw_os_error(errno))
            }
        }
    }

    /// A call has failed: a rest, each twice as long as the last, none longer than `longest` (0: none at all). One that failed
    /// at once cost nothing: the rest stays as short as the first.
    pub(super) fn failed(&mut self, longest: Duration, at_once: bool, errno: Option<i32>, reason: String) {
        let first = (longest / FIRST).as_nanos() as u64;
        let longest = longest.as_nanos() as u64;
        let slot = self.slot();
        let step = if at_once { first } else { (slot.step.load(Relaxed) * 2).clamp(first, longest) };
        slot.step.store(step, Relaxed);
        slot.errno.store(errno.unwrap_or_default(), Relaxed);
        slot.until.store(sys::clock().saturating_add(step), Relaxed);
        self.reason = reason;
    }

    /// A call has succeeded.
    pub(super) fn succeeded(&mut self) {
        self.slot().until.store(0, Relaxed);
        self.slot().step.store(0, Relaxed);
        self.reason.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_the_longest_and_end_with_a_success() {
        let (mut breaker, longest) = (Breaker::default(), Duration::from_secs(1600));
        assert_eq!(breaker.resting(), None);
        for wanted in [100, 200, 400, 800, 1600, 1600] {
            breaker.failed(longest, false, None, String::new());
            assert_eq!(breaker.own.step.load(Relaxed), wanted * 1_000_000_000);
            assert!(breaker.resting().is_some_and(|left| left <= Duration::from_secs(wanted)));
        }
        breaker.failed(longest, true, None, "gone".into());
        assert_eq!((breaker.own.step.load(Relaxed), breaker.reason().as_str()), (100_000_000_000, "gone"));
        breaker.succeeded();
        assert_eq!((breaker.resting(), breaker.is_open()), (None, false));
    }

    #[test]
    fn a_longest_rest_of_nothing_turns_it_off() {
        let mut breaker = Breaker::default();
        breaker.failed(Duration::ZERO, false, None, String::new());
        assert_eq!(breaker.resting(), None);
    }

    #[test]
    fn what_is_shared_is_tried_by_one() {
        share();
        let mut breakers: [Breaker; 3] = Default::default();
        let [one, two, other] = &mut breakers;
        one.belong_to(7);
        two.belong_to(7);
        other.belong_to(8);
        one.failed(Duration::from_millis(160), false, Some(2), "gone".into());
        assert!(two.reason().contains("(os error 2)") && one.reason() == "gone", "{}", two.reason());
        assert!(two.begin().is_some() && other.begin().is_none());
        while two.resting().is_some() {
            std::thread::yield_now();
        }
        assert_eq!((two.begin(), one.begin().is_some()), (None, true));
        two.succeeded();
        assert_eq!((one.begin(), one.is_open()), (None, false));
    }
}
