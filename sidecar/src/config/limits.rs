//! `limits`: bounds on what comes from outside.

use std::{ops::RangeInclusive, time::Duration};

use super::{EdgeKind, Flavour, Whispers, reader::Reader, whispers};

/// No limit is ever meant to be larger, in bytes or in pieces.
const LARGEST: u64 = 1024 * 1024 * 1024;
/// Memory may be.
const LARGEST_MEMORY: u64 = 1 << 50;
/// What hyper needs to read a request at all.
const SMALLEST_HEADER: u64 = 8192;
const DAY_MS: u64 = 86_400_000;
const MS: RangeInclusive<u64> = 1..=600_000;
/// A minute's worth of it is what a [`Bucket`](crate::bounds::Bucket) can hold.
pub const LARGEST_RATE_PER_IP: u32 = 70_000;

/// Which characters a channel name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Characters {
    /// All, as in laravel-echo-server.
    Any,
    /// All but control characters, a line break being one: Laravel's patterns let one at the end of a name through.
    Printable,
    /// Pusher's own.
    Pusher,
}

impl Characters {
    /// Whether a name may have this character.
    pub fn allow(self, character: char) -> bool {
        match self {
            Self::Any => true,
            Self::Printable => !character.is_control(),
            Self::Pusher => character.is_ascii_alphanumeric() || "_-=@,.;".contains(character),
        }
    }
}

/// What becomes of a client whose queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowClients {
    /// It is disconnected; it comes back, and recovers what it missed where it can.
    Disconnect,
    /// It keeps its connection and misses the oldest events of its queue.
    DropOldest,
}

