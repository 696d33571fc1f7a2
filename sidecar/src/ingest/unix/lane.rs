//! Memory that a publisher lends, in which large data lies that is not in the frames: see `rustecho_wire::lane`.
//!
//! It belongs to the publisher, who may change it at any time. So it is read as a file, not mapped: data is copied out before anyone
//! looks at it, and whatever the publisher does to the memory a read at worst ends early. Mapped are the marks of the slots alone.

use std::{cell::RefCell, os::fd::OwnedFd};

use rustecho_wire::{
    DecodeError,
    lane::{LANE_LEN, Lent, Marks, SLOT_LEN, SLOTS},
    utf8,
};
use rustix::{
    fs::{SealFlags, fcntl_get_seals, fstat},
    io::pread,
};

thread_local! {
    /// Data that was copied out; no longer than it takes to publish it.
    static DATA: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The memory that one publisher lends.
#[derive(Debug)]
pub(super) struct Lane {
    memory: OwnedFd,
    marks: Marks,
}

impl Lane {
    /// Takes the memory, and says so in it: all slots are free.
    ///
    /// # Errors
    /// The descriptor, if it is no memory that cannot become shorter, or not as long as it should be. A publisher that is not told
    /// uses the socket.
    pub(super) fn take(memory: OwnedFd) -> Result<Self, OwnedFd> {
        let is_whole =
            is_sealed(&memory) && fstat(&memory).is_ok_and(|about| usize::try_from(about.st_size) == Ok(LANE_LEN));
        match is_whole.then(|| Marks::of(&memory)).flatten() {
            Some(marks) => {
                (0..SLOTS).for_each(|slot| marks.free(slot));
                Ok(Self { memory, marks })
            }
            None => Err(memory),
        }
    }

    /// Copies the data out, gives its slot back, and has `publish` do the rest.
    ///
    /// # Errors
    /// There is no such place, or no text in it.
    pub(super) fn fetch(&self, lent: Lent, publish: impl FnOnce(&str)) -> Result<(), DecodeError> {
        let nowhere = DecodeError::NotLent { slot: lent.slot, len: lent.len };
        let Some((offset, len)) = lent.place() else { return Err(nowhere) };
        DATA.with_borrow_mut(|data| {
            data.resize(SLOT_LEN, 0);
            let room = &mut data[..len];
            if pread(&self.memory, &mut *room, offset as u64) != Ok(len) {
                return Err(nowhere);
            }
            self.marks.free(lent.slot as usize);
            utf8::from_utf8(room).map(publish).map_err(|_| DecodeError::NotUtf8 { field: "data" })
        })
    }
}

/// Whether it is memory, of a length for good. Only of memory can one know its seals: a pipe, a device or a file of a slow disk would
/// hold up who reads it.
fn is_sealed(memory: &OwnedFd) -> bool {
    let for_good = SealFlags::SHRINK | SealFlags::GROW;
    fcntl_get_seals(memory).is_ok_and(|seals| seals.contains(for_good))
}

#[cfg(test)]
mod tests;
