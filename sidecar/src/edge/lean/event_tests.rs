use proptest::prelude::*;
use serde_json::json;

use super::*;

const BOTH: [Generation; 2] = [Generation::V3, Generation::V4];

fn received(packet: &str) -> (String, Received, usize) {
    match decode(Generation::V4, packet).unwrap().unwrap() {
        Packet { namespace, kind: Kind::Event(event, count) } => (namespace.to_owned(), event, count),
        other => panic!("{packet}: {other:?}"),
    }
}

#[test]
fn events_with_and_without_namespace_and_ack_id() {
    let plain = received(r#"2["subscribe",{"channel":"a"},1]"#);
    assert_eq!(plain.0, "/");
    assert_eq!(plain.1.name, "subscribe");
    assert_eq!(plain.1.args, [json!({"channel": "a"}), json!(1)]);
    assert_eq!(received(r#"212["a"]"#).1.name, "a");
    assert_eq!(received(r#"2/foo?x=1,12["a"]"#).0, "/foo");
    assert_eq!(received("2[1]").1.name, "1");
}

#[test]
fn what_ends_the_connection() {
    for generation in BOTH {
        for bad in
            ["", "2x", "2{}", "2[]", "2[null]", "2[true]", "2[[]]", "2[\"a\"", "3{}", "3x", "31-", "0[]", "0x", "1x"]
        {
            assert_eq!(decode(generation, bad), Err(Malformed), "{bad:?}");
        }
        for bad in
            ["5", "5-", "5-[]", "50-[\"a\"]", "5101-[\"a\"]", "599999999999-[\"a\"]", "5x-[\"a\"]", "5+1-[\"a\"]"]
        {
            assert_eq!(decode(generation, bad), Err(Malformed), "{bad:?}");
        }
    }
    assert_eq!(decode(Generation::V4, "7"), Err(Malformed));
    assert_eq!(decode(Generation::V3, "7"), Ok(None));
    assert_eq!(decode(Generation::V4, r#"2["disconnect"]"#), Err(Malformed));
    assert!(decode(Generation::V3, r#"2["disconnect"]"#).is_ok());
}

#[test]
fn what_is_ignored() {
    for generation in BOTH {
        for (ignored, attachments) in [("2", 0), ("212", 0), ("312[]", 0), ("3", 0), ("63-1[]", 3)] {
            let packet = decode(generation, ignored).unwrap().unwrap();
            assert_eq!(packet.kind, Kind::Ignored(attachments), "{ignored}");
        }
    }
}

#[test]
fn connect_and_disconnect_of_any_namespace() {
    for generation in BOTH {
        for (packet, namespace) in [("0", "/"), ("0{\"a\":1}", "/"), ("0/foo", "/foo"), ("0/foo?q=1,{}", "/foo")] {
            let connect = Kind::Connect(None);
            assert_eq!(decode(generation, packet), Ok(Some(Packet { namespace, kind: connect })), "{packet}");
        }
        assert_eq!(decode(generation, "1/a,"), Ok(Some(Packet { namespace: "/a", kind: Kind::Disconnect })));
    }
}

#[test]
fn connect_may_say_whose_session_it_wants_back() {
    let claimed = |packet| match decode(Generation::V4, packet).unwrap().unwrap().kind {
        Kind::Connect(claimed) => claimed.map(|claimed| (claimed.pid, claimed.offset)),
        other => panic!("{other:?}"),
    };
    assert_eq!(claimed(r#"0{"pid":"p","offset":"o","token":{"a":[1]}}"#), Some(("p".into(), Some("o".into()))));
    assert_eq!(claimed(r#"0{"offset":7,"pid":"p\u00e9"}"#), Some(("pé".into(), None)));
    for nothing in [r#"0{"pid":7,"offset":"o"}"#, r#"0{"offset":"o"}"#, "0{}", r#"0{"pid":null}"#, r#"0{"pid":["p"]}"#]
    {
        assert_eq!(claimed(nothing), None, "{nothing}");
    }
}

#[test]
fn placeholders_number_announced_attachments() {
    let (_, event, count) = received(r#"52-["a",{"_placeholder":true,"num":1},[{"x":{"num":0,"_placeholder":true}}]]"#);
    assert_eq!((event.args.len(), count), (2, 2));
    for bad in [
        r#"51-["a",{"_placeholder":true,"num":1}]"#,
        r#"51-["a",{"_placeholder":true,"num":-1}]"#,
        r#"51-["a",{"_placeholder":true,"num":0.5}]"#,
        r#"51-["a",[{"_placeholder":true}]]"#,
    ] {
        assert_eq!(decode(Generation::V4, bad), Err(Malformed), "{bad}");
    }
}

#[test]
fn a_depth_bomb_is_refused() {
    let bomb = format!("2[\"a\",{}", "[".repeat(100_000));
    assert_eq!(decode(Generation::V3, &bomb), Err(Malformed));
}

#[test]
fn a_packet_cut_at_any_byte_is_refused_or_ignored() {
    let whole = r#"52-/,7["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    assert!(decode(Generation::V3, whole).is_ok());
    for cut in 0..whole.len() {
        for generation in BOTH {
            let packet = decode(generation, &whole[..cut]);
            assert!(!matches!(packet, Ok(Some(Packet { kind: Kind::Event(..), .. }))), "{cut}");
        }
    }
}

#[test]
fn attachments_are_counted_and_bounded_together() {
    let (_, event, count) = received(r#"52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    let mut partial = Partial::new(Some(event), count);
    assert_eq!(partial.take(Bytes::from_static(b"12"), 4), Ok(false));
    assert_eq!(partial.take(Bytes::from_static(b"345"), 4), Err(TooBig));
    let mut partial = Partial::new(None, 2);
    assert_eq!(partial.take(Bytes::from_static(b"12"), 4), Ok(false));
    assert_eq!(partial.take(Bytes::from_static(b"34"), 4), Ok(true));
    assert_eq!(partial.into_event(), None);
}

proptest! {
    #[test]
    fn any_text_is_decoded_or_refused(packet in "[0-7]?[0-9-]{0,4}(/[a-z?,]{0,4})?.{0,40}") {
        for generation in BOTH {
            let _ = decode(generation, &packet);
        }
    }
}
