//! The body of `POST /apps/{id}/events`, in both shapes: `channel` or `channels`.
//!
//! What counts as given is what JavaScript calls truthy, because the old server asked that. The data stays the text that was
//! sent; only a string that is JSON itself is unwrapped.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::publisher::{Came, Publish, Source};

/// One event as an HTTP client publishes it.
#[derive(Debug)]
pub(super) struct Event {
    name: String,
    /// The channels, as often as they were named; none at all is allowed and reaches nobody.
    pub(super) channels: Vec<String>,
    data: Box<RawValue>,
    socket_id: Option<String>,
}

impl Event {
    /// The event on its way in.
    pub(super) fn publish<'a>(&'a self, trace: &'a str) -> Publish<'a> {
        Publish {
            source: Source::Http,
            id: None,
            channels: self.channels.iter().map(String::as_str).collect(),
            event: &self.name,
            data: &self.data,
            except: self.socket_id.as_deref(),
            came_as: None,
            came: Came::made(0, trace),
        }
    }
}

/// Why a body is no event.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    /// Not JSON at all.
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// Something is missing or falsy.
    #[error("Event must include channel, event name and data")]
    Incomplete,
    /// `name` is no text.
    #[error("name must be a string")]
    Name,
    /// `channel` or one of `channels` is no text.
    #[error("channels must be a list of strings, channel a string")]
    Channels,
}

/// The event in `body`.
pub(super) fn parse(body: &str) -> Result<Event, EventError> {
    let whole: &RawValue = serde_json::from_str(body).map_err(EventError::NotJson)?;
    if !whole.get().starts_with('{') {
        return Err(EventError::Incomplete);
    }
    let fields: Fields<'_> = serde_json::from_str(whole.get()).map_err(EventError::NotJson)?;
    let truthy = |field: Option<&'_ RawValue>| field.filter(|raw| is_truthy(raw)).is_some();
    if !(truthy(fields.channels) || truthy(fields.channel)) || !truthy(fields.name) || !truthy(fields.data) {
        return Err(EventError::Incomplete);
    }
    let channels = match (fields.channels.filter(|raw| is_truthy(raw)), fields.channel) {
        (Some(list), _) => {
            let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| EventError::Channels)?;
            list.into_iter().map(channel).collect::<Option<Vec<_>>>()
        }
        (None, Some(one)) => channel(one).map(|name| vec![name]),
        (None, None) => None,
    };
    Ok(Event {
        name: fields.name.and_then(string).ok_or(EventError::Name)?,
        channels: channels.ok_or(EventError::Channels)?,
        data: fields.data.map(unwrapped).unwrap_or_default(),
        socket_id: fields.socket_id.and_then(string),
    })
}

/// The fields that matter. Of a field that stands twice the last counts.
#[derive(Default)]
struct Fields<'a> {
    name: Option<&'a RawValue>,
    channel: Option<&'a RawValue>,
    channels: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    socket_id: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<Cow<'_, str>>()? {
                    match &*name {
                        "name" => fields.name = Some(map.next_value()?),
                        "channel" => fields.channel = Some(map.next_value()?),
                        "channels" => fields.channels = Some(map.next_value()?),
                        "data" => fields.data = Some(map.next_value()?),
                        "socket_id" => fields.socket_id = Some(map.next_value()?),
                        _ => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn is_truthy(value: &RawValue) -> bool {
    match value.get() {
        "null" | "false" | "\"\"" => false,
        number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            number.parse::<f64>().is_ok_and(|number| number != 0.0)
        }
        _ => true,
    }
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A channel's name; a number is taken as its text.
fn channel(value: &RawValue) -> Option<String> {
    let text = value.get();
    if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Some(text.to_owned());
    }
    string(value)
}

/// The data itself, or what a string holds when that is JSON. A list of one such thing is unwrapped as well: JavaScript made the
/// list a text first, and that of a list of one is that of its element.
fn unwrapped(data: &RawValue) -> Box<RawValue> {
    let mut inner = Cow::Borrowed(data);
    // A list in a list in a list…: each turn shortens the text, and the bound keeps the work in proportion to it.
    for _ in 0..32 {
        let Ok(list) = serde_json::from_str::<List<'_>>(inner.get()) else { break };
        let Some(only) = list.only else { return data.to_owned() };
        inner = Cow::Owned(only.to_owned());
    }
    let text = inner.get();
    match text.as_bytes().first() {
        Some(b'"') => match string(&inner).and_then(|text| RawValue::from_string(text.trim().to_owned()).ok()) {
            Some(json) => json,
            None => data.to_owned(),
        },
        // "null" as the text of a list is empty, "[object Object]" is no JSON.
        Some(b'n' | b'{') if text.len() != data.get().len() => data.to_owned(),
        _ => inner.into_owned(),
    }
}

