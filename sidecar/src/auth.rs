//! Asks Laravel whether a socket may have a guarded channel: the only part of the sidecar that makes HTTP requests.
//!
//! One `POST {authHost}{authEndpoint}` per subscription (the same question asked twice at one time is asked once) with `channel_name=<name>` as a form, the client's own `auth.headers`
//! and the visitor's cookie. Only status 200 is consent. Redirects are not followed, the time is bounded, and so is the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Map, Value};

use crate::{
    bounds::{Bound, Refusals},
    channel::{ChannelName, start_of},
    config::{Config, Limits, Live},
    counters::Counters,
    devlog::DevLog,
    edge::{Handshake, SocketId},
    once::Once,
};

mod flights;
mod headers;
mod host;
mod question;
mod turns;

use flights::Flights;
pub use flights::Wanted;
use question::Question;
use turns::{Asking, Said, Turn, Turns};

/// One question to Laravel.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The socket that asks.
    pub who: SocketId,
    /// The channel that is wanted.
    pub channel: ChannelName,
    /// The opening request of the socket.
    pub handshake: Handshake,
    /// `auth` of the client's subscribe request, of any JSON type.
    pub auth: Value,
    /// Whether somebody still waits for the answer when it is this question's turn.
    pub wanted: Wanted,
}

/// Laravel's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Yes; for a presence channel with the member it named.
    Granted(Option<Map<String, Value>>),
    /// No, with this HTTP status and the start of the answer.
    Denied(u16, String),
    /// Laravel could not be asked, or its answer made no sense.
    Failed(String),
    /// Its answer is too large; the sentence names the bound.
    Oversized(String),
    /// Too much else is asked at the moment; the sentence names the bound.
    Busy(String),
    /// The client's `auth.headers` are of a type that cannot be headers: the status told is `null`.
    NoQuestion,
}

/// Decides about guarded channels.
pub trait Authorizer: Send + Sync + 'static {
    /// Asks; always answers within a bounded time.
    fn authorise(&self, ask: Ask) -> BoxFuture<'_, Verdict>;

    /// Where a socket with this opening request makes it ask.
    fn url(&self, handshake: &Handshake) -> String;
}

/// Laravel's auth endpoint.
pub struct Laravel {
    asker: Arc<Asker>,
    flights: Arc<Flights>,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

struct Asker {
    client: ArcSwap<HttpClient>,
    settings: Live,
    refusals: Arc<Refusals>,
    counters: Arc<Counters>,
    dev: DevLog,
    /// Whose request is made next, and how many there may be at one time.
    turns: Arc<Turns>,
    in_flight: AtomicUsize,
    /// Headers of clients that were left out and named in the log.
    left_out: Once,
}

impl Laravel {
    /// A client for the configured hosts.
    pub fn new(settings: impl Into<Live>, refusals: Arc<Refusals>, counters: Arc<Counters>, dev: DevLog) -> Self {
        let settings = settings.into();
        let config = settings.now();
        let asker = Asker {
            client: ArcSwap::from_pointee(client(&config)),
            turns: Arc::new(Turns::new(config.limits.auth_in_flight)),
            in_flight: AtomicUsize::new(config.limits.auth_in_flight),
            settings,
            refusals,
            counters,
            dev,
            left_out: Once::default(),
        };
        Self { asker: Arc::new(asker), flights: Arc::default() }
    }

    /// Asks by these settings from now on. What has been asked is answered.
    pub fn change(&self, config: &Config) {
        let asker = &self.asker;
        asker.client.store(Arc::new(client(config)));
        let new = config.limits.auth_in_flight;
        let old = asker.in_flight.swap(new, Relaxed);
        asker.turns.change(new as isize - old as isize);
    }

