//! What is counted: everything accepted, emitted, refused or dropped has a name here.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

mod histogram;

pub use histogram::{BOUNDS, Histogram, Reading};

/// One counter as a metric: the family it belongs to, and its labels there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The counter's own name.
    pub name: &'static str,
    /// The family, without prefix and suffix; a counter that names none is a family of its own.
    pub family: &'static str,
    /// Its labels in the family.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it counts.
    pub meaning: &'static str,
}

impl Metric {
    /// As Prometheus has it: `rustecho_over_limit_total{limit="limits.connections"}`.
    pub fn text(&self) -> String {
        let labels: Vec<_> = self.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        format!("rustecho_{}_total{labels}", self.family)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident $(=> $family:ident { $($label:ident = $value:literal),* })?,)*) => {
        /// Numbers since the start; each only grows.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: Counter,)*
            /// How long events and questions take.
            pub times: Times,
            /// What is up or down at the moment.
            pub state: State,
        }

        impl Counters {
            /// Every counter as a metric, with its number.
            pub fn snapshot(&self) -> Vec<(Metric, u64)> {
                vec![$((
                    Metric {
                        name: stringify!($name),
                        family: [$(stringify!($family),)? stringify!($name)][0],
                        labels: [$(&[$((stringify!($label), $value)),*] as &[_],)? &[]][0],
                        meaning: concat!($($doc,)*).trim_ascii_start(),
                    },
                    self.$name.get(),
                ),)*]
            }
        }
    };
}

