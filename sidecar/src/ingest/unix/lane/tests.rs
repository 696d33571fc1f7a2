use std::os::fd::AsFd;

use rustecho_wire::lane::{HEAD_LEN, SLOT_LEN};
use rustix::{
    fs::{MemfdFlags, fcntl_add_seals, ftruncate, memfd_create},
    io::pwrite,
};

use super::*;

fn memory(len: usize, seals: SealFlags) -> OwnedFd {
    let memory = memfd_create("lent", MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&memory, len as u64).unwrap();
    pwrite(&memory, &[1; SLOTS], 0).unwrap();
    fcntl_add_seals(&memory, seals).unwrap();
    memory
}

fn lane() -> (OwnedFd, Lane) {
    let memory = memory(LANE_LEN, SealFlags::SHRINK | SealFlags::GROW);
    let ours = memory.as_fd().try_clone_to_owned().unwrap();
    (ours, Lane::take(memory).unwrap())
}

fn fetched(lane: &Lane, slot: u32, len: u32) -> Result<String, DecodeError> {
    let mut text = String::new();
    lane.fetch(Lent { slot, len }, |data| text = data.to_owned()).map(|()| text)
}

fn marks(memory: &OwnedFd) -> [u8; SLOTS] {
    let mut marks = [0; SLOTS];
    assert_eq!(pread(memory, &mut marks, 0), Ok(SLOTS));
    marks
}

#[test]
fn only_memory_of_the_right_length_that_keeps_it_is_taken() {
    let both = SealFlags::SHRINK | SealFlags::GROW;
    let read_only = both | SealFlags::WRITE;
    for (len, seals) in [
        (LANE_LEN, SealFlags::SHRINK),
        (LANE_LEN, SealFlags::GROW),
        (LANE_LEN - 1, both),
        (LANE_LEN + 1, both),
        (LANE_LEN, read_only),
    ] {
        assert!(Lane::take(memory(len, seals)).is_err(), "{len} {seals:?}");
    }
    let (pipe, _end) = std::io::pipe().unwrap();
    assert!(Lane::take(pipe.into()).is_err());
    let file = std::fs::File::open("/dev/zero").unwrap();
    assert!(Lane::take(file.into()).is_err());
}

#[test]
fn data_is_copied_out_and_its_slot_given_back() {
    let (memory, lane) = lane();
    assert_eq!(marks(&memory), [0; SLOTS], "taken");
    let at = (HEAD_LEN + 31 * SLOT_LEN) as u64;
    pwrite(&memory, b"{\"n\":\"\xc3\xbc\"}", at).unwrap();
    pwrite(&memory, &[1; SLOTS], 0).unwrap();
    assert_eq!(fetched(&lane, 31, 10).unwrap(), "{\"n\":\"ü\"}");
    let given_back = marks(&memory);
    assert_eq!((given_back[30], given_back[31]), (1, 0));
    assert_eq!(fetched(&lane, 0, SLOT_LEN as u32).unwrap().len(), SLOT_LEN, "never written to");
    assert_eq!(fetched(&lane, 31, 8).unwrap(), "{\"n\":\"ü", "a shorter one after a longer");
}

#[test]
fn places_that_are_none_and_bytes_that_are_no_text_are_refused() {
    let (memory, lane) = lane();
    for (slot, len) in [(32, 1), (0, SLOT_LEN as u32 + 1), (u32::MAX, u32::MAX)] {
        assert_eq!(fetched(&lane, slot, len), Err(DecodeError::NotLent { slot, len }));
    }
    pwrite(&memory, b"\"\xff\"", HEAD_LEN as u64).unwrap();
    assert_eq!(fetched(&lane, 0, 3), Err(DecodeError::NotUtf8 { field: "data" }));
}

#[test]
fn a_publisher_that_holds_its_memory_holds_up_nobody() {
    let (memory, lane) = lane();
    rustix::fs::flock(&memory, rustix::fs::FlockOperation::LockExclusive).unwrap();
    pwrite(&memory, b"1", HEAD_LEN as u64).unwrap();
    // Punching a hole into the marks gives them back to the system; they are there again when they are written to.
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&memory, punch, 0, HEAD_LEN as u64).unwrap();
    assert_eq!(fetched(&lane, 0, 1).unwrap(), "1");
    assert_eq!(marks(&memory), [0; SLOTS]);
}
