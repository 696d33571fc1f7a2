//! What the spool and the Unix socket tell each other.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::Notify;

/// Open from the start; see the module above for when it is shut.
#[derive(Debug, Default)]
pub struct Gate {
    shut: AtomicBool,
    knock: Notify,
}

impl Gate {
    /// Publishers that can spool are asked to.
    pub fn shut(&self) {
        self.shut.store(true, Relaxed);
    }

    /// Publishers may come in.
    pub fn open(&self) {
        self.shut.store(false, Relaxed);
    }

    /// Whether publishers that can spool are to be refused.
    pub fn is_shut(&self) -> bool {
        self.shut.load(Relaxed)
    }

    /// A publisher has connected: it may have spooled before.
    pub fn knock(&self) {
        self.knock.notify_one();
    }

    /// Waits for a knock.
    pub async fn knocked(&self) {
        self.knock.notified().await;
    }
}
