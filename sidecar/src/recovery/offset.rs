//! The last argument of an event: how far a client has come.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use super::Mark;

/// Characters of an epoch as text.
const EPOCH_TEXT: usize = 8;

/// Which run of which node gave a number: numbers of different epochs have nothing to do with each other. A sidecar that is
/// stopped and started goes on in its epoch, one that was killed begins another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Epoch([u8; 6]);

impl Epoch {
    /// One that nobody has had: 48 random bits.
    pub fn fresh() -> Self {
        let mut bytes = [0; 6];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The offset of this number.
    pub fn offset(self, number: u64) -> Offset {
        Offset { epoch: self, number, mark: None }
    }

    /// As one word that is not 0.
    pub fn to_word(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 1, a, b, c, d, e, f])
    }

    /// Reads what [`Epoch::to_word`] makes, and nothing else.
    pub fn of_word(word: u64) -> Option<Self> {
        let [0, 1, a, b, c, d, e, f] = word.to_be_bytes() else { return None };
        Some(Self([a, b, c, d, e, f]))
    }
}

/// An event's number with its epoch; as text 8 letters and the number: `kD0a_3Zx1024`. In a cluster also how far the node has come
/// in the common order, which every node understands: `kD0a_3Zx1024.mj3k9q0z-0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Where the number is from.
    pub epoch: Epoch,
    /// Which event of it; they count from 1.
    pub number: u64,
    /// The client has seen everything up to here, and nothing after it.
    pub mark: Option<Mark>,
}

impl Offset {
    /// Reads what [`Offset`]'s `Display` writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_at_checked(EPOCH_TEXT)?;
        let epoch = URL_SAFE_NO_PAD.decode(epoch).ok()?.try_into().ok().map(Epoch)?;
        let (number, mark) = match number.split_once('.') {
            Some((number, mark)) => (number, Some(Mark::parse(mark)?)),
            None => (number, None),
        };
        let digits = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let number = number.parse().ok().filter(|_| digits)?;
        Some(Self { epoch, number, mark })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut epoch = [0; EPOCH_TEXT];
        URL_SAFE_NO_PAD.encode_slice(self.epoch.0, &mut epoch).map_err(|_| fmt::Error)?;
        write!(f, "{}{}", std::str::from_utf8(&epoch).map_err(|_| fmt::Error)?, self.number)?;
        self.mark.map_or(Ok(()), |mark| write!(f, ".{mark}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_they_are_written_and_in_no_other_way() {
        let epoch = Epoch::fresh();
        for number in [1, 9, 10, u64::MAX] {
            let offset = epoch.offset(number);
            assert_eq!(Offset::parse(&offset.to_string()), Some(offset));
            assert_eq!(Epoch::of_word(epoch.to_word()), Some(epoch));
            let marked = Offset { mark: Some(Mark::after((7, 1))), ..offset };
            assert_eq!(Offset::parse(&marked.to_string()), Some(marked));
        }
        assert_eq!([0, 7, 2 << 48].map(Epoch::of_word), [None; 3]);
        let text = epoch.offset(7).to_string();
        for bad in [
            "",
            "x",
            &text[..8],
            &text[..7],
            &format!("{text}x"),
            &format!("{text}."),
            &format!("{text}.1"),
            "AAAAAAAA01",
            "AAAAAAAA+1",
            "AAAAAAAA-1",
            "éééé1",
        ] {
            assert_eq!(Offset::parse(bad), None, "{bad}");
        }
        assert_eq!(Offset::parse("AAAAAAAA18446744073709551616"), None, "too large");
    }
}