    async fn ask(&self, ask: Ask) -> Verdict {
        let Ask { who, channel, handshake, auth, wanted } = ask;
        let Ok(from_client) = headers::from_client(&auth) else { return Verdict::NoQuestion };
        // The answer may take a minute, and the question has what is sent of it.
        drop(auth);
        let question = self.asker.question(channel, handshake, from_client);
        let who = Asking { socket: who, household: question.household() };
        let key = match question.key() {
            Ok(key) => key,
            Err(reason) => return Verdict::Failed(reason),
        };
        let (answer, shared) = self.flights.join(key, wanted, || {
            let (asker, flights) = (self.asker.clone(), self.flights.clone());
            Box::pin(async move {
                let verdict = asker.in_turn(question, &who, || flights.is_abandoned(&key)).await;
                flights.land(&key);
                verdict
            })
        });
        if shared {
            self.asker.counters.auth_shared.add();
        }
        answer.await
    }
}

impl Asker {
    /// Asks when it is this question's turn, unless nobody waits for the answer then.
    async fn in_turn(&self, question: Question, who: &Asking, is_abandoned: impl Fn() -> bool) -> Verdict {
        let config = self.settings.now();
        let _turn = match self.turn(&config.limits, who, &question.channel).await {
            Ok(turn) => turn,
            Err(verdict) => return verdict,
        };
        if is_abandoned() {
            self.counters.auth_unwanted.add();
            return Verdict::Failed("nobody waits for the answer any more".into());
        }
        let request = match question.request() {
            Ok(request) => request,
            Err(reason) => return Verdict::Failed(reason),
        };
        self.counters.auth_asked.add();
        self.dev.asking(&question.host, &config.auth_endpoint);
        match tokio::time::timeout(config.auth_timeout, self.answer(&config, request, &question.channel)).await {
            Ok(verdict) => verdict,
            Err(_) => Verdict::Failed(format!(
                "no answer from {} within {} ms (authTimeoutMs)",
                question.host,
                config.auth_timeout.as_millis()
            )),
        }
    }

    async fn read(&self, config: &Config, response: Response<Incoming>) -> Result<Bytes, Verdict> {
        let max = config.limits.auth_response;
        match Limited::new(response.into_body(), max).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Verdict::Oversized(self.refusals.over(Bound::AuthResponse, max, "the auth endpoint")))
            }
            Err(error) => Err(Verdict::Failed(format!("reading the auth answer: {error}"))),
        }
    }

    /// Waits for a turn, unless too many do.
    async fn turn(&self, limits: &Limits, who: &Asking, channel: &ChannelName) -> Result<Turn, Verdict> {
        let mut waiting = match self.turns.ask(who, limits.auth_queued) {
            Said::Now(turn) => return Ok(turn),
            Said::Wait(waiting) => waiting,
            Said::Full => {
                self.counters.auth_waited.add();
                return Err(Verdict::Busy(self.refusals.over(Bound::AuthQueued, limits.auth_queued, channel)));
            }
        };
        self.counters.auth_waited.add();
        match tokio::time::timeout(limits.auth_queue, waiting.called()).await {
            Ok(Some(turn)) => Ok(turn),
            Ok(None) => Err(Verdict::Failed("stopping".into())),
            Err(_) => {
                let limit = limits.auth_queue.as_millis();
                Err(Verdict::Busy(self.refusals.over(Bound::AuthQueue, limit, channel)))
            }
        }
    }

    fn host(&self, handshake: &Handshake) -> String {
        host::choose(&self.settings.read().auth_hosts, handshake.headers.get(header::REFERER).as_ref())
    }

    /// A question by the settings that hold now.
    fn question(&self, channel: ChannelName, handshake: Handshake, from_client: headers::FromClient) -> Question {
        let config = self.settings.now();
        let (from_client, left_out) = headers::allowed(from_client, &config.visitors.auth_headers);
        for name in left_out {
            if self.left_out.is_first(&start_of(&name)) {
                tracing::warn!(
                    header = start_of(&name),
                    "auth.headers has a header that authHeaders does not name; it is left out"
                );
            }
        }
        Question { host: self.host(&handshake), config, channel, handshake, from_client }
    }

    async fn answer(&self, config: &Config, request: Request<Full<Bytes>>, channel: &ChannelName) -> Verdict {
        let client = self.client.load_full();
        let response = match client.request(request).await {
            Ok(response) => response,
            Err(error) => return Verdict::Failed(with_causes(&error)),
        };
        let status = response.status().as_u16();
        if status != 200 {
            let body = self.read(config, response).await.unwrap_or_default();
            let start = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
            return Verdict::Denied(status, start);
        }
        if channel.is_presence() {
            return match self.read(config, response).await.map(|body| Named::by(&body)) {
                Ok(Named::Member(member)) if config.auth_check_body && !is_known(member.get("user_id")) => Verdict::Failed(
                    "the auth endpoint answered 200, but channel_data has no user_id that is a text or a number (authCheckBody)".into(),
                ),
                Ok(Named::Member(member)) => Verdict::Granted(Some(member)),
                Ok(Named::Nobody) if !config.auth_check_body => Verdict::Granted(None),
                Ok(Named::Nobody) => Verdict::Failed(
                    "the auth endpoint answered 200, but named no member (channel_data): does the callback in \
                     routes/channels.php return an array? (authCheckBody)"
                        .into(),
                ),
                Ok(Named::Nonsense) => {
                    Verdict::Failed("the auth endpoint answered 200, but channel_data is no object".into())
                }
                Err(verdict) => verdict,
            };
        }
        if !config.auth_check_body {
            return Verdict::Granted(None);
        }
        match self.read(config, response).await.map(|body| serde_json::from_slice::<Value>(&body)) {
            Ok(Ok(Value::Null | Value::Bool(false))) => Verdict::Failed("the auth endpoint answered 200 with `false`".into()),
            Ok(Ok(_)) => Verdict::Granted(None),
            Ok(Err(_)) => Verdict::Failed(
                "the auth endpoint answered 200, but not with JSON: is authEndpoint right, or is it a login page? (authCheckBody)"
                    .into(),
            ),
            Err(verdict) => verdict,
        }
    }
}

