//! What happens to a socket, seen from its own and the others' side, with a stand-in for Laravel.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    config::{Limits, Whispers},
    store::Memory,
    testing::{StubLaravel, StubSocket},
};

fn clients() -> Clients {
    clients_within(Limits { subscriptions_per_socket: 3, ..Limits::default() })
}

fn clients_within(limits: Limits) -> Clients {
    let counters = Arc::new(Counters::default());
    Clients::new(Arc::new(Context {
        hub: Arc::new(Hub::new(counters.clone())),
        presence: Arc::default(),
        store: Arc::new(Memory),
        authorizer: Arc::new(StubLaravel),
        cluster: None,
        settings: limits.into(),
        lingering: Lingering::new(std::time::Duration::ZERO),
        refusals: Arc::new(crate::bounds::Refusals::new(counters.clone())),
        counters,
        dev: DevLog::new(false),
        tail: Arc::default(),
    }))
}

fn connect(clients: &Clients, id: &str) -> Arc<StubSocket> {
    let socket = StubSocket::new(id);
    clients.connected(socket.clone());
    socket
}

async fn ask(clients: &Clients, id: &str, event: &str, payload: Value) {
    let connection = clients.sessions.read().get(id).and_then(|session| session.socket()).unwrap();
    clients.received(connection.id(), Received { name: event.into(), args: vec![payload], attachments: vec![] });
    tokio::time::sleep(Duration::from_millis(1)).await; // time is paused: runs the spawned auth request
}

