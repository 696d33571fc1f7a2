//! Waiting for the next frame of a publisher that sends one after the other.
//!
//! A processor that sleeps takes some 20 microseconds to wake up, more than everything else that an event costs. So where frames
//! have followed each other closely, a thread looks for the next one for a moment before it sleeps. One at a time does so:
//! with many publishers at once nobody sleeps anyway.

use std::{
    os::fd::AsFd,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::available_parallelism,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The longest that a thread looks: what Laravel takes from one `event()` to the next, on a slow machine.
const LONGEST: Duration = Duration::from_micros(60);
/// Frames that are not further apart follow each other closely.
const CLOSE: Duration = Duration::from_micros(120);
/// So many have to, before anybody looks for another.
const ENOUGH: u8 = 3;

static LOOKING: AtomicBool = AtomicBool::new(false);
/// Looking on the only processor would keep the publisher from writing.
static SEVERAL_PROCESSORS: LazyLock<bool> =
    LazyLock::new(|| available_parallelism().is_ok_and(|count| count.get() > 1));

/// What is known of one publisher.
#[derive(Debug, Default)]
pub(super) struct Brisk {
    last: Option<Instant>,
    close: u8,
}

impl Brisk {
    /// To be called when all frames that have arrived are answered. Returns at once, or within [`LONGEST`]; whether the next one
    /// is there.
    pub(super) fn linger(&mut self, socket: &impl AsFd) -> bool {
        let now = Instant::now();
        let close = self.last.is_some_and(|last| now.duration_since(last) < CLOSE);
        self.close = if close { (self.close + 1).min(ENOUGH) } else { 0 };
        self.last = Some(now);
        if self.close < ENOUGH || !*SEVERAL_PROCESSORS || LOOKING.swap(true, Relaxed) {
            return false;
        }
        let end = now + LONGEST;
        let mut polled = [PollFd::new(socket, PollFlags::IN)];
        let found = loop {
            match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(0) if Instant::now() < end => std::hint::spin_loop(),
                Ok(found) => break found > 0,
                Err(_) => break false,
            }
        };
        LOOKING.store(false, Relaxed);
        found
    }
}
