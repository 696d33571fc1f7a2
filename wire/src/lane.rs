//! Memory that a publisher lends to the sidecar, so that large data of events nobody waits for need not go through the socket.
//!
//! Writing 32 KB to a socket costs several microseconds, most of them because the system's buffers were last used by the other
//! processor. The publisher copies the data into a slot of the lent memory instead, past the processor's cache, and writes a frame
//! that says which. `docs/wire-format.md` has the bytes.

/// Slots for one event's data each: room for what a burst is ahead of the sidecar, which takes longer over an event than the call.
pub const SLOTS: usize = 32;
/// The most bytes of data that a slot takes: 64 KiB.
pub const SLOT_LEN: usize = 64 * 1024;
/// Bytes before the first slot, the largest page there is. Those at the start say which slots are the sidecar's: one byte for each, 0
/// when it is free.
pub const HEAD_LEN: usize = 64 * 1024;
/// Bytes of the memory as a whole. What has never been written to takes none.
pub const LANE_LEN: usize = HEAD_LEN + SLOTS * SLOT_LEN;

/// Where an event's data lies that is not in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lent {
    /// The slot, from 0.
    pub slot: u32,
    /// Bytes of data, from the start of the slot.
    pub len: u32,
}

impl Lent {
    /// Bytes of a place in a frame.
    pub(crate) const WIRE_LEN: usize = 8;

    pub(crate) fn to_bytes(self) -> [u8; Self::WIRE_LEN] {
        (u64::from(self.slot) << 32 | u64::from(self.len)).to_be_bytes()
    }

    /// The offset of the data in the memory, and its length; `None` where there is no such slot, or it is not that long.
    #[must_use]
    pub fn place(self) -> Option<(usize, usize)> {
        let (slot, len) = (usize::try_from(self.slot).ok()?, usize::try_from(self.len).ok()?);
        (slot < SLOTS && len <= SLOT_LEN).then_some((HEAD_LEN + slot * SLOT_LEN, len))
    }
}

/// The marks of the slots, as the sidecar sees them.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Marks(crate::sys::LentMemory);

#[cfg(target_os = "linux")]
impl Marks {
    /// Of a file that is sealed against becoming shorter and longer than [`LANE_LEN`]; `None` where it cannot be mapped. They are mapped
    /// and not written to as a file, which would wait for whoever writes to the same file: for its publisher, as long as that likes.
    pub fn of(file: &impl std::os::fd::AsFd) -> Option<Self> {
        crate::sys::LentMemory::map(file, SLOTS).map(Self)
    }

    /// The sidecar has copied out what was in the slot. Of one that does not exist nothing is done.
    pub fn free(&self, slot: usize) {
        if slot < SLOTS {
            self.0.release_mark(slot, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_memory_has_a_place() {
        let place = |slot, len| Lent { slot, len }.place();
        assert_eq!(place(0, 0), Some((65_536, 0)));
        let last = (LANE_LEN - 65_536, 65_536);
        assert_eq!(place(31, 65_536), Some(last));
        for (slot, len) in [(32, 1), (31, 65_537), (u32::MAX, 1), (0, u32::MAX)] {
            assert_eq!(place(slot, len), None);
        }
    }
}