#[tokio::test(start_paused = true)]
async fn guarded_channels_are_joined_only_with_consent() {
    let clients = clients();
    let socket = connect(&clients, "a");
    ask(&clients, "a", "subscribe", json!({"channel": "private-ok"})).await;
    ask(&clients, "a", "subscribe", json!({"channel": "private-secret"})).await;
    assert!(clients.context.hub.is_subscribed("private-ok", "a"));
    assert!(!clients.context.hub.is_subscribed("private-secret", "a"));
    assert_eq!(socket.texts(), [r#"42["subscription_error","private-secret",403]"#]);
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_is_told_of_authorisations_and_whispers() {
    let clients = clients();
    let mut watcher = clients.context.tail.watch();
    let (_a, _b) = (connect(&clients, "a"), connect(&clients, "b"));
    for id in ["a", "b"] {
        ask(&clients, id, "subscribe", json!({"channel": "private-ok"})).await;
    }
    ask(&clients, "a", "subscribe", json!({"channel": "private-secret"})).await;
    ask(&clients, "a", "client event", json!({"channel": "private-ok", "event": "client-typing", "data": 1})).await;
    tokio::time::sleep(Duration::from_millis(50)).await; // what waits for others to share a write has been written
    let mut facts = Vec::new();
    while facts.len() < 4 {
        let crate::tail::Heard::Fact(fact) = watcher.next().await else { panic!("missed") };
        facts.push(serde_json::to_value(&*fact).unwrap());
    }
    assert_eq!(
        (&facts[0]["kind"], &facts[0]["result"], &facts[0]["socket"]),
        (&json!("auth"), &json!("granted"), &json!("a"))
    );
    assert_eq!((&facts[2]["result"], &facts[2]["status"]), (&json!("denied"), &json!(403)));
    assert_eq!((&facts[3]["source"], &facts[3]["event"]), (&json!("client"), &json!("client-typing")));
    assert_eq!((&facts[3]["channels"][0]["taken"], &facts[3]["channels"][0]["leftOut"]), (&json!(1), &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn presence_tells_here_joining_and_leaving() {
    let clients = clients();
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    ask(&clients, "a", "subscribe", json!({"channel": "presence-x", "auth": {"headers": {"user": 1}}})).await;
    ask(&clients, "b", "subscribe", json!({"channel": "presence-x", "auth": {"headers": {"user": 2}}})).await;
    clients.disconnected(b.id(), DisconnectReason::TransportClose);
    assert_eq!(
        a.texts(),
        [
            r#"42["presence:subscribed","presence-x",[{"user_id":1,"socketId":"a"}]]"#,
            r#"42["presence:joining","presence-x",{"user_id":2,"socketId":"b"}]"#,
            r#"42["presence:leaving","presence-x",{"user_id":2}]"#,
        ]
    );
    assert_eq!(b.texts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_left_while_laravel_was_asked_leaves_nothing_behind() {
    let clients = clients();
    let a = connect(&clients, "a");
    ask(&clients, "a", "subscribe", json!({"channel": "presence-slow", "auth": {"headers": {"user": 1}}})).await;
    clients.disconnected(a.id(), DisconnectReason::TransportClose);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(clients.context.hub.count("presence-slow"), 0);
    assert_eq!(clients.context.presence.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_presence_channel_without_a_member_is_only_listened_to() {
    let clients = clients();
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    ask(&clients, "b", "subscribe", json!({"channel": "presence-x", "auth": {"headers": {"user": 2}}})).await;
    ask(&clients, "a", "subscribe", json!({"channel": "presence-x"})).await;
    assert_eq!(clients.context.hub.count("presence-x"), 2);
    clients.disconnected(a.id(), DisconnectReason::TransportClose);
    assert!(a.texts().is_empty());
    assert_eq!(b.texts().len(), 1);
    assert_eq!(clients.context.hub.count("presence-x"), 1);
}

#[tokio::test(start_paused = true)]
async fn channels_are_left_in_the_order_in_which_they_were_joined() {
    let clients = clients();
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    for channel in ["presence-2", "presence-1", "presence-3"] {
        ask(&clients, "a", "subscribe", json!({"channel": channel, "auth": {"headers": {"user": 1}}})).await;
        ask(&clients, "b", "subscribe", json!({"channel": channel, "auth": {"headers": {"user": 2}}})).await;
    }
    clients.disconnected(b.id(), DisconnectReason::TransportClose);
    let left: Vec<_> = a.texts().into_iter().filter(|text| text.contains("leaving")).collect();
    assert_eq!(left.len(), 3);
    assert!(left[0].contains("presence-2") && left[1].contains("presence-1") && left[2].contains("presence-3"));
}

#[tokio::test(start_paused = true)]
async fn whispers_reach_only_others_on_a_guarded_channel_the_sender_is_on() {
    let clients = clients();
    let (a, b) = (connect(&clients, "a"), connect(&clients, "b"));
    for id in ["a", "b"] {
        ask(&clients, id, "subscribe", json!({"channel": "private-x"})).await;
        ask(&clients, id, "subscribe", json!({"channel": "public"})).await;
    }
    let whisper = |channel: &str, event: &str| json!({"channel": channel, "event": event, "data": {"n": 1}, "more": 1});
    ask(&clients, "a", "client event", whisper("private-x", "client-typing")).await;
    ask(&clients, "a", "client event", json!(whisper("private-x", "client-text").to_string())).await;
    ask(&clients, "a", "client event", whisper("public", "client-typing")).await;
    ask(&clients, "a", "client event", whisper("private-other", "client-typing")).await;
    ask(&clients, "a", "client event", whisper("private-x", "typing")).await;
    assert!(a.texts().is_empty());
    assert_eq!(b.texts(), [r#"42["client-typing","private-x",{"n":1}]"#, r#"42["client-text","private-x",{"n":1}]"#]);
}

#[tokio::test(start_paused = true)]
async fn whispers_are_for_the_types_of_channels_that_have_them() {
    for (private, presence) in [(true, true), (true, false), (false, true), (false, false)] {
        let whispers = Whispers { private, presence };
        let clients = clients_within(Limits { whispers, ..Limits::default() });
        let (_, b) = (connect(&clients, "a"), connect(&clients, "b"));
        let channels = ["private-ok", "presence-x"];
        for (id, channel) in ["a", "b"].into_iter().flat_map(|id| channels.map(|channel| (id, channel))) {
            ask(&clients, id, "subscribe", json!({"channel": channel, "auth": {"headers": {"user": id}}})).await;
        }
        for channel in channels {
            ask(&clients, "a", "client event", json!({"channel": channel, "event": "client-x", "data": 1})).await;
        }
        let texts = b.texts();
        let heard = channels.map(|channel| texts.contains(&format!(r#"42["client-x","{channel}",1]"#)));
        assert_eq!(heard, [private, presence]);
        let refused = clients.context.counters.refused_whisper_types.get();
        assert_eq!(refused, u64::from(!private) + u64::from(!presence));
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_of_a_socket_are_bounded() {
    let clients = clients();
    let socket = connect(&clients, "a");
    for n in 0..5 {
        ask(&clients, "a", "subscribe", json!({"channel": format!("c{n}")})).await;
    }
    assert_eq!(clients.context.hub.channels("").len(), 3);
    assert_eq!(socket.texts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_ignored_whatever_its_type() {
    let clients = clients();
    let socket = connect(&clients, "a");
    let odd = [
        json!(null),
        json!(1),
        json!("x"),
        json!([]),
        json!({}),
        json!({"channel": null}),
        json!({"channel": {}}),
        json!({"channel": ["private-a"]}),
        json!({"channel": ""}),
        json!({"channel": false}),
        json!({"channel": 0}),
        json!({"event": "client-x"}),
        json!({"channel": "private-x", "event": 5}),
    ];
    for event in ["subscribe", "unsubscribe", "client event", "__proto__", "connect", ""] {
        clients.received(socket.id(), Received { name: event.into(), args: vec![], attachments: vec![] });
        for payload in &odd {
            ask(&clients, "a", event, payload.clone()).await;
        }
    }
    for name in ["__proto__", "constructor", "toString"] {
        ask(&clients, "a", "subscribe", json!({"channel": name})).await;
        ask(&clients, "a", "unsubscribe", json!({"channel": name})).await;
    }
    ask(&clients, "a", "unsubscribe", json!({"channel": "presence-never-joined"})).await;
    assert!(socket.texts().is_empty());
    assert!(clients.context.hub.channels("").is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_is_over_a_bound_is_told_which() {
    let limits = Limits {
        subscribes_per_second: 6,
        whispers_per_second: 3,
        whisper: 10,
        user_info: 40,
        presence_members: 1,
        ..Limits::default()
    };
    let clients = clients_within(limits);
    let [socket, other] = ["a", "b"].map(|id| connect(&clients, id));
    let long = "x".repeat(513);
    for channel in [long.as_str(), "line\n", "private-ok"] {
        ask(&clients, "a", "subscribe", json!({"channel": channel})).await;
    }
    let large = json!({"headers": {"user": "x".repeat(40)}});
    ask(&clients, "a", "subscribe", json!({"channel": "presence-large", "auth": large})).await;
    ask(&clients, "a", "subscribe", json!({"channel": "presence-full", "auth": {"headers": {"user": 1}}})).await;
    ask(&clients, "b", "subscribe", json!({"channel": "presence-full", "auth": {"headers": {"user": 2}}})).await;
    let whisper = |data: Value| json!({"channel": "private-ok", "event": "client-x", "data": data});
    for data in [json!(1), json!("more than ten"), json!(2), json!(3), json!(4)] {
        ask(&clients, "a", "client event", whisper(data)).await;
    }
    for _ in 0..4 {
        ask(&clients, "a", "subscribe", json!({"channel": "open"})).await;
    }
    let errors = |socket: &StubSocket| -> Vec<String> {
        let of_bounds = |text: &String| text.contains("over limits.");
        socket.texts().into_iter().filter(of_bounds).map(|text| text.replace(&long, "LONG")).collect()
    };
    assert_eq!(
        errors(&socket),
        [
            r#"42["subscription_error","LONG",414,"over limits.channelNameBytes (512)"]"#,
            r#"42["subscription_error","line\n",400,"over limits.channelCharacters (printable)"]"#,
            r#"42["subscription_error","presence-large",413,"over limits.userInfoBytes (40)"]"#,
            // The second within a second is only counted.
            r#"42["rustecho:error",{"channel":"private-ok","message":"over limits.whisperBytes (10)"}]"#,
            r#"42["subscription_error","open",429,"over limits.subscribesPerSecond (6)"]"#,
        ]
    );
    assert_eq!(errors(&other), [r#"42["subscription_error","presence-full",429,"over limits.presenceMembers (1)"]"#]);
    let counters = &clients.context.counters;
    assert_eq!((counters.whispers.get(), counters.refused_whisper_rates.get()), (2, 2));
    assert!(
        !clients.context.hub.is_subscribed("presence-full", "b") && !clients.context.hub.is_subscribed("line\n", "a")
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_newer_client_is_told_to_subscribe_again() {
    let clients = clients();
    let (silent, talking) = (connect(&clients, "a"), connect(&clients, "b"));
    ask(&clients, "b", "subscribe", json!({"channel": "orders"})).await;
    tokio::time::sleep(silent::SILENCE * 2).await;
    assert_eq!(silent.texts(), [r#"42["reconnect",true]"#]);
    assert!(talking.texts().is_empty());
}
