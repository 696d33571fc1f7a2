//! The words of several blocks, and the order of tokens in them. The loops are of a fixed length and without branches: the
//! compiler makes them work on four blocks at a time.

// Several rows at one place each time, and a length that the compiler knows.
#![allow(clippy::needless_range_loop)]

use super::number::Numbers;

/// How many blocks of 64 bytes are checked together.
pub(super) const BLOCKS: usize = 16;

/// One word for each block, and in front of them the last one of the batch before.
pub(super) type Row = [u64; BLOCKS + 1];

/// The bits of a block whose predecessors are in the row.
#[inline(always)]
pub(super) fn after(row: &Row, at: usize) -> u64 {
    row[at] << 1 | row[at - 1] >> 63
}

/// From a bit in a run of ones to the first zero after the run.
#[derive(Default)]
pub(super) struct Through(u64);

impl Through {
    /// The zeros that follow those runs of `run` which a bit of `from`, which are all in `run`, is in.
    #[inline(always)]
    pub(super) fn end(&mut self, from: u64, run: u64) -> u64 {
        let (sum, over) = from.overflowing_add(run);
        let (sum, over_again) = sum.overflowing_add(self.0);
        self.0 = u64::from(over | over_again);
        sum & !run
    }
}

#[derive(Default)]
pub(super) struct Batch {
    len: usize,
    /// From each opening quote to before the closing one.
    pub(super) string: Row,
    pub(super) quote: Row,
    pub(super) opens: Row,
    pub(super) closes: Row,
    pub(super) colon: Row,
    pub(super) comma: Row,
    /// Of numbers and words.
    pub(super) scalar: Row,
    pub(super) starts: Row,
    pub(super) literal: Row,
    pub(super) digit: Row,
    pub(super) zero: Row,
    pub(super) dot: Row,
    pub(super) minus: Row,
    /// What is inside an object, and not in an array in it.
    pub(super) object: Row,
    values: Row,
    keys: Row,
    key_string: Through,
    numbers: Numbers,
}

impl Batch {
    /// What stands first may be any value, as behind a colon.
    #[inline(always)]
    pub(super) fn first() -> Self {
        let mut batch = Self::default();
        batch.colon[0] = 1 << 63;
        batch
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The place of the next block.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        self.len += 1;
        self.len
    }

    /// Nothing is where no block is.
    #[inline(always)]
    pub(super) fn clear_rest(&mut self) {
        for at in self.len + 1..BLOCKS + 1 {
            for row in [&mut self.string, &mut self.quote, &mut self.opens, &mut self.closes, &mut self.colon] {
                row[at] = 0;
            }
            (self.comma[at], self.scalar[at], self.literal[at]) = (0, 0, 0);
        }
    }

    #[inline(always)]
    pub(super) fn starts(&mut self) {
        for at in 1..BLOCKS + 1 {
            self.starts[at] = self.scalar[at] & !after(&self.scalar, at);
        }
    }

    #[inline(always)]
    pub(super) fn wrong_numbers(&mut self) -> u64 {
        let Self { starts, scalar, literal, digit, zero, dot, minus, numbers, .. } = self;
        numbers.wrong(starts, scalar, literal, [digit, zero, dot, minus])
    }

    /// Bits that are set where a token stands that may not follow the one before it.
    #[inline(always)]
    pub(super) fn wrong_order(&mut self) -> u64 {
        let (mut at_key, mut key_opens) = (Row::default(), Row::default());
        for at in 1..BLOCKS + 1 {
            at_key[at] = (after(&self.opens, at) | after(&self.comma, at)) & self.object[at];
            key_opens[at] = at_key[at] & self.quote[at] & self.string[at];
        }
        for at in 1..BLOCKS + 1 {
            self.keys[at] = self.key_string.end(key_opens[at], self.string[at]);
        }
        for at in 1..BLOCKS + 1 {
            self.values[at] = self.quote[at] & !self.string[at] & !self.keys[at] | self.closes[at];
        }
        let mut wrong = 0;
        for at in 1..BLOCKS + 1 {
            let string_opens = self.quote[at] & self.string[at];
            let value_or_key = string_opens | self.opens[at] | self.starts[at];
            let after_open = after(&self.opens, at);
            let after_value = after(&self.values, at) | after(&self.scalar, at);
            wrong |= value_or_key & !(after_open | after(&self.comma, at) | after(&self.colon, at));
            wrong |= value_or_key & at_key[at] & !string_opens;
            wrong |= self.colon[at] ^ after(&self.keys, at);
            wrong |= self.comma[at] & !after_value;
            wrong |= self.closes[at] & !(after_value | after_open);
        }
        wrong
    }

    #[inline(always)]
    pub(super) fn begin_again(&mut self) {
        let Self { opens, colon, comma, scalar, values, keys, .. } = self;
        for row in [opens, colon, comma, scalar, values, keys] {
            row[0] = row[BLOCKS];
        }
        self.len = 0;
    }
}
