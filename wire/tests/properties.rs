//! What holds for all frames: there and back, split anywhere, and no bytes at all can make decoding panic.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;
use rustecho_wire::frame::{self, Decoded, HEADER_LEN, MAX_BODY_LEN};
use rustecho_wire::lane::Lent;
use rustecho_wire::message::MAX_MESSAGE_LEN;
use rustecho_wire::{
    DecodeError, EventId, Hello, Kind, Message, Publish, Receipt, Refusal, RefusalCode, Welcome, limits,
};

/// The owned fields of a publish, from which a borrowed one is made.
type Fields = ((bool, bool, [u8; 16], u64), Vec<String>, [String; 4]);

fn fields() -> impl Strategy<Value = Fields> {
    let text = || "\\PC{0,40}";
    let texts = (text(), text(), text(), text()).prop_map(|(a, b, c, d)| [a, b, c, d]);
    (any::<(bool, bool, [u8; 16], u64)>(), vec(text(), 0..8), texts)
}

fn publish(((receipt, replayed, id, time), channels, [event, socket, trace, data]): &Fields) -> Publish<'_> {
    Publish {
        receipt: *receipt,
        replayed: *replayed,
        spoolable: *receipt ^ *replayed,
        id: EventId(*id),
        time: *time,
        channels: channels.iter().map(String::as_str).collect(),
        event,
        socket,
        trace,
        data,
        lent: None,
    }
}

/// The one message in `frame`, which must be whole.
fn read(frame: &[u8]) -> Message<'_> {
    match frame::decode(frame).unwrap() {
        Decoded::Frame { kind, body, consumed } if consumed == frame.len() => Message::decode(kind, body).unwrap(),
        other => panic!("not one whole frame: {other:?}"),
    }
}

/// `frame` is exactly this message.
fn same(frame: &[u8], message: &Message<'_>) {
    assert_eq!(&read(frame), message);
}

proptest! {
    #[test]
    fn a_publish_comes_back_as_it_went(fields in fields()) {
        let event = publish(&fields);
        same(&event.to_frame().unwrap(), &Message::Publish(event.clone()));
        let whole = [event.encode_head().unwrap().as_slice(), event.data.as_bytes()].concat();
        prop_assert_eq!(whole, event.to_frame().unwrap());
    }

    #[test]
    fn a_publish_whose_data_is_lent_comes_back_as_it_went(fields in fields(), slot in any::<u32>(), len in any::<u32>()) {
        let lent = Some(Lent { slot, len });
        let event = Publish { data: "", lent, ..publish(&fields) };
        let frame = event.to_frame().unwrap();
        same(&frame, &Message::Publish(event));
        let body = &frame[HEADER_LEN..];
        for wrong in [&body[..body.len() - 1], &[body, b"x"].concat()] {
            prop_assert!(Message::decode(Kind::Publish, wrong).is_err());
        }
    }

    #[test]
    fn the_short_messages_come_back_as_they_went(
        text in "\\PC{0,60}", id: [u8; 16], number: u32, code: u16, bytes: [u8; 2],
    ) {
        let hello = Hello { client: &text, pid: number };
        same(&hello.to_frame().unwrap(), &Message::Hello(hello));
        let welcome = Welcome { sidecar: text.clone(), oldest: bytes[0], newest: bytes[1], max_data: number };
        same(&welcome.to_frame(), &Message::Welcome(welcome));
        let receipt = Receipt { id: EventId(id), subscribers: number };
        same(&receipt.to_frame(), &Message::Receipt(receipt));
        let refusal = Refusal { id: EventId(id), code: RefusalCode::from(code), message: text.clone() };
        prop_assert_eq!(refusal.code.as_u16(), code);
        same(&refusal.to_frame(), &Message::Refusal(refusal));
    }

    #[test]
    fn a_frame_split_at_any_byte_asks_for_more_and_then_decodes(fields in fields()) {
        let frame = publish(&fields).to_frame().unwrap();
        for cut in 0..frame.len() {
            match frame::decode(&frame[..cut]).unwrap() {
                Decoded::NeedMore(more) => prop_assert!(more >= 1 && cut + more <= frame.len(), "{cut} + {more}"),
                Decoded::Frame { .. } => prop_assert!(false, "whole after {cut} of {} bytes", frame.len()),
            }
        }
        prop_assert!(matches!(read(&frame), Message::Publish(_)));
    }

    #[test]
    fn a_body_that_is_cut_inside_its_fields_is_an_error(fields in fields()) {
        let mut event = publish(&fields);
        event.data = "";
        let head = event.encode_head().unwrap();
        for cut in HEADER_LEN..head.len() {
            prop_assert!(Publish::decode(&head[HEADER_LEN..cut]).is_err(), "{cut} of {} decoded", head.len());
        }
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..300)) {
        let _ = frame::decode(&bytes);
        for kind in 1..=5 {
            if let Ok(Message::Publish(event)) = Message::decode(Kind::try_from(kind).unwrap(), &bytes) {
                let _ = limits::check(&event, 10);
                let _ = limits::check_json(event.data);
            }
        }
    }

    #[test]
    fn a_publish_with_a_byte_changed_never_panics(fields in fields(), at: prop::sample::Index, to: u8) {
        let mut frame = publish(&fields).to_frame().unwrap();
        let at = at.index(frame.len());
        frame[at] = to;
        if let Ok(Decoded::Frame { kind, body, .. }) = frame::decode(&frame) {
            let _ = Message::decode(kind, body);
        }
    }

    #[test]
    fn bytes_left_over_are_an_error(extra in 1..20usize) {
        let mut body = Receipt { id: EventId::NIL, subscribers: 1 }.to_frame().split_off(HEADER_LEN);
        body.resize(body.len() + extra, 0);
        prop_assert_eq!(Receipt::decode(&body), Err(DecodeError::Leftover { extra }));
    }
}

