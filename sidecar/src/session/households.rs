//! How fast the sockets of one address ask for channels, all together: in a cluster every node hears of each that can be recovered.

use std::{collections::HashMap, net::IpAddr};

use parking_lot::Mutex;

use crate::bounds::Bucket;

/// What may come at once, in seconds' worth: the pages behind one address come back together when their network does.
const BURST: u32 = 60;
/// So many addresses are remembered before those that have asked for nothing of late are looked for.
const FEW: usize = 1_024;

/// Those that have asked of late.
#[derive(Debug, Default)]
pub(super) struct Households(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    buckets: HashMap<IpAddr, Bucket>,
    /// How many there were when they were last looked through.
    kept: usize,
}

impl Households {
    /// Takes one for a [household](crate::admission::household), at most `rate` in a second. `clock` tells milliseconds.
    pub(super) fn take(&self, household: IpAddr, rate: u32, clock: impl FnOnce() -> u32) -> bool {
        let mut asked = self.0.lock();
        let now = clock(); // looked at in turn, or it would go back for some
        if asked.buckets.len() >= FEW.max(2 * asked.kept) && !asked.buckets.contains_key(&household) {
            asked.buckets.retain(|_, bucket| !bucket.is_whole(rate, now));
            asked.kept = asked.buckets.len();
            if asked.kept * 4 < asked.buckets.capacity() {
                asked.buckets.shrink_to_fit();
            }
        }
        asked.buckets.entry(household).or_default().take_of(rate, BURST, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_household_does_not_take_anothers_and_those_that_rest_are_forgotten() {
        let households = Households::default();
        let [one, other] = [1, 2].map(|last| IpAddr::from(Ipv4Addr::new(198, 51, 100, last)));
        let take = |household, now| (0..1_000).filter(|_| households.take(household, 10, || now)).count();
        assert_eq!((take(one, 0), take(other, 0), take(one, 1_000)), (600, 600, 10));
        for at in 0..50_000_u32 {
            assert!(households.take(Ipv4Addr::from(at).into(), 10, || 2_000 + at));
            assert!(households.0.lock().buckets.len() <= FEW, "at {at}");
        }
        assert_eq!(take(one, 52_000), 510, "what it had asked for is not forgotten before its time");
    }
}
