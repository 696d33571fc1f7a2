//! A file of remembered ids that is written through memory.

use std::{
    cell::{Cell, RefCell},
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

use memmap2::MmapMut;
use rustecho_wire::EventId;

use super::REMEMBERED_IDS;
use crate::{
    hub::BUCKETS,
    recovery::{Doubt, Epoch},
};

/// The first bytes of a ledger.
const MAGIC: u64 = u64::from_be_bytes(*b"RELEDG02");
/// Words of the head: magic, and room.
const HEAD: usize = 8;
/// Words of a slot: the id's two, four times its number, counted from 1, plus its [`State`], and the two of its [`Doubt`].
const SLOT: usize = 5;
/// Where the counts of subscriptions begin.
const COUNTS: usize = HEAD + SLOT * REMEMBERED_IDS;
const WORDS: usize = COUNTS + BUCKETS;

/// How far an event had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its id is remembered; not a byte of it has been written to any socket.
    Begun = 0,
    /// The next system call writes it to the first socket, or has.
    AtTheDoor = 1,
    /// It has been handed to every socket.
    Emitted = 2,
}

/// What was written into it is there for the next sidecar even when this one is killed, for a few nanoseconds per event and no
/// system call. A power cut may lose it. One sidecar at a time has it, by `flock`.
pub struct Ledger {
    words: &'static [AtomicU64],
    /// The number of the last id.
    last: u64,
    file: File,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // The memory stays mapped, which keeps the file open and with it the lock.
        let _ = self.file.unlock();
    }
}

/// One event on its way through this thread.
#[derive(Clone, Copy)]
pub(super) struct Place {
    slot: &'static [AtomicU64],
    number: u64,
}

/// An event that may have been emitted, by the last owner or before.
pub(super) struct Emitted {
    pub(super) id: EventId,
    /// None where it has been handed to every socket.
    pub(super) in_doubt: Option<Place>,
    /// Who lacks it for certain, where that was noted.
    pub(super) doubt: Option<Doubt>,
}

impl Place {
    pub(super) fn set(self, state: State) {
        self.slot[2].store(self.number * 4 + state as u64, SeqCst);
    }

    /// Whether it is this event's still: the oldest places are used again.
    pub(super) fn is_kept(self) -> bool {
        self.slot[2].load(SeqCst) / 4 == self.number
    }

    /// Notes who lacks the event for certain if this process is killed from now on; what was noted first stays.
    fn doubt(self, doubt: Doubt) {
        if self.slot[4].load(SeqCst) == 0 {
            self.slot[3].store(doubt.from, SeqCst);
            self.slot[4].store(doubt.epoch.to_word(), SeqCst);
        }
    }
}

thread_local! {
    /// The events that this thread is about to emit, until their first byte is written; and whether there are any.
    static PLACES: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    static COMING: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn set_coming(places: impl Iterator<Item = Place>, doubt: Option<Doubt>) {
    PLACES.with_borrow_mut(|coming| {
        coming.clear();
        coming.extend(places);
        if let Some(doubt) = doubt {
            coming.iter().for_each(|place| place.doubt(doubt));
        }
        COMING.set(!coming.is_empty());
    });
}

/// To be called right before the system call that writes to a socket: from there on the events that this thread emits may have
/// been received. What is killed before has emitted nothing for sure.
#[inline]
pub(crate) fn at_the_door() {
    if COMING.get() {
        come_out();
    }
}

#[cold]
fn come_out() {
    COMING.set(false);
    PLACES.with_borrow_mut(|places| places.drain(..).for_each(|place| place.set(State::AtTheDoor)));
}

/// Locks a ledger; another sidecar may look for a moment whether somebody holds it.
fn lock(file: &File) -> io::Result<()> {
    const TRIES: u32 = 5;
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            locked => return Ok(locked?),
        }
    }
    Ok(file.try_lock()?)
}

impl Ledger {
    /// Opens or makes the file. Nobody else may have made it, or have it open.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when another sidecar has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
        let about = file.metadata()?;
        if !about.is_file() || about.uid() != rustix::process::geteuid().as_raw() || about.nlink() != 1 {
            return Err(io::Error::other("it is not a file of this user"));
        }
        lock(&file)?;
        let size = (WORDS * size_of::<u64>()) as u64;
        if about.len() != size {
            file.set_len(0)?;
            // The blocks are had now: a full disk must not show when the memory is written.
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)?;
        }
        // SAFETY: the file is this process' own by user and lock, and keeps its length.
        let map: &'static mut MmapMut = Box::leak(Box::new(unsafe { MmapMut::map_mut(&file)? }));
        // SAFETY: the map has WORDS words, starts at a page, lives as long as the process, and is used in this way only.
        let words = unsafe { std::slice::from_raw_parts(map.as_ptr().cast::<AtomicU64>(), WORDS) };
        if words[0].load(SeqCst) != MAGIC {
            words.iter().for_each(|word| word.store(0, SeqCst));
            words[0].store(MAGIC, SeqCst);
        }
        let last = words[HEAD..COUNTS].chunks(SLOT).map(|slot| slot[2].load(SeqCst) / 4).max().unwrap_or(0);
        Ok(Self { words, last, file })
    }

    /// How many subscriptions there were when they were last told; see [`crate::hub::Tally`].
    pub fn subscriptions(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|at| self.words[COUNTS + at].load(SeqCst))
    }

    /// Tells the next owner which subscriptions to expect back.
    pub fn set_subscriptions(&mut self, counts: &[u64; BUCKETS]) {
        self.words[COUNTS..].iter().zip(counts).for_each(|(word, count)| word.store(*count, SeqCst));
    }

    /// The events that may have been emitted, the oldest first.
    pub(super) fn read(&self) -> Vec<Emitted> {
        let slots = self.words[HEAD..COUNTS].chunks(SLOT).map(|slot| (slot[2].load(SeqCst), slot));
        let mut found: Vec<_> = slots.filter(|(number, _)| *number >= 4 && number % 4 != State::Begun as u64).collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        let emitted = found.into_iter().map(|(number, slot)| {
            let [high, low, _, from, epoch] = std::array::from_fn(|word| slot[word].load(SeqCst));
            let doubt = Epoch::of_word(epoch).map(|epoch| Doubt { epoch, from });
            let place = Place { slot, number: number / 4 };
            let in_doubt = (number % 4 != State::Emitted as u64).then_some(place);
            Emitted { id: EventId((u128::from(high) << 64 | u128::from(low)).to_be_bytes()), in_doubt, doubt }
        });
        emitted.collect()
    }

    pub(super) fn begin(&mut self, id: EventId) -> Place {
        self.last += 1;
        let at = HEAD + SLOT * ((self.last - 1) % REMEMBERED_IDS as u64) as usize;
        let place = Place { slot: &self.words[at..at + SLOT], number: self.last };
        let id = u128::from_be_bytes(id.0);
        // In this order: a slot with a number has what belongs to it, wherever the process is killed.
        place.slot[2].store(0, SeqCst);
        place.slot[0].store((id >> 64) as u64, SeqCst);
        place.slot[1].store(id as u64, SeqCst);
        place.slot[4].store(0, SeqCst);
        place.set(State::Begun);
        place
    }
}
