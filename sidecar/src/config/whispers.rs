//! `limits.whispers`: on which channels pages may whisper.

use std::fmt;

use super::{build::is_off, reader::Reader};
use crate::channel::ChannelName;

/// The types of channels on which client events are relayed. Default: both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whispers {
    /// `private`: every guarded channel that is no presence channel.
    pub private: bool,
    /// `presence`.
    pub presence: bool,
}

impl Default for Whispers {
    fn default() -> Self {
        Self { private: true, presence: true }
    }
}

impl Whispers {
    /// Whether pages may whisper on a channel of this type.
    pub fn allow(self, channel: &ChannelName) -> bool {
        if channel.is_presence() { self.presence } else { self.private }
    }
}

impl fmt::Display for Whispers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.private, self.presence) {
            (true, true) => "private, presence",
            (true, false) => "private",
            (false, true) => "presence",
            (false, false) => "none",
        })
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Whispers> {
    let setting = reader.setting("limits.whispers")?;
    if is_off(&setting) {
        return Some(Whispers { private: false, presence: false });
    }
    let mut whispers = Whispers { private: false, presence: false };
    for entry in reader.list(&setting)? {
        match entry.value.as_str() {
            Some("private") => whispers.private = true,
            Some("presence") => whispers.presence = true,
            _ => reader.wrong(&entry, "\"private\" or \"presence\"; for none write [] or false"),
        }
    }
    Some(whispers)
}