counters! {
    /// Events accepted from the Unix socket.
    published_unix => publishes { source = "unix", result = "accepted" },
    /// Events accepted from Redis.
    published_redis => publishes { source = "redis", result = "accepted" },
    /// Events accepted from the HTTP API.
    published_http => publishes { source = "http", result = "accepted" },
    /// Events accepted from another node of the cluster.
    published_cluster => publishes { source = "cluster", result = "accepted" },
    /// Events answered but not emitted: their id had been published before.
    duplicates => publishes { source = "unix", result = "duplicate" },
    /// Events emitted only to those that lack them for certain: the sidecar before this one was killed while it emitted them.
    in_doubt => publishes { source = "unix", result = "in_doubt" },
    /// Events taken from the spool, those that had been emitted before included.
    spool_drained,
    /// Events in the spool that were older than `spool.ttl`, and dropped.
    spool_expired => dropped { reason = "spool_expired" },
    /// Events in the spool that were not valid, and dropped.
    spool_refused => dropped { reason = "spool_refused" },
    /// Spool files whose rest could not be read, and was dropped; their writer died, or the disk is damaged.
    spool_torn => dropped { reason = "spool_torn" },
    /// Files in the spool's directory that no publisher made, and that were removed unread.
    spool_foreign => dropped { reason = "spool_foreign" },
    /// Publishes that were asked to wait in the spool, because clients were still coming back.
    spool_deferred => publishes { source = "unix", result = "deferred" },
    /// Packets handed to sockets.
    emitted => deliveries {},
    /// Bytes of the packets that were handed to sockets, without the heads of frames.
    emitted_bytes => delivered_bytes {},
    /// Publishes on the Unix socket refused: not valid, or over a limit.
    refused_unix => publishes { source = "unix", result = "refused" },
    /// Events from Redis refused: not valid, or over a limit.
    refused_redis => publishes { source = "redis", result = "refused" },
    /// Publishes by the HTTP API refused: not valid, or over a limit.
    refused_http => publishes { source = "http", result = "refused" },
    /// Events from another node of the cluster refused: over a limit of this one.
    refused_cluster => publishes { source = "cluster", result = "refused" },
    /// Redis messages that are no event.
    refused_redis_messages => publishes { source = "redis", result = "not_an_event" },
    /// Connections to the Unix socket ended because a frame did not decode.
    bad_frames => refused_publishers { reason = "bad_frame" },
    /// Connections to the Unix socket refused because of the peer's uid.
    refused_peers => refused_publishers { reason = "uid" },
    /// Packets not delivered because the socket had gone.
    dropped_closed => dropped { reason = "socket_closed" },
    /// Packets not delivered because the socket's queue was full; the socket is closed for it.
    dropped_slow => dropped { reason = "slow_client" },
    /// Events that waited for a slow client and made room for newer ones (`limits.slowClients`).
    dropped_oldest => dropped { reason = "oldest_of_slow_client" },
    /// Sockets closed because their queue was full (`limits.queueBytesPerSocket`).
    closed_full => slow_clients_closed { reason = "queue_full" },
    /// Sockets closed because too much waited for all of them together (`limits.queueBytes`).
    closed_crowded => slow_clients_closed { reason = "queues_full" },
    /// Sockets closed because they took nothing of what waited for too long (`limits.writeTimeoutMs`).
    closed_stalled => slow_clients_closed { reason = "write_timeout" },
    /// Clients that came back and have their sessions again, with everything they missed.
    recovery_recovered => recoveries { result = "recovered" },
    /// Clients that wanted a session that is not known, or with an offset that is not.
    recovery_unknown => recoveries { result = "unknown" },
    /// Clients that wanted a session of which they have missed more than is remembered.
    recovery_too_old => recoveries { result = "too_old" },
    /// Guarded channels that did not come back with their sessions because Laravel's consent was too old.
    recovery_auth_too_old => recovery_losses { reason = "auth_too_old" },
    /// Sessions that came from other nodes with their clients.
    recovery_moved_here => recovery_moves { to = "here" },
    /// Sessions whose clients went to other nodes.
    recovery_moved_away => recovery_moves { to = "elsewhere" },
    /// Clients that came back before their old connections had ended.
    recovery_took_over,
    /// Kept sessions that ended because nobody came back.
    recovery_expired => recovery_losses { reason = "expired" },
    /// Sessions that were not kept because there were too many.
    recovery_not_kept => recovery_losses { reason = "too_many" },
    /// Socket.IO connections.
    connections => connections_opened {},
    /// Subscriptions refused by Laravel.
    auth_denied => auth_requests { result = "denied" },
    /// Subscriptions refused because Laravel could not be asked.
    auth_failed => auth_requests { result = "failed" },
    /// Subscriptions refused because Laravel was too busy to be asked, or answered too much (limits.auth…).
    auth_busy => auth_requests { result = "busy" },
    /// Subscriptions granted.
    auth_granted => auth_requests { result = "granted" },
    /// Requests from clients that made no sense and were ignored.
    ignored_requests,
    /// Whispers relayed.
    whispers => client_events { result = "relayed" },
    /// Whispers refused: not a guarded channel, or the sender is not on it.
    refused_whispers => client_events { result = "refused" },
    /// Times the connection to Redis was lost.
    redis_lost,
    /// Presence lists that Redis or SQLite refused to keep.
    refused_presence_writes,
    /// Connections refused because there were too many (limits.connections), or too few file descriptors.
    refused_connections => over_limit { limit = "limits.connections" },
    /// Connections refused because their address had too many (limits.connectionsPerIp).
    refused_connections_per_ip => over_limit { limit = "limits.connectionsPerIp" },
    /// Connections refused or closed because memory was short (limits.memoryBytes).
    refused_for_memory => over_limit { limit = "limits.memoryBytes" },
    /// Connections closed because a TLS handshake or the head of a request took too long (limits.handshakeMs).
    slow_handshakes => over_limit { limit = "limits.handshakeMs" },
    /// Connections closed because their client did not join in time (limits.connectMs).
    late_connects => over_limit { limit = "limits.connectMs" },
    /// Connections closed because they were on no channel for too long (limits.subscribeMs).
    idle_closed => over_limit { limit = "limits.subscribeMs" },
    /// Requests refused because their head was too large (limits.headerBytes).
    refused_headers => over_limit { limit = "limits.headerBytes" },
    /// Connections closed because the client sent a packet that was too large (socketio.maxHttpBufferSize).
    refused_packets => over_limit { limit = "socketio.maxHttpBufferSize" },
    /// Connections refused because of their origin (originPolicy).
    refused_origins => strangers { result = "refused" },
    /// Connections taken without their cookie because of their origin (originPolicy).
    untrusted_origins => strangers { result = "without_cookie" },
    /// Subscriptions refused because the socket had too many (limits.subscriptionsPerSocket).
    refused_subscriptions => over_limit { limit = "limits.subscriptionsPerSocket" },
    /// Subscriptions refused because they came too fast (limits.subscribesPerSecond).
    refused_subscribes => over_limit { limit = "limits.subscribesPerSecond" },
    /// Subscriptions refused because those of their address came too fast (limits.subscribesPerSecondPerIp).
    refused_subscribes_per_ip => over_limit { limit = "limits.subscribesPerSecondPerIp" },
    /// Subscriptions, whispers and publishes refused because the channel's name was too long (limits.channelNameBytes).
    refused_channel_names => over_limit { limit = "limits.channelNameBytes" },
    /// Subscriptions, whispers and publishes refused because of a character in the channel's name (limits.channelCharacters).
    refused_channel_characters => over_limit { limit = "limits.channelCharacters" },
    /// Whispers and publishes refused because the event's name was too long (limits.eventNameBytes).
    refused_event_names => over_limit { limit = "limits.eventNameBytes" },
    /// Publishes refused because their data was too large (limits.dataBytes).
    refused_payloads => over_limit { limit = "limits.dataBytes" },
    /// Publishes refused because they were for too many channels (limits.channelsPerEvent).
    refused_channel_lists => over_limit { limit = "limits.channelsPerEvent" },
    /// Whispers refused because there are none on channels of that type (limits.whispers).
    refused_whisper_types => over_limit { limit = "limits.whispers" },
    /// Whispers refused because they were too large (limits.whisperBytes).
    refused_whisper_sizes => over_limit { limit = "limits.whisperBytes" },
    /// Whispers refused because they came too fast (limits.whispersPerSecond).
    refused_whisper_rates => over_limit { limit = "limits.whispersPerSecond" },
    /// Subscriptions refused because the presence channel was full (limits.presenceMembers).
    refused_members => over_limit { limit = "limits.presenceMembers" },
    /// Subscriptions refused because the presence member was too large (limits.userInfoBytes).
    refused_user_infos => over_limit { limit = "limits.userInfoBytes" },
    /// Subscriptions refused because their headers for Laravel were too large (limits.authHeaderBytes).
    refused_auth_headers => over_limit { limit = "limits.authHeaderBytes" },
    /// Auth requests that had to wait for their turn (limits.authInFlight).
    auth_waited => over_limit { limit = "limits.authInFlight" },
    /// Subscriptions refused because too many auth requests waited (limits.authQueued).
    refused_auth_requests => over_limit { limit = "limits.authQueued" },
    /// Subscriptions refused because the auth request waited too long for its turn (limits.authQueueMs).
    late_auth_requests => over_limit { limit = "limits.authQueueMs" },
    /// Subscriptions refused because Laravel's answer was too large (limits.authResponseBytes).
    refused_auth_answers => over_limit { limit = "limits.authResponseBytes" },
    /// Requests sent to Laravel's auth endpoint.
    auth_asked => auth_questions { result = "asked" },
    /// Subscriptions that took the answer to the same question of another, asked at the same time.
    auth_shared => auth_questions { result = "shared" },
    /// Auth requests not sent because the sockets that needed them had gone.
    auth_unwanted => auth_questions { result = "unwanted" },
    /// Connections to the Unix socket refused because there were too many (limits.publishers).
    surplus_publishers => over_limit { limit = "limits.publishers" },
    /// Connections to the Unix socket refused because their user had its share (limits.publishersPerUser).
    surplus_publishers_of_one => over_limit { limit = "limits.publishersPerUser" },
    /// Requests that the admin listener refused: with a wrong key, or from another site.
    refused_admin_requests,
    /// Messages of other nodes that were taken.
    cluster_heard => cluster_messages { result = "taken" },
    /// Messages in the cluster's stream that were not: another version, another secret, or damaged.
    cluster_refused => cluster_messages { result = "refused" },
    /// Messages of other nodes that this one can never get.
    cluster_lost => cluster_messages { result = "lost" },
    /// Messages for the other nodes that did not fit into the queue while Redis was away (cluster.queueBytes).
    cluster_dropped => cluster_messages { result = "dropped" },
    /// Messages of the cluster that could not be done to their end, because this node has a defect.
    cluster_panics,
    /// Events of legacy publishers that were done here without a place in the common order.
    cluster_unplaced,
    /// Events of legacy publishers that other nodes heard, and this one not, or too late.
    cluster_unheard,
    /// Things done here before the other nodes could know, because Redis was away or needed too long (cluster.waitMs).
    cluster_early,
    /// Traced events whose spans the collector has taken (otel.endpoint).
    traces_sent => traces { result = "sent" },
    /// Traced events whose spans the collector did not take.
    traces_failed => traces { result = "failed" },
    /// Traced events whose spans were not sent because too many waited.
    traces_dropped => traces { result = "dropped" },
    /// Events and authorisations that a watcher of the admin listener missed because it read too slowly.
    tail_missed => dropped { reason = "slow_watcher" },
}

