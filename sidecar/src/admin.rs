//! The admin listener: where operators look in. Metrics, health, the console and what it and the command line ask.
//!
//! A port of its own, so that nothing here can be reached by the visitors of a site. [`access`] decides who may; [`listener`]
//! serves; [`view`] is what is looked at; [`metrics`], [`health`], [`channels`], [`why`], [`live`] and [`page`] are the answers, and
//! [`publish`] is the one thing that can be done.
//!
//! Nothing here is paid for while nobody looks, but for one sample of a few counters each second.

mod access;
mod answer;
mod channels;
mod health;
mod history;
mod listener;
mod live;
mod metrics;
mod page;
mod process;
mod publish;
mod similar;
mod view;
mod why;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tokio::sync::watch;

use access::Access;
pub use listener::AdminListener;
pub use view::{Parts, View};

use answer::{json, refuse};

/// Answers the requests of operators.
pub struct Admin {
    view: Arc<View>,
    metrics: metrics::Metrics,
    live: live::Live,
}

impl Admin {
    /// Answers about `view` to whom `admin.key` lets in, until `stop` changes.
    pub fn new(view: Arc<View>, stop: watch::Receiver<bool>) -> Self {
        let metrics = metrics::Metrics::new(view.clone());
        let live = live::Live::new(view.clone(), stop);
        Self { view, metrics, live }
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes, Error: std::fmt::Display> + Send,
    {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let method = if head.method == Method::HEAD { Method::GET } else { head.method.clone() };
        // Probes and the page itself: nothing in them is secret, and neither can show a key.
        match (&method, path) {
            (&Method::GET, "/health") => return health::alive(&self.view),
            (&Method::GET, "/ready") => return health::ready(&self.view),
            (&Method::GET, _) if path == "/" || path.starts_with("/assets/") => return page::file(path, &head.headers),
            _ => {}
        }
        let access = Access::by(&self.view.parts.config.read());
        if let Err(refusal) = access.check(&head) {
            if refusal.is_suspicious() {
                self.view.counters().refused_admin_requests.add();
                tracing::warn!(path, reason = refusal.reason(), "the admin listener refused a request");
            }
            return refuse(refusal.status(), refusal.reason());
        }
        let query = head.uri.query();
        match (&method, path) {
            (&Method::GET, "/metrics") => self.metrics.answer().await,
            (&Method::GET, "/api/status") => json(&*self.view.status().await),
            (&Method::GET, "/api/channels") => channels::list(&self.view, query),
            (&Method::GET, "/api/channel") => channels::one(&self.view, query),
            (&Method::GET, "/api/why") => why::answer(&self.view, query).await,
            (&Method::GET, "/api/live") => self.live.answer(query),
            (&Method::POST, "/api/publish") => publish::answer(&self.view, &access, &head.headers, body).await,
            (
                _,
                "/metrics" | "/api/status" | "/api/channels" | "/api/channel" | "/api/why" | "/api/live"
                | "/api/publish",
            ) => refuse(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method"),
            _ => refuse(StatusCode::NOT_FOUND, "there is nothing here; the console is at /"),
        }
    }
}
