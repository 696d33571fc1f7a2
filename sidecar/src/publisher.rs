//! The one door: every event enters here, whatever source it came from.

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

use crate::{
    channel::{ChannelName, start_of},
    cluster::Cluster,
    config::{Limits, Live},
    counters::{Counter, Counters},
    devlog::DevLog,
    edge::{Packet, packet::is_reserved},
    hub::{Done, Follower, Hub, Later, Tally, To},
    once::Once,
    recovery::Doubt,
    seen::{Ledger, Met},
    tail::{Outcome, Tail},
};

#[cfg(test)]
mod doubt_tests;
mod entrance;
mod event;
#[cfg(test)]
mod tests;
mod travel;
mod trip;

pub use event::{Came, Publish, PublishError, Source};

use entrance::Entrance;
use travel::Travel;
use trip::Trip;

/// What is told of an event that a killed sidecar has begun to emit.
const IN_DOUBT: &str = "the last sidecar was killed while it emitted this event";

/// Accepts events and hands them to the hub.
pub struct Publisher {
    hub: Arc<Hub>,
    settings: Live,
    counters: Arc<Counters>,
    dev: DevLog,
    tail: Arc<Tail>,
    entrance: Entrance,
    refused: Once,
    cluster: Option<Arc<Cluster>>,
}

impl Publisher {
    /// A door to `hub`.
    pub fn new(hub: Arc<Hub>, settings: impl Into<Live>, counters: Arc<Counters>, dev: DevLog) -> Self {
        let (tail, entrance, refused) = Default::default();
        Self { hub, settings: settings.into(), counters, dev, tail, entrance, refused, cluster: None }
    }

    /// The door of one node among several: the others hear of what comes in.
    pub fn in_cluster(self, cluster: Option<Arc<Cluster>>) -> Self {
        Self { cluster, ..self }
    }

    /// Where each event's road is told.
    pub fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    /// The bounds that are checked here.
    pub fn limits(&self) -> Limits {
        self.settings.limits()
    }

    /// Emits one event to the subscribers of its channels; how many there are, a socket on two of them counted twice.
    ///
    /// When this returns, the event has been handed to every socket that was subscribed on this node; in a cluster it may still wait
    /// for its turn, see [`Publisher::told`].
    ///
    /// # Errors
    /// [`PublishError`] when the event is not valid or over a limit; nothing was emitted then.
    pub fn publish(&self, publish: &Publish<'_>) -> Result<u32, PublishError> {
        let mut later = Later::default();
        let subscribers = self.publish_later(publish, &mut later);
        self.settle(&mut later);
        subscribers
    }

    /// As [`Publisher::publish`], but the event may still be waiting, some milliseconds at most, for others that can be written
    /// together with it. Whoever has to know that it has been written calls [`Publisher::settle`].
    ///
    /// # Errors
    /// [`PublishError`] when the event is not valid or over a limit; nothing is emitted then.
    pub fn publish_later(&self, publish: &Publish<'_>, later: &mut Later) -> Result<u32, PublishError> {
        self.publish_after(publish, None, later)
    }

