//! The spool's directory: who may write to it, and what is in it.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustecho_wire::spool::FileName;

use crate::{config::UnixSocketConfig, ingest::unix::group_id};

/// Why there is no spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be had.
    #[error("spool.path: {path}: {error}")]
    Folder {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody else could remove or plant files.
    #[error("spool.path: {path} is not used: {reason}")]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The ledger cannot be had.
    #[error("spool.path: {path}: {error}; does another sidecar use this spool for the same socket?")]
    Ledger {
        /// The ledger's file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Makes the directory for those who may open the socket: for each class that may write to the socket, all rights; files there
/// belong to who made them (sticky) and may be read by the directory's group (setgid).
pub(super) fn prepare(dir: &Path, unix: &UnixSocketConfig) -> Result<(), SpoolError> {
    let failed = |error| SpoolError::Folder { path: dir.into(), error };
    let mut builder = DirBuilder::new();
    match builder.recursive(false).mode(0o700).create(dir) {
        Ok(()) => {
            if let Some(gid) = unix.group.as_deref().and_then(group_id) {
                std::os::unix::fs::chown(dir, None, Some(gid)).map_err(failed)?;
            }
            fs::set_permissions(dir, Permissions::from_mode(mode(unix.mode))).map_err(failed)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let about = fs::symlink_metadata(dir).map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    let reason = match () {
        () if !about.is_dir() => "it is not a directory, or a symbolic link to one",
        () if about.uid() != own && about.uid() != 0 => "it belongs neither to the sidecar's user nor to root",
        () if about.mode() & 0o002 != 0 && about.mode() & 0o1000 == 0 => {
            "anyone may remove files from it; give it the sticky bit"
        }
        () => return Ok(()),
    };
    Err(SpoolError::Unsafe { path: dir.into(), reason })
}

/// The directory's mode for a socket of this mode.
fn mode(socket: u32) -> u32 {
    let group = if socket & 0o020 != 0 { 0o070 } else { 0 };
    let others = if socket & 0o002 != 0 { 0o007 } else { 0 };
    0o3700 | group | others
}

/// The spool files for this socket, each publisher's in their order.
pub(super) fn files(dir: &Path, socket: u64) -> Vec<(FileName, PathBuf)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((FileName::parse(entry.file_name().to_str()?)?, entry.path())))
        .filter(|(name, _)| name.socket == socket)
        .collect();
    files.sort();
    files
}

/// Sockets that nobody serves though something was spooled for them at least so long ago, with one of the files each. Whoever serves a
/// socket holds its ledger.
pub(super) fn strays(dir: &Path, socket: u64, age: Duration) -> BTreeMap<u64, PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    let named = entries.flatten().filter_map(|entry| Some((FileName::parse(entry.file_name().to_str()?)?, entry)));
    let old = named.filter(|(name, entry)| {
        let since = entry.metadata().and_then(|about| about.modified()).ok().and_then(|at| at.elapsed().ok());
        name.socket != socket && since.is_some_and(|since| since >= age)
    });
    let mut found: BTreeMap<_, _> = old.map(|(name, entry)| (name.socket, entry.path())).collect();
    found.retain(|socket, _| !is_served(&ledger(dir, *socket)));
    found
}

/// Whether somebody holds this ledger. Publishers may make files here: what is no file, or a link, is nobody's.
fn is_served(ledger: &Path) -> bool {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(ledger) else { return false };
    // The lock is let go of at once: who starts meanwhile tries for a while.
    file.metadata().is_ok_and(|about| about.is_file()) && file.try_lock_shared().is_err()
}

/// The ledger of who serves a socket.
pub(super) fn ledger(dir: &Path, socket: u64) -> PathBuf {
    dir.join(format!("{socket:016x}.ledger"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_open_the_socket_may_spool() {
        for (socket, dir) in [(0o600, 0o3700), (0o660, 0o3770), (0o666, 0o3777), (0o200, 0o3700)] {
            assert_eq!(mode(socket), dir, "{socket:o}");
        }
    }

    #[test]
    fn what_is_spooled_for_a_socket_that_nobody_serves_is_found() {
        let folder = crate::testing::TempDir::new("strays");
        let dir = folder.path();
        for socket in [7, 8, 9] {
            let name = FileName { socket, publisher: 1, number: 0, pid: 1 }.to_name();
            fs::write(dir.join(name), "x").unwrap();
        }
        let served = fs::File::create(ledger(dir, 8)).unwrap();
        served.lock().unwrap();
        let found = |age| strays(dir, 7, age).into_keys().collect::<Vec<_>>();
        assert_eq!((found(Duration::ZERO), found(Duration::from_secs(60))), (vec![9], vec![]));
        drop(served);
        assert_eq!(found(Duration::ZERO), [8, 9]);
        // Whoever may write here may make anything: nothing of it is waited for.
        let path = std::ffi::CString::new(ledger(dir, 9).to_str().unwrap()).unwrap();
        // SAFETY: the text lives as long as the call.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o666) }, 0);
        assert_eq!(found(Duration::ZERO), [8, 9]);
    }
}
