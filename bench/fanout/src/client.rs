//! One Socket.IO client with laravel-echo's `subscribe`: Engine.IO 3 or 4, by websocket, by polling, or from one to the other.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, bail, ensure};
use mio::{Registry, Token};
use rustls::ClientConfig;

use crate::{
    clock::now_ns,
    frame, http,
    lane::Lane,
    mark::marks,
    pusher::{self, Said},
    tally::{Ledger, Tally},
};

/// Which pair of protocols a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Engine.IO 3, socket.io-client 2.
    V3,
    /// Engine.IO 4, socket.io-client 3 and 4.
    V4,
    /// No Socket.IO at all: pusher-js.
    Pusher,
}

/// How a client's packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A websocket from the start.
    Websocket,
    /// HTTP long-polling for ever.
    Polling,
    /// HTTP long-polling, then a websocket, as browsers do when nothing else is configured.
    Upgrade,
}

/// Where the server is, and where deliveries are counted.
pub struct World<'a> {
    /// The server.
    pub address: SocketAddr,
    /// Set when it speaks TLS.
    pub tls: Option<&'a Arc<ClientConfig>>,
    /// Who tells of readable connections.
    pub registry: &'a Registry,
    /// What has been delivered.
    pub tally: &'a mut Tally,
    /// Room for one read.
    pub scratch: &'a mut [u8],
}

/// What an HTTP answer is awaited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Open,
    ConnectTaken,
    Connect,
    Packets,
    PostTaken,
    Websocket,
    Nothing,
}

/// A client. Its connections have the tokens `2 * index` and `2 * index + 1`.
pub struct Client {
    index: usize,
    transport: Transport,
    generation: Generation,
    awaits: Awaits,
    /// The polling connection or the only one, and the websocket that it upgrades to.
    lanes: [Option<Lane>; 2],
    sid: String,
    /// The Socket.IO CONNECT has been answered, and an upgrade is over.
    pub ready: bool,
    /// The server has ended the connection.
    pub closed: bool,
    /// What it has seen of its channel.
    pub ledger: Ledger,
}

impl Client {
    /// Begins to connect.
    pub fn dial(
        index: usize,
        transport: Transport,
        generation: Generation,
        channel: u32,
        world: &World<'_>,
    ) -> anyhow::Result<Self> {
        let mut client = Self {
            index,
            transport,
            generation,
            awaits: if transport == Transport::Websocket { Awaits::Websocket } else { Awaits::Open },
            lanes: [None, None],
            sid: String::new(),
            ready: false,
            closed: false,
            ledger: Ledger::new(channel),
        };
        let mut lane = Lane::dial(world.address, world.tls, world.registry, Token(2 * index))?;
        match transport {
            Transport::Websocket => lane.send(http::upgrade(&client.target("websocket")).as_bytes())?,
            Transport::Polling | Transport::Upgrade => lane.send(http::get(&client.target("polling")).as_bytes())?,
        }
        client.lanes[0] = Some(lane);
        Ok(client)
    }

    /// What the client's connection `which` has to say.
    ///
    /// # Errors
    /// When the server does not speak as it should; its end of the connection alone is no error, see [`Client::closed`].
    pub fn happened(&mut self, which: usize, world: &mut World<'_>) -> anyhow::Result<()> {
        let Some(mut lane) = self.lanes[which].take() else { return Ok(()) };
        let scratch = std::mem::take(&mut world.scratch);
        let open = lane
            .flush()
            .map_err(Into::into)
            .and_then(|()| lane.receive(scratch, |lane, bytes| self.consume(lane, bytes, world)));
        world.scratch = scratch;
        self.lanes[which] = Some(lane);
        match open {
            Ok(true) => Ok(()),
            // A polling connection may end once the websocket has taken over.
            Ok(false) if which == 0 && self.lanes[1].is_some() && self.ready => Ok(()),
            Ok(false) => self.end("the server closed the connection"),
            Err(error) if self.ready && error.is::<std::io::Error>() => self.end("the connection broke"),
            Err(error) => Err(error),
        }
    }

    fn end(&mut self, why: &str) -> anyhow::Result<()> {
        ensure!(self.ready, "{why} before Socket.IO was connected");
        self.closed = true;
        Ok(())
    }

