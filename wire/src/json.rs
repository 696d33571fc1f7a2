//! Telling at once that a text is JSON.
//!
//! The sidecar has to read all of an event's data before it can give a receipt, so this is most of what a large event costs.
//! [`is_plainly_json`] makes, for each kind of character, a word with a bit for each of 64 bytes, and checks the grammar by
//! arithmetic on the words of many such blocks at once. It knows what `json_encode` writes (an array or object without white space
//! between its tokens, and numbers without an exponent) and says "no" to all else, be it JSON or not: that is for serde_json to
//! tell.
//!
//! Own code because the libraries that promise speed (sonic-rs 0.5, simd-json 0.17) took as long as serde_json or longer for such
//! data: they find values, and this only has to find mistakes.

mod batch;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod number;

use self::batch::{BLOCKS, Batch};

/// Whether `text` is JSON and as `json_encode` writes it. `false` says nothing.
#[must_use]
pub fn is_plainly_json(text: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(plain) = lanes::check(text.as_bytes()) {
        return plain;
    }
    let _ = text;
    false
}

/// Which of 64 bytes are what: the lowest bit is the first byte's.
#[derive(Clone, Copy)]
struct Classes {
    quote: u64,
    backslash: u64,
    /// `{` or `[`.
    open: u64,
    /// `}` or `]`.
    close: u64,
    colon: u64,
    comma: u64,
    digit: u64,
    zero: u64,
    dot: u64,
    minus: u64,
}

/// The stack where no container is open: only the bit that marks its end.
const ROOT: u64 = 1;

/// What is known of the blocks before.
struct Walk<'a> {
    text: &'a [u8],
    escaped: u64,
    /// All ones inside a string.
    in_string: u64,
    /// Bits of `true`, `false` and `null` that reach into this block, and the one after them.
    literal: u64,
    literal_end: u64,
    /// One bit for each open container, the innermost first: whether it is an object. Above them a one.
    stack: u64,
}

#[inline(always)]
fn walk(text: &[u8], mut classes: impl FnMut(&[u8; 64]) -> Classes, parity: impl Fn(u64) -> u64) -> bool {
    // A number or a string alone is short.
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return false;
    }
    let mut walk = Walk { text, escaped: 0, in_string: 0, literal: 0, literal_end: 0, stack: ROOT };
    let mut batch = Batch::first();
    let (blocks, rest) = text.as_chunks::<64>();
    let mut last = [b' '; 64];
    last[..rest.len()].copy_from_slice(rest);
    let last = (!rest.is_empty()).then_some((&last, (1 << rest.len()) - 1));
    let all = blocks.iter().map(|block| (block, u64::MAX)).chain(last);
    let mut offset = 0;
    for (block, valid) in all {
        let at = batch.next();
        if !walk.characters(&mut batch, at, offset, &classes(block), &parity, valid) {
            return false;
        }
        offset += 64;
        if at == BLOCKS && !walk.tokens(&mut batch, offset) {
            return false;
        }
    }
    walk.tokens(&mut batch, offset) && walk.stack == ROOT && walk.in_string == 0
}

