//! How many subscriptions there are, in a form that a sidecar can leave to the next one.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::channel::ChannelName;

/// Channels share so many buckets, by their names. Guarded ones have a half for themselves: strangers cannot subscribe there.
pub const BUCKETS: usize = 128;
const HALF: u64 = BUCKETS as u64 / 2;

/// Subscriptions by bucket.
pub struct Tally([AtomicU64; BUCKETS]);

impl Default for Tally {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Tally {
    /// One more on this channel.
    pub(super) fn add(&self, channel: &ChannelName) {
        self.bucket(channel).fetch_add(1, Relaxed);
    }

    /// One less.
    pub(super) fn take(&self, channel: &ChannelName) {
        self.bucket(channel).fetch_sub(1, Relaxed);
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// How many there are in each bucket.
    pub fn read(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|at| self.0[at].load(Relaxed))
    }

    /// Whether there are as many as `expected` in each bucket, or more.
    pub fn has(&self, expected: &[u64; BUCKETS]) -> bool {
        self.0.iter().zip(expected).all(|(bucket, expected)| bucket.load(Relaxed) >= *expected)
    }

    fn bucket(&self, channel: &ChannelName) -> &AtomicU64 {
        // FNV-1a: the next sidecar has to find the same bucket.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = channel.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, hash);
        let half = if channel.is_guarded() { HALF } else { 0 };
        &self.0[(half + hash % HALF) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ChannelName {
        ChannelName::parse(name, 512).unwrap()
    }

    #[test]
    fn any_number_of_strangers_on_public_channels_is_not_taken_for_those_of_a_guarded_one() {
        let before = Tally::default();
        before.add(&name("private-orders.1"));
        before.add(&name("orders"));
        let expected = before.read();
        assert!(before.has(&expected));
        let now = Tally::default();
        for number in 0..5_000 {
            now.add(&name(&format!("flood.{number}")));
        }
        assert!(!now.has(&expected));
        now.add(&name("private-orders.1"));
        assert!(now.has(&expected));
        now.take(&name("private-orders.1"));
        assert!(!now.has(&expected));
        assert_eq!(now.total(), 5_000);
    }
}
