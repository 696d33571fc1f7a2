//! `status` and `channels`: how it is now.

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::{
    LookArgs,
    remote::{self, Remote},
    why,
};
use crate::{
    config::{Loaded, Place},
    console::{self, Tone},
    counters::Counters,
};

/// `status`.
pub(super) fn status(place: &Place, arguments: &LookArgs) -> ExitCode {
    ask(place, "/api/status", arguments.json, |_, status| {
        for (name, value, tone) in status_rows(status) {
            console::row(&name, &value, tone);
        }
    })
}

/// `channels`.
pub(super) fn channels(place: &Place, prefix: &str, arguments: &LookArgs) -> ExitCode {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("prefix", prefix).finish();
    ask(place, &format!("/api/channels?{query}"), arguments.json, |loaded, answer| {
        let list = answer["channels"].as_array().map(Vec::as_slice).unwrap_or_default();
        let total = answer["total"].as_u64().unwrap_or_default();
        if total == 0 {
            console::say("Nobody is subscribed to any channel of that name.");
            if let (false, Ok(why)) = (prefix.is_empty(), why::ask(loaded, prefix)) {
                console::say(&format!("{}: {}.", console::clean(prefix), why::sentence(&why)));
            }
            return;
        }
        console::say("SUBSCRIBERS  MEMBERS  CHANNEL");
        for channel in list {
            let members = channel[2].as_u64().map_or_else(|| "-".into(), |count| count.to_string());
            let name = console::clean(channel[0].as_str().unwrap_or_default());
            console::say(&format!("{:>11}  {members:>7}  {name}", channel[1].as_u64().unwrap_or_default()));
        }
        if (list.len() as u64) < total {
            console::say(&format!("… and {} more", total - list.len() as u64));
        }
    })
}

fn ask(place: &Place, path: &str, json: bool, show: impl FnOnce(&Loaded, &Value)) -> ExitCode {
    let loaded = match remote::configuration(place, json) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let answer = Remote::of(&loaded).and_then(|remote| remote::wait(remote.get(path)));
    match answer {
        Ok(answer) if json => console::say(&answer.to_string()),
        Ok(answer) => show(&loaded, &answer),
        Err(error) => return remote::fail(&error, json),
    }
    ExitCode::SUCCESS
}

