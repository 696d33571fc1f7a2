//! Draining: reading spool files and publishing what is in them.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustecho_wire::{
    Decoded, EventId, Kind, Publish as Spooled, frame,
    spool::{FileName, Next, Records},
};

use super::SpoolSource;
use crate::{
    hub::Later,
    ingest::data,
    publisher::{Came, Publish, Source},
};

/// A short breath after so many bytes, so that a long spool does not overrun the queues of slow clients.
const BREATH_EVERY: usize = 256 * 1024;
const BREATH: Duration = Duration::from_millis(10);
/// How often a lock that a publisher holds is tried again before the file is left for the next look, and how long it is waited
/// between. A publisher holds it for one write, but one that spools without a pause has it nearly always.
const TRIES: u32 = 1000;
const TRY_EVERY: Duration = Duration::from_micros(100);
/// A publisher that spools faster than can be read is kept waiting for so long at a time, and let in for so long in between. Without,
/// its file would have no end.
const HOLD: Duration = Duration::from_millis(10);
const LET_IN: Duration = Duration::from_millis(2);

/// What a pass has found.
#[derive(Default)]
struct Tally {
    events: u64,
    expired: u64,
    unfit: u64,
    bytes: usize,
    later: Later,
}

/// A file that is read.
struct Reading {
    records: Records,
    /// Records that have been read, and their bytes.
    read: u64,
    bytes: u64,
    /// The first so many were dealt with when the file was read before.
    done: u64,
}

/// How far a file was read.
enum End {
    Whole,
    Torn,
    Damaged,
    /// It goes on: enough for this time.
    More,
    Stopped,
}

