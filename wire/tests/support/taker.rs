//! The client's lent memory: a sidecar's end that takes it.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustecho_wire::frame::{self, Decoded};
use rustecho_wire::lane::Lent;
use rustecho_wire::{Message, Publish};
use rustix::io::{pread, pwrite};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::Peer;

/// Large events of a connection that go by the socket in any case: with the last of them memory is lent.
pub const BEFORE: usize = 5;

/// 32 KB that begin with `number`.
pub fn data(number: usize) -> String {
    format!("[{number},\"{}\"]", "x".repeat(32_000))
}

/// A sidecar's end that takes what is lent.
pub struct Taker {
    stream: UnixStream,
    inbox: Vec<u8>,
    pub memory: Option<OwnedFd>,
    events: VecDeque<(Option<Lent>, String)>,
}

impl Taker {
    pub fn new(peer: &Peer) -> Self {
        Self { stream: peer.stream.try_clone().unwrap(), inbox: Vec::new(), memory: None, events: VecDeque::new() }
    }

    /// The next event's place and data as it is in the frame.
    pub fn next(&mut self) -> Option<(Option<Lent>, String)> {
        while self.events.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut chunk = vec![0; 65_536];
            let flags = RecvFlags::CMSG_CLOEXEC;
            let count = recvmsg(&self.stream, &mut [IoSliceMut::new(&mut chunk)], &mut control, flags).unwrap().bytes;
            if count == 0 {
                return None;
            }
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(files) = message {
                    self.memory = files.last();
                }
            }
            self.inbox.extend_from_slice(&chunk[..count]);
            while let Decoded::Frame { kind, body, consumed } = frame::decode(&self.inbox).unwrap() {
                if let Message::Publish(Publish { lent, data, .. }) = Message::decode(kind, body).unwrap() {
                    self.events.push_back((lent, data.to_owned()));
                }
                self.inbox.drain(..consumed);
            }
        }
        self.events.pop_front()
    }

    pub fn give(&self, slots: &[u8], at: u64) {
        pwrite(self.memory.as_ref().unwrap(), slots, at).unwrap();
    }

    pub fn read(&self, lent: Lent) -> String {
        let (offset, len) = lent.place().unwrap();
        let mut data = vec![0; len];
        assert_eq!(pread(self.memory.as_ref().unwrap(), &mut data, offset as u64), Ok(len));
        String::from_utf8(data).unwrap()
    }
}
