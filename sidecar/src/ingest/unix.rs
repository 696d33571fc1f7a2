//! The Unix socket source: frames of `docs/wire-format.md`, answered in the order in which they came.

use std::{io, path::Path, sync::Arc, time::Duration};

use interprocess::{local_socket::traits::tokio::Listener as _, os::unix::uds_local_socket::tokio::Stream};
use rustecho_wire::{
    DecodeError, Decoded, EventId, Header, Message, PROTOCOL_VERSION, Receipt, Refusal, RefusalCode, Welcome,
    frame::{self, HEADER_LEN},
    lane::Lent,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};

mod admission;
mod brisk;
mod inbox;
mod lane;
mod place;
mod turn;

use self::{
    admission::{Admission, Held, Refused, turn_away},
    brisk::Brisk,
    inbox::Inbox,
    lane::Lane,
    turn::Turn,
};
use crate::{
    bounds::Refusals,
    config::{Live, UnixSocketConfig},
    counters::Counters,
    hub::Later,
    ingest::{data, spool::Gate},
    once::Once,
    publisher::{Came, Publish, PublishError, Publisher, Source},
    server::stopped,
};

mod listener;

pub use listener::BindError;
use listener::Door;
pub(super) use listener::group_id;
pub use place::Replace;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long the rest of a frame may take once its header is there, and how long a publisher may leave answers unread.
const PATIENCE: Duration = Duration::from_secs(10);
/// Publishers that are told at one time why they are turned away; others find the connection closed.
const FAREWELLS: usize = 64;
/// How long frames that follow each other without a pause are answered once the sidecar stops.
const LAST_FRAMES: Duration = Duration::from_millis(100);
/// Room for a body that is kept between frames; a larger one is given back.
const KEPT_BODY: usize = 64 * 1024;
/// Room for the next bytes of a large body.
const STEP: usize = 256 * 1024;

/// An open Unix socket; its file goes away with it.
pub struct UnixSource {
    door: Door,
    admission: Admission,
}

impl UnixSource {
    /// Opens the socket with the configured mode and group, under a name that nobody knows until it is to [appear](Self::appear). A
    /// file left behind by a dead process will be replaced; one that answers will not, unless it is the predecessor's.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(settings: UnixSocketConfig, most: usize, replace: Replace) -> Result<Self, BindError> {
        let door = Door::open(&settings, replace)?;
        Ok(Self { door, admission: Admission { settings, most, live: None, strangers: Once::default() } })
    }

    /// Gives the socket its name: new publishers come here from now on.
    ///
    /// # Errors
    /// [`BindError`]; whoever has the name keeps it then.
    pub fn appear(mut self) -> Result<Self, BindError> {
        self.door.appear()?;
        Ok(self)
    }

    /// Serves on a socket that systemd, or another parent, has opened and keeps; its path, mode and group are theirs.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn adopt(
        listener: std::os::unix::net::UnixListener,
        settings: UnixSocketConfig,
        most: usize,
    ) -> Result<Self, BindError> {
        let door = Door::adopt(listener)?;
        let settings = UnixSocketConfig { path: door.path().to_path_buf(), ..settings };
        Ok(Self { door, admission: Admission { settings, most, live: None, strangers: Once::default() } })
    }

    /// Goes by what is in force when a publisher comes, as to how many there may be and whose.
    #[must_use]
    pub fn following(self, live: Live) -> Self {
        Self { admission: Admission { live: Some(live), ..self.admission }, ..self }
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        self.door.path()
    }

    /// Serves publishers until `stop` changes; then the frames that have arrived are answered, and no more are read.
    pub async fn run(
        self,
        publisher: Arc<Publisher>,
        refusals: Arc<Refusals>,
        counters: Arc<Counters>,
        gate: Arc<Gate>,
        stop: watch::Receiver<bool>,
    ) {
        let held = Arc::new(Held::default());
        let farewells = Arc::new(Semaphore::new(FAREWELLS));
        let mut stopping = stop.clone();
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.door.listener.accept() => accepted,
                () = stopped(&mut stopping) => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting a publisher");
                    tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors: let some go
                    continue;
                }
            };
            let place = match self.admission.admit(&stream, &held, &refusals, &counters) {
                Ok(place) => place,
                Err(Refused::Stranger) => continue,
                Err(Refused::Surplus(sentence)) => {
                    if let Ok(turn) = farewells.clone().try_acquire_owned() {
                        tasks.spawn(async move {
                            turn_away(stream, sentence).await;
                            drop(turn);
                        });
                    }
                    continue;
                }
            };
            let peer = Peer {
                publisher: publisher.clone(),
                counters: counters.clone(),
                gate: gate.clone(),
                later: false,
                brisk: Brisk::default(),
                waiting: Later::default(),
                answers: Vec::new(),
                lane: None,
                turn: Turn::default(),
            };
            let stop = stop.clone();
            tasks.spawn(async move {
                peer.serve(stream, stop).await;
                drop(place);
            });
        }
        drop(self.door);
        while tasks.join_next().await.is_some() {}
    }
}

