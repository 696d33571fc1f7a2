//! The Redis source: `PSUBSCRIBE <keyPrefix>*`, as laravel-echo-server did, kept up for ever.

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::{sync::watch, time::Instant};

use super::backoff::Backoff;
use crate::{
    config::RedisConfig,
    counters::Counters,
    devlog::DevLog,
    hub::Later,
    publisher::{Came, Publish, Publisher, Source},
    redis_client::{self, Hears, OnMessage, Wait},
    server::stopped,
};

/// What Laravel's Redis broadcaster publishes. Other keys are ignored; a `socket` inside `data` has no meaning.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    /// A string, null, absent, or anything an odd publisher puts there.
    #[serde(default)]
    socket: Value,
    /// The id of an event that was meant for the Unix socket, from our own package (`on_failure` `redis`).
    #[serde(default)]
    rustecho_id: Value,
}

impl<'a> Message<'a> {
    /// Reads an object; none of anything else.
    fn parse(payload: &'a [u8]) -> Option<Self> {
        // serde would take a list for the fields in their order.
        payload.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(payload).ok())?
    }
}

/// What Redis brings, whatever it is: a prefix, a zero, a channel's full name, a zero, a message. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let (prefix, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (prefix, name) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(name));
    assert!(without_prefix(&name, &prefix).len() <= name.len());
    if let Some(message) = Message::parse(parts.next().unwrap_or_default()) {
        assert!(message.data.is_none_or(|data| data.get().len() <= input.len()));
    }
}

/// The channel without the prefix. A prefix with `*` or `?` in it works as a pattern, and what it matched is cut off by its
/// length, as laravel-echo-server had it.
fn without_prefix<'a>(full_name: &'a str, prefix: &str) -> &'a str {
    full_name.strip_prefix(prefix).unwrap_or_else(|| {
        let cut = full_name.char_indices().nth(prefix.chars().count());
        cut.map_or("", |(at, _)| &full_name[at..])
    })
}

/// How often a subscription is tried out.
const PING: Duration = Duration::from_secs(5);
/// How long the answer may take.
const PONG: Duration = Duration::from_secs(5);

/// Waits until the server at the other end stops answering: one that hangs, or whose machine is gone, closes nothing.
async fn silence(mut pings: redis::aio::PubSubSink) -> redis::RedisError {
    loop {
        tokio::time::sleep(PING).await;
        match tokio::time::timeout(PONG, pings.ping::<redis::Value>()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error,
            Err(_) => return (redis::ErrorKind::Io, "no answer to a ping within 5 s").into(),
        }
    }
}

/// Listens to Redis and publishes what arrives.
#[derive(Clone)]
pub struct RedisSource {
    /// How to reach it.
    pub settings: RedisConfig,
    /// The one door.
    pub publisher: Arc<Publisher>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// What is printed in `devMode`.
    pub dev: DevLog,
}

impl Hears for RedisSource {
    fn message(&self, channel: &str, payload: &[u8]) {
        self.publish(channel, payload);
    }

    fn wait(&self) -> Option<Wait> {
        self.publisher.hears_too_much().map(|wait| Box::pin(wait) as Wait)
    }
}

