//! Channels that are called nearly like one that nobody is subscribed to: most events that do not arrive go to a name that differs
//! by a prefix.

use std::cmp::Reverse;

use serde::Serialize;

/// Names shown.
const MOST: usize = 5;
/// Slips of the finger in names that are still taken for the same.
const SLIPS: usize = 2;

/// A channel somebody is subscribed to, and how its name is like the one that is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Similar {
    /// Its name.
    pub(super) name: String,
    /// Its subscribers.
    pub(super) subscribers: usize,
    /// What differs, and what to do about it.
    pub(super) why: String,
}

/// The most likely of `channels` first.
pub(super) fn similar<'a>(wanted: &str, channels: impl Iterator<Item = (&'a str, usize)>) -> Vec<Similar> {
    let mut found: Vec<(u8, &str, usize, String)> = channels
        .filter(|(name, _)| *name != wanted)
        .filter_map(|(name, subscribers)| likeness(wanted, name).map(|(rank, why)| (rank, name, subscribers, why)))
        .collect();
    found.sort_by_key(|(rank, name, subscribers, _)| (*rank, Reverse(*subscribers), *name));
    let shown = found.into_iter().take(MOST);
    shown.map(|(_, name, subscribers, why)| Similar { name: name.to_owned(), subscribers, why }).collect()
}

/// How alike, 0 being the most, and what differs.
fn likeness(wanted: &str, name: &str) -> Option<(u8, String)> {
    let (ours, theirs) = (Parts::of(wanted), Parts::of(name));
    if ours.base == theirs.base {
        return Some((0, prefixes(&ours, &theirs)));
    }
    if plain(ours.base) == plain(theirs.base) {
        return Some((1, "differs only in punctuation, or in upper and lower case".to_owned()));
    }
    if let Some(front) = front_of(wanted, name) {
        let why = format!(
            "`{front}` stands in front of the event's name, as Laravel's Redis prefix does: set databaseConfig.redis.keyPrefix to it"
        );
        return Some((2, why));
    }
    if let Some(front) = front_of(name, wanted) {
        return Some((
            2,
            format!("the page has `{front}` in front: it is not a part of the channel's name in Laravel"),
        ));
    }
    let last = cut(ours.base).zip(cut(theirs.base)).filter(|((stem, _), (other, _))| stem == other);
    // `orders.1` and `orders.2` are not spelled alike but two orders.
    let are_ids = last.is_some_and(|((_, one), (_, other))| [one, other].iter().any(|part| part.contains(is_digit)));
    let close = ours.base.len().abs_diff(theirs.base.len()) <= SLIPS && ours.base.len() > 2 * SLIPS;
    if !are_ids && close && strsim::osa_distance(ours.base, theirs.base) <= SLIPS {
        return Some((3, "is spelled nearly the same".to_owned()));
    }
    last.map(|_| (4, "another of the same kind: is the id right?".to_owned()))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// A name without its prefixes.
struct Parts<'a> {
    kind: Kind,
    /// `private-private-orders`: somebody gave the prefix to a class that adds it.
    doubled: bool,
    base: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Presence,
}

impl<'a> Parts<'a> {
    fn of(name: &'a str) -> Self {
        let mut parts = Self { kind: Kind::Public, doubled: false, base: name };
        let prefixes =
            [("private-encrypted-", Kind::Private), ("private-", Kind::Private), ("presence-", Kind::Presence)];
        while let Some((rest, kind)) =
            prefixes.iter().find_map(|(prefix, kind)| Some((parts.base.strip_prefix(prefix)?, *kind)))
        {
            parts.doubled = parts.kind != Kind::Public;
            // The first one decides what the channel is.
            if parts.kind == Kind::Public {
                parts.kind = kind;
            }
            parts.base = rest;
        }
        parts
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Presence => "presence",
        }
    }

    fn in_echo(self) -> &'static str {
        match self {
            Self::Public => "channel",
            Self::Private => "private",
            Self::Presence => "join",
        }
    }

    fn in_laravel(self) -> &'static str {
        match self {
            Self::Public => "Channel",
            Self::Private => "PrivateChannel",
            Self::Presence => "PresenceChannel",
        }
    }
}

