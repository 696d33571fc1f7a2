//! A fork leaves the memory alone that its parent has lent. One test, so that no other thread of this process holds a lock while it
//! forks.

// The helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use rustecho_wire::client::{Ack, Client};
use rustecho_wire::lane::SLOTS;
use support::taker::{BEFORE, Taker, data};
use support::{Sidecar, event};

#[test]
fn a_fork_lends_memory_of_its_own_and_leaves_its_parents_alone() {
    let sidecar = Sidecar::start(|peer, number| {
        let mut taker = Taker::new(&peer);
        for _ in 0..BEFORE {
            assert_eq!(taker.next().unwrap().0, None);
        }
        taker.give(&[0; SLOTS], 0);
        peer.log("taken");
        let first = taker.next().unwrap().0.unwrap();
        peer.log("first");
        if number == 0 {
            let second = taker.next().unwrap().0.unwrap();
            assert_eq!((first.slot, taker.read(first)), (0, data(100)));
            assert_eq!((second.slot, taker.read(second)), (1, data(102)));
        } else {
            assert_eq!((first.slot, taker.read(first)), (0, data(101)));
        }
        peer.log("good");
    });
    let mut client = Client::new(sidecar.socket.path(), "test/1", Duration::from_secs(10));
    let publish = |client: &mut Client, number| client.publish(&event(&data(number)), Ack::None).is_ok();
    assert!((0..BEFORE).all(|number| publish(&mut client, number)));
    sidecar.wait_for("0 taken");
    assert!(publish(&mut client, 100));
    sidecar.wait_for("0 first");

    // That the other end has taken the child's memory, only the parent hears.
    let (mut told, mut tell) = std::io::pipe().unwrap();
    // SAFETY: the child only uses the client and leaves with `_exit`; this test is the only one of its process.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut good = (0..BEFORE).all(|number| publish(&mut client, number));
        good &= told.read_exact(&mut [0]).is_ok();
        good &= publish(&mut client, 101);
        drop(client);
        // SAFETY: ends the child at once, without running the test harness's handlers a second time.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    sidecar.wait_for("1 taken");
    tell.write_all(&[1]).unwrap();
    let mut status = -1;
    // SAFETY: waits for the child made above; `status` lives through the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "a publish of the child failed");
    sidecar.wait_for("1 good");
    assert!(publish(&mut client, 102));
    sidecar.wait_for("0 good");
}
