//! `memory_usage` of the status: the old server's keys, with the numbers of this process that come nearest.

use serde_json::{Value, json};

/// In bytes: what is resident, what the heap may use, what it does use. V8's other two kinds do not exist here.
pub(super) fn usage() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| bytes(&status, name).unwrap_or(0);
    json!({
        "rss": field("VmRSS"),
        "heapTotal": field("VmData"),
        "heapUsed": field("RssAnon"),
        "external": 0,
        "arrayBuffers": 0,
    })
}

/// What is resident, in bytes; none where the system does not say.
pub(crate) fn resident() -> Option<u64> {
    bytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS")
}

/// A field of Linux' process status, which counts in KiB.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "VmRSSx:\t1 kB\nVmRSS:\t    2048 kB\nVmData:\tmany kB\n";
        assert_eq!(bytes(status, "VmRSS"), Some(2048 * 1024));
        assert_eq!(bytes(status, "VmData"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_memory() {
        assert!(usage()["rss"].as_u64().unwrap() > 0);
    }
}
