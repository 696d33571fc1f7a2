//! Exact counts: each subscriber checks the sequence of its channel; all share one histogram of latencies.

use hdrhistogram::Histogram;

use crate::{clock::now_ns, mark::Mark};

/// What one subscriber has seen of its channel.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The channel it is subscribed to.
    pub channel: u32,
    /// Whether a warm-up came, so that the subscription stands.
    pub warm: bool,
    /// The last sequence number seen in order.
    last: u32,
    /// Numbers that were skipped and have not come since.
    missing: Vec<u32>,
}

impl Ledger {
    /// A subscriber of `channel` that has seen nothing.
    pub fn new(channel: u32) -> Self {
        Self { channel, ..Self::default() }
    }

    /// How many of the first `published` events of its channel never came.
    pub fn lost(&self, published: u32) -> u64 {
        u64::from(published.saturating_sub(self.last)) + self.missing.len() as u64
    }
}

/// What all subscribers together have seen since the last [`Tally::reset`].
pub struct Tally {
    /// Counted deliveries, duplicates not among them.
    pub deliveries: u64,
    /// Deliveries of what had come before.
    pub duplicates: u64,
    /// Deliveries of something older than the one before.
    pub reorders: u64,
    /// Deliveries to a socket that is not subscribed to the channel.
    pub misdelivered: u64,
    /// When the last one came, warm-ups included.
    pub last_at_ns: u64,
    /// Time from publishing to reading, in microseconds.
    pub latency_us: Histogram<u64>,
    /// How many deliveries each sequence number has had; all channels together.
    seen: Vec<u32>,
}

impl Tally {
    /// Nothing seen.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            deliveries: 0,
            duplicates: 0,
            reorders: 0,
            misdelivered: 0,
            last_at_ns: now_ns(),
            latency_us: Histogram::new_with_bounds(1, 120_000_000, 3)?,
            seen: Vec::new(),
        })
    }

    /// Counts one delivery to the subscriber with this ledger.
    pub fn delivery(&mut self, ledger: &mut Ledger, mark: Mark, now: u64) {
        self.last_at_ns = now;
        if mark.channel != ledger.channel {
            self.misdelivered += 1;
        } else if mark.sequence == 0 {
            ledger.warm = true;
        } else if mark.sequence > ledger.last {
            ledger.missing.extend(ledger.last + 1..mark.sequence);
            ledger.last = mark.sequence;
            self.counted(mark, now);
        } else if let Some(at) = ledger.missing.iter().position(|missing| *missing == mark.sequence) {
            ledger.missing.swap_remove(at);
            self.reorders += 1;
            self.counted(mark, now);
        } else {
            self.duplicates += 1;
        }
    }

    fn counted(&mut self, mark: Mark, now: u64) {
        self.deliveries += 1;
        self.latency_us.saturating_record(now.saturating_sub(mark.at_ns) / 1000);
        let index = mark.sequence as usize;
        if self.seen.len() <= index {
            self.seen.resize(index + 1024, 0);
        }
        self.seen[index] += 1;
    }

    /// How many deliveries the sequence number has had.
    pub fn seen(&self, sequence: u32) -> u32 {
        self.seen.get(sequence as usize).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sequence: &[u32]) -> (Tally, Ledger) {
        let (mut tally, mut ledger) = (Tally::new().unwrap(), Ledger::new(3));
        for &sequence in sequence {
            tally.delivery(&mut ledger, Mark { channel: 3, sequence, at_ns: 1 }, 5_001);
        }
        (tally, ledger)
    }

    #[test]
    fn all_in_order_is_all_there() {
        let (tally, ledger) = run(&[0, 1, 2, 3]);
        assert_eq!((tally.deliveries, tally.duplicates, tally.reorders, ledger.lost(3)), (3, 0, 0, 0));
        assert!(ledger.warm);
        assert_eq!((tally.seen(2), tally.latency_us.max()), (1, 5));
    }

    #[test]
    fn a_hole_and_a_missing_end_are_lost() {
        let (tally, ledger) = run(&[1, 3]);
        assert_eq!((tally.deliveries, tally.reorders, ledger.lost(5)), (2, 0, 3));
    }

    #[test]
    fn what_comes_late_is_a_reorder_and_what_comes_twice_a_duplicate() {
        let (tally, ledger) = run(&[1, 3, 2, 2, 3]);
        assert_eq!((tally.deliveries, tally.duplicates, tally.reorders, ledger.lost(3)), (3, 2, 1, 0));
    }

    #[test]
    fn another_channel_is_misdelivered() {
        let (mut tally, mut ledger) = (Tally::new().unwrap(), Ledger::new(3));
        tally.delivery(&mut ledger, Mark { channel: 4, sequence: 1, at_ns: 0 }, 0);
        assert_eq!((tally.misdelivered, tally.deliveries, ledger.lost(1)), (1, 0, 1));
    }
}
