//! The last ten minutes, a sample each second, so that the console shows what was before somebody looked.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde::Serialize;

use super::Parts;
use crate::counters::{Counters, Reading};

/// How many samples are kept.
const SAMPLES: usize = 600;
/// How many readings are kept for the percentiles of the last minute.
const MINUTE: usize = 60;

/// One second.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// Seconds since 1970-01-01 UTC.
    at: u64,
    /// Events accepted in it.
    events: u64,
    /// Packets handed to sockets in it.
    deliveries: u64,
    /// Packets and events dropped in it.
    dropped: u64,
    /// Sockets at its end.
    connections: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    events: u64,
    deliveries: u64,
    dropped: u64,
}

impl Totals {
    fn of(counters: &Counters) -> Self {
        let events = [
            &counters.published_unix,
            &counters.published_redis,
            &counters.published_http,
            &counters.published_cluster,
        ];
        let dropped =
            [&counters.dropped_closed, &counters.dropped_slow, &counters.spool_expired, &counters.spool_refused];
        let refused = [&counters.refused_unix, &counters.refused_redis, &counters.refused_http];
        Self {
            events: events.iter().map(|counter| counter.get()).sum(),
            deliveries: counters.emitted.get(),
            dropped: dropped.iter().chain(&refused).map(|counter| counter.get()).sum(),
        }
    }
}

/// The samples.
#[derive(Default)]
pub(super) struct History(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    before: Totals,
    samples: VecDeque<Sample>,
    minute: VecDeque<Reading>,
}

impl History {
    /// Takes one; to be called once a second.
    pub(super) fn sample(&self, parts: &Parts) {
        let totals = Totals::of(&parts.counters);
        let reading = parts.counters.times.publish_to_emit.read();
        let connections = parts.clients.count();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut kept = self.0.lock();
        let before = std::mem::replace(&mut kept.before, totals);
        let events = totals.events - before.events;
        let (deliveries, dropped) = (totals.deliveries - before.deliveries, totals.dropped - before.dropped);
        push(&mut kept.samples, SAMPLES, Sample { at, events, deliveries, dropped, connections });
        push(&mut kept.minute, MINUTE, reading);
    }

    /// All samples, the oldest first.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.0.lock().samples.iter().copied().collect()
    }

    /// The newest sample.
    pub(super) fn newest(&self) -> Option<Sample> {
        self.0.lock().samples.back().copied()
    }

    /// What was added to `now` in the last minute.
    pub(super) fn last_minute(&self, now: &Reading) -> Reading {
        let kept = self.0.lock();
        kept.minute.front().map_or_else(|| now.clone(), |before| now.since(before))
    }
}

fn push<T>(list: &mut VecDeque<T>, most: usize, item: T) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}
