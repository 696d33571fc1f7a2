//! `otel`: an object, or `false`.

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::{
    OtelConfig,
    build::is_off,
    reader::{Reader, Setting},
};

/// What OTLP's traces are posted to below a collector's address.
const TRACES: &str = "/v1/traces";

pub(super) fn read(reader: &mut Reader<'_>) -> Option<OtelConfig> {
    if let Some(whole) = reader.setting("otel") {
        match &whole.value {
            _ if is_off(&whole) => return None,
            Value::Object(_) => {}
            _ => reader.wrong(&whole, "false, or {\"endpoint\": \"http://127.0.0.1:4318\"}"),
        }
    }
    let setting = reader.setting("otel.endpoint")?;
    let text = reader.as_text(&setting)?;
    let service = reader.text("otel.serviceName").unwrap_or_else(|| "rustecho".to_owned());
    let headers = headers(reader);
    let Some(endpoint) = endpoint(&text) else {
        let expected = "a collector's address for OTLP over HTTP, such as \"http://127.0.0.1:4318\"";
        // What is meant for other programs as well must not keep this one from serving.
        if is_shared(&setting) {
            reader.warn(&setting, &format!("is ignored: it is not {expected}"));
        } else {
            reader.wrong(&setting, expected);
        }
        return None;
    };
    Some(OtelConfig { endpoint, headers, service })
}

fn is_shared(setting: &Setting) -> bool {
    setting.origin.contains(" OTEL_")
}

fn endpoint(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    if !url.path().ends_with(TRACES) {
        url.set_path(&format!("{}{TRACES}", url.path().trim_end_matches('/')));
    }
    Some(url)
}

/// An object in the file, `name=value,name=value` in the environment, percent-encoded as OpenTelemetry has it.
fn headers(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let Some(setting) = reader.setting("otel.headers") else { return Vec::new() };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    let pairs: Option<Vec<(String, String)>> = match &setting.value {
        Value::String(text) => text
            .split(',')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| pair.split_once('=').map(|(name, value)| (name.trim().to_owned(), decoded(value))))
            .collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        }
        _ => None,
    };
    let is_header = |(name, value): &(String, String)| {
        HeaderName::try_from(name.as_str()).is_ok() && HeaderValue::try_from(value.as_str()).is_ok()
    };
    match pairs.filter(|pairs| pairs.iter().all(is_header)) {
        Some(pairs) => pairs,
        None if is_shared(&setting) => {
            reader.warn(&setting, "is ignored: it is not name=value, commas between them");
            Vec::new()
        }
        None => {
            reader.wrong(&setting, "headers such as {\"authorization\": \"Bearer …\"}");
            Vec::new()
        }
    }
}
