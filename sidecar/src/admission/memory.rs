//! How much memory there is left, looked at once a second.

use std::{
    fs,
    path::{Component, Path},
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

/// What the machine has, or less where the container or the service is given less; in bytes.
fn available() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let machine = total.and_then(|kb| kb.trim().parse::<u64>().ok()).map_or(u64::MAX, |kb| kb * 1024);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    given(Path::new("/sys/fs/cgroup"), &groups).map_or(machine, |given| machine.min(given))
}

/// The smallest bound on the memory of these control groups, which are lines of `/proc/self/cgroup`, and of those above them: a
/// container has its own, and so has a service with systemd's `MemoryMax`.
fn given(root: &Path, groups: &str) -> Option<u64> {
    groups.lines().filter_map(|line| least(root, line)).min()
}

fn least(root: &Path, line: &str) -> Option<u64> {
    let (_, line) = line.split_once(':')?;
    let (controllers, group) = line.split_once(':')?;
    let (root, file) = match controllers {
        "" => (root.to_owned(), "memory.max"),
        v1 if v1.split(',').any(|controller| controller == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
        _ => return None,
    };
    // A group outside of what is mounted here begins with `/..`; then the root itself is all there is to see.
    let below = Path::new(group.trim_start_matches('/'));
    let is_outside = below.components().any(|part| part == Component::ParentDir);
    let own = if is_outside { root.clone() } else { root.join(below) };
    let above = own.ancestors().take_while(|folder| folder.starts_with(&root));
    above.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()).min()
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

    #[test]
    fn the_smallest_bound_of_the_own_control_group_and_those_above_it_counts() {
        let root = tempfile::tempdir().unwrap();
        let bound = |file: &str, bytes: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{bytes}\n")).unwrap();
        };
        let given = |groups: &str| given(root.path(), groups);
        assert_eq!(given("0::/system.slice/rustecho.service\n"), None);
        bound("system.slice/rustecho.service/memory.max", "max");
        bound("system.slice/memory.max", "4000");
        assert_eq!(given("0::/system.slice/rustecho.service\n"), Some(4_000), "that of the slice");
        bound("system.slice/rustecho.service/memory.max", "3000");
        assert_eq!(given("0::/system.slice/rustecho.service\n"), Some(3_000), "systemd's MemoryMax");
        assert_eq!(given("0::/\n"), None);
        bound("memory.max", "2000");
        assert_eq!(given("0::/\n"), Some(2_000), "a container's");
        assert_eq!(given("0::/../rustecho.service\n"), Some(2_000));
        bound("memory/docker/x/memory.limit_in_bytes", "1000");
        assert_eq!(given("5:cpu:/x\n4:pids,memory:/docker/x\n"), Some(1_000), "before version 2");
        assert_eq!(given("nonsense\n"), None);
    }
}
