//! How many connections there are, in all and of each address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(super) struct Places {
    all: AtomicUsize,
    of_address: Mutex<HashMap<IpAddr, usize>>,
}

/// The place of one connection: taken as long as some clone of it lives.
#[derive(Debug, Clone)]
pub struct Place(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    places: Arc<Places>,
    address: IpAddr,
    all: usize,
    of_address: usize,
}

impl Places {
    pub(super) fn all(&self) -> usize {
        self.all.load(Relaxed)
    }

    /// Takes a place; whoever finds that it is one too many lets it go.
    pub(super) fn take(self: &Arc<Self>, visitor: IpAddr) -> Place {
        let address = household(visitor);
        let all = self.all.fetch_add(1, Relaxed) + 1;
        let of_address = {
            let mut counts = self.of_address.lock();
            let count = counts.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        Place(Arc::new(Taken { places: self.clone(), address, all, of_address }))
    }
}

impl Place {
    /// How many connections there were with this one.
    pub(super) fn all(&self) -> usize {
        self.0.all
    }

    /// How many of them had this one's address.
    pub(super) fn of_this_address(&self) -> usize {
        self.0.of_address
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.places.all.fetch_sub(1, Relaxed);
        let mut counts = self.places.of_address.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
                if counts.len() * 4 < counts.capacity() {
                    counts.shrink_to_fit();
                }
            }
        }
    }
}

/// Who has one IPv6 address has the 2^64 around it.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_household_and_given_back() {
        let places = Arc::<Places>::default();
        let take = |address: &str| places.take(address.parse().unwrap());
        let (one, two, other) = (take("2001:db8::1"), take("2001:db8::2"), take("2001:db8:0:1::1"));
        assert_eq!((two.of_this_address(), other.of_this_address(), other.all()), (2, 1, 3));
        drop(one.clone());
        assert_eq!(take("2001:db8::3").of_this_address(), 3);
        drop((one, two, other));
        assert_eq!(places.all.load(Relaxed), 0);
        assert!(places.of_address.lock().is_empty());
    }
}
