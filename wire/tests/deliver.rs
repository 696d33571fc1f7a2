//! Handing events over while the sidecar comes and goes: breaker, spool and deferred receipts.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustecho_wire::client::{Ack, BreakerState, Client, Delivery, OnFailure, Rules};
use rustecho_wire::error::Fate;
use rustecho_wire::spool::{Next, Records, SpoolSettings};
use rustecho_wire::{ClientError, EventId, Publish, Refusal, RefusalCode};
use support::{Sidecar, Socket, event};

/// How long a call may go on after its deadline: the scheduler's share on a busy machine, not the client's.
const GRACE: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(5);

fn client(socket: &Socket, timeout_ms: u64) -> Client {
    Client::new(socket.path(), "test/1", Duration::from_millis(timeout_ms))
}

fn rules(ack: Ack, spool: Option<&SpoolSettings>) -> Rules<'_> {
    let on_failure = spool.map_or(OnFailure::Throw, OnFailure::Spool);
    Rules { ack, on_failure, breaker: Duration::from_secs(3600), more: false }
}

/// The folder `spool` beside the socket.
fn spool(socket: &Socket) -> SpoolSettings {
    let dir = rustecho_wire::spool::default_dir(socket.path());
    std::fs::create_dir(&dir).unwrap();
    SpoolSettings { dir, max_bytes: 1_000_000 }
}

fn files(spool: &SpoolSettings) -> Vec<PathBuf> {
    std::fs::read_dir(&spool.dir).unwrap().map(|file| file.unwrap().path()).collect()
}

/// The data of everything in the spool, file after file.
fn spooled(spool: &SpoolSettings) -> Vec<String> {
    let mut all = Vec::new();
    for path in files(spool) {
        let mut records = Records::new(std::fs::File::open(path).unwrap());
        while let Next::Record { frame, .. } = records.read().unwrap() {
            all.push(Publish::decode(&frame[8..]).unwrap().data.to_owned());
        }
    }
    all
}

