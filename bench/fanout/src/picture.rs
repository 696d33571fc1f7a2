//! Bar charts as SVG: text and rectangles, readable on light and dark pages.

use std::{fmt::Write, fs, path::Path};

use crate::{
    record::{Record, Runs},
    report::servers,
    required::Figure,
};

/// One group of bars: what it is of, and how its values are written.
struct Panel {
    workload: &'static str,
    title: &'static str,
    figure: fn(&Record) -> f64,
    digits: usize,
}

const fn panel(workload: &'static str, title: &'static str, figure: fn(&Record) -> f64, digits: usize) -> Panel {
    Panel { workload, title, figure, digits }
}

/// File, heading and panels of each picture.
const PICTURES: &[(&str, &str, &[Panel])] = &[
    (
        "cpu.svg",
        "Server CPU per delivery, in microseconds: shorter is better",
        &[
            panel("paced", "paced: 1,000 subscribers, 20 events/s", |run| Figure::Cpu.of(run), 1),
            panel("saturated", "saturated: 1,000 subscribers, 4 events in flight", |run| Figure::Cpu.of(run), 1),
            panel("single", "single: 1,000 channels of one subscriber, 1,000 events/s", |run| Figure::Cpu.of(run), 0),
            panel("burst", "burst: 1,000 subscribers, 500 events/s", |run| Figure::Cpu.of(run), 2),
        ],
    ),
    (
        "latency.svg",
        "From PUBLISH to the client, 99 of 100 deliveries, in milliseconds: shorter is better",
        &[
            panel("paced", "paced: 1,000 subscribers, 20 events/s", |run| Figure::P99.of(run), 1),
            panel("single", "single: 1,000 channels of one subscriber, 1,000 events/s", |run| Figure::P99.of(run), 2),
            panel("paced-9900", "9,900 subscribers, 2 events/s", |run| Figure::P99.of(run), 0),
        ],
    ),
    (
        "others.svg",
        "Other loads: server CPU per delivery, in microseconds; shorter is better",
        &[
            panel("paced-9900", "9,900 subscribers of one channel, 2 events/s", |run| Figure::Cpu.of(run), 1),
            panel("tens", "1,000 channels of 10 sockets, 1,000 events/s", |run| Figure::Cpu.of(run), 1),
            panel("large", "64 KB to 1,000 subscribers", |run| Figure::Cpu.of(run), 0),
            panel("mixed", "half old and half new clients", |run| Figure::Cpu.of(run), 1),
            panel("polling", "200 polling clients", |run| Figure::Cpu.of(run), 0),
            panel("tls", "1,000 subscribers by wss", |run| Figure::Cpu.of(run), 1),
            panel("steady", "64 KB to 100 subscribers", |run| Figure::Cpu.of(run), 0),
            panel("stalled", "the same, and 20 more that never read", |run| Figure::Cpu.of(run), 0),
            panel("stalled", "and megabytes of memory that those 20 take", |run| run.grown_kib as f64 / 1024.0, 0),
        ],
    ),
    (
        "connections.svg",
        "What a connection costs: shorter is better",
        &[
            panel("handshake", "websocket handshake: microseconds of CPU", |run| Figure::Handshake.of(run), 0),
            panel("upgrade", "polling handshake and upgrade: microseconds of CPU", |run| Figure::Handshake.of(run), 0),
            panel("idle", "10,000 idle websockets: KB of memory for each", |run| Figure::Memory.of(run), 1),
        ],
    ),
];

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.heading{font-weight:600;font-size:15px}.panel{font-weight:600}\
.bar{fill:#9aa4b2}.ours{fill:#d9480f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#5b6675}.ours{fill:#ff7a3d}}";

const LABELS: f64 = 190.0;
const BARS: f64 = 470.0;
const WIDTH: f64 = LABELS + BARS + 80.0;
const ROW: f64 = 22.0;

/// Writes the pictures of what has been measured into `folder`.
pub fn write(runs: &Runs, folder: &Path) -> anyhow::Result<()> {
    for (file, heading, panels) in PICTURES {
        if let Some(svg) = draw(runs, heading, panels) {
            fs::write(folder.join(file), svg)?;
        }
    }
    Ok(())
}

/// A picture; none when nothing of it was measured.
fn draw(runs: &Runs, heading: &str, panels: &[Panel]) -> Option<String> {
    let mut y = 50.0;
    let mut body = String::new();
    for panel in panels {
        let bars: Vec<(String, f64)> = servers(runs, panel.workload)
            .into_iter()
            .filter_map(|server| runs.median(panel.workload, &server, panel.figure).map(|value| (server, value)))
            .collect();
        let longest = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        if longest <= 0.0 {
            continue;
        }
        let _ = writeln!(body, r#"<text class="panel" x="8" y="{y}">{}</text>"#, panel.title);
        for (server, value) in &bars {
            y += ROW;
            let length = value / longest * BARS;
            let class = if server == "rustecho" { "ours" } else { "bar" };
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{y}" text-anchor="end">{server}</text><rect class="{class}" x="{LABELS}" y="{}" width="{length:.1}" height="15" rx="2"/><text x="{:.1}" y="{y}">{value:.digits$}</text>"#,
                LABELS - 8.0,
                y - 12.0,
                LABELS + length + 6.0,
                digits = panel.digits
            );
        }
        y += ROW + 18.0;
    }
    let height = y - 20.0;
    (!body.is_empty()).then(|| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
             aria-label=\"{heading}\">\n<style>{STYLE}</style>\n<text class=\"heading\" x=\"8\" y=\"22\">{heading}</text>\n{body}</svg>\n"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::Workload;

    #[test]
    fn panels_are_of_workloads() {
        for panel in PICTURES.iter().flat_map(|picture| picture.2) {
            assert!(Workload::named(panel.workload).is_some(), "{}", panel.workload);
        }
    }

    #[test]
    fn bars_are_to_scale_and_ours_stands_out() {
        let run = |server: &str, cpu_us| Record {
            workload: "paced".into(),
            server: server.into(),
            cpu_us,
            ..Record::default()
        };
        let runs = Runs { runs: vec![run("rustecho", 5.0), run("socket-io4", 10.0)], ..Runs::default() };
        let svg = draw(&runs, "heading", PICTURES[0].2).unwrap();
        assert!(svg.contains(r#"class="ours" x="190" y="60" width="235.0""#), "{svg}");
        assert!(svg.contains(r#"class="bar" x="190" y="82" width="470.0""#), "{svg}");
        assert_eq!(draw(&Runs::default(), "heading", PICTURES[0].2), None);
    }
}
