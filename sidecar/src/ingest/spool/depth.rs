//! How much is in the spool, for the metrics: a look at the directory, nothing is opened.

use std::{path::PathBuf, time::Duration};

use rustecho_wire::spool::socket_number;

use super::folder;
use crate::config::Config;

/// Where the spool of this sidecar is.
#[derive(Debug, Clone)]
pub struct SpoolView {
    dir: PathBuf,
    socket: u64,
}

/// What waits in the spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Files; every publisher has one of its own.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// For how long the one that was not drained for longest has waited; none when there is none.
    pub age: Option<Duration>,
}

impl SpoolView {
    /// The configured spool, if there is one.
    pub fn of(config: &Config) -> Option<Self> {
        let (spool, unix) = (config.spool.as_ref()?, config.unix_socket.as_ref()?);
        Some(Self { dir: spool.dir.clone(), socket: socket_number(&unix.path) })
    }

    /// What waits now. Blocks for as long as the file system does.
    pub fn depth(&self) -> Depth {
        let mut depth = Depth::default();
        for (_, path) in folder::files(&self.dir, self.socket) {
            // One that has gone meanwhile has been drained.
            let Ok(about) = path.symlink_metadata() else { continue };
            depth.files += 1;
            depth.bytes += about.len();
            let since = about.created().or_else(|_| about.modified()).ok();
            depth.age = depth.age.max(since.and_then(|since| since.elapsed().ok()));
        }
        depth
    }
}

#[cfg(test)]
mod tests {
    use rustecho_wire::spool::FileName;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn files_for_this_socket_are_counted_and_others_are_not() {
        let folder = TempDir::new("depth");
        let view = SpoolView { dir: folder.path().into(), socket: 7 };
        assert_eq!(view.depth(), Depth::default());
        for (socket, number) in [(7, 0), (7, 1), (8, 0)] {
            let name = FileName { socket, publisher: 1, number, pid: 1 }.to_name();
            std::fs::write(folder.path().join(name), "12345").unwrap();
        }
        let depth = view.depth();
        assert_eq!((depth.files, depth.bytes), (2, 10));
        assert!(depth.age.is_some_and(|age| age < Duration::from_secs(60)));
    }
}
