//! The socket file: made with the right mode and group from its first moment, never in the place of anything alive, never through
//! a link, and only removed by who made it.

use std::{
    fs::{self, Permissions},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::UnixListener as StdListener,
        },
    },
    path::{Path, PathBuf},
};

use interprocess::os::unix::uds_local_socket::tokio::Listener;
use socket2::{Domain, SockAddr, Socket, Type};

use super::place::{Replace, folder_of, is_free, is_safe, turn};
use crate::config::UnixSocketConfig;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Why the Unix socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process answers there.
    #[error("unixSocket.path: another process is listening on {0}; stop it, or choose another path")]
    InUse(PathBuf),
    /// What stands there is no socket, and is not ours to remove.
    #[error("unixSocket.path: {0} exists and is not a socket; remove it, or choose another path")]
    NotASocket(PathBuf),
    /// Anybody could put a socket of theirs in its place.
    #[error(
        "unixSocket.path: anyone may remove files from {0}; take that right away (chmod o-w) or give it the sticky bit"
    )]
    OpenFolder(PathBuf),
    /// Its owner could do the same.
    #[error(
        "unixSocket.path: anyone may make files in {folder}, and user {owner}, whose it is, may rename those of others; give it to root (chown root), or choose a path in a folder of this user"
    )]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
        /// The number of its owner.
        owner: u32,
    },
    /// `unixSocket.group` names no group.
    #[error("unixSocket.group: there is no group `{0}`")]
    NoGroup(String),
    /// The socket may not be given to it.
    #[error(
        "unixSocket.group: this user is not in the group `{0}`, and cannot give it the socket; add it (usermod -aG {0} USER), or name \
         another group"
    )]
    NotInGroup(String),
    /// Anything else the system says.
    #[error(
        "unixSocket.path: {path}: {error}; choose a path in a folder of this user (in Laravel's .env: RUSTECHO_SOCKET), or let root \
         make the folder (deploy/tmpfiles/rustecho.conf)"
    )]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A listening socket and the file it has.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: Listener,
    /// Where publishers look for it.
    path: PathBuf,
    /// The file, when it was made here.
    made: Option<Made>,
}

/// A socket file of ours.
#[derive(Debug)]
struct Made {
    /// Where it is now: under another name until it is to appear.
    at: PathBuf,
    /// Device and inode.
    number: (u64, u64),
    /// Whose place it may take.
    replace: Replace,
}

impl Door {
    pub(super) fn open(settings: &UnixSocketConfig, replace: Replace) -> Result<Self, BindError> {
        let path = settings.path.clone();
        let failed = |error| BindError::Io { path: path.clone(), error };
        let gid = match &settings.group {
            Some(group) => Some(group_id(group).ok_or_else(|| BindError::NoGroup(group.clone()))?),
            None => None,
        };
        let folder = folder_of(&path);
        fs::create_dir_all(folder).map_err(failed)?;
        let about = fs::metadata(folder).map_err(failed)?;
        is_safe(folder, &about)?;
        is_free(&path, replace)?;
        // Made under another name and renamed: at its own name there is never nothing, nor a socket with other rights.
        let at = folder.join(format!(".r{}", std::process::id()));
        let (listener, number) = Self::make(&at, settings.mode, gid).map_err(|error| {
            let _ = fs::remove_file(&at);
            why(error, settings)
        })?;
        Ok(Self { listener, path, made: Some(Made { at, number, replace }) })
    }

    /// Puts the socket where publishers look for it.
    pub(super) fn appear(&mut self) -> Result<(), BindError> {
        let Some(made) = &mut self.made else { return Ok(()) };
        let failed = |error| BindError::Io { path: self.path.clone(), error };
        // Two that start at the same moment look one after the other.
        let _turn = turn(folder_of(&self.path)).map_err(failed)?;
        is_free(&self.path, made.replace)?;
        fs::rename(&made.at, &self.path).map_err(failed)?;
        made.at.clone_from(&self.path);
        Ok(())
    }

    fn make(draft: &Path, mode: u32, gid: Option<u32>) -> io::Result<(Listener, (u64, u64))> {
        match fs::remove_file(draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(draft)?)?;
        // Nobody gets in before it listens.
        fs::set_permissions(draft, Permissions::from_mode(mode))?;
        if gid.is_some() {
            std::os::unix::fs::lchown(draft, None, gid)?;
        }
        let about = fs::symlink_metadata(draft)?;
        socket.set_nonblocking(true)?;
        socket.listen(BACKLOG)?;
        let listener = Listener::try_from(OwnedFd::from(socket))?;
        Ok((listener, (about.dev(), about.ino())))
    }

