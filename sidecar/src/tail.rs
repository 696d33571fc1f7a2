//! What happens, told live to whoever watches: the road of each event, and each authorisation.
//!
//! Nobody watches most of the time, and then this costs one atomic load per event. A watcher that reads too slowly misses the
//! oldest, and learns how many: nobody waits for it, and what is kept for all watchers together is bounded.

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::{
    channel::start_of,
    hub::Reach,
    otel::{self, Traces},
};

/// How many facts a watcher may be behind.
const KEPT: usize = 512;
/// Refused subscriptions that are remembered for whoever looks later.
const REFUSED: usize = 256;
/// Data beyond this is cut off, in bytes: a tail is for looking at.
const DATA_SHOWN: usize = 16 * 1024;

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Fact {
    /// An event came, and what became of it.
    Event(Road),
    /// Laravel was asked about a guarded channel.
    Auth(Asked),
}

/// The road of one event. Times are in microseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Road {
    /// Counts up by one with each fact of this process.
    pub number: u64,
    /// When it was read, since 1970-01-01 UTC.
    pub at: u64,
    /// `unix`, `redis`, `http`, or `client` for a whisper.
    pub source: &'static str,
    /// Its id, when its publisher gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The event's name.
    pub event: String,
    /// What became of it.
    pub result: Outcome,
    /// Why it was refused, or not emitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The socket id that shall not get it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    /// Laravel's `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// From the publisher's clock to being read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub php_to_frame: Option<u64>,
    /// From being read to being accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_to_accepted: Option<u64>,
    /// From being accepted to the last socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_to_emitted: Option<u64>,
    /// Each channel with what became of the event there.
    pub channels: Vec<Stop>,
    /// The event's JSON, or its start.
    pub data: String,
    /// The length of all of it, in bytes.
    pub data_bytes: usize,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was handed to everybody who was subscribed.
    Emitted,
    /// It was accepted, and nobody was there to get it.
    Nobody,
    /// Its id had been published before.
    Duplicate,
    /// A sidecar was killed while it emitted it.
    InDoubt,
    /// It was not accepted.
    Refused,
}

impl Outcome {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emitted => "emitted",
            Self::Nobody => "nobody",
            Self::Duplicate => "duplicate",
            Self::InDoubt => "in_doubt",
            Self::Refused => "refused",
        }
    }
}

/// An event on one channel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// The channel.
    pub channel: String,
    /// What became of it there.
    #[serde(flatten)]
    pub reach: Reach,
}

/// One authorisation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// See [`Road::number`].
    pub number: u64,
    /// When it was answered, in microseconds since 1970-01-01 UTC.
    pub at: u64,
    /// The channel that was wanted.
    pub channel: String,
    /// The socket that wants it.
    pub socket: String,
    /// Where Laravel was asked.
    pub url: String,
    /// Which credentials went along: `cookie`, `authorization`, `x-csrf-token`; never their values.
    pub sent: Vec<&'static str>,
    /// The page that asks, by its `Origin` or `Referer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// `granted`, `denied` or `failed`.
    pub result: &'static str,
    /// Laravel's HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The presence member that Laravel named: its `user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// How long it took, in microseconds.
    pub took: u64,
}

/// Where facts are told, and watched.
pub struct Tail {
    watchers: AtomicUsize,
    number: AtomicU64,
    facts: broadcast::Sender<Arc<Fact>>,
    /// The newest last.
    refused: Mutex<VecDeque<Asked>>,
    /// Where events go that belong to a trace.
    traces: OnceLock<Traces>,
}

impl Default for Tail {
    fn default() -> Self {
        let (watchers, number, refused) = (AtomicUsize::new(0), AtomicU64::new(0), Mutex::default());
        Self { watchers, number, facts: broadcast::Sender::new(KEPT), refused, traces: OnceLock::new() }
    }
}

impl Tail {
    /// Whether anybody would hear. Ask before a fact is made.
    pub fn is_watched(&self) -> bool {
        self.watchers.load(Relaxed) > 0
    }

    /// From now on the roads of traced events are told to `traces` as well.
    pub fn trace_to(&self, traces: Traces) {
        let _ = self.traces.set(traces); // there is one collector
    }