/// Bounds on what comes from outside, each with its key under `limits`. What each is for, and its unit, is in
/// [`keys`](super::keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `connections`. Default 250,000.
    pub connections: usize,
    /// `connectionsPerIp`; none is the default for public addresses alone.
    pub connections_per_ip: Option<usize>,
    /// `memoryBytes`; none is a share of what there is.
    pub memory: Option<u64>,
    /// `handshakeMs`. Default 15 s.
    pub handshake: Duration,
    /// `connectMs`: from a handshake of Engine.IO 4 to the CONNECT. Default 45 s, Socket.IO's own.
    pub connect: Duration,
    /// `subscribeMs`: how long a connection may be on no channel; none is for ever, the default.
    pub subscribe: Option<Duration>,
    /// `headerBytes`. Default 64 KiB.
    pub header: usize,
    /// `subscriptionsPerSocket`. Default 1,000.
    pub subscriptions_per_socket: usize,
    /// `subscribesPerSecond`. Default 1,000: a page that comes back asks for everything it had at once.
    pub subscribes_per_second: u32,
    /// `subscribesPerSecondPerIp`; none is the default for public addresses alone.
    pub subscribes_per_second_per_ip: Option<u32>,
    /// `channelNameBytes`. Default 512.
    pub channel_name: usize,
    /// `channelCharacters`. Default printable; the old server's files: any.
    pub channel_characters: Characters,
    /// `eventNameBytes`. Default 512.
    pub event_name: usize,
    /// `dataBytes` of one published event. Default 10 MiB.
    pub data: usize,
    /// `channelsPerEvent`. Default 100.
    pub channels_per_event: usize,
    /// `whispers`: on which channels. Default all guarded ones.
    pub whispers: Whispers,
    /// `whisperBytes`. Default 1 MB, which is also the default bound of a packet.
    pub whisper: usize,
    /// `whispersPerSecond`. Default 500: several moving pointers.
    pub whispers_per_second: u32,
    /// `presenceMembers` of one channel. Default 10,000.
    pub presence_members: usize,
    /// `userInfoBytes`. Default 64 KiB.
    pub user_info: usize,
    /// `queueBytesPerSocket`: what may wait for one slow client. Default 1 MiB above the largest event.
    pub queue_per_socket: usize,
    /// `queueBytes`: what may wait for all slow clients together. Default 1 GiB.
    pub queue_in_all: usize,
    /// `slowClients`: what happens over it. Default [`SlowClients::Disconnect`].
    pub slow_clients: SlowClients,
    /// `writeTimeoutMs`: how long a client may take nothing of what waits for it. Default 30 s.
    pub write_timeout: Duration,
    /// `authInFlight`: auth requests at one time; more wait. Default 64.
    pub auth_in_flight: usize,
    /// `authQueued`: how many may wait; more are refused. Default 20,000.
    pub auth_queued: usize,
    /// `authQueueMs`: how long. Default 60 s.
    pub auth_queue: Duration,
    /// `authHeaderBytes`. Default 32 KiB.
    pub auth_headers: usize,
    /// `authResponseBytes`. Default 1 MiB.
    pub auth_response: usize,
    /// `publishers`. Default 8,192: several thousand php-fpm workers.
    pub publishers: usize,
    /// `publishersPerUser`; none is three quarters of what the others leave of them.
    pub publishers_per_user: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            connections: 250_000,
            connections_per_ip: None,
            memory: None,
            handshake: Duration::from_secs(15),
            connect: Duration::from_secs(45),
            subscribe: None,
            header: 64 * 1024,
            subscriptions_per_socket: 1_000,
            subscribes_per_second: 1_000,
            subscribes_per_second_per_ip: None,
            channel_name: 512,
            channel_characters: Characters::Printable,
            event_name: 512,
            data: 10 * MIB,
            channels_per_event: 100,
            whispers: Whispers::default(),
            whisper: 1_000_000,
            whispers_per_second: 500,
            presence_members: 10_000,
            user_info: 64 * 1024,
            queue_per_socket: 11 * MIB,
            queue_in_all: 1024 * MIB,
            slow_clients: SlowClients::Disconnect,
            write_timeout: Duration::from_secs(30),
            auth_in_flight: 64,
            auth_queued: 20_000,
            auth_queue: Duration::from_secs(60),
            auth_headers: 32 * 1024,
            auth_response: MIB,
            publishers: 8_192,
            publishers_per_user: None,
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, flavour: Flavour, edge: EdgeKind) -> Limits {
    let default = Limits::default();
    let characters = match flavour {
        Flavour::Ours => default.channel_characters,
        Flavour::LaravelEchoServer => Characters::Any,
    };
    let channel_characters = self::characters(reader).unwrap_or(characters);
    let optional = |reader: &mut Reader<'_>, path: &str, largest: u64| {
        reader.setting(path).and_then(|setting| reader.as_number(&setting, 1..=largest))
    };
    let pieces = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let connections_per_ip = pieces(optional(reader, "limits.connectionsPerIp", LARGEST));
    let subscribes_per_ip = optional(reader, "limits.subscribesPerSecondPerIp", LARGEST_RATE_PER_IP.into());
    let publishers_per_user = pieces(optional(reader, "limits.publishersPerUser", LARGEST));
    let memory = optional(reader, "limits.memoryBytes", LARGEST_MEMORY);
    let handshake = reader.millis("limits.handshakeMs", MS, default.handshake);
    let connect = reader.millis("limits.connectMs", MS, default.connect);
    let subscribe = subscribe(reader, edge);
    let write_timeout = reader.millis("limits.writeTimeoutMs", MS, default.write_timeout);
    let slow_clients = slow_clients(reader).unwrap_or(default.slow_clients);
    let whispers = whispers::read(reader).unwrap_or_default();
    let auth_queue = reader.millis("limits.authQueueMs", MS, default.auth_queue);
    let header = reader.number("limits.headerBytes", SMALLEST_HEADER..=LARGEST, default.header as u64);
    let queue_in_all = reader.number("limits.queueBytes", 1..=LARGEST_MEMORY, default.queue_in_all as u64);
    let queue_in_all = usize::try_from(queue_in_all).unwrap_or(default.queue_in_all);
    let mut limit = |name: &str, default: usize| {
        let number = reader.number(&format!("limits.{name}"), 1..=LARGEST, default as u64);
        usize::try_from(number).unwrap_or(default)
    };
    let mut rate = |name: &str, default: u32| u32::try_from(limit(name, default as usize)).unwrap_or(default);
    Limits {
        subscribes_per_second: rate("subscribesPerSecond", default.subscribes_per_second),
        subscribes_per_second_per_ip: subscribes_per_ip.and_then(|rate| u32::try_from(rate).ok()),
        whispers_per_second: rate("whispersPerSecond", default.whispers_per_second),
        connections: limit("connections", default.connections),
        connections_per_ip,
        memory,
        handshake,
        connect,
        subscribe,
        header: usize::try_from(header).unwrap_or(default.header),
        subscriptions_per_socket: limit("subscriptionsPerSocket", default.subscriptions_per_socket),
        channel_name: limit("channelNameBytes", default.channel_name),
        channel_characters,
        event_name: limit("eventNameBytes", default.event_name),
        data: limit("dataBytes", default.data),
        channels_per_event: limit("channelsPerEvent", default.channels_per_event),
        whispers,
        whisper: limit("whisperBytes", default.whisper),
        presence_members: limit("presenceMembers", default.presence_members),
        user_info: limit("userInfoBytes", default.user_info),
        queue_per_socket: limit("queueBytesPerSocket", default.queue_per_socket),
        queue_in_all,
        slow_clients,
        write_timeout,
        auth_in_flight: limit("authInFlight", default.auth_in_flight),
        auth_queued: limit("authQueued", default.auth_queued),
        auth_queue,
        auth_headers: limit("authHeaderBytes", default.auth_headers),
        auth_response: limit("authResponseBytes", default.auth_response),
        publishers: limit("publishers", default.publishers),
        publishers_per_user,
    }
}

fn slow_clients(reader: &mut Reader<'_>) -> Option<SlowClients> {
    let setting = reader.setting("limits.slowClients")?;
    match setting.value.as_str() {
        Some("disconnect") => Some(SlowClients::Disconnect),
        Some("drop-oldest") => Some(SlowClients::DropOldest),
        _ => {
            reader.wrong(&setting, "\"disconnect\" or \"drop-oldest\"");
            None
        }
    }
}

fn characters(reader: &mut Reader<'_>) -> Option<Characters> {
    let setting = reader.setting("limits.channelCharacters")?;
    match setting.value.as_str() {
        Some("any") => Some(Characters::Any),
        Some("printable") => Some(Characters::Printable),
        Some("pusher") => Some(Characters::Pusher),
        _ => {
            reader.wrong(&setting, "\"any\", \"printable\" or \"pusher\"");
            None
        }
    }
}

/// None is for ever.
fn subscribe(reader: &mut Reader<'_>, edge: EdgeKind) -> Option<Duration> {
    let longest = reader.millis("limits.subscribeMs", 0..=DAY_MS, Duration::ZERO);
    if longest.is_zero() {
        return None;
    }
    if edge == EdgeKind::Socketioxide {
        if let Some(setting) = reader.setting("limits.subscribeMs") {
            reader.warn(
                &setting,
                "has no effect with edge \"socketioxide\", whose clients would not come back: only \"lean\" closes connections \
                 that are on no channel",
            );
        }
        return None;
    }
    Some(longest)
}