/// How long things take, in microseconds.
#[derive(Debug, Default)]
pub struct Times {
    /// From the publisher's clock to the frame being read. The clock is this machine's, as the socket is.
    pub php_to_frame: Histogram,
    /// From the frame, message or request being read to the event being accepted.
    pub frame_to_accepted: Histogram,
    /// From being accepted to having been written, or queued, for the last socket.
    pub accepted_to_emitted: Histogram,
    /// All of it: from the publisher's clock, or from being read where the publisher says none, to the last socket.
    pub publish_to_emit: Histogram,
    /// Laravel's answers to auth requests, waiting for a free place included.
    pub auth: AuthTimes,
}

/// How long auth requests take, by their results: the labels of `auth_requests`.
#[derive(Debug, Default)]
pub struct AuthTimes {
    /// Subscriptions granted.
    pub granted: Histogram,
    /// Subscriptions refused by Laravel.
    pub denied: Histogram,
    /// Laravel could not be asked.
    pub failed: Histogram,
    /// Laravel was not asked, for a limit of this server.
    pub busy: Histogram,
}

impl AuthTimes {
    /// Each result with its numbers now.
    pub fn read(&self) -> [(&'static str, Reading); 4] {
        [
            ("granted", self.granted.read()),
            ("denied", self.denied.read()),
            ("failed", self.failed.read()),
            ("busy", self.busy.read()),
        ]
    }
}

/// What is up or down.
#[derive(Debug, Default)]
pub struct State {
    /// The Redis source's subscription.
    pub redis: Switch,
    /// The connection that presence lists are written by.
    pub redis_presence: Switch,
}

/// Whether something that may not be configured at all is up.
#[derive(Debug, Default)]
pub struct Switch(AtomicU8);

impl Switch {
    const DOWN: u8 = 1;
    const UP: u8 = 2;

