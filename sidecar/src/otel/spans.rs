//! A road as spans, in OTLP's JSON: ids in hexadecimal digits, whole numbers of 64 bits as texts.

use serde_json::{Value, json};

use crate::{
    hub::Reach,
    tail::{Outcome, Road},
};

/// Channels named on one span.
const MOST_CHANNELS: usize = 20;
const INTERNAL: u8 = 1;
const CONSUMER: u8 = 5;
const ERROR: u8 = 2;

/// The parts of a `traceparent`.
struct Parent<'a> {
    trace: &'a str,
    span: &'a str,
    flags: u8,
}

/// Whether whoever began this trace wants it kept: the last bit of its `traceparent`.
pub fn is_sampled(traceparent: &str) -> bool {
    parse(traceparent).is_some_and(|parent| parent.flags & 1 == 1)
}

fn parse(traceparent: &str) -> Option<Parent<'_>> {
    // Later versions may have more behind the fourth field.
    let mut fields = traceparent.splitn(5, '-');
    let mut field = |length: usize| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        fields.next().filter(|text| text.len() == length && text.bytes().all(is_hex))
    };
    let is_id = |text: &&str| text.bytes().any(|digit| digit != b'0');
    field(2).filter(|version| *version != "ff")?;
    let (trace, span) = (field(32).filter(is_id)?, field(16).filter(is_id)?);
    Some(Parent { trace, span, flags: u8::from_str_radix(field(2)?, 16).ok()? })
}

/// What is followed is ids of digits, where the text has them. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(traceparent: &str) {
    let Some(parent) = parse(traceparent) else { return };
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    assert!(is_hex(parent.trace) && is_hex(parent.span));
    assert_eq!((&traceparent[3..35], &traceparent[36..52]), (parent.trace, parent.span));
    assert_eq!(is_sampled(traceparent), parent.flags & 1 == 1);
}

/// The whole request: these roads' spans, of a service of this name.
pub(super) fn request(service: &str, roads: &[Road]) -> String {
    let resource = [
        text("service.name", service),
        text("service.version", env!("CARGO_PKG_VERSION")),
        number("process.pid", std::process::id().into()),
    ];
    let spans: Vec<Value> = roads.iter().flat_map(of).collect();
    let scope = json!({"name": "rustecho", "version": env!("CARGO_PKG_VERSION")});
    let scopes = json!([{"scope": scope, "spans": spans}]);
    json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": scopes}]}).to_string()
}

/// The event's span below that of the request, and one below it for each part of the road that it came by.
fn of(road: &Road) -> Vec<Value> {
    let Some(parent) = road.trace.as_deref().and_then(parse) else { return Vec::new() };
    let made = road.at.saturating_sub(road.php_to_frame.unwrap_or_default());
    let accepted = road.frame_to_accepted.map(|took| road.at + took);
    let emitted = accepted.zip(road.accepted_to_emitted).map(|(at, took)| at + took);
    let span = |name: &str, kind: u8, parent_id: &str, from: u64, to: u64, attributes: Vec<Value>| {
        json!({
            "traceId": parent.trace,
            "spanId": format!("{:016x}", rand::random_range(1..=u64::MAX)),
            "parentSpanId": parent_id,
            "flags": parent.flags,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": nanos(from),
            "endTimeUnixNano": nanos(to),
            "attributes": attributes,
        })
    };
    let end = emitted.or(accepted).unwrap_or(road.at);
    let mut whole = span("rustecho event", CONSUMER, parent.span, made, end, about(road));
    if road.result == Outcome::Refused {
        whole["status"] = json!({"code": ERROR, "message": road.reason});
    }
    let below = whole["spanId"].as_str().unwrap_or_default().to_owned();
    let part = |name, from, to, attributes| span(name, INTERNAL, &below, from, to, attributes);
    let mut spans = vec![whole];
    if road.php_to_frame.is_some() {
        spans.push(part("received", made, road.at, Vec::new()));
    }
    spans.extend(accepted.map(|accepted| part("accepted", road.at, accepted, Vec::new())));
    spans.extend(accepted.zip(emitted).map(|(accepted, emitted)| part("emitted", accepted, emitted, reached(road))));
    spans
}

fn nanos(micros: u64) -> String {
    (u128::from(micros) * 1_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn about(road: &Road) -> Vec<Value> {
    let names = road.channels.iter().take(MOST_CHANNELS).map(|stop| json!({"stringValue": stop.channel}));
    let names: Vec<Value> = names.collect();
    let mut about = vec![
        text("messaging.system", "rustecho"),
        text("messaging.operation.type", "process"),
        text("rustecho.event", &road.event),
        json!({"key": "rustecho.channels", "value": {"arrayValue": {"values": names}}}),
        text("rustecho.source", road.source),
        text("rustecho.result", road.result.name()),
        number("messaging.message.body.size", road.data_bytes as u64),
    ];
    if let [only] = road.channels.as_slice() {
        about.push(text("messaging.destination.name", &only.channel));
    }
    about.extend(road.id.as_deref().map(|id| text("messaging.message.id", id)));
    about
}

fn reached(road: &Road) -> Vec<Value> {
    let sum = |of: fn(&Reach) -> u32| road.channels.iter().map(|stop| u64::from(of(&stop.reach))).sum();
    vec![
        number("rustecho.sockets", sum(|reach| reach.taken)),
        number("rustecho.sockets.slow", sum(|reach| reach.slow)),
        number("rustecho.sockets.closed", sum(|reach| reach.closed)),
        number("rustecho.sockets.left_out", sum(|reach| reach.left_out)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_traceparent_that_is_sampled_is_followed() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_sampled(good));
        assert!(is_sampled(&good.replacen("00", "cc", 1).replace("-01", "-01-more")), "a later version");
        for wrong in [
            "",
            "00",
            "00-trace",
            &good.replace("-01", "-00"),
            &good.replace("00-", "ff-"),
            &good.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            &good.replace("b7ad6b7169203331", "0000000000000000"),
            &good.replace("b7", "b"),
            &good.replace("-01", "-zz"),
            &good.replace("-01", "-+1"),
            &good.replace("0a", "ä"),
        ] {
            assert!(!is_sampled(wrong), "{wrong}");
        }
    }
}
