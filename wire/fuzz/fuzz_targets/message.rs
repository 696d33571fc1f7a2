//! A body of any bytes for any kind. What decodes as a publish encodes to a frame that decodes to the same.
//! Run with `cargo +nightly fuzz run message` in `wire/`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rustecho_wire::frame::HEADER_LEN;
use rustecho_wire::{Kind, Message, Publish, limits};

fuzz_target!(|input: &[u8]| {
    let Some((kind, body)) = input.split_first() else { return };
    let Ok(kind) = Kind::try_from(*kind) else { return };
    if let Ok(Message::Publish(event)) = Message::decode(kind, body) {
        let _ = limits::check(&event, 1000);
        let _ = limits::check_json(event.data);
        let again = event.to_frame().expect("what fits one body fits another");
        assert_eq!(Publish::decode(&again[HEADER_LEN..]).as_ref(), Ok(&event));
    }
});