impl Walk<'_> {
    /// Puts a block of the text, its bytes at `valid`, into the batch; whether its strings are good.
    #[inline(always)]
    fn characters(
        &mut self,
        batch: &mut Batch,
        at: usize,
        offset: usize,
        is: &Classes,
        parity: impl Fn(u64) -> u64,
        valid: u64,
    ) -> bool {
        let escaped = self.escaped(is.backslash);
        let quote = is.quote & !escaped;
        // From each opening quote to before the closing one.
        let string = parity(quote) ^ self.in_string;
        self.in_string = ((string as i64) >> 63) as u64;
        let outside = !string & !quote & valid;
        batch.string[at] = string;
        batch.quote[at] = quote;
        batch.opens[at] = is.open & outside;
        batch.closes[at] = is.close & outside;
        batch.colon[at] = is.colon & outside;
        batch.comma[at] = is.comma & outside;
        batch.scalar[at] = outside & !(is.open | is.close | is.colon | is.comma);
        batch.digit[at] = is.digit;
        batch.zero[at] = is.zero;
        batch.dot[at] = is.dot;
        batch.minus[at] = is.minus;
        self.escapes(offset, escaped)
    }

    /// Checks the batch that ends at `end`, and makes room for the next.
    #[inline(always)]
    fn tokens(&mut self, batch: &mut Batch, end: usize) -> bool {
        batch.clear_rest();
        batch.starts();
        let begin = end - 64 * batch.len();
        let mut wrong = 0;
        for at in 1..batch.len() + 1 {
            let offset = begin + 64 * (at - 1);
            let Some(object) = self.containers(offset, batch.opens[at], batch.closes[at]) else { return false };
            batch.object[at] = object;
            let starts = batch.starts[at] & !(batch.digit[at] | batch.minus[at]);
            let Some((literal, end)) = self.literals(offset, starts) else { return false };
            batch.literal[at] = literal;
            wrong |= end & batch.scalar[at];
        }
        wrong |= batch.wrong_numbers() | batch.wrong_order();
        batch.begin_again();
        wrong == 0
    }

    /// The bytes that an odd number of backslashes precedes (after simdjson).
    #[inline(always)]
    fn escaped(&mut self, backslash: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslash = backslash & !self.escaped;
        let follows = backslash << 1 | self.escaped;
        let odd_starts = backslash & !EVEN & !follows;
        let (sum, over) = odd_starts.overflowing_add(backslash);
        self.escaped = u64::from(over);
        (EVEN ^ (sum << 1)) & follows
    }

    /// Whether each escaped byte is one that can be.
    #[inline(always)]
    fn escapes(&self, offset: usize, mut escaped: u64) -> bool {
        while escaped != 0 {
            let at = offset + escaped.trailing_zeros() as usize;
            escaped &= escaped - 1;
            let good = match self.text.get(at) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
                Some(b'u') => self.text.get(at + 1..at + 5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
                _ => false,
            };
            if !good {
                return false;
            }
        }
        true
    }

    /// The bytes whose innermost container is an object. `None`: the brackets do not match, are nested too deep, or something
    /// follows the last.
    #[inline(always)]
    fn containers(&mut self, offset: usize, opens: u64, closes: u64) -> Option<u64> {
        let mut object = 0u64.wrapping_sub(self.stack & 1);
        let mut brackets = opens | closes;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let place = offset + at as usize;
            // `{` and `}` differ from `[` and `]` in this bit.
            let kind = u64::from(self.text.get(place).copied()?) >> 5 & 1;
            if opens >> at & 1 == 1 {
                if self.stack >> 63 == 1 {
                    return None;
                }
                self.stack = self.stack << 1 | kind;
            } else {
                if self.stack & 1 != kind {
                    return None;
                }
                self.stack >>= 1;
                if self.stack == ROOT && place + 1 != self.text.len() {
                    return None;
                }
            }
            let after = (u64::MAX << at) << 1;
            object = object & !after | after & 0u64.wrapping_sub(self.stack & 1);
        }
        Some(object)
    }

    /// The bytes of `true`, `false` and `null`, and the one after each. `None`: another word.
    #[inline(always)]
    fn literals(&mut self, offset: usize, mut starts: u64) -> Option<(u64, u64)> {
        let (mut literal, mut end) = (self.literal, self.literal_end);
        (self.literal, self.literal_end) = (0, 0);
        while starts != 0 {
            let at = starts.trailing_zeros();
            starts &= starts - 1;
            let word = self.text.get(offset + at as usize..).unwrap_or_default();
            let len = match word.first_chunk() {
                Some(b"true" | b"null") => 4,
                Some(b"fals") if word.get(4) == Some(&b'e') => 5,
                _ => return None,
            };
            let letters = (1 << len) - 1;
            literal |= letters << at;
            if at + len < 64 {
                end |= 1 << (at + len);
            } else {
                self.literal = letters >> (63 - at) >> 1;
                self.literal_end = 1 << (at + len - 64);
            }
        }
        Some((literal, end))
    }
}

#[cfg(test)]
mod tests;
