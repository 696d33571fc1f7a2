//! A publisher's end of the spool.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{FileName, MAGIC, SUFFIX, SpoolSettings, record, socket_number};
use crate::client::Deadline;
use crate::sys;

/// Sticky bit: files there belong to who made them.
const STICKY: u32 = 0o1000;
/// Files there get the directory's group.
const SETGID: u32 = 0o2000;
/// Others than the owner and the group may write.
const OTHERS_WRITE: u32 = 0o002;

/// A file that has so many bytes gets no more: a sidecar that is killed while it drains starts that file again, and has to
/// remember what it emitted of it.
const LONG: u64 = 1024 * 1024;
/// How many files are begun in vain before there is no spool.
const TRIES: u32 = 8;
/// Names in a row that somebody else may have taken.
const TAKEN: u32 = 1_000;

/// Who spools while a sidecar drains waits longer before each event than before the one before, between these bounds, as it would
/// wait for receipts: or the sidecar could never catch up with it.
pub(super) const PACE: Duration = Duration::from_micros(20);
pub(super) const SLOWEST: Duration = Duration::from_millis(10);
/// How often it is looked whether a sidecar is there for which events wait.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A sidecar that has drained nothing for so long is taken for gone.
pub(super) const DRAINS: Duration = Duration::from_secs(10);

