//! The clock of one event's road through the door.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Publish;
use crate::{
    counters::Times,
    tail::{self, Outcome, Road, Stop},
};

/// When an event passed which point.
pub(super) struct Travel {
    /// From the publisher's clock to being read; none when the publisher said no time.
    php_to_frame: Option<Duration>,
    read: Instant,
    accepted: Option<Instant>,
}

impl Travel {
    /// The event has been read.
    pub(super) fn begin(publish: &Publish<'_>) -> Self {
        let read = publish.came.at;
        let php_to_frame = (publish.came.made > 0).then(|| {
            let made = Duration::from_micros(publish.came.made);
            let read_at = SystemTime::now().checked_sub(read.elapsed()).unwrap_or(UNIX_EPOCH);
            // A clock that was set back makes it nothing, not an eternity.
            read_at.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(made)
        });
        Self { php_to_frame, read, accepted: None }
    }

    /// It is valid and new: fan-out begins.
    pub(super) fn accepted(&mut self) {
        self.accepted = Some(Instant::now());
    }

    /// Fan-out is done; how long it took, in microseconds.
    pub(super) fn emitted(&self, times: &Times) -> u64 {
        let now = Instant::now();
        let accepted = self.accepted.unwrap_or(now);
        if let Some(php_to_frame) = self.php_to_frame {
            times.php_to_frame.record(php_to_frame);
        }
        times.frame_to_accepted.record(accepted - self.read);
        times.accepted_to_emitted.record(now - accepted);
        times.publish_to_emit.record(self.php_to_frame.unwrap_or_default() + (now - self.read));
        micros(now - accepted)
    }

    /// For whoever watches; nothing has been reached yet.
    pub(super) fn told(&self, publish: &Publish<'_>, result: Outcome, reason: Option<String>) -> Road {
        let names = publish.channels.iter().take(100);
        let channels = names.map(|name| Stop { channel: tail::name(name), reach: Default::default() }).collect();
        Road {
            number: 0,
            at: tail::now().saturating_sub(micros(self.read.elapsed())),
            source: publish.source.name(),
            id: publish.id.map(|id| id.0.iter().map(|byte| format!("{byte:02x}")).collect()),
            event: tail::name(publish.event),
            result,
            reason,
            except: publish.except.map(tail::name),
            trace: Some(publish.came.trace).filter(|trace| !trace.is_empty()).map(tail::name),
            php_to_frame: self.php_to_frame.map(micros),
            frame_to_accepted: self.accepted.map(|accepted| micros(accepted - self.read)),
            accepted_to_emitted: None,
            channels,
            data: tail::shown(publish.data.get()),
            data_bytes: publish.data.get().len(),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
