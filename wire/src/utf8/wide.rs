//! 64 bytes at a time, by registers of 512 bits.
//!
//! A character of more than one byte is a byte that leads and says by its size how many continue it. For each kind of byte there is
//! a word with a bit for each of the 64: where bytes have to continue follows from the words of those that lead, by shifting, and has
//! to be where bytes do. What is left are bytes that stand nowhere, and the few that narrow what may follow them: both are
//! looked for without a word where that can be.

#[allow(clippy::wildcard_imports)] // two dozen names of instructions
use std::arch::x86_64::*;

/// The bytes as text, if they are; `None` if this processor cannot tell.
pub(super) fn from_utf8(bytes: &[u8]) -> Option<Option<&str>> {
    if !has_registers() {
        return None;
    }
    // SAFETY: the processor has them, and nothing is copied.
    let is_text = unsafe { is_utf8::<false>(bytes, std::ptr::null_mut()) };
    // SAFETY: just found to be UTF-8.
    Some(is_text.then(|| unsafe { str::from_utf8_unchecked(bytes) }))
}

/// The same, and copies the bytes past the cache, text or not; nothing is copied if this processor cannot tell.
///
/// # Safety
/// There is room for all of `bytes` at `to`, which is a multiple of 64; nothing of Rust's is there.
#[cfg(target_os = "linux")]
pub(super) unsafe fn copy(bytes: &[u8], to: *mut u8) -> Option<Option<&str>> {
    if !has_registers() {
        return None;
    }
    // SAFETY: the processor has them, and the rest is as promised.
    let is_text = unsafe { is_utf8::<true>(bytes, to) };
    // SAFETY: just found to be UTF-8.
    Some(is_text.then(|| unsafe { str::from_utf8_unchecked(bytes) }))
}

fn has_registers() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

/// What the blocks before ask of the next one, a bit for each of its first bytes.
#[derive(Default)]
struct Asked {
    /// Has to continue.
    more: u64,
    /// Follows E0, ED, F0 or F4: a bit for each.
    narrow: u64,
}

/// Whether they are, and with `COPY` all of them at `to`.
///
/// # Safety
/// With `COPY`, as for [`copy`].
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn is_utf8<const COPY: bool>(bytes: &[u8], to: *mut u8) -> bool {
    let mut asked = Asked::default();
    let mut wrong = 0;
    // C0, C1 and F5 to FF stand nowhere: the largest byte tells of the last, and of the first the largest when C2 counts as zero.
    let (mut most, mut most_moved) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let mut take = |block: __m512i| {
        most = _mm512_max_epu8(most, block);
        most_moved = _mm512_max_epu8(most_moved, _mm512_sub_epi8(block, _mm512_set1_epi8(0xc2_u8.cast_signed())));
        wrong |= mistakes(block, &mut asked);
    };
    let (blocks, rest) = bytes.as_chunks::<64>();
    for (index, block) in blocks.iter().enumerate() {
        // SAFETY: 64 bytes, which need not be aligned.
        let block = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        if COPY {
            // SAFETY: as promised there is room for this block, on a multiple of 64.
            unsafe { _mm512_stream_si512(to.cast::<__m512i>().add(index), block) };
        }
        take(block);
    }
    // What is behind the end is not touched, and counts as ASCII: so nothing can be asked of what follows.
    let there = (1 << rest.len()) - 1;
    // SAFETY: so many bytes are there.
    let last = unsafe { _mm512_maskz_loadu_epi8(there, rest.as_ptr().cast()) };
    if COPY {
        // SAFETY: as promised there is room for the rest as well.
        unsafe { _mm512_mask_storeu_epi8(to.cast::<i8>().add(blocks.len() * 64), there, last) };
        // What follows must not be seen before it.
        _mm_sfence();
    }
    take(last);
    wrong | at_least(most, 0xf5) | at_least(most_moved, 0xfe) == 0
}

/// The places in a block where a byte continues and should not, or should and does not, or is outside what its neighbour allows.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn mistakes(block: __m512i, asked: &mut Asked) -> u64 {
    let leads = at_least(block, 0xc0);
    let continues = _mm512_movepi8_mask(block) & !leads;
    let of_three = at_least(block, 0xe0);
    let before = std::mem::take(asked);
    let mut more = before.more | leads << 1;
    asked.more = leads >> 63;
    if of_three == 0 && before.narrow == 0 {
        // Nothing but two bytes: most of Europe, Greek, Cyrillic, Hebrew and Arabic.
        return more ^ continues;
    }
    let of_four = at_least(block, 0xf0);
    more |= of_three << 2 | of_four << 3;
    asked.more |= of_three >> 62 | of_four >> 61;
    let mut wrong = more ^ continues;
    // Too long a form of a small number; half of a pair of UTF-16; too long again; beyond U+10FFFF.
    let bounds = [(0xe0, 0xa0, false), (0xed, 0xa0, true), (0xf0, 0x90, false), (0xf4, 0x90, true)];
    for (index, (lead, bound, too_high)) in bounds.into_iter().enumerate() {
        let found = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(i8::from_ne_bytes([lead])));
        let high = at_least(block, bound);
        wrong |= (before.narrow >> index & 1 | found << 1) & if too_high { high } else { !high };
        asked.narrow |= found >> 63 << index;
    }
    wrong
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn at_least(block: __m512i, byte: u8) -> u64 {
    _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8(byte.cast_signed()))
}
