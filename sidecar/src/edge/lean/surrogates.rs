//! Halves of surrogate pairs: `text.slice(0, 20)` cuts an emoji in two, and `JSON.stringify` writes the half as an escape that
//! stands for no character. JavaScript reads it again; a Rust string cannot hold it.

use std::borrow::Cow;

const REPLACEMENT: &str = r"\ufffd";

/// The JSON with U+FFFD in the place of every escape that is half a pair.
pub(super) fn mended(json: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let mut rest = json;
    let mut copied = json;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at..];
        let (taken, is_half) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
            (Some(0xd800..=0xdfff), _) => (6, true),
            // The character after a backslash may be a backslash.
            _ => (1 + escape.chars().nth(1).map_or(0, char::len_utf8), false),
        };
        rest = &escape[taken..];
        if is_half {
            whole.push_str(&copied[..copied.len() - escape.len()]);
            whole.push_str(REPLACEMENT);
            copied = rest;
        }
    }
    if copied.len() == json.len() {
        return json.into();
    }
    whole.push_str(copied);
    whole.into()
}

/// The UTF-16 unit of the escape that a text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits =
        text.strip_prefix(r"\u")?.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_replaced_and_a_pair_is_not() {
        for (json, wanted) in [
            (r#"["a\ud83d"]"#, r#"["a\ufffd"]"#),
            (r#"["\uDE00b\ud83dc\ud83d\ud83d\ude00"]"#, r#"["\ufffdb\ufffdc\ufffd\ud83d\ude00"]"#),
            (r#"["\ud83d\ude00 é \\ud83d \n"]"#, r#"["\ud83d\ude00 é \\ud83d \n"]"#),
            (r#"["\\\ud83d""#, r#"["\\\ufffd""#),
            (r"\ud83d\ufe0f", r"\ufffd\ufe0f"),
            (r"\", r"\"),
            (r"\é\u12", r"\é\u12"),
            (r"\ud83", r"\ud83"),
        ] {
            assert_eq!(mended(json), wanted);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_json_stays_as_it_is(text in ".*", more in r"(\\{1,3}u[dD][89a-f][0-9a-f]{2}|[é\\n]){0,9}") {
            let json = serde_json::to_string(&text).unwrap();
            proptest::prop_assert_eq!(mended(&json), json.as_str());
            let once = mended(&more).into_owned();
            proptest::prop_assert_eq!(mended(&once), once.as_str());
        }
    }
}