#[test]
fn after_a_failure_the_sidecar_is_left_alone_and_then_asked_again() {
    let socket = Socket::new();
    let mut client = client(&socket, 100);
    let once = Rules { breaker: Duration::from_millis(3200), ..rules(Ack::Receipt, None) };
    let error = client.deliver(&event("1"), &once).unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
    assert!(matches!(client.status().breaker, BreakerState::Open(left) if left <= Duration::from_millis(200)));
    // Somebody listens now, but is not asked yet.
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(socket.path()).unwrap()).unwrap();
    listener.listen(5).unwrap();
    let begun = Instant::now();
    let error = client.deliver(&event("2"), &once).unwrap_err();
    assert!(matches!(error, ClientError::Resting { .. }), "{error:?}");
    assert!(
        error.to_string().contains("nobody listens there") || error.to_string().contains("no such file"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    // The window is 200 ms, then the next call asks, and pays its timeout.
    while !matches!(client.status().breaker, BreakerState::Probe) {
        assert!(begun.elapsed() < LONG);
        std::thread::yield_now();
    }
    let error = client.deliver(&event("3"), &once).unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(matches!(client.status().breaker, BreakerState::Open(left) if left > Duration::from_millis(200)));
    let error = client.deliver(&event("4"), &once).unwrap_err();
    assert!(error.to_string().contains("no success within 100 ms"), "{error}");
    assert_eq!(client.status().counters.rested, 2);
}

#[test]
fn a_success_closes_the_breaker() {
    let socket = Socket::new();
    let mut client = client(&socket, 5000);
    let always = Rules { breaker: Duration::ZERO, ..rules(Ack::Receipt, None) };
    client.deliver(&event("1"), &always).unwrap_err();
    assert_eq!(client.status().breaker, BreakerState::Probe);
    let sidecar = Sidecar::start_at(socket, |mut peer, _| peer.serve());
    assert!(
        matches!(client.deliver(&event("2"), &always).unwrap(), Delivery::Accepted(receipt) if receipt.subscribers == 7)
    );
    assert_eq!(client.status().breaker, BreakerState::Closed);
    drop(sidecar);
}

#[test]
fn events_go_to_the_spool_and_stay_in_order_until_it_is_drained() {
    let socket = Socket::new();
    let spool = spool(&socket);
    let mut client = client(&socket, 5000);
    let rules = Rules { breaker: Duration::ZERO, ..rules(Ack::Receipt, Some(&spool)) };
    assert_eq!(client.deliver(&event("1"), &rules).unwrap(), Delivery::Spooled);
    let sidecar = Sidecar::start_at(socket, |mut peer, _| peer.serve());
    // The sidecar is back, but event 1 has not been drained: 2 must not overtake it.
    assert_eq!(client.deliver(&event("2"), &rules).unwrap(), Delivery::Spooled);
    assert_eq!(spooled(&spool), ["1", "2"]);
    std::fs::remove_file(&files(&spool)[0]).unwrap();
    assert!(matches!(client.deliver(&event("3"), &rules).unwrap(), Delivery::Accepted(_)));
    assert_eq!((client.status().counters.spooled, client.status().spooling), (2, false));
    drop(client);
    assert_eq!(sidecar.log(), ["0 hello test/1", "0 publish 3", "0 end"]);
}

#[test]
fn an_event_whose_receipt_never_came_is_spooled_with_its_id_within_the_timeout() {
    let sidecar = Sidecar::start(|mut peer, _| {
        let id = peer.publish();
        peer.log(&id.to_string());
        peer.until_closed();
    });
    let spool = spool(&sidecar.socket);
    let mut client = client(&sidecar.socket, 150);
    let id = client.next_id();
    let args = rustecho_wire::client::PublishArgs { id: Some(id), ..event("1") };
    let begun = Instant::now();
    assert_eq!(client.deliver(&args, &rules(Ack::Receipt, Some(&spool))).unwrap(), Delivery::Spooled);
    assert!(begun.elapsed() < Duration::from_millis(150) + GRACE, "{:?}", begun.elapsed());
    sidecar.wait_for(&format!("0 {id}"));
    let mut records = Records::new(std::fs::File::open(&files(&spool)[0]).unwrap());
    let Next::Record { frame, .. } = records.read().unwrap() else { panic!("no record") };
    let event = Publish::decode(&frame[8..]).unwrap();
    assert_eq!((event.id, event.replayed, event.receipt), (id, true, false));
}

#[test]
fn a_sidecar_that_says_later_is_taken_at_its_word() {
    let sidecar = Sidecar::start(|mut peer, _| {
        let id = peer.publish();
        peer.send(&Refusal { id, code: RefusalCode::Unavailable, message: "just started".into() }.to_frame());
        peer.until_closed();
    });
    let spool = spool(&sidecar.socket);
    let mut client = client(&sidecar.socket, 5000);
    assert_eq!(client.deliver(&event("1"), &rules(Ack::Receipt, Some(&spool))).unwrap(), Delivery::Spooled);
    assert!(!client.status().connected);
    let error = client.deliver(&event("2"), &rules(Ack::Receipt, None)).unwrap_err();
    assert!(error.to_string().contains("just started"), "{error}");
}

#[test]
fn one_connection_that_is_turned_away_is_no_reason_to_leave_the_sidecar_alone() {
    let sidecar = Sidecar::start(|mut peer, connection| {
        if connection == 0 {
            let message = "over limits.publishers (1)".into();
            peer.send(&Refusal { id: EventId::NIL, code: RefusalCode::Unavailable, message }.to_frame());
            peer.until_closed();
        } else {
            peer.serve();
        }
    });
    let mut client = client(&sidecar.socket, 5000);
    let error = client.deliver(&event("1"), &rules(Ack::Receipt, None)).unwrap_err();
    assert!(error.to_string().contains("limits.publishers"), "{error}");
    assert_eq!(client.status().breaker, BreakerState::Closed);
    assert!(matches!(client.deliver(&event("2"), &rules(Ack::Receipt, None)).unwrap(), Delivery::Accepted(_)));
}

#[test]
fn an_event_that_nobody_would_take_is_not_spooled() {
    let socket = Socket::new();
    let spool = spool(&socket);
    let mut client = client(&socket, 100);
    for ack in [Ack::Receipt, Ack::None, Ack::Deferred] {
        let outcome = client.deliver(&event("{nope"), &rules(ack, Some(&spool)));
        let flushed = client.flush(LONG, &rules(ack, Some(&spool)));
        assert!(outcome.is_err() || flushed.failures[0].code == 3, "{ack:?} {outcome:?} {flushed:?}");
        client = self::client(&socket, 100);
    }
    assert_eq!(spooled(&spool), [] as [&str; 0]);
}

#[test]
fn a_spool_that_fails_is_an_error_that_names_both_reasons() {
    let socket = Socket::new();
    let spool = SpoolSettings { dir: "/nowhere/at/all".into(), max_bytes: 1_000 };
    let error = client(&socket, 100).deliver(&event("1"), &rules(Ack::Receipt, Some(&spool))).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot connect") && text.contains("/nowhere/at/all"), "{text}");
}

#[test]
fn deferred_events_are_written_at_once_and_answered_at_the_flush() {
    let sidecar = Sidecar::start(|mut peer, _| {
        let first = peer.publish();
        let second = peer.publish();
        peer.wait_for("flush");
        peer.receipt(first);
        peer.send(&Refusal { id: second, code: RefusalCode::NotJson, message: "data: no".into() }.to_frame());
        peer.serve();
    });
    let mut client = client(&sidecar.socket, 5000);
    let rules = rules(Ack::Deferred, None);
    for data in ["1", "2"] {
        assert_eq!(client.deliver(&event(data), &rules).unwrap(), Delivery::Written);
        sidecar.wait_for(&format!("0 publish {data}"));
    }
    assert_eq!(client.status().pending, 2);
    sidecar.say("flush");
    let flushed = client.flush(LONG, &rules);
    assert_eq!((flushed.accepted, flushed.spooled, flushed.failed), (1, 0, 1));
    assert_eq!((flushed.failures[0].code, flushed.failures[0].message.as_str()), (3, "data: no"));
    assert!(!client.has_deferred());
    assert!(matches!(client.deliver(&event("3"), &self::rules(Ack::Receipt, None)).unwrap(), Delivery::Accepted(_)));
}

#[test]
fn an_event_that_more_follows_travels_with_the_next_one() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = client(&sidecar.socket, 5000);
    let last = rules(Ack::Deferred, None);
    let more = Rules { more: true, ..last };
    client.deliver(&event("1"), &more).unwrap();
    client.deliver(&event("2"), &more).unwrap();
    assert!(!client.status().connected, "nothing is written yet");
    client.deliver(&event("3"), &last).unwrap();
    client.deliver(&event("4"), &more).unwrap();
    assert_eq!(client.flush(LONG, &last).accepted, 4);
    drop(client);
    let events = ["0 hello test/1", "0 publish 1", "0 publish 2", "0 publish 3", "0 publish 4", "0 end"];
    assert_eq!(sidecar.log(), events);
}

