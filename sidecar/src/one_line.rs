//! One line for each thing that is said: a name that a client chose cannot begin a line of its own.

use std::{
    borrow::Cow,
    io::{self, Write},
};

/// A log's writer, which is given a whole line at a time. What would end the line earlier, or move the cursor, is written as its
/// escape; the log's colours stay.
#[derive(Debug)]
pub struct OneLine<W>(pub W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, "\n"),
            None => (line, ""),
        };
        let text = String::from_utf8_lossy(text);
        self.0.write_all(format!("{}{end}", escaped(&text)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text with the escapes of all its control characters, but those that choose a colour.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut whole = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        match character.is_control() && !is_colour(&text[at..]) {
            true => whole.extend(character.escape_default()),
            false => whole.push(character),
        }
    }
    whole.into()
}

/// Whether a text begins with ECMA-48's SGR.
fn is_colour(text: &str) -> bool {
    let numbers = text
        .strip_prefix("\x1b[")
        .map(|rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit() || digit == ';'));
    numbers.is_some_and(|end| end.starts_with('m'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one() {
        let mut written = Vec::new();
        let mut log = OneLine(&mut written);
        log.write_all("\x1b[33m WARN\x1b[0;1m channel=private-\n2026-10-01 ERROR\r\u{85}\tä\x1b[2J\n".as_bytes())
            .unwrap();
        log.write_all(b"next\n").unwrap();
        let wanted = "\x1b[33m WARN\x1b[0;1m channel=private-\\n2026-10-01 ERROR\\r\\u{85}\\tä\\u{1b}[2J\nnext\n";
        assert_eq!(String::from_utf8(written).unwrap(), wanted);
    }
}
