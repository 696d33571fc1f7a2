//! The mark inside every event's data, by which a delivery is counted and timed: `@@channel:sequence:nanoseconds@@`.
//!
//! It is found by its bytes and not by parsing JSON: it survives every encoding that a server may wrap around the data.

use memchr::memmem;

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Number of the channel.
    pub channel: u32,
    /// 1 for the first event of the channel; 0 is a warm-up, which is not counted.
    pub sequence: u32,
    /// When it was published, by [`crate::clock::now_ns`].
    pub at_ns: u64,
}

impl Mark {
    /// An event's data with this mark in it, and padding that makes it so many `bytes` long.
    pub fn data(self, bytes: usize) -> String {
        let mark = format!("@@{}:{}:{}@@", self.channel, self.sequence, self.at_ns);
        let unpadded = r#"{"mark":"","pad":""}"#.len() + mark.len();
        let pad = "x".repeat(bytes.saturating_sub(unpadded));
        format!(r#"{{"mark":"{mark}","pad":"{pad}"}}"#)
    }
}

/// The JSON that Laravel's Redis broadcaster would publish, with so many `bytes` of data.
pub fn message(mark: Mark, bytes: usize) -> String {
    format!(r#"{{"event":"App\\Events\\Bench","data":{},"socket":null}}"#, mark.data(bytes))
}

/// The marks in some bytes, one after another.
pub fn marks(bytes: &[u8]) -> impl Iterator<Item = Mark> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let start = memmem::find(rest, b"@@")? + 2;
            rest = rest.get(start..)?;
            if let Some((mark, length)) = read(rest) {
                rest = rest.get(length..)?;
                return Some(mark);
            }
        }
    })
}

/// Reads `channel:sequence:nanoseconds@@`; the mark and how long it was.
fn read(bytes: &[u8]) -> Option<(Mark, usize)> {
    let mut at = 0;
    let mut number = |end: &[u8]| {
        let mut value = 0_u64;
        while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
            value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            at += 1;
        }
        bytes.get(at..)?.starts_with(end).then_some(())?;
        at += end.len();
        Some(value)
    };
    let (channel, sequence, at_ns) = (number(b":")?, number(b":")?, number(b"@@")?);
    Some((Mark { channel: channel.try_into().ok()?, sequence: sequence.try_into().ok()?, at_ns }, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark { channel: 7, sequence: 42, at_ns: 1_234_567_890_123 };

    #[test]
    fn is_found_in_what_it_was_put_into() {
        let text = message(MARK, 150);
        assert_eq!(marks(text.as_bytes()).collect::<Vec<_>>(), [MARK]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["data"].to_string().len(), 150);
        assert_eq!(json["event"], "App\\Events\\Bench");
    }

    #[test]
    fn several_are_found_and_rubbish_is_passed_over() {
        let text = "@@1:2:3@@@@4:5:6@@ @@7:x@@ @@@8:9:10@@ @@11:12:13";
        let found: Vec<_> = marks(text.as_bytes()).map(|mark| (mark.channel, mark.sequence, mark.at_ns)).collect();
        assert_eq!(found, [(1, 2, 3), (4, 5, 6)]);
    }
}
