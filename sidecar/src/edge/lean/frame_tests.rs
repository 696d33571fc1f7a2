use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// A frame as a client sends it.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut head = [0; HEAD_ROOM];
    let start = write_head(&mut head, Opcode::Text, payload.len());
    let mut frame = head[start..].to_vec();
    frame[0] = first;
    frame[1] |= MASKED;
    frame.extend(MASK);
    let masked_at = frame.len();
    frame.extend(payload);
    unmask(&mut frame[masked_at..], MASK);
    frame
}

/// Feeds `chunks` to a decoder of messages up to 1,000 bytes; what came out, and what ended it.
fn fed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<Violation>) {
    let mut decoder = Decoder::new(1_000, &[]);
    let mut out = Vec::new();
    for chunk in chunks {
        let result = decoder.feed(&mut chunk.to_vec(), &mut |incoming| {
            out.push(format!("{incoming:?}"));
            true
        });
        if let Err(violation) = result {
            return (out, Some(violation));
        }
    }
    (out, None)
}

fn violation(bytes: &[u8]) -> Option<Violation> {
    fed([bytes]).1
}

#[test]
fn heads_for_every_length() {
    for (length, head) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 255, 255]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let frame = encode(Opcode::Text, b"", &vec![b'x'; length]);
        assert_eq!(&frame[..head.len()], head);
        assert_eq!(frame.len(), head.len() + length);
    }
}

#[test]
fn messages_come_out_however_they_are_cut() {
    let mut stream = client_frame(0x81, "42[\"é\"]".as_bytes());
    stream.extend(client_frame(0x89, b"hi"));
    stream.extend(client_frame(0x02, b"ab"));
    stream.extend(client_frame(0x8a, b""));
    stream.extend(client_frame(0x80, b"cd"));
    stream.extend(client_frame(0x81, &[b'x'; 300]));
    stream.extend(client_frame(0x88, &[3, 232, b'o', b'k']));
    let (whole, violation) = fed([&stream[..]]);
    assert_eq!(violation, None);
    assert_eq!(whole.len(), 6);
    assert_eq!(whole[2], "Pong");
    assert_eq!(whole[3], "Binary([97, 98, 99, 100])");
    assert_eq!(whole[5], "Close(Some(1000))");
    assert_eq!(fed(stream.chunks(1)).0, whole);
    for cut in 0..stream.len() {
        assert_eq!(fed([&stream[..cut], &stream[cut..]]).0, whole, "cut at {cut}");
    }
}

#[test]
fn what_a_client_may_not_send_closes_with_1002() {
    for bad in [
        &client_frame(0xc1, b"x")[..],                                  // reserved bit
        &client_frame(0x83, b"x"),                                      // reserved opcode
        &client_frame(0x8b, b""),                                       // reserved control opcode
        &client_frame(0x80, b"x"),                                      // continuation of nothing
        &client_frame(0x09, b""),                                       // fragmented control frame
        &client_frame(0x89, &[0; 126]),                                 // over-long control frame
        &client_frame(0x88, &[3]),                                      // half a close code
        &client_frame(0x88, &[0, 1]),                                   // a close code nobody may send
        &client_frame(0x88, &[3, 237]),                                 // 1005
        &[0x81, 0x01, b'x'],                                            // unmasked
        &[client_frame(0x01, b"x"), client_frame(0x81, b"y")].concat(), // message within a message
    ] {
        assert_eq!(violation(bad), Some(Violation::Protocol), "{bad:?}");
    }
}

#[test]
fn text_has_to_be_utf8_also_across_fragments() {
    assert_eq!(violation(&client_frame(0x81, &[0xff])), Some(Violation::Utf8));
    assert_eq!(violation(&client_frame(0x88, &[3, 232, 0xff])), Some(Violation::Utf8));
    let halves = [client_frame(0x01, &[0xc3]), client_frame(0x80, &[0xa9])].concat();
    assert_eq!(fed([&halves[..]]), (vec!["Text(\"é\")".to_owned()], None));
}

#[test]
fn lengths_over_the_bound_are_refused_before_they_come() {
    assert_eq!(violation(&client_frame(0x81, &[b'x'; 1_000])), None);
    assert_eq!(violation(&[0x81, 0x80 | 126, 0x03, 0xe9]), Some(Violation::TooBig));
    assert_eq!(violation(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]), Some(Violation::TooBig));
    let mut endless = client_frame(0x01, &[b'x'; 400]);
    endless.extend(client_frame(0x00, &[b'x'; 400]));
    assert_eq!(violation(&endless), None);
    endless.extend(client_frame(0x00, &[b'x'; 201]));
    assert_eq!(violation(&endless), Some(Violation::TooBig));
}

#[test]
fn frames_behind_one_that_stops_come_with_the_next_call() {
    let mut stream = [client_frame(0x81, b"5"), client_frame(0x81, b"a"), client_frame(0x81, b"b")].concat();
    let mut decoder = Decoder::new(1_000, &[]);
    let mut out = Vec::new();
    decoder
        .feed(&mut stream, &mut |incoming| {
            out.push(format!("{incoming:?}"));
            false
        })
        .unwrap();
    assert_eq!(out, ["Text(\"5\")"]);
    decoder
        .feed(&mut [], &mut |incoming| {
            out.push(format!("{incoming:?}"));
            true
        })
        .unwrap();
    assert_eq!(out[1..], ["Text(\"a\")", "Text(\"b\")"]);
}

#[test]
fn nothing_is_held_once_all_messages_are_whole() {
    let mut decoder = Decoder::new(100_000, &[]);
    let frame = client_frame(0x81, &[b'x'; 50_000]);
    for chunk in frame.chunks(1_000) {
        decoder.feed(&mut chunk.to_vec(), &mut |_| true).unwrap();
    }
    decoder.feed(&mut client_frame(0x01, b"a"), &mut |_| true).unwrap();
    assert!(decoder.begun.is_some());
    decoder.feed(&mut client_frame(0x80, b"b"), &mut |_| true).unwrap();
    assert!(decoder.pending.capacity() == 0 && decoder.begun.is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)
    ) {
        fed(chunks.iter().map(Vec::as_slice));
    }

    #[test]
    fn messages_survive_any_fragmentation(
        text in ".{0,80}",
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..4),
        reads in 1_usize..20,
    ) {
        let bytes = text.as_bytes();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut stream = Vec::new();
        let mut start = 0;
        for (number, end) in ends.iter().enumerate() {
            let opcode = if number == 0 { 0x01 } else { 0x00 };
            let fin = if number + 1 == ends.len() { FIN } else { 0 };
            stream.extend(client_frame(fin | opcode, &bytes[start..*end]));
            start = *end;
        }
        let (out, violation) = fed(stream.chunks(reads));
        prop_assert_eq!(violation, None);
        prop_assert_eq!(out, vec![format!("{:?}", Incoming::Text(&text))]);
    }
}
