//! The few system calls the standard library does not offer. The only unsafe code of this crate.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// Eight bytes nobody can guess. Where the kernel gives none (a very old one), the clock, the process id and the standard
/// library's own seed are mixed: ids have to be unique, not secret.
pub(crate) fn random_bytes() -> [u8; 8] {
    let mut bytes = [0u8; 8];
    #[cfg(unix)]
    {
        // SAFETY: the pointer and the length describe `bytes`, which lives through the call.
        if unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) } == 0 {
            return bytes;
        }
    }
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    bytes = hasher.finish().to_be_bytes();
    bytes
}

/// The user this process acts as, for error messages about permissions.
#[cfg(unix)]
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: takes no arguments and cannot fail.
    unsafe { libc::geteuid() }
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
