//! Query strings, read as the old server's did: a plus is a space, a broken escape stands for itself.

use std::borrow::Cow;

/// Every name and value, decoded, in the order of the query.
pub(super) fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// The values of one name.
pub(super) fn values<'q>(query: Option<&'q str>, name: &'q str) -> impl Iterator<Item = Cow<'q, str>> {
    pairs(query).filter(move |(found, _)| found == name).map(|(_, value)| value)
}

/// The value of a name that stands in the query exactly once.
pub(super) fn single<'q>(query: Option<&'q str>, name: &'q str) -> Option<Cow<'q, str>> {
    let mut values = values(query, name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let pairs: Vec<_> = pairs(Some("a=1&b+c=%C3%BC%2F&d&&=x&e=%zz")).collect();
        let expected = [("a", "1"), ("b c", "ü/"), ("d", ""), ("", "x"), ("e", "%zz")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn a_name_that_stands_twice_has_no_single_value() {
        assert_eq!(single(Some("k=1&x=2"), "k").as_deref(), Some("1"));
        assert_eq!(single(Some("k=1&k=1"), "k"), None);
        assert_eq!(single(Some("k[]=1"), "k"), None);
        assert_eq!(single(None, "k"), None);
    }
}
