//! The load: all clients and the publisher on one thread, on one epoll.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use mio::{Events, Interest, Poll, Registry, Token, net::TcpStream};
use rustls::ClientConfig;

use crate::{
    client::{Client, Generation, Transport, World},
    clock::now_ns,
    mark::{Mark, message},
    pusher, redis,
    tally::Tally,
};

const PUBLISHER: Token = Token(usize::MAX - 1);
/// How many clients connect at the same time.
const CONNECTING: usize = 64;
const SECOND: u64 = 1_000_000_000;
/// How often a client that has not read looks what there is.
const LOOKS: usize = 100;

/// Which clients there are.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// How many.
    pub clients: usize,
    /// How many of them, the last ones, read nothing from the first counted event on. For one channel.
    pub stalled: usize,
    /// On how many channels they are, one each, in turn.
    pub channels: u32,
    /// How they connect.
    pub transport: Transport,
    /// Which protocols they speak; none is half of each.
    pub generation: Option<Generation>,
}

/// How events get to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// By Redis, as Laravel's Redis driver publishes.
    Redis,
    /// By the HTTP API of Pusher, on one connection that is kept.
    Api,
}

/// When events are published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many a second, in turn on all channels.
    Rate(u32),
    /// The next one as soon as fewer than so many are on their way. For one channel.
    InFlight(u32),
}

/// A connection by which events go in.
struct Call {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Call {
    fn new(door: SocketAddr, registry: &Registry) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(door)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, PUBLISHER, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, unsent: Vec::new() })
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if is_not_yet(&error) => break,
                Err(error) => return Err(error).context(GONE),
            }
        }
        Ok(())
    }
}

const GONE: &str = "what takes the events is gone";

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

/// Clients, a publisher, and the epoll that they share.
pub struct Generator {
    poll: Poll,
    events: Events,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    /// The clients.
    pub clients: Vec<Client>,
    /// What was delivered to them.
    pub tally: Tally,
    /// Where events go in, and by which connections: one, or by HTTP one for each event, since not every server keeps them.
    door: SocketAddr,
    calls: Vec<Call>,
    road: Road,
    scratch: Vec<u8>,
    crowd: Crowd,
    /// How many events each channel has had.
    published: Vec<u32>,
    ready: usize,
    beat_at: u64,
}

impl Generator {
    /// No client yet.
    pub fn new(
        crowd: Crowd,
        address: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
        redis: SocketAddr,
        road: Road,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let door = if road == Road::Redis { redis } else { address };
        let calls = if road == Road::Redis { vec![Call::new(door, poll.registry())?] } else { Vec::new() };
        Ok(Self {
            poll,
            events: Events::with_capacity(4096),
            address,
            tls,
            clients: Vec::with_capacity(crowd.clients),
            tally: Tally::new()?,
            door,
            calls,
            road,
            scratch: vec![0; 256 * 1024],
            crowd,
            published: vec![0; crowd.channels as usize],
            ready: 0,
            beat_at: now_ns() + 15 * SECOND,
        })
    }

    /// Connects all clients.
    pub fn connect(&mut self) -> anyhow::Result<()> {
        let mut progress = (now_ns(), 0);
        while self.ready < self.crowd.clients {
            while self.clients.len() < self.crowd.clients && self.clients.len() - self.ready < CONNECTING {
                self.dial()?;
            }
            self.turn(Duration::from_millis(100))?;
            if self.ready > progress.1 {
                progress = (now_ns(), self.ready);
            } else if now_ns() - progress.0 > 20 * SECOND {
                bail!("{} of {} clients are connected, and for 20 s no more", self.ready, self.crowd.clients);
            }
        }
        Ok(())
    }

    fn dial(&mut self) -> anyhow::Result<()> {
        let index = self.clients.len();
        let half = if index.is_multiple_of(2) { Generation::V3 } else { Generation::V4 };
        let generation = self.crowd.generation.unwrap_or(half);
        let channel = (index % self.crowd.channels as usize) as u32;
        let world = World {
            address: self.address,
            tls: self.tls.as_ref(),
            registry: self.poll.registry(),
            tally: &mut self.tally,
            scratch: &mut self.scratch,
        };
        self.clients.push(Client::dial(index, self.crowd.transport, generation, channel, &world)?);
        Ok(())
    }

