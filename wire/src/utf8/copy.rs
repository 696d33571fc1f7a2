//! Copying text to where another processor will read it.

use super::from_utf8;
#[cfg(target_arch = "x86_64")]
use super::{first_wrong, wide};

/// Copies bytes to memory that another processor has read last and will read next, past the cache, so that they need not be fetched
/// from there first; and says whether they are text, which costs next to nothing while they are in hand. What is not text is copied, too:
/// nobody must be told of it.
///
/// # Errors
/// They are not UTF-8; the number of bytes that are, from the start.
///
/// # Safety
/// There is room for all of `bytes` at `to`, which is a multiple of 64; nothing of Rust's is there.
pub(crate) unsafe fn copy_past_cache(bytes: &[u8], to: *mut u8) -> Result<&str, usize> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: as promised.
        if let Some(text) = unsafe { wide::copy(bytes, to) } {
            return text.ok_or_else(|| first_wrong(bytes));
        }
    }
    // SAFETY: as promised.
    unsafe { look_and_copy(bytes, to) }
}

/// The same one after the other, and what is not text is not copied.
///
/// # Errors
/// # Safety
/// As above.
pub(super) unsafe fn look_and_copy(bytes: &[u8], to: *mut u8) -> Result<&str, usize> {
    let text = from_utf8(bytes)?;
    // SAFETY: as promised.
    unsafe { copy(bytes, to) };
    Ok(text)
}

/// # Safety
/// As above.
unsafe fn copy(bytes: &[u8], to: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    let done = {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
        // A line of the cache at a time: one that is written in parts with reads between them takes twice as long.
        let (lines, _) = bytes.as_chunks::<64>();
        for (index, line) in lines.iter().enumerate() {
            let (from, to) = (line.as_ptr().cast::<__m128i>(), to.cast::<__m128i>().wrapping_add(index * 4));
            // SAFETY: as promised; every processor of this kind has these instructions.
            unsafe {
                let parts = [0, 1, 2, 3].map(|part| _mm_loadu_si128(from.add(part)));
                for (part, word) in parts.into_iter().enumerate() {
                    _mm_stream_si128(to.add(part), word);
                }
            }
        }
        // SAFETY: the same. What follows must not be seen before it.
        unsafe { _mm_sfence() };
        lines.len() * 64
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    let rest = &bytes[done..];
    // SAFETY: as promised.
    unsafe { std::ptr::copy_nonoverlapping(rest.as_ptr(), to.add(done), rest.len()) };
}
