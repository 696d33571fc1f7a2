//! One connection to the sidecar: bytes and frames under a deadline, no policy.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::deadline::Deadline;
use super::lane::Lane;
use super::spin::Spin;
use crate::error::{DecodeError, Stage};
use crate::frame::{self, Decoded, HEADER_LEN, Header};
use crate::message::{Message, Publish};
use crate::sys::{self, Interest};

/// What is read at once: some fifty receipts.
const CHUNK: usize = 2048;
/// The most bytes of an answer's body. Answers are short; a longer one is not the protocol.
const MAX_ANSWER_LEN: usize = 70_000;

/// So many bytes are joined, to be written in one piece: for a list of pieces the system takes 150 ns more.
const JOINED: usize = 4096;
/// Bytes that may wait in the socket: Linux's own limit, `net.core.wmem_max`. The sidecar is not asked to keep more.
const SEND_BUFFER: usize = 212_992;
/// Looking for answers that nobody waits for costs a tenth of a small event: in a burst it is done once in so long.
const LOOK_EVERY: Duration = Duration::from_micros(100);

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
    /// Where the system puts what has arrived.
    chunk: Box<[u8; CHUNK]>,
    /// Bytes written so far.
    pub(super) sent: u64,
    spin: Spin,
    /// When answers that nobody waits for were last looked for.
    looked: Option<Instant>,
    lane: Lane,
}

impl Conn {
    /// Connects. A full backlog makes `connect` wait, for as long as the socket's send timeout says.
    pub(super) fn open(path: &Path, deadline: Deadline) -> Result<Self, OpenError> {
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        loop {
            let left = deadline.left().ok_or(OpenError::Late)?;
            // Less than a microsecond would be for ever.
            socket.set_write_timeout(Some(left.max(Duration::from_micros(1))))?;
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
        // Twice of what is usual: a burst of large events then waits less often. Where the kernel does not grant it, no harm is done.
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        let (inbox, chunk) = (Vec::new(), Box::new([0; CHUNK]));
        Ok(Self {
            socket,
            pid: sys::process(),
            inbox,
            chunk,
            sent: 0,
            spin: Spin::default(),
            looked: None,
            lane: Lane::default(),
        })
    }

    /// Writes both parts as one stream, with as few calls as the socket's buffer allows and without copying more than a little.
    pub(super) fn write(&mut self, head: &[u8], data: &[u8], deadline: Deadline) -> Result<(), Trouble> {
        let whole;
        let (mut head, mut data) = if !data.is_empty() && head.len() + data.len() <= JOINED {
            whole = [head, data].concat();
            (whole.as_slice(), [].as_slice())
        } else {
            (head, data)
        };
        while !(head.is_empty() && data.is_empty()) {
            let sent = match (head, data) {
                (one, []) | ([], one) => self.socket.send_with_flags(one, SEND_FLAGS),
                _ => self.socket.send_vectored_with_flags(&[IoSlice::new(head), IoSlice::new(data)], SEND_FLAGS),
            };
            match sent {
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

    /// Puts data where the sidecar will find it, and finds out that it is text. `None`: it will have to go by the socket.
    ///
    /// # Errors
    /// It is not UTF-8; the number of bytes that are, from the start.
    pub(super) fn stash<'a>(&mut self, data: &'a [u8]) -> Option<Result<&'a str, usize>> {
        self.lane.stash(data)
    }

    /// The frame of an event whose data lies where the sidecar finds it, as it was `stashed` in this call or can be put there now; `None`:
    /// it goes by the socket as it is.
    pub(super) fn lend(&mut self, head: &[u8], data: &[u8], stashed: bool) -> Option<Vec<u8>> {
        let frame = Publish::lend(head, self.lane.put(data, stashed)?)?;
        self.sent += data.len() as u64;
        Some(frame)
    }

    /// Whether memory is to be lent, of which this data would have had use.
    pub(super) fn shall_lend(&mut self, data: &[u8]) -> bool {
        self.lane.is_due(data.len())
    }

    /// Lends memory to the sidecar, if it can be had. `hello` goes along.
    pub(super) fn lend_memory(&mut self, hello: &[u8]) -> Result<(), Trouble> {
        let written = self.lane.lend(&self.socket, hello);
        self.sent += written as u64;
        if written != 0 && written != hello.len() {
            // A few bytes are never cut. If they were, no frame could follow.
            return Err(Trouble::Lost(ErrorKind::WriteZero.into()));
        }
        Ok(())
    }

    /// The next message of the sidecar, waited for until the deadline.
    pub(super) fn read<T>(&mut self, deadline: Deadline, take: fn(Message<'_>) -> T) -> Result<T, Trouble> {
        loop {
            if let Some(message) = self.arrived(take)? {
                return Ok(message);
            }
            if !self.fill()? && !self.fill_soon()? {
                self.wait(Interest::Readable, Stage::Waiting, deadline)?;
            }
        }
    }

    /// Asks again and again for a few microseconds, where that has paid lately; `false` when nothing came.
    fn fill_soon(&mut self) -> Result<bool, Trouble> {
        let Some(end) = self.spin.begin() else { return Ok(false) };
        let mut came = false;
        while !came && !end.is_over() {
            std::hint::spin_loop();
            came = self.fill()?;
        }
        self.spin.learn(came);
        Ok(came)
    }

    /// How long it took to write what is answered next.
    pub(super) fn wrote(&mut self, took: Duration) {
        self.spin.wrote(took);
    }

    /// Whether to look for answers that nobody waits for. A peer that is gone is noticed without: it cannot be written to.
    pub(super) fn shall_look(&mut self, now: Instant) -> bool {
        let due = self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY);
        if due {
            self.looked = Some(now);
        }
        due
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
        loop {
            match (&self.socket).read(&mut *self.chunk) {
                Ok(0) => return Err(Trouble::Lost(io::Error::new(ErrorKind::UnexpectedEof, "end of stream"))),
                Ok(count) => {
                    self.inbox.extend_from_slice(&self.chunk[..count]);
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
