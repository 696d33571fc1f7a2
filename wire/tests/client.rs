//! The client against listeners that behave, break, hang and lie.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustecho_wire::client::{Ack, Client, PublishArgs};
use rustecho_wire::error::{Fate, Stage};
use rustecho_wire::{ClientError, EventId, InvalidEvent, Refusal, RefusalCode};
use support::{Peer, Sidecar, Socket, event};

/// How long a call may go on after its deadline: the scheduler's share on a busy machine, not the client's.
const GRACE: Duration = Duration::from_millis(400);

fn client(socket: &Socket, timeout_ms: u64) -> Client {
    Client::new(socket.path(), "test/1", Duration::from_millis(timeout_ms))
}

#[test]
fn the_first_call_says_hello_and_publishes_in_one_write_and_the_second_reuses_the_connection() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = client(&sidecar.socket, 5000);
    let receipt = client.publish(&event("1"), Ack::Receipt).unwrap().unwrap();
    assert_eq!(receipt.subscribers, 7);
    client.publish(&event("2"), Ack::Receipt).unwrap();
    let status = client.status();
    assert!(status.connected);
    assert_eq!(status.welcome.unwrap().sidecar, "9.9.9");
    assert_eq!((status.counters.published, status.counters.receipts, status.counters.reconnects), (2, 2, 0));
    assert!(status.counters.bytes > 100);
    drop(client);
    assert_eq!(sidecar.log(), ["0 hello test/1", "0 publish 1", "0 publish 2", "0 end"]);
}

#[test]
fn without_a_receipt_the_call_returns_and_a_refusal_is_counted_later() {
    let sidecar = Sidecar::start(|mut peer, _| {
        let first = peer.publish();
        peer.send(&Refusal { id: first, code: RefusalCode::Unavailable, message: "stopping".into() }.to_frame());
        peer.log("refused");
        peer.serve();
    });
    let mut client = client(&sidecar.socket, 5000);
    assert_eq!(client.publish(&event("1"), Ack::None).unwrap(), None);
    sidecar.wait_for("0 refused");
    client.publish(&event("2"), Ack::None).unwrap();
    let status = client.status();
    assert_eq!((status.counters.published, status.counters.refusals, status.counters.failures), (2, 1, 0));
    assert!(status.last_error.unwrap().ends_with("was refused: stopping"));
    sidecar.wait_for("0 publish 2");
}

#[test]
fn a_refusal_is_an_error_and_the_connection_stays() {
    let sidecar = Sidecar::start(|mut peer, _| {
        let id = peer.publish();
        peer.send(&Refusal { id, code: RefusalCode::NotJson, message: "data: no JSON".into() }.to_frame());
        peer.serve();
    });
    let mut client = client(&sidecar.socket, 5000);
    let error = client.publish(&event("{"), Ack::Receipt).unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code: RefusalCode::NotJson, .. }), "{error:?}");
    assert_eq!(error.to_string(), "the sidecar refused the event (code 3): data: no JSON");
    client.publish(&event("2"), Ack::Receipt).unwrap();
    assert_eq!(client.status().counters.reconnects, 0);
}

#[test]
fn a_connection_that_breaks_while_the_receipt_is_awaited_is_reopened_with_the_same_id() {
    let sidecar = Sidecar::start(|mut peer, number| match number {
        0 => {
            let id = peer.publish();
            peer.log(&id.to_string());
        }
        _ => {
            let id = peer.publish();
            peer.log(&id.to_string());
            peer.receipt(id);
        }
    });
    let mut client = client(&sidecar.socket, 5000);
    let receipt = client.publish(&event("1"), Ack::Receipt).unwrap().unwrap();
    assert_eq!(client.status().counters.reconnects, 1);
    drop(client);
    let log = sidecar.log();
    assert!(log.contains(&format!("0 {}", receipt.id)) && log.contains(&format!("1 {}", receipt.id)), "{log:?}");
}

#[test]
fn an_idle_connection_that_the_sidecar_closed_is_reopened_in_either_mode() {
    for ack in [Ack::Receipt, Ack::None] {
        let sidecar = Sidecar::start(|mut peer, number| match number {
            0 => {
                let id = peer.publish();
                peer.receipt(id);
            }
            _ => peer.serve(),
        });
        let mut client = client(&sidecar.socket, 5000);
        client.publish(&event("1"), Ack::Receipt).unwrap();
        sidecar.wait_for("0 end");
        client.publish(&event("2"), ack).unwrap();
        sidecar.wait_for("1 publish 2");
        assert_eq!(client.status().counters.reconnects, 1, "{ack:?}");
    }
}