    /// Whether anybody wants the road of an event with this `traceparent`. Ask before it is made.
    pub fn wants(&self, traceparent: &str) -> bool {
        self.is_watched() || (!traceparent.is_empty() && self.traces.get().is_some() && otel::is_sampled(traceparent))
    }

    /// Tells an event's road to everybody who wants it.
    pub fn tell_road(&self, road: Road) {
        if let (Some(traces), Some(trace)) = (self.traces.get(), &road.trace)
            && otel::is_sampled(trace)
        {
            traces.take(road.clone());
        }
        self.tell(|number| Fact::Event(Road { number, ..road }));
    }

    /// Tells everybody who watches. `fact` is given its number.
    pub fn tell(&self, fact: impl FnOnce(u64) -> Fact) {
        if self.is_watched() {
            let number = self.number.fetch_add(1, Relaxed) + 1;
            let _ = self.facts.send(Arc::new(fact(number)));
        }
    }

    /// Remembers a subscription that was refused: whoever asks why comes afterwards.
    pub fn remember(&self, asked: Asked) {
        let mut refused = self.refused.lock();
        if refused.len() >= REFUSED {
            refused.pop_front();
        }
        refused.push_back(asked);
    }

    /// The last `most` subscriptions to `channel` that were refused, the newest first.
    pub fn refused(&self, channel: &str, most: usize) -> Vec<Asked> {
        let refused = self.refused.lock();
        refused.iter().rev().filter(|asked| asked.channel == channel).take(most).cloned().collect()
    }

    /// From now on everything is told to this watcher.
    pub fn watch(self: &Arc<Self>) -> Watcher {
        self.watchers.fetch_add(1, Relaxed);
        Watcher { facts: self.facts.subscribe(), tail: self.clone() }
    }
}

/// One who watches, until this is dropped.
pub struct Watcher {
    facts: broadcast::Receiver<Arc<Fact>>,
    tail: Arc<Tail>,
}

/// What a watcher hears.
#[derive(Debug)]
pub enum Heard {
    /// A fact.
    Fact(Arc<Fact>),
    /// So many were missed: they came faster than they were read.
    Missed(u64),
}

impl Watcher {
    /// The next thing that happens. May be given up without loss.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.facts.recv().await {
                Ok(fact) => return Heard::Fact(fact),
                Err(broadcast::error::RecvError::Lagged(count)) => return Heard::Missed(count),
                // The watcher itself holds the sender.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.tail.watchers.fetch_sub(1, Relaxed);
    }
}

/// Microseconds since 1970-01-01 UTC.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What is shown of an event's data.
pub fn shown(data: &str) -> String {
    data[..data.floor_char_boundary(DATA_SHOWN)].to_owned()
}

/// What is shown of a name that came from outside.
pub fn name(text: &str) -> String {
    if text.len() <= 512 { text.to_owned() } else { start_of(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(number: u64) -> Fact {
        Fact::Auth(Asked {
            number,
            at: 0,
            channel: "c".into(),
            socket: "s".into(),
            url: String::new(),
            sent: Vec::new(),
            origin: None,
            result: "granted",
            status: None,
            reason: None,
            member: None,
            took: 0,
        })
    }

    #[tokio::test]
    async fn nothing_is_made_while_nobody_watches() {
        let tail = Arc::new(Tail::default());
        tail.tell(|_| unreachable!("nobody watches"));
        let watcher = tail.watch();
        assert!(tail.is_watched());
        drop(watcher);
        tail.tell(|_| unreachable!("nobody watches any more"));
    }

    #[tokio::test]
    async fn a_slow_watcher_learns_how_much_it_missed() {
        let tail = Arc::new(Tail::default());
        let mut watcher = tail.watch();
        for _ in 0..KEPT + 10 {
            tail.tell(fact);
        }
        assert!(matches!(watcher.next().await, Heard::Missed(10)));
        let Heard::Fact(first) = watcher.next().await else { panic!("a fact") };
        assert!(matches!(&*first, Fact::Auth(asked) if asked.number == 11));
    }

    #[test]
    fn data_is_cut_between_characters() {
        let long = "ä".repeat(DATA_SHOWN);
        assert_eq!(shown(&long).len(), DATA_SHOWN);
        assert_eq!(shown("{}"), "{}");
    }
}
