//! The frames between a publisher and the rustecho sidecar, and a blocking client that speaks them.
//!
//! Everything travels over a Unix stream socket. A frame is eight bytes of header (magic `RE`, version, kind, length of the
//! body as a big-endian `u32`) and a body. A publisher says [`message::Hello`] and is answered by a [`message::Welcome`];
//! it writes a [`message::Publish`] and is answered by a [`message::Receipt`] if it asked for one, or by a
//! [`message::Refusal`] in any case where the event cannot be accepted. `docs/wire-format.md` has every byte.
//!
//! # Layout
//! - [`frame`]: header and framing; the length is checked before anyone allocates.
//! - [`message`]: what the bodies mean; decoding borrows, so an event's data is never copied here.
//! - [`limits`]: how long names, lists and data may be, and the check both ends share.
//! - [`id`]: event ids, unique across processes and forks.
//! - [`json`]: whether an event's data is JSON, found out quickly.
//! - [`lane`]: memory that a publisher lends, for large data of events that nobody waits for.
//! - [`utf8`]: whether bytes are text, found out quickly.
//! - [`error`]: everything that can go wrong, with the limit or the advice in the sentence.
//! - [`client`]: the blocking client behind the PHP extension and the command line.
//! - [`spool`]: the files that take publishes while the sidecar is away; written by publishers, read by the sidecar.
//!
//! No async and no Zend here: the sidecar feeds bytes in from tokio, the extension calls the client from PHP.

#[cfg(unix)]
pub mod client;
pub mod error;
pub mod frame;
pub mod id;
pub mod json;
pub mod lane;
pub mod limits;
pub mod message;
#[cfg(unix)]
pub mod spool;
mod sys;
pub mod utf8;

pub use error::{ClientError, DecodeError, InvalidEvent};
pub use frame::{Decoded, Header, Kind};
pub use id::{EventId, IdSource};
pub use message::{Hello, Message, Publish, Receipt, Refusal, RefusalCode, Welcome};

/// The protocol version this crate speaks, and the only one there is.
pub const PROTOCOL_VERSION: u8 = 1;
