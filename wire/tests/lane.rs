//! Large data of events that nobody waits for: by memory that the client lends, or by the socket where nobody takes it.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use rustecho_wire::client::{Ack, Client, Delivery, OnFailure, PublishArgs, Rules};
use rustecho_wire::lane::{LANE_LEN, SLOTS};
use rustecho_wire::{ClientError, InvalidEvent};
use rustix::fs::{SealFlags, fcntl_get_seals, fstat, ftruncate};
use support::taker::{BEFORE, Taker, data};
use support::{Sidecar, event};

fn client(sidecar: &Sidecar) -> Client {
    Client::new(sidecar.socket.path(), "test/1", Duration::from_secs(20))
}

#[test]
fn what_is_lent_is_used_once_it_is_taken_and_what_does_not_fit_goes_by_the_socket() {
    let sidecar = Sidecar::start(|peer, _| {
        let mut taker = Taker::new(&peer);
        for number in 0..BEFORE {
            assert_eq!(taker.next().unwrap(), (None, data(number)), "nothing is taken yet");
        }
        let memory = taker.memory.as_ref().unwrap();
        assert!(fcntl_get_seals(memory).unwrap().contains(SealFlags::SHRINK | SealFlags::GROW));
        assert!(ftruncate(memory, 0).is_err(), "the client could be killed by that");
        assert_eq!(fstat(memory).unwrap().st_size, i64::try_from(LANE_LEN).unwrap());
        taker.give(&[0; SLOTS], 0);
        peer.log("taken");
        for number in BEFORE..BEFORE + SLOTS {
            let (lent, in_frame) = taker.next().unwrap();
            assert_eq!((taker.read(lent.unwrap()), in_frame), (data(number), String::new()));
        }
        assert_eq!(taker.next().unwrap(), (None, data(BEFORE + SLOTS)), "all slots are taken");
        taker.give(&[0], 7);
        peer.log("given back");
        let (lent, _) = taker.next().unwrap();
        assert_eq!((lent.unwrap().slot, taker.read(lent.unwrap())), (7, data(BEFORE + SLOTS + 1)));
        taker.give(&[0; SLOTS], 0);
        peer.log("all given back");
        for (number, of) in [(0, "small"), (1, "too large"), (2, "waited for")] {
            assert_eq!(taker.next().unwrap().0, None, "{number}: {of}");
        }
        assert!(taker.next().is_none());
        peer.log("good");
    });
    let mut client = client(&sidecar);
    let mut next = 0;
    let mut publish = |client: &mut Client, count: usize| {
        for _ in 0..count {
            assert_eq!(client.publish(&event(&data(next)), Ack::None).unwrap(), None);
            next += 1;
        }
    };
    publish(&mut client, BEFORE);
    sidecar.wait_for("0 taken");
    publish(&mut client, SLOTS + 1);
    sidecar.wait_for("0 given back");
    publish(&mut client, 1);
    sidecar.wait_for("0 all given back");
    let bytes = client.status().counters.bytes;
    assert!(bytes > 32_000 * (SLOTS as u64 + 7), "what is lent counts, too: {bytes}");
    client.publish(&event("1"), Ack::None).unwrap();
    client.publish(&event(&format!("\"{}\"", "x".repeat(70_000))), Ack::None).unwrap();
    client.set_timeout(Duration::from_millis(100));
    assert!(client.publish(&event(&data(0)), Ack::Receipt).is_err(), "nobody answers");
    sidecar.wait_for("0 good");
}

#[test]
fn a_sidecar_that_takes_nothing_gets_all_by_the_socket() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = client(&sidecar);
    for number in 0..12 {
        client.publish(&event(&data(number)), Ack::None).unwrap();
    }
    client.publish(&event("\"last\""), Ack::Receipt).unwrap();
    assert_eq!(client.status().counters.reconnects, 0);
    drop(client);
    let log = sidecar.log();
    let published: Vec<_> = log.iter().filter(|line| line.starts_with("0 publish")).collect();
    assert_eq!(published.len(), 13, "{log:?}");
    assert_eq!(published[11], &format!("0 publish {}", &data(11)[..20]));
}

