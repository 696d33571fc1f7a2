//! `tail`: every event and authorisation as it happens.

use std::{
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    TailArgs,
    remote::{self, Remote},
    why::sentence,
};
use crate::{
    config::Place,
    console::{self, Tone, clean},
};

pub(super) fn run(place: &Place, arguments: &TailArgs) -> ExitCode {
    let loaded = match remote::configuration(place, arguments.json) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("why", "1");
    for (name, filter) in [("channel", &arguments.channel), ("event", &arguments.event)] {
        if let Some(filter) = filter {
            query.append_pair(name, filter);
        }
    }
    let path = format!("/api/live?{}", query.finish());
    let heard = Remote::of(&loaded).and_then(|remote| {
        let watching = || {
            if !arguments.json {
                console::hint(&format!("Watching {}; Ctrl-C ends it.", remote.address()));
            }
        };
        remote::wait(remote.hear(&path, watching, |kind, data| show(kind, data, arguments.json)))
    });
    match heard {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => remote::fail(&error, arguments.json),
    }
}

/// Whether there still is somebody to show it to.
fn show(kind: &str, data: &str, json: bool) -> bool {
    match kind {
        "event" | "auth" if json => console::line(data),
        "why" if json => console::line(&format!("{{\"kind\":\"why\",{}", data.strip_prefix('{').unwrap_or("}"))),
        "missed" if json => console::line(&format!("{{\"kind\":\"missed\",\"count\":{data}}}")),
        "event" | "auth" => {
            let fact: Value = serde_json::from_str(data).unwrap_or_default();
            let (text, tone) = if kind == "event" { event(&fact) } else { auth(&fact) };
            console::toned(&format!("{}  {text}", time(&fact)), tone)
        }
        "why" => {
            let why: Value = serde_json::from_str(data).unwrap_or_default();
            let channel = clean(why["channel"].as_str().unwrap_or_default());
            console::toned(&format!("              {channel}: {}", sentence(&why)), Tone::Warn)
        }
        "missed" => console::toned(&format!("… {data} more came faster than they can be shown"), Tone::Warn),
        _ => true,
    }
}

fn event(road: &Value) -> (String, Tone) {
    let stops = road["channels"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |field: &str| stops.iter().filter_map(|stop| stop[field].as_u64()).sum::<u64>();
    let names: Vec<String> = stops.iter().filter_map(|stop| stop["channel"].as_str()).map(clean).collect();
    let reason = || clean(road["reason"].as_str().unwrap_or_default());
    let part = |field: &str| road[field].as_u64().unwrap_or_default();
    let took = console::micros(part("phpToFrame") + part("frameToAccepted") + part("acceptedToEmitted"));
    let (fate, tone) = match road["result"].as_str() {
        Some("emitted") => {
            let not = sum("slow") + sum("closed");
            let lost = if not > 0 { format!(", not to {not} that were too slow or gone") } else { String::new() };
            (format!("to {}{lost} in {took}", sockets(sum("taken"))), if not > 0 { Tone::Warn } else { Tone::Good })
        }
        Some("nobody") if sum("leftOut") > 0 => ("to nobody: only its sender is subscribed".to_owned(), Tone::Warn),
        Some("nobody") => ("to nobody: no one is subscribed".to_owned(), Tone::Warn),
        Some("duplicate") => (format!("not emitted: {}", reason()), Tone::Warn),
        Some("in_doubt") => {
            let again = sockets(sum("taken"));
            (format!("in doubt: {}; now to {again} that had not heard it", reason()), Tone::Warn)
        }
        _ => (format!("refused: {}", reason()), Tone::Bad),
    };
    let source = clean(road["source"].as_str().unwrap_or_default());
    let name = clean(road["event"].as_str().unwrap_or_default());
    (format!("{source:<5}  {}  {name}  {fate}", names.join(", ")), tone)
}

fn sockets(count: u64) -> String {
    if count == 1 { "1 socket".into() } else { format!("{count} sockets") }
}

fn auth(asked: &Value) -> (String, Tone) {
    let text = |field: &str| clean(asked[field].as_str().unwrap_or_default());
    let took = console::micros(asked["took"].as_u64().unwrap_or_default());
    let status = asked["status"].as_u64().map_or_else(|| "no answer".into(), |status| status.to_string());
    let (fate, tone) = match asked["result"].as_str() {
        Some("granted") => ("granted".to_owned(), Tone::Good),
        _ => (format!("{}: {}", text("result"), text("reason")), Tone::Bad),
    };
    (format!("auth   {}  {}  {status} in {took}  {fate}", text("channel"), text("socket")), tone)
}

fn time(fact: &Value) -> String {
    let at = UNIX_EPOCH + Duration::from_micros(fact["at"].as_u64().unwrap_or_default());
    let text = humantime::format_rfc3339_millis(at).to_string();
    text.get(11..23).unwrap_or_default().to_owned()
}
