//! Channel names: parsed once, and nobody else looks at prefixes.

use std::{borrow::Borrow, fmt, sync::Arc};

use crate::{bounds::Bound, config::Limits};

/// A channel's full wire name: `orders`, `private-orders.1`, `presence-room.7`. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

/// Why a text is no channel name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Nothing at all.
    #[error("channel name is empty")]
    Empty,
    /// Over `limits.channelNameBytes`.
    #[error("channel name `{start}…` has {len} bytes; at most {max} are allowed (limits.channelNameBytes)")]
    TooLong {
        /// Its first characters.
        start: String,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A character that `limits.channelCharacters` does not allow.
    #[error("channel name `{start}…` has the character {character:?}, which limits.channelCharacters does not allow")]
    Character {
        /// Its first characters.
        start: String,
        /// The character.
        character: char,
    },
}

impl ChannelError {
    /// The bound it is over.
    pub(crate) fn bound(&self) -> Option<Bound> {
        match self {
            Self::Empty => None,
            Self::TooLong { .. } => Some(Bound::ChannelName),
            Self::Character { .. } => Some(Bound::ChannelCharacters),
        }
    }
}

impl ChannelName {
    /// Takes a name of 1 to `max` bytes, of any characters.
    ///
    /// # Errors
    /// [`ChannelError`] when it is empty or longer.
    pub fn parse(name: &str, max: usize) -> Result<Self, ChannelError> {
        check_length(name, max).map(|()| Self(name.into()))
    }

    /// Takes a name within these limits.
    ///
    /// # Errors
    /// [`ChannelError`] naming the limit.
    pub fn within(limits: &Limits, name: &str) -> Result<Self, ChannelError> {
        Self::check(limits, name).map(|()| Self(name.into()))
    }

    /// Whether a name is within these limits.
    ///
    /// # Errors
    /// [`ChannelError`] naming the limit.
    pub fn check(limits: &Limits, name: &str) -> Result<(), ChannelError> {
        check_length(name, limits.channel_name)?;
        match name.chars().find(|character| !limits.channel_characters.allow(*character)) {
            Some(character) => Err(ChannelError::Character { start: start_of(name), character }),
            None => Ok(()),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Laravel has to consent to a subscription: `private-` or `presence-` anywhere in the name, so that names with
    /// Laravel's Redis prefix still in front stay guarded.
    pub fn is_guarded(&self) -> bool {
        self.0.contains("private-") || self.0.contains("presence-")
    }

    /// Whether its subscribers are presence members: the name starts with `presence-`.
    pub fn is_presence(&self) -> bool {
        self.0.starts_with("presence-")
    }
}

fn check_length(name: &str, max: usize) -> Result<(), ChannelError> {
    match name.len() {
        0 => Err(ChannelError::Empty),
        len if len > max => Err(ChannelError::TooLong { start: start_of(name), len, max }),
        _ => Ok(()),
    }
}

/// The first characters of a text from outside, short enough for a log line.
pub fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ChannelName {
        ChannelName::parse(text, 512).unwrap()
    }

    #[test]
    fn guarded_means_the_prefix_stands_anywhere() {
        for guarded in ["private-a", "presence-a", "my-private-room", "laravel_database_private-x"] {
            assert!(name(guarded).is_guarded(), "{guarded}");
        }
        for open in ["orders", "PRIVATE-x", "privateer-1", "private", "presence"] {
            assert!(!name(open).is_guarded(), "{open}");
        }
    }

    #[test]
    fn presence_means_the_name_starts_with_it() {
        assert!(name("presence-room").is_presence());
        assert!(!name("my-presence-room").is_presence());
    }

    #[test]
    fn empty_and_overlong_names_are_refused_with_the_limit() {
        assert_eq!(ChannelName::parse("", 5), Err(ChannelError::Empty));
        let error = ChannelName::parse("abcdef", 5).unwrap_err().to_string();
        assert!(error.contains("6 bytes") && error.contains("at most 5"), "{error}");
    }

    #[test]
    fn which_characters_a_name_may_have_is_configured() {
        use crate::config::Characters::{Any, Printable, Pusher};
        let is_taken = |characters, name| {
            let limits = Limits { channel_characters: characters, ..Limits::default() };
            ChannelName::within(&limits, name).is_ok()
        };
        for (name, [any, printable, pusher]) in [
            ("private-App.Models.User.1@x,y;z=_-", [true, true, true]),
            ("private-grün room/7", [true, true, false]),
            ("private-orders.1\n", [true, false, false]),
            ("a\0b", [true, false, false]),
        ] {
            assert_eq!(
                [any, printable, pusher],
                [Any, Printable, Pusher].map(|which| is_taken(which, name)),
                "{name:?}"
            );
        }
        let error = ChannelName::within(&Limits::default(), "orders\n").unwrap_err().to_string();
        assert!(error.contains("limits.channelCharacters"), "{error}");
    }
}
