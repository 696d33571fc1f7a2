//! `publish`: one event, by the Unix socket as PHP does it, else by the admin listener.

use std::{process::ExitCode, time::Duration};

use http::Method;
use rustecho_wire::client::{Ack, Client, Delivery, OnFailure, PublishArgs as Event, Rules};
use serde_json::{json, value::RawValue};

use super::{
    PublishArgs,
    outcome::{FAILED, USAGE},
    remote::{self, Remote},
    why,
};
use crate::{config::Place, console};

/// How long the sidecar may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(place: &Place, arguments: &PublishArgs) -> ExitCode {
    let data: &RawValue = match serde_json::from_str(&arguments.data) {
        Ok(data) => data,
        Err(error) => {
            let text = format!(
                "the data is not JSON: {error}. A text needs quotes of its own: '\"hello\"'; an object: '{{\"id\": 1}}'"
            );
            if arguments.look.json {
                console::say(&json!({"accepted": false, "error": text}).to_string());
            }
            console::tell(&format!("Error: {text}"));
            return USAGE.into();
        }
    };
    let loaded = match remote::configuration(place, arguments.look.json) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let (taken, by) = match &loaded.config.unix_socket {
        Some(unix) => (by_unix(&unix.path, arguments, data), "unix"),
        None => (by_admin(&loaded, arguments, data), "admin"),
    };
    match taken {
        Ok(sockets) if arguments.look.json => {
            let why = if sockets == 0 { why::ask(&loaded, &arguments.channel).ok() } else { None };
            console::say(&json!({"accepted": true, "sockets": sockets, "by": by, "why": why}).to_string());
        }
        Ok(0) => {
            let channel = console::clean(&arguments.channel);
            console::warning(&format!("Accepted, and nobody got it: no one is subscribed to {channel} now."));
            match why::ask(&loaded, &arguments.channel) {
                Ok(why) => console::warning(&format!("{}.", why::sentence(&why))),
                Err(_) => console::warning("Who is on what: `rustecho channels`, which needs the admin listener."),
            }
        }
        Ok(sockets) => {
            let them = if sockets == 1 { "1 socket".to_owned() } else { format!("{sockets} sockets") };
            console::success(&format!("Accepted: {them} got it."));
            console::say(&format!("A page hears it by {}", why::in_echo(&arguments.channel, &arguments.event)));
        }
        Err(error) => {
            if arguments.look.json {
                console::say(&json!({"accepted": false, "error": error, "by": by}).to_string());
            }
            console::tell(&format!("Error: {error}"));
            return FAILED.into();
        }
    }
    ExitCode::SUCCESS
}

fn by_unix(path: &std::path::Path, arguments: &PublishArgs, data: &RawValue) -> Result<u64, String> {
    let name = format!("rustecho-cli/{}", env!("CARGO_PKG_VERSION"));
    let mut client = Client::new(path, name, PATIENCE);
    let event =
        Event { channels: &[&arguments.channel], event: &arguments.event, data: data.get(), ..Event::default() };
    let rules = Rules { ack: Ack::Receipt, on_failure: OnFailure::Throw, breaker: Duration::ZERO, more: false };
    match client.deliver(&event, &rules) {
        Ok(Delivery::Accepted(receipt)) => Ok(receipt.subscribers.into()),
        Ok(Delivery::Written | Delivery::Spooled) => Err("no receipt came".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn by_admin(loaded: &crate::config::Loaded, arguments: &PublishArgs, data: &RawValue) -> Result<u64, String> {
    let remote = Remote::of(loaded).map_err(|error| error.to_string())?;
    if !remote.has_key() {
        return Err(
            "unixSocket is false and there is no admin.key: one of the two is needed to publish from here".into()
        );
    }
    let body = json!({"channel": arguments.channel, "event": arguments.event, "data": data}).to_string();
    let answer = remote::wait(remote.json(Method::POST, "/api/publish", body)).map_err(|error| error.to_string())?;
    Ok(answer["sockets"].as_u64().unwrap_or_default())
}
