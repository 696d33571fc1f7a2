//! An event's data as it comes by the socket or from the spool.

use std::iter;

use rustecho_wire::json::is_plainly_json;
use serde::{
    Deserialize,
    de::value::{BorrowedStrDeserializer, Error, MapDeserializer},
};
use serde_json::value::RawValue;

/// How serde_json's own reader calls the text of a raw value when it hands it on. Should it be called otherwise one day, data is
/// read twice; a test would notice.
const RAW: &str = "$serde_json::private::RawValue";

/// The data, if it is JSON.
///
/// # Errors
/// What is wrong with it.
pub(super) fn json(text: &str) -> serde_json::Result<&RawValue> {
    match is_plainly_json(text).then(|| known(text)).flatten() {
        Some(data) => Ok(data),
        None => serde_json::from_str(text),
    }
}

/// Text that is known to be JSON, not read again.
fn known(text: &str) -> Option<&RawValue> {
    let handed_on = iter::once((RAW, BorrowedStrDeserializer::<Error>::new(text)));
    <&RawValue>::deserialize(MapDeserializer::new(handed_on)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_data_with_and_without_being_read() {
        let text = r#"{"n":[1,"ü"]}"#;
        assert_eq!(known(text).map(RawValue::get), Some(text));
        assert_eq!(json(text).map(RawValue::get).ok(), Some(text));
        assert_eq!(json(" [1e5, 2 ] ").map(RawValue::get).ok(), Some("[1e5, 2 ]"));
        assert!(json("{").is_err());
    }
}
