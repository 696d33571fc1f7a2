//! The HTTP API: what laravel-echo-server answered, byte for byte where anybody could rely on it.
//!
//! [`route`] reads the path, [`key`] decides who may, [`event`] reads a published event, [`reply`] writes answers. The key is
//! looked at before the body: without one, any body is harmless. Nothing a request holds is fatal.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::{
    bounds::{Bound, Refusals},
    channel::ChannelName,
    cluster::Cluster,
    config::{Config, Live},
    hub::{Hub, Later},
    presence::Presence,
    publisher::Publisher,
    session::Clients,
    store::Store,
};

mod body;
mod event;
mod key;
pub(crate) mod memory;
mod query;
mod reply;
mod route;
#[cfg(test)]
mod tests;

use reply::{Failure, Replies, Reply};
use route::{Endpoint, Route};

/// What the API reads and publishes to.
pub struct Parts {
    /// Settings: clients, CORS, headers.
    pub config: Live,
    /// Channels and their subscribers.
    pub hub: Arc<Hub>,
    /// Presence members of this node.
    pub presence: Arc<Presence>,
    /// Presence members as everybody else reads them.
    pub store: Arc<dyn Store>,
    /// The other nodes, where there are any.
    pub cluster: Option<Arc<Cluster>>,
    /// Connected sockets.
    pub clients: Arc<Clients>,
    /// The one door.
    pub publisher: Arc<Publisher>,
    /// Who is over a bound.
    pub refusals: Arc<Refusals>,
}

/// Answers every request that is not Socket.IO's.
pub struct Api {
    parts: Parts,
    replies: ArcSwap<Replies>,
    started: Instant,
}

impl Api {
    /// An API whose `uptime` counts from now.
    pub fn new(parts: Parts) -> Self {
        let replies = ArcSwap::from_pointee(Replies::new(&parts.config.read()));
        Self { parts, replies, started: Instant::now() }
    }

