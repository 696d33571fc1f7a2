//! How long things may be, and the check that publishers and the sidecar share.

use serde::de::IgnoredAny;

use crate::error::InvalidEvent;
use crate::json::is_plainly_json;
use crate::message::Publish;

/// The most channels one event may be published to.
pub const MAX_CHANNELS: usize = 100;
/// The most bytes of one channel name.
pub const MAX_CHANNEL_LEN: usize = 512;
/// The most bytes of an event name.
pub const MAX_EVENT_LEN: usize = 512;
/// The most bytes of a socket id, a trace or a client's name for itself.
pub const MAX_SHORT_LEN: usize = 255;
/// The most bytes of data one event may have where the sidecar is not configured otherwise: 10 MiB.
pub const DEFAULT_MAX_DATA: usize = 10 * 1024 * 1024;

/// Checks all fields but whether the data is JSON; see [`check_json`]. `max_data` is in bytes.
///
/// # Errors
/// The first field that is empty or too long, with its start and its limit.
pub fn check(event: &Publish<'_>, max_data: usize) -> Result<(), InvalidEvent> {
    if event.channels.is_empty() {
        return Err(InvalidEvent::NoChannel);
    }
    if event.channels.len() > MAX_CHANNELS {
        return Err(InvalidEvent::TooManyChannels { count: event.channels.len(), first: start(event.channels[0]) });
    }
    for (index, channel) in event.channels.iter().enumerate() {
        if channel.is_empty() {
            return Err(InvalidEvent::EmptyChannel { index });
        }
        if channel.len() > MAX_CHANNEL_LEN {
            return Err(InvalidEvent::ChannelTooLong { index, start: start(channel), len: channel.len() });
        }
    }
    if event.event.is_empty() {
        return Err(InvalidEvent::EmptyEvent);
    }
    if event.event.len() > MAX_EVENT_LEN {
        return Err(InvalidEvent::EventTooLong { start: start(event.event), len: event.event.len() });
    }
    for (field, value) in [("socket id", event.socket), ("trace", event.trace)] {
        if value.len() > MAX_SHORT_LEN {
            return Err(InvalidEvent::FieldTooLong { field, start: start(value), len: value.len() });
        }
    }
    if event.data.len() > max_data {
        return Err(InvalidEvent::DataTooLong { start: start(event.data), len: event.data.len(), limit: max_data });
    }
    Ok(())
}

/// Checks that `data` is one JSON value. Nothing is built, and deep nesting costs no stack.
///
/// # Errors
/// What is wrong, and where.
pub fn check_json(data: &str) -> Result<(), InvalidEvent> {
    if is_plainly_json(data) {
        return Ok(());
    }
    match serde_json::from_str::<IgnoredAny>(data) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => Err(InvalidEvent::DataNotJson { start: start(data), reason: error.to_string() }),
    }
}

/// The first characters of a value, for an error message.
fn start(value: &str) -> String {
    let mut shown: String = value.chars().take(32).flat_map(char::escape_debug).collect();
    if value.chars().nth(32).is_some() {
        shown.push('…');
    }
    shown
}
