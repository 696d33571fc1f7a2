//! A stream of any bytes: every frame in it is taken, nothing panics, and no step stands still.
//! Run with `cargo +nightly fuzz run frame` in `wire/`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rustecho_wire::Message;
use rustecho_wire::frame::{self, Decoded};

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Ok(Decoded::Frame { kind, body, consumed }) = frame::decode(rest) {
        assert!(consumed >= frame::HEADER_LEN);
        let _ = Message::decode(kind, body);
        rest = &rest[consumed..];
    }
});
