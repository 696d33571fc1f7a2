//! The golden frames: bytes that decode, and encode, the same for ever. They are what other clients test against too.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use rustecho_wire::frame::{self, Decoded};
use rustecho_wire::lane::Lent;
use rustecho_wire::{EventId, Hello, Message, Publish, Receipt, Refusal, RefusalCode, Welcome};

const ID: EventId = EventId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

/// Every file of `tests/golden/` with what it means.
fn golden() -> Vec<(&'static str, Message<'static>)> {
    vec![
        ("hello", Message::Hello(Hello { client: "rustecho-ext/0.1.0 php/8.2.36 fpm-fcgi", pid: 4711 })),
        ("welcome", Message::Welcome(Welcome { sidecar: "0.1.0".into(), oldest: 1, newest: 1, max_data: 10_485_760 })),
        (
            "publish",
            Message::Publish(Publish {
                receipt: true,
                replayed: false,
                spoolable: false,
                id: ID,
                time: 1_700_000_000_123_456,
                channels: vec!["orders", "private-orders.1"],
                event: "App\\Events\\OrderShipped",
                socket: "pM1xFhIrNkqrY-5jAAAB",
                trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                lent: None,
                data: "{\"order\":{\"id\":1,\"total\":9.50,\"note\":\"größer ☃\"}}",
            }),
        ),
        (
            "publish-bare",
            Message::Publish(Publish {
                replayed: true,
                channels: vec!["c"],
                event: "e",
                data: "null",
                ..Publish::default()
            }),
        ),
        (
            "publish-lent",
            Message::Publish(Publish {
                id: ID,
                channels: vec!["c"],
                event: "e",
                lent: Some(Lent { slot: 63, len: 32_000 }),
                ..Publish::default()
            }),
        ),
        ("receipt", Message::Receipt(Receipt { id: ID, subscribers: 3 })),
        (
            "refusal",
            Message::Refusal(Refusal {
                id: ID,
                code: RefusalCode::DataTooLong,
                message: "data: 10485761 bytes, over the limit of 10485760 bytes".into(),
            }),
        ),
        (
            "refusal-version",
            Message::Refusal(Refusal {
                id: EventId::NIL,
                code: RefusalCode::Version,
                message: "protocol version 2 is not spoken here, only version 1".into(),
            }),
        ),
    ]
}

fn encode(message: &Message<'_>) -> Vec<u8> {
    match message {
        Message::Hello(hello) => hello.to_frame().unwrap(),
        Message::Welcome(welcome) => welcome.to_frame(),
        Message::Publish(publish) => publish.to_frame().unwrap(),
        Message::Receipt(receipt) => receipt.to_frame(),
        Message::Refusal(refusal) => refusal.to_frame(),
    }
}

fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.bin"))
}

#[test]
fn every_golden_frame_decodes_to_its_value() {
    for (name, message) in golden() {
        let bytes = std::fs::read(path(name)).unwrap();
        let Decoded::Frame { kind, body, consumed } = frame::decode(&bytes).unwrap() else {
            panic!("{name}: the frame is not whole");
        };
        assert_eq!(consumed, bytes.len(), "{name}");
        assert_eq!(Message::decode(kind, body).unwrap(), message, "{name}");
    }
}

#[test]
fn every_value_encodes_to_its_golden_frame() {
    for (name, message) in golden() {
        assert_eq!(encode(&message), std::fs::read(path(name)).unwrap(), "{name}");
    }
}

#[test]
fn every_golden_file_is_tested() {
    let mut files: Vec<String> = std::fs::read_dir(path("x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.ends_with(".bin"))
        .collect();
    files.sort();
    let mut known: Vec<String> = golden().iter().map(|(name, _)| format!("{name}.bin")).collect();
    known.sort();
    assert_eq!(files, known);
}