    /// Lets every client ask for its channel, and publishes until every one has heard something on it.
    pub fn subscribe(&mut self) -> anyhow::Result<()> {
        for index in 0..self.clients.len() {
            self.clients[index].subscribe()?;
            if index % 64 == 63 {
                self.turn(Duration::ZERO)?;
            }
        }
        let begun = now_ns();
        loop {
            let mut cold: Vec<u32> =
                self.clients.iter().filter(|client| !client.ledger.warm).map(|client| client.ledger.channel).collect();
            if cold.is_empty() {
                break;
            }
            if now_ns() - begun > 30 * SECOND {
                bail!("{} of {} clients heard nothing on their channel for 30 s", cold.len(), self.clients.len());
            }
            cold.sort_unstable();
            cold.dedup();
            for channel in cold {
                self.publish(channel, 0, 150)?;
            }
            self.for_some_time(Duration::from_millis(500), |generator| {
                generator.clients.iter().all(|client| client.ledger.warm)
            })?;
        }
        self.quiet(Duration::from_millis(300))
    }

    /// Publishes `count` events and waits until all have come, or nothing has come for 10 seconds.
    pub fn broadcast(&mut self, count: u32, pace: Pace, bytes: usize) -> anyhow::Result<()> {
        let registry = self.poll.registry();
        let readers = self.readers();
        self.clients[readers..].iter_mut().try_for_each(|client| client.stall(registry))?;
        let begun = now_ns();
        let (mut sent, mut done) = (0_u32, 0_u32);
        let subscribers = readers as u32;
        let expected = self.expected(count);
        self.tally.last_at_ns = begun;
        while self.tally.deliveries < expected {
            let now = now_ns();
            let wait = match pace {
                Pace::Rate(rate) => {
                    let due = ((now - begun) * u64::from(rate) / SECOND) as u32 + 1;
                    while sent < count.min(due) {
                        self.next(&mut sent, bytes)?;
                    }
                    let next = begun + u64::from(sent) * SECOND / u64::from(rate);
                    if sent < count { next.saturating_sub(now_ns()) } else { SECOND / 10 }
                }
                Pace::InFlight(in_flight) => {
                    while done < sent && self.tally.seen(done + 1) >= subscribers {
                        done += 1;
                    }
                    while sent < count && sent - done < in_flight {
                        self.next(&mut sent, bytes)?;
                    }
                    SECOND / 10
                }
            };
            self.turn(Duration::from_nanos(wait))?;
            if now_ns().saturating_sub(self.tally.last_at_ns) > 10 * SECOND {
                break;
            }
        }
        // What comes twice comes late.
        self.quiet(Duration::from_millis(200))
    }

    /// Lets those who have not read look what there is, uncounted: whether the server has closed the connection.
    pub fn look(&mut self) -> anyhow::Result<()> {
        let mut unread = Tally::new()?;
        for client in &mut self.clients[self.crowd.clients - self.crowd.stalled..] {
            let mut world = World {
                address: self.address,
                tls: self.tls.as_ref(),
                registry: self.poll.registry(),
                tally: &mut unread,
                scratch: &mut self.scratch,
            };
            // Each time at least as much as fits into the scratch buffer; the end comes behind all of it.
            for _ in 0..LOOKS {
                if !client.closed {
                    client.happened(0, &mut world)?;
                }
            }
        }
        Ok(())
    }

    fn readers(&self) -> usize {
        self.clients.len() - self.crowd.stalled
    }

    /// How many deliveries `count` events make.
    pub fn expected(&self, count: u32) -> u64 {
        (0..count).map(|event| self.subscribers(event % self.crowd.channels)).sum()
    }

    fn subscribers(&self, channel: u32) -> u64 {
        let (clients, channels) = (self.readers() as u64, u64::from(self.crowd.channels));
        clients / channels + u64::from(u64::from(channel) < clients % channels)
    }

    /// How many deliveries never came.
    pub fn lost(&self) -> u64 {
        let lost = |client: &Client| client.ledger.lost(self.published[client.ledger.channel as usize]);
        self.clients[..self.readers()].iter().map(lost).sum()
    }