    /// A socket that somebody else, systemd for one, has opened for us, and keeps.
    pub(super) fn adopt(listener: StdListener) -> Result<Self, BindError> {
        let path = listener.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_path_buf));
        let path = path.unwrap_or_else(|| "(inherited)".into());
        let adopted = listener.set_nonblocking(true).and_then(|()| Listener::try_from(OwnedFd::from(listener)));
        match adopted {
            Ok(listener) => Ok(Self { listener, path, made: None }),
            Err(error) => Err(BindError::Io { path, error }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Door {
    /// Removes the file, unless it is a successor's by now.
    fn drop(&mut self) {
        let Some(made) = &self.made else { return };
        let Ok(_turn) = turn(folder_of(&made.at)) else { return };
        let is_ours = fs::symlink_metadata(&made.at).is_ok_and(|about| (about.dev(), about.ino()) == made.number);
        if is_ours {
            let _ = fs::remove_file(&made.at);
        }
    }
}

/// What a socket could not be made for. Only giving a file away is answered by EPERM.
fn why(error: io::Error, settings: &UnixSocketConfig) -> BindError {
    match &settings.group {
        Some(group) if error.raw_os_error() == Some(libc::EPERM) => BindError::NotInGroup(group.clone()),
        _ => BindError::Io { path: settings.path.clone(), error },
    }
}

/// The number of a group, by name or number.
pub(in crate::ingest) fn group_id(group: &str) -> Option<u32> {
    if let Ok(number) = group.parse() {
        return Some(number);
    }
    let lines = fs::read_to_string("/etc/group").ok()?;
    lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == group).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use interprocess::local_socket::traits::tokio::Listener as _;
    use std::{os::unix::net::UnixStream, time::Duration};

    use super::*;
    use crate::testing::TempDir;

    fn settings(folder: &TempDir) -> UnixSocketConfig {
        UnixSocketConfig { path: folder.path().join("r.sock"), mode: 0o600, ..UnixSocketConfig::default() }
    }

    /// The predecessor is this very process here.
    fn us() -> Replace {
        Replace::Predecessor(rustix::process::getpid())
    }

    fn open(settings: &UnixSocketConfig, replace: Replace) -> Result<Door, BindError> {
        let mut door = Door::open(settings, replace)?;
        door.appear()?;
        Ok(door)
    }

    #[test]
    fn a_group_that_the_user_is_not_in_is_named() {
        let settings = UnixSocketConfig { group: Some("www-data".into()), ..UnixSocketConfig::default() };
        let said = |number| why(io::Error::from_raw_os_error(number), &settings).to_string();
        assert!(said(libc::EPERM).contains("usermod -aG www-data"));
        assert!(said(libc::EACCES).starts_with("unixSocket.path:"));
    }

    #[tokio::test]
    async fn the_file_has_its_mode_whatever_the_umask_and_goes_with_its_maker() {
        let folder = TempDir::new("door");
        let settings = settings(&folder);
        let door = open(&settings, Replace::DeadOnly).unwrap();
        assert_eq!(fs::metadata(&settings.path).unwrap().mode() & 0o7777, 0o600);
        assert!(matches!(Door::open(&settings, Replace::DeadOnly), Err(BindError::InUse(_))));
        drop(door);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    }

    #[tokio::test]
    async fn one_that_listens_with_a_full_backlog_is_alive() {
        let folder = TempDir::new("door");
        let settings = settings(&folder);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(&settings.path).unwrap()).unwrap();
        socket.listen(0).unwrap();
        let _first = UnixStream::connect(&settings.path).unwrap();
        assert!(matches!(Door::open(&settings, Replace::DeadOnly), Err(BindError::InUse(_))));
        // To be taken over from it is, when it hangs, and not when it only was busy and proves to be another's.
        drop(Door::open(&settings, us()).unwrap());
        let busy = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            (socket.accept().unwrap(), socket.accept().unwrap())
        });
        let init = Replace::Predecessor(rustix::process::Pid::INIT);
        assert!(matches!(Door::open(&settings, init), Err(BindError::InUse(_))));
        busy.join().unwrap();
    }

    #[tokio::test]
    async fn a_successor_takes_the_name_and_the_predecessor_leaves_it_alone() {
        let folder = TempDir::new("door");
        let settings = settings(&folder);
        let old = open(&settings, Replace::DeadOnly).unwrap();
        // One that fails before it is to appear.
        drop(Door::open(&settings, us()).unwrap());
        let (_client, accepted) = (UnixStream::connect(&settings.path).unwrap(), old.listener.accept());
        accepted.await.unwrap();
        let new = open(&settings, us()).unwrap();
        drop(old);
        let _client = UnixStream::connect(&settings.path).unwrap();
        new.listener.accept().await.unwrap();
    }

    #[tokio::test]
    async fn a_living_socket_that_is_not_the_predecessors_is_respected() {
        let folder = TempDir::new("door");
        let settings = settings(&folder);
        let theirs = open(&settings, Replace::DeadOnly).unwrap();
        let init = Replace::Predecessor(rustix::process::Pid::INIT);
        assert!(matches!(Door::open(&settings, init), Err(BindError::InUse(_))));
        // One that came between the first look and the last.
        fs::remove_file(&settings.path).unwrap();
        let mut late = Door::open(&settings, init).unwrap();
        let _other = std::os::unix::net::UnixListener::bind(&settings.path).unwrap();
        assert!(matches!(late.appear(), Err(BindError::InUse(_))));
        drop((theirs, late));
        let _client = UnixStream::connect(&settings.path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
    }

    #[tokio::test]
    async fn a_folder_that_anybody_may_change_is_refused() {
        let folder = TempDir::new("door");
        let set = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        set(0o777);
        assert!(matches!(Door::open(&settings(&folder), Replace::DeadOnly), Err(BindError::OpenFolder(_))));
        set(0o1777);
        assert!(Door::open(&settings(&folder), Replace::DeadOnly).is_ok());
    }
}
