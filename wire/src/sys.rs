//! The few system calls the standard library does not offer.

#[cfg(target_os = "linux")]
mod lent;

#[cfg(target_os = "linux")]
pub(crate) use lent::LentMemory;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Eight bytes nobody can guess. Where the system gives none, the clock, the process id and the standard library's own seed are
/// mixed: ids have to be unique, not secret.
pub(crate) fn random_bytes() -> [u8; 8] {
    let mut bytes = [0u8; 8];
    if getrandom::fill(&mut bytes).is_ok() {
        return bytes;
    }
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    bytes = hasher.finish().to_be_bytes();
    bytes
}

/// This process's id. Each event asks for it three times, and the system call takes some 180 ns on a virtual machine: so the
/// answer is kept in memory that the kernel empties in a forked process (`MADV_WIPEONFORK`, Linux 4.14).
pub(crate) fn process() -> u32 {
    let Some(kept) = KEPT_ID.get_or_init(emptied_by_fork) else { return std::process::id() };
    match kept.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            kept.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

static KEPT_ID: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();

/// A number that is zero now and in each forked process; `None` where the kernel does not offer that.
#[cfg(target_os = "linux")]
fn emptied_by_fork() -> Option<&'static AtomicU32> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let len = size_of::<AtomicU32>();
    // SAFETY: new memory at a place of the system's choice, whole pages of it, zero, at the start of which is the number; advice
    // is given on nothing else, and where it is not taken nobody uses the memory.
    unsafe {
        let memory = libc::mmap(std::ptr::null_mut(), len, access, flags, -1, 0);
        if memory == libc::MAP_FAILED {
            return None;
        }
        if libc::madvise(memory, len, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(memory, len);
            return None;
        }
        Some(&*memory.cast::<AtomicU32>())
    }
}

#[cfg(not(target_os = "linux"))]
fn emptied_by_fork() -> Option<&'static AtomicU32> {
    None
}

/// The user this process acts as, for error messages about permissions.
#[cfg(unix)]
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: takes no arguments and cannot fail.
    unsafe { libc::geteuid() }
}

/// A user's name and number, for error messages; only the number where this machine does not know the name.
pub(crate) fn user(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

/// The system's monotonic clock, the same for all processes, in nanoseconds.
#[cfg(unix)]
pub(crate) fn clock() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to `now`, which lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// So many values in memory that this process shares with those that are forked from it; `None` where there is none. All bytes
/// are zero, which has to be a value of `T`, and `T` must be for several threads.
#[cfg(unix)]
pub(crate) fn shared<T: Sync + Default>(count: usize) -> Option<&'static [T]> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: new memory at a place of the system's choice.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), count * size_of::<T>(), access, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: it starts at a page, has room for them, is zero, and is never unmapped.
    Some(unsafe { std::slice::from_raw_parts(memory.cast::<T>(), count) })
}

/// What to wait for on a socket.
#[cfg(unix)]
#[derive(Clone, Copy)]
pub(crate) enum Interest {
    /// There is something to read, or the peer is gone.
    Readable,
    /// There is room to write, or the peer is gone.
    Writable,
}

/// Waits until the socket is ready or the time is over; `false` means that the time is over. A signal ends the wait early
/// with `Interrupted`, and the caller looks at its deadline again.
#[cfg(unix)]
pub(crate) fn wait(
    socket: &impl std::os::fd::AsRawFd,
    interest: Interest,
    time: std::time::Duration,
) -> std::io::Result<bool> {
    let events = match interest {
        Interest::Readable => libc::POLLIN,
        Interest::Writable => libc::POLLOUT,
    };
    // Rounded up: waiting 0 ms again and again for the last fraction of a millisecond would spin.
    let millis = i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 };
    // SAFETY: one pollfd, which lives through the call, and its count.
    match unsafe { libc::poll(&raw mut poll, 1, millis) } {
        -1 => Err(std::io::Error::last_os_error()),
        ready => Ok(ready > 0),
    }
}
