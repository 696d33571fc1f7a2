//! How much memory there is left, looked at once a second.

use std::{
    fs,
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
};

/// How short memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below the watermark.
    Fine,
    /// At the watermark: nobody new comes in.
    Short,
    /// A tenth above it: some have to go.
    Critical,
}

/// What the process uses, against its watermark.
#[derive(Debug)]
pub struct Memory {
    watermark: AtomicU64,
    used: AtomicU64,
    level: AtomicU8,
}

impl Memory {
    /// With this watermark, in bytes; without one, four fifths of what the machine or the container has.
    pub fn new(watermark: Option<u64>) -> Self {
        Self { watermark: AtomicU64::new(settled(watermark)), used: AtomicU64::new(0), level: AtomicU8::new(0) }
    }

    /// With this watermark from the next look on.
    pub fn change(&self, watermark: Option<u64>) {
        self.watermark.store(settled(watermark), Relaxed);
    }

    /// The watermark, in bytes.
    pub fn watermark(&self) -> u64 {
        self.watermark.load(Relaxed)
    }

    /// How short memory was when it was last looked at.
    pub fn level(&self) -> Level {
        match self.level.load(Relaxed) {
            0 => Level::Fine,
            1 => Level::Short,
            _ => Level::Critical,
        }
    }

    /// Resident memory when it was last looked at, in bytes.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Looks. Below the watermark again means a twentieth below it, so that it does not flutter.
    pub fn look(&self) -> Level {
        self.see(crate::api::memory::resident().unwrap_or(0))
    }

    fn see(&self, used: u64) -> Level {
        self.used.store(used, Relaxed);
        let was = self.level();
        let mark = self.watermark();
        let level = if used >= mark.saturating_add(mark / 10) {
            Level::Critical
        } else if used >= mark || (was != Level::Fine && used >= mark - mark / 20) {
            Level::Short
        } else {
            Level::Fine
        };
        self.level.store(level as u8, Relaxed);
        level
    }
}

fn settled(watermark: Option<u64>) -> u64 {
    watermark.unwrap_or_else(|| available() / 5 * 4)
}

/// What the machine has, or less where the container is given less; in bytes.
fn available() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let machine = total.and_then(|kb| kb.trim().parse::<u64>().ok()).map_or(u64::MAX, |kb| kb * 1024);
    let given = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    container.into_iter().filter_map(given).fold(machine, u64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_at_once_and_fall_late() {
        let memory = Memory::new(Some(1_000));
        let seen: Vec<_> = [0, 999, 1_000, 960, 1_100, 1_050, 949, 960].map(|used| memory.see(used)).into();
        use Level::{Critical, Fine, Short};
        assert_eq!(seen, [Fine, Fine, Short, Short, Critical, Short, Fine, Fine]);
    }

    #[test]
    fn the_machines_memory_and_our_own_are_known() {
        let memory = Memory::new(None);
        assert!(memory.look() == Level::Fine && memory.used() > 1_000_000, "{memory:?}");
        assert!(memory.watermark() > memory.used() && memory.watermark() < 1 << 50);
    }
}
