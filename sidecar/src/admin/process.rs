//! The metrics of the process itself, under the names that every Prometheus client gives them.

use std::{fmt, fs, time::SystemTime};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

/// What Linux says of this process; what it does not say is left out.
#[derive(Debug)]
pub(super) struct Process {
    resident: Option<u64>,
    open_fds: Option<usize>,
    max_fds: Option<u64>,
    cpu: Option<f64>,
    started: Option<f64>,
}

impl Process {
    pub(super) fn now() -> Self {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let times = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let made = fs::metadata("/proc/self").and_then(|about| about.modified()).ok();
        Self {
            resident: crate::api::memory::resident(),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
            max_fds: limit,
            cpu: Some(times.tv_sec as f64 + times.tv_nsec as f64 / 1e9),
            started: made
                .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
                .map(|since| since.as_secs_f64()),
        }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, unit, value: Option<f64>| match value {
            Some(value) => encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value),
            None => Ok(()),
        };
        gauge("resident_memory", "Resident memory", Some(&Unit::Bytes), self.resident.map(|bytes| bytes as f64))?;
        gauge("open_fds", "Open file descriptors", None, self.open_fds.map(|count| count as f64))?;
        gauge("max_fds", "Most file descriptors that may be open", None, self.max_fds.map(|count| count as f64))?;
        gauge("start_time", "When the process started", Some(&Unit::Seconds), self.started)?;
        match self.cpu {
            Some(seconds) => encoder
                .encode_descriptor("cpu", "Processor time", Some(&Unit::Seconds), MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, f64>(&seconds, None),
            None => Ok(()),
        }
    }
}