    /// Asks for its channel, as laravel-echo does.
    pub fn subscribe(&mut self) -> anyhow::Result<()> {
        if self.generation == Generation::Pusher {
            return self.frame(pusher::subscribe(self.ledger.channel).as_bytes());
        }
        let packet =
            format!(r#"42["subscribe",{{"channel":"bench.{}","auth":{{"headers":{{}}}}}}]"#, self.ledger.channel);
        if self.transport == Transport::Polling { self.post(&packet) } else { self.frame(packet.as_bytes()) }
    }

    /// Is told of nothing any more, and so reads nothing.
    pub fn stall(&mut self, registry: &Registry) -> anyhow::Result<()> {
        Ok(self.lanes.iter_mut().flatten().try_for_each(|lane| lane.leave(registry))?)
    }

    /// The heartbeat that Engine.IO 3 wants from the client.
    pub fn beat(&mut self) -> anyhow::Result<()> {
        let beats =
            self.generation == Generation::V3 && self.transport != Transport::Polling && self.ready && !self.closed;
        if beats { self.frame(b"2") } else { Ok(()) }
    }

    fn consume(&mut self, lane: &mut Lane, bytes: &[u8], world: &mut World<'_>) -> anyhow::Result<usize> {
        let now = now_ns();
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            if lane.upgraded {
                let Some(frame) = frame::read(rest) else { return Ok(used) };
                used += frame.length;
                match frame.opcode {
                    frame::TEXT if self.generation == Generation::Pusher => {
                        self.message(lane, frame.payload, world.tally, now)?;
                    }
                    frame::TEXT => self.packet(lane, frame.payload, world.tally, now)?,
                    frame::PING => reply(lane, frame::PONG, frame.payload)?,
                    frame::CLOSE => self.end("the server sent a close frame")?,
                    _ => {}
                }
            } else {
                if rest.is_empty() {
                    return Ok(used);
                }
                let Some(answer) = http::read(rest)? else { return Ok(used) };
                used += answer.length;
                self.answer(lane, &answer, world, now)?;
            }
        }
    }

    /// One packet by websocket.
    fn packet(&mut self, lane: &mut Lane, packet: &[u8], tally: &mut Tally, now: u64) -> anyhow::Result<()> {
        match packet {
            [b'4', b'2', ..] => {
                marks(packet).for_each(|mark| tally.delivery(&mut self.ledger, mark, now));
                Ok(())
            }
            b"2" => reply(lane, frame::TEXT, b"3"),
            b"3probe" => {
                // The rest follows when the server has let go of the waiting poll.
                self.awaits =
                    if self.awaits == Awaits::Nothing { return self.take_over(lane) } else { Awaits::Websocket };
                Ok(())
            }
            [b'0', ..] if self.generation == Generation::V4 => reply(lane, frame::TEXT, b"40"),
            [b'4', b'0', ..] => {
                self.ready = true;
                Ok(())
            }
            [b'4', b'4', ..] => bail!("CONNECT was refused: {}", String::from_utf8_lossy(packet)),
            [b'1', ..] | [b'4', b'1', ..] => self.end("the server said goodbye"),
            _ => Ok(()),
        }
    }

    /// One message of the Pusher protocol.
    fn message(&mut self, lane: &mut Lane, message: &[u8], tally: &mut Tally, now: u64) -> anyhow::Result<()> {
        marks(message).for_each(|mark| tally.delivery(&mut self.ledger, mark, now));
        match pusher::said(message) {
            Said::Established => self.ready = true,
            Said::Ping => reply(lane, frame::TEXT, pusher::PONG)?,
            Said::Error => bail!("it says {}", String::from_utf8_lossy(message)),
            Said::Other => {}
        }
        Ok(())
    }

