//! `/api/why`: why does nobody get the events of a channel?

use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};
use serde::Serialize;

use super::{
    View, answer,
    channels::value,
    similar::{Similar, redis_prefix, similar},
};
use crate::{
    channel::ChannelName,
    tail::{self, Asked},
};

/// Refused subscriptions shown.
const MOST_REFUSED: usize = 10;

/// What is known of a channel that should have subscribers.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Why {
    /// The channel's name.
    pub(super) channel: String,
    /// Its subscribers on this node.
    subscribers: usize,
    /// Who wanted it and was refused, the newest first.
    refused: Vec<Asked>,
    /// Channels that are called nearly the same.
    similar: Vec<Similar>,
    /// All of it in a few sentences.
    answer: String,
}

pub(super) async fn answer(view: &std::sync::Arc<View>, query: Option<&str>) -> Response<Body> {
    let name = value(query, "channel").unwrap_or_default();
    if let Err(error) = ChannelName::within(&view.parts.config.limits(), &name) {
        return answer::refuse(StatusCode::BAD_REQUEST, &error.to_string());
    }
    match of(view, name).await {
        Some(why) => answer::json(&why),
        None => answer::refuse(StatusCode::SERVICE_UNAVAILABLE, "the sidecar is stopping"),
    }
}

/// Looks at every channel there is, beside the threads that serve; none while the sidecar stops.
pub(super) async fn of(view: &std::sync::Arc<View>, channel: String) -> Option<Why> {
    let view = view.clone();
    tokio::task::spawn_blocking(move || look(&view, channel)).await.ok()
}

fn look(view: &View, channel: String) -> Why {
    let subscribers = view.parts.hub.count(&channel);
    let refused = view.parts.publisher.tail().refused(&channel, MOST_REFUSED);
    let all = if subscribers == 0 { view.parts.hub.channels("") } else { Vec::new() };
    let similar = similar(&channel, all.iter().map(|(name, count)| (name.as_str(), *count)));
    let mut said = vec![match subscribers {
        0 => "0 subscribers".to_owned(),
        1 => "1 subscriber".to_owned(),
        many => format!("{many} subscribers"),
    }];
    if let Some(last) = refused.first() {
        let ago = Duration::from_micros(tail::now().saturating_sub(last.at)).as_secs();
        let status = last.status.map_or_else(|| "without an answer".to_owned(), |status| format!("with {status}"));
        let reason = last.reason.as_deref().unwrap_or_default();
        said.push(match refused.len() {
            1 => format!("a subscription was refused {ago} s ago, {status}: {reason}"),
            many => format!("{many} subscriptions were refused, the last {ago} s ago, {status}: {reason}"),
        });
    }
    if subscribers == 0 {
        let prefix = redis_prefix(&channel).filter(|_| similar.is_empty());
        said.extend(prefix.map(|prefix| {
            format!(
                "`{prefix}` stands in front of the channel's name, as Laravel's Redis prefix does: set databaseConfig.redis.keyPrefix \
                 to it"
            )
        }));
        let names: Vec<_> =
            similar.iter().map(|one| format!("{} ({}: {})", one.name, one.subscribers, one.why)).collect();
        match (names.is_empty(), refused.is_empty()) {
            (false, _) => said.push(format!("similar channel names: {}", names.join("; "))),
            (true, true) if prefix.is_some() => {}
            (true, true) if view.parts.clients.count() == 0 => {
                said.push("nobody is connected to this sidecar".to_owned());
            }
            (true, true) => said.push(format!(
                "no channel has a similar name, and nobody was refused: has the page called Echo.{}?",
                call(&channel)
            )),
            (true, false) => {}
        }
        if let Some(standing) = view.standing().filter(|standing| standing.peers > 0) {
            said.push(match standing.peers {
                1 => "the other node, which is not looked at here, may have subscribers".to_owned(),
                many => format!("{many} other nodes, which are not looked at here, may have subscribers"),
            });
        }
    }
    Why { answer: said.join("; "), channel, subscribers, refused, similar }
}

/// How a page subscribes to it.
fn call(channel: &str) -> String {
    if let Some(base) = channel.strip_prefix("presence-") {
        return format!("join('{base}')");
    }
    match channel.strip_prefix("private-") {
        Some(base) => format!("private('{base}')"),
        None => format!("channel('{channel}')"),
    }
}