    /// Notes what is so from now on.
    pub fn set(&self, up: bool) {
        self.0.store(if up { Self::UP } else { Self::DOWN }, Relaxed);
    }

    /// What is so; none where nobody ever said.
    pub fn get(&self) -> Option<bool> {
        match self.0.load(Relaxed) {
            Self::UP => Some(true),
            Self::DOWN => Some(false),
            _ => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_in_the_family_it_names_or_one_of_its_own() {
        let counters = Counters::default();
        counters.published_redis.add_many(3);
        let all = counters.snapshot();
        let found = |name: &str| all.iter().find(|(metric, _)| metric.name == name).copied().unwrap();
        let (metric, number) = found("published_redis");
        assert_eq!((metric.family, number, metric.meaning), ("publishes", 3, "Events accepted from Redis."));
        assert_eq!(metric.labels, [("source", "redis"), ("result", "accepted")]);
        assert_eq!((found("redis_lost").0.family, found("redis_lost").0.labels.len()), ("redis_lost", 0));
    }

    #[test]
    fn in_one_family_all_have_the_same_labels_with_other_values() {
        let all = Counters::default().snapshot();
        for (one, _) in &all {
            let names = |metric: &Metric| metric.labels.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            let family: Vec<_> = all.iter().filter(|(other, _)| other.family == one.family).collect();
            assert!(family.iter().all(|(other, _)| names(other) == names(one)), "{}", one.family);
            assert_eq!(family.iter().filter(|(other, _)| other.labels == one.labels).count(), 1, "{}", one.name);
        }
    }

    #[test]
    fn a_switch_that_nobody_set_is_not_down() {
        let switch = Switch::default();
        assert_eq!(switch.get(), None);
        switch.set(false);
        assert_eq!(switch.get(), Some(false));
        switch.set(true);
        assert_eq!(switch.get(), Some(true));
    }
}
