//! Sessions whose clients go and come back.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    config::{Limits, RecoveryConfig},
    recovery::{Epoch, History, Span, Trace, now},
    store::Memory,
    testing::{StubLaravel, StubSocket, channel, packet},
};

fn clients(settings: RecoveryConfig) -> Clients {
    let counters = Arc::new(Counters::default());
    let history = History::new(settings, Epoch::fresh(), 0);
    Clients::new(Arc::new(Context {
        hub: Arc::new(Hub::new(counters.clone()).keeping(Some(history))),
        presence: Arc::default(),
        store: Arc::new(Memory),
        authorizer: Arc::new(StubLaravel),
        cluster: None,
        settings: Limits::default().into(),
        lingering: Lingering::new(Duration::from_secs(3)),
        refusals: Arc::new(Refusals::new(counters.clone())),
        counters,
        dev: DevLog::new(false),
        tail: Arc::default(),
    }))
}

fn connect(clients: &Clients, id: &str) -> Arc<StubSocket> {
    let begun = clients.recovers().unwrap();
    let socket = StubSocket::recovering(id.into(), &pid(id), Trace::starting_at(begun));
    clients.connected(socket.clone());
    socket
}

fn pid(id: &str) -> String {
    format!("the secret of {id}")
}

/// The socket a client has after it came back; none when it got no session.
fn come_back(clients: &Clients, id: &str, offset: Option<&str>) -> Option<Arc<StubSocket>> {
    let mut opened = None;
    let pid = pid(id);
    let recovered = clients.recover(Claim { pid: &pid, offset }, &mut |session| {
        assert_eq!(session.id.as_str(), id);
        let socket = StubSocket::recovering(session.id, &pid, session.trace);
        opened = Some(socket.clone());
        Some(socket)
    });
    assert_eq!(recovered, opened.is_some());
    opened
}

fn lose(clients: &Clients, socket: &StubSocket) {
    socket.cut();
    clients.disconnected(socket.id(), DisconnectReason::TransportClose);
}

async fn ask(clients: &Clients, socket: &StubSocket, event: &str, payload: Value) {
    clients.received(socket.id(), Received { name: event.into(), args: vec![payload], attachments: vec![] });
    tokio::time::sleep(Duration::from_millis(1)).await; // time is paused: runs the spawned auth request
}

async fn subscribe(clients: &Clients, socket: &StubSocket, name: &str, user: u64) {
    let auth = if name.starts_with("presence-") { json!({"headers": {"user": user}}) } else { json!({}) };
    ask(clients, socket, "subscribe", json!({"channel": name, "auth": auth})).await;
}

fn emit(clients: &Clients, channel: &str, event: &str, except: Option<&str>) {
    clients.context.hub.emit(channel, &packet(event), except);
}

