//! `database: redis`: `<keyPrefix><channel>:members`, a JSON array in join order, as laravel-echo-server kept it.
//!
//! The old server read, changed and wrote that list without a lock, and threw out whoever was not its own. Here every node owns
//! its part of a channel (a field of the hash at [`Keys::parts`]); one script replaces the part and writes the list anew from
//! all parts. So nodes that share a Redis neither lose nor resurrect each other's members, while everybody else goes on reading
//! the one list.
//!
//! What belongs to nobody is thrown out with the first join or leave of a channel, as of old. Before that it stays, and is not
//! looked for: it may be the list of a laravel-echo-server that still runs beside this one, and dies when its members vanish.
//!
//! A node has a lease. When it runs out (or its process is seen to be dead), the other nodes, or the next one that starts, take
//! its parts out. See [`lease`].

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use redis::RedisError;
use serde_json::Value;
use tokio::time::{Instant, interval};

use super::{
    Store,
    queue::{Queue, Task},
};
use crate::{
    channel::ChannelName,
    config::RedisConfig,
    counters::Counters,
    ingest::backoff::Backoff,
    presence::{Members, Presence},
    redis_client::{self, Commands, is_lost},
};

mod keys;
mod lease;
mod lists;

use keys::Keys;
use lease::Lease;

/// How long the HTTP API waits for the list; after that it tells what this node knows.
const READ: Duration = Duration::from_secs(1);

/// Keeps lists in Redis.
pub(super) struct RedisStore {
    shared: Arc<Shared>,
}

struct Shared {
    settings: RedisConfig,
    keys: Keys,
    queue: Queue,
    presence: Arc<Presence>,
    counters: Arc<Counters>,
    publishes: bool,
    /// The connection, while there is one.
    connection: parking_lot::Mutex<Option<Commands>>,
}

impl RedisStore {
    /// Connects in the background, and for ever again.
    pub(super) fn open(
        settings: RedisConfig,
        publishes: bool,
        presence: Arc<Presence>,
        counters: Arc<Counters>,
    ) -> Self {
        let keys = Keys::new(&settings);
        let shared = Shared {
            settings,
            keys,
            queue: Queue::default(),
            presence,
            counters,
            publishes,
            connection: parking_lot::Mutex::default(),
        };
        shared.queue.pause(); // until there is a connection
        let shared = Arc::new(shared);
        tokio::spawn(Writer::new(shared.clone()).run());
        Self { shared }
    }
}

impl Store for RedisStore {
    fn save(&self, channel: &ChannelName, _: &Members) {
        self.shared.queue.mark(channel);
    }

