//! What connection state recovery needs to know: which events there were, which of them a socket was sent, and who may ask.
//!
//! Every event on a channel that a recovering client may be on gets a number of this node, and its text ends in an [`Offset`]
//! made of it. A client that comes back names the last offset it has seen. What it has missed is then on its channels' [`Log`]s,
//! behind that number; except where two channels' events were written at the same time and overtook each other, which the
//! socket's [`Trace`] knows. Nothing in here does IO but [`file`].
//!
//! The wire is Socket.IO's own connection state recovery: <https://socket.io/docs/v4/connection-state-recovery>.

mod clock;
pub mod file;
mod history;
mod log;
pub mod mark;
mod offset;
mod pid;
mod trace;
mod unwritten;

pub use clock::{Look, Moment, now};
pub use history::History;
pub use log::{Entry, Log, Span, TooOld};
pub use mark::Mark;
pub use offset::{Epoch, Offset};
pub use pid::{Pid, PidHash};
pub use trace::{Rewound, Trace};
pub use unwritten::{Doubt, Heard, Unwritten};

/// The offset that a client names. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input)
        && let Some(offset) = Offset::parse(text)
    {
        assert_eq!(Offset::parse(&offset.to_string()), Some(offset));
    }
}

/// What a client says of itself that wants its session back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The private id it was given.
    pub pid: &'a str,
    /// The last offset it has seen; none when it has seen no event.
    pub offset: Option<&'a str>,
}