/// Why an event could not be spooled. Nothing of it stays in the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no such directory, or no file can be made in it.
    #[error("no file can be made in {}: {source}", dir.display())]
    Open {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory is a symbolic link, or anyone may remove files from it.
    #[error("{} is not used: {reason}", dir.display())]
    Unsafe {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bound is reached.
    #[error("{} is full: {used} of {limit} bytes; start the sidecar, or raise rustecho.spool_max_bytes", dir.display())]
    Full {
        /// The directory.
        dir: PathBuf,
        /// Bytes in it.
        used: u64,
        /// Bytes there may be.
        limit: u64,
    },
    /// The disk is full, or broken.
    #[error("writing to {} failed: {source}", dir.display())]
    Write {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The file that is written to.
#[derive(Debug)]
struct Open {
    dir: PathBuf,
    file: File,
    len: u64,
}

/// One publisher's files, one after the other.
#[derive(Debug)]
pub struct Writer {
    socket: u64,
    publisher: u64,
    pid: u32,
    number: u32,
    open: Option<Open>,
    /// The number of the oldest file that may not have been drained.
    oldest: u32,
    /// Since when events wait; when it was last looked whether a sidecar is there, and since when one is known to be.
    since: Option<Instant>,
    looked: Option<Instant>,
    there: Option<Instant>,
    /// When a sidecar was last seen draining, and how long the next event waits for it.
    drains: Option<Instant>,
    pace: Duration,
    /// Bytes that may be written until the directory is looked at again.
    allowance: u64,
}

impl Writer {
    /// Nothing is opened before there is something to spool.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket_number(socket),
            publisher: 0,
            pid: 0,
            number: 0,
            open: None,
            oldest: 0,
            since: None,
            looked: None,
            there: None,
            drains: None,
            pace: PACE,
            allowance: 0,
        }
    }

    /// Whether events of this process wait in the spool: what comes next has to wait behind them.
    pub fn is_pending(&mut self) -> bool {
        if self.open.is_some() && self.pid != sys::process() {
            self.open = None; // the parent's
        }
        let drained = |open: &Open| open.file.metadata().map_or(true, |file| file.nlink() == 0);
        if self.open.as_ref().is_some_and(drained) {
            self.open = None;
            self.begin_anew();
        }
        self.open.is_some()
    }

    /// There is nothing that waits.
    fn begin_anew(&mut self) {
        (self.oldest, self.pace) = (self.number, PACE);
        (self.since, self.looked, self.there, self.drains) = (None, None, None, None);
    }

    /// Whether to ask if a sidecar is there: while events wait the socket is left alone, and nobody would know.
    pub(crate) fn shall_look(&mut self) -> bool {
        let due = self.there.is_none() && self.looked.max(self.since).is_some_and(|last| last.elapsed() >= LOOK_EVERY);
        if due {
            self.looked = Some(Instant::now());
        }
        due
    }

    /// A sidecar has answered.
    pub(crate) fn is_there(&mut self) {
        if self.open.is_some() && self.there.is_none() {
            self.there = Some(Instant::now());
        }
    }

    /// None has, or it is there no more.
    pub(crate) fn is_away(&mut self) {
        self.there = None;
    }

    /// Whether a sidecar is draining what this process spools: one after the other of its files goes.
    pub(super) fn is_drained_now(&mut self) -> bool {
        let Some(open) = &self.open else { return false };
        while self.oldest + 1 < self.number {
            let gone = fs::symlink_metadata(open.dir.join(self.name(self.oldest).to_name()))
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            if !gone {
                break;
            }
            self.oldest += 1;
            self.drains = Some(Instant::now());
        }
        self.drains.is_some_and(|seen| seen.elapsed() < DRAINS)
    }

    fn name(&self, number: u32) -> FileName {
        FileName { socket: self.socket, publisher: self.publisher, number, pid: self.pid }
    }

    /// The number of the sidecar's socket.
    pub(crate) fn socket(&self) -> u64 {
        self.socket
    }

    /// Whether a file is open, drained or not.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// For how long events have waited while a sidecar was there, without a sign that it drains.
    pub(crate) fn waited(&self) -> Option<Duration> {
        self.open.as_ref()?;
        Some(self.there.map(|there| self.drains.map_or(there, |seen| seen.max(there)))?.elapsed())
    }

    /// Lets go of the open file: what comes next no longer waits for it.
    pub(crate) fn let_go(&mut self) {
        self.open = None;
        self.begin_anew();
    }

    /// Appends publish frames, which get the flag `replayed`: all of them, or none. `false`: none, because what they were to come
    /// `behind` has been drained by now, and there is time to ask the sidecar.
    ///
    /// # Errors
    /// See [`SpoolError`].
    pub(crate) fn append<'a>(
        &mut self,
        settings: &SpoolSettings,
        frames: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        behind: bool,
        deadline: Deadline,
    ) -> Result<bool, SpoolError> {
        let time = now();
        let records: Vec<_> = frames.map(|(head, data)| (record::begin(time, head, data), data)).collect();
        let len = records.iter().map(|(begin, data)| (begin.len() + data.len()) as u64).sum();
        let long = self.open.as_ref().is_some_and(|open| open.len >= LONG);
        let pending = self.is_pending();
        if pending && self.is_drained_now() {
            std::thread::sleep(self.pace.min(deadline.left().unwrap_or_default() / 2));
            self.pace = (self.pace * 2).min(SLOWEST);
        }
        if !pending || long || !self.lock(deadline) {
            if behind && deadline.is_ample() && !self.is_pending() {
                return Ok(false);
            }
            // A sidecar that was stopped while it held the lock keeps that file; the next one comes after it.
            self.open = None;
            self.create(settings)?;
        }
        let written = self.make_room(settings, len).and_then(|()| self.write(&records, len));
        if let Some(open) = &self.open {
            let _ = open.file.unlock();
        }
        written.map(|()| true)
    }

    /// Takes the lock; `false` when the file is no more, or the lock is not to be had in time.
    fn lock(&mut self, deadline: Deadline) -> bool {
        let Some(open) = &self.open else { return false };
        let mut pause = Duration::from_micros(20);
        loop {
            match open.file.try_lock() {
                Ok(()) => return open.file.metadata().is_ok_and(|file| file.nlink() > 0),
                Err(TryLockError::WouldBlock) => self.drains = Some(Instant::now()),
                Err(TryLockError::Error(_)) => return false,
            }
            let Some(left) = deadline.left() else { return false };
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    /// Makes the next file, locked.
    fn create(&mut self, settings: &SpoolSettings) -> Result<(), SpoolError> {
        let dir = settings.dir.clone();
        let failed = |source| SpoolError::Open { dir: dir.clone(), source };
        let about = fs::symlink_metadata(&dir).map_err(failed)?;
        if !about.is_dir() {
            return Err(SpoolError::Unsafe { dir, reason: "it is not a directory, or a symbolic link to one" });
        }
        if about.mode() & OTHERS_WRITE != 0 && about.mode() & STICKY == 0 {
            return Err(SpoolError::Unsafe { dir, reason: "anyone may remove files from it; give it the sticky bit" });
        }
        let pid = sys::process();
        if self.pid != pid {
            (self.pid, self.number, self.publisher) = (pid, 0, u64::from_be_bytes(sys::random_bytes()));
            self.begin_anew();
        }
        let setgid = about.mode() & SETGID != 0;
        // A sidecar that looks between the two calls takes an empty file for one that is done with: then the next one.
        let (mut tries, mut taken) = (TRIES, TAKEN);
        while tries > 0 {
            let path = dir.join(self.name(self.number).to_name());
            let mut options = OpenOptions::new();
            options.append(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
            let opened = options.open(&path);
            self.number += 1;
            let file = match opened {
                Ok(file) => file,
                // Whoever may write here can guess the next name. It is not followed, and not waited for.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken > 0 => {
                    taken -= 1;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            tries -= 1;
            match begin(&file, setgid) {
                Ok(true) => {
                    self.open = Some(Open { dir, file, len: MAGIC.len() as u64 });
                    self.since.get_or_insert_with(Instant::now);
                    self.allowance = 0;
                    return Ok(());
                }
                Ok(false) => {}
                Err(source) => {
                    let _ = fs::remove_file(path);
                    return Err(SpoolError::Write { dir, source });
                }
            }
        }
        Err(SpoolError::Write { dir, source: io::Error::other("somebody removes the files there at once") })
    }

    /// Looks at the whole directory, but only every 64th part of what it may hold.
    fn make_room(&mut self, settings: &SpoolSettings, bytes: u64) -> Result<(), SpoolError> {
        if self.allowance < bytes {
            let own = self.open.as_ref().map_or(0, |open| open.len);
            let used = used(&settings.dir).unwrap_or(own);
            if used.saturating_add(bytes) > settings.max_bytes {
                return Err(SpoolError::Full { dir: settings.dir.clone(), used, limit: settings.max_bytes });
            }
            self.allowance = bytes.max(settings.max_bytes / 64).min(settings.max_bytes - used);
        }
        self.allowance -= bytes;
        Ok(())
    }

    fn write(&mut self, records: &[(Vec<u8>, &[u8])], len: u64) -> Result<(), SpoolError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if let Err(source) = write_all(&open.file, records) {
            let dir = open.dir.clone();
            // A part may have been written. What cannot be taken back is a torn end, which the next file does not have.
            if open.file.set_len(open.len).is_err() {
                self.open = None;
            }
            return Err(SpoolError::Write { dir, source });
        }
        open.len += len;
        Ok(())
    }
}

/// Locks a new file and writes its first bytes; `false` when it has been drained already.
fn begin(mut file: &File, setgid: bool) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // With the directory's group, which is the sidecar's, that one may read it without being root.
    if setgid {
        file.set_permissions(Permissions::from_mode(0o640))?;
    }
    file.write_all(&MAGIC)?;
    Ok(file.metadata()?.nlink() > 0)
}

/// With one system call, where the disk lets it.
fn write_all(mut file: &File, records: &[(Vec<u8>, &[u8])]) -> io::Result<()> {
    let mut slices: Vec<_> =
        records.iter().flat_map(|(begin, data)| [begin.as_slice(), data]).map(IoSlice::new).collect();
    let mut left = &mut slices[..];
    IoSlice::advance_slices(&mut left, 0); // lets go of the empty ones at the start
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes of all spool files in `dir`; `None` where it may not be listed.
fn used(dir: &Path) -> Option<u64> {
    let files = fs::read_dir(dir).ok()?.flatten();
    let spooled = files.filter(|file| file.file_name().to_string_lossy().ends_with(SUFFIX));
    Some(spooled.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum())
}

/// Microseconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(0))
}
