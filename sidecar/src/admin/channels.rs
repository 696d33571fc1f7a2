//! Who listens to what.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{View, answer};
use crate::{
    channel::ChannelName,
    edge::{Generation, Transport},
};

/// Channels in one answer, unless the query's `limit` says less: the console shows this many without effort.
const MOST_CHANNELS: usize = 20_000;
/// Sockets and members of one channel in one answer.
const MOST_SOCKETS: usize = 200;

/// `?prefix=&limit=`: name, subscribers and members of each channel.
pub(super) fn list(view: &View, query: Option<&str>) -> Response<Body> {
    let prefix = value(query, "prefix").unwrap_or_default();
    let limit = value(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(MOST_CHANNELS).min(MOST_CHANNELS);
    let all = view.parts.hub.channels(&prefix);
    let shown: Vec<Value> = all
        .iter()
        .take(limit)
        .map(|(name, subscribers)| {
            let members = name.is_presence().then(|| view.parts.presence.with(name, |members| members.users()));
            json!([name.as_str(), subscribers, members])
        })
        .collect();
    answer::json(&json!({"total": all.len(), "channels": shown}))
}

/// `?name=`: one channel, its first sockets, and its members.
pub(super) fn one(view: &View, query: Option<&str>) -> Response<Body> {
    let name = value(query, "name").unwrap_or_default();
    let name = match ChannelName::parse(&name, view.parts.config.limits().channel_name) {
        Ok(name) => name,
        Err(error) => return answer::refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let sockets = view.parts.hub.subscribers(name.as_str(), MOST_SOCKETS);
    let sockets: Vec<Value> = sockets
        .iter()
        .map(|socket| {
            let handshake = socket.handshake();
            let header = |name: &str| {
                handshake.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            };
            json!({
                "id": socket.id().as_str(),
                "transport": match socket.transport() {
                    Transport::Polling => "polling",
                    Transport::Websocket => "websocket",
                },
                "generation": match handshake.generation {
                    Generation::V3 => 3,
                    Generation::V4 => 4,
                },
                "address": handshake.peer,
                "origin": header("origin"),
                "queuedBytes": socket.queued(),
            })
        })
        .collect();
    let mut members = if name.is_presence() { view.parts.presence.stored(&name) } else { Vec::new() };
    members.truncate(MOST_SOCKETS);
    let subscribers = view.parts.hub.count(name.as_str());
    answer::json(&json!({
        "name": name.as_str(),
        "guarded": name.is_guarded(),
        "presence": name.is_presence(),
        "subscribers": subscribers,
        "sockets": sockets,
        "members": members,
    }))
}

/// The first value of a name in the query, decoded.
pub(super) fn value(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
