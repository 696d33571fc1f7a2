use rustecho_wire::EventId;

use super::*;
use crate::testing::{StubSocket, channel};

fn door() -> (Publisher, Arc<StubSocket>) {
    let hub = Arc::new(Hub::default());
    let socket = StubSocket::new("a");
    hub.subscribe(&channel("orders"), socket.clone());
    (Publisher::new(hub, Limits::default(), Arc::default(), DevLog::new(false)), socket)
}

pub(super) fn publish<'a>(channels: &[&'a str], event: &'a str, data: &'a RawValue) -> Publish<'a> {
    Publish {
        source: Source::Http,
        id: None,
        channels: channels.to_vec(),
        event,
        data,
        except: None,
        came_as: None,
        came: Came::now(),
    }
}

pub(super) fn raw(json: &str) -> Box<RawValue> {
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
    assert_eq!(door.counters.refused_http.get(), 8);
}

#[test]
fn redis_may_bring_an_event_with_an_empty_name() {
    let (door, socket) = door();
    let data = raw("1");
    let event = Publish { source: Source::Redis, ..publish(&["orders"], "", &data) };
    assert_eq!(door.publish(&event), Ok(1));
    assert_eq!(socket.texts(), [r#"42["","orders",1]"#]);
}

#[tokio::test]
async fn whoever_watches_is_told_the_road_of_every_event() {
    let (door, _socket) = door();
    let mut watcher = door.tail().watch();
    let made = crate::tail::now() - 5_000;
    let data = raw(r#"{"n":1}"#);
    let event = Publish { came: Came::made(made, "00-trace"), ..publish(&["orders", "empty"], "E", &data) };
    door.publish(&event).unwrap();
    door.publish(&Publish { except: Some("a"), ..publish(&["orders"], "F", &data) }).unwrap();
    door.publish(&publish(&["orders"], "", &data)).unwrap_err();
    let mut roads = Vec::new();
    for _ in 0..3 {
        let crate::tail::Heard::Fact(fact) = watcher.next().await else { panic!("missed") };
        let crate::tail::Fact::Event(road) = &*fact else { panic!("{fact:?}") };
        roads.push(road.clone());
    }
    let [first, second, third] = roads.as_slice() else { panic!("{roads:?}") };
    assert_eq!(
        (first.result, first.trace.as_deref(), first.data.as_str()),
        (Outcome::Emitted, Some("00-trace"), data.get())
    );
    assert_eq!(first.channels.iter().map(|stop| stop.reach.taken).collect::<Vec<_>>(), [1, 0]);
    assert!((5_000..1_000_000).contains(&first.php_to_frame.unwrap()), "{first:?}");
    assert_eq!((second.result, second.channels[0].reach.left_out), (Outcome::Nobody, 1));
    assert!(third.result == Outcome::Refused && third.reason.as_ref().unwrap().contains("empty"), "{third:?}");
    assert_eq!(door.counters.times.php_to_frame.read().count(), 1);
    assert_eq!(door.counters.times.publish_to_emit.read().count(), 2);
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
fn an_event_that_comes_by_its_socket_and_by_redis_is_emitted_once_on_each_channel() {
    let (door, socket) = door();
    door.hub.subscribe(&channel("more"), socket.clone());
    let data = raw("1");
    let whole = |n| Publish { id: Some(EventId([n; 16])), ..publish(&["orders", "more"], "E", &data) };
    let part =
        |n, channel| Publish { source: Source::Redis, id: Some(EventId([n; 16])), ..publish(&[channel], "E", &data) };
    assert_eq!(door.publish(&whole(1)), Ok(2));
    assert_eq!((door.publish(&part(1, "orders")), door.publish(&part(1, "more"))), (Ok(0), Ok(0)));

    assert_eq!((door.publish(&part(2, "orders")), door.publish(&part(2, "more"))), (Ok(1), Ok(1)));
    assert_eq!((door.publish(&part(2, "more")), door.publish(&whole(2))), (Ok(0), Ok(0)));
}
