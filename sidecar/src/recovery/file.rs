//! The file that carries sessions and events from a sidecar that stops to the one that starts.
//!
//! ```text
//! rustecho recovery 5 LF  |  SHA-256 of the rest, 32 bytes  |  a Snapshot, in postcard's format
//! ```
//!
//! It is written whole or not at all, readable by its owner alone, and read once: whoever reads it removes it, so that it can
//! never be mistaken for what another sidecar left. What is not as it should be is not used.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Epoch, Moment, PidHash, Trace};
use crate::cluster::Left;

const MAGIC: &[u8] = b"rustecho recovery 5\n";
/// Above this, in bytes, nothing is written, and nothing is read.
const MOST: u64 = 1024 * 1024 * 1024;

/// Everything there is to know for the next sidecar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was written.
    pub moment: Moment,
    /// The epoch that goes on.
    pub epoch: Epoch,
    /// Its last number.
    pub last: u64,
    /// The sessions.
    pub sessions: Vec<SavedSession>,
    /// The history of the channels they are on.
    pub channels: Vec<SavedChannel>,
    /// The members of presence channels, in the order in which they joined.
    pub members: Vec<SavedMember>,
    /// In a cluster: how far the other nodes had been heard.
    pub left: Option<Left>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedSession {
    /// Its socket id.
    pub id: String,
    /// Who may have it.
    pub pid: PidHash,
    /// The number it began at.
    pub begun: u64,
    /// When its connection was lost; milliseconds since 1970.
    pub since: u64,
    /// What it was written.
    pub trace: Trace,
    /// What it is subscribed to, in the order of subscribing.
    pub stays: Vec<SavedStay>,
    /// How often it has changed its node.
    pub generation: u32,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedStay {
    /// The channel's name.
    pub channel: String,
    /// See [`super::Span`].
    pub joined: u64,
    /// See [`super::Span`].
    pub left: u64,
    /// When Laravel consented, in milliseconds since 1970, and a hash of what it was told.
    pub consent: Option<(u64, u64)>,
}

/// A channel's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedChannel {
    /// The channel's name.
    pub name: String,
    /// Events up to this number may be missing.
    pub complete_from: u64,
    /// The events.
    pub events: Vec<SavedEvent>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedEvent {
    /// Its number.
    pub number: u64,
    /// When it was emitted; milliseconds since 1970.
    pub at: u64,
    /// The packet, offset included.
    pub text: String,
    /// Its binary attachments.
    pub attachments: Vec<Vec<u8>>,
    /// The socket id that shall not get it.
    pub except: Option<String>,
}

/// A presence member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedMember {
    /// The channel's name.
    pub channel: String,
    /// Whose it is.
    pub socket: String,
    /// What Laravel said of it, as JSON.
    pub json: String,
}

/// Why a file is not used, or not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Somebody else may have written it.
    #[error("it is not a file that only its owner, the sidecar's user, can read and write")]
    Foreign,
    /// Too large.
    #[error("it has {0} bytes; at most {MOST} are allowed")]
    TooLarge(u64),
    /// Not of this version, cut short, or changed.
    #[error("it is damaged, or of another version")]
    Damaged,
    /// It cannot be put into bytes.
    #[error("{0}")]
    Encode(#[from] postcard::Error),
}

/// Writes a snapshot; what was there before is replaced.
///
/// # Errors
/// [`FileError`]; then there is no file.
pub fn write(path: &Path, snapshot: &Snapshot) -> Result<(), FileError> {
    let body = postcard::to_stdvec(snapshot)?;
    if body.len() as u64 > MOST {
        return Err(FileError::TooLarge(body.len() as u64));
    }
    let unfinished = path.with_extension("recovery.new");
    let _ = fs::remove_file(&unfinished);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(MAGIC)?;
        file.write_all(&Sha256::digest(&body))?;
        file.write_all(&body)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
        let _ = fs::remove_file(path);
    }
    Ok(written?)
}

/// Reads and removes the file; none when there is none.
///
/// # Errors
/// [`FileError`], after the file has been removed if that is possible.
pub fn take(path: &Path) -> Result<Option<Snapshot>, FileError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = match OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let snapshot = read(file);
    // What cannot be removed would be found again, and be wrong by then.
    fs::remove_file(path)?;
    snapshot.map(Some)
}

fn read(file: File) -> Result<Snapshot, FileError> {
    let about = file.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    if !about.is_file() || about.uid() != own || about.mode() & 0o077 != 0 {
        return Err(FileError::Foreign);
    }
    if about.len() > MOST {
        return Err(FileError::TooLarge(about.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    file.take(MOST).read_to_end(&mut bytes)?;
    let rest = bytes.strip_prefix(MAGIC).ok_or(FileError::Damaged)?;
    let (digest, body) = rest.split_at_checked(32).ok_or(FileError::Damaged)?;
    if Sha256::digest(body).as_slice() != digest {
        return Err(FileError::Damaged);
    }
    match postcard::take_from_bytes::<Snapshot>(body) {
        Ok((snapshot, [])) if snapshot.is_sound() => Ok(snapshot),
        Ok(_) | Err(_) => Err(FileError::Damaged),
    }
}

impl Snapshot {
    /// Whether no number is larger than the last, and events are in order.
    fn is_sound(&self) -> bool {
        let sessions = self.sessions.iter().all(|session| {
            session.begun <= self.last
                && session.trace.last() <= self.last
                && session.stays.iter().all(|stay| stay.joined <= self.last && stay.left <= self.last)
        });
        let channels = self.channels.iter().all(|channel| {
            let mut before = channel.complete_from;
            channel.events.iter().all(|event| std::mem::replace(&mut before, event.number) < event.number)
                && before <= self.last
        });
        sessions && channels
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
