//! The tables, as Markdown that is also good to read in a terminal.

use std::fmt::Write;

use crate::{
    record::{Record, Runs},
    required::{Verdict, judge},
    workloads::{WORKLOADS, Workload},
};

/// Everything that has been measured, and the required figures last.
pub fn report(runs: &Runs) -> String {
    let mut text = format!("{}\n", runs.machine);
    for workload in WORKLOADS {
        let servers = servers(runs, workload.name);
        if !servers.is_empty() {
            let _ = write!(text, "\n{}: {}\n\n{}", workload.name, workload.title, table(runs, workload, &servers));
        }
    }
    let _ = write!(text, "\nrequired of rustecho\n\n{}", verdicts(&judge(runs)));
    text
}

/// The servers that were measured under a workload, in the order in which they came.
pub fn servers(runs: &Runs, workload: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for run in runs.runs.iter().filter(|run| run.workload == workload) {
        if !names.contains(&run.server) {
            names.push(run.server.clone());
        }
    }
    names
}

type Column = (&'static str, fn(&Record) -> f64, usize);

const EVENTS: &[Column] = &[
    ("CPU µs/delivery", |run| run.cpu_us, 2),
    ("p50 ms", |run| run.p50_us as f64 / 1000.0, 2),
    ("p99 ms", |run| run.p99_us as f64 / 1000.0, 2),
    ("deliveries/s", |run| run.per_second, 0),
    ("lost", |run| run.lost as f64, 0),
    ("twice", |run| run.duplicates as f64, 0),
    ("reordered", |run| run.reorders as f64, 0),
];
/// Beside the figures of events.
const HEAVY: &[Column] =
    &[("memory grown MB", |run| run.grown_kib as f64 / 1024.0, 0), ("closed", |run| run.closed as f64, 0)];
const CONNECTIONS: &[Column] = &[
    ("CPU µs/handshake", |run| run.handshake_us, 0),
    ("connects/s", |run| run.connects_per_second, 0),
    ("KB/socket", |run| run.kib_per_socket, 2),
];

fn table(runs: &Runs, workload: &Workload, servers: &[String]) -> String {
    let mut columns = if workload.events.is_some() { EVENTS.to_vec() } else { CONNECTIONS.to_vec() };
    if workload.is_heavy() {
        columns.extend(HEAVY);
    }
    let mut rows =
        vec![["server", "runs"].into_iter().chain(columns.iter().map(|column| column.0)).map(str::to_owned).collect()];
    for server in servers {
        let cells = columns.iter().map(|(_, figure, digits)| {
            let median = runs.median(workload.name, server, figure).unwrap_or(f64::NAN);
            format!("{median:.digits$}")
        });
        rows.push(
            [server.clone(), runs.of(workload.name, server).count().to_string()].into_iter().chain(cells).collect(),
        );
    }
    markdown(&rows)
}

fn verdicts(verdicts: &[Verdict]) -> String {
    let mut rows: Vec<Vec<String>> = vec![["figure", "at most", "is", ""].map(str::to_owned).into()];
    rows.extend(verdicts.iter().map(|verdict| {
        let is = verdict.is.map_or_else(String::new, |value| format!("{value:.2}"));
        vec![verdict.what.clone(), verdict.at_most.to_string(), is, verdict.word().to_owned()]
    }));
    markdown(&rows)
}

/// A table whose columns line up; the first row is its head.
fn markdown(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            widths.iter().for_each(|width| text.push_str(&format!("|{}", "-".repeat(width + 2))));
            text.push_str("|\n");
        }
    }
    text
}
