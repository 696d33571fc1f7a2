//! What one run gave, and the file that runs are collected in.

use std::{fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// One run of one workload against one server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Name of the workload.
    pub workload: String,
    /// Name of the server.
    pub server: String,
    /// Seconds since 1970 at its end.
    pub at: u64,
    /// Clients that were connected.
    pub sockets: usize,
    /// Events that were published.
    pub events: u32,
    /// Deliveries that were counted.
    pub deliveries: u64,
    /// Deliveries that never came.
    pub lost: u64,
    /// Deliveries that came once more.
    pub duplicates: u64,
    /// Deliveries that came after a later one.
    pub reorders: u64,
    /// Deliveries to a socket that had not asked for the channel.
    pub misdelivered: u64,
    /// Connections that the server ended.
    pub closed: usize,
    /// Microseconds of the server's CPU for each delivery, while events were published.
    pub cpu_us: f64,
    /// Deliveries in a second, from the first event to the last delivery.
    pub per_second: f64,
    /// Microseconds from PUBLISH to reading: the median.
    pub p50_us: u64,
    /// The same, 99 of 100.
    pub p99_us: u64,
    /// The same, the longest.
    pub max_us: u64,
    /// Microseconds of the server's CPU for each client that connected.
    pub handshake_us: f64,
    /// Clients connected in a second.
    pub connects_per_second: f64,
    /// KiB of the server's memory for each client, connected and subscribed and before any counted event.
    pub kib_per_socket: f64,
    /// KiB by which the server's memory has grown at most while events were published.
    pub grown_kib: u64,
}

impl Record {
    /// Whether every delivery came once and in its turn.
    pub fn exact(&self) -> bool {
        self.lost + self.duplicates + self.reorders + self.misdelivered == 0
    }

    /// In one line.
    pub fn line(&self) -> String {
        format!(
            "{}: {} sockets, {} deliveries, lost {}, twice {}, reordered {}, closed {}; {:.2} µs/delivery, p99 {:.2} ms, \
             handshake {:.0} µs, {:.2} KB/socket",
            self.server,
            self.sockets,
            self.deliveries,
            self.lost,
            self.duplicates,
            self.reorders,
            self.closed,
            self.cpu_us,
            self.p99_us as f64 / 1000.0,
            self.handshake_us,
            self.kib_per_socket
        )
    }
}

/// Runs of one machine.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Runs {
    /// What they ran on.
    pub machine: String,
    /// All of them, in the order in which they ran.
    pub runs: Vec<Record>,
}

impl Runs {
    /// The runs in a file; none when there is no such file.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        if !file.exists() {
            return Ok(Self { machine: machine(), runs: Vec::new() });
        }
        let text = fs::read_to_string(file)?;
        serde_json::from_str(&text).with_context(|| format!("{} is no file of runs; remove it", file.display()))
    }

    /// Writes them into a file.
    pub fn save(&self, file: &Path) -> anyhow::Result<()> {
        fs::write(file, serde_json::to_string_pretty(self)? + "\n").with_context(|| file.display().to_string())
    }

    /// The median of a figure over the runs of a workload against a server; none without runs.
    pub fn median(&self, workload: &str, server: &str, figure: impl Fn(&Record) -> f64) -> Option<f64> {
        let mut values: Vec<f64> = self.of(workload, server).map(figure).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(values[middle]),
            _ => Some((values[middle - 1] + values[middle]) / 2.0),
        }
    }

    /// The runs of a workload against a server.
    pub fn of<'a>(&'a self, workload: &'a str, server: &'a str) -> impl Iterator<Item = &'a Record> {
        self.runs.iter().filter(move |run| run.workload == workload && run.server == server)
    }
}

/// Processor, cores and kernel.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("CPU", |(_, name)| name.trim());
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} × {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_one_workload_and_one_server() {
        let run = |server: &str, cpu_us| Record {
            workload: "paced".into(),
            server: server.into(),
            cpu_us,
            ..Record::default()
        };
        let runs = Runs { runs: vec![run("a", 3.0), run("a", 1.0), run("b", 9.0), run("a", 2.0)], ..Runs::default() };
        assert_eq!(runs.median("paced", "a", |run| run.cpu_us), Some(2.0));
        assert_eq!(runs.median("paced", "b", |run| run.cpu_us), Some(9.0));
        assert_eq!(runs.median("single", "a", |run| run.cpu_us), None);
        let even = Runs { runs: vec![run("a", 1.0), run("a", 2.0)], ..Runs::default() };
        assert_eq!(even.median("paced", "a", |run| run.cpu_us), Some(1.5));
    }
}
