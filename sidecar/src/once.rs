//! Saying something once: a publisher that is wrong is wrong with every event, and a log that repeats it hides the rest.

use std::collections::HashSet;

use parking_lot::Mutex;

/// How many names are remembered. About the channels beyond them nothing is said; they are counted all the same.
const MAX_NAMES: usize = 1_024;

/// The names about which something has been said.
#[derive(Debug, Default)]
pub struct Once {
    said: Mutex<HashSet<Box<str>>>,
}

impl Once {
    /// Whether this is the first time that `name` is asked about, and there is room to remember it.
    pub fn is_first(&self, name: &str) -> bool {
        let mut said = self.said.lock();
        !said.contains(name) && said.len() < MAX_NAMES && said.insert(name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_first_once_and_memory_is_bounded() {
        let once = Once::default();
        assert!(once.is_first("orders"));
        assert!(!once.is_first("orders"));
        for name in 1..MAX_NAMES {
            assert!(once.is_first(&name.to_string()));
        }
        assert!(!once.is_first("one too many"));
        assert_eq!(once.said.lock().len(), MAX_NAMES);
    }
}
