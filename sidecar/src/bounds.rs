//! The bounds on what comes from outside: how each is called, what counts those who were over it, and saying so.
//!
//! [`Limits`](crate::config::Limits) has their values; docs/limits.md is made from this table.

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::counters::{Counter, Counters, Metric};

mod bucket;
pub mod reference;

pub use bucket::Bucket;

/// One bound is named in the log at most this often; between, those over it are only counted.
const SAY_EVERY: Duration = Duration::from_secs(10);

macro_rules! bounds {
    ($($(#[$doc:meta])* $name:ident: $key:literal, $counter:ident, $told:literal;)*) => {
        /// A bound that somebody was over.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bound { $($(#[$doc])* $name,)* }

        impl Bound {
            /// All of them, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its setting.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// The name of what counts those over it.
            pub fn counter_name(self) -> &'static str {
                match self { $(Self::$name => stringify!($counter),)* }
            }

            /// What counts those over it.
            pub(crate) fn counter(self, counters: &Counters) -> &Counter {
                match self { $(Self::$name => &counters.$counter,)* }
            }

            /// What becomes of who is over it, for the reference.
            pub(crate) fn told(self) -> &'static str {
                match self { $(Self::$name => $told,)* }
            }
        }
    };
}

bounds! {
    /// Too many connections.
    Connections: "limits.connections", refused_connections, "503, with the key in the body";
    /// Too many connections of one address.
    ConnectionsPerIp: "limits.connectionsPerIp", refused_connections_per_ip, "503, with the key in the body";
    /// Too little memory left.
    Memory: "limits.memoryBytes", refused_for_memory, "new connections: 503, with the key in the body; a tenth above it, some are closed";
    /// A head of a request, or a TLS handshake, that takes too long.
    Handshake: "limits.handshakeMs", slow_handshakes, "408, with the key in the body, once something was sent; a TLS handshake: closed";
    /// A Socket.IO connection whose client does not join.
    Connect: "limits.connectMs", late_connects, "websocket: closed with 1008 and the key as the reason; polling: the close packet of the next poll";
    /// A connection that is on no channel.
    Subscribe: "limits.subscribeMs", idle_closed, "websocket: closed with 1008 and the key as the reason; polling: the close packet of the next poll";
    /// A head of a request that is too large.
    Header: "limits.headerBytes", refused_headers, "431, with the key in the body";
    /// A packet of a client that is too large.
    Packet: "socketio.maxHttpBufferSize", refused_packets, "websocket: closed with 1009 and the key as the reason; polling: 413, with the key in the body (Socket.IO 2: the connection is cut, as ever)";
    /// Too many channels on one socket.
    Subscriptions: "limits.subscriptionsPerSocket", refused_subscriptions, "`subscription_error` 429, the key in its third argument";
    /// Subscriptions asked for too fast.
    Subscribes: "limits.subscribesPerSecond", refused_subscribes, "`subscription_error` 429, the key in its third argument";
    /// Subscriptions asked for too fast by the sockets of one address.
    SubscribesPerIp: "limits.subscribesPerSecondPerIp", refused_subscribes_per_ip, "`subscription_error` 429, the key in its third argument";
    /// A channel name of a client that is too long.
    ChannelName: "limits.channelNameBytes", refused_channel_names, "client: `subscription_error` 414, the key in its third argument; publisher: an exception";
    /// A channel name of a client with characters it may not have.
    ChannelCharacters: "limits.channelCharacters", refused_channel_characters, "client: `subscription_error` 400, the key in its third argument; publisher: an exception";
    /// A client event with a name that is too long.
    EventName: "limits.eventNameBytes", refused_event_names, "client: `rustecho:error` with the key; publisher: an exception";
    /// An event of a publisher whose data is too large.
    Data: "limits.dataBytes", refused_payloads, "publisher: an exception";
    /// An event of a publisher for too many channels.
    ChannelsPerEvent: "limits.channelsPerEvent", refused_channel_lists, "publisher: an exception";
    /// A client event on a type of channel that has none.
    WhisperTypes: "limits.whispers", refused_whisper_types, "`rustecho:error` with the key";
    /// A client event that is too large.
    Whisper: "limits.whisperBytes", refused_whisper_sizes, "`rustecho:error` with the key";
    /// Client events that come too fast.
    Whispers: "limits.whispersPerSecond", refused_whisper_rates, "`rustecho:error` with the key";
    /// Too many sockets on a presence channel.
    PresenceMembers: "limits.presenceMembers", refused_members, "`subscription_error` 429, the key in its third argument";
    /// A presence member that is too large.
    UserInfo: "limits.userInfoBytes", refused_user_infos, "`subscription_error` 413, the key in its third argument";
    /// Too much waits for a client.
    Queue: "limits.queueBytesPerSocket", closed_full, "by `limits.slowClients`: the connection is closed with the key (1008, `rustecho:error`), or the oldest events of the queue are dropped";
    /// Too much waits for all clients together.
    QueueInAll: "limits.queueBytes", closed_crowded, "the same, for the clients that take least";
    /// A client takes nothing for too long.
    WriteTimeout: "limits.writeTimeoutMs", closed_stalled, "the connection is closed with the key (1008, `rustecho:error`); an answer by HTTP: the connection is cut";
    /// The headers for Laravel that a subscription gives are too large.
    AuthHeaders: "limits.authHeaderBytes", refused_auth_headers, "`subscription_error` 431, the key in its third argument";
    /// Too many auth requests are under way.
    AuthInFlight: "limits.authInFlight", auth_waited, "the request waits for its turn";
    /// Too many auth requests wait.
    AuthQueued: "limits.authQueued", refused_auth_requests, "`subscription_error` 503, the key in its third argument";
    /// An auth request waited too long for its turn.
    AuthQueue: "limits.authQueueMs", late_auth_requests, "`subscription_error` 503, the key in its third argument";
    /// An answer of Laravel that is too large.
    AuthResponse: "limits.authResponseBytes", refused_auth_answers, "`subscription_error` 0, the key in its third argument";
    /// Too many connections to the Unix socket.
    Publishers: "limits.publishers", surplus_publishers, "refused with the key (try later: it is spooled), and closed";
    /// Too many connections of one user to the Unix socket.
    PublishersPerUser: "limits.publishersPerUser", surplus_publishers_of_one, "the same, and the sentence names the uid";
}