fn prefixes(ours: &Parts<'_>, theirs: &Parts<'_>) -> String {
    let base = ours.base;
    match (ours.doubled, theirs.doubled) {
        (true, false) => {
            let class = ours.kind.in_laravel();
            format!("the event's name has the prefix twice: new {class}('{base}') adds it by itself")
        }
        (false, true) => {
            let method = theirs.kind.in_echo();
            format!("the page's name has the prefix twice: Echo.{method}('{base}') adds it by itself")
        }
        _ => format!(
            "the same name, but the pages listen on a {} channel and the event goes to a {} one: Echo.{}('{base}') in the page, \
             or new {}('{base}') in broadcastOn()",
            theirs.kind.word(),
            ours.kind.word(),
            ours.kind.in_echo(),
            theirs.kind.in_laravel()
        ),
    }
}

/// What looks like Laravel's Redis prefix in front of a channel's name: its default, made of `APP_NAME`, or whatever stands before
/// the name of a guarded channel.
pub(super) fn redis_prefix(channel: &str) -> Option<&str> {
    let default = channel.find("_database_").map(|at| at + "_database_".len()).filter(|end| *end < channel.len());
    let guarded = || ["private-", "presence-"].iter().filter_map(|kind| channel.find(kind)).min();
    let front = &channel[..default.or_else(guarded)?];
    front.ends_with(['_', ':', '/', '.']).then_some(front)
}

/// What stands before `end` in `whole`, when that looks like a prefix.
fn front_of<'a>(whole: &'a str, end: &str) -> Option<&'a str> {
    whole.strip_suffix(end).filter(|front| front.ends_with(['_', ':', '-', '.', '/']))
}

/// The name up to its last part, and that part.
fn cut(base: &str) -> Option<(&str, &str)> {
    base.rsplit_once(['.', '-', ':', '_']).filter(|(stem, _)| !stem.is_empty())
}

/// Without what is often written in more than one way.
fn plain(base: &str) -> String {
    base.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(wanted: &str, name: &str) -> String {
        let found = similar(wanted, [(name, 1)].into_iter());
        found.first().map(|found| found.why.clone()).unwrap_or_default()
    }

    #[test]
    fn laravels_redis_prefix_is_known_without_anybody_on_the_channel() {
        for (channel, prefix) in [
            ("laravel_database_news", Some("laravel_database_")),
            ("laravel_database_private-orders.1", Some("laravel_database_")),
            ("shop:presence-room", Some("shop:")),
            ("private-orders.1", None),
            ("private-private-orders", None),
            ("news", None),
            ("my_database_", None),
        ] {
            assert_eq!(redis_prefix(channel), prefix, "{channel}");
        }
    }

    #[test]
    fn a_prefix_too_many_or_too_few_is_named_with_the_code_that_mends_it() {
        let missing = why("orders.1", "private-orders.1");
        assert!(
            missing.contains("Echo.channel('orders.1')") && missing.contains("new PrivateChannel('orders.1')"),
            "{missing}"
        );
        assert!(why("private-room", "presence-room").contains("new PresenceChannel('room')"));
        assert!(why("private-private-orders.1", "private-orders.1").contains("new PrivateChannel('orders.1') adds it"));
        assert!(why("private-orders.1", "private-private-orders.1").contains("Echo.private('orders.1') adds it"));
        assert!(why("laravel_database_orders.1", "orders.1").contains("`laravel_database_`"));
        assert!(why("orders.1", "laravel_database_orders.1").contains("the page has `laravel_database_`"));
    }

    #[test]
    fn case_punctuation_spelling_and_siblings_are_told_apart() {
        assert!(why("private-App.Models.User.1", r"private-App\Models\User.1").contains("punctuation"));
        assert!(why("Orders.1", "orders.1").contains("case"));
        assert!(why("ordres.1", "orders.1").contains("spelled"));
        assert!(why("fine-ordres", "fine-orders").contains("spelled"));
        assert!(why("private-orders.1", "private-orders.22").contains("id right"));
        assert!(why("room.kitchen", "room.garden").contains("id right"));
        for other in ["news", "private-chat.1", "o.1"] {
            assert_eq!(why("orders.1", other), "", "{other}");
        }
        assert_eq!(why("ab", "cd"), "", "short names are all alike");
    }

    #[test]
    fn the_most_likely_comes_first_and_the_list_is_short() {
        let siblings: Vec<String> = (2..50).map(|number| format!("orders.{number}")).collect();
        let all = siblings.iter().map(|name| (name.as_str(), 9)).chain([("private-orders.1", 1), ("orders.1", 3)]);
        let found = similar("orders.1", all);
        assert_eq!((found.len(), found[0].name.as_str()), (MOST, "private-orders.1"));
    }
}