impl RedisSource {
    /// Runs until `stop` changes. `ready` becomes true with the first subscription.
    pub async fn run(self, ready: watch::Sender<bool>, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let mut lost_since: Option<Instant> = None;
        loop {
            let listening = self.listen(&ready, &mut backoff, &mut lost_since);
            let error = tokio::select! {
                error = listening => error,
                () = stopped(&mut stop) => return,
            };
            self.counters.state.redis.set(false);
            let wait = backoff.wait();
            if lost_since.is_none() {
                self.counters.redis_lost.add();
                let redis = &self.settings.nodes;
                tracing::error!(?redis, %error, "Redis cannot be reached; events published there are missed until it can");
                lost_since = Some(Instant::now());
            } else {
                tracing::debug!(%error, ?wait, "Redis still cannot be reached");
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Subscribes and publishes until the connection breaks; why it did.
    async fn listen(
        &self,
        ready: &watch::Sender<bool>,
        backoff: &mut Backoff,
        lost_since: &mut Option<Instant>,
    ) -> redis::RedisError {
        let pattern = format!("{}*", self.settings.key_prefix);
        let on_message: OnMessage = Arc::new(self.clone());
        let (pings, mut messages) = match redis_client::subscribe(&self.settings, &pattern, &on_message).await {
            Ok(subscription) => subscription.split(),
            Err(error) => return error,
        };
        backoff.reset();
        if let Some(since) = lost_since.take() {
            let gap_ms = since.elapsed().as_millis() as u64;
            tracing::warn!(gap_ms, pattern, "Redis is back; events published there in the meantime were missed");
        } else {
            tracing::info!(redis = ?self.settings.nodes, pattern, "listening to Redis");
        }
        self.counters.state.redis.set(true);
        ready.send_replace(true);
        let receiving = async {
            while let Some(message) = messages.next().await {
                // The crate's own word for a name that is no text is a name, too.
                let channel: Vec<u8> = message.get_channel().unwrap_or_default();
                match std::str::from_utf8(&channel) {
                    Ok(name) => self.publish(name, message.get_payload_bytes()),
                    Err(_) => self.refuse(&String::from_utf8_lossy(&channel), "the channel's name is not UTF-8"),
                }
                tokio::task::consume_budget().await; // a flood on Redis must not starve the sockets
                if let Some(wait) = self.publisher.hears_too_much() {
                    wait.await;
                }
            }
            redis::RedisError::from((redis::ErrorKind::Io, "the connection was closed"))
        };
        tokio::select! {
            error = receiving => error,
            error = silence(pings) => error,
        }
    }

    fn refuse(&self, channel: &str, why: &str) {
        self.counters.refused_redis_messages.add();
        self.publisher.say_refused(Source::Redis, channel, why);
    }

    fn publish(&self, full_name: &str, payload: &[u8]) {
        let came = Came::now();
        let channel = without_prefix(full_name, &self.settings.key_prefix);
        let Some(message) = Message::parse(payload) else {
            self.dev.no_json();
            self.refuse(channel, "it is not JSON with an event name in `event`");
            return;
        };
        let publish = Publish {
            source: Source::Redis,
            id: message.rustecho_id.as_str().and_then(|id| id.parse().ok()),
            channels: vec![channel],
            event: &message.event,
            data: message.data.unwrap_or(RawValue::NULL),
            except: message.socket.as_str().filter(|socket| !socket.is_empty()),
            came_as: Some(full_name),
            came,
        };
        // A refusal has been counted and logged at the door; Redis has nobody to tell it to.
        let _ = self.publisher.publish_later(&publish, &mut Later::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_cut_off_by_its_length_even_when_it_is_a_pattern() {
        assert_eq!(without_prefix("app_orders", "app_"), "orders");
        assert_eq!(without_prefix("orders", ""), "orders");
        assert_eq!(without_prefix("äpp_orders", "?pp_"), "orders");
        assert_eq!(without_prefix("abc", "*?????"), "");
    }

    fn read(payload: &str) -> Option<(String, Option<String>, Option<String>)> {
        let message = Message::parse(payload.as_bytes())?;
        let data = message.data.map(|data| data.get().to_owned());
        Some((message.event.into_owned(), data, message.socket.as_str().map(str::to_owned)))
    }

    #[test]
    fn the_messages_of_every_laravel_are_understood() {
        let event = |data: Option<&str>, socket: Option<&str>| {
            Some(("E".to_owned(), data.map(str::to_owned), socket.map(str::to_owned)))
        };
        assert_eq!(read(r#"{"event":"E","data":{"n":1.0},"socket":"a"}"#), event(Some(r#"{"n":1.0}"#), Some("a")));
        assert_eq!(read(r#" {"event":"E","data":{"socket":"a"}} "#), event(Some(r#"{"socket":"a"}"#), None));
        assert_eq!(read(r#"{"event":"E","data":[],"socket":null,"other":{}}"#), event(Some("[]"), None));
        assert_eq!(read(r#"{"event":"E"}"#), event(None, None));
        assert_eq!(read(r#"{"event":"E","socket":7}"#), event(None, None));
    }

    #[test]
    fn anything_else_is_no_event() {
        let updated = r#"{"event":{"channel":"presence-x:members","members":[]}}"#;
        for payload in
            ["", "null", "5", r#""str""#, "[]", r#"["a"]"#, r#"["a",1,"b"]"#, "{}", r#"{"data":1}"#, "{", updated]
        {
            assert_eq!(read(payload), None, "{payload}");
        }
    }
}