    /// As [`Publisher::publish_later`], after what a sidecar of another node had `done` of the event before it was killed.
    ///
    /// # Errors
    /// [`PublishError`] when the event is not valid or over a limit; nothing is emitted then.
    pub fn publish_after(
        &self,
        publish: &Publish<'_>,
        done: Option<Doubt>,
        later: &mut Later,
    ) -> Result<u32, PublishError> {
        let mut road = Travel::begin(publish);
        self.check(publish).inspect_err(|error| {
            self.refused(publish.source).add();
            if let Some(bound) = error.bound() {
                bound.counter(&self.counters).add();
            }
            let channel = publish.channels.first().copied().unwrap_or_default();
            self.log_refused(publish.source, channel, error);
            self.tell(publish, &road, Outcome::Refused, Some(error.to_string()));
        })?;
        let part = publish.channels.first().copied().filter(|_| publish.source == Source::Redis);
        let (met, _entering) = publish.id.map(|id| self.entrance.meet(id, part)).unzip();
        let (emitting, done) = match met {
            None => (None, Done::Nothing),
            Some(Met::Never(emitting)) => (Some(emitting), done.map_or(Done::Nothing, Done::Elsewhere)),
            Some(Met::Before(done)) => {
                self.counters.duplicates.add();
                self.relay(publish, done, later); // the sidecar that emitted it may have died before it told the others
                self.came_twice(publish);
                // It may be waiting still.
                self.hub.settle_all();
                self.tell(publish, &road, Outcome::Duplicate, Some("its id was published before".into()));
                return Ok(0);
            }
            Some(Met::InDoubt(emitting, doubt)) => {
                self.counters.in_doubt.add();
                self.came_twice(publish);
                let event = start_of(publish.event);
                // What comes by Redis has had its place there.
                match doubt.filter(|_| publish.source != Source::Redis) {
                    Some(doubt) => {
                        tracing::warn!(id = ?publish.id, event, "in doubt: the last sidecar was killed while it emitted this event; \
                            repeated to those clients alone that have not heard it for certain");
                        (Some(emitting), Done::Some(doubt))
                    }
                    None => {
                        tracing::warn!(id = ?publish.id, event, "in doubt: the last sidecar was killed while it emitted this event; \
                            not repeated");
                        self.relay(publish, None, later);
                        self.tell(publish, &road, Outcome::InDoubt, Some(IN_DOUBT.into()));
                        return Ok(0);
                    }
                }
            }
        };
        match publish.came_as {
            Some(channel) => self.dev.event(channel, publish.event),
            None if self.dev.is_on() => self.dev.event(&publish.channels.join(", "), publish.event),
            None => {}
        }
        road.accepted();
        let in_doubt = if let Done::Some(doubt) = done { Some(doubt) } else { None };
        let known = in_doubt.map_or((Outcome::Nobody, None), |_| (Outcome::InDoubt, Some(IN_DOUBT.to_owned())));
        let trip = Arc::new(Trip::begin(self, publish, road, known, emitting));
        let packet = |channel: &str| Packet::on_channel(publish.event, channel, publish.data);
        let ours = self.cluster.as_ref().filter(|cluster| match publish.source {
            Source::Unix | Source::Http => true,
            Source::Redis => cluster.places(),
            Source::Cluster => false,
        });
        let subscribers = match ours {
            None => {
                // In a cluster every channel has its part of the event's place, whether somebody here is on it or not.
                let all = publish.channels.iter().enumerate();
                let there = all.filter(|(_, channel)| self.cluster.is_some() || self.hub.has(channel));
                let packets = there.map(|(stop, channel)| (stop, *channel, packet(channel)));
                emit_all(&self.hub, packets, To { except: publish.except, done }, &trip, later)
            }
            Some(cluster) => {
                let subscribers = publish.channels.iter().map(|channel| self.hub.count(channel)).sum::<usize>();
                let own = |channel: &&str| ((*channel).to_owned(), packet(channel));
                let packets: Vec<(String, Packet)> = publish.channels.iter().map(own).collect();
                let (hub, except, had) = (self.hub.clone(), publish.except.map(ToOwned::to_owned), Arc::default());
                later.ordered.push(Arc::clone(&had));
                let emit = move || {
                    let all = packets.iter().enumerate();
                    let packets = all.map(|(stop, (channel, packet))| (stop, channel.as_str(), packet.clone()));
                    emit_all(&hub, packets, To { except: except.as_deref(), done }, &trip, &mut had.lock());
                };
                if publish.source == Source::Redis {
                    cluster.overhear(publish, emit);
                } else {
                    later.told = cluster.publish(publish, in_doubt, emit);
                }
                u32::try_from(subscribers).unwrap_or(u32::MAX)
            }
        };
        if in_doubt.is_none() {
            self.accepted(publish.source).add();
        }
        Ok(subscribers)
    }

    /// Has everything written that waits on these channels.
    pub fn settle(&self, later: &mut Later) {
        self.hub.settle(later);
    }

    /// Tells the other nodes only. What comes from Redis they get there themselves.
    fn relay(&self, publish: &Publish<'_>, done: Option<Doubt>, later: &mut Later) {
        if let (Some(cluster), Source::Unix | Source::Http) = (&self.cluster, publish.source) {
            later.told = cluster.publish(publish, done, || {});
        }
    }

    /// An event came by two roads, one of them Redis, and other nodes may have taken it from the other one.
    fn came_twice(&self, publish: &Publish<'_>) {
        let Some(cluster) = self.cluster.as_ref().filter(|cluster| cluster.places()) else { return };
        let by_redis = publish.source == Source::Redis;
        if by_redis || publish.id.is_some_and(|id| self.entrance.is_in_parts(id)) {
            publish.channels.iter().for_each(|channel| self.hub.unplaced(channel));
        }
        if by_redis {
            cluster.overhear(publish, || {});
        }
    }

    /// Legacy publishers on Redis are heard; by a Redis Cluster or not.
    pub fn overhears(&self, is_cluster: bool) {
        self.cluster.iter().for_each(|cluster| cluster.overhears(is_cluster));
    }

    /// What is to be waited for while more of legacy publishers has been heard than may wait for its place.
    pub fn hears_too_much(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let cluster = self.cluster.clone().filter(|cluster| cluster.hears_too_much())?;
        Some(async move { cluster.can_hear_more().await })
    }

