//! Whether a socket may be put at a path: who stands there, and who may change what stands there.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, geteuid},
};
use socket2::{Domain, SockAddr, Socket, Type};

use super::listener::BindError;

/// How often it is tried to be let in, and what lies between.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// What may be done about a socket that somebody listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// It is respected.
    DeadOnly,
    /// It is respected, unless it is this process's, which is taken over from: new publishers come here from the moment on when ours
    /// appears.
    Predecessor(Pid),
}

/// The folder of a path.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The right to change what is in the folder, among sidecars.
pub(super) fn turn(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    match flock(&folder, FlockOperation::LockExclusive) {
        // Some file systems have no locks on folders: then there is one sidecar to a folder.
        Ok(()) | Err(_) => Ok(folder),
    }
}

/// Whether nobody else can take the socket's name away, in a folder that is open to everybody.
pub(super) fn is_safe(folder: &Path, about: &fs::Metadata) -> Result<(), BindError> {
    let is_ours = about.uid() == 0 || about.uid() == geteuid().as_raw();
    match (about.mode() & 0o002 != 0, about.mode() & 0o1000 != 0) {
        (true, false) => Err(BindError::OpenFolder(folder.into())),
        // With the sticky bit its owner may still rename what is others'.
        (true, true) if !is_ours => Err(BindError::ForeignFolder { folder: folder.into(), owner: about.uid() }),
        _ => Ok(()),
    }
}

/// Whether a socket may be put there.
pub(super) fn is_free(path: &Path, replace: Replace) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path.into())),
        Ok(_) => {}
    }
    let listener = match replace {
        Replace::DeadOnly => listener_of(path),
        Replace::Predecessor(_) => patiently(path),
    };
    match (listener, replace) {
        (Listener::None, _) => Ok(()),
        // One that hangs takes nobody in any more, and does not say who it is. It is the one that is to be taken over from, as a rule.
        (Listener::Full, Replace::Predecessor(_)) => Ok(()),
        (Listener::Process(Some(pid)), Replace::Predecessor(predecessor))
            if pid == predecessor.as_raw_nonzero().get() =>
        {
            Ok(())
        }
        (Listener::Process(_) | Listener::Full, _) => Err(BindError::InUse(path.into())),
    }
}

/// Who listens on a socket.
enum Listener {
    None,
    /// Somebody, as far as the kernel tells who.
    Process(Option<i32>),
    /// Somebody whose backlog is full.
    Full,
}

/// Who listens there; one that is only busy gets half a second to let us in.
fn patiently(path: &Path) -> Listener {
    let looks = std::iter::repeat_with(|| match listener_of(path) {
        Listener::Full => {
            thread::sleep(BETWEEN_LOOKS);
            None
        }
        other => Some(other),
    });
    looks.take(LOOKS).flatten().next().unwrap_or(Listener::Full)
}

/// Who listens there. One that does not let us in does, too.
fn listener_of(path: &Path) -> Listener {
    let Ok(address) = SockAddr::unix(path) else { return Listener::None };
    let connected = Socket::new(Domain::UNIX, Type::STREAM, None).and_then(|socket| {
        // A full backlog must not hold us up.
        socket.set_nonblocking(true)?;
        socket.connect(&address)?;
        tokio::net::UnixStream::from_std(socket.into())?.peer_cred()
    });
    match connected {
        Ok(peer) => Listener::Process(peer.pid()),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            Listener::None
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Listener::Full,
        Err(_) => Listener::Process(None),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_folder_that_anybody_may_write_to_is_roots_or_ours() {
        let folder = TempDir::new("place");
        let look = |mode| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            is_safe(folder.path(), &fs::metadata(folder.path()).unwrap())
        };
        assert!(look(0o1777).is_ok());
        // Only root can give it away.
        if chown(folder.path(), Some(65_534), None).is_ok() {
            let refused = look(0o1777).unwrap_err();
            assert!(matches!(refused, BindError::ForeignFolder { owner: 65_534, .. }));
            let said = refused.to_string();
            assert!(said.contains(&folder.path().display().to_string()) && said.contains("chown root"), "{said}");
            assert!(look(0o755).is_ok());
        }
    }
}
