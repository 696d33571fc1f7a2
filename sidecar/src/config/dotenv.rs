//! `.env` files, with the rules of the `dotenv` that laravel-echo-server used.
//!
//! Rust's dotenv crates fill in `$NAME` while they read and refuse unquoted spaces: a password with a `$`, a reference to a
//! later line and `APP_NAME=My App`, all fine until now, would be lost. So the few rules are here. Nothing fails: a line that
//! is no assignment is passed over, as Laravel's own lines are none of our business.

use std::collections::BTreeMap;

/// The variables that this text assigns; of two assignments the later counts.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(assignment).collect()
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    is_name.then(|| (name.to_owned(), unquote(value.trim())))
}

/// Double quotes make `\n` a line break, single ones nothing; without quotes a comment ends the value.
fn unquote(value: &str) -> String {
    for quote in ['"', '\''] {
        let Some(rest) = value.strip_prefix(quote) else { continue };
        let Some(end) = rest.rfind(quote) else { continue };
        let after = rest[end + 1..].trim_start();
        if after.is_empty() || after.starts_with('#') {
            let inner = &rest[..end];
            return if quote == '"' { inner.replace("\\n", "\n") } else { inner.to_owned() };
        }
    }
    if value.starts_with('#') {
        return String::new();
    }
    value.split_once(" #").map_or(value, |(value, _)| value).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_as_the_old_server_did() {
        let cases = [
            ("A=my value", Some("my value")),
            ("A=b#c", Some("b#c")),
            ("A = spaced ", Some("spaced")),
            ("export A=1", Some("1")),
            ("A=\"x\\ny\"", Some("x\ny")),
            ("A='x\\ny'", Some("x\\ny")),
            ("A=pa$s\\$w${B}", Some("pa$s\\$w${B}")),
            ("A=\"a\"b", Some("\"a\"b")),
            ("A='a\"b'", Some("a\"b")),
            ("A=\"open", Some("\"open")),
            ("A=base64:abc==", Some("base64:abc==")),
            ("A=", Some("")),
            ("A=6001 # comment", Some("6001")),
            ("A=\"6001\" # comment", Some("6001")),
            ("A=# comment", Some("")),
            ("A=\u{fc}", Some("\u{fc}")),
            ("# A=1", None),
            ("A: 1", None),
            ("A", None),
            ("=1", None),
        ];
        for (line, want) in cases {
            assert_eq!(parse(line).get("A").map(String::as_str), want, "{line}");
        }
    }

    #[test]
    fn the_later_line_counts_and_windows_line_ends_do_not() {
        let vars = parse("A=1\r\nB=2\r\nA=3\r\n");
        assert_eq!(vars.into_iter().collect::<Vec<_>>(), [("A".into(), "3".into()), ("B".into(), "2".into())]);
    }
}
