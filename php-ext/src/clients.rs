//! The kept connections: one client per socket path, in each process.
//!
//! They belong to the thread. Under a thread-safe PHP that means one per thread, so that no request ever waits for another
//! one's answer; otherwise there is one thread, and so one connection per process, kept from request to request.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use ext_php_rs::zend::php_sapi_name;
use rustecho_wire::client::{Ack, Client, Flushed, OnFailure, Rules, Status};

use crate::engine;
use crate::settings::Settings;

/// How many sidecars one process may keep a connection to. The one used longest ago makes room, but not with events that a flush
/// has still to write, or to tell of: the end of the request flushes all.
const MAX_CLIENTS: usize = 8;

/// A client, and what its deferred events go by: the settings of the last one.
struct Kept {
    client: Client,
    deferred: Option<Settings>,
}

thread_local! {
    /// The last used comes first.
    static CLIENTS: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Runs `job` with the client that the settings name, which is made if need be. Nothing of PHP may be called inside.
pub(crate) fn with<T>(settings: Settings, job: impl FnOnce(&mut Client, &Settings) -> T) -> T {
    CLIENTS.with_borrow_mut(|clients| {
        let path = Path::new(&settings.socket);
        let mut kept = match clients.iter().position(|kept| kept.client.path() == path) {
            Some(0) => None,
            Some(index) => Some(clients.remove(index)),
            None => Some(Kept { client: Client::new(path, name(), settings.timeout), deferred: None }),
        };
        if let Some(kept) = kept.take() {
            while clients.len() >= MAX_CLIENTS
                && let Some(idle) = clients.iter().rposition(|kept| !kept.client.has_deferred())
            {
                clients.remove(idle);
            }
            clients.insert(0, kept);
        }
        let kept = &mut clients[0];
        kept.client.set_timeout(settings.timeout);
        let result = job(&mut kept.client, &settings);
        if kept.client.has_deferred() {
            kept.deferred = Some(settings);
        }
        result
    })
}

/// Flushes every client that has deferred events.
pub(crate) fn flush(timeout: Duration) -> Flushed {
    CLIENTS.with_borrow_mut(|clients| {
        let mut all = Flushed::default();
        let begun = Instant::now();
        for kept in clients.iter_mut().filter(|kept| kept.client.has_deferred()) {
            let left = match timeout.is_zero() {
                true => timeout,
                false => timeout.saturating_sub(begun.elapsed()).max(Duration::from_millis(1)),
            };
            let throw =
                Rules { ack: Ack::Deferred, on_failure: OnFailure::Throw, breaker: Duration::ZERO, more: false };
            let rules = kept.deferred.as_ref().map_or(throw, Settings::rules);
            all.append(kept.client.flush(left, &Rules { more: false, ..rules }));
        }
        all
    })
}

/// The state of the client for `socket`, if there is one.
pub(crate) fn status(socket: &str) -> Option<Status> {
    let path = Path::new(socket);
    CLIENTS
        .with_borrow(|clients| clients.iter().find(|kept| kept.client.path() == path).map(|kept| kept.client.status()))
}

/// Who speaks, for the sidecar's log: `rustecho-ext/0.1.0 php/8.2.36 fpm-fcgi`.
fn name() -> String {
    let sapi = php_sapi_name().unwrap_or_default();
    format!("rustecho-ext/{} php/{} {sapi}", crate::release(), engine::php_version())
}
