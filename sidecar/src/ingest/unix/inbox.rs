//! What a publisher has sent and nobody has looked at yet.

use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

use interprocess::os::unix::uds_local_socket::tokio::Stream;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::{io::Interest, task::coop::consume_budget};

/// What is read at once. A frame that fits is looked at where it is: it is not copied, and takes one read.
const ROOM: usize = 64 * 1024;

/// Bytes in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A descriptor that came along, the last if there were several.
    descriptor: Option<OwnedFd>,
}

impl Inbox {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// A descriptor that came with what was read last.
    pub(super) fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptor.take()
    }

    /// Reads into the inbox, which must be empty; how many bytes there are, 0 at the end of the stream. What is `there` for sure
    /// is read at once: the runtime has not heard of it yet, and asking it takes as long as a whole publish.
    pub(super) async fn fill(&mut self, stream: &mut Stream, there: bool) -> io::Result<usize> {
        if self.buffer.is_empty() {
            // Zeroed by the system, and not in memory before something is read into it.
            self.buffer = vec![0; ROOM];
        }
        if there {
            // So that one publisher who never pauses leaves the thread to others now and then.
            consume_budget().await;
        }
        let Self { buffer, descriptor, .. } = self;
        let read = match there.then(|| receive(&*stream, buffer, descriptor)) {
            Some(Ok(read)) => read,
            // Its errors are the runtime's to tell.
            Some(Err(_)) | None => {
                stream.inner().async_io(Interest::READABLE, || receive(&*stream, buffer, descriptor)).await?
            }
        };
        (self.start, self.end) = (0, read);
        Ok(read)
    }
}

/// Reads what there is, and takes a descriptor that comes along, the last if there are several. The others are closed.
fn receive(stream: &impl AsFd, buffer: &mut [u8], descriptor: &mut Option<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            *descriptor = descriptors.last();
        }
    }
    Ok(received.bytes)
}
