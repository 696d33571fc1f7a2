//! How long to wait before the next try: doubling, capped, and jittered so that many nodes do not come back at once.

use std::time::Duration;

use rand::Rng;

/// Waits between tries.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    first: Duration,
    cap: Duration,
}

impl Backoff {
    /// The first wait is about `first`, each further one twice as long, none longer than `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { next: first, first, cap }
    }

    /// How long to wait now: between half and all of the current step.
    pub fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.cap);
        step.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// It worked: the next failure starts from the beginning.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_again_after_a_success() {
        let (first, cap) = (Duration::from_millis(50), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, cap);
        for step in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let wait = backoff.wait();
            assert!(wait >= Duration::from_millis(step / 2) && wait <= Duration::from_millis(step), "{step}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= first);
    }
}
