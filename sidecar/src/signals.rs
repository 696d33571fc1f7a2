//! Signals to the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a SIGHUP did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// The process goes on, with the configuration that was read or the one before.
    Reloaded,
    /// It stops the process, as it stopped laravel-echo-server.
    Stops,
}

/// Catches signals from its creation on; none is lost before somebody waits for them.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts catching. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM, SIGINT, or a SIGHUP that stops.
    pub async fn until_stop(mut self, mut on_hangup: impl FnMut() -> Hangup) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match on_hangup() {
                    Hangup::Reloaded => {}
                    Hangup::Stops => return,
                },
            }
        }
    }
}