/// One connected publisher.
struct Peer {
    publisher: Arc<Publisher>,
    counters: Arc<Counters>,
    gate: Arc<Gate>,
    /// This publisher was told to spool: nothing that it has on the way may overtake what it spools.
    later: bool,
    /// Whether its frames follow each other closely.
    brisk: Brisk,
    /// Where events wait that the receipts in `answers` are for.
    waiting: Later,
    /// Answers that have not been written yet.
    answers: Vec<u8>,
    /// Memory that it lends.
    lane: Option<Lane>,
    /// What was done for it while others waited.
    turn: Turn,
}

/// Why a connection ended early.
enum End {
    /// The peer went away, or took too long.
    Gone,
    /// A frame did not decode.
    Bad(DecodeError),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Peer {
    async fn serve(mut self, mut stream: Stream, mut stop: watch::Receiver<bool>) {
        let (mut inbox, mut body, mut last) = (Inbox::default(), Vec::new(), None::<Instant>);
        let ended = loop {
            let step = tokio::select! {
                biased;
                step = self.frame(&mut stream, &mut inbox, &mut body) => step,
                () = stopped(&mut stop) => break Ok(()),
            };
            if let Err(end) = step {
                break Err(end);
            }
            // Not while it is waited for `stop` beside it: what has been read is answered.
            if self.turn.is_over() {
                tokio::task::yield_now().await;
            }
            // Who never pauses would not be sent away otherwise.
            if stop.has_changed().unwrap_or(true)
                && *last.get_or_insert_with(|| Instant::now() + LAST_FRAMES) < Instant::now()
            {
                break Ok(());
            }
        };
        if let Err(End::Bad(error)) = ended {
            self.counters.bad_frames.add();
            tracing::warn!(%error, "a publisher's connection is closed: its frame did not decode");
            let text = match error {
                DecodeError::Version(theirs) => format!(
                    "the sidecar {VERSION} speaks protocol version {PROTOCOL_VERSION}, this publisher speaks {theirs}: install \
                     the same release of both"
                ),
                _ => error.to_string(),
            };
            self.refuse(EventId::NIL, error.refusal_code(), text);
        }
        let _ = self.flush(&mut stream).await;
    }

    /// Reads one frame and answers it. Waiting for its start can be given up without loss; nothing else is waited for long.
    async fn frame(&mut self, stream: &mut Stream, inbox: &mut Inbox, body: &mut Vec<u8>) -> Result<(), End> {
        if inbox.bytes().is_empty() {
            self.flush(stream).await?;
            let there = self.brisk.linger(&*stream);
            if inbox.fill(stream, there).await? == 0 {
                return Err(End::Gone);
            }
            if let Some(descriptor) = inbox.take_descriptor() {
                match Lane::take(descriptor) {
                    Ok(lane) => self.lane = Some(lane),
                    // To close what it is may take time, if somebody means it to.
                    Err(foreign) => drop(tokio::task::spawn_blocking(move || drop(foreign))),
                }
            }
        }
        if let Decoded::Frame { kind, body, consumed } = frame::decode(inbox.bytes()).map_err(End::Bad)? {
            let begun = std::time::Instant::now();
            self.answer(Message::decode(kind, body).map_err(End::Bad)?)?;
            self.turn.worked(begun);
            inbox.consume(consumed);
        } else {
            body.clear();
            body.shrink_to(KEPT_BODY);
            body.extend_from_slice(inbox.bytes());
            inbox.consume(body.len());
            let header = fill_up(stream, body, HEADER_LEN).await?;
            let header = Header::parse(header.first_chunk().ok_or(End::Gone)?).map_err(End::Bad)?;
            let whole = fill_up(stream, body, HEADER_LEN + header.len).await?;
            let begun = std::time::Instant::now();
            self.answer(Message::decode(header.kind, &whole[HEADER_LEN..]).map_err(End::Bad)?)?;
            self.turn.worked(begun);
        }
        if self.answers.len() > KEPT_BODY {
            self.flush(stream).await?;
        }
        Ok(())
    }

    fn answer(&mut self, message: Message<'_>) -> Result<(), End> {
        match message {
            Message::Hello(hello) => {
                tracing::debug!(client = hello.client, pid = hello.pid, "publisher says hello");
                self.gate.knock();
                let welcome = Welcome {
                    sidecar: VERSION.into(),
                    oldest: PROTOCOL_VERSION,
                    newest: PROTOCOL_VERSION,
                    max_data: u32::try_from(self.publisher.limits().data).unwrap_or(u32::MAX),
                };
                self.answers.extend_from_slice(&welcome.to_frame());
            }
            Message::Publish(event) => match event.lent {
                None => self.publish(&event),
                Some(lent) => self.publish_lent(event, lent).map_err(End::Bad)?,
            },
            // What only a sidecar sends makes no sense here; a later version may have a use for it.
            Message::Welcome(_) | Message::Receipt(_) | Message::Refusal(_) => {}
        }
        Ok(())
    }

    fn publish_lent(&mut self, event: rustecho_wire::Publish<'_>, lent: Lent) -> Result<(), DecodeError> {
        let lane = self.lane.take().ok_or(DecodeError::NotLent { slot: lent.slot, len: lent.len })?;
        let fetched = lane.fetch(lent, |data| self.publish(&rustecho_wire::Publish { data, ..event }));
        self.lane = Some(lane);
        fetched
    }

    fn publish(&mut self, event: &rustecho_wire::Publish<'_>) {
        if event.spoolable && (self.later || self.gate.is_shut()) {
            self.later = true;
            self.counters.spool_deferred.add();
            let reason =
                "the sidecar has just started and its clients are still coming back (spool.settleMs): try later";
            self.refuse(event.id, RefusalCode::Unavailable, reason.into());
            return;
        }
        let came = Came::made(event.time, event.trace);
        let data = match data::json(event.data) {
            Ok(data) => data,
            Err(error) => {
                self.counters.refused_unix.add();
                let channel = event.channels.first().copied().unwrap_or_default();
                self.publisher.say_refused(Source::Unix, channel, format_args!("data is not valid JSON: {error}"));
                self.refuse(event.id, RefusalCode::NotJson, format!("data is not valid JSON: {error}"));
                return;
            }
        };
        let publish = Publish {
            source: Source::Unix,
            id: (event.id != EventId::NIL).then_some(event.id),
            channels: event.channels.clone(),
            event: event.event,
            data,
            except: Some(event.socket).filter(|socket| !socket.is_empty()),
            came_as: None,
            came,
        };
        let mut unwatched = Later::default();
        let waiting = if event.receipt { &mut self.waiting } else { &mut unwatched };
        match self.publisher.publish_later(&publish, waiting) {
            Ok(subscribers) if event.receipt => {
                self.answers.extend_from_slice(&Receipt { id: event.id, subscribers }.to_frame());
            }
            Ok(_) => {}
            Err(error) => {
                let code = match error {
                    PublishError::NoChannel | PublishError::TooManyChannels { .. } => RefusalCode::Channels,
                    PublishError::Channel(_) => RefusalCode::ChannelName,
                    PublishError::NoEvent | PublishError::EventTooLong { .. } | PublishError::Reserved(_) => {
                        RefusalCode::EventName
                    }
                    PublishError::DataTooLarge { .. } => RefusalCode::DataTooLong,
                };
                self.refuse(event.id, code, error.to_string());
            }
        }
    }

    fn refuse(&mut self, id: EventId, code: RefusalCode, message: String) {
        self.answers.extend_from_slice(&Refusal { id, code, message }.to_frame());
    }

    async fn flush(&mut self, stream: &mut Stream) -> Result<(), End> {
        if !self.answers.is_empty() {
            // A receipt says that the event has been written, and that the other nodes can have it.
            self.publisher.told_others(&mut self.waiting).await;
            let begun = std::time::Instant::now();
            self.publisher.settle(&mut self.waiting);
            self.turn.worked(begun);
            timeout(PATIENCE, stream.write_all(&self.answers)).await.map_err(|_| End::Gone)??;
            self.answers.clear();
        }
        Ok(())
    }
}

/// Reads until `body` has so many bytes. Room is made for what comes: a length is only a claim.
async fn fill_up<'a>(stream: &mut Stream, body: &'a mut Vec<u8>, len: usize) -> Result<&'a [u8], End> {
    let read = async {
        while body.len() < len {
            let most = (len - body.len()).min(STEP);
            body.reserve(most);
            if (&mut *stream).take(most as u64).read_buf(body).await? == 0 {
                return Err(End::Gone);
            }
        }
        Ok::<_, End>(())
    };
    timeout(PATIENCE, read).await.map_err(|_| End::Gone)??;
    Ok(body)
}

#[cfg(test)]
mod tests;