#[test]
fn a_sidecar_that_closes_twice_is_an_error_of_unknown_fate() {
    let sidecar = Sidecar::start(|mut peer, _| {
        peer.publish();
    });
    let error = client(&sidecar.socket, 5000).publish(&event("1"), Ack::Receipt).unwrap_err();
    assert!(matches!(error, ClientError::Lost { .. }), "{error:?}");
    assert_eq!(error.fate(), Fate::Unknown);
    assert!(error.to_string().contains("allowedUids"), "{error}");
    assert!(error.to_string().contains(" as user ") && error.to_string().contains("unixSocket.path"), "{error}");
}

#[test]
fn another_protocol_version_is_told_even_where_no_receipt_was_wanted() {
    let sidecar = Sidecar::start(|mut peer, _| {
        peer.publish();
        let message = "protocol version 1 is not spoken here".to_owned();
        peer.send(&Refusal { id: EventId::NIL, code: RefusalCode::Version, message }.to_frame());
    });
    let mut client = client(&sidecar.socket, 5000);
    client.publish(&event("1"), Ack::None).unwrap();
    sidecar.wait_for("0 end");
    let error = client.publish(&event("2"), Ack::None).unwrap_err();
    assert!(matches!(error, ClientError::Refused { code: RefusalCode::Version, .. }), "{error:?}");
    let error = client.publish(&event("3"), Ack::Receipt).unwrap_err();
    assert!(matches!(error, ClientError::Refused { code: RefusalCode::Version, .. }), "{error:?}");
    assert!(!client.status().connected);
}

#[test]
fn an_answer_that_is_not_the_protocol_is_told() {
    for answer in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"RE\x01\x04\x00\xff\xff\xff", b"RE\x01\x04\x00\x00\x00\x00"]
    {
        let sidecar = Sidecar::start(move |mut peer, _| {
            peer.publish();
            peer.send(answer);
            peer.serve();
        });
        let mut client = client(&sidecar.socket, 5000);
        let error = client.publish(&event("1"), Ack::Receipt).unwrap_err();
        assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
        let place = format!("{} as user ", sidecar.socket.path().display());
        assert!(error.to_string().contains(&place) && error.to_string().contains("unixSocket.path"), "{error}");
        assert!(!client.status().connected);
    }
}

#[test]
fn a_peer_that_never_answers_costs_the_timeout_and_leaves_the_fate_unknown() {
    let sidecar = Sidecar::start(|mut peer, number| match number {
        0 => {
            peer.publish();
            peer.until_closed();
        }
        _ => peer.serve(),
    });
    let mut client = client(&sidecar.socket, 150);
    let (error, took) = failing(&mut client, "1", Ack::Receipt);
    assert!(matches!(error, ClientError::Timeout { stage: Stage::Waiting, .. }), "{error:?}");
    assert_eq!(error.fate(), Fate::Unknown);
    assert!(took >= Duration::from_millis(150) && took < Duration::from_millis(150) + GRACE, "{took:?}");
    assert!(!client.status().connected);
    client.set_timeout(Duration::from_secs(5));
    client.publish(&event("2"), Ack::Receipt).unwrap();
    assert_eq!(client.status().counters.timeouts, 1);
}

#[test]
fn a_peer_that_never_reads_costs_the_timeout_and_half_a_frame_is_left_to_no_later_call() {
    let sidecar = Sidecar::start(|mut peer, number| match number {
        0 | 1 => peer.wait_for("go on"),
        _ => peer.serve(),
    });
    let mut client = client(&sidecar.socket, 150);
    // More than the socket's buffers hold; looking at it takes no time worth speaking of.
    let big = format!("\"{}\"", "x".repeat(600_000));
    for ack in [Ack::None, Ack::Receipt] {
        let (error, took) = failing(&mut client, &big, ack);
        assert!(matches!(error, ClientError::Timeout { stage: Stage::Writing, .. }), "{error:?}");
        assert_eq!(error.fate(), Fate::NotPublished);
        assert!(took >= Duration::from_millis(150) && took < Duration::from_millis(150) + GRACE, "{took:?}");
    }
    sidecar.say("go on");
    client.set_timeout(Duration::from_secs(5));
    client.publish(&event("2"), Ack::Receipt).unwrap();
    assert!(sidecar.log().iter().any(|line| line.ends_with("publish 2")), "{:?}", sidecar.log());
}

