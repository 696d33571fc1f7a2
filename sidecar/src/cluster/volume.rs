//! How large messages are: what the stream keeps, and what one read asks for, are bounded in bytes by their numbers, since Redis
//! has no other bound.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::Mutex;

use super::link::Place;

/// Fewer are not kept, whatever their size: whoever reads has to find something.
const LEAST: usize = 32;
/// Bytes that one read is to bring, about.
const READ: usize = 8 * 1024 * 1024;
/// What is read at first after a pause, in which anything may have been said.
const CAREFUL: usize = 16;

/// The stream as far as it is to be kept: so many messages at most, and so many bytes.
pub(super) struct Volume {
    most: usize,
    budget: usize,
    newest: Mutex<Newest>,
    is_refused: AtomicBool,
}

/// The newest messages that are within the budget, as far as they have been read.
#[derive(Default)]
struct Newest {
    /// Where each stands, and its size.
    messages: VecDeque<(Place, u32)>,
    bytes: usize,
    /// There are some before them that had no room, and that the stream may still have.
    is_surplus: bool,
    /// There were some, until there are as many as may be.
    is_full: bool,
}

impl Volume {
    pub(super) fn new(most: usize, budget: usize) -> Self {
        Self { most, budget, newest: Mutex::default(), is_refused: AtomicBool::new(false) }
    }

    /// How many messages the stream keeps at most, about.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Where the stream is to begin, and how many messages are left then, if there are some before that have no room.
    pub(super) fn surplus(&self) -> Option<(Place, usize)> {
        let newest = self.newest.lock();
        let &(first, _) = newest.messages.front().filter(|_| newest.is_surplus)?;
        Some((first, newest.messages.len()))
    }

    /// It begins there.
    pub(super) fn is_trimmed(&self) {
        self.newest.lock().is_surplus = false;
    }

    /// The stream starts anew: nothing is known of it.
    pub(super) fn forget(&self) {
        *self.newest.lock() = Newest::default();
    }

    /// Redis refuses that: whether for the first time.
    pub(super) fn is_first_refusal(&self) -> bool {
        !self.is_refused.swap(true, Relaxed)
    }

    /// How many messages the stream surely has.
    pub(super) fn kept(&self) -> usize {
        let newest = self.newest.lock();
        if newest.is_full { newest.messages.len() } else { self.most }
    }

    /// The next message is there.
    fn read(&self, place: Place, size: usize) {
        let least = LEAST.min(self.most);
        let mut newest = self.newest.lock();
        if newest.messages.binary_search_by_key(&place, |(place, _)| *place).is_ok() {
            return; // it is read again
        }
        if newest.messages.back().is_some_and(|(last, _)| place < *last) {
            *newest = Newest::default(); // the stream starts anew
        }
        newest.bytes += size;
        newest.messages.push_back((place, u32::try_from(size).unwrap_or(u32::MAX)));
        while newest.messages.len() > self.most || (newest.bytes > self.budget && newest.messages.len() > least) {
            let is_full = newest.bytes > self.budget;
            newest.is_surplus |= is_full;
            newest.is_full |= is_full;
            let Some((_, oldest)) = newest.messages.pop_front() else { break };
            newest.bytes = newest.bytes.saturating_sub(oldest as usize);
        }
        newest.is_full &= newest.messages.len() < self.most;
    }
}

/// How many messages one read asks for.
pub(super) struct Portion {
    most: usize,
    now: usize,
    /// The last read has not come to its end.
    is_open: bool,
}

