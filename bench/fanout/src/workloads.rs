//! What is measured: the crowd, the events, and which servers take part.

use crate::{
    client::{Generation, Transport},
    generator::{Crowd, Pace},
    servers::Server,
};

/// One thing that is measured of several servers.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// How it is called in options, tables and JSON.
    pub name: &'static str,
    /// What it is, for a heading.
    pub title: &'static str,
    /// Who is connected. Without a generation of its own each server gets the newest it serves, unless `mixed`.
    pub crowd: Crowd,
    /// Half of the clients speak the old protocols, half the new.
    pub mixed: bool,
    /// By https and wss.
    pub tls: bool,
    /// How events come; none where only connections are measured.
    pub events: Option<Load>,
    /// The servers that take part when nothing else is asked for.
    pub servers: &'static [Server],
    /// Part of the short run, too.
    pub quick: bool,
}

/// The events of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// When they are published.
    pub pace: Pace,
    /// How many.
    pub count: u32,
    /// Bytes of each event's data.
    pub bytes: usize,
}

const ALL: &[Server] = &[
    Server::Rustecho,
    Server::RustechoSocketioxide,
    Server::PlainSocketioxide,
    Server::LaravelEcho,
    Server::SocketIo4,
    Server::Sockudo,
];
const COALESCING: &[Server] = &[Server::Rustecho, Server::RustechoUncoalesced, Server::PlainSocketioxide];
const WITH_TLS: &[Server] = &[Server::Rustecho, Server::RustechoSocketioxide, Server::LaravelEcho];
const BOTH_PROTOCOLS: &[Server] = &[Server::Rustecho, Server::RustechoSocketioxide, Server::PlainSocketioxide];

const THOUSAND: Crowd =
    Crowd { clients: 1_000, stalled: 0, channels: 1, transport: Transport::Websocket, generation: None };
/// What is left when the stalled ones are gone.
const HUNDRED: Crowd = Crowd { clients: 100, ..THOUSAND };
/// Ten seconds of large events: more than is allowed to wait for one client anywhere.
const HEAVY: Option<Load> = Some(Load { pace: Pace::Rate(40), count: 400, bytes: 65_536 });

const fn events(pace: Pace, count: u32) -> Option<Load> {
    // A frame of about 196 bytes.
    Some(Load { pace, count, bytes: 150 })
}

const fn workload(name: &'static str, title: &'static str, crowd: Crowd, events: Option<Load>) -> Workload {
    Workload { name, title, crowd, mixed: false, tls: false, events, servers: ALL, quick: false }
}

/// Everything there is, in the order of the report.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        quick: true,
        ..workload("paced", "1,000 subscribers of one channel, 20 events/s", THOUSAND, events(Pace::Rate(20), 160))
    },
    Workload {
        quick: true,
        ..workload(
            "saturated",
            "1,000 subscribers of one channel, 4 events in flight",
            THOUSAND,
            events(Pace::InFlight(4), 1_200),
        )
    },
    Workload {
        quick: true,
        ..workload(
            "single",
            "1,000 channels of one subscriber, 1,000 events/s",
            Crowd { channels: 1_000, ..THOUSAND },
            events(Pace::Rate(1_000), 6_000),
        )
    },
    Workload {
        servers: COALESCING,
        quick: true,
        ..workload("burst", "1,000 subscribers of one channel, 500 events/s", THOUSAND, events(Pace::Rate(500), 2_500))
    },
    workload(
        "paced-9900",
        "9,900 subscribers of one channel, 2 events/s",
        Crowd { clients: 9_900, ..THOUSAND },
        events(Pace::Rate(2), 16),
    ),
    Workload {
        quick: true,
        ..workload("handshake", "5,000 websockets connect, 64 at a time", Crowd { clients: 5_000, ..THOUSAND }, None)
    },
    Workload {
        quick: true,
        ..workload(
            "idle",
            "10,000 websockets connected and subscribed to one channel",
            Crowd { clients: 10_000, ..THOUSAND },
            None,
        )
    },
    workload(
        "idle-own",
        "10,000 websockets connected, each subscribed to a channel of its own",
        Crowd { clients: 10_000, channels: 10_000, ..THOUSAND },
        None,
    ),
    workload(
        "tens",
        "1,000 channels of 10 sockets, 1,000 events/s",
        Crowd { clients: 10_000, channels: 1_000, ..THOUSAND },
        events(Pace::Rate(1_000), 5_000),
    ),
    Workload {
        events: Some(Load { pace: Pace::Rate(2), count: 12, bytes: 65_536 }),
        ..workload("large", "64 KB to 1,000 subscribers, 2 events/s", THOUSAND, None)
    },
    Workload {
        mixed: true,
        servers: BOTH_PROTOCOLS,
        ..workload(
            "mixed",
            "half old and half new clients, 20 events/s to 1,000",
            THOUSAND,
            events(Pace::Rate(20), 160),
        )
    },
    workload("steady", "64 KB to 100 subscribers, 40 events/s", HUNDRED, HEAVY),
    workload(
        "stalled",
        "the same, and 20 more subscribers that never read",
        Crowd { clients: 120, stalled: 20, ..HUNDRED },
        HEAVY,
    ),
    workload(
        "polling",
        "200 polling clients of one channel, 5 events/s",
        Crowd { clients: 200, transport: Transport::Polling, ..THOUSAND },
        events(Pace::Rate(5), 40),
    ),
    workload(
        "upgrade",
        "2,000 clients connect by polling and upgrade to a websocket",
        Crowd { clients: 2_000, transport: Transport::Upgrade, ..THOUSAND },
        None,
    ),
    Workload {
        tls: true,
        servers: WITH_TLS,
        ..workload("tls", "the same as paced, by wss", THOUSAND, events(Pace::Rate(20), 160))
    },
];

impl Workload {
    /// The workload of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// Whether it is about what the server has to hold for its clients.
    pub fn is_heavy(&self) -> bool {
        self.events == HEAVY
    }

    /// Whether the server can do this at all.
    pub fn suits(&self, server: Server) -> bool {
        (server != Server::Sockudo || self.crowd.transport == Transport::Websocket)
            && (!self.tls || WITH_TLS.contains(&server) || server.ours())
            && (!self.mixed || BOTH_PROTOCOLS.contains(&server) || server.ours())
    }

    /// The crowd as it meets this server.
    pub fn crowd_for(&self, server: Server) -> Crowd {
        let newest: Generation = server.newest_generation();
        Crowd { generation: if self.mixed { None } else { Some(newest) }, ..self.crowd }
    }
}