fn status_rows(status: &Value) -> Vec<(String, String, Tone)> {
    let number = |path: &str| status.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let text = |value: &Value| console::clean(value.as_str().unwrap_or_default());
    let uptime = std::time::Duration::from_secs(status["uptime"].as_f64().unwrap_or_default() as u64);
    let mut rows = vec![row(
        "rustecho",
        format!("{}, process {}, up {}", text(&status["version"]), number("/pid"), humantime::format_duration(uptime)),
    )];
    let reasons: Vec<String> = status["reasons"].as_array().into_iter().flatten().map(text).collect();
    rows.push(match reasons.as_slice() {
        [] => ("ready".into(), "yes".into(), Tone::Good),
        _ => ("ready".into(), format!("no: {}", reasons.join("; ")), Tone::Bad),
    });
    for source in status["sources"].as_array().into_iter().flatten() {
        let tone = match source["state"].as_str() {
            Some("up") => Tone::Good,
            Some("down") => Tone::Bad,
            _ => Tone::Plain,
        };
        let state = if source["state"] == "off" {
            "off".to_owned()
        } else {
            format!("{} ({})", text(&source["state"]), text(&source["place"]))
        };
        rows.push((format!("source {}", text(&source["name"])), state, tone));
    }
    let groups = status["connections"]["groups"].as_array().into_iter().flatten();
    let groups: Vec<String> = groups
        .filter(|group| group["count"] != 0)
        .map(|group| {
            format!("{} by {} (Engine.IO {})", group["count"], text(&group["transport"]), text(&group["generation"]))
        })
        .collect();
    let connections = format!("{}  {}", number("/connections/total"), groups.join(", "));
    rows.push(row("connections", connections.trim_end().to_owned()));
    let channels = format!(
        "{} public, {} private, {} presence",
        number("/channels/public"),
        number("/channels/private"),
        number("/channels/presence")
    );
    rows.push(row("channels", channels));
    rows.push(row("subscriptions", format!("{}, {} presence members", number("/subscriptions"), number("/members"))));
    let counted = |name: &str| number(&format!("/counters/{name}"));
    let mut events = format!(
        "{} by unix, {} by redis, {} by http",
        counted("published_unix"),
        counted("published_redis"),
        counted("published_http")
    );
    if let Some(cluster) = status["cluster"].as_object() {
        events = format!("{events}, {} from other nodes", counted("published_cluster"));
        rows.push(cluster_row(cluster));
    }
    rows.push(row("events", events));
    rows.push(row("deliveries", counted("emitted").to_string()));
    let lost = [
        ("refused_unix", "refused from unix"),
        ("refused_redis", "refused from redis"),
        ("refused_redis_messages", "no event, from redis"),
        ("refused_http", "refused from http"),
        ("dropped_slow", "for a slow client"),
        ("dropped_oldest", "oldest of a slow client"),
        ("refused_cluster", "refused from other nodes"),
        ("cluster_lost", "lost between nodes"),
        ("spool_refused", "not valid in the spool"),
        ("spool_torn", "damaged spool files"),
        ("dropped_closed", "for a client that had just gone"),
        ("spool_expired", "too old in the spool"),
    ];
    let lost = lost.iter().map(|(name, what)| (counted(name), (*what).to_owned()));
    let lost: Vec<String> = lost
        .chain(over_limits().map(|(name, limit)| (counted(name), format!("over {limit}"))))
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    rows.push(match lost.as_slice() {
        [] => row("dropped", "nothing".into()),
        _ => ("dropped".into(), lost.join(", "), Tone::Warn),
    });
    let latency = |path: &str| {
        let part = |name: &str| status.pointer(&format!("{path}/{name}")).and_then(Value::as_u64);
        match (part("p50"), part("p99")) {
            (Some(half), Some(most)) => {
                format!("{} half of them, {} at 99 %", console::micros(half), console::micros(most))
            }
            _ => "nothing to measure yet".to_owned(),
        }
    };
    rows.push(row("publish to emit", latency("/latency/ever")));
    rows.push(row(
        "auth requests",
        format!(
            "{} granted, {} denied, {} failed, {} not asked about; {}",
            counted("auth_granted"),
            counted("auth_denied"),
            counted("auth_failed"),
            counted("auth_busy"),
            latency("/latency/auth")
        ),
    ));
    let strangers = [("untrusted_origins", "without their cookie"), ("refused_origins", "refused")];
    let strangers: Vec<String> = strangers
        .iter()
        .filter(|(name, _)| counted(name) > 0)
        .map(|(name, what)| format!("{} {what}", counted(name)))
        .collect();
    if !strangers.is_empty() {
        let text = format!("{} (pages of origins that are not trusted: trustedOrigins)", strangers.join(", "));
        rows.push(("strangers".into(), text, Tone::Warn));
    }
    if let Some(files) = status.pointer("/spool/files").and_then(Value::as_u64) {
        let waits = format!("{files} {}, {} bytes", if files == 1 { "file" } else { "files" }, number("/spool/bytes"));
        rows.push(if files == 0 { row("spool", "empty".into()) } else { ("spool".into(), waits, Tone::Warn) });
    }
    rows.push(row("memory", format!("{:.1} MB", number("/memoryBytes") as f64 / 1e6)));
    rows
}

/// The counters of what was refused or closed for a limit, and the setting's name.
fn over_limits() -> impl Iterator<Item = (&'static str, &'static str)> {
    // Who has waited for a turn has had it.
    let metrics = Counters::default().snapshot().into_iter().map(|(metric, _)| metric);
    let metrics = metrics.filter(|metric| metric.family == "over_limit" && metric.name != "auth_waited");
    metrics.filter_map(|metric| metric.labels.first().map(|(_, limit)| (metric.name, *limit)))
}

/// How this node stands to the others.
fn cluster_row(cluster: &Map<String, Value>) -> (String, String, Tone) {
    let is = |name: &str| cluster.get(name).and_then(Value::as_bool) == Some(true);
    let number = |name: &str| cluster.get(name).and_then(Value::as_u64).unwrap_or(0);
    let nodes = match number("nodes") {
        1 => "1 node".to_owned(),
        many => format!("{many} nodes"),
    };
    if !is("connected") {
        let waits = number("backlogBytes");
        return ("cluster".into(), format!("{nodes}, not connected; {waits} bytes for the others wait"), Tone::Bad);
    }
    let lag = console::micros((cluster.get("lagSeconds").and_then(Value::as_f64).unwrap_or(0.0) * 1e6) as u64);
    match is("inOrder") {
        true => row("cluster", format!("{nodes}, connected, {lag} behind")),
        false => ("cluster".into(), format!("{nodes}, connected, not in the common order, {lag} behind"), Tone::Warn),
    }
}

fn row(name: &str, value: String) -> (String, String, Tone) {
    (name.to_owned(), value, Tone::Plain)
}
