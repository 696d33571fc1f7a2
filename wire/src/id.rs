//! Event ids: sixteen bytes that no other process draws.

use std::fmt;
use std::str::FromStr;

use crate::sys;

/// The id of one event. Two publishes with one id are one event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// The id of no event: a refusal carries it where the event is not known.
    pub const NIL: Self = Self([0; 16]);

    /// 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn digits(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        std::array::from_fn(|at| {
            let byte = usize::from(self.0[at / 2]);
            DIGITS[if at % 2 == 0 { byte >> 4 } else { byte & 15 }]
        })
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event id has 32 hexadecimal digits, this has {0} bytes or other characters")]
pub struct BadEventId(usize);

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        // from_str_radix alone would take a leading `+`.
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadEventId(text.len()));
        }
        u128::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| BadEventId(text.len()))
    }
}

/// Draws event ids for one process: eight random bytes, then a `u64` that counts up. A fork draws new random bytes, so
/// that parent and child never give two events one id.
#[derive(Debug, Default)]
pub struct IdSource {
    drawn_for: Option<u32>,
    prefix: [u8; 8],
    next: u64,
}

impl IdSource {
    /// A source that draws its random bytes when the first id is asked for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next id of this process.
    pub fn next_id(&mut self) -> EventId {
        let pid = sys::process();
        if self.drawn_for != Some(pid) {
            self.prefix = sys::random_bytes();
            self.drawn_for = Some(pid);
            self.next = 0;
        }
        self.next = self.next.wrapping_add(1);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.prefix);
        id[8..].copy_from_slice(&self.next.to_be_bytes());
        EventId(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_process_share_the_prefix_and_count_up() {
        let mut source = IdSource::new();
        let (a, b) = (source.next_id(), source.next_id());
        assert_eq!(a.0[..8], b.0[..8]);
        assert_eq!((a.0[15], b.0[15]), (1, 2));
    }

    #[test]
    fn two_sources_do_not_meet() {
        assert_ne!(IdSource::new().next_id(), IdSource::new().next_id());
    }

    #[test]
    fn another_pid_draws_another_prefix() {
        let mut source = IdSource::new();
        let before = source.next_id();
        source.drawn_for = Some(u32::MAX);
        let after = source.next_id();
        assert_ne!(before.0[..8], after.0[..8]);
    }

    #[test]
    fn hexadecimal_there_and_back() {
        let id = EventId(*b"0123456789abcdef");
        assert_eq!(id.to_string(), "30313233343536373839616263646566");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "30", "+0313233343536373839616263646566", "zz313233343536373839616263646566"] {
            assert!(bad.parse::<EventId>().is_err(), "{bad:?} was taken for an id");
        }
    }
}
