//! The lock file: one server per configuration file, in laravel-echo-server's format.
//!
//! The text, `{"process": <pid>}`, is for other tools and for laravel-echo-server itself. Between rustecho and rustecho what
//! counts is an advisory lock on the open file: the kernel drops it with the process, so a left-over file or a process id
//! that now belongs to something else never refuses a start.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

/// Held while the server runs; removes the file when dropped.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    /// Keeps the advisory lock.
    _file: File,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server started at the same moment.
    #[error("another server has just taken {}", .0.display())]
    Taken(PathBuf),
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a lock file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// No file.
    Absent,
    /// A file that cannot be read or is not JSON.
    Unreadable,
    /// A file without a living server behind it; the process id it names, if any.
    Stale(Option<Pid>),
    /// A server with this process id runs.
    Running(Pid),
}

impl LockFile {
    /// Writes the lock file for this process. Whoever held it before must be gone: see [`holder`].
    ///
    /// # Errors
    /// [`LockError`].
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let unwritable = |source| LockError::Unwritable { path: path.into(), source };
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(unwritable)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(LockError::Taken(path.into())),
            // Some network file systems have no such locks; the process id is what is left then.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        file.set_len(0).map_err(unwritable)?;
        file.write_all(format!("{{\n\t\"process\": {}\n}}", std::process::id()).as_bytes()).map_err(unwritable)?;
        Ok(Self { path: path.into(), _file: file })
    }
}

impl LockFile {
    /// Writes a lock file of this process beside a living server's.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn beside(path: &Path) -> Result<Self, LockError> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        Self::acquire(&PathBuf::from(name))
    }

    /// Puts it in that one's place, which leaves it alone then.
    ///
    /// # Errors
    /// [`LockError::Unwritable`]; the other one's stays then.
    pub fn take_over(mut self, path: &Path) -> Result<Self, LockError> {
        fs::rename(&self.path, path).map_err(|source| LockError::Unwritable { path: path.into(), source })?;
        self.path = path.into();
        Ok(self)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // `stop` removes it first, and then it may be the next server's already.
        if named_process(&self.path) == Some(std::process::id()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Who holds the lock.
pub fn holder(path: &Path) -> Holder {
    if !path.exists() {
        return Holder::Absent;
    }
    let Ok(text) = fs::read(path) else { return Holder::Unreadable };
    let Ok(content) = serde_json::from_slice::<Value>(&text) else { return Holder::Unreadable };
    let number = content.get("process").and_then(Value::as_i64).and_then(|pid| i32::try_from(pid).ok());
    let Some(pid) = number.filter(|pid| *pid > 0).and_then(Pid::from_raw) else { return Holder::Stale(None) };
    if is_locked(path) || is_other_server(pid) { Holder::Running(pid) } else { Holder::Stale(Some(pid)) }
}

/// Why a server cannot be asked to stop from here.
#[derive(Debug, thiserror::Error)]
pub enum CannotStop {
    /// Its number is another process's in this container, or on this machine.
    #[error("{}: the server that holds it runs in another container, as process {pid} there; stop it there", path.display())]
    Elsewhere {
        /// The lock file.
        path: PathBuf,
        /// The process it names.
        pid: std::num::NonZeroI32,
    },
    /// It is another user's.
    #[error("process {0} is another user's; do this as that user, or as root")]
    NotOurs(std::num::NonZeroI32),
}

/// Whether the holder of a lock can be asked to stop.
///
/// # Errors
/// [`CannotStop`].
pub fn may_stop(path: &Path, pid: Pid) -> Result<(), CannotStop> {
    let number = pid.as_raw_nonzero();
    let is_self = u32::try_from(number.get()) == Ok(std::process::id());
    if is_self || (is_locked(path) && !holds_a_lock(number.get())) {
        return Err(CannotStop::Elsewhere { path: path.into(), pid: number });
    }
    match test_kill_process(pid) {
        Err(rustix::io::Errno::PERM) => Err(CannotStop::NotOurs(number)),
        _ => Ok(()),
    }
}

/// Whether a process of this number has an advisory lock on anything: the kernel lists those that can be seen from here.
fn holds_a_lock(pid: i32) -> bool {
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return true };
    let pid = pid.to_string();
    // `1: FLOCK  ADVISORY  WRITE 4711 00:1a:2222 0 EOF`
    locks
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .any(|words| words.get(1) == Some(&"FLOCK") && words.get(4) == Some(&pid.as_str()))
}

/// Asks a server to stop.
///
/// # Errors
/// That of `kill`; no such process is one.
pub fn terminate(pid: Pid) -> io::Result<()> {
    Ok(kill_process(pid, Signal::TERM)?)
}

/// Waits until the process has ended; false if it has not by then.
pub fn wait_for_end(pid: Pid, longest: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(20);
    let deadline = Instant::now() + longest;
    while is_alive(pid) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(STEP);
    }
    true
}

/// Whether a rustecho holds the advisory lock, be it in another container.
pub(crate) fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// laravel-echo-server takes no advisory lock, so it is known by its command line.
fn is_other_server(pid: Pid) -> bool {
    let is_self = u32::try_from(pid.as_raw_nonzero().get()).is_ok_and(|pid| pid == std::process::id());
    !is_self && is_alive(pid) && is_laravel_echo_server(&command_line(pid))
}

fn is_laravel_echo_server(command: &[String]) -> bool {
    command.iter().take(3).any(|word| word.contains("laravel-echo-server") && !word.ends_with(".json"))
}

