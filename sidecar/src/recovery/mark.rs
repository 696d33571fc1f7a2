//! Where in the order of a cluster an event stands: the same on every node.
//!
//! The nodes do everything in the order of one stream, so an event's place there says which events came before it, whichever
//! node a client is on.

use std::{cell::Cell, fmt};

use serde::{Deserialize, Serialize};

/// The place of an event in the cluster's stream. What one message of the stream causes has one place, and parts in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The id of the stream's entry: milliseconds and a number.
    pub entry: (u64, u64),
    /// Which of the events that the entry caused.
    pub part: u32,
}

impl Mark {
    /// The beginning of everything an entry causes.
    pub fn before(entry: (u64, u64)) -> Self {
        Self { entry, part: 0 }
    }

    /// The end of everything an entry causes.
    pub fn after(entry: (u64, u64)) -> Self {
        Self { entry, part: u32::MAX }
    }

    /// Reads what `Display` writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('-').map(|part| {
            let canonical = !part.is_empty() && (part == "0" || !part.starts_with('0'));
            let digits = canonical && part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
            u64::from_str_radix(part, 36).ok().filter(|_| digits)
        });
        let entry = (numbers.next()??, numbers.next()??);
        let part = match numbers.next() {
            None => u32::MAX,
            Some(part) => u32::try_from(part?).ok().filter(|part| *part != u32::MAX)?,
        };
        numbers.next().is_none().then_some(Self { entry, part })
    }
}

impl fmt::Display for Mark {
    /// `<milliseconds>-<number>-<part>` in base 36; without the part, all of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", base36(self.entry.0), base36(self.entry.1))?;
        if self.part == u32::MAX { Ok(()) } else { write!(f, "-{}", base36(self.part.into())) }
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// What the events are that a thread emits.
#[derive(Clone, Copy)]
enum Turn {
    /// Nothing of the stream's.
    Outside,
    /// What follows from an entry for this node alone.
    Aside,
    /// What follows from it for every node.
    At(Mark),
}

thread_local! {
    /// Emitting happens many calls below the message that causes it, all of them on one thread.
    static TURN: Cell<Turn> = const { Cell::new(Turn::Outside) };
}

/// Gives the turn back, also when what was done in it panics.
struct Back(Turn);

impl Drop for Back {
    fn drop(&mut self) {
        TURN.set(self.0);
    }
}

fn during<R>(turn: Turn, act: impl FnOnce() -> R) -> R {
    let _back = Back(TURN.replace(turn));
    act()
}

/// Does what an entry of the stream causes; events that this thread emits meanwhile are marked.
pub fn in_turn<R>(entry: (u64, u64), act: impl FnOnce() -> R) -> R {
    during(Turn::At(Mark::before(entry)), act)
}

/// Does what an entry of the stream causes for this node alone, because it has learned what others knew: no other node has these
/// events.
pub fn aside<R>(act: impl FnOnce() -> R) -> R {
    during(Turn::Aside, act)
}

/// Does what has another place than that of the entry whose turn it is, or none.
pub fn outside<R>(act: impl FnOnce() -> R) -> R {
    during(Turn::Outside, act)
}

/// Goes on to the next part: to be called before each emit, whether somebody here is to hear it or not.
pub fn next_part() {
    if let Turn::At(mark) = TURN.get() {
        TURN.set(Turn::At(Mark { part: mark.part.saturating_add(1), ..mark }));
    }
}

/// The mark of an event that is emitted now.
pub fn current() -> Option<Mark> {
    match TURN.get() {
        Turn::At(mark) => Some(mark),
        Turn::Outside | Turn::Aside => None,
    }
}

/// Whether an event that is emitted now is one that other nodes may have in another place.
pub fn is_outside() -> bool {
    matches!(TURN.get(), Turn::Outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_are_written_and_in_no_other_way() {
        for mark in [
            Mark::before((0, 0)),
            Mark::after((1_764_329_665_123, 7)),
            Mark { entry: (u64::MAX, u64::MAX), part: 35 },
            Mark { entry: (36, 1), part: 1296 },
        ] {
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark), "{mark}");
        }
        for bad in ["", "-", "1", "1-", "-1", "01-1", "1-1-", "1-1-1-1", "1-1-1z141z3", "A-1", "1-+1", "é-1"] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_panic_leaves_no_turn_open() {
        let panicked = std::panic::catch_unwind(|| {
            in_turn((5, 1), || {
                aside(|| {
                    next_part();
                    std::panic::resume_unwind(Box::new("on purpose"))
                })
            })
        });
        assert!(panicked.is_err() && current().is_none() && is_outside());
    }

    #[test]
    fn what_one_entry_causes_is_in_order_and_before_the_next() {
        let marks = in_turn((5, 1), || {
            [0; 3].map(|_| {
                next_part();
                current().unwrap()
            })
        });
        assert!(marks.is_sorted() && marks[0] > Mark::before((5, 1)) && marks[2] < Mark::after((5, 1)));
        assert!(Mark::after((5, 1)) < Mark::before((5, 2)));
        assert_eq!(current(), None);
    }
}