#[test]
fn a_header_is_judged_before_the_body_is_there() {
    let header = |version, kind, len: u32| [&[b'R', b'E', version, kind], &len.to_be_bytes()[..]].concat();
    let limit = u32::try_from(MAX_BODY_LEN).unwrap();
    assert_eq!(frame::decode(&header(1, 3, limit)), Ok(Decoded::NeedMore(MAX_BODY_LEN)));
    assert_eq!(frame::decode(&header(1, 3, limit + 1)), Err(DecodeError::BodyTooLong { len: MAX_BODY_LEN + 1 }));
    assert_eq!(frame::decode(&header(1, 3, u32::MAX)), Err(DecodeError::BodyTooLong { len: u32::MAX as usize }));
    assert_eq!(frame::decode(&header(2, 3, 0)), Err(DecodeError::Version(2)));
    assert_eq!(frame::decode(&header(1, 0, 0)), Err(DecodeError::UnknownKind(0)));
    assert_eq!(frame::decode(&header(1, 6, 0)), Err(DecodeError::UnknownKind(6)));
    assert_eq!(frame::decode(b"GET / HTTP/1.1\r\n"), Err(DecodeError::Magic(*b"GE")));
}

#[test]
fn a_count_of_channels_that_are_not_there_allocates_nothing_for_them() {
    let mut body = vec![0; 25];
    body.extend_from_slice(&u16::MAX.to_be_bytes());
    assert_eq!(Publish::decode(&body), Err(DecodeError::Short { field: "channel" }));
}

#[test]
fn texts_for_people_are_cut_between_two_characters() {
    let long = "ü".repeat(1000);
    let frame = Refusal { id: EventId::NIL, code: RefusalCode::NotJson, message: format!("x{long}") }.to_frame();
    let Message::Refusal(refusal) = read(&frame) else { panic!("no refusal") };
    assert_eq!(refusal.message.len(), MAX_MESSAGE_LEN - 1);
    let frame = Hello { client: &long, pid: 1 }.to_frame().unwrap();
    let Message::Hello(hello) = read(&frame) else { panic!("no hello") };
    assert_eq!(hello.client.len(), limits::MAX_SHORT_LEN - 1);
}

#[test]
fn every_limit_is_checked_and_named() {
    let names: Vec<String> = (0..=limits::MAX_CHANNELS).map(|n| format!("channel-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (fits, long) = ("x".repeat(512), "x".repeat(513));
    let good = || Publish { channels: vec!["c"], event: "e", data: "1", ..Publish::default() };
    let cases = [
        (good(), None),
        (Publish { channels: names[..100].to_vec(), event: &fits, ..good() }, None),
        (Publish { channels: vec![&fits], ..good() }, None),
        (Publish { channels: vec![], ..good() }, Some((4, "channels: the list is empty"))),
        (Publish { channels: names.clone(), ..good() }, Some((4, "101 channels starting with \"channel-0\""))),
        (Publish { channels: vec!["a", ""], ..good() }, Some((5, "channels[1]: the name is empty"))),
        (Publish { channels: vec![&long], ..good() }, Some((5, "has 513 bytes, over the limit of 512 bytes"))),
        (Publish { event: "", ..good() }, Some((6, "event: the name is empty"))),
        (Publish { event: &long, ..good() }, Some((6, "event: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\" has 513"))),
        (Publish { trace: &long[..256], ..good() }, Some((2, "trace: "))),
        (Publish { data: "12345678901", ..good() }, Some((7, "11 bytes starting with 12345678901, over"))),
    ];
    for (event, expected) in cases {
        match (limits::check(&event, 10), expected) {
            (Ok(()), None) => {}
            (Err(error), Some((code, text))) => {
                assert_eq!(error.refusal_code().as_u16(), code, "{error}");
                assert!(error.to_string().contains(text), "{error}");
            }
            (result, expected) => panic!("{result:?} instead of {expected:?}"),
        }
    }
    let deep = "[".repeat(1_000_000);
    for bad in ["", "{", "{\"a\":}", "1 2", "nul", &deep] {
        assert_eq!(limits::check_json(bad).unwrap_err().refusal_code(), RefusalCode::NotJson);
    }
    for json in ["null", " {\"a\":[1,2.50,\"\\u2603\"]}\n"] {
        limits::check_json(json).unwrap();
    }
}