#[test]
fn a_listener_with_a_full_backlog_costs_the_timeout() {
    let socket = Socket::new();
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(socket.path()).unwrap()).unwrap();
    listener.listen(0).unwrap();
    // One connection waits in the backlog: it is full now.
    let _waiting = std::os::unix::net::UnixStream::connect(socket.path()).unwrap();
    let (error, took) = failing(&mut client(&socket, 150), "1", Ack::Receipt);
    assert!(matches!(error, ClientError::Timeout { stage: Stage::Connecting, .. }), "{error:?}");
    assert_eq!(error.fate(), Fate::NotPublished);
    assert!(took >= Duration::from_millis(140) && took < Duration::from_millis(150) + GRACE, "{took:?}");
}

fn failing(client: &mut Client, data: &str, ack: Ack) -> (ClientError, Duration) {
    let start = Instant::now();
    let error = client.publish(&event(data), ack).unwrap_err();
    (error, start.elapsed())
}

#[test]
fn a_connection_that_cannot_be_made_says_where_who_why_and_what_to_do() {
    let socket = Socket::new();
    let mut missing = client(&socket, 5000);
    let text = missing.publish(&event("1"), Ack::Receipt).unwrap_err().to_string();
    for part in [socket.path().to_str().unwrap(), "(uid ", "No such file", "start the sidecar"] {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    assert_eq!(missing.status().last_error, Some(text));
    drop(UnixListener::bind(socket.path()).unwrap());
    let text = missing.publish(&event("1"), Ack::None).unwrap_err().to_string();
    assert!(text.contains("nobody listens there"), "{text}");
    let mut long = Client::new("/".repeat(200), "test", Duration::from_secs(1));
    let text = long.publish(&event("1"), Ack::None).unwrap_err().to_string();
    assert!(text.contains("at most 107 bytes"), "{text}");
    assert_eq!(missing.status().counters.failures, 2);
}

#[test]
fn bad_input_is_refused_before_anything_is_written() {
    let socket = Socket::new();
    let mut client = client(&socket, 5000);
    let bad = PublishArgs { channels: &[], event: "e", data: "1", ..PublishArgs::default() };
    let error = client.publish(&bad, Ack::Receipt).unwrap_err();
    assert!(matches!(error, ClientError::Invalid(InvalidEvent::NoChannel)), "{error:?}");
    let error = client.publish(&event("{"), Ack::None).unwrap_err();
    assert!(matches!(error, ClientError::Invalid(InvalidEvent::DataNotJson { .. })), "{error:?}");
    assert_eq!(error.fate(), Fate::NotPublished);
}

#[test]
fn the_limit_for_data_is_the_one_the_sidecar_tells() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = client(&sidecar.socket, 20_000);
    let big = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    // The peer says 12 MiB: more than the default, so the client asks before it judges.
    client.publish(&event(&big(11 << 20)), Ack::Receipt).unwrap();
    let error = client.publish(&event(&big((12 << 20) + 1)), Ack::Receipt).unwrap_err();
    assert!(error.to_string().contains("over the limit of 12582912 bytes"), "{error}");
}

#[test]
fn a_probe_asks_who_is_there() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = client(&sidecar.socket, 5000);
    assert_eq!(client.probe().unwrap().sidecar, "9.9.9");
    assert_eq!(client.probe().unwrap().max_data, 12 << 20);
    drop(client);
    assert_eq!(sidecar.log(), ["0 hello test/1", "0 hello test/1", "0 end"]);
}

#[test]
fn an_answer_in_single_bytes_is_put_together() {
    let sidecar = Sidecar::start(|mut peer, _| {
        let id = peer.publish();
        for byte in (rustecho_wire::Receipt { id, subscribers: 2 }).to_frame() {
            peer.stream.write_all(&[byte]).unwrap();
        }
        peer.serve();
    });
    let receipt = client(&sidecar.socket, 5000).publish(&event("1"), Ack::Receipt).unwrap();
    assert_eq!(receipt.unwrap().subscribers, 2);
}

#[test]
fn a_late_receipt_is_never_taken_for_another_event() {
    let sidecar = Sidecar::start(|mut peer: Peer, _| {
        let id = peer.publish();
        peer.receipt(EventId([9; 16]));
        peer.receipt(id);
        peer.serve();
    });
    let own = EventId([3; 16]);
    let args = PublishArgs { id: Some(own), ..event("1") };
    let receipt = client(&sidecar.socket, 5000).publish(&args, Ack::Receipt).unwrap().unwrap();
    assert_eq!(receipt.id, own);
}
