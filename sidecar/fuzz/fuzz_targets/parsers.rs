//! Every parser of the sidecar that reads what comes from outside, one program for all: building it is what takes time.
//! `RUSTECHO_FUZZ` names the one to run; `make fuzz` runs them all.

#![no_main]

use std::{
    fs::{self, File},
    io::{Seek as _, Write as _},
    sync::OnceLock,
};

use libfuzzer_sys::fuzz_target;
use rustecho_sidecar::{
    admission, api, auth, cluster, config, edge::lean::fuzz as edge, ingest::redis, recovery, session,
};
use rustecho_wire::{
    Message, Publish,
    frame::{self, Decoded, HEADER_LEN},
    json::is_plainly_json,
    spool::{Next, Records},
    utf8,
};
use serde::de::IgnoredAny;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 19] = [
    ("frames", edge::frames),
    ("payloads", edge::payloads),
    ("packets", edge::packets),
    ("queries", edge::queries),
    ("upgrades", edge::upgrades),
    ("requests", session::fuzz),
    ("redis", redis::fuzz),
    ("auth", auth::fuzz),
    ("asked", auth::fuzz_asked),
    ("config", config::fuzz),
    ("api", api::fuzz),
    ("heads", api::fuzz_head),
    ("cluster", cluster::fuzz),
    ("visitors", admission::fuzz),
    ("offsets", recovery::fuzz),
    ("wire", wire),
    ("spool", spool),
    ("json", json),
    ("text", text),
];

/// Frames of the Unix socket: what decodes as a publish encodes to what decodes to the same.
fn wire(stream: &[u8]) {
    let mut rest = stream;
    while let Ok(Decoded::Frame { kind, body, consumed }) = frame::decode(rest) {
        assert!(consumed >= HEADER_LEN);
        if let Ok(Message::Publish(event)) = Message::decode(kind, body) {
            let again = event.to_frame().expect("what fits one body fits another");
            assert_eq!(Publish::decode(&again[HEADER_LEN..]).as_ref(), Ok(&event));
        }
        rest = &rest[consumed..];
    }
}

/// Files that publishers leave behind: what is read of one is in it.
fn spool(bytes: &[u8]) {
    static FILE: OnceLock<File> = OnceLock::new();
    let mut file = FILE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("rustecho-fuzz-{}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a file of its own");
        fs::remove_file(path).expect("it needs no name");
        file
    });
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(bytes)).expect("room");
    file.rewind().expect("a file");
    let mut records = Records::new(file.try_clone().expect("a descriptor"));
    let mut read = 0;
    while let Ok(Next::Record { frame, .. }) = records.read() {
        read += frame.len();
        assert!(read < bytes.len());
        let _ = frame::decode(frame);
    }
}

/// Bytes are text, or are not from some place on, as the standard library says.
fn text(bytes: &[u8]) {
    let expected = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to());
    assert_eq!(utf8::from_utf8(bytes), expected);
}

/// What is taken for JSON at a glance is JSON for serde_json, too.
fn json(text: &[u8]) {
    if let Ok(text) = str::from_utf8(text)
        && is_plainly_json(text)
    {
        let read = serde_json::from_str::<IgnoredAny>(text);
        assert!(read.is_ok(), "{read:?}");
    }
}

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("RUSTECHO_FUZZ").unwrap_or_default();
        let names = TARGETS.map(|(name, _)| name).join(" ");
        TARGETS
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("RUSTECHO_FUZZ must be one of: {names}"))
            .1
    })
}

fuzz_target!(|input: &[u8]| chosen()(input));
