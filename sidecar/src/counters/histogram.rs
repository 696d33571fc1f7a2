//! How often something took how long. Lock-free, so that whoever publishes never waits for whoever reads.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets, in microseconds: close enough for percentiles, few enough to read. A last bucket has no bound.
pub const BOUNDS: [u64; 32] = [
    5, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000,
    20_000, 30_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 60_000_000,
];

/// How many durations fell into each bucket since the start.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// One more.
    pub fn record(&self, took: Duration) {
        self.record_micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// One more, in microseconds.
    pub fn record_micros(&self, took: u64) {
        let at = BOUNDS.partition_point(|bound| *bound < took);
        self.buckets.get(at).unwrap_or(&self.beyond).fetch_add(1, Relaxed);
        // A clock that jumps must not turn the sum around.
        self.micros.fetch_add(took.min(1 << 40), Relaxed);
    }

    /// The numbers now.
    pub fn read(&self) -> Reading {
        let all = self.buckets.iter().chain([&self.beyond]);
        Reading { buckets: all.map(|bucket| bucket.load(Relaxed)).collect(), micros: self.micros.load(Relaxed) }
    }
}

/// A histogram at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// How many fell into each bucket of [`BOUNDS`], and beyond the last bound.
    pub buckets: Vec<u64>,
    /// The sum of all, in microseconds.
    pub micros: u64,
}

impl Reading {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// These and others together.
    pub fn and(&self, other: &Self) -> Self {
        let more = |at: usize| other.buckets.get(at).copied().unwrap_or(0);
        let longest = self.buckets.len().max(other.buckets.len());
        let own = |at: usize| self.buckets.get(at).copied().unwrap_or(0);
        Self { buckets: (0..longest).map(|at| own(at) + more(at)).collect(), micros: self.micros + other.micros }
    }

    /// What has been added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |at: usize| earlier.buckets.get(at).copied().unwrap_or(0);
        let buckets = self.buckets.iter().enumerate().map(|(at, count)| count.saturating_sub(before(at))).collect();
        Self { buckets, micros: self.micros.saturating_sub(earlier.micros) }
    }

    /// The duration, in microseconds, that a share of all (0 to 1) does not exceed, taken to be spread evenly inside its
    /// bucket; none of nothing.
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = share * count as f64;
        let mut below = 0;
        for (at, in_bucket) in self.buckets.iter().enumerate() {
            if (below + in_bucket) as f64 >= rank && *in_bucket > 0 {
                let from = if at == 0 { 0 } else { BOUNDS[at - 1] };
                let to = BOUNDS.get(at).copied().unwrap_or(from);
                let part = (rank - below as f64) / *in_bucket as f64;
                return Some(from + ((to - from) as f64 * part.clamp(0.0, 1.0)) as u64);
            }
            below += in_bucket;
        }
        BOUNDS.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_their_bucket() {
        let histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        let reading = histogram.read();
        assert_eq!((reading.count(), reading.micros), (1000, 500_500));
        let within = |share, around: u64| {
            let found = reading.percentile(share).unwrap();
            assert!(found.abs_diff(around) <= around / 20, "{share}: {found}");
        };
        within(0.5, 500);
        within(0.95, 950);
        within(0.99, 990);
    }

    #[test]
    fn what_is_longer_than_any_bound_is_counted_too() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().percentile(0.5), None);
        let before = histogram.read();
        histogram.record(Duration::from_secs(3600));
        histogram.record_micros(u64::MAX);
        let reading = histogram.read().since(&before);
        assert_eq!((reading.count(), reading.percentile(0.99)), (2, BOUNDS.last().copied()));
    }
}
