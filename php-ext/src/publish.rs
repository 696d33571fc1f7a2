//! From PHP's values to one call of the client, and back.

use ext_php_rs::boxed::ZBox;
use ext_php_rs::convert::FromZval;
use ext_php_rs::types::ZendHashTable;
use rustecho_wire::client::PublishArgs;
use rustecho_wire::limits::MAX_CHANNELS;
use rustecho_wire::{EventId, InvalidEvent, Receipt};

use crate::clients;
use crate::engine::Text;
use crate::exceptions::Failure;
use crate::settings::{Settings, type_name};

/// Publishes, and makes PHP's receipt.
pub(crate) fn publish(
    channels: &ZendHashTable,
    event: Text<'_>,
    json: Text<'_>,
    socket_id: Option<Text<'_>>,
    options: Option<&ZendHashTable>,
) -> Result<ZBox<ZendHashTable>, Failure> {
    let settings = Settings::read(options)?;
    let channels = names(channels)?;
    let args = PublishArgs {
        channels: &channels,
        event: utf8("event", event)?,
        data: utf8("json", json)?,
        socket_id: socket_id.map(|id| utf8("socketId", id)).transpose()?,
        trace: settings.trace.as_deref(),
        ..PublishArgs::default()
    };
    let (id, receipt) = clients::with(&settings.socket, settings.timeout, |client| {
        let id = settings.id.unwrap_or_else(|| client.next_id());
        client.publish(&PublishArgs { id: Some(id), ..args }, settings.ack).map(|receipt| (id, receipt))
    })?;
    answer(id, receipt)
}

fn utf8<'a>(name: &str, text: Text<'a>) -> Result<&'a str, Failure> {
    text.utf8().map_err(|at| Failure::Argument(format!("{name}: not UTF-8, the first wrong byte is at offset {at}")))
}

/// The channels' names, keys and holes of PHP's array aside.
fn names(channels: &ZendHashTable) -> Result<Vec<&str>, Failure> {
    // Not a million names are looked at to say that there are too many.
    if channels.len() > MAX_CHANNELS {
        let first = channels.values().next().and_then(|value| value.dereference().str()).unwrap_or_default();
        let first = first.chars().take(32).collect();
        return Err(Failure::Client(InvalidEvent::TooManyChannels { count: channels.len(), first }.into()));
    }
    channels
        .iter()
        .map(|(key, value)| match Text::from_zval(value) {
            Some(name) => utf8(&format!("channels[{key}]"), name),
            None => {
                let found = type_name(value);
                Err(Failure::Argument(format!("channels[{key}]: a channel name is a string, this is of type {found}")))
            }
        })
        .collect()
}

fn answer(id: EventId, receipt: Option<Receipt>) -> Result<ZBox<ZendHashTable>, Failure> {
    let mut answer = ZendHashTable::with_capacity(3);
    answer.insert("id", id.to_string())?;
    answer.insert("subscribers", receipt.map(|receipt| i64::from(receipt.subscribers)))?;
    answer.insert("accepted", receipt.is_some())?;
    Ok(answer)
}
