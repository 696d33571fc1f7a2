//! The grammar of numbers without an exponent, `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, for all numbers of a batch at once.

// Several rows at one place each time, and a length that the compiler knows.
#![allow(clippy::needless_range_loop)]

use super::batch::{BLOCKS, Row, Through, after};

/// What is known of a number that began before.
#[derive(Default)]
pub(super) struct Numbers {
    minuses: Row,
    zeros: Row,
    dots: Row,
    whole: Through,
    fraction: Through,
}

impl Numbers {
    /// Bits that are set where what is scalar and no literal is no number, if each begins in `starts`.
    #[inline(always)]
    pub(super) fn wrong(
        &mut self,
        starts: &Row,
        scalar: &Row,
        literal: &Row,
        [digit, zero, dot, minus]: [&Row; 4],
    ) -> u64 {
        let (mut digits, mut first, mut wrong) = (Row::default(), Row::default(), 0);
        for at in 1..BLOCKS + 1 {
            digits[at] = digit[at] & scalar[at];
            self.minuses[at] = starts[at] & minus[at];
        }
        for at in 1..BLOCKS + 1 {
            let begins = starts[at] & !literal[at] & !minus[at] | after(&self.minuses, at);
            wrong |= begins & !digits[at];
            first[at] = begins & digits[at];
            self.zeros[at] = begins & zero[at];
        }
        for at in 1..BLOCKS + 1 {
            wrong |= after(&self.zeros, at) & digits[at];
        }
        let mut ends = Row::default();
        for at in 1..BLOCKS + 1 {
            ends[at] = self.whole.end(first[at], digits[at]);
        }
        for at in 1..BLOCKS + 1 {
            self.dots[at] = ends[at] & dot[at] & scalar[at];
        }
        for at in 1..BLOCKS + 1 {
            let begins = after(&self.dots, at);
            wrong |= begins & !digits[at];
            first[at] = begins & digits[at];
        }
        for at in 1..BLOCKS + 1 {
            first[at] = self.fraction.end(first[at], digits[at]);
        }
        for at in 1..BLOCKS + 1 {
            let end = first[at] | (ends[at] & !self.dots[at]);
            wrong |= end & scalar[at] & !literal[at];
        }
        for row in [&mut self.minuses, &mut self.zeros, &mut self.dots] {
            row[0] = row[BLOCKS];
        }
        wrong
    }
}
