//! Memory that another process reads and changes.

use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use crate::utf8;

/// Memory of a file of this system's, which the one it is lent to reads and changes at any time: nothing here refers to it.
#[derive(Debug)]
pub(crate) struct LentMemory {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: owns its mapping, which is the same in all threads.
unsafe impl Send for LentMemory {}

impl LentMemory {
    /// Maps the first `len` bytes of `file`, which must be sealed against becoming shorter than that.
    pub(crate) fn map(file: &impl AsFd, len: usize) -> Option<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: new memory at a place of the system's choice.
        let start = unsafe { mmap(null_mut(), len, access, MapFlags::SHARED, file, 0) }.ok()?;
        Some(Self { start: NonNull::new(start.cast())?, len })
    }

    /// Has the system provide memory for `len` bytes from `at`, the start of a page; whether it did. Writing to memory that it then
    /// could not provide would end the process (Linux 5.14).
    pub(crate) fn provide(&self, at: usize, len: usize) -> bool {
        assert!(at.checked_add(len).is_some_and(|end| end <= self.len));
        // SAFETY: within the memory; what is in it stays.
        unsafe { madvise(self.start.as_ptr().add(at).cast(), len, Advice::LinuxPopulateWrite) }.is_ok()
    }

    /// The byte at this place as the other one left it.
    pub(crate) fn mark(&self, at: usize) -> u8 {
        self.byte(at).load(Ordering::Acquire)
    }

    pub(crate) fn set_mark(&self, at: usize, mark: u8) {
        self.byte(at).store(mark, Ordering::Relaxed);
    }

    /// As [`LentMemory::set_mark`], once everything that this thread has read before is read.
    pub(crate) fn release_mark(&self, at: usize, mark: u8) {
        self.byte(at).store(mark, Ordering::Release);
    }

    fn byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < self.len);
        // SAFETY: within the memory, which is mapped for as long as this lives.
        unsafe { AtomicU8::from_ptr(self.start.as_ptr().add(at)) }
    }

    /// Has the processor look up, beside what follows, where the pages of this memory are. For memory that was not used lately that takes
    /// longer than writing to it.
    pub(crate) fn look_up(&self, at: usize, len: usize) {
        assert!(at.checked_add(len).is_some_and(|end| end <= self.len));
        #[cfg(target_arch = "x86_64")]
        for page in (at..at + len).step_by(4096) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: within the memory; nothing is read that anybody would see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.start.as_ptr().add(page).cast()) };
        }
    }

    /// Copies `data` to where memory was provided, and finds out that it is text. `at` is a multiple of 64.
    ///
    /// # Errors
    /// It is not UTF-8; the number of bytes that are, from the start. What is in the memory then is of no use.
    pub(crate) fn write<'a>(&self, at: usize, data: &'a [u8]) -> Result<&'a str, usize> {
        assert!(at.is_multiple_of(64) && at.checked_add(data.len()).is_some_and(|end| end <= self.len));
        // SAFETY: within the memory, which starts at a page. It is no memory of Rust's, so it cannot overlap with any.
        unsafe { utf8::copy_past_cache(data, self.start.as_ptr().add(at)) }
    }
}

impl Drop for LentMemory {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, and nothing refers to it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}
