//! The kept connections: one client per socket path, in each process.
//!
//! They belong to the thread. Under a thread-safe PHP that means one per thread, so that no request ever waits for another
//! one's answer; otherwise there is one thread, and so one connection per process, kept from request to request.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use ext_php_rs::zend::php_sapi_name;
use rustecho_wire::client::{Client, Status};

use crate::engine;

/// How many sidecars one process may keep a connection to. The one used longest ago makes room.
const MAX_CLIENTS: usize = 8;

thread_local! {
    /// The last used comes first.
    static CLIENTS: RefCell<Vec<Client>> = const { RefCell::new(Vec::new()) };
}

/// Runs `job` with the client for `socket`, which is made if need be. Nothing of PHP may be called inside.
pub(crate) fn with<T>(socket: &str, timeout: Duration, job: impl FnOnce(&mut Client) -> T) -> T {
    CLIENTS.with_borrow_mut(|clients| {
        let mut client = match clients.iter().position(|client| client.path() == Path::new(socket)) {
            Some(index) => clients.remove(index),
            None => Client::new(socket, name(), timeout),
        };
        client.set_timeout(timeout);
        clients.truncate(MAX_CLIENTS - 1);
        let result = job(&mut client);
        clients.insert(0, client);
        result
    })
}

/// The state of the client for `socket`, if there is one.
pub(crate) fn status(socket: &str) -> Option<Status> {
    CLIENTS.with_borrow(|clients| clients.iter().find(|c| c.path() == Path::new(socket)).map(Client::status))
}

/// Who speaks, for the sidecar's log: `rustecho-ext/0.1.0 php/8.2.36 fpm-fcgi`.
fn name() -> String {
    let sapi = php_sapi_name().unwrap_or_default();
    format!("rustecho-ext/{} php/{} {sapi}", env!("CARGO_PKG_VERSION"), engine::php_version())
}
