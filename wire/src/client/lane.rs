//! The publisher's half of lent memory: see [`crate::lane`].

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use socket2::Socket;

use crate::lane::{LANE_LEN, Lent, SLOT_LEN, SLOTS};
use crate::sys::LentMemory;

/// Smaller data is written to the socket: that costs no more.
const FROM: usize = 8 * 1024;
/// So many events of that size have to come before memory is lent: a script that publishes one needs none.
const ENOUGH: u8 = 4;
/// A slot that the sidecar has not given back. All are taken until it says that it has the memory.
const TAKEN: u8 = 1;

/// The lent memory of one connection. It goes with the connection.
#[derive(Debug)]
pub(super) enum Lane {
    /// Not lent, after so many large events.
    Closed(u8),
    /// Lent. A sidecar that does not know what that is gives no slot free.
    Lent(Lending),
    /// This system does not offer it.
    Never,
}

/// Memory that has been lent.
#[derive(Debug)]
pub(super) struct Lending {
    memory: LentMemory,
    /// The bytes of each slot that are there already.
    there: Vec<usize>,
    /// A free slot that has data in it and is not marked as taken yet.
    stashed: Option<Lent>,
}

impl Lending {
    fn free_slot(&self) -> Option<usize> {
        (0..SLOTS).find(|&slot| self.memory.mark(slot) != TAKEN)
    }

    /// Large events are seldom alone: has the slot looked up where the next one of this length goes, while this one is written.
    fn look_up_next(&self, len: u32) {
        let Some(slot) = self.free_slot() else { return };
        let place = u32::try_from(slot).ok().and_then(|slot| Lent { slot, len }.place());
        if let Some((offset, len)) = place
            && self.there.get(slot).is_some_and(|&there| there >= len)
        {
            self.memory.look_up(offset, len);
        }
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Lane {
    /// Copies the data to a free slot and finds out that it is text; `None` if there is no slot, or the data has to go by the socket for
    /// its size. The slot stays free until [`Lane::put`].
    ///
    /// # Errors
    /// The data is not UTF-8; the number of bytes that are, from the start.
    pub(super) fn stash<'a>(&mut self, data: &'a [u8]) -> Option<Result<&'a str, usize>> {
        let Self::Lent(lending) = self else { return None };
        lending.stashed = None;
        if !(FROM..=SLOT_LEN).contains(&data.len()) {
            return None;
        }
        let slot = lending.free_slot()?;
        let lent = Lent { slot: u32::try_from(slot).ok()?, len: u32::try_from(data.len()).ok()? };
        let (offset, len) = lent.place()?;
        let there = lending.there.get_mut(slot)?;
        if *there < len {
            if !lending.memory.provide(offset, len) {
                *self = Self::Never;
                return None;
            }
            *there = len;
        }
        let text = lending.memory.write(offset, data);
        lending.stashed = text.is_ok().then_some(lent);
        Some(text)
    }

    /// Takes a slot with the data in it: the one that was `stashed` in this call, or another. `None` as for [`Lane::stash`].
    pub(super) fn put(&mut self, data: &[u8], stashed: bool) -> Option<Lent> {
        if !stashed {
            self.stash(data)?.ok()?;
        }
        let Self::Lent(lending) = self else { return None };
        let lent = lending.stashed.take().filter(|lent| lent.len as usize == data.len())?;
        lending.memory.set_mark(lent.slot as usize, TAKEN);
        lending.look_up_next(lent.len);
        Some(lent)
    }

    /// Whether to lend memory now, of which an event of `len` bytes would have had use.
    pub(super) fn is_due(&mut self, len: usize) -> bool {
        match self {
            Self::Closed(count) if (FROM..=SLOT_LEN).contains(&len) => {
                *count += 1;
                *count >= ENOUGH
            }
            _ => false,
        }
    }

    /// Lends memory along with `hello`, which is written whole or not at all; how many bytes were written. What does not work now
    /// is tried again some events later.
    pub(super) fn lend(&mut self, socket: &Socket, hello: &[u8]) -> usize {
        *self = Self::Closed(0);
        let Some((file, memory)) = memory() else {
            *self = Self::Never;
            return 0;
        };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = [file.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&files));
        match sendmsg(socket, &[IoSlice::new(hello)], &mut control, SendFlags::NOSIGNAL) {
            Ok(written) => {
                *self = Self::Lent(Lending { memory, there: vec![0; SLOTS], stashed: None });
                written
            }
            Err(_) => 0,
        }
    }
}

/// New memory and its descriptor. Nobody can make it shorter, so that what is there can always be written to.
fn memory() -> Option<(OwnedFd, LentMemory)> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("rustecho", flags | MemfdFlags::NOEXEC_SEAL) // Linux 6.3
        .or_else(|_| memfd_create("rustecho", flags))
        .ok()?;
    ftruncate(&file, LANE_LEN as u64).ok()?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).ok()?;
    let memory = LentMemory::map(&file, LANE_LEN)?;
    if !memory.provide(0, SLOTS) {
        return None;
    }
    (0..SLOTS).for_each(|slot| memory.set_mark(slot, TAKEN));
    Some((file, memory))
}
