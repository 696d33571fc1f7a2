//! What there is to know, for scripts and for `phpinfo()`.

use std::ffi::CString;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::ffi::{php_info_print_table_end, php_info_print_table_row, php_info_print_table_start};
use ext_php_rs::types::ZendHashTable;
use ext_php_rs::zend::ModuleEntry;
use rustecho_wire::PROTOCOL_VERSION;
use rustecho_wire::client::{BreakerState, Status};

use crate::clients;
use crate::engine::Text;
use crate::exceptions::Failure;
use crate::settings::{self, Settings};

/// Makes the array of `rustecho_status()`. Wrong settings are reported in it, not thrown: this is where one looks for them.
pub(crate) fn status(socket: Option<Text<'_>>) -> Result<ZBox<ZendHashTable>, Failure> {
    let [(_, ini_socket), (_, timeout_ms), (_, ack), (_, on_failure), (_, breaker_ms), ..] = settings::shown();
    let socket = match socket {
        Some(given) => {
            let path = given.utf8().map_err(|at| Failure::Argument(format!("socket: not UTF-8 at offset {at}")))?;
            settings::parse_socket("socket", path)?
        }
        None => ini_socket,
    };
    let settings = Settings::read(None);
    let spool = settings.as_ref().ok().and_then(Settings::spool_dir);
    let settings_error = settings.as_ref().err().map(ToString::to_string);
    let client = clients::status(&socket);
    let welcome = client.as_ref().and_then(|client| client.welcome.as_ref());
    let counters = client.as_ref().map(|client| client.counters).unwrap_or_default();

    let mut counts = ZendHashTable::with_capacity(9);
    for (name, count) in [
        ("published", counters.published),
        ("receipts", counters.receipts),
        ("refusals", counters.refusals),
        ("timeouts", counters.timeouts),
        ("reconnects", counters.reconnects),
        ("failures", counters.failures),
        ("bytes", counters.bytes),
        ("spooled", counters.spooled),
        ("rested", counters.rested),
    ] {
        counts.insert(name, i64::try_from(count).unwrap_or(i64::MAX))?;
    }

    let mut status = ZendHashTable::with_capacity(20);
    status.insert("version", crate::release())?;
    status.insert("protocol", i64::from(PROTOCOL_VERSION))?;
    status.insert("socket", socket)?;
    status.insert("timeout_ms", timeout_ms.trim().parse::<i64>().ok())?;
    status.insert("ack", if ack.is_empty() { "none".to_owned() } else { ack })?;
    status.insert("on_failure", on_failure)?;
    status.insert("breaker_ms", breaker_ms.trim().parse::<i64>().ok())?;
    status.insert("spool", spool)?;
    status.insert("settings_error", settings_error)?;
    status.insert("connected", client.as_ref().is_some_and(|client| client.connected))?;
    status.insert("pid", i64::from(std::process::id()))?;
    status.insert("sidecar", welcome.map(|welcome| welcome.sidecar.clone()))?;
    status.insert("max_data", welcome.map(|welcome| i64::from(welcome.max_data)))?;
    status.insert("compatible", welcome.map(|w| (w.oldest..=w.newest).contains(&PROTOCOL_VERSION)))?;
    status.insert("breaker", breaker(client.as_ref()))?;
    status.insert("spooling", client.as_ref().is_some_and(|client| client.spooling))?;
    status.insert("pending", client.as_ref().map_or(0, |client| client.pending as i64))?;
    status.insert("counters", counts)?;
    status.insert("last_error", client.and_then(|client| client.last_error))?;
    Ok(status)
}

/// The circuit breaker's state in a word.
fn breaker(client: Option<&Status>) -> &'static str {
    match client.map(|client| client.breaker) {
        None | Some(BreakerState::Closed) => "closed",
        Some(BreakerState::Open(_)) => "open",
        Some(BreakerState::Probe) => "probe",
    }
}

/// Prints the block in `phpinfo()`.
pub(crate) extern "C" fn phpinfo(_module: *mut ModuleEntry) {
    // A panic must not cross into C: it would end the process.
    let rows = std::panic::catch_unwind(rows);
    let rows = rows.unwrap_or_else(|_| vec![("rustecho support", "enabled, but its state cannot be told".to_owned())]);
    // SAFETY: opens a table on PHP's output.
    unsafe { php_info_print_table_start() };
    for (name, value) in rows {
        let texts = (CString::new(name), CString::new(value.replace('\0', "\\0")));
        if let (Ok(name), Ok(value)) = texts {
            // SAFETY: the count of columns, and as many strings that live through the call.
            unsafe { php_info_print_table_row(2, name.as_ptr(), value.as_ptr()) };
        }
    }
    // SAFETY: closes the table opened above.
    unsafe { php_info_print_table_end() };
}

fn rows() -> Vec<(&'static str, String)> {
    let shown = settings::shown();
    let client = clients::status(&shown[0].1);
    let counters = client.as_ref().map(|client| client.counters).unwrap_or_default();
    let sidecar = client.as_ref().and_then(|client| client.welcome.as_ref()).map(|welcome| welcome.sidecar.clone());
    let connected = if client.as_ref().is_some_and(|client| client.connected) { "yes" } else { "no" };
    let first = [
        ("rustecho support", "enabled".to_owned()),
        ("Version", crate::release().to_owned()),
        ("Protocol version", PROTOCOL_VERSION.to_string()),
    ];
    let last = [
        ("Connected", connected.to_owned()),
        ("Sidecar version", sidecar.unwrap_or_else(|| "not known yet".to_owned())),
        ("Circuit breaker", breaker(client.as_ref()).to_owned()),
        ("Events published", counters.published.to_string()),
        ("Receipts", counters.receipts.to_string()),
        ("Refusals", counters.refusals.to_string()),
        ("Timeouts", counters.timeouts.to_string()),
        ("Reconnects", counters.reconnects.to_string()),
        ("Failures", counters.failures.to_string()),
        ("Spooled", counters.spooled.to_string()),
        ("Last error", client.and_then(|client| client.last_error).unwrap_or_else(|| "none".to_owned())),
    ];
    first.into_iter().chain(shown).chain(last).collect()
}
