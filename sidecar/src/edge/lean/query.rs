//! The query of a Socket.IO request.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::edge::Generation;

/// What a request's query says; the first of several values of a name counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// `transport`.
    pub(super) transport: String,
    /// `sid`, when it is not empty.
    pub(super) sid: Option<String>,
    /// `EIO`.
    pub(super) eio: String,
    /// The digits of `j`, which asks for answers as script calls.
    pub(super) j: Option<String>,
    /// `b64`, not empty: no binary frames.
    pub(super) b64: bool,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        Self {
            transport: value(query, "transport").unwrap_or_default().into_owned(),
            sid: value(query, "sid").filter(|sid| !sid.is_empty()).map(Cow::into_owned),
            eio: value(query, "EIO").unwrap_or_default().into_owned(),
            j: value(query, "j").map(|j| j.chars().filter(char::is_ascii_digit).collect()),
            b64: value(query, "b64").is_some_and(|b64| !b64.is_empty()),
        }
    }

    /// The generation a handshake with this query opens. The old server never looked at `EIO`: only 4 is something else.
    pub(super) fn generation(&self) -> Generation {
        if self.eio == "4" { Generation::V4 } else { Generation::V3 }
    }
}

/// The first value of a name in a form, decoded.
pub(super) fn value<'a>(form: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key) == name).then(|| decode(value))
    })
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        let query = Query::parse("EIO=3&transport=polling&t=Abc&b64=1&sid=x%2Dy&j=1a2");
        assert_eq!(query.generation(), Generation::V3);
        assert_eq!(query.transport, "polling");
        assert_eq!(query.sid.as_deref(), Some("x-y"));
        assert_eq!(query.j.as_deref(), Some("12"));
        assert!(query.b64);
    }

    #[test]
    fn only_eio_4_is_the_new_generation() {
        for (query, generation) in [("", Generation::V3), ("EIO=5", Generation::V3), ("EIO=4", Generation::V4)] {
            assert_eq!(Query::parse(query).generation(), generation, "{query}");
        }
        assert_eq!(Query::parse("sid=&b64=").sid, None);
        assert_eq!(value("a=1&d=x+y%0Az&d=2", "d").as_deref(), Some("x y\nz"));
    }
}
