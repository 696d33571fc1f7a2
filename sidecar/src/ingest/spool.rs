//! The spool source: events that publishers on the Unix socket kept on disk while the sidecar was away. See
//! [`rustecho_wire::spool`] for the files and who may touch them when.
//!
//! After a start the browsers that were connected are still coming back, and events would be emitted to nobody. So, for a
//! bounded time, the [`Gate`] is shut: publishers that can spool are asked to, and then everything is drained.

mod depth;
mod drain;
mod folder;
mod gate;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rustecho_wire::spool::socket_number;
use tokio::{sync::watch, time::Instant};

use crate::{
    config::{SpoolConfig, UnixSocketConfig},
    counters::Counters,
    hub::BUCKETS,
    once::Once,
    publisher::Publisher,
    seen::Ledger,
    server::stopped,
};

pub use depth::{Depth, SpoolView};
pub use folder::SpoolError;
pub use gate::Gate;

/// How often the directory is looked at, and how many subscriptions there are is written down.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What waits for a socket that nobody serves for so long is said, and looked for so often.
const STRAY: Duration = Duration::from_secs(60);

/// Drains the spool. Holds the ledger's lock, so that no other sidecar does the same.
pub struct SpoolSource {
    settings: SpoolConfig,
    socket: u64,
    allowed_uids: Vec<u32>,
    publisher: Arc<Publisher>,
    counters: Arc<Counters>,
    /// The subscriptions that there were when the last sidecar ended.
    expected: [u64; BUCKETS],
    /// Files whose publisher was at them when they had been read: their inode, and how many records have been dealt with.
    begun: Mutex<HashMap<PathBuf, (u64, u64)>>,
    /// Sockets without a sidecar that have been named.
    strays: Once,
    /// Files that cannot be read or removed and have been named.
    unfit: Once,
}

impl SpoolSource {
    /// Makes the directory if need be and goes on where the last sidecar ended.
    ///
    /// # Errors
    /// [`SpoolError`]: the sidecar works without a spool then.
    pub fn open(
        settings: SpoolConfig,
        unix: &UnixSocketConfig,
        publisher: Arc<Publisher>,
        counters: Arc<Counters>,
    ) -> Result<Self, SpoolError> {
        folder::prepare(&settings.dir, unix)?;
        let socket = socket_number(&unix.path);
        let path = folder::ledger(&settings.dir, socket);
        let ledger = Ledger::open(&path).map_err(|error| SpoolError::Ledger { path, error })?;
        let expected = ledger.subscriptions();
        publisher.resume(ledger);
        let allowed_uids = unix.allowed_uids.clone();
        Ok(Self {
            settings,
            socket,
            allowed_uids,
            publisher,
            counters,
            expected,
            begun: Mutex::default(),
            strays: Once::default(),
            unfit: Once::default(),
        })
    }

    /// The directory.
    pub fn dir(&self) -> &PathBuf {
        &self.settings.dir
    }

    /// Shuts the gate when clients have to come back first, and opens it otherwise; never one after the other, which would let an
    /// event through. To be called before publishers are let in.
    pub fn prepare(&self, gate: &Gate) {
        if self.expected != [0; BUCKETS] && !self.settings.settle.is_zero() {
            gate.shut();
        } else {
            gate.open();
        }
    }

    /// Runs until `stop` changes. What has not been drained by then stays for the next sidecar.
    pub async fn run(self, gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
        if gate.is_shut() {
            self.settle(&mut stop).await;
            gate.open();
        }
        let this = Arc::new(self);
        let ended = Arc::new(AtomicBool::new(false));
        let mut looked = Instant::now();
        loop {
            // The directory is open to all who may publish: looking through it may take its time.
            let (drain, end) = (this.clone(), ended.clone());
            let is_due = looked.elapsed() >= STRAY;
            if is_due {
                looked = Instant::now();
            }
            let mut pass = tokio::task::spawn_blocking(move || {
                let more = drain.drain(folder::files(&drain.settings.dir, drain.socket), &end);
                if is_due {
                    drain.say_strays();
                }
                more
            });
            let more = tokio::select! {
                more = &mut pass => more.unwrap_or_default(),
                () = stopped(&mut stop) => {
                    ended.store(true, Relaxed);
                    pass.await.unwrap_or_default()
                }
            };
            if *stop.borrow() {
                break; // the sockets are being closed: they are to be expected back
            }
            this.publisher.note_subscriptions();
            if more {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = gate.knocked() => {}
                () = stopped(&mut stop) => {}
            }
        }
    }

    /// Says what waits for a socket that nobody serves, once for each: nobody else would.
    fn say_strays(&self) {
        for (socket, file) in folder::strays(&self.settings.dir, self.socket, STRAY) {
            if self.strays.is_first(&format!("{socket:016x}")) {
                tracing::warn!(
                    file = %file.display(),
                    own = format!("{:016x}", self.socket),
                    "events are spooled for a socket that no sidecar serves: does `rustecho.socket` of a publisher name another path \
                     than `unixSocket.path`? When they agree, rename the file to begin with `own` to have its events emitted"
                );
            }
        }
    }

    /// Waits until as many subscriptions are back as there were, channel by channel, or for as long as is configured: the
    /// subscriptions of strangers elsewhere say nothing of those who are awaited.
    async fn settle(&self, stop: &mut watch::Receiver<bool>) {
        let end = Instant::now() + self.settings.settle;
        while Instant::now() < end && !self.publisher.subscriptions().has(&self.expected) {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
                () = stopped(stop) => return,
            }
        }
        let (back, expected) = (self.publisher.subscriptions().total(), self.expected.iter().sum::<u64>());
        tracing::info!(back, expected, "clients have had their time to come back (spool.settleMs)");
    }
}

#[cfg(test)]
mod tests;