    /// Goes on until nothing has come for `time`, 5 seconds at the most.
    pub fn quiet(&mut self, time: Duration) -> anyhow::Result<()> {
        let quiet = time.as_nanos() as u64;
        self.tally.last_at_ns = now_ns();
        self.for_some_time(Duration::from_secs(5), |generator| now_ns() - generator.tally.last_at_ns > quiet)
    }

    /// Goes on for `time`, or until `enough`.
    pub fn for_some_time(&mut self, time: Duration, mut enough: impl FnMut(&Self) -> bool) -> anyhow::Result<()> {
        let end = now_ns() + time.as_nanos() as u64;
        while now_ns() < end && !enough(self) {
            self.turn(Duration::from_millis(20))?;
        }
        Ok(())
    }

    fn next(&mut self, sent: &mut u32, bytes: usize) -> anyhow::Result<()> {
        let channel = *sent % self.crowd.channels;
        *sent += 1;
        self.published[channel as usize] += 1;
        self.publish(channel, self.published[channel as usize], bytes)
    }

    fn publish(&mut self, channel: u32, sequence: u32, bytes: usize) -> anyhow::Result<()> {
        let mark = Mark { channel, sequence, at_ns: now_ns() };
        let request = match self.road {
            Road::Redis => redis::publish(&format!("bench.{channel}"), &message(mark, bytes)),
            Road::Api => pusher::publish(mark, bytes)?,
        };
        if self.road == Road::Api {
            self.calls.push(Call::new(self.door, self.poll.registry())?);
        }
        let Some(call) = self.calls.last_mut() else { return Ok(()) };
        call.unsent.extend_from_slice(&request);
        call.flush()
    }

    /// Waits for `wait` at the most, and deals with what has happened.
    fn turn(&mut self, wait: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(1));
        let dealt = events.iter().try_for_each(|event| match event.token() {
            PUBLISHER => self.publisher_answered(),
            Token(token) => self.client_happened(token / 2, token % 2),
        });
        self.events = events;
        if now_ns() > self.beat_at {
            self.beat_at += 15 * SECOND;
            self.clients.iter_mut().try_for_each(Client::beat)?;
        }
        dealt
    }

    fn client_happened(&mut self, index: usize, which: usize) -> anyhow::Result<()> {
        let mut world = World {
            address: self.address,
            tls: self.tls.as_ref(),
            registry: self.poll.registry(),
            tally: &mut self.tally,
            scratch: &mut self.scratch,
        };
        let client = &mut self.clients[index];
        let before = client.ready;
        client.happened(which, &mut world).with_context(|| format!("client {index}"))?;
        self.ready += usize::from(client.ready && !before);
        Ok(())
    }

    /// What publishing is answered with is not needed, but has to be taken; a refusal is an error.
    fn publisher_answered(&mut self) -> anyhow::Result<()> {
        let mut at = 0;
        while at < self.calls.len() {
            self.calls[at].flush()?;
            match self.calls[at].stream.read(&mut self.scratch) {
                Ok(0) if self.road == Road::Api => drop(self.calls.swap_remove(at)),
                Ok(0) => bail!("the publisher's connection was closed"),
                Ok(read) if self.refused(read) => {
                    bail!("an event was refused: {}", String::from_utf8_lossy(&self.scratch[..read.min(500)]))
                }
                // An answer is short, and has come whole: a connection that the server would keep is not used again.
                Ok(_) if self.road == Road::Api => drop(self.calls.swap_remove(at)),
                Ok(_) => {}
                // Or not connected yet.
                Err(error) if is_not_yet(&error) => at += 1,
                Err(error) => return Err(error).context(GONE),
            }
        }
        Ok(())
    }

    fn refused(&self, read: usize) -> bool {
        let has = |status: &[u8]| memchr::memmem::find(&self.scratch[..read], status).is_some();
        match self.road {
            Road::Redis => self.scratch[0] == b'-',
            Road::Api => has(b"HTTP/1.1 4") || has(b"HTTP/1.1 5"),
        }
    }
}