impl Bound {
    /// How what counts those over it is called where metrics are read.
    pub fn metric(self) -> Option<Metric> {
        let name = self.counter_name();
        Counters::default().snapshot().into_iter().map(|(metric, _)| metric).find(|metric| metric.name == name)
    }

    /// What a subscription over it is refused with, in HTTP's numbers.
    pub fn status(self) -> &'static str {
        match self {
            Self::ChannelName => "414",
            Self::ChannelCharacters => "400",
            Self::UserInfo => "413",
            Self::AuthHeaders => "431",
            Self::AuthQueued | Self::AuthQueue => "503",
            _ => "429",
        }
    }
}

/// Counts those over a bound, and names it in the log now and then.
#[derive(Debug)]
pub struct Refusals {
    counters: Arc<Counters>,
    started: Instant,
    /// When each bound was last named, in milliseconds since the start, plus one.
    said: Vec<AtomicU64>,
}

impl Refusals {
    /// Counts in `counters`.
    pub fn new(counters: Arc<Counters>) -> Self {
        Self { counters, started: Instant::now(), said: Bound::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    /// Somebody was over `bound`, which is at `limit`; the sentence for them.
    pub fn over(&self, bound: Bound, limit: impl Display, who: impl Display) -> String {
        let counter = bound.counter(&self.counters);
        counter.add();
        let sentence = format!("over {} ({limit})", bound.key());
        if self.may_say(bound) {
            let so_far = counter.get();
            tracing::warn!(key = bound.key(), %limit, %who, so_far, "refused: {sentence}; said at most every 10 s, counted always");
        }
        sentence
    }

    /// Milliseconds since the start, for a [`Bucket`]; they wrap after 49 days.
    pub fn now(&self) -> u32 {
        self.started.elapsed().as_millis() as u32
    }

    fn may_say(&self, bound: Bound) -> bool {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let every = SAY_EVERY.as_millis() as u64;
        self.said[bound as usize]
            .fetch_update(Relaxed, Relaxed, |last| (last == 0 || now - last.min(now) >= every).then_some(now))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_counted_and_told_the_key() {
        let counters = Arc::new(Counters::default());
        let refusals = Refusals::new(counters.clone());
        assert!(refusals.may_say(Bound::Connections));
        for _ in 0..3 {
            assert_eq!(refusals.over(Bound::Connections, 5, "x"), "over limits.connections (5)");
            assert!(!refusals.may_say(Bound::Connections), "the log is not flooded");
        }
        assert_eq!(counters.refused_connections.get(), 3);
    }
}
