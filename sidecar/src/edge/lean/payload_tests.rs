use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn text(packet: &'static str) -> Outgoing {
    Outgoing::Text(Bytes::from_static(packet.as_bytes()))
}

fn as_text(body: Body) -> String {
    match body {
        Body::Text(body) => body,
        Body::Octets(_) => panic!("binary body"),
    }
}

fn decoded(generation: Generation, body: &str) -> Result<Vec<String>, Malformed> {
    let mut all = Vec::new();
    decode_text(generation, body, |packet| {
        all.push(format!("{packet:?}"));
        true
    })?;
    Ok(all)
}

#[test]
fn lengths_of_protocol_3_count_utf16_units() {
    let body = as_text(encode(Generation::V3, &[text("4é😀"), text("2")], false));
    assert_eq!(body, "4:4é😀1:2");
    assert_eq!(decoded(Generation::V3, &body).unwrap(), [r#"Message("é😀")"#, r#"Ping("")"#]);
}

#[test]
fn protocol_4_separates_packets() {
    let body =
        as_text(encode(Generation::V4, &[text("4a"), Outgoing::Binary(Bytes::from_static(&[1, 2, 3, 4]))], false));
    assert_eq!(body, "4a\x1ebAQIDBA==");
    assert_eq!(decoded(Generation::V4, &body).unwrap().len(), 2);
}

#[test]
fn a_binary_packet_makes_the_whole_protocol_3_body_binary() {
    let packets = [text("4é"), Outgoing::Binary(Bytes::from_static(&[7; 10]))];
    let Body::Octets(body) = encode(Generation::V3, &packets, false) else { panic!("text body") };
    assert_eq!(body[..6], [0, 3, 255, b'4', 0xc3, 0xa9]);
    assert_eq!(body[6..11], [1, 1, 1, 255, 4]);
    let mut all = Vec::new();
    decode_octets(&body, |packet| {
        all.push(format!("{packet:?}"));
        true
    })
    .unwrap();
    assert_eq!(all[0], r#"Message("é")"#);
    assert!(all[1].starts_with("Binary("), "{all:?}");
    assert_eq!(as_text(encode(Generation::V3, &packets, true)), "2:4é18:b4BwcHBwcHBwcHBw==");
}

#[test]
fn badly_framed_bodies_are_refused() {
    for body in ["", "x", ":", "5:4", "1:", "-1:4", "1e1:4", "99999999999999999999:4", "1:44", "1:😀", "1:x"] {
        assert_eq!(decoded(Generation::V3, body), Err(Malformed), "{body:?}");
    }
    for body in ["", "abc", "4a\x1e", "\x1e4a"] {
        assert_eq!(decoded(Generation::V4, body), Err(Malformed), "{body:?}");
    }
    for body in [&[0_u8][..], &[0, 255], &[0, 1, 255], &[2, 1, 255, 52], &[0, 10, 255, 52], &[1; 400]] {
        assert_eq!(decode_octets(body, |_| true), Err(Malformed), "{body:?}");
    }
}

#[test]
fn a_body_cut_at_any_byte_never_yields_a_packet_that_was_not_sent() {
    let whole = "5:42[1]2:402:41";
    for cut in 0..whole.len() {
        if let Ok(packets) = decoded(Generation::V3, &whole[..cut]) {
            assert!([1, 2].contains(&packets.len()), "{cut}: {packets:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_decoded_or_refused(body in ".{0,60}") {
        let _ = decoded(Generation::V3, &body);
        let _ = decoded(Generation::V4, &body);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode_octets(&body, |_| true);
    }

    #[test]
    fn what_is_encoded_is_decoded(texts in proptest::collection::vec("[^\x1e]{0,20}", 1..6)) {
        let packets: Vec<_> = texts.iter().map(|text| Outgoing::Text(format!("4{text}").into())).collect();
        let expected: Vec<_> = texts.iter().map(|text| format!("{:?}", Incoming::Message(text))).collect();
        for generation in [Generation::V3, Generation::V4] {
            let body = as_text(encode(generation, &packets, false));
            prop_assert_eq!(decoded(generation, &body).unwrap(), expected.clone());
        }
    }
}
