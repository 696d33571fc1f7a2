//! The stream in Redis by which nodes hear each other: one task writes, one reads; each comes back by itself.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{
    RedisError, Value, cmd,
    streams::{StreamId, StreamReadReply},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{
    message::{NodeId, Seal},
    outbox::Outbox,
    overheard, overhearing,
    roll::Roll,
    turns::Turns,
    volume::{Portion, Volume},
};
use crate::{
    config::RedisConfig,
    ingest::backoff::Backoff,
    redis_client::{self, Commands, is_lost},
};

/// Messages per command.
const BATCH: usize = 256;
/// Messages that wait between reading and taking, and their bytes; reading waits when there are more.
pub(super) const INBOX: usize = 1024;
const INBOX_BYTES: usize = 64 * 1024 * 1024;
/// How long one read waits for something new: shorter than the longest wait for an answer.
const BLOCK: Duration = Duration::from_secs(2);
/// An answer that is so late says that the connection was lost meanwhile.
pub(super) const LATE: Duration = Duration::from_millis(500);
/// What is looked back through, at most, for who has spoken lately: batches, and bytes of them.
const LOOK_BACK: usize = 16;
const LOOK_BACK_BYTES: usize = 16 * 1024 * 1024;
/// A stream that no node writes to any more goes away.
const EXPIRY: Duration = Duration::from_secs(3600);

/// Where the stream is.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) redis: RedisConfig,
    pub(super) key: String,
    /// How much of it is kept, about.
    pub(super) volume: Arc<Volume>,
    /// Opens what stands there.
    pub(super) seal: Seal,
    /// Whoever lives has said something in so long a time.
    pub(super) sign: Duration,
    /// The place up to which this node has read; shared by both tasks.
    pub(super) place: Arc<Mutex<Option<Place>>>,
}

/// An entry as Redis tells it: its id and its fields.
type Written = (String, HashMap<String, Vec<u8>>);
type Entries = Vec<Written>;

/// What the reader hands on.
pub(super) enum Read {
    /// An entry of the stream: where it stands, its message, and the room that it takes until it is dropped.
    Entry(Place, Bytes, OwnedSemaphorePermit),
    /// The stream is read from here on, and all notes about what legacy publishers said are known from that time of its clock on.
    /// Who spoke in the time before, and when by its clock.
    Begin { place: Place, notes: u64, roll: HashMap<NodeId, u64> },
    /// Notes may be missing that were said before that time of the stream's clock.
    Gap(u64),
    /// Before the next one some may be missing: the stream may have been cut.
    Doubt,
    /// As before, and Redis may have lost its data; whether the stream starts anew, under a clock that was set back.
    Lost { is_anew: bool },
}

/// The id of an entry: milliseconds and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Place(pub(super) u64, pub(super) u64);

impl Place {
    /// As two numbers.
    pub fn entry(self) -> (u64, u64) {
        (self.0, self.1)
    }

    pub(super) const START: Self = Self(0, 0);

