//! A token bucket: a rate without a timer.

/// So many per second, and as many at once. Eight bytes for each socket.
#[derive(Debug, Default, Clone, Copy)]
pub struct Bucket {
    /// How much of a second's worth was used when it was last looked at, in thousandths of one.
    used: u32,
    /// When that was, in milliseconds of any clock that starts with the process and wraps.
    at: u32,
}

impl Bucket {
    /// Takes one, at most `rate` in a second. `now` is in milliseconds.
    pub fn take(&mut self, rate: u32, now: u32) -> bool {
        self.take_of(rate, 1, now)
    }

    /// As [`Bucket::take`], with so many seconds' worth at once; they times the rate are below 2^32 thousandths.
    pub fn take_of(&mut self, rate: u32, seconds: u32, now: u32) -> bool {
        let one = 1_000;
        let full = u64::from(rate) * u64::from(seconds) * one;
        let back = u64::from(now.wrapping_sub(self.at)) * u64::from(rate);
        let used = u64::from(self.used).min(full).saturating_sub(back); // it may have been filled at a higher rate
        let fits = used + one <= full;
        let used = if fits { used + one } else { used };
        self.used = u32::try_from(used).unwrap_or(u32::MAX);
        self.at = now;
        fits
    }

    /// Whether nothing of it is used any more.
    pub fn is_whole(&self, rate: u32, now: u32) -> bool {
        u64::from(now.wrapping_sub(self.at)) * u64::from(rate) >= u64::from(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_at_once_and_then_the_rate() {
        let mut bucket = Bucket::default();
        let take = |bucket: &mut Bucket, count: u32, now: u32| (0..count).filter(|_| bucket.take(10, now)).count();
        assert_eq!(take(&mut bucket, 50, 5_000), 10);
        assert_eq!(take(&mut bucket, 50, 5_050), 0);
        assert_eq!(take(&mut bucket, 50, 5_100), 1);
        assert_eq!(take(&mut bucket, 50, 5_600), 5);
        assert_eq!(take(&mut bucket, 50, 60_000), 10);
    }

    #[test]
    fn more_seconds_worth_at_once() {
        let mut bucket = Bucket::default();
        let take = |bucket: &mut Bucket, now: u32| (0..1_000).filter(|_| bucket.take_of(10, 60, now)).count();
        assert_eq!(take(&mut bucket, 5_000), 600);
        assert_eq!(take(&mut bucket, 7_000), 20);
        assert!(!bucket.is_whole(10, 66_999));
        assert!(bucket.is_whole(10, 67_000));
        assert_eq!(take(&mut bucket, 99_000_000), 600);
        assert!(bucket.take_of(2, 60, 99_000_500), "a lower rate does not shut it for longer");
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(1, u32::MAX - 100));
        assert!(!bucket.take(1, u32::MAX));
        assert!(bucket.take(1, 1_000));
    }

    proptest::proptest! {
        /// Whatever the pauses, never more than the rate and one burst.
        #[test]
        fn never_more_than_the_rate(pauses in proptest::collection::vec(0u32..200, 1..300), rate in 1u32..200) {
            let (mut bucket, mut now, mut taken) = (Bucket::default(), 1_000_000, 0u64);
            let start = now;
            for pause in pauses {
                now += pause;
                taken += u64::from(bucket.take(rate, now));
            }
            let allowed = u64::from(rate) + u64::from(now - start) * u64::from(rate) / 1_000 + 1;
            proptest::prop_assert!(taken <= allowed, "{taken} of {allowed}");
        }
    }
}