fn command_line(pid: Pid) -> Vec<String> {
    let text = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// A process that has ended and was not waited for by its parent is not alive, once its last thread has let go of its ports.
fn is_alive(pid: Pid) -> bool {
    let threads = || fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).map_or(0, Iterator::count);
    let is_zombie = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        // The name before it may hold anything, brackets too.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])) && threads() <= 1
    };
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH) && !is_zombie()
}

fn named_process(path: &Path) -> Option<u32> {
    let content: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    u32::try_from(content.get("process")?.as_u64()?).ok()
}

/// The text of a lock file, for a process id.
#[cfg(test)]
fn text(pid: u32) -> String {
    format!("{{\"process\":{pid}}}")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn fixture() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rustecho.lock");
        (dir, path)
    }

    #[test]
    fn is_written_in_the_old_format_and_removed() {
        let (_dir, path) = fixture();
        let lock = LockFile::acquire(&path).unwrap();
        let want = format!("{{\n\t\"process\": {}\n}}", std::process::id());
        assert_eq!(fs::read_to_string(&path).unwrap(), want);
        assert!(matches!(holder(&path), Holder::Running(_)));
        assert!(matches!(LockFile::acquire(&path), Err(LockError::Taken(_))));
        drop(lock);
        assert_eq!(holder(&path), Holder::Absent);
    }

    #[test]
    fn a_server_of_another_container_is_not_taken_for_who_has_its_number_here() {
        let (_dir, path) = fixture();
        let lock = LockFile::acquire(&path).unwrap();
        let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
        for (number, says) in [(std::process::id(), "another container"), (sleeper.id(), "another container")] {
            fs::write(&path, text(number)).unwrap();
            let Holder::Running(pid) = holder(&path) else { panic!("it holds the lock") };
            let refused = may_stop(&path, pid).unwrap_err().to_string();
            assert!(refused.contains(says) && refused.contains(&number.to_string()), "{refused}");
        }
        drop(lock);
        fs::write(&path, text(sleeper.id())).unwrap();
        may_stop(&path, Pid::from_raw(sleeper.id().cast_signed()).unwrap()).unwrap();
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }

    #[test]
    fn leaves_the_next_servers_file_alone() {
        let (_dir, path) = fixture();
        let lock = LockFile::acquire(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, text(1)).unwrap();
        drop(lock);
        assert_eq!(fs::read_to_string(&path).unwrap(), text(1));
    }

    #[test]
    fn a_successor_takes_the_file_and_the_predecessor_leaves_it() {
        let (dir, path) = fixture();
        let mut old = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(&path, text(old.id())).unwrap();
        let new = LockFile::beside(&path).unwrap();
        assert_eq!(named_process(&path), Some(old.id()));
        let new = new.take_over(&path).unwrap();
        assert_eq!(named_process(&path), Some(std::process::id()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(new);
        assert_eq!(holder(&path), Holder::Absent);
        old.kill().unwrap();
        old.wait().unwrap();
    }

    #[test]
    fn a_left_over_file_holds_nobody_up() {
        let (_dir, path) = fixture();
        let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
        for (content, want) in [
            ("garbage".to_owned(), Holder::Unreadable),
            ("{}".to_owned(), Holder::Stale(None)),
            ("{\"process\": -1}".to_owned(), Holder::Stale(None)),
            ("{\"process\": 0}".to_owned(), Holder::Stale(None)),
            (text(4_194_303), Holder::Stale(Pid::from_raw(4_194_303))),
            // In a container the process id exists again, as this very process or as something else.
            (text(std::process::id()), Holder::Stale(Pid::from_raw(std::process::id().cast_signed()))),
            (text(sleeper.id()), Holder::Stale(Pid::from_raw(sleeper.id().cast_signed()))),
        ] {
            fs::write(&path, &content).unwrap();
            assert_eq!(holder(&path), want, "{content}");
            drop(LockFile::acquire(&path).unwrap());
        }
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }

    #[test]
    fn a_running_laravel_echo_server_is_respected() {
        let (dir, path) = fixture();
        let link = dir.path().join("laravel-echo-server");
        std::os::unix::fs::symlink("/bin/sleep", &link).unwrap();
        let mut old = Command::new(&link).arg("60").spawn().unwrap();
        fs::write(&path, text(old.id())).unwrap();
        let pid = Pid::from_raw(old.id().cast_signed()).unwrap();
        // For a moment a process that begins has no command line.
        let begun = std::time::Instant::now();
        while fs::read(format!("/proc/{}/cmdline", old.id())).unwrap().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
        assert_eq!(holder(&path), Holder::Running(pid));
        assert!(!wait_for_end(pid, Duration::from_millis(30)));
        terminate(pid).unwrap();
        // Not waited for by its parent, it still counts as ended.
        assert!(wait_for_end(pid, Duration::from_secs(10)));
        assert_eq!(holder(&path), Holder::Stale(Some(pid)));
        old.wait().unwrap();
        assert!(terminate(pid).is_err());
    }

    #[test]
    fn an_editor_with_the_file_open_is_no_server() {
        let words = |line: &str| line.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
        assert!(is_laravel_echo_server(&words("node /usr/bin/laravel-echo-server start")));
        assert!(is_laravel_echo_server(&words("node node_modules/laravel-echo-server/bin/server.js start")));
        assert!(!is_laravel_echo_server(&words("vim laravel-echo-server.json")));
    }

    #[test]
    fn a_folder_in_its_place_is_said() {
        let (dir, _) = fixture();
        assert_eq!(holder(dir.path()), Holder::Unreadable);
        assert!(matches!(LockFile::acquire(dir.path()), Err(LockError::Unwritable { .. })));
    }
}
