//! From PHP's values to one call of the client, and back.

use ext_php_rs::boxed::ZBox;
use ext_php_rs::convert::FromZval;
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use rustecho_wire::client::{Delivery, PublishArgs};
use rustecho_wire::limits::MAX_CHANNELS;
use rustecho_wire::{ClientError, EventId, InvalidEvent};

use crate::clients;
use crate::engine::{self, Text};
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
        event: utf8(event, || "event".into())?,
        socket_id: socket_id.map(|id| utf8(id, || "socketId".into())).transpose()?,
        ..PublishArgs::default()
    };
    let (id, delivery) = clients::with(settings, |client, settings| {
        let id = settings.id.unwrap_or_else(|| client.next_id());
        let args = PublishArgs { id: Some(id), trace: settings.trace.as_deref(), ..args };
        client.deliver_bytes(&args, json.bytes(), &settings.rules()).map(|delivery| (id, delivery))
    })
    .map_err(|error| match error {
        ClientError::Invalid(InvalidEvent::DataNotUtf8 { at }) => not_utf8("json", at),
        other => other.into(),
    })?;
    answer(id, delivery)
}

fn utf8(text: Text<'_>, name: impl FnOnce() -> String) -> Result<&str, Failure> {
    text.utf8().map_err(|at| not_utf8(&name(), at))
}

fn not_utf8(name: &str, at: usize) -> Failure {
    Failure::Argument(format!("{name}: not UTF-8, the first wrong byte is at offset {at}"))
}

/// The channels' names, keys and holes of PHP's array aside.
fn names(channels: &ZendHashTable) -> Result<Vec<&str>, Failure> {
    // Not a million names are looked at to say that there are too many.
    if channels.len() > MAX_CHANNELS {
        let first = channels.values().next().and_then(|value| value.dereference().str()).unwrap_or_default();
        let first = first.chars().take(32).collect();
        return Err(Failure::Client(InvalidEvent::TooManyChannels { count: channels.len(), first }.into()));
    }
    let mut names = Vec::with_capacity(channels.len());
    let mut entries = channels.iter();
    while let Some((key, value)) = entries.next_zval() {
        let field = || format!("channels[{}]", engine::key(&key));
        let Some(name) = Text::from_zval(value) else {
            let (field, found) = (field(), type_name(value));
            return Err(Failure::Argument(format!("{field}: a channel name is a string, this is of type {found}")));
        };
        names.push(utf8(name, field)?);
    }
    Ok(names)
}

fn answer(id: EventId, delivery: Delivery) -> Result<ZBox<ZendHashTable>, Failure> {
    let receipt = match delivery {
        Delivery::Accepted(receipt) => Some(receipt),
        Delivery::Written | Delivery::Spooled => None,
    };
    let mut digits = Zval::new();
    digits.set_zend_string(ZendStr::new(id.digits(), false));
    let mut answer = ZendHashTable::with_capacity(4);
    answer.insert("id", digits)?;
    answer.insert("subscribers", receipt.map(|receipt| i64::from(receipt.subscribers)))?;
    answer.insert("accepted", receipt.is_some())?;
    answer.insert("spooled", delivery == Delivery::Spooled)?;
    Ok(answer)
}