#[test]
fn deferred_events_survive_a_broken_connection_and_are_spooled_in_order_without_a_sidecar() {
    let sidecar = Sidecar::start(|mut peer, number| match number {
        0 => {
            peer.publish();
            peer.publish();
        }
        _ => {
            for _ in 0..2 {
                let id = peer.publish();
                peer.receipt(id);
            }
            peer.publish();
            peer.wait_for("end it");
        }
    });
    let mut client = client(&sidecar.socket, 5000);
    let spool = spool(&sidecar.socket);
    let rules = rules(Ack::Deferred, Some(&spool));
    client.deliver(&event("1"), &rules).unwrap();
    client.deliver(&event("2"), &rules).unwrap();
    sidecar.wait_for("0 end");
    assert_eq!(client.flush(LONG, &rules).accepted, 2, "written again on a new connection");
    client.deliver(&event("3"), &rules).unwrap();
    std::fs::remove_file(sidecar.socket.path()).unwrap();
    sidecar.say("end it");
    sidecar.wait_for("1 end");
    client.deliver(&event("4"), &rules).unwrap();
    let flushed = client.flush(LONG, &rules);
    assert_eq!((flushed.spooled, flushed.failed), (2, 0), "{flushed:?}");
    assert_eq!(spooled(&spool), ["3", "4"]);
}

#[test]
fn a_flush_is_over_when_its_time_is_and_names_what_was_lost() {
    let sidecar = Sidecar::start(|mut peer, _| {
        peer.publish();
        peer.until_closed();
    });
    let mut client = client(&sidecar.socket, 5000);
    let rules = rules(Ack::Deferred, None);
    client.deliver(&event("1"), &rules).unwrap();
    let begun = Instant::now();
    let flushed = client.flush(Duration::from_millis(150), &rules);
    assert!(begun.elapsed() < Duration::from_millis(150) + GRACE, "{:?}", begun.elapsed());
    assert_eq!((flushed.failed, flushed.failures[0].code, flushed.failures[0].fate), (1, 0, Fate::Unknown));
    assert!(flushed.failures[0].message.contains("may still arrive"), "{flushed:?}");
}

#[test]
fn what_was_held_back_and_never_written_cannot_have_arrived() {
    let socket = Socket::new();
    let mut client = client(&socket, 100);
    let rules = Rules { more: true, ..rules(Ack::Deferred, None) };
    client.deliver(&event("1"), &rules).unwrap();
    client.deliver(&event("2"), &rules).unwrap();
    let flushed = client.flush(LONG, &rules);
    let fates: Vec<_> = flushed.failures.iter().map(|failure| (failure.code, failure.fate)).collect();
    assert_eq!(fates, [(0, Fate::NotPublished); 2], "{flushed:?}");
}

#[test]
fn a_thousand_deferred_events_need_no_more_room_than_the_bound() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = client(&sidecar.socket, 20_000);
    let rules = rules(Ack::Deferred, None);
    for _ in 0..1000 {
        client.deliver(&event("1"), &rules).unwrap();
        assert!(client.status().pending <= 256);
    }
    assert_eq!(client.flush(LONG, &rules).accepted, 1000);
}