/// A list, of which nothing is kept but the only element it has.
struct List<'a> {
    only: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut only = elements.next_element()?;
                while elements.next_element::<IgnoredAny>()?.is_some() {
                    only = None;
                }
                Ok(List { only })
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> String {
        parse(&format!(r#"{{"channel":"c","name":"E","data":{json}}}"#)).unwrap().data.get().to_owned()
    }

    #[test]
    fn data_is_passed_on_as_it_was_written() {
        for json in [r#"{"n": 1.0, "u":"\u00e9"}"#, "5", "true", "[1,{\"a\":2}]", "[]", "12345678901234567890", "1e400"]
        {
            assert_eq!(data(json), json);
        }
    }

    #[test]
    fn a_string_that_is_json_is_unwrapped_once() {
        assert_eq!(data(r#""{\"x\":2}""#), r#"{"x":2}"#);
        assert_eq!(data(r#"" 12 ""#), "12");
        assert_eq!(data(r#""null""#), "null");
        assert_eq!(data(r#""\"\\\"a\\\"\"""#), r#""\"a\"""#);
        for text in [r#""hello""#, r#""0012""#, r#"" ""#, r#""\ud800""#] {
            assert_eq!(data(text), text);
        }
    }

    #[test]
    fn a_list_of_one_is_unwrapped_like_its_element() {
        for (list, expected) in [
            ("[1]", "1"),
            (r#"["{\"a\":1}"]"#, r#"{"a":1}"#),
            (r#"["x"]"#, r#"["x"]"#),
            ("[[2]]", "2"),
            ("[null]", "[null]"),
            ("[[]]", "[[]]"),
            (r#"[{"a":1}]"#, r#"[{"a":1}]"#),
            ("[1,2]", "[1,2]"),
        ] {
            assert_eq!(data(list), expected, "{list}");
        }
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        assert!(data(&deep).len() > 9000);
    }

    #[test]
    fn channels_wins_over_channel_unless_it_is_falsy() {
        let channels =
            |fields: &str| parse(&format!(r#"{{"name":"E","data":1,{fields}}}"#)).map(|event| event.channels);
        assert_eq!(channels(r#""channel":"a","channels":["b","b"]"#).unwrap(), ["b", "b"]);
        assert_eq!(channels(r#""channel":"a","channels":null"#).unwrap(), ["a"]);
        assert_eq!(channels(r#""channel":7"#).unwrap(), ["7"]);
        assert!(channels(r#""channels":[]"#).unwrap().is_empty());
        for odd in [r#""channels":"a""#, r#""channels":{}"#, r#""channels":[null]"#, r#""channel":["a"]"#] {
            assert!(matches!(channels(odd), Err(EventError::Channels)), "{odd}");
        }
    }

    #[test]
    fn what_is_missing_or_falsy_is_refused() {
        for body in [
            "{}",
            "[]",
            "5",
            "\"str\"",
            "true",
            "null",
            r#"{"channel":"x","data":{}}"#,
            r#"{"channel":"x","name":"E"}"#,
            r#"{"name":"E","data":{}}"#,
            r#"{"channel":"x","name":"E","data":""}"#,
            r#"{"channel":"x","name":"E","data":-0.0e3}"#,
            r#"{"channel":"x","name":"E","data":false}"#,
            r#"{"channel":"x","name":"","data":1}"#,
            r#"{"channel":"","name":"E","data":1}"#,
            r#"{"channel":"x","name":"E","data":1,"data":null}"#,
        ] {
            assert!(matches!(parse(body), Err(EventError::Incomplete)), "{body}");
        }
        assert!(matches!(parse(r#"{"channel":"x","name":5,"data":1}"#), Err(EventError::Name)));
        for body in ["", "{", "name=E", "{} x", "\u{feff}{}"] {
            assert!(matches!(parse(body), Err(EventError::NotJson(_))), "{body}");
        }
    }

    #[test]
    fn the_socket_to_leave_out_is_optional_and_may_be_nonsense() {
        let socket = |json: &str| {
            parse(&format!(r#"{{"channel":"c","name":"E","data":1,"socket_id":{json}}}"#)).unwrap().socket_id
        };
        assert_eq!(socket("\"abc\"").as_deref(), Some("abc"));
        assert_eq!(socket("null"), None);
        assert_eq!(socket("[1]"), None);
    }
}
