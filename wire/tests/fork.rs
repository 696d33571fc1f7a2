//! A fork gets a connection, ids and counters of its own, and leaves its parent's alone. One test, so that no other thread
//! of this process holds a lock while it forks.

mod support;

use std::time::Duration;

use rustecho_wire::client::{Ack, Client};
use support::{Sidecar, event};

#[test]
fn a_fork_opens_its_own_connection_and_the_parents_goes_on() {
    let sidecar = Sidecar::start(|mut peer, _| peer.serve());
    let mut client = Client::new(sidecar.socket.path(), "test/1", Duration::from_secs(10));
    let first = client.publish(&event("1"), Ack::Receipt).unwrap().unwrap();

    // SAFETY: the child only uses the client and leaves with `_exit`; this test is the only one of its process.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let connected = client.status().connected;
        let good = client.publish(&event("2"), Ack::Receipt).is_ok_and(|receipt| {
            let counters = client.status().counters;
            !connected
                && receipt.is_some_and(|receipt| receipt.id.0[..8] != first.id.0[..8])
                && (counters.published, counters.reconnects, counters.failures) == (1, 1, 0)
        });
        drop(client);
        // SAFETY: ends the child at once, without running the test harness's handlers a second time.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    let mut status = -1;
    // SAFETY: waits for the child made above; `status` lives through the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's publish failed or used what is its parent's");

    sidecar.wait_for("1 end");
    client.publish(&event("3"), Ack::Receipt).unwrap();
    assert_eq!(client.status().counters.reconnects, 0);
    drop(client);
    let log = sidecar.log();
    for line in ["0 publish 1", "1 hello test/1", "1 publish 2", "0 publish 3"] {
        assert!(log.iter().any(|l| l == line), "{line:?} is missing in {log:?}");
    }
}
