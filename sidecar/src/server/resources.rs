//! What the machine has: memory, looked at once a second, and file descriptors; and who holds some of it for nothing.

use std::{sync::Arc, time::Duration};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::watch;

use crate::{
    admission::{Level, Memory},
    bounds::{Bound, Refusals},
    session::Clients,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// While memory is critical, one of so many sockets is closed at each look.
const SHED_ONE_OF: usize = 50;
/// Descriptors that are kept for publishers, Laravel, Redis, and files.
const KEPT: u64 = 128;

/// Looks at memory until `stop` changes, and closes sockets as long as it is critical.
pub(super) async fn memory(
    memory: Arc<Memory>,
    clients: Arc<Clients>,
    refusals: Arc<Refusals>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        if memory.look() == Level::Critical {
            for _ in 0..clients.close_some(SHED_ONE_OF) {
                refusals.over(Bound::Memory, memory.watermark(), "connected clients");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = super::stopped(&mut stop) => return,
        }
    }
}

/// Closes, until `stop` changes, the sockets that are on no channel for too long.
pub(super) async fn idle(clients: Arc<Clients>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(clients.close_idle()) => {}
            () = super::stopped(&mut stop) => return,
        }
    }
}

/// How many connections there may be by the number of open files that the system lets us have, which is first raised as far as
/// it may be raised.
pub(super) fn descriptors() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let more = rustix::process::Rlimit { current: limit.maximum, ..limit };
        if setrlimit(Resource::Nofile, more).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    limit.current.map_or(usize::MAX, |most| {
        let kept = KEPT.min(most / 2);
        usize::try_from(most - kept).unwrap_or(usize::MAX)
    })
}