impl SpoolSource {
    /// Drains these files one after the other, until `ended`. Whether it is worth looking again at once: publishers may have begun the
    /// next ones.
    pub(super) fn drain(&self, files: Vec<(FileName, PathBuf)>, ended: &AtomicBool) -> bool {
        let mut finished = false;
        let mut tally = Tally::default();
        let mut left: Option<u64> = None;
        self.begun.lock().retain(|begun, _| files.iter().any(|(_, path)| path == begun));
        for (name, path) in files {
            // A file that could not be finished keeps its publisher's later ones waiting.
            if left == Some(name.publisher) || ended.load(Relaxed) {
                continue;
            }
            match self.drain_file(&path, &mut tally, ended) {
                Ok(true) => finished = true,
                Ok(false) => left = Some(name.publisher),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if self.unfit.is_first(&path.to_string_lossy()) {
                        tracing::error!(path = %path.display(), %error, "a spool file cannot be read; said once for each file");
                    }
                    left = Some(name.publisher);
                }
            }
        }
        let Tally { events, expired, unfit, .. } = tally;
        if events > 0 {
            tracing::info!(events, "drained the spool");
        }
        if expired > 0 {
            tracing::warn!(expired, "spooled events were older than spool.ttl and have been dropped");
        }
        if unfit > 0 {
            tracing::warn!(unfit, "events in the spool were no publish frames with JSON data, and have been dropped");
        }
        finished && events > 0
    }

    /// Whether the file is done with, and gone.
    fn drain_file(&self, path: &Path, tally: &mut Tally, ended: &AtomicBool) -> io::Result<bool> {
        let Some(file) = self.open_file(path)? else { return Ok(true) };
        let inode = file.metadata()?.ino();
        let begun = self.begun.lock().remove(path).filter(|(of, _)| *of == inode);
        let done = begun.map_or(0, |(_, done)| done);
        let mut reading = Reading { records: Records::new(file), read: 0, bytes: 0, done };
        let finished = self.read_and_lock(&mut reading, tally, ended).and_then(|end| match end {
            Some(end) => self.finish(path, &end, tally),
            None => Ok(false),
        });
        if !matches!(finished, Ok(true)) {
            // Next time it goes on there: what was emitted is neither emitted nor counted again.
            self.tell_others(tally);
            self.begun.lock().insert(path.into(), (inode, reading.read.max(reading.done)));
        }
        finished
    }

    /// A file was read so far, and is locked. Whether it is done with, and gone.
    fn finish(&self, path: &Path, end: &End, tally: &mut Tally) -> io::Result<bool> {
        match end {
            End::Stopped => return Ok(false),
            End::Whole | End::More => {}
            // Its publisher has no lock: it has died, and a torn end stays torn.
            End::Torn | End::Damaged => {
                self.counters.spool_torn.add();
                let what = if matches!(end, End::Torn) { "ends inside an event" } else { "is damaged" };
                tracing::warn!(path = %path.display(), "a spool file {what}; what follows is lost");
            }
        }
        self.tell_others(tally);
        fs::remove_file(path)?;
        Ok(true)
    }

    /// Reads a file to its end, and is left with its lock: nothing comes behind. What is there at first is read beside the
    /// publisher, so that little is left to be read while it waits. `None` when the lock is not to be had.
    fn read_and_lock(&self, reading: &mut Reading, tally: &mut Tally, ended: &AtomicBool) -> io::Result<Option<End>> {
        let there = reading.records.file().metadata()?.len();
        let mut tries = 0;
        while tries < TRIES {
            if let End::Stopped = self.read_on(reading, tally, ended, |bytes| bytes < there)? {
                return Ok(Some(End::Stopped));
            }
            match reading.records.file().try_lock() {
                Ok(()) => tries = 0,
                Err(TryLockError::WouldBlock) => {
                    tries += 1;
                    std::thread::sleep(TRY_EVERY);
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // A publisher that could not write a whole record has taken back the rest, and may have written another in its place.
            reading.records.forget_rest()?;
            let until = Instant::now() + HOLD;
            match self.read_on(reading, tally, ended, |_| Instant::now() < until)? {
                End::More => {
                    reading.records.file().unlock()?;
                    std::thread::sleep(LET_IN);
                }
                end => return Ok(Some(end)),
            }
        }
        Ok(None)
    }

    /// What was in a file is nowhere else until the other nodes can have it.
    fn tell_others(&self, tally: &mut Tally) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.block_on(self.publisher.told(&mut tally.later));
        }
    }

    /// Opens a file that a publisher may have made; anything else is removed.
    fn open_file(&self, path: &Path) -> io::Result<Option<File>> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = match opened {
            Ok(file) => Some(file),
            // A symbolic link, or a socket.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => None,
            Err(error) => return Err(error),
        };
        let is_good = |file: &File| -> io::Result<bool> {
            let about = file.metadata()?;
            let allowed = self.allowed_uids.is_empty() || self.allowed_uids.contains(&about.uid());
            Ok(about.is_file() && about.nlink() == 1 && allowed)
        };
        match file {
            Some(file) if is_good(&file)? => Ok(Some(file)),
            _ => {
                self.counters.spool_foreign.add();
                if self.unfit.is_first(&path.to_string_lossy()) {
                    tracing::warn!(path = %path.display(), "removed from the spool unread: no publisher that may publish here made it");
                }
                if fs::remove_file(path).is_err() {
                    fs::remove_dir(path)?;
                }
                Ok(None)
            }
        }
    }

    /// Publishes record after record, as far as the file goes, or while more is wanted after so many bytes.
    fn read_on(
        &self,
        reading: &mut Reading,
        tally: &mut Tally,
        ended: &AtomicBool,
        wanted: impl Fn(u64) -> bool,
    ) -> io::Result<End> {
        loop {
            if ended.load(Relaxed) {
                return Ok(End::Stopped);
            }
            if !wanted(reading.bytes) {
                return Ok(End::More);
            }
            match reading.records.read()? {
                Next::Record { time, frame } => {
                    reading.read += 1;
                    reading.bytes += frame.len() as u64;
                    if reading.read <= reading.done {
                        continue;
                    }
                    if self.is_expired(time) {
                        tally.expired += 1;
                        self.counters.spool_expired.add();
                    } else {
                        tally.events += 1;
                        self.counters.spool_drained.add();
                        self.publish(frame, tally);
                    }
                    tally.bytes += frame.len();
                }
                Next::End => return Ok(End::Whole),
                Next::Torn => return Ok(End::Torn),
                Next::Damaged => return Ok(End::Damaged),
            }
            if tally.bytes > BREATH_EVERY {
                tally.bytes = 0;
                std::thread::sleep(BREATH);
            }
        }
    }

    /// A time in the future is a clock that was set back: such an event is fresh.
    fn is_expired(&self, time: u64) -> bool {
        let spooled = UNIX_EPOCH + Duration::from_micros(time);
        SystemTime::now().duration_since(spooled).is_ok_and(|age| age > self.settings.ttl)
    }

    /// A refusal has nobody to be told to: it is counted and logged at the door.
    fn publish(&self, frame: &[u8], tally: &mut Tally) {
        let event = match frame::decode(frame) {
            Ok(Decoded::Frame { kind: Kind::Publish, body, consumed }) if consumed == frame.len() => {
                Spooled::decode(body).ok()
            }
            _ => None,
        };
        let data = event.as_ref().and_then(|event| data::json(event.data).ok());
        let (Some(event), Some(data)) = (event, data) else {
            self.counters.spool_refused.add();
            tally.unfit += 1;
            return;
        };
        let publish = Publish {
            source: Source::Unix,
            id: (event.id != EventId::NIL).then_some(event.id),
            channels: event.channels,
            event: event.event,
            data,
            except: Some(event.socket).filter(|socket| !socket.is_empty()),
            came_as: None,
            // Its time in the spool is no stage of the road, and would hide the others.
            came: Came { trace: event.trace, ..Came::now() },
        };
        if self.publisher.publish_later(&publish, &mut tally.later).is_err() {
            self.counters.spool_refused.add();
        }
        self.publisher.settle(&mut tally.later);
    }
}