impl Portion {
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: most.min(CAREFUL), is_open: false }
    }

    /// How many the next read asks for: half as many as one that has failed, for that may have been too much for its time.
    pub(super) fn begin(&mut self) -> usize {
        if std::mem::replace(&mut self.is_open, true) {
            self.now = (self.now / 2).clamp(1, CAREFUL);
        }
        self.now
    }

    /// It has brought messages at these places, of these sizes; `is_late`: this node, or the connection, stood still meanwhile.
    pub(super) fn read(&mut self, messages: impl Iterator<Item = (Place, usize)>, is_late: bool, volume: &Volume) {
        let (mut count, mut bytes) = (0, 0);
        for (place, size) in messages {
            volume.read(place, size);
            (count, bytes) = (count + 1, bytes + size);
        }
        self.is_open = false;
        let fit = (READ * count).checked_div(bytes).unwrap_or(self.most);
        self.now = fit.min(self.now * 2).clamp(1, if is_late { CAREFUL.min(self.most) } else { self.most });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn of_large_messages_as_many_are_kept_as_the_budget_has_room_for() {
        let volume = Volume::new(5_000, 256 * MIB);
        let mut last = 0;
        let mut read = |count: u64, size| {
            for at in last..last + count {
                volume.read(Place(at, 0), size);
            }
            last += count;
        };
        read(10_000, 200);
        assert_eq!((volume.surplus(), volume.kept()), (None, 5_000));
        read(1, 10 * MIB);
        assert_eq!((volume.surplus(), volume.kept()), (None, 5_000), "one is no reason to forget the others");
        read(200, 2 * MIB);
        assert_eq!((volume.surplus(), volume.kept()), (Some((Place(10_073, 0), 128)), 128));
        volume.is_trimmed();
        assert_eq!((volume.surplus(), volume.kept()), (None, 128), "those that were too much are gone");
        read(200, 10 * MIB);
        read(1, 200);
        assert_eq!(volume.surplus(), Some((Place(10_370, 0), LEAST)), "also when small ones followed");
        assert_eq!(volume.kept(), LEAST);
        read(5_000, 200);
        assert_eq!(volume.kept(), 5_000);
    }

    #[test]
    fn what_little_a_stream_may_have_is_kept_whatever_its_size() {
        let volume = Volume::new(10, 1);
        (0..20).for_each(|at| volume.read(Place(at, 0), 5));
        assert_eq!((volume.surplus(), volume.kept()), (Some((Place(10, 0), 10)), 10));
        volume.read(Place(19, 0), 5);
        assert_eq!(volume.kept(), 10, "what is read again is there already");
        volume.read(Place(3, 0), 5);
        assert_eq!(volume.surplus(), None, "where it starts anew, nothing is known of it");
    }

    fn of<const N: usize>(sizes: [usize; N]) -> impl Iterator<Item = (Place, usize)> {
        sizes.into_iter().enumerate().map(|(at, size)| (Place(at as u64, 0), size))
    }

    #[test]
    fn a_read_asks_for_what_brings_some_megabytes() {
        let volume = Volume::new(5_000, 256 * MIB);
        let mut portion = Portion::new(256);
        assert_eq!(portion.begin(), CAREFUL);
        for _ in 0..5 {
            portion.read(of([100; 16]), false, &volume);
            portion.begin();
        }
        portion.read(of([100; 16]), false, &volume);
        assert_eq!(portion.begin(), 256);
        portion.read(of([5 * MIB; 256]), false, &volume);
        assert_eq!(portion.begin(), 1);
        portion.read(of([100]), false, &volume);
        assert_eq!(portion.begin(), 2, "it grows again");
        portion.read(std::iter::empty(), false, &volume);
        assert_eq!(portion.begin(), 4);
    }

    #[test]
    fn after_a_pause_or_a_failure_it_is_careful() {
        let volume = Volume::new(5_000, 256 * MIB);
        let mut portion = Portion::new(256);
        for _ in 0..8 {
            portion.begin();
            portion.read(of([100; 16]), false, &volume);
        }
        assert_eq!(portion.begin(), 256);
        portion.read(of([100]), true, &volume);
        assert_eq!(portion.begin(), CAREFUL);
        assert_eq!(portion.begin(), CAREFUL / 2, "the last one failed");
        assert_eq!([portion.begin(), portion.begin(), portion.begin(), portion.begin()], [4, 2, 1, 1]);
    }
}
