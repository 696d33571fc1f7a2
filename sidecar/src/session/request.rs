//! What clients send, read from any JSON.

use serde_json::Value;

use crate::{
    bounds::Bound,
    channel::{ChannelError, ChannelName},
    config::Limits,
    edge::packet::is_reserved,
};

/// Why a request is not taken.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// It makes no sense and is ignored.
    Nonsense,
    /// It is over a bound.
    Over(Over),
}

/// Something over a bound.
#[derive(Debug, PartialEq)]
pub(super) struct Over {
    pub(super) bound: Bound,
    pub(super) limit: String,
    /// The channel that it is about, as the client called it.
    pub(super) channel: String,
}

impl Over {
    pub(super) fn new(bound: Bound, limit: impl ToString + Copy, channel: impl Into<String>) -> Self {
        Self { bound, limit: limit.to_string(), channel: channel.into() }
    }
}

impl From<Over> for Wrong {
    fn from(over: Over) -> Self {
        Self::Over(over)
    }
}

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
    pub(super) fn parse(payload: Value, limits: &Limits) -> Result<Self, Wrong> {
        let Value::Object(mut fields) = payload else { return Err(Wrong::Nonsense) };
        let channel = channel(fields.remove("channel"), limits)?;
        Ok(Self { channel, auth: fields.remove("auth").unwrap_or_default() })
    }
}

impl ClientEvent {
    pub(super) fn parse(payload: Value, limits: &Limits) -> Result<Self, Wrong> {
        let payload = match payload {
            Value::String(text) => serde_json::from_str(&text).map_err(|_| Wrong::Nonsense)?,
            other => other,
        };
        let Value::Object(mut fields) = payload else { return Err(Wrong::Nonsense) };
        let channel = channel(fields.remove("channel"), limits)?;
        let Some(Value::String(event)) = fields.remove("event") else { return Err(Wrong::Nonsense) };
        if event.len() > limits.event_name {
            return Err(Over::new(Bound::EventName, limits.event_name, channel.as_str()).into());
        }
        if is_reserved(&event) {
            return Err(Wrong::Nonsense);
        }
        Ok(Self { channel, event, data: fields.remove("data").unwrap_or_default() })
    }
}

/// A channel name; numbers and `true` stand for their text, as in the old server.
fn channel(value: Option<Value>, limits: &Limits) -> Result<ChannelName, Wrong> {
    let text = match value {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) if number.as_f64() != Some(0.0) => number.to_string(),
        Some(Value::Bool(true)) => "true".to_owned(),
        _ => return Err(Wrong::Nonsense),
    };
    ChannelName::within(limits, &text).map_err(|error| match error {
        ChannelError::Empty => Wrong::Nonsense,
        ChannelError::TooLong { max, .. } => Over::new(Bound::ChannelName, max, text).into(),
        ChannelError::Character { .. } => {
            let limit = format!("{:?}", limits.channel_characters).to_lowercase();
            Over::new(Bound::ChannelCharacters, limit.as_str(), text).into()
        }
    })
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