    /// One HTTP answer.
    fn answer(
        &mut self,
        lane: &mut Lane,
        answer: &http::Answer<'_>,
        world: &mut World<'_>,
        now: u64,
    ) -> anyhow::Result<()> {
        if answer.status == 101 {
            lane.upgraded = true;
            return if self.transport == Transport::Upgrade { reply(lane, frame::TEXT, b"2probe") } else { Ok(()) };
        }
        ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        let body = std::str::from_utf8(answer.body)?;
        match self.awaits {
            Awaits::Open => {
                let sid = body.split_once(r#""sid":""#).and_then(|(_, rest)| rest.split_once('"'));
                self.sid = sid.with_context(|| format!("no session in {body:?}"))?.0.to_owned();
                if self.generation == Generation::V4 {
                    self.ask(lane, Some("40"), Awaits::ConnectTaken)
                } else if body.ends_with("2:40") {
                    self.connected(lane, world)
                } else {
                    self.ask(lane, None, Awaits::Connect)
                }
            }
            Awaits::ConnectTaken => self.ask(lane, None, Awaits::Connect),
            Awaits::Connect if body.contains("40") => self.connected(lane, world),
            // A server that has much to do may ask whether the client is there first.
            Awaits::Connect if self.generation == Generation::V4 && body == "2" => {
                self.ask(lane, Some("3"), Awaits::ConnectTaken)
            }
            Awaits::Connect => bail!("no CONNECT in {body:?}"),
            Awaits::Packets => {
                marks(answer.body).for_each(|mark| world.tally.delivery(&mut self.ledger, mark, now));
                if body.split('\x1e').any(|packet| packet == "2") {
                    return self.ask(lane, Some("3"), Awaits::PostTaken);
                }
                if self.transport == Transport::Upgrade && !self.ready {
                    return self.poll_ended();
                }
                self.ask(lane, None, Awaits::Packets)
            }
            Awaits::PostTaken => self.ask(lane, None, Awaits::Packets),
            Awaits::Websocket => self.poll_ended(),
            Awaits::Nothing => Ok(()),
        }
    }

    /// Socket.IO is connected, by polling.
    fn connected(&mut self, lane: &mut Lane, world: &World<'_>) -> anyhow::Result<()> {
        if self.transport == Transport::Polling {
            self.ready = true;
            self.awaits = Awaits::Nothing;
            return Ok(());
        }
        let mut websocket = Lane::dial(world.address, world.tls, world.registry, Token(2 * self.index + 1))?;
        websocket.send(http::upgrade(&self.target("websocket")).as_bytes())?;
        self.lanes[1] = Some(websocket);
        self.ask(lane, None, Awaits::Packets)
    }

    /// The poll that waited has been answered. If the probe has been, too, the websocket takes over; else that will.
    fn poll_ended(&mut self) -> anyhow::Result<()> {
        let probed = std::mem::replace(&mut self.awaits, Awaits::Nothing) == Awaits::Websocket;
        match self.lanes[1].take() {
            Some(mut websocket) if probed => {
                let taken = self.take_over(&mut websocket);
                self.lanes[1] = Some(websocket);
                taken
            }
            other => {
                self.lanes[1] = other;
                Ok(())
            }
        }
    }

    fn take_over(&mut self, websocket: &mut Lane) -> anyhow::Result<()> {
        self.ready = true;
        reply(websocket, frame::TEXT, b"5")
    }

    fn ask(&mut self, lane: &mut Lane, body: Option<&str>, awaits: Awaits) -> anyhow::Result<()> {
        let target = self.target("polling");
        self.awaits = awaits;
        let request = match body {
            None => http::get(&target),
            Some(packet) if self.generation == Generation::V3 => {
                http::post(&target, &format!("{}:{packet}", packet.len()))
            }
            Some(packet) => http::post(&target, packet),
        };
        Ok(lane.send(request.as_bytes())?)
    }

    fn post(&mut self, packet: &str) -> anyhow::Result<()> {
        let mut lane = self.lanes[0].take().context("no connection")?;
        let posted = self.ask(&mut lane, Some(packet), Awaits::PostTaken);
        self.lanes[0] = Some(lane);
        posted
    }

    fn frame(&mut self, packet: &[u8]) -> anyhow::Result<()> {
        let which = usize::from(self.transport == Transport::Upgrade);
        reply(self.lanes[which].as_mut().context("no connection")?, frame::TEXT, packet)
    }

    fn target(&self, transport: &str) -> String {
        let version = match self.generation {
            Generation::V3 => 3,
            Generation::V4 => 4,
            Generation::Pusher => return pusher::target(),
        };
        let mut target = format!("/socket.io/?EIO={version}&transport={transport}");
        if !self.sid.is_empty() {
            target.push_str("&sid=");
            target.push_str(&self.sid);
        }
        target
    }
}

fn reply(lane: &mut Lane, opcode: u8, payload: &[u8]) -> anyhow::Result<()> {
    let mut bytes = Vec::with_capacity(payload.len() + 8);
    frame::write(&mut bytes, opcode, payload);
    Ok(lane.send(&bytes)?)
}
