//! The one door: every event enters here, whatever source it came from.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::Arc,
};

use parking_lot::Mutex;
use rustecho_wire::EventId;
use serde_json::value::RawValue;

use crate::{
    channel::{ChannelError, ChannelName, start_of},
    config::Limits,
    counters::{Counter, Counters},
    devlog::DevLog,
    edge::{
        Packet,
        packet::{is_reserved, quote},
    },
    hub::Hub,
    once::Once,
};

/// Where a publish came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The Unix socket.
    Unix,
    /// Redis.
    Redis,
    /// The HTTP API.
    Http,
}

/// One event on its way in.
#[derive(Debug)]
pub struct Publish<'a> {
    /// Where from.
    pub source: Source,
    /// Its id, when its publisher gave one: a second publish with the same id is answered, but not emitted.
    pub id: Option<EventId>,
    /// Full wire names; a name that stands twice gets the event twice.
    pub channels: Vec<&'a str>,
    /// The event's name.
    pub event: &'a str,
    /// The event's JSON, as its publisher wrote it.
    pub data: &'a RawValue,
    /// The socket id that shall not get it.
    pub except: Option<&'a str>,
    /// What its channel was called where it came from, when that is not its name: in Redis it has a prefix. Only for `devMode`.
    pub came_as: Option<&'a str>,
}

