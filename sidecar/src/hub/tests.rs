//! Who gets what, in which order, and when.

use std::time::Instant;

use serde_json::value::RawValue;

use super::*;
use crate::{
    edge::{EmitError, Run},
    testing::{StubSocket, channel, packet},
};

#[test]
fn an_event_reaches_each_subscriber_once_but_the_excepted_one() {
    let hub = Hub::default();
    let (a, b) = (StubSocket::new("a"), StubSocket::new("b"));
    for socket in [&a, &b, &a] {
        hub.subscribe(&channel("orders"), socket.clone());
    }
    assert_eq!(hub.emit("orders", &packet("E"), Some("b")), 1);
    assert_eq!(hub.emit("other", &packet("E"), None), 0);
    assert_eq!(a.texts(), [r#"42["E"]"#]);
    assert!(b.texts().is_empty());
}

#[test]
fn leaving_keeps_the_others_and_an_empty_channel_disappears() {
    let hub = Hub::default();
    let sockets: Vec<_> = ["a", "b", "c"].iter().map(|id| StubSocket::new(id)).collect();
    for socket in &sockets {
        hub.subscribe(&channel("x"), socket.clone());
    }
    assert!(hub.unsubscribe(&channel("x"), &"a".into()));
    assert!(!hub.unsubscribe(&channel("x"), &"a".into()));
    assert_eq!(hub.emit("x", &packet("E"), None), 2);
    assert!(hub.is_subscribed("x", "c") && !hub.is_subscribed("x", "a"));
    hub.unsubscribe(&channel("x"), &"c".into());
    hub.unsubscribe(&channel("x"), &"b".into());
    assert!(hub.channels("").is_empty());
    hub.subscribe(&channel("x"), sockets[0].clone());
    assert_eq!((hub.count("x"), hub.subscriptions()), (1, 1));
}

/// A socket on which every emit takes a while, and which tells how many writes it was.
struct SlowSocket {
    inner: Arc<StubSocket>,
    writes: Mutex<Vec<usize>>,
    takes: Duration,
}

impl SlowSocket {
    fn new(id: &str, takes_ms: u64) -> Arc<Self> {
        let takes = Duration::from_millis(takes_ms);
        Arc::new(Self { inner: StubSocket::new(id), writes: Mutex::default(), takes })
    }
}

impl Socket for SlowSocket {
    fn id(&self) -> &SocketId {
        self.inner.id()
    }

    fn handshake(&self) -> &crate::edge::Handshake {
        self.inner.handshake()
    }

    fn transport(&self) -> crate::edge::Transport {
        self.inner.transport()
    }

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        self.emit_run(&Run::new(vec![packet.clone()]))
    }

    fn emit_run(&self, run: &Run) -> Result<(), EmitError> {
        std::thread::sleep(self.takes);
        self.writes.lock().push(run.packets().len());
        run.packets().iter().try_for_each(|packet| self.inner.emit(packet))
    }

    fn close(&self) {}
}

fn coalescing(longest_ms: u64) -> Hub {
    Hub::coalescing(Arc::default(), Duration::from_millis(longest_ms), Handle::current())
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_comes_while_a_channel_is_written_shares_the_next_write() {
    let hub = coalescing(1_000);
    let socket = SlowSocket::new("a", 20);
    hub.subscribe(&channel("orders"), socket.clone());
    for number in 0..10 {
        assert_eq!(hub.emit("orders", &packet(&number.to_string()), None), 1);
    }
    assert_eq!(socket.writes.lock()[..], [1], "the first one leaves at once, the others wait for a while");
    until("the rest", || socket.writes.lock().len() == 2).await;
    assert_eq!(socket.writes.lock()[..], [1, 9]);
    assert_eq!(socket.inner.texts(), (0..10).map(|n| format!("42[\"{n}\"]")).collect::<Vec<_>>());
    assert_eq!(hub.lines.counters.emitted.get(), 10);
}

#[tokio::test]
async fn an_event_on_a_channel_at_rest_leaves_at_once() {
    let hub = coalescing(10);
    let socket = SlowSocket::new("a", 2);
    hub.subscribe(&channel("orders"), socket.clone());
    for number in 1..4 {
        hub.emit("orders", &packet("E"), None);
        assert_eq!(socket.writes.lock().len(), number);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A fan-out that took next to nothing is not waited after either.
    let quick = SlowSocket::new("b", 0);
    hub.subscribe(&channel("quick"), quick.clone());
    let leaves_at_once = |_: &i32| {
        let before = quick.writes.lock().len();
        hub.emit("quick", &packet("E"), None);
        quick.writes.lock().len() > before
    };
    // A machine that takes the processor away in the middle of one makes it long.
    let at_once = (0..100).filter(leaves_at_once).count();
    assert!(at_once > 80, "{at_once} of 100");
}

#[tokio::test]
async fn an_event_waits_no_longer_than_it_may() {
    let hub = coalescing(10);
    let socket = SlowSocket::new("a", 100);
    hub.subscribe(&channel("orders"), socket.clone());
    hub.emit("orders", &packet("E"), None);
    let begun = Instant::now();
    hub.emit("orders", &packet("F"), None);
    let line = hub.channels.read().get("orders").unwrap().clone();
    until("the second", || socket.writes.lock().len() == 2).await;
    let waited = begun.elapsed() - Duration::from_millis(100);
    assert!(waited < Duration::from_millis(90), "rested for as long as the write took: {waited:?}");
    assert_eq!(Arc::strong_count(&line), 2, "nothing holds a channel on which nothing waits");
}

#[tokio::test]
async fn whoever_leaves_or_comes_meanwhile_gets_what_was_emitted_while_subscribed() {
    let hub = coalescing(1_000);
    let (a, b, c) = (SlowSocket::new("a", 10), SlowSocket::new("b", 10), SlowSocket::new("c", 10));
    hub.subscribe(&channel("x"), a.clone());
    hub.subscribe(&channel("x"), b.clone());
    hub.emit("x", &packet("1"), None);
    hub.emit("x", &packet("2"), None);
    hub.unsubscribe(&channel("x"), &"b".into());
    hub.subscribe(&channel("x"), c.clone());
    hub.emit("x", &packet("3"), Some("a"));
    hub.emit("x", &packet("4"), None);
    hub.settle_all();
    assert_eq!(a.inner.texts(), ["42[\"1\"]", "42[\"2\"]", "42[\"4\"]"]);
    assert_eq!(b.inner.texts(), ["42[\"1\"]", "42[\"2\"]"]);
    assert_eq!(c.inner.texts(), ["42[\"3\"]", "42[\"4\"]"]);
    assert_eq!(c.writes.lock()[..], [2]);
    assert_eq!(a.writes.lock()[..], [1, 1, 1], "the one to others splits the run for its own sender only");
}

#[tokio::test]
async fn events_of_two_channels_reach_a_socket_on_both_in_order() {
    let hub = coalescing(1_000);
    let (both, other) = (SlowSocket::new("both", 5), SlowSocket::new("other", 5));
    hub.subscribe(&channel("x"), both.clone());
    hub.subscribe(&channel("y"), both.clone());
    hub.subscribe(&channel("z"), other.clone());
    for (number, name) in ["z", "z", "x", "x", "x", "y", "z", "x", "y", "z", "x"].into_iter().enumerate() {
        hub.emit(name, &packet(&format!("{name}{number}")), None);
    }
    hub.settle_all();
    assert_eq!(both.inner.texts().join(" "), r#"42["x2"] 42["x3"] 42["x4"] 42["y5"] 42["x7"] 42["y8"] 42["x10"]"#);
    assert_eq!(other.inner.texts().join(" "), r#"42["z0"] 42["z1"] 42["z6"] 42["z9"]"#);
    assert!(both.writes.lock().contains(&2));
}

#[tokio::test]
async fn a_crowded_line_is_written_by_whoever_brings_more() {
    let hub = coalescing(1_000);
    let socket = SlowSocket::new("a", 300);
    hub.subscribe(&channel("x"), socket.clone());
    let big = Packet::new("E", &[&RawValue::from_string(format!("\"{}\"", "x".repeat(40_000))).unwrap()]);
    hub.emit("x", &big, None);
    hub.emit("x", &big, None);
    assert_eq!(socket.writes.lock()[..], [1]);
    hub.emit("x", &big, None);
    assert_eq!(socket.writes.lock()[..], [1, 2]);
}

#[tokio::test]
async fn without_coalescing_each_event_is_a_write() {
    let hub = coalescing(0);
    let socket = SlowSocket::new("a", 2);
    hub.subscribe(&channel("x"), socket.clone());
    for _ in 0..5 {
        hub.emit("x", &packet("E"), None);
    }
    assert_eq!(socket.writes.lock()[..], [1; 5]);
}