    fn read<'a>(&'a self, channel: &'a ChannelName) -> BoxFuture<'a, Option<Vec<Value>>> {
        Box::pin(async move {
            let deadline = Instant::now() + READ;
            if !self.shared.queue.settled(channel, READ).await {
                return None;
            }
            let mut connection = self.shared.connection.lock().clone()?;
            let key = self.shared.keys.list(channel);
            let text = tokio::time::timeout_at(deadline, lists::get(&mut connection, &key)).await.ok()?.ok()?;
            // No key is an empty list; what is no list is nobody's.
            text.map_or(Some(Vec::new()), |text| serde_json::from_str(&text).ok())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.queue.close())
    }
}

/// The one task that writes.
struct Writer {
    shared: Arc<Shared>,
    lease: Lease,
    /// Channels with a part of ours in Redis.
    ours: HashSet<ChannelName>,
    /// The list of each channel as it was last published, when lists are published.
    published: HashMap<ChannelName, String>,
    lost_since: Option<Instant>,
    /// A refusal of Redis has been logged since the last success.
    complained: bool,
}

impl Writer {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            lease: Lease::new(),
            shared,
            ours: HashSet::new(),
            published: HashMap::new(),
            lost_since: None,
            complained: false,
        }
    }

    async fn run(mut self) {
        let shared = self.shared.clone();
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        loop {
            let connection = tokio::select! {
                connection = redis_client::commands(&shared.settings) => connection,
                () = shared.queue.closing() => break,
            };
            let error = match connection {
                Err(error) => error,
                Ok(connection) => match self.serve(connection, &mut backoff).await {
                    Ok(()) => break,
                    Err(error) => error,
                },
            };
            shared.connection.lock().take();
            shared.queue.pause();
            shared.counters.state.redis_presence.set(false);
            if self.lost_since.is_none() {
                let redis = &shared.settings.nodes;
                tracing::error!(?redis, %error, "presence lists are not written: Redis cannot be reached");
                self.lost_since = Some(Instant::now());
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.wait()) => {}
                () = shared.queue.closing() => break,
            }
        }
        shared.queue.closed();
    }

    /// Writes until the store is closed, or until the connection is lost.
    async fn serve(&mut self, mut redis: Commands, backoff: &mut Backoff) -> Result<(), RedisError> {
        let shared = self.shared.clone();
        self.lease.renew(&mut redis, &shared.keys).await?;
        self.lease.bury_the_dead(&mut redis, &shared.keys).await?;
        *shared.connection.lock() = Some(redis.clone());
        backoff.reset();
        shared.counters.state.redis_presence.set(true);
        if let Some(since) = self.lost_since.take() {
            tracing::warn!(
                gap_ms = since.elapsed().as_millis() as u64,
                "Redis is back; every presence list is written anew"
            );
        }
        shared.queue.resume(); // the first task is to write everything
        let mut renewal = interval(lease::RENEWAL);
        renewal.reset();
        loop {
            let task = tokio::select! {
                task = shared.queue.next() => task,
                _ = renewal.tick() => {
                    if self.lease.renew(&mut redis, &shared.keys).await? == lease::Renewed::WasLost {
                        self.write_all(&mut redis).await?; // the others have taken our members out
                    }
                    self.lease.bury_the_dead(&mut redis, &shared.keys).await?;
                    continue;
                }
            };
            match task {
                Task::Write(channel) => {
                    let written = self.write(&mut redis, &channel, Whose::Present).await;
                    shared.queue.written();
                    written?;
                }
                Task::WriteAll => self.write_all(&mut redis).await?,
                Task::Close => {
                    for channel in std::mem::take(&mut self.ours) {
                        self.write(&mut redis, &channel, Whose::Nobody).await?;
                    }
                    return self.lease.give_up(&mut redis, &shared.keys).await;
                }
            }
        }
    }

    async fn write_all(&mut self, redis: &mut Commands) -> Result<(), RedisError> {
        let mut channels = self.ours.clone();
        channels.extend(self.shared.presence.channels());
        for channel in channels {
            self.write(redis, &channel, Whose::Present).await?;
        }
        Ok(())
    }

    /// Writes our part of a channel and the list made of all parts. An error means that the connection is lost; a refusal of
    /// Redis is counted and logged, and the next change tries again.
    async fn write(&mut self, redis: &mut Commands, channel: &ChannelName, whose: Whose) -> Result<(), RedisError> {
        let members = match whose {
            Whose::Present => self.shared.presence.stored(channel),
            Whose::Nobody => Vec::new(),
        };
        let is_empty = members.is_empty();
        let part = Value::Array(members).to_string();
        let keys = self.shared.keys.clone();
        if !is_empty && !self.ours.contains(channel) {
            self.note(self.lease.own(redis, &keys, channel).await)?;
            self.ours.insert(channel.clone());
        }
        let list = lists::replace(redis, &keys, channel, self.lease.node(), &part, &self.lease).await;
        let Some(list) = self.note(list)? else { return Ok(()) };
        if is_empty {
            self.ours.remove(channel);
            self.note(self.lease.disown(redis, &keys, channel).await)?;
        }
        if self.shared.publishes {
            self.publish(redis, channel, list).await?;
        }
        Ok(())
    }

    /// `publishPresence`: the old server published at every write of a list, twice per change: at a join without and with the
    /// newcomer, at a leave twice without who left.
    async fn publish(&mut self, redis: &mut Commands, channel: &ChannelName, list: String) -> Result<(), RedisError> {
        let before = self.published.remove(channel).unwrap_or_else(|| "[]".into());
        let first = if list.len() > before.len() { &before } else { &list };
        for list in [first, &list] {
            self.note(lists::announce(redis, channel, list).await)?;
        }
        if list != "[]" {
            self.published.insert(channel.clone(), list);
        }
        Ok(())
    }

    /// Sorts an answer: done, refused (which is told once until something is done again), or the connection is lost.
    fn note<T>(&mut self, answer: Result<T, RedisError>) -> Result<Option<T>, RedisError> {
        match answer {
            Ok(done) => {
                self.complained = false;
                Ok(Some(done))
            }
            Err(error) if is_lost(&error) => Err(error),
            Err(error) => {
                self.shared.counters.refused_presence_writes.add();
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::error!(%error, "Redis refused to write a presence list");
                }
                Ok(None)
            }
        }
    }
}

/// Whose members are written.
#[derive(Clone, Copy)]
enum Whose {
    /// Those who are on the channel now.
    Present,
    /// The process ends: nobody's.
    Nobody,
}