impl Authorizer for Laravel {
    fn authorise(&self, ask: Ask) -> BoxFuture<'_, Verdict> {
        Box::pin(self.ask(ask))
    }

    fn url(&self, handshake: &Handshake) -> String {
        format!("{}{}", self.asker.host(handshake), self.asker.settings.read().auth_endpoint)
    }
}

/// Whom the auth answer for a presence channel names, in `channel_data`: an object or the JSON text of one (as Pusher has it).
#[derive(Debug, PartialEq)]
enum Named {
    Member(Map<String, Value>),
    /// There is no `channel_data`, or nothing in it: laravel-echo-server let the socket listen without being a member.
    Nobody,
    /// What is there cannot be a member. It ended laravel-echo-server.
    Nonsense,
}

impl Named {
    fn by(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Value::Object(mut answer)) => answer.remove("channel_data").map_or(Self::Nobody, Self::of),
            Ok(Value::Null) => Self::Nonsense,
            Ok(_) | Err(_) => Self::Nobody,
        }
    }

    fn of(channel_data: Value) -> Self {
        let inner = match channel_data {
            Value::String(text) if text.is_empty() => Value::Null,
            Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::Bool(true)),
            other => other,
        };
        match inner {
            Value::Object(member) => Self::Member(member),
            Value::Null | Value::Bool(false) => Self::Nobody,
            _ => Self::Nonsense,
        }
    }
}

/// Whether pages can tell a member with this `user_id` from others.
fn is_known(user_id: Option<&Value>) -> bool {
    matches!(user_id, Some(Value::String(_) | Value::Number(_)))
}

/// What Laravel answers, whatever it is. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    if let Named::Member(member) = Named::by(input) {
        assert!(member.len() <= input.len());
    }
}

/// What a page says when it asks: a `Referer`, and in the lines below it `auth`. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz_asked(input: &[u8]) {
    let (referer, auth) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    host::fuzz(referer);
    headers::fuzz(auth);
}

/// A client for the configured hosts.
fn client(config: &Config) -> HttpClient {
    let tls = crate::tls::client_config(config.auth_verify_tls);
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(config.auth_timeout));
    http.set_nodelay(true);
    let builder = HttpsConnectorBuilder::new();
    let connector = builder.with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    let idle = if config.auth_keep_alive { config.limits.auth_in_flight } else { 0 };
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(4)) // below the 5 s after which common servers close an idle connection
        .pool_max_idle_per_host(idle)
        .build(connector)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Escaped in a form, as RFC 3986 and the old server have it: everything but letters, digits and `-._~`.
const FORM: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests;
