//! What systemd is told of a service of `Type=notify`, so that `systemctl restart` returns when the next sidecar serves. Whoever
//! starts the sidecar otherwise sets no `NOTIFY_SOCKET`, and nothing is said.

use sd_notify::NotifyState;

/// Clients and publishers are let in. Not later: Redis may be away for long, and systemd ends who is not ready in time.
pub(crate) fn serves(redis_is_heard: bool) {
    let status = if redis_is_heard { "serving" } else { "serving; Redis has not answered yet" };
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Redis answers as well.
pub(crate) fn hears_redis() {
    tell(&[NotifyState::Status("serving")]);
}

/// The configuration is read anew; [`reloaded`] follows, whatever becomes of it.
pub(crate) fn reloads() {
    let Ok(now) = NotifyState::monotonic_usec_now() else { return };
    tell(&[NotifyState::Reloading, now]);
}

/// The configuration was read, or stays as it was.
pub(crate) fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// No new client is let in; the grace period begins.
pub(crate) fn stops() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "NOTIFY_SOCKET: systemd cannot be told how the service is");
    }
}