    /// Waits until a receipt may be given for these events: they have been written, and other nodes can hear of them whatever
    /// becomes of this one.
    pub async fn told(&self, later: &mut Later) {
        self.told_others(later).await;
        self.settle(later);
    }

    /// The half of [`Publisher::told`] that waits: other nodes can hear of them.
    pub async fn told_others(&self, later: &mut Later) {
        let seq = std::mem::take(&mut later.told);
        if let Some(cluster) = self.cluster.as_ref().filter(|_| seq > 0) {
            cluster.told(seq).await;
        }
    }

    /// Tells whoever watches what became of an event.
    fn tell(&self, publish: &Publish<'_>, road: &Travel, outcome: Outcome, reason: Option<String>) {
        if self.tail.wants(publish.came.trace) {
            self.tail.tell_road(road.told(publish, outcome, reason));
        }
    }

    /// Remembers in this ledger, and what is in it.
    pub fn resume(&self, ledger: Ledger) {
        self.entrance.resume(ledger);
    }

    /// Notes for the next sidecar how many subscriptions there are.
    pub fn note_subscriptions(&self) {
        self.entrance.set_subscriptions(&self.hub.tally().read());
    }

    /// The subscriptions that there are.
    pub fn subscriptions(&self) -> &Tally {
        self.hub.tally()
    }

    /// Tells why something on `channel` is no event at all, in the log and to whoever watches.
    pub fn say_refused(&self, source: Source, channel: &str, reason: impl fmt::Display) {
        let nothing = Publish {
            source,
            id: None,
            channels: vec![channel],
            event: "",
            data: RawValue::NULL,
            except: None,
            came_as: None,
            came: Came::now(),
        };
        self.tell(&nothing, &Travel::begin(&nothing), Outcome::Refused, Some(reason.to_string()));
        self.log_refused(source, channel, reason);
    }

    /// As a warning the first time on each channel, later for debugging only.
    fn log_refused(&self, source: Source, channel: &str, reason: impl fmt::Display) {
        let channel = start_of(channel);
        if self.refused.is_first(&channel) {
            tracing::warn!(?source, channel, %reason, "event refused; more of them on this channel are only counted");
        } else {
            tracing::debug!(?source, channel, %reason, "event refused");
        }
    }

    fn check(&self, publish: &Publish<'_>) -> Result<(), PublishError> {
        let settings = self.settings.read();
        let limits = &settings.limits;
        let (count, max) = (publish.channels.len(), limits.channels_per_event);
        if count == 0 {
            return Err(PublishError::NoChannel);
        }
        if count > max {
            return Err(PublishError::TooManyChannels { count, max });
        }
        let (len, max) = (publish.event.len(), limits.event_name);
        // Redis has nobody to tell, and browsers were sent such events by laravel-echo-server.
        if len == 0 && !matches!(publish.source, Source::Redis | Source::Cluster) {
            return Err(PublishError::NoEvent);
        }
        if len > max {
            return Err(PublishError::EventTooLong { start: start_of(publish.event), len, max });
        }
        if is_reserved(publish.event) {
            return Err(PublishError::Reserved(publish.event.into()));
        }
        let (len, max) = (publish.data.get().len(), limits.data);
        if len > max {
            return Err(PublishError::DataTooLarge { len, max });
        }
        publish.channels.iter().try_for_each(|name| ChannelName::check(limits, name))?;
        Ok(())
    }

    fn accepted(&self, source: Source) -> &Counter {
        match source {
            Source::Unix => &self.counters.published_unix,
            Source::Redis => &self.counters.published_redis,
            Source::Http => &self.counters.published_http,
            Source::Cluster => &self.counters.published_cluster,
        }
    }

    fn refused(&self, source: Source) -> &Counter {
        match source {
            Source::Unix => &self.counters.refused_unix,
            Source::Redis => &self.counters.refused_redis,
            Source::Http => &self.counters.refused_http,
            Source::Cluster => &self.counters.refused_cluster,
        }
    }
}

/// Hands an event to the subscribers of its channels; how many there are.
fn emit_all<'a>(
    hub: &Hub,
    packets: impl Iterator<Item = (usize, &'a str, Packet)>,
    to: To<'_>,
    trip: &Arc<Trip>,
    later: &mut Later,
) -> u32 {
    let emit = |(stop, channel, packet): (usize, &str, Packet)| {
        let follower = Some((trip.clone() as Arc<dyn Follower>, stop));
        hub.emit_later(channel, &packet, to, follower, later)
    };
    packets.map(emit).sum()
}
