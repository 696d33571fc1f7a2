//! What clients send, read from any JSON: `None` means that it makes no sense and is ignored.

use serde_json::Value;

use crate::{channel::ChannelName, config::Limits, edge::packet::is_reserved};

/// `subscribe` and `unsubscribe`: `{channel, auth}`.
#[derive(Debug, PartialEq)]
pub(super) struct Subscription {
    pub(super) channel: ChannelName,
    /// `auth`, of any type.
    pub(super) auth: Value,
}

/// `client event`: `{channel, event, data}`, or the JSON text of one.
#[derive(Debug, PartialEq)]
pub(super) struct ClientEvent {
    pub(super) channel: ChannelName,
    pub(super) event: String,
    pub(super) data: Value,
}

impl Subscription {
    pub(super) fn parse(payload: Value, limits: &Limits) -> Option<Self> {
        let Value::Object(mut fields) = payload else { return None };
        let channel = channel(&fields.remove("channel")?, limits)?;
        Some(Self { channel, auth: fields.remove("auth").unwrap_or_default() })
    }
}

impl ClientEvent {
    pub(super) fn parse(payload: Value, limits: &Limits) -> Option<Self> {
        let payload = match payload {
            Value::String(text) => serde_json::from_str(&text).ok()?,
            other => other,
        };
        let Value::Object(mut fields) = payload else { return None };
        let channel = channel(&fields.remove("channel")?, limits)?;
        let Value::String(event) = fields.remove("event")? else { return None };
        if event.len() > limits.event_name || is_reserved(&event) {
            return None;
        }
        Some(Self { channel, event, data: fields.remove("data").unwrap_or_default() })
    }
}

/// A channel name; numbers and `true` stand for their text, as in the old server.
fn channel(value: &Value, limits: &Limits) -> Option<ChannelName> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.as_f64() != Some(0.0) => number.to_string(),
        Value::Bool(true) => "true".to_owned(),
        _ => return None,
    };
    ChannelName::parse(&text, limits.channel_name).ok()
}

/// How many binary placeholders (`{"_placeholder": true, "num": n}`) there are in a value.
pub(super) fn placeholders(value: &Value) -> usize {
    match value {
        Value::Object(map) if map.get("_placeholder") == Some(&Value::Bool(true)) => 1,
        Value::Object(map) => map.values().map(placeholders).sum(),
        Value::Array(list) => list.iter().map(placeholders).sum(),
        _ => 0,
    }
}
