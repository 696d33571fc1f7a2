//! The time of what is remembered. A wall clock that is set must neither end sessions nor keep them.

use std::{
    fs,
    sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What the wall clock said when this was first asked, and when that was.
static START: LazyLock<(u64, Instant)> = LazyLock::new(|| (wall(), Instant::now()));

/// By how much the wall clock was set between the sidecar before this one and the start, in milliseconds, turned round.
static SET: AtomicI64 = AtomicI64::new(0);

/// Milliseconds since 1970, by what the wall clock said at the start and a clock that does not jump.
pub fn now() -> u64 {
    let (wall, begun) = *START;
    (wall + begun.elapsed().as_millis() as u64).saturating_add_signed(SET.load(Relaxed))
}

/// A moment that the next process on this machine can measure from, even if the wall clock is set meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What the wall clock said; milliseconds since 1970.
    wall: u64,
    /// The machine's boot, and the milliseconds since then; none where the system does not say which boot it is.
    boot: Option<(String, u64)>,
}

/// One look at all clocks, by which times are written for the next process: the wall clock may be set meanwhile.
#[derive(Debug)]
pub struct Look {
    /// When it was.
    pub moment: Moment,
    here: u64,
}

impl Look {
    /// Now.
    pub fn now() -> Self {
        Self { moment: Moment::now(), here: now() }
    }

    /// A time of [`now`] for the next process.
    pub fn for_next(&self, time: u64) -> u64 {
        shifted(time, self.here, self.moment.wall)
    }
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self { wall: wall(), boot: boot() }
    }

    /// What the wall clock of that moment would say now, had nobody set it; none after another boot.
    fn wall_now(&self, boot: Option<&(String, u64)>) -> Option<u64> {
        let ((then, begun), (now, ended)) = (self.boot.as_ref()?, boot?);
        (then == now).then(|| self.wall.saturating_add(ended.saturating_sub(*begun)))
    }

    /// Goes on by the clock of that moment: times that were written then are as old as they are.
    pub fn go_on(&self) {
        if let Some(wall) = self.wall_now(boot().as_ref()) {
            SET.fetch_add(wall.cast_signed().saturating_sub(now().cast_signed()), Relaxed);
        }
    }
}

fn boot() -> Option<(String, u64)> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let since = clock_gettime(ClockId::Boottime);
    let millis = u64::try_from(since.tv_sec).ok()? * 1_000 + u64::try_from(since.tv_nsec).ok()? / 1_000_000;
    Some((id.trim().to_owned(), millis))
}

fn shifted(time: u64, now: u64, wall: u64) -> u64 {
    wall.saturating_sub(now.saturating_sub(time))
}

fn wall() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_as_old_by_the_wall_clock_as_it_is_here() {
        let (here, hour) = (1_000_000_000, 3_600_000);
        for wall in [here, here + hour, here - hour] {
            assert_eq!(shifted(here - 5_000, here, wall), wall - 5_000);
        }
        assert_eq!(shifted(5, here, 10), 0);
    }

    #[test]
    fn a_moment_is_as_long_ago_as_the_machine_says_whatever_the_wall_clock_does() {
        let moment = Moment { wall: 1_000_000, boot: Some(("this".to_owned(), 50)) };
        assert_eq!(moment.wall_now(Some(&("this".to_owned(), 1_550))), Some(1_001_500));
        assert_eq!(moment.wall_now(Some(&("another".to_owned(), 1_550))), None);
        assert_eq!(moment.wall_now(None), None);
        assert_eq!(Moment { boot: None, ..moment }.wall_now(Some(&("this".to_owned(), 1_550))), None);
    }
}
