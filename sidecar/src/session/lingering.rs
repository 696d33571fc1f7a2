//! Presence members whose connections have ended without a word: they stay a moment, for their pages may be back at once.

use std::time::Duration;

use tokio::sync::watch;

/// How long such members stay.
pub struct Lingering {
    grace: Duration,
    hurried: watch::Sender<bool>,
}

impl Lingering {
    /// So long; zero is not at all.
    pub fn new(grace: Duration) -> Self {
        Self { grace, hurried: watch::Sender::new(false) }
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Waits until a member that lingers from now on has to leave.
    pub(super) async fn wait(&self) {
        let mut hurried = self.hurried.subscribe();
        let _ = tokio::time::timeout(self.grace, hurried.wait_for(|hurried| *hurried)).await;
    }

    /// Nobody is waited for any more: the sidecar stops.
    pub(super) fn hurry(&self) {
        self.hurried.send_replace(true);
    }
}