    /// Answers with these headers from now on.
    pub fn change(&self, config: &Config) {
        self.replies.store(Arc::new(Replies::new(config)));
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Error: Display> + Send,
        B::Data: Send,
    {
        let (head, body) = request.into_parts();
        let reply = match route::parse(head.uri.path()) {
            None => Err(Failure::NotFound),
            Some(Err(route::BadEscape)) => Err(Failure::BadEscape),
            Some(Ok(Route { endpoint: Endpoint::Events, .. })) if !self.parts.config.read().http_source => {
                Err(Failure::NotFound)
            }
            Some(Ok(route)) if head.method == Method::OPTIONS => Ok(Reply::Allow(route.endpoint.methods())),
            Some(Ok(route)) if !route.endpoint.takes(&head.method) => Err(Failure::NotFound),
            Some(Ok(Route { endpoint: Endpoint::Root, .. })) => Ok(Reply::Text("OK")),
            Some(Ok(route)) => self.with_key(&head, route, body).await,
        };
        self.replies.load().write(&head, reply)
    }

    async fn with_key<B>(&self, head: &http::request::Parts, route: Route, body: B) -> Result<Reply, Failure>
    where
        B: hyper::body::Body<Error: Display> + Send,
        B::Data: Send,
    {
        let pass = key::check(&self.parts.config.read().clients, &route.app, head).ok_or(Failure::Unauthorized)?;
        match route.endpoint {
            Endpoint::Root => Ok(Reply::Text("OK")),
            Endpoint::Status => Ok(Reply::Json(self.status().await)),
            Endpoint::Channels => Ok(Reply::Json(self.channels(head.uri.query()).await)),
            Endpoint::Channel(name) => Ok(Reply::Json(self.channel(&name).await)),
            Endpoint::Users(name) => self.users(&name).await,
            Endpoint::Events => {
                let most = self.parts.publisher.limits().data;
                let body = body::read(body, most).await.inspect_err(|failure| {
                    if matches!(failure, Failure::BodyTooLarge { .. }) {
                        self.parts.refusals.over(Bound::Data, most, &route.app);
                    }
                })?;
                if !pass.covers(&body) {
                    return Err(Failure::Unauthorized);
                }
                self.publish(&body, trace(&head.headers)).await
            }
        }
    }

    async fn status(&self) -> Value {
        json!({
            "subscription_count": self.parts.clients.count() as u64 + self.elsewhere(None).await.0,
            "uptime": self.started.elapsed().as_secs_f64(),
            "memory_usage": memory::usage(),
        })
    }

    async fn channels(&self, query: Option<&str>) -> Value {
        // Given more than once it was an array, which JavaScript compared as its elements with commas between.
        let prefix = query::values(query, "filter_by_prefix").collect::<Vec<_>>().join(",");
        let mut counts: BTreeMap<String, u64> = self.elsewhere(Some(&prefix)).await.1.into_iter().collect();
        for (name, count) in self.parts.hub.channels(&prefix) {
            *counts.entry(name.as_str().to_owned()).or_default() += count as u64;
        }
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        let channels: Map<String, Value> =
            counts.map(|(name, count)| (name, json!({"subscription_count": count, "occupied": true}))).collect();
        json!({ "channels": channels })
    }

    /// Sockets of the other nodes, and their subscribers of channels whose names start with `prefix`.
    async fn elsewhere(&self, prefix: Option<&str>) -> (u64, HashMap<String, u64>) {
        match &self.parts.cluster {
            Some(cluster) => cluster.count(prefix).await,
            None => (0, HashMap::new()),
        }
    }

    async fn channel(&self, name: &str) -> Value {
        let elsewhere = self.elsewhere(Some(name)).await.1.get(name).copied().unwrap_or_default();
        let count = self.parts.hub.count(name) as u64 + elsewhere;
        let mut answer = json!({"subscription_count": count, "occupied": count > 0});
        if let Some(channel) = self.presence_channel(name) {
            answer["user_count"] = crate::presence::users(&self.members(&channel).await).len().into();
        }
        answer
    }

    async fn users(&self, name: &str) -> Result<Reply, Failure> {
        if !name.starts_with("presence-") {
            return Err(Failure::NotPresence);
        }
        let users = match self.presence_channel(name) {
            Some(channel) => crate::presence::users(&self.members(&channel).await),
            None => Vec::new(),
        };
        Ok(Reply::Json(json!({ "users": users })))
    }

    fn presence_channel(&self, name: &str) -> Option<ChannelName> {
        let channel = ChannelName::parse(name, self.parts.config.limits().channel_name).ok()?;
        channel.is_presence().then_some(channel)
    }

    /// Who is on the channel: in a cluster every node knows; else what the store tells, which other nodes write to as well, and
    /// in any case who is here.
    async fn members(&self, channel: &ChannelName) -> Vec<Value> {
        if self.parts.cluster.is_some() {
            return self.parts.presence.all(channel);
        }
        let stored = self.parts.store.read(channel).await;
        let here = self.parts.presence.stored(channel);
        let Some(mut members) = stored else { return here };
        for member in here {
            if !members.iter().any(|known| known.get("socketId") == member.get("socketId")) {
                members.push(member);
            }
        }
        members
    }

    async fn publish(&self, body: &[u8], trace: &str) -> Result<Reply, Failure> {
        let mut later = Later::default();
        {
            let text = String::from_utf8_lossy(body);
            let event = event::parse(&text).map_err(Failure::Event)?;
            if !event.channels.is_empty() {
                self.parts.publisher.publish_later(&event.publish(trace), &mut later).map_err(Failure::Publish)?;
            }
        }
        self.parts.publisher.told(&mut later).await;
        Ok(Reply::Json(json!({"message": "ok"})))
    }
}

/// The `traceparent` of a publish; one that is no text, or longer than any other source may send, is none.
fn trace(headers: &HeaderMap) -> &str {
    let value = headers.get("traceparent").and_then(|value| value.to_str().ok());
    value.filter(|text| text.len() <= rustecho_wire::limits::MAX_SHORT_LEN).unwrap_or_default()
}

/// What a request may hold, whatever it is. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(event) = event::parse(&text) {
        assert!(event.channels.len() <= input.len());
    }
    let _ = route::parse(&text);
    assert!(query::values(Some(&text), "auth_key").count() <= input.len() + 1);
}

/// What says who asks and for which trace, one a line: `Authorization`, `traceparent`, and the URL. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz_head(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n');
    let [authorization, traceparent, url] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    crate::otel::fuzz(traceparent);
    key::fuzz(authorization, url);
}

impl Failure {
    /// The status it is answered with.
    fn status(&self) -> StatusCode {
        use crate::publisher::PublishError;
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadEscape | Self::NotPresence | Self::Event(_) | Self::BodyBroken(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::FORBIDDEN,
            Self::BodyTooLarge { .. } | Self::Publish(PublishError::DataTooLarge { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Publish(_) => StatusCode::BAD_REQUEST,
        }
    }
}
