//! The spool: files that take publishes while the sidecar is away, until it drains them.
//!
//! Each publisher (one process, and after a fork each of the two) appends to a file of its own, made with `O_EXCL` under a
//! name nobody can guess; the sidecar reads and removes it. A file is `RESPOOL1` and then records:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | bytes of the frame, big-endian |
//! | 4 | CRC-32 (IEEE) of the time and the frame, big-endian |
//! | 8 | when it was spooled, microseconds since 1970-01-01 UTC, big-endian |
//! | … | the publish frame, header included, with the flag `replayed` |
//!
//! The name is `<socket>-<pid>-<publisher>-<number>.spool`: the [socket's number](socket_number), the publisher's random
//! number, and a number that counts its files up; a publisher's later file is drained after its earlier one.
//!
//! **Who may touch it when.** Appending takes `flock` on the file, looks whether it still has a name, writes one record with
//! one call, and lets go. The sidecar reads as far as it can, takes the lock for the rest, again and again
//! for some milliseconds where a publisher spools faster, removes the name, and lets go. So a
//! publisher that finds its file nameless knows that all it spooled has been emitted: only then does it publish directly
//! again, and its events keep their order. A process killed at any point leaves at worst one torn record at the end.

mod record;
mod writer;

pub use record::{Next, Records};
pub use writer::{SpoolError, Writer};

use std::path::{Path, PathBuf};

/// The first bytes of a spool file.
pub const MAGIC: [u8; 8] = *b"RESPOOL1";
/// What the name of a spool file ends in.
pub const SUFFIX: &str = ".spool";
/// The most bytes all spool files of a directory may have together, unless set otherwise: 256 MiB.
pub const DEFAULT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Where to spool, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The directory. It is never created here: its owner and mode decide who may publish.
    pub dir: PathBuf,
    /// The most bytes of all spool files in it together. Looked at now and then: each publisher may go over it by a 64th.
    pub max_bytes: u64,
}

/// Where the spool of a sidecar is unless it is set otherwise, on both ends: `/var/spool/rustecho` for a socket under `/run`
/// (which may be emptied when the sidecar stops), else the folder `spool` beside the socket.
#[must_use]
pub fn default_dir(socket: &Path) -> PathBuf {
    if socket.starts_with("/run") || socket.starts_with("/var/run") {
        return "/var/spool/rustecho".into();
    }
    socket.parent().unwrap_or(Path::new("")).join("spool")
}

/// A number for a socket's path, so that several sidecars may share a directory: FNV-1a of the path as it is written, with `/var/run/`
/// taken for `/run/`, and without what says nothing: `//` and `/./` are `/`. Links are not looked at: the folder may be gone.
#[must_use]
pub fn socket_number(socket: &Path) -> u64 {
    // Leaves those out, but for a dot at the beginning, which makes no difference to what is relative.
    let plain: PathBuf = socket.components().collect();
    let path = plain.as_os_str().as_encoded_bytes();
    let path = path.strip_prefix(b"/var").filter(|rest| rest.starts_with(b"/run/")).unwrap_or(path);
    path.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What a spool file's name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName {
    /// See [`socket_number`].
    pub socket: u64,
    /// The publisher's random number.
    pub publisher: u64,
    /// Counts this publisher's files up, from 0.
    pub number: u32,
    /// The publisher's process id, for people.
    pub pid: u32,
}

impl FileName {
    /// The name.
    #[must_use]
    pub fn to_name(&self) -> String {
        format!("{:016x}-{}-{:016x}-{}{SUFFIX}", self.socket, self.pid, self.publisher, self.number)
    }

    /// Reads a name; `None` for what no publisher would write.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(SUFFIX)?.split('-');
        let [socket, pid, publisher, number] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let name = Self {
            socket: u64::from_str_radix(socket, 16).ok()?,
            pid: pid.parse().ok()?,
            publisher: u64::from_str_radix(publisher, 16).ok()?,
            number: number.parse().ok()?,
        };
        parts.next().is_none().then_some(name)
    }
}

#[cfg(test)]
mod tests;
