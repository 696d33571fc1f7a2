//! One clock for publisher and subscribers: nanoseconds of CLOCK_MONOTONIC, which PHP's `hrtime()` and node's show too.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some fixed moment.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::now_ns;

    #[test]
    fn goes_forward() {
        let first = now_ns();
        assert!(first > 0 && now_ns() >= first);
    }
}