    fn parse(id: &str) -> Option<Self> {
        let (millis, number) = id.split_once('-')?;
        Some(Self(millis.parse().ok()?, number.parse().ok()?))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl Stream {
    /// Writes what the outbox has to say, for ever.
    pub(super) async fn write(self, outbox: Arc<Outbox>, turns: Arc<Turns>) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        let mut said_lost = false;
        loop {
            let error = match redis_client::commands(&self.redis).await {
                Err(error) => error,
                Ok(connection) => {
                    if std::mem::take(&mut said_lost) {
                        tracing::warn!("the cluster's Redis takes messages again");
                    }
                    self.write_to(connection, &outbox, &mut backoff).await
                }
            };
            turns.is_away();
            if !std::mem::replace(&mut said_lost, true) {
                tracing::error!(redis = ?self.redis.nodes, %error, "the cluster's Redis cannot be reached: other nodes hear nothing of this one");
            }
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    async fn write_to(&self, mut redis: Commands, outbox: &Outbox, backoff: &mut Backoff) -> RedisError {
        loop {
            let batch = outbox.next(BATCH).await;
            match self.append(&mut redis, &batch).await {
                Ok(()) => {
                    outbox.said(batch.len());
                    backoff.reset();
                }
                Err(error) => return error,
            }
        }
    }

    /// One answer for all: an error leaves open which of them arrived. They are said again then, and the others leave what they
    /// have already.
    async fn append(&self, redis: &mut Commands, batch: &[Bytes]) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        let most = self.volume.most();
        for bytes in batch {
            pipe.cmd("XADD").arg(&self.key).arg("MAXLEN").arg("~").arg(most).arg("*").arg("m").arg(&bytes[..]);
        }
        pipe.cmd("PEXPIRE").arg(&self.key).arg(EXPIRY.as_millis() as u64).ignore();
        let read = *self.place.lock();
        let ids: Vec<String> = redis.query_all(&pipe).await?;
        if let (Some(read), Some(written)) = (read, ids.first().and_then(|id| Place::parse(id))) {
            self.rewind(read, written);
        }
        Ok(())
    }

    /// What is written has a larger id than what was read before. If not, Redis has lost its data under a clock that was set
    /// back, and what is written would never be read.
    fn rewind(&self, read: Place, written: Place) {
        if written < read {
            tracing::warn!("the cluster's stream starts anew");
            *self.place.lock() = Some(Place::START);
            self.volume.forget();
        }
    }

    /// Reads what is said from now on, for ever, and hands it to `inbox` in order.
    pub(super) async fn read(self, inbox: mpsc::Sender<Read>) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        let begun = tokio::time::Instant::now();
        let mut was_away = false;
        let mut goes_on = self.place.lock().is_some();
        let mut portion = Portion::new(BATCH);
        let room = Arc::new(Semaphore::new(INBOX_BYTES));
        while !inbox.is_closed() {
            if let Ok(mut redis) = redis_client::commands(&self.redis).await {
                let begun = was_away.then_some(begun);
                goes_on = goes_on && self.find_gap(&mut redis, &inbox).await.is_err();
                let _ = self.read_from(&mut redis, &inbox, &room, &mut portion, &mut backoff, begun).await; // the writer logs that Redis is away
            }
            was_away = true;
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    /// Where a node begins to read that has read nothing yet, and since when it knows all notes: at the newest entry; if Redis was
    /// away when it `begun`, at what has been said since, for by now it serves.
    async fn first_place(
        &self,
        redis: &mut Commands,
        begun: Option<tokio::time::Instant>,
    ) -> Result<(Place, Read), RedisError> {
        let last = self.before(redis, None).await?;
        let Some(newest) = last.first().and_then(|(id, _)| Place::parse(id)) else {
            return Ok((Place::START, Read::Begin { place: Place::START, notes: 0, roll: HashMap::new() }));
        };
        let Some(begun) = begun else {
            let notes = known_since(newest, &last);
            let roll = self.call_roll(redis, newest, last).await?;
            return Ok((newest, Read::Begin { place: newest, notes, roll }));
        };
        // Only an entry tells the clock by which entries are named. It says nothing to anybody.
        let now: String = redis.query(cmd("XADD").arg(&self.key).arg("*").arg("t").arg("")).await?;
        let now = Place::parse(&now).unwrap_or(newest);
        let waited = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let first = newest.min(Place(now.0.saturating_sub(waited), 0));
        let roll = self.call_roll(redis, newest, last).await?;
        Ok((first, Read::Begin { place: first, notes: first.0, roll }))
    }

    /// The last entries, or the last before that one: a batch, the newest first.
    async fn before(&self, redis: &mut Commands, place: Option<Place>) -> Result<Entries, RedisError> {
        let until = match place {
            None => "+".to_owned(),
            Some(Place(millis, 0)) => Place(millis.saturating_sub(1), u64::MAX).to_string(),
            Some(Place(millis, number)) => Place(millis, number - 1).to_string(),
        };
        redis.query(cmd("XREVRANGE").arg(&self.key).arg(until).arg("-").arg("COUNT").arg(BATCH)).await
    }

    /// Who has spoken lately, from the `last` entries back.
    async fn call_roll(
        &self,
        redis: &mut Commands,
        newest: Place,
        mut last: Entries,
    ) -> Result<HashMap<NodeId, u64>, RedisError> {
        let far_enough = newest.0.saturating_sub(self.sign.as_millis() as u64);
        let mut roll = Roll::new(self.seal.clone());
        let mut looked_at = 0;
        for _ in 0..LOOK_BACK {
            let mut oldest = None;
            for (id, entry) in &last {
                oldest = Place::parse(id);
                if let (Some(place), Some(bytes)) = (oldest, entry.get("m")) {
                    looked_at += bytes.len();
                    roll.take(place, bytes);
                }
            }
            let goes_on = last.len() == BATCH && looked_at < LOOK_BACK_BYTES;
            let Some(oldest) = oldest.filter(|oldest| goes_on && oldest.0 >= far_enough) else { break };
            last = self.before(redis, Some(oldest)).await?;
        }
        Ok(roll.close())
    }

    /// Whether the last entry that was read is still there: then so is everything after it, for a stream is cut from its beginning.
    async fn is_whole(&self, redis: &mut Commands) -> Result<bool, RedisError> {
        let from = (*self.place.lock()).unwrap_or(Place::START).to_string();
        let there: Entries = redis.query(cmd("XREVRANGE").arg(&self.key).arg(&from).arg(&from)).await?;
        Ok(!there.is_empty())
    }

    /// What this node is to do about what may be missing after its connection broke, or stood still.
    async fn doubt(&self, redis: &mut Commands) -> Result<Read, RedisError> {
        Ok(if self.is_whole(redis).await? { Read::Doubt } else { Read::Lost { is_anew: false } })
    }

    /// Whether the stream still has everything since the sidecar before this one stopped. If not, there may have been notes.
    async fn find_gap(&self, redis: &mut Commands, inbox: &mpsc::Sender<Read>) -> Result<(), RedisError> {
        let place = (*self.place.lock()).unwrap_or(Place::START);
        if !self.is_whole(redis).await? {
            let last: Entries =
                redis.query(cmd("XREVRANGE").arg(&self.key).arg("+").arg("-").arg("COUNT").arg(1)).await?;
            let newest = last.first().and_then(|(id, _)| Place::parse(id)).unwrap_or(place);
            let _ = inbox.send(Read::Gap(newest.0)).await;
        }
        Ok(())
    }

    async fn read_from(
        &self,
        redis: &mut Commands,
        inbox: &mpsc::Sender<Read>,
        room: &Arc<Semaphore>,
        portion: &mut Portion,
        backoff: &mut Backoff,
        begun: Option<tokio::time::Instant>,
    ) -> Result<(), RedisError> {
        if self.place.lock().is_none() {
            let (place, first) = self.first_place(redis, begun).await?;
            *self.place.lock() = Some(place);
            if inbox.send(first).await.is_err() {
                return Ok(());
            }
        } else if inbox.send(self.doubt(redis).await?).await.is_err() {
            return Ok(()); // Redis may have been another one meanwhile
        }
        let (mut behind, mut before) = (0, Place::START);
        loop {
            let from = (*self.place.lock()).unwrap_or(Place::START);
            if from < before && inbox.send(Read::Lost { is_anew: true }).await.is_err() {
                return Ok(());
            }
            before = from;
            let mut read = cmd("XREAD");
            let most = portion.begin();
            read.arg("COUNT").arg(most).arg("BLOCK").arg(BLOCK.as_millis() as u64);
            read.arg("STREAMS").arg(&self.key).arg(from.to_string());
            let asked = tokio::time::Instant::now();
            let reply: Option<StreamReadReply> = match redis.query(&read).await {
                Err(error) if !is_lost(&error) => {
                    tracing::error!(%error, key = self.key, "Redis refused to read the cluster's stream");
                    return Err(error);
                }
                answer => answer?,
            };
            backoff.reset();
            let mut read = from;
            let entries: Vec<_> = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect();
            // A reader that is behind may find the stream cut; and a cluster's connection comes back by itself.
            behind = if entries.len() < most { 0 } else { behind + most };
            let mut is_late = asked.elapsed() > BLOCK + LATE;
            let size_of = |entry| message_of(entry).map_or(0, <[u8]>::len);
            let messages = entries.iter().filter_map(|entry| Some((Place::parse(&entry.id)?, size_of(entry))));
            portion.read(messages, is_late, &self.volume);
            if !entries.is_empty() {
                is_late |= self.trim(redis, behind > 0).await;
            }
            let doubt = if is_late {
                Some(self.doubt(redis).await?)
            } else {
                (behind >= self.volume.kept() / 2).then_some(Read::Doubt)
            };
            if let Some(doubt) = doubt
                && inbox.send(doubt).await.is_err()
            {
                return Ok(());
            }
            for entry in entries {
                let place = Place::parse(&entry.id);
                if let (Some(place), Some(bytes)) = (place, message_of(&entry)) {
                    let bytes = Bytes::copy_from_slice(bytes);
                    let size = u32::try_from(bytes.len().min(INBOX_BYTES)).unwrap_or(u32::MAX);
                    // It is never closed.
                    let Ok(room) = room.clone().acquire_many_owned(size).await else { return Ok(()) };
                    if inbox.send(Read::Entry(place, bytes, room)).await.is_err() {
                        return Ok(());
                    }
                }
                let mut now = self.place.lock();
                if *now != Some(read) {
                    break; // the stream starts anew
                }
                read = place.unwrap_or(read);
                *now = Some(read);
            }
        }
    }
}

/// The message of an entry.
fn message_of(entry: &StreamId) -> Option<&[u8]> {
    match entry.map.get("m") {
        Some(Value::BulkString(bytes)) => Some(bytes),
        _ => None,
    }
}

/// Since when all notes are known to a node that begins at the newest entry and has looked at the `last` ones: where these go back
/// far enough and none of them is a note, there is none that counts. So a cluster that starts as a whole need not wait.
fn known_since(newest: Place, last: &[Written]) -> u64 {
    let far_enough = newest.0.saturating_sub(overheard::MEMORY + 1);
    let goes_back = last.len() < BATCH
        || last.last().and_then(|(id, _)| Place::parse(id)).is_some_and(|oldest| oldest.0 < far_enough);
    let has_note = last.iter().filter_map(|(_, entry)| entry.get("m")).any(|bytes| overhearing::is_note(bytes));
    if goes_back && !has_note { far_enough } else { newest.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_the_stream() {
        let places = ["0-0", "5-0", "5-2", "5-10", "1700000000000-0"].map(|id| Place::parse(id).unwrap());
        assert!(places.is_sorted());
        assert_eq!(places[3].to_string(), "5-10");
        assert_eq!(Place::parse("5"), None);
    }

    #[test]
    fn notes_are_known_from_the_start_where_there_are_none_to_know() {
        let entry = |id: u64, text: &str| (format!("{id}-0"), HashMap::from([("m".to_owned(), text.into())]));
        let newest = Place(100_000, 0);
        let known = |last: &[_]| newest.0 - known_since(newest, last);
        let long = overheard::MEMORY + 1;
        let beat = r#"..{"beat":null}"#;
        let note = r#"..{"overheard":{"note":{}}}"#;
        assert_eq!(known(&[entry(100_000, beat)]), long);
        assert_eq!(known(&[entry(100_000, beat), entry(99_000, note)]), 0);
        let many = |step: u64| (0..BATCH as u64).map(|at| entry(100_000 - at * step, beat)).collect::<Vec<_>>();
        assert_eq!(known(&many(1)), 0, "there may be notes behind these");
        assert_eq!(known(&many(100)), long);
    }
}