/// The names of the events so far.
fn names(socket: &StubSocket) -> Vec<String> {
    let name = |text: &String| text.split('"').nth(1).unwrap().to_owned();
    socket.texts().iter().map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_once_and_in_order_across_channels() {
    let clients = clients(RecoveryConfig::default());
    let (a, other) = (connect(&clients, "a"), connect(&clients, "b"));
    for name in ["x", "y", "private-z"] {
        subscribe(&clients, &a, name, 1).await;
        subscribe(&clients, &other, name, 2).await;
    }
    emit(&clients, "x", "1", None);
    emit(&clients, "y", "2", None);
    let offset = a.offset();
    emit(&clients, "x", "3", None); // written, and lost with the connection
    lose(&clients, &a);
    for (channel, event, except) in
        [("y", "4", None), ("private-z", "5", None), ("x", "6", Some("a")), ("x", "7", None)]
    {
        emit(&clients, channel, event, except);
    }
    assert_eq!((clients.count(), clients.kept()), (1, 1));
    let a = come_back(&clients, "a", offset.as_deref()).unwrap();
    emit(&clients, "y", "8", None);
    assert_eq!(names(&a), ["3", "4", "5", "7", "8"]);
    assert_eq!(names(&other), ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!((clients.count(), clients.kept()), (2, 0));
    assert_eq!(clients.context.hub.subscriptions(), 6);
}

#[tokio::test(start_paused = true)]
async fn without_an_event_seen_everything_since_the_beginning_is_missed() {
    let clients = clients(RecoveryConfig::default());
    let a = connect(&clients, "a");
    subscribe(&clients, &a, "x", 1).await;
    lose(&clients, &a);
    emit(&clients, "x", "1", None);
    let a = come_back(&clients, "a", None).unwrap();
    assert_eq!(names(&a), ["1"]);
    lose(&clients, &a);
    // As a client does that was on another node, or here before the sidecar was killed, and has heard nothing since.
    let foreign = Epoch::fresh().offset(12).to_string();
    let a = come_back(&clients, "a", Some(&foreign)).unwrap();
    assert_eq!(names(&a), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn presence_members_stay_and_leave_when_nobody_comes_back() {
    let clients = clients(RecoveryConfig::default());
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    subscribe(&clients, &b, "presence-x", 2).await;
    subscribe(&clients, &a, "presence-x", 1).await;
    b.texts();
    lose(&clients, &a);
    let a = come_back(&clients, "a", a.offset().as_deref()).unwrap();
    subscribe(&clients, &a, "presence-x", 1).await; // as Echo does
    assert_eq!(names(&a), ["presence:subscribed"]);
    assert_eq!(clients.context.presence.count(), 2);
    lose(&clients, &a);
    assert!(b.texts().is_empty());
    clients.expire(now() + 121_000);
    assert_eq!(b.texts(), [r#"42["presence:leaving","presence-x",{"user_id":1}]"#]);
    assert_eq!((clients.kept(), clients.context.presence.count()), (0, 1));
    assert!(come_back(&clients, "a", None).is_none());
    lose(&clients, &b);
    clients.expire(now() + 121_000);
    assert!(clients.context.hub.kept().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_comes_and_goes_meanwhile_is_told() {
    let clients = clients(RecoveryConfig::default());
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    subscribe(&clients, &a, "presence-x", 1).await;
    a.texts();
    lose(&clients, &a);
    subscribe(&clients, &b, "presence-x", 2).await;
    clients.disconnected(b.id(), DisconnectReason::ClientNamespaceDisconnect);
    let a = come_back(&clients, "a", None).unwrap();
    assert_eq!(names(&a), ["presence:joining", "presence:leaving"]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_left_is_not_brought_back_and_one_asked_for_at_the_cut_is() {
    let clients = clients(RecoveryConfig::default());
    let a = connect(&clients, "a");
    subscribe(&clients, &a, "x", 1).await;
    ask(&clients, &a, "unsubscribe", json!({"channel": "x"})).await;
    subscribe(&clients, &a, "presence-slow", 1).await;
    subscribe(&clients, &a, "private-slow-secret", 1).await;
    lose(&clients, &a);
    emit(&clients, "x", "1", None);
    emit(&clients, "presence-slow", "too early", None);
    tokio::time::sleep(Duration::from_secs(2)).await;
    emit(&clients, "presence-slow", "2", None);
    let a = come_back(&clients, "a", None).unwrap();
    assert_eq!(names(&a), ["2", "presence:subscribed", "subscription_error"]);
    assert!(clients.context.hub.is_subscribed("presence-slow", "a"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_back_before_its_old_connection_ends_takes_over() {
    let clients = clients(RecoveryConfig::default());
    let (old, b) = (connect(&clients, "a"), connect(&clients, "b"));
    subscribe(&clients, &b, "presence-x", 2).await;
    subscribe(&clients, &old, "presence-x", 1).await;
    emit(&clients, "presence-x", "1", None);
    b.texts();
    let new = come_back(&clients, "a", None).unwrap();
    clients.disconnected(old.id(), DisconnectReason::PingTimeout);
    ask(&clients, &old, "unsubscribe", json!({"channel": "presence-x"})).await;
    emit(&clients, "presence-x", "2", None);
    assert_eq!(names(&new), ["1", "2"]);
    assert_eq!(names(&b), ["2"]);
    assert_eq!(clients.count(), 2);
    assert_eq!(clients.context.counters.recovery_took_over.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_lost_connection_keeps_its_session() {
    for (reason, kept) in [
        (DisconnectReason::TransportClose, 1),
        (DisconnectReason::TransportError, 1),
        (DisconnectReason::PingTimeout, 1),
        (DisconnectReason::SlowClient, 1),
        (DisconnectReason::ClientNamespaceDisconnect, 0),
        (DisconnectReason::PageClosed, 0),
        (DisconnectReason::ParseError, 0),
        (DisconnectReason::ServerClose, 0),
    ] {
        let clients = clients(RecoveryConfig::default());
        let a = connect(&clients, "a");
        clients.disconnected(a.id(), reason);
        assert_eq!(clients.kept(), kept, "{reason:?}");
    }
    let clients = clients(RecoveryConfig { sessions: 1, ..RecoveryConfig::default() });
    clients.prepare_stop();
    for id in ["a", "b"] {
        clients.disconnected(connect(&clients, id).id(), DisconnectReason::ServerClose);
    }
    assert_eq!((clients.kept(), clients.context.counters.recovery_not_kept.get()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn unknown_or_too_old_is_a_new_session() {
    let clients = clients(RecoveryConfig { channel_events: 2, ..RecoveryConfig::default() });
    let a = connect(&clients, "a");
    subscribe(&clients, &a, "x", 1).await;
    emit(&clients, "x", "0", None);
    let offset = a.offset().unwrap();
    lose(&clients, &a);
    for event in ["1", "2", "3"] {
        emit(&clients, "x", event, None);
    }
    let epoch = clients.context.hub.history().unwrap().epoch();
    for bad in ["", "nonsense", &offset[..8], &epoch.offset(99).to_string()] {
        assert!(come_back(&clients, "a", Some(bad)).is_none(), "{bad}");
    }
    assert!(come_back(&clients, "nobody", Some(&offset)).is_none());
    assert!(come_back(&clients, "a", Some(&offset)).is_none());
    let counters = &clients.context.counters;
    assert_eq!((counters.recovery_unknown.get(), counters.recovery_too_old.get()), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_guarded_channel_comes_back_only_on_a_young_consent() {
    let clients = clients(RecoveryConfig { auth_age: Duration::from_millis(40), ..RecoveryConfig::default() });
    let granted = || clients.context.counters.auth_granted.get();
    let a = connect(&clients, "a");
    for name in ["x", "private-y", "presence-z"] {
        subscribe(&clients, &a, name, 1).await;
    }
    a.texts();
    lose(&clients, &a);
    let a = come_back(&clients, "a", None).unwrap();
    subscribe(&clients, &a, "private-y", 1).await;
    assert_eq!(granted(), 2, "Laravel is not asked for what came back");
    subscribe(&clients, &a, "private-y", 1).await;
    assert_eq!(granted(), 3, "but when it is asked for once more");
    lose(&clients, &a);
    std::thread::sleep(Duration::from_millis(60)); // of the wall's clock
    emit(&clients, "private-y", "1", None);
    emit(&clients, "x", "2", None);
    let a = come_back(&clients, "a", None).unwrap();
    assert_eq!(names(&a), ["2", "reconnect"]);
    assert_eq!(clients.context.counters.recovery_auth_too_old.get(), 2);
    emit(&clients, "private-y", "3", None);
    subscribe(&clients, &a, "private-y", 1).await;
    emit(&clients, "private-y", "4", None);
    assert_eq!((names(&a), granted()), (vec!["4".to_owned()], 4));
}

#[tokio::test(start_paused = true)]
async fn other_credentials_are_asked_about_and_a_refusal_takes_the_channel_away() {
    let clients = clients(RecoveryConfig::default());
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    subscribe(&clients, &b, "presence-x", 2).await;
    subscribe(&clients, &a, "presence-x", 1).await;
    b.texts();
    lose(&clients, &a);
    let a = come_back(&clients, "a", a.offset().as_deref()).unwrap();
    subscribe(&clients, &a, "presence-x", 3).await;
    assert_eq!(names(&a), ["presence:subscribed"]);
    assert_eq!(names(&b), ["presence:leaving", "presence:joining"]);
    let stay = Stay { span: Span { joined: 0, left: 0 }, consent: None, unconfirmed: true, since: None };
    let session = clients.session(a.id()).unwrap();
    session.state.lock().channels.insert(channel("private-secret"), stay);
    clients.context.hub.subscribe(&channel("private-secret"), a.clone());
    subscribe(&clients, &a, "private-secret", 3).await;
    assert!(!clients.context.hub.is_subscribed("private-secret", "a"));
}

#[tokio::test(start_paused = true)]
async fn history_is_kept_only_for_those_who_may_want_it_and_within_its_bounds() {
    let clients = clients(RecoveryConfig { total_bytes: 20_000, ..RecoveryConfig::default() });
    let hub = &clients.context.hub;
    let old = StubSocket::new("without a pid");
    clients.connected(old.clone());
    subscribe(&clients, &old, "x", 1).await;
    emit(&clients, "x", "1", None);
    assert_eq!(hub.history().unwrap().last(), 0);
    let a = connect(&clients, "a");
    subscribe(&clients, &a, "x", 1).await;
    subscribe(&clients, &a, "y", 1).await;
    for number in 0..1_000 {
        emit(&clients, if number % 3 == 0 { "x" } else { "y" }, "some event", None);
        if number % 100 == 0 {
            std::thread::sleep(Duration::from_millis(2)); // of the wall's clock: the oldest go first
        }
    }
    let bytes = hub.history().unwrap().bytes();
    assert!((1_000..=20_000).contains(&bytes), "{bytes}");
    clients.disconnected(a.id(), DisconnectReason::ClientNamespaceDisconnect);
    assert_eq!(hub.history().unwrap().bytes(), 0);
    assert_eq!(hub.channels("").len(), 1);
}