#[test]
fn a_new_connection_lends_anew() {
    let sidecar = Sidecar::start(|peer, number| {
        let mut taker = Taker::new(&peer);
        for index in 0..BEFORE {
            assert_eq!(taker.next().unwrap(), (None, data(index)));
        }
        taker.give(&[0; SLOTS], 0);
        peer.log("taken");
        let (lent, _) = taker.next().unwrap();
        assert_eq!(taker.read(lent.unwrap()), data(BEFORE));
        peer.log(&format!("good {number}"));
    });
    let mut client = client(&sidecar);
    for connection in 0..2 {
        for index in 0..BEFORE {
            client.publish(&event(&data(index)), Ack::None).unwrap();
        }
        sidecar.wait_for(&format!("{connection} taken"));
        client.publish(&event(&data(BEFORE)), Ack::None).unwrap();
        sidecar.wait_for(&format!("{connection} end"));
    }
    sidecar.wait_for("1 good 1");
    assert_eq!(client.status().counters.reconnects, 1);
}

const RULES: Rules<'_> = Rules { ack: Ack::None, on_failure: OnFailure::Throw, breaker: Duration::ZERO, more: false };

#[test]
fn what_is_not_text_or_no_event_leaves_its_slot_free_and_nothing_of_it_is_written() {
    let sidecar = Sidecar::start(|peer, _| {
        let mut taker = Taker::new(&peer);
        for number in 0..BEFORE {
            assert_eq!(taker.next().unwrap(), (None, data(number)));
        }
        taker.give(&[0; SLOTS], 0);
        peer.log("taken");
        for slot in 0..3 {
            let (lent, in_frame) = taker.next().unwrap();
            assert_eq!(lent.unwrap().slot, slot);
            assert_eq!((taker.read(lent.unwrap()), in_frame), (data(BEFORE + slot as usize), String::new()));
        }
        assert!(taker.next().is_none());
        peer.log("good");
    });
    let mut client = client(&sidecar);
    let deliver = |client: &mut Client, data: &[u8]| client.deliver_bytes(&event(""), data, &RULES);
    for number in 0..BEFORE {
        assert_eq!(deliver(&mut client, data(number).as_bytes()).unwrap(), Delivery::Written);
    }
    sidecar.wait_for("0 taken");
    assert_eq!(deliver(&mut client, data(BEFORE).as_bytes()).unwrap(), Delivery::Written);
    for at in [0, 100, 31_999, 32_003] {
        let mut bytes = data(BEFORE).into_bytes();
        bytes[at] = 0xff;
        let error = deliver(&mut client, &bytes).unwrap_err();
        assert!(
            matches!(error, ClientError::Invalid(InvalidEvent::DataNotUtf8 { at: found }) if found == at),
            "{error}"
        );
    }
    assert_eq!(deliver(&mut client, data(BEFORE + 1).as_bytes()).unwrap(), Delivery::Written);
    let nobody = PublishArgs { channels: &[], ..event("") };
    assert!(client.deliver_bytes(&nobody, data(0).as_bytes(), &RULES).is_err());
    // Found to be text where it is copied to, or before: one is as the other.
    assert_eq!(client.publish(&event(&data(BEFORE + 2)), Ack::None).unwrap(), None);
    drop(client);
    sidecar.wait_for("0 good");
}

#[test]
fn data_that_was_put_in_memory_whose_connection_is_gone_goes_by_the_next_one() {
    let sidecar = Sidecar::start(|peer, number| {
        let mut taker = Taker::new(&peer);
        if number == 0 {
            (0..BEFORE).for_each(|_| drop(taker.next().unwrap()));
            taker.give(&[0; SLOTS], 0);
            peer.log("taken");
        } else {
            assert_eq!(taker.next().unwrap(), (None, data(BEFORE)));
            peer.log("good");
        }
    });
    let mut client = client(&sidecar);
    for number in 0..BEFORE {
        client.deliver(&event(&data(number)), &RULES).unwrap();
    }
    sidecar.wait_for("0 end");
    assert_eq!(client.deliver_bytes(&event(""), data(BEFORE).as_bytes(), &RULES).unwrap(), Delivery::Written);
    sidecar.wait_for("1 good");
    assert_eq!(client.status().counters.reconnects, 1);
}
