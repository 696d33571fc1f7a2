//! Which of 64 bytes are what, by the processor's wide registers. The only unsafe code of the check.

#[allow(clippy::wildcard_imports)] // two dozen names of instructions
use std::arch::x86_64::*;

use super::{Classes, walk};

/// Whether it is plainly JSON; `None`: this processor cannot tell.
pub(super) fn check(text: &[u8]) -> Option<bool> {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("pclmulqdq"))
    {
        return None;
    }
    // SAFETY: the processor has them, and bmi1 with bmi2.
    Some(unsafe { if is_x86_feature_detected!("avx512bw") { by_512_bits(text) } else { by_256_bits(text) } })
}

/// What narrower registers say, on any processor that has them.
#[cfg(test)]
pub(super) fn by_256_bits_too(text: &[u8]) -> Option<bool> {
    // SAFETY: checked just before.
    is_x86_feature_detected!("avx512bw").then(|| unsafe { by_256_bits(text) })
}

/// No control character may be anywhere: not in a string, and there is no white space.
#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
fn by_256_bits(text: &[u8]) -> bool {
    let mut least = _mm256_set1_epi8(-1);
    let plain = walk(text, |block| classes(block, &mut least), |word| parity(word));
    plain && at_most(Bytes(least, least), 0x1f) == 0
}

/// The same by wider registers, which takes a tenth less.
#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2,pclmulqdq")]
fn by_512_bits(text: &[u8]) -> bool {
    let mut least = _mm512_set1_epi8(-1);
    let plain = walk(text, |block| wide_classes(block, &mut least), |word| parity(word));
    plain && _mm512_cmplt_epu8_mask(least, _mm512_set1_epi8(0x20)) == 0
}

/// 64 bytes.
#[derive(Clone, Copy)]
struct Bytes(__m256i, __m256i);

#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn classes(block: &[u8; 64], least: &mut __m256i) -> Classes {
    let at = block.as_ptr().cast::<__m256i>();
    // SAFETY: twice 32 bytes, which need not be aligned.
    let bytes = unsafe { Bytes(_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))) };
    *least = _mm256_min_epu8(*least, _mm256_min_epu8(bytes.0, bytes.1));
    let (case, zero) = (_mm256_set1_epi8(0x20), _mm256_set1_epi8(0x30));
    // `[` and `]` differ from `{` and `}` in this bit alone.
    let curly = Bytes(_mm256_or_si256(bytes.0, case), _mm256_or_si256(bytes.1, case));
    let digit = Bytes(_mm256_sub_epi8(bytes.0, zero), _mm256_sub_epi8(bytes.1, zero));
    Classes {
        quote: is(bytes, b'"'),
        backslash: is(bytes, b'\\'),
        open: is(curly, b'{'),
        close: is(curly, b'}'),
        colon: is(bytes, b':'),
        comma: is(bytes, b','),
        digit: at_most(digit, 9),
        zero: is(bytes, b'0'),
        dot: is(bytes, b'.'),
        minus: is(bytes, b'-'),
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn is(bytes: Bytes, byte: u8) -> u64 {
    let wanted = _mm256_set1_epi8(byte.cast_signed());
    word(_mm256_cmpeq_epi8(bytes.0, wanted), _mm256_cmpeq_epi8(bytes.1, wanted))
}

#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn at_most(bytes: Bytes, most: u8) -> u64 {
    let most = _mm256_set1_epi8(most.cast_signed());
    let low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes.0, most), bytes.0);
    word(low, _mm256_cmpeq_epi8(_mm256_min_epu8(bytes.1, most), bytes.1))
}

/// The highest bit of each byte.
#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn word(low: __m256i, high: __m256i) -> u64 {
    let (low, high) = (_mm256_movemask_epi8(low).cast_unsigned(), _mm256_movemask_epi8(high).cast_unsigned());
    u64::from(low) | u64::from(high) << 32
}

/// Each bit: whether an odd number of bits up to it is set.
#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn parity(word: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, word.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}

#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn wide_classes(block: &[u8; 64], least: &mut __m512i) -> Classes {
    // SAFETY: 64 bytes, which need not be aligned.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    *least = _mm512_min_epu8(*least, bytes);
    let curly = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    let digit = _mm512_sub_epi8(bytes, _mm512_set1_epi8(0x30));
    Classes {
        quote: wide_is(bytes, b'"'),
        backslash: wide_is(bytes, b'\\'),
        open: wide_is(curly, b'{'),
        close: wide_is(curly, b'}'),
        colon: wide_is(bytes, b':'),
        comma: wide_is(bytes, b','),
        digit: _mm512_cmple_epu8_mask(digit, _mm512_set1_epi8(9)),
        zero: wide_is(bytes, b'0'),
        dot: wide_is(bytes, b'.'),
        minus: wide_is(bytes, b'-'),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2,pclmulqdq")]
#[inline]
fn wide_is(bytes: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()))
}
