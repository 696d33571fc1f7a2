//! Asks Laravel whether a socket may have a guarded channel: the only part of the sidecar that makes HTTP requests.
//!
//! One `POST {authHost}{authEndpoint}` per subscription with `channel_name=<name>` as a form, the client's own `auth.headers`
//! and the visitor's cookie. Only status 200 is consent. Redirects are not followed, the time is bounded, and so is the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::{channel::ChannelName, config::Config, devlog::DevLog, edge::Handshake};

mod headers;
mod host;

/// One question to Laravel.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The channel that is wanted.
    pub channel: ChannelName,
    /// The opening request of the socket.
    pub handshake: Handshake,
    /// `auth` of the client's subscribe request, of any JSON type.
    pub auth: Value,
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
    /// The client's `auth.headers` are of a type that cannot be headers: the status told is `null`.
    NoQuestion,
}

/// Decides about guarded channels.
pub trait Authorizer: Send + Sync + 'static {
    /// Asks; always answers within a bounded time.
    fn authorise(&self, ask: Ask) -> BoxFuture<'_, Verdict>;
}

/// Laravel's auth endpoint.
pub struct Laravel {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Arc<Config>,
    dev: DevLog,
    /// Requests at one time.
    permits: Semaphore,
    /// Questions that hold no permit yet.
    waiting: AtomicUsize,
}

impl Laravel {
    /// A client for the configured hosts.
    pub fn new(settings: Arc<Config>, dev: DevLog) -> Self {
        let builder = HttpsConnectorBuilder::new();
        let tls = crate::tls::client_config(settings.auth_verify_tls);
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(settings.auth_timeout));
        http.set_nodelay(true);
        let connector = builder.with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        let idle = if settings.auth_keep_alive { settings.limits.auth_in_flight } else { 0 };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(4)) // below the 5 s after which common servers close an idle connection
            .pool_max_idle_per_host(idle)
            .build(connector);
        let permits = Semaphore::new(settings.limits.auth_in_flight);
        Self { client, settings, dev, permits, waiting: AtomicUsize::new(0) }
    }

    async fn ask(&self, ask: Ask) -> Verdict {
        let Ok(from_client) = headers::from_client(&ask.auth) else { return Verdict::NoQuestion };
        if self.waiting.fetch_add(1, Relaxed) >= self.settings.limits.auth_queued {
            self.waiting.fetch_sub(1, Relaxed);
            return Verdict::Failed("too many auth requests are waiting (limits.authQueued)".into());
        }
        let permit = self.permits.acquire().await;
        self.waiting.fetch_sub(1, Relaxed);
        let Ok(_permit) = permit else { return Verdict::Failed("stopping".into()) };

        let host = host::choose(&self.settings.auth_hosts, ask.handshake.headers.get(header::REFERER));
        self.dev.asking(&host, &self.settings.auth_endpoint);
        let request = match self.request(&host, &ask, from_client) {
            Ok(request) => request,
            Err(reason) => return Verdict::Failed(reason),
        };
        match tokio::time::timeout(self.settings.auth_timeout, self.answer(request, &ask.channel)).await {
            Ok(verdict) => verdict,
            Err(_) => Verdict::Failed(format!(
                "no answer from {host} within {} ms (authTimeoutMs)",
                self.settings.auth_timeout.as_millis()
            )),
        }
    }

    fn request(&self, host: &str, ask: &Ask, from_client: headers::FromClient) -> Result<Request<Full<Bytes>>, String> {
        let body = format!("channel_name={}", percent_encoding::utf8_percent_encode(ask.channel.as_str(), FORM));
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{host}{}", self.settings.auth_endpoint))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| format!("authHost `{host}` with authEndpoint makes no URL: {error}"))?;
        let forward = self.settings.auth_forward_client.then_some(ask.handshake.peer);
        *request.headers_mut() = headers::build(from_client, &ask.handshake, forward)?;
        if !self.settings.auth_keep_alive {
            request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        Ok(request)
    }

    async fn answer(&self, request: Request<Full<Bytes>>, channel: &ChannelName) -> Verdict {
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Verdict::Failed(with_causes(&error)),
        };
        let status = response.status().as_u16();
        if status != 200 {
            let body = self.read(response).await.unwrap_or_default();
            let start = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
            return Verdict::Denied(status, start);
        }
        if channel.is_presence() {
            return match self.read(response).await.map(|body| Named::by(&body)) {
                Ok(Named::Member(member)) => Verdict::Granted(Some(member)),
                Ok(Named::Nobody) if !self.settings.auth_check_body => Verdict::Granted(None),
                Ok(Named::Nobody) => Verdict::Failed(
                    "the auth endpoint answered 200, but named no member (channel_data): does the callback in \
                     routes/channels.php return an array? (authCheckBody)"
                        .into(),
                ),
                Ok(Named::Nonsense) => {
                    Verdict::Failed("the auth endpoint answered 200, but channel_data is no object".into())
                }
                Err(reason) => Verdict::Failed(reason),
            };
        }
        if !self.settings.auth_check_body {
            return Verdict::Granted(None);
        }
        match self.read(response).await.map(|body| serde_json::from_slice::<Value>(&body)) {
            Ok(Ok(Value::Null | Value::Bool(false))) => Verdict::Failed("the auth endpoint answered 200 with `false`".into()),
            Ok(Ok(_)) => Verdict::Granted(None),
            Ok(Err(_)) => Verdict::Failed(
                "the auth endpoint answered 200, but not with JSON: is authEndpoint right, or is it a login page? (authCheckBody)"
                    .into(),
            ),
            Err(reason) => Verdict::Failed(reason),
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, String> {
        let max = self.settings.limits.auth_response;
        match Limited::new(response.into_body(), max).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(format!(
                "reading the auth answer, of which {max} bytes are allowed (limits.authResponseBytes): {error}"
            )),
        }
    }
}

impl Authorizer for Laravel {
    fn authorise(&self, ask: Ask) -> BoxFuture<'_, Verdict> {
        Box::pin(self.ask(ask))
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
