//! Websocket frames as a client reads and writes them. A server's frames are not masked; ours are, as they must be.

/// What kind of frame it is.
pub const TEXT: u8 = 1;
/// The other end closes.
pub const CLOSE: u8 = 8;
/// To be answered with a [`PONG`].
pub const PING: u8 = 9;
/// The answer to a [`PING`].
pub const PONG: u8 = 10;

/// One whole frame at the head of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// [`TEXT`] and so on.
    pub opcode: u8,
    /// What is in it.
    pub payload: &'a [u8],
    /// How many bytes it takes altogether.
    pub length: usize,
}

/// The frame at the head of `bytes`; none when it is not whole yet.
pub fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let [first, second, ..] = *bytes else { return None };
    let (head, length): (usize, usize) = match second & 0x7f {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?) as usize),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, short as usize),
    };
    let end = head.checked_add(length)?;
    Some(Frame { opcode: first & 0x0f, payload: bytes.get(head..end)?, length: end })
}

/// Appends a whole masked frame.
pub fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(length: usize) -> Vec<u8> {
        let mut bytes = match length {
            0..126 => vec![0x81, length as u8],
            126..0x1_0000 => [&[0x81, 126][..], &(length as u16).to_be_bytes()].concat(),
            _ => [&[0x81, 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        bytes.resize(bytes.len() + length, b'a');
        bytes
    }

    #[test]
    fn every_length_is_read_when_whole_and_not_before() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let bytes = served(length);
            let frame = read(&bytes).unwrap();
            assert_eq!((frame.opcode, frame.payload.len(), frame.length), (TEXT, length, bytes.len()));
            for cut in [0, 1, 3, bytes.len() - 1] {
                assert!(cut >= bytes.len() || read(&bytes[..cut]).is_none(), "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn written_frames_are_masked() {
        let mut out = Vec::new();
        write(&mut out, TEXT, b"40");
        assert_eq!(out, [0x81, 0x82, 0x5a, 0xa5, 0x3c, 0xc3, b'4' ^ 0x5a, b'0' ^ 0xa5]);
    }
}
