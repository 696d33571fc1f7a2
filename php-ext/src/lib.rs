//! The PHP extension of rustecho: hands Laravel's events to the sidecar over a Unix socket.
//!
//! # Layout
//! - [`publish`]: `rustecho_publish()`, from PHP's values to one call of the client and back.
//! - [`flush`]: `rustecho_flush()`, and what happens to deferred events when a request ends.
//! - [`status`]: `rustecho_status()` and the block in `phpinfo()`.
//! - [`settings`]: the ini settings and the options of one call.
//! - [`clients`]: the kept connections, one per socket path and process.
//! - [`exceptions`]: the classes under `Rustecho\`.
//! - [`engine`]: what has to be asked of the Zend engine by hand.
//!
//! Nothing happens when the module is loaded: php-fpm does that in its master process, before it forks. No request leaves
//! anything behind but the connection. A panic anywhere in here reaches PHP as an `Error`, not as a crash.

// The macros of ext-php-rs drop lifetimes from the types of parameters and make a function without documentation; a
// parameter's name is part of PHP's interface.
#![allow(elided_lifetimes_in_paths, missing_docs, non_snake_case)]

mod clients;
mod engine;
mod exceptions;
mod flush;
mod publish;
mod settings;
mod status;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::ZendHashTable;

use crate::engine::Text;

/// Publishes one event on 1 to 100 channels. `$json` is the event's data, already encoded. `$socketId` is the socket that
/// shall not get it.
///
/// `$options` may have `socket`, `timeout_ms`, `ack`, `on_failure`, `breaker_ms`, `spool` and `spool_max_bytes` (in place of the ini
/// settings), `more` (another event follows at once), `id` (32 hexadecimal digits) and `trace` (a W3C traceparent).
///
/// Returns `['id' => string, 'subscribers' => ?int, 'accepted' => bool, 'spooled' => bool]`; without a receipt `accepted` is
/// false and `subscribers` null. Throws `Rustecho\Exception`.
#[php_function]
pub fn rustecho_publish(
    channels: &ZendHashTable,
    event: Text<'_>,
    json: Text<'_>,
    socketId: Option<Text<'_>>,
    options: Option<&ZendHashTable>,
) -> PhpResult<ZBox<ZendHashTable>> {
    Ok(publish::publish(channels, event, json, socketId, options)?)
}

/// Waits for the receipts of all deferred events, at most `$timeout_ms` (by default `rustecho.timeout_ms`), and says what became
/// of them: `['accepted' => int, 'spooled' => int, 'failed' => int, 'failures' => list<['id', 'code', 'message']>]`.
#[php_function]
pub fn rustecho_flush(timeout_ms: Option<i64>) -> PhpResult<ZBox<ZendHashTable>> {
    Ok(flush::flush(timeout_ms)?)
}

/// What this process knows of the sidecar, without asking it: settings, connection, counters, last error. `$socket` names
/// another sidecar's socket than the ini setting does.
#[php_function]
pub fn rustecho_status(socket: Option<Text<'_>>) -> PhpResult<ZBox<ZendHashTable>> {
    Ok(status::status(socket)?)
}

/// Registers the module with PHP.
#[php_module]
pub fn module(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .version(release())
        .startup_function(startup)
        .request_shutdown_function(flush::request_end)
        .info_function(status::phpinfo)
        .function(wrap_function!(rustecho_publish))
        .function(wrap_function!(rustecho_flush))
        .function(wrap_function!(rustecho_status))
}

/// This extension's release, as in `phpversion('rustecho')`. It stands in the file as text, however it is optimised, so that
/// `strings rustecho.so` shows which release a file is without a PHP that loads it.
fn release() -> &'static str {
    std::hint::black_box(env!("CARGO_PKG_VERSION"))
}

/// MINIT: names the settings and the exception classes, and maps what php-fpm's workers will share.
extern "C" fn startup(_kind: i32, module_number: i32) -> i32 {
    const FAILURE: i32 = -1;
    let registered = std::panic::catch_unwind(|| {
        settings::register(module_number);
        rustecho_wire::client::share_breakers();
        exceptions::register()
    });
    match registered {
        Ok(Ok(())) => 0,
        Ok(Err(_)) | Err(_) => FAILURE,
    }
}
