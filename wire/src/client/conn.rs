//! One connection to the sidecar: bytes and frames under a deadline, no policy.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::deadline::Deadline;
use crate::error::{DecodeError, Stage};
use crate::frame::{self, Decoded, HEADER_LEN, Header};
use crate::message::Message;
use crate::sys::{self, Interest};

/// The most bytes of an answer's body. Answers are short; a longer one is not the protocol.
const MAX_ANSWER_LEN: usize = 70_000;

/// A peer that has closed shall be an error, not a signal that ends PHP. (Elsewhere the socket itself is told so.)
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const SEND_FLAGS: i32 = 0;

/// What stopped an exchange. After any of these the connection must not be used again.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The peer is gone.
    Lost(io::Error),
    /// The time is over.
    Late(Stage),
    /// The answer is not the protocol.
    Garbled(DecodeError),
}

/// A connected socket, its process and the start of a frame that has not arrived whole yet. Dropping it closes the file
/// descriptor and no more: a fork's parent goes on using its own.
#[derive(Debug)]
pub(super) struct Conn {
    socket: Socket,
    /// Who opened it: after a fork this is not us, and not a byte may be written.
    pub(super) pid: u32,
    inbox: Vec<u8>,
    /// Bytes written so far.
    pub(super) sent: u64,
}

impl Conn {
    /// Connects. A full backlog makes `connect` wait, for as long as the socket's send timeout says.
    pub(super) fn open(path: &Path, deadline: Deadline) -> Result<Self, OpenError> {
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        loop {
            let left = deadline.left().ok_or(OpenError::Late)?;
            socket.set_write_timeout(Some(left))?;
            match socket.connect(&address) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(OpenError::Late);
                }
                Err(error) => return Err(error.into()),
            }
        }
        // From here on `poll` does the waiting: one deadline over many reads and writes.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, pid: std::process::id(), inbox: Vec::new(), sent: 0 })
    }

    /// Writes both parts as one stream, with as few calls as the socket's buffer allows and without copying either.
    pub(super) fn write(&mut self, mut head: &[u8], mut data: &[u8], deadline: Deadline) -> Result<(), Trouble> {
        while !(head.is_empty() && data.is_empty()) {
            let parts = [IoSlice::new(head), IoSlice::new(data)];
            match self.socket.send_vectored_with_flags(&parts, SEND_FLAGS) {
                Ok(written) => {
                    self.sent += written as u64;
                    let of_head = written.min(head.len());
                    head = &head[of_head..];
                    data = &data[(written - of_head).min(data.len())..];
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Interest::Writable, Stage::Writing, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    deadline.left().ok_or(Trouble::Late(Stage::Writing))?;
                }
                Err(error) => return Err(Trouble::Lost(error)),
            }
        }
        Ok(())
    }

    /// The next message of the sidecar, waited for until the deadline.
    pub(super) fn read<T>(&mut self, deadline: Deadline, take: fn(Message<'_>) -> T) -> Result<T, Trouble> {
        loop {
            if let Some(message) = self.arrived(take)? {
                return Ok(message);
            }
            if !self.fill()? {
                self.wait(Interest::Readable, Stage::Waiting, deadline)?;
            }
        }
    }

    /// The next message of the sidecar if it is already here.
    pub(super) fn read_now<T>(&mut self, take: fn(Message<'_>) -> T) -> Result<Option<T>, Trouble> {
        loop {
            if let Some(message) = self.arrived(take)? {
                return Ok(Some(message));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Takes one whole message off the inbox.
    fn arrived<T>(&mut self, take: fn(Message<'_>) -> T) -> Result<Option<T>, Trouble> {
        if let Some(header) = self.inbox.first_chunk::<HEADER_LEN>() {
            let len = Header::parse(header).map_err(Trouble::Garbled)?.len;
            if len > MAX_ANSWER_LEN {
                return Err(Trouble::Garbled(DecodeError::FieldTooLong {
                    field: "answer",
                    len,
                    limit: MAX_ANSWER_LEN,
                }));
            }
        }
        let Decoded::Frame { kind, body, consumed } = frame::decode(&self.inbox).map_err(Trouble::Garbled)? else {
            return Ok(None);
        };
        let taken = take(Message::decode(kind, body).map_err(Trouble::Garbled)?);
        self.inbox.drain(..consumed);
        Ok(Some(taken))
    }

    /// Reads what is there; `false` when that is nothing yet.
    fn fill(&mut self) -> Result<bool, Trouble> {
        let mut chunk = [0u8; 2048];
        loop {
            match (&self.socket).read(&mut chunk) {
                Ok(0) => return Err(Trouble::Lost(io::Error::new(ErrorKind::UnexpectedEof, "end of stream"))),
                Ok(count) => {
                    self.inbox.extend_from_slice(&chunk[..count]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Lost(error)),
            }
        }
    }

    fn wait(&self, interest: Interest, stage: Stage, deadline: Deadline) -> Result<(), Trouble> {
        loop {
            let left = deadline.left().ok_or(Trouble::Late(stage))?;
            match sys::wait(&self.socket, interest, left) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Lost(error)),
            }
        }
    }
}

/// Why no connection could be made.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The time is over: the listener's backlog is full.
    Late,
    /// The system said no.
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What to do about a connection that cannot be made.
pub(super) fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => {
            "no such file: start the sidecar, or set the publisher's socket path to the sidecar's unixSocket.path"
        }
        ErrorKind::ConnectionRefused => "nobody listens there: start the sidecar",
        ErrorKind::PermissionDenied => {
            "that user may not open the socket: set unixSocket.mode, or add the user to the socket's group"
        }
        ErrorKind::InvalidInput => "a socket path has at most 107 bytes: use a shorter one",
        _ => "see whether the sidecar is running and the path is its socket",
    }
}
