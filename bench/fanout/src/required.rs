//! The figures that are required of rustecho, and whether the runs meet them.

use serde::Serialize;

use crate::record::{Record, Runs};

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// CPU for each delivery.
    Cpu,
    /// Latency, 99 of 100.
    P99,
    /// CPU for each handshake.
    Handshake,
    /// Memory for each socket.
    Memory,
}

impl Figure {
    /// Its value in a run.
    pub fn of(self, run: &Record) -> f64 {
        match self {
            Self::Cpu => run.cpu_us,
            Self::P99 => run.p99_us as f64 / 1000.0,
            Self::Handshake => run.handshake_us,
            Self::Memory => run.kib_per_socket,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Cpu => "CPU per delivery",
            Self::P99 => "p99",
            Self::Handshake => "CPU per handshake",
            Self::Memory => "KB per idle socket",
        }
    }
}

/// What rustecho's figure is divided by.
enum Against {
    /// The same figure of another server under the same workload.
    Server(&'static str),
    /// rustecho's own under another workload.
    Workload(&'static str),
    /// Nothing.
    Nothing,
}

/// At most so much.
struct Requirement {
    workload: &'static str,
    figure: Figure,
    against: Against,
    at_most: f64,
}

const fn of(workload: &'static str, figure: Figure, against: Against, at_most: f64) -> Requirement {
    Requirement { workload, figure, against, at_most }
}

const PLAIN: Against = Against::Server("plain-socketioxide");
const OLD: Against = Against::Server("laravel-echo-server");

const REQUIRED: [Requirement; 10] = [
    of("paced", Figure::Cpu, PLAIN, 0.65),
    of("saturated", Figure::Cpu, PLAIN, 1.0),
    of("paced", Figure::P99, PLAIN, 0.8),
    of("paced", Figure::Cpu, OLD, 0.45),
    of("saturated", Figure::Cpu, OLD, 0.28),
    of("single", Figure::Cpu, OLD, 0.4),
    of("handshake", Figure::Handshake, OLD, 0.2),
    of("burst", Figure::Cpu, Against::Server("rustecho-uncoalesced"), 0.75),
    of("paced-9900", Figure::Cpu, Against::Workload("paced"), 1.7),
    of("idle", Figure::Memory, Against::Nothing, 3.0),
];

/// A requirement and what came out.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// What is required, in words.
    pub what: String,
    /// The most it may be.
    pub at_most: f64,
    /// What it is; none when it has not been measured.
    pub is: Option<f64>,
}

impl Verdict {
    /// `met`, `missed` or `not measured`.
    pub fn word(&self) -> &'static str {
        match self.is {
            None => "not measured",
            Some(value) if value <= self.at_most => "met",
            Some(_) => "missed",
        }
    }
}

/// Judges every requirement.
pub fn judge(runs: &Runs) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = REQUIRED.iter().map(|requirement| requirement.judge(runs)).collect();
    let ours: Vec<_> = runs.runs.iter().filter(|run| run.server.starts_with("rustecho")).collect();
    let wrong = ours.iter().map(|run| run.lost + run.duplicates + run.reorders + run.misdelivered).sum::<u64>();
    verdicts.push(Verdict {
        what: format!("lost, duplicate, reordered in {} runs", ours.len()),
        at_most: 0.0,
        is: (!ours.is_empty()).then_some(wrong as f64),
    });
    verdicts
}

impl Requirement {
    fn judge(&self, runs: &Runs) -> Verdict {
        let median = |workload: &str, server: &str| runs.median(workload, server, |run| self.figure.of(run));
        let ours = median(self.workload, "rustecho");
        let (other, against) = match self.against {
            Against::Server(server) => (median(self.workload, server), format!(" ÷ {server}")),
            Against::Workload(workload) => (median(workload, "rustecho"), format!(" ÷ {workload}")),
            Against::Nothing => (Some(1.0), String::new()),
        };
        Verdict {
            what: format!("{}: {}{against}", self.workload, self.figure.words()),
            at_most: self.at_most,
            is: ours.zip(other).filter(|(_, other)| *other > 0.0).map(|(ours, other)| ours / other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(workload: &str, server: &str, cpu_us: f64) -> Record {
        Record { workload: workload.into(), server: server.into(), cpu_us, ..Record::default() }
    }

    fn verdict<'a>(verdicts: &'a [Verdict], what: &str) -> &'a Verdict {
        verdicts.iter().find(|verdict| verdict.what.starts_with(what)).unwrap()
    }

    #[test]
    fn ratios_are_of_medians_and_judged() {
        let runs = [
            run("paced", "rustecho", 6.0),
            run("paced", "plain-socketioxide", 12.0),
            run("paced", "laravel-echo-server", 10.0),
        ];
        let verdicts = judge(&Runs { runs: runs.into(), ..Runs::default() });
        let plain = verdict(&verdicts, "paced: CPU per delivery ÷ plain");
        assert_eq!((plain.is, plain.word()), (Some(0.5), "met"));
        assert_eq!(verdict(&verdicts, "paced: CPU per delivery ÷ laravel").word(), "missed");
        assert_eq!(verdict(&verdicts, "burst").word(), "not measured");
    }

    #[test]
    fn one_lost_delivery_of_ours_is_seen_and_of_others_not() {
        let lost = |server: &str, lost| Record { lost, ..run("paced", server, 1.0) };
        let runs =
            Runs { runs: vec![lost("rustecho-socketioxide", 1), lost("plain-socketioxide", 7)], ..Runs::default() };
        let verdicts = judge(&runs);
        let counts = verdict(&verdicts, "lost");
        assert_eq!((counts.is, counts.word()), (Some(1.0), "missed"));
    }
}
