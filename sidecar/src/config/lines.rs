//! On which line of the file a setting stands. The parser knows no lines of values, so the text is walked once more, only when
//! something is wrong with it.

/// The line, from 1, of the key at a place such as `limits.connections` or `clients[0]` in text that is valid JSON; of what it is
/// in, where there is no such key.
pub(super) fn line_of(text: &[u8], place: &str) -> Option<usize> {
    let mut walk = Walk { text, at: 0, line: 1, found: Vec::new() };
    walk.value("");
    let inside =
        |path: &str| place.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    walk.found.iter().filter(|(path, _)| inside(path)).max_by_key(|(path, _)| path.len()).map(|(_, line)| *line)
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    found: Vec<(String, usize)>,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self) {
        self.line += usize::from(self.peek() == Some(b'\n'));
        self.at += 1;
    }

    /// Goes on to the next byte that none of these is, nor a space.
    fn skip_all(&mut self, more: &[u8]) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace() || more.contains(&byte)) {
            self.skip();
        }
    }

    /// A value that stands at `path`, whose depth the parser has bounded.
    fn value(&mut self, path: &str) {
        self.skip_all(b"");
        match self.peek() {
            Some(b'{') => self.entries(b'}', |walk, _| {
                let name = walk.text_value();
                walk.skip_all(b":");
                if path.is_empty() { name } else { format!("{path}.{name}") }
            }),
            Some(b'[') => self.entries(b']', |_, count| format!("{path}[{count}]")),
            Some(b'"') => drop(self.text_value()),
            _ => {
                while self.peek().is_some_and(|byte| !b",]}".contains(&byte) && !byte.is_ascii_whitespace()) {
                    self.skip();
                }
            }
        }
    }

    fn entries(&mut self, end: u8, mut path_of: impl FnMut(&mut Self, usize) -> String) {
        self.skip();
        for count in 0.. {
            self.skip_all(b",");
            if self.peek().is_none_or(|byte| byte == end) {
                break;
            }
            let (begun, line) = (self.at, self.line);
            let path = path_of(self, count);
            self.found.push((path.clone(), line));
            self.value(&path);
            if self.at == begun {
                break; // the end of something that has not begun: the text is no JSON
            }
        }
        self.skip();
    }

    fn text_value(&mut self) -> String {
        let start = self.at;
        self.skip();
        while let Some(byte) = self.peek().filter(|byte| *byte != b'"') {
            if byte == b'\\' {
                self.skip();
            }
            self.skip();
        }
        self.skip();
        serde_json::from_slice(self.text.get(start..self.at).unwrap_or_default()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"{
  "port": 1, "a\"}": "{\n,",
  "clients": [
    {"appId": "a"},

    {"appId":
       "b"}
  ],
  "limits": { "x": {},
     "connections": -1.5e3 }
}"#;

    #[test]
    fn keys_and_entries_are_found_on_their_lines() {
        for (place, line) in [
            ("port", 2),
            ("a\"}", 2),
            ("clients", 3),
            ("clients[0]", 4),
            ("clients[1].appId", 6),
            ("clients[1].key", 6),
            ("limits.x", 9),
            ("limits.connections", 10),
            ("limits.other", 9),
        ] {
            assert_eq!(line_of(FILE.as_bytes(), place), Some(line), "{place}");
        }
        assert_eq!(line_of(FILE.as_bytes(), "graceMs"), None);
    }

    #[test]
    fn an_end_of_something_else_ends() {
        for text in ["[}", "{]", "[[}", "{\"a\":]", "[1,}]"] {
            line_of(text.as_bytes(), "a.b");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text_is_it_ends(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            line_of(&text, "a.b");
        }
    }
}
