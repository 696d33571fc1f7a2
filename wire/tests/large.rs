//! Events of which only the sidecar can say whether it takes them, as they are larger than the default limit.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use rustecho_wire::client::{Ack, BreakerState, Client, Delivery, OnFailure, Rules};
use rustecho_wire::error::Fate;
use rustecho_wire::spool::{Next, Records, SpoolSettings};
use rustecho_wire::{ClientError, InvalidEvent, Publish};
use support::{Sidecar, Socket, event};

const TIMEOUT: Duration = Duration::from_millis(400);
/// How long a call may go on after its deadline: 12 MiB are looked at and go to the disk, unoptimised and on a busy machine.
const GRACE: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_secs(20);
/// How to wait, and whether another event follows.
const ROADS: [(Ack, bool); 5] =
    [(Ack::Receipt, false), (Ack::None, false), (Ack::None, true), (Ack::Deferred, false), (Ack::Deferred, true)];

fn big(mib: usize) -> String {
    format!("\"{}\"", "x".repeat(mib << 20))
}

fn client(socket: &Socket, timeout: Duration) -> Client {
    Client::new(socket.path(), "test/1", timeout)
}

/// A sidecar that accepts, and never says a word; `reads`: but takes all that comes.
fn hung(reads: bool) -> Sidecar {
    Sidecar::start(move |mut peer, _| {
        peer.log("connected");
        if reads {
            peer.until_closed();
        }
        peer.wait_for("never");
    })
}

/// The folder `spool` beside the socket.
fn spool(socket: &Socket) -> SpoolSettings {
    let dir = rustecho_wire::spool::default_dir(socket.path());
    std::fs::create_dir(&dir).unwrap();
    SpoolSettings { dir, max_bytes: 256 << 20 }
}

/// Bytes of data of all that is in the spool, in its order.
fn spooled(spool: &SpoolSettings) -> Vec<usize> {
    let mut files: Vec<_> = std::fs::read_dir(&spool.dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let mut records = Records::new(std::fs::File::open(path).unwrap());
        while let Next::Record { frame, .. } = records.read().unwrap() {
            all.push(Publish::decode(&frame[8..]).unwrap().data.len());
        }
    }
    all
}

fn rules(ack: Ack, spool: Option<&SpoolSettings>) -> Rules<'_> {
    let on_failure = spool.map_or(OnFailure::Throw, OnFailure::Spool);
    Rules { ack, on_failure, breaker: Duration::from_secs(3600), more: false }
}

#[test]
fn a_sidecar_that_hangs_costs_its_timeout_once_and_the_events_are_spooled() {
    let data = big(12);
    for ((ack, more), reads) in ROADS.into_iter().zip([false, true, false, false, true]) {
        let sidecar = hung(reads);
        let spool = spool(&sidecar.socket);
        let mut client = client(&sidecar.socket, TIMEOUT);
        let rules = Rules { more, ..rules(ack, Some(&spool)) };
        let begun = Instant::now();
        assert_eq!(client.deliver(&event(&data), &rules).unwrap(), Delivery::Spooled);
        let (first, begun) = (begun.elapsed(), Instant::now());
        assert!(first < TIMEOUT + GRACE, "{ack:?} {first:?}");
        client.set_timeout(LONG); // which it does not wait for
        assert_eq!(client.deliver(&event(&data), &rules).unwrap(), Delivery::Spooled);
        assert!(begun.elapsed() < GRACE, "{ack:?} {:?}", begun.elapsed());
        assert_eq!(spooled(&spool), [data.len(); 2]);
        let status = client.status();
        assert!(matches!(status.breaker, BreakerState::Open(_)), "{status:?}");
        assert_eq!((status.counters.spooled, status.counters.rested, status.pending), (2, 1, 0));
    }
}

#[test]
fn where_failures_are_thrown_the_first_call_pays_and_the_second_is_told_why() {
    let data = big(12);
    for ack in [Ack::Receipt, Ack::None, Ack::Deferred] {
        let sidecar = hung(true);
        let mut client = client(&sidecar.socket, TIMEOUT);
        let error = client.deliver(&event(&data), &rules(ack, None)).unwrap_err();
        assert!(matches!(error, ClientError::Timeout { fate: Fate::NotPublished, .. }), "{error:?}");
        let begun = Instant::now();
        client.set_timeout(LONG);
        let error = client.deliver(&event(&data), &rules(ack, None)).unwrap_err();
        assert!(matches!(error, ClientError::Resting { .. }), "{error:?}");
        assert!(begun.elapsed() < GRACE && error.to_string().contains("no success within 400 ms"), "{error}");
        assert!(!client.has_deferred());
    }
}

#[test]
fn deferred_events_go_to_the_spool_before_it() {
    let sidecar = hung(true);
    let spool = spool(&sidecar.socket);
    let mut client = client(&sidecar.socket, TIMEOUT);
    let rules = rules(Ack::Deferred, Some(&spool));
    assert_eq!(client.deliver(&event("1"), &rules).unwrap(), Delivery::Written);
    assert_eq!(client.deliver(&event("12"), &Rules { more: true, ..rules }).unwrap(), Delivery::Written);
    let data = big(12);
    assert_eq!(client.deliver(&event(&data), &rules).unwrap(), Delivery::Spooled);
    assert_eq!(spooled(&spool), [1, 2, data.len()]);
    assert_eq!(client.flush(LONG, &rules).spooled, 2);
}

#[test]
fn a_sidecar_that_is_there_is_asked_once_and_what_is_over_its_limit_is_not_written() {
    for (ack, more) in ROADS {
        let sidecar = Sidecar::start(|mut peer, _| peer.serve()); // takes 12 MiB
        let spool = spool(&sidecar.socket);
        let mut client = client(&sidecar.socket, LONG);
        let rules = Rules { more, ..rules(ack, Some(&spool)) };
        for _ in 0..2 {
            let error = client.deliver(&event(&big(13)), &rules).unwrap_err();
            assert!(matches!(error, ClientError::Invalid(InvalidEvent::DataTooLong { .. })), "{error:?}");
            assert!(error.to_string().contains("over the limit of 12582912 bytes"), "{error}");
        }
        assert_ne!(client.deliver(&event(&big(11)), &rules).unwrap(), Delivery::Spooled);
        assert_eq!(client.flush(LONG, &rules).failed, 0);
        assert_eq!(client.status().breaker, BreakerState::Closed);
        drop(client);
        let hello = "0 hello test/1";
        assert_eq!(sidecar.log(), [hello, "0 publish \"xxxxxxxxxxxxxxxxxxx", "0 end"], "{ack:?}");
    }
}

#[test]
fn what_no_sidecar_can_take_is_refused_without_asking() {
    let socket = Socket::new();
    let spool = spool(&socket);
    let error = client(&socket, LONG).deliver(&event(&big(16)), &rules(Ack::Receipt, Some(&spool))).unwrap_err();
    assert!(matches!(error, ClientError::Invalid(InvalidEvent::DataTooLong { .. })), "{error:?}");
    assert_eq!(spooled(&spool), [0; 0]);
}