/// Why an event was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// A publish needs somewhere to go.
    #[error("event has no channel")]
    NoChannel,
    /// Over `limits.channelsPerEvent`.
    #[error("event has {count} channels; at most {max} are allowed (limits.channelsPerEvent)")]
    TooManyChannels {
        /// How many it has.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// One of the channels has no usable name.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// An event needs a name.
    #[error("event name is empty")]
    NoEvent,
    /// Over `limits.eventNameBytes`.
    #[error("event name `{start}…` has {len} bytes; at most {max} are allowed (limits.eventNameBytes)")]
    EventTooLong {
        /// Its first characters.
        start: String,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A name that Socket.IO uses for itself on the server and never sends.
    #[error("event name `{0}` is reserved by Socket.IO: choose another with broadcastAs()")]
    Reserved(String),
    /// Over `limits.dataBytes`.
    #[error("data has {len} bytes; at most {max} are allowed (limits.dataBytes)")]
    DataTooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
}

/// How many event ids are remembered: ten seconds at 6,000 events a second, in about 4 MB.
const REMEMBERED_IDS: usize = 65_536;

/// Accepts events and hands them to the hub.
pub struct Publisher {
    hub: Arc<Hub>,
    limits: Limits,
    counters: Arc<Counters>,
    dev: DevLog,
    seen: Mutex<Seen>,
    refused: Once,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<EventId>,
    order: VecDeque<EventId>,
}

impl Publisher {
    /// A door to `hub`.
    pub fn new(hub: Arc<Hub>, limits: Limits, counters: Arc<Counters>, dev: DevLog) -> Self {
        Self { hub, limits, counters, dev, seen: Mutex::default(), refused: Once::default() }
    }

    /// The bounds that are checked here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Emits one event to the subscribers of its channels; how many sockets took it, a socket on two of them counted twice.
    ///
    /// When this returns, the event has been handed to every socket that was subscribed on this node.
    ///
    /// # Errors
    /// [`PublishError`] when the event is not valid or over a limit; nothing was emitted then.
    pub fn publish(&self, publish: &Publish<'_>) -> Result<u32, PublishError> {
        let channels = self.check(publish).inspect_err(|error| {
            self.counters.refused_publishes.add();
            let channel = publish.channels.first().copied().unwrap_or_default();
            self.say_refused(publish.source, channel, error);
        })?;
        if publish.id.is_some_and(|id| !self.seen.lock().first_time(id)) {
            self.counters.duplicates.add();
            return Ok(0);
        }
        self.accepted(publish.source).add();
        match publish.came_as {
            Some(channel) => self.dev.event(channel, publish.event),
            None => self.dev.event(&publish.channels.join(", "), publish.event),
        }
        let mut taken = 0;
        for channel in &channels {
            if let Ok(name) = RawValue::from_string(quote(channel.as_str())) {
                let packet = Packet::new(publish.event, &[&name, publish.data]);
                taken += self.hub.emit(channel.as_str(), &packet, publish.except);
            }
        }
        Ok(taken)
    }

    /// Logs why something on `channel` was not accepted: as a warning the first time on each channel, later for debugging only.
    pub fn say_refused(&self, source: Source, channel: &str, reason: impl fmt::Display) {
        let channel = start_of(channel);
        if self.refused.is_first(&channel) {
            tracing::warn!(?source, channel, %reason, "event refused; more of them on this channel are only counted");
        } else {
            tracing::debug!(?source, channel, %reason, "event refused");
        }
    }

    fn check(&self, publish: &Publish<'_>) -> Result<Vec<ChannelName>, PublishError> {
        let limits = &self.limits;
        let (count, max) = (publish.channels.len(), limits.channels_per_event);
        if count == 0 {
            return Err(PublishError::NoChannel);
        }
        if count > max {
            return Err(PublishError::TooManyChannels { count, max });
        }
        let (len, max) = (publish.event.len(), limits.event_name);
        // Redis has nobody to tell, and browsers were sent such events by laravel-echo-server.
        if len == 0 && publish.source != Source::Redis {
            return Err(PublishError::NoEvent);
        }
        if len > max {
            return Err(PublishError::EventTooLong { start: start_of(publish.event), len, max });
        }
        if is_reserved(publish.event) {
            return Err(PublishError::Reserved(publish.event.into()));
        }
        let (len, max) = (publish.data.get().len(), limits.data);
        if len > max {
            return Err(PublishError::DataTooLarge { len, max });
        }
        let channels = publish.channels.iter().map(|name| ChannelName::parse(name, limits.channel_name));
        Ok(channels.collect::<Result<_, _>>()?)
    }

    fn accepted(&self, source: Source) -> &Counter {
        match source {
            Source::Unix => &self.counters.published_unix,
            Source::Redis => &self.counters.published_redis,
            Source::Http => &self.counters.published_http,
        }
    }
}

impl Seen {
    fn first_time(&mut self, id: EventId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{StubSocket, channel};

    fn door() -> (Publisher, Arc<StubSocket>) {
        let hub = Arc::new(Hub::default());
        let socket = StubSocket::new("a");
        hub.subscribe(&channel("orders"), socket.clone());
        (Publisher::new(hub, Limits::default(), Arc::default(), DevLog::new(false)), socket)
    }

    fn publish<'a>(channels: &[&'a str], event: &'a str, data: &'a RawValue) -> Publish<'a> {
        Publish {
            source: Source::Http,
            id: None,
            channels: channels.to_vec(),
            event,
            data,
            except: None,
            came_as: None,
        }
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.into()).unwrap()
    }

    #[test]
    fn data_reaches_the_socket_byte_for_byte() {
        let (door, socket) = door();
        let data = raw(r#"{"n": 1.0, "big": 12345678901234567890, "u":"\u00e9"}"#);
        assert_eq!(door.publish(&publish(&["orders"], "E", &data)), Ok(1));
        assert_eq!(socket.texts(), [format!(r#"42["E","orders",{}]"#, data.get())]);
    }

    #[test]
    fn each_bound_names_itself_and_nothing_is_emitted() {
        let (door, socket) = door();
        let (long, many, data) = ("x".repeat(513), ["orders"; 101], raw("null"));
        let big = raw(&format!("\"{}\"", "x".repeat(10 * 1024 * 1024)));
        for (attempt, word) in [
            (publish(&[], "E", &data), "no channel"),
            (publish(&many, "E", &data), "channelsPerEvent"),
            (publish(&["orders", ""], "E", &data), "empty"),
            (publish(&["orders", &long], "E", &data), "channelNameBytes"),
            (publish(&["orders"], "", &data), "event name is empty"),
            (publish(&["orders"], &long, &data), "eventNameBytes"),
            (publish(&["orders"], "connection", &data), "reserved"),
            (publish(&["orders"], "E", &big), "dataBytes"),
        ] {
            let error = door.publish(&attempt).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(socket.texts().is_empty());
        assert_eq!(door.counters.refused_publishes.get(), 8);
    }

    #[test]
    fn redis_may_bring_an_event_with_an_empty_name() {
        let (door, socket) = door();
        let data = raw("1");
        let event = Publish { source: Source::Redis, ..publish(&["orders"], "", &data) };
        assert_eq!(door.publish(&event), Ok(1));
        assert_eq!(socket.texts(), [r#"42["","orders",1]"#]);
    }

    #[test]
    fn an_event_published_twice_is_emitted_once() {
        let (door, socket) = door();
        let data = raw("1");
        let event = Publish { id: Some(EventId([7; 16])), ..publish(&["orders"], "E", &data) };
        assert_eq!(door.publish(&event), Ok(1));
        assert_eq!(door.publish(&event), Ok(0));
        assert_eq!(socket.texts().len(), 1);
        assert_eq!(door.counters.duplicates.get(), 1);
    }

    #[test]
    fn remembered_ids_are_bounded() {
        let mut seen = Seen::default();
        for n in 0..(REMEMBERED_IDS as u128 + 10) {
            assert!(seen.first_time(EventId(n.to_be_bytes())));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (REMEMBERED_IDS, REMEMBERED_IDS));
    }
}
