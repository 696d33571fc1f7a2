//! How large messages are: what the stream keeps, and what one read asks for, are bounded in bytes by their numbers, since Redis
//! has no other bound.

use std::collections::VecDeque;

use parking_lot::Mutex;

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
}

/// The newest messages that are within the budget.
#[derive(Default)]
struct Newest {
    sizes: VecDeque<u32>,
    bytes: usize,
    /// One had no room beside those before it, and no message since was written with that in mind.
    is_cut: bool,
    /// The same, until there are as many as may be.
    is_full: bool,
}

impl Volume {
    pub(super) fn new(most: usize, budget: usize) -> Self {
        Self { most, budget, newest: Mutex::default() }
    }

    /// How many messages the stream is to keep when the next one is written. It is cut once for what had no room: what is gone then
    /// needs no further cut.
    pub(super) fn cut(&self) -> usize {
        let mut newest = self.newest.lock();
        if std::mem::take(&mut newest.is_cut) { self.least(&newest) } else { self.most }
    }

    /// How many messages the stream surely has.
    pub(super) fn kept(&self) -> usize {
        let newest = self.newest.lock();
        if newest.is_full { self.least(&newest) } else { self.most }
    }

    fn least(&self, newest: &Newest) -> usize {
        newest.sizes.len().clamp(LEAST.min(self.most), self.most)
    }

    /// The next message is there.
    fn read(&self, size: usize) {
        let mut newest = self.newest.lock();
        newest.bytes += size;
        newest.sizes.push_back(u32::try_from(size).unwrap_or(u32::MAX));
        while newest.bytes > self.budget || newest.sizes.len() > self.most {
            let is_full = newest.bytes > self.budget;
            newest.is_cut |= is_full;
            newest.is_full |= is_full;
            let Some(oldest) = newest.sizes.pop_front() else { break };
            newest.bytes = newest.bytes.saturating_sub(oldest as usize);
        }
        newest.is_full &= newest.sizes.len() < self.most;
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

    /// It has brought messages of these sizes; `is_late`: this node, or the connection, stood still meanwhile.
    pub(super) fn read(&mut self, sizes: impl Iterator<Item = usize>, is_late: bool, volume: &Volume) {
        let (mut count, mut bytes) = (0, 0);
        for size in sizes {
            volume.read(size);
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
        let read = |count: usize, size| (0..count).for_each(|_| volume.read(size));
        read(10_000, 200);
        assert_eq!((volume.cut(), volume.kept()), (5_000, 5_000));
        read(1, 10 * MIB);
        assert_eq!((volume.cut(), volume.kept()), (5_000, 5_000), "one is no reason to forget the others");
        read(200, 2 * MIB);
        assert_eq!((volume.cut(), volume.kept()), (128, 128));
        assert_eq!((volume.cut(), volume.kept()), (5_000, 128), "those that were too much are gone");
        read(200, 10 * MIB);
        read(1, 200);
        assert_eq!((volume.cut(), volume.kept()), (LEAST, LEAST), "also when small ones followed");
        read(5_000, 200);
        assert_eq!((volume.cut(), volume.kept()), (5_000, 5_000));
        assert_eq!(Volume::new(10, 1).cut(), 10);
    }

    #[test]
    fn a_read_asks_for_what_brings_some_megabytes() {
        let volume = Volume::new(5_000, 256 * MIB);
        let mut portion = Portion::new(256);
        assert_eq!(portion.begin(), CAREFUL);
        for _ in 0..5 {
            portion.read([100; 16].into_iter(), false, &volume);
            portion.begin();
        }
        portion.read([100; 16].into_iter(), false, &volume);
        assert_eq!(portion.begin(), 256);
        portion.read([5 * MIB; 256].into_iter(), false, &volume);
        assert_eq!(portion.begin(), 1);
        portion.read([100].into_iter(), false, &volume);
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
            portion.read([100; 16].into_iter(), false, &volume);
        }
        assert_eq!(portion.begin(), 256);
        portion.read([100].into_iter(), true, &volume);
        assert_eq!(portion.begin(), CAREFUL);
        assert_eq!(portion.begin(), CAREFUL / 2, "the last one failed");
        assert_eq!([portion.begin(), portion.begin(), portion.begin(), portion.begin()], [4, 2, 1, 1]);
    }
}
