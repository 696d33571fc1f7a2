//! What is counted: everything accepted, emitted, refused or dropped has a name here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Numbers since the start; each only grows.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: Counter,)* }

        impl Counters {
            /// Every name with its number.
            pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

counters! {
    /// Events accepted from the Unix socket.
    published_unix,
    /// Events accepted from Redis.
    published_redis,
    /// Events accepted from the HTTP API.
    published_http,
    /// Events answered but not emitted: their id had been published before.
    duplicates,
    /// Packets handed to sockets.
    emitted,
    /// Publishes refused: not valid, or over a limit.
    refused_publishes,
    /// Redis messages that are no event.
    refused_redis_messages,
    /// Connections to the Unix socket ended because a frame did not decode.
    bad_frames,
    /// Connections to the Unix socket refused because of the peer's uid.
    refused_peers,
    /// Packets not delivered because the socket had gone.
    dropped_closed,
    /// Packets not delivered because the socket's queue was full; the socket is closed for it.
    dropped_slow,
    /// Socket.IO connections.
    connections,
    /// Subscriptions refused by Laravel.
    auth_denied,
    /// Subscriptions refused because Laravel could not be asked.
    auth_failed,
    /// Subscriptions granted.
    auth_granted,
    /// Requests from clients that made no sense and were ignored.
    ignored_requests,
    /// Whispers relayed.
    whispers,
    /// Whispers refused: not a guarded channel, or the sender is not on it.
    refused_whispers,
    /// Times the connection to Redis was lost.
    redis_lost,
    /// Presence lists that Redis or SQLite refused to keep.
    refused_presence_writes,
}

/// One number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.add_many(1);
    }

    /// `n` more.
    pub fn add_many(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
