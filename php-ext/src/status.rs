//! What there is to know, for scripts and for `phpinfo()`.

use std::ffi::CString;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::ffi::{php_info_print_table_end, php_info_print_table_row, php_info_print_table_start};
use ext_php_rs::types::ZendHashTable;
use ext_php_rs::zend::ModuleEntry;
use rustecho_wire::PROTOCOL_VERSION;

use crate::clients;
use crate::engine::Text;
use crate::exceptions::Failure;
use crate::settings::{self, Settings};

/// Makes the array of `rustecho_status()`. Wrong settings are reported in it, not thrown: this is where one looks for them.
pub(crate) fn status(socket: Option<Text<'_>>) -> Result<ZBox<ZendHashTable>, Failure> {
    let [ini_socket, timeout_ms, ack] = settings::shown();
    let socket = match socket {
        Some(given) => {
            let path = given.utf8().map_err(|at| Failure::Argument(format!("socket: not UTF-8 at offset {at}")))?;
            settings::parse_socket("socket", path)?
        }
        None => ini_socket,
    };
    let settings_error = Settings::read(None).err().map(|error| error.to_string());
    let client = clients::status(&socket);
    let welcome = client.as_ref().and_then(|client| client.welcome.as_ref());
    let counters = client.as_ref().map(|client| client.counters).unwrap_or_default();

    let mut counts = ZendHashTable::with_capacity(7);
    for (name, count) in [
        ("published", counters.published),
        ("receipts", counters.receipts),
        ("refusals", counters.refusals),
        ("timeouts", counters.timeouts),
        ("reconnects", counters.reconnects),
        ("failures", counters.failures),
        ("bytes", counters.bytes),
    ] {
        counts.insert(name, i64::try_from(count).unwrap_or(i64::MAX))?;
    }

    let mut status = ZendHashTable::with_capacity(12);
    status.insert("version", env!("CARGO_PKG_VERSION"))?;
    status.insert("protocol", i64::from(PROTOCOL_VERSION))?;
    status.insert("socket", socket)?;
    status.insert("timeout_ms", timeout_ms.trim().parse::<i64>().ok())?;
    status.insert("ack", if ack.is_empty() { "none".to_owned() } else { ack })?;
    status.insert("settings_error", settings_error)?;
    status.insert("connected", client.as_ref().is_some_and(|client| client.connected))?;
    status.insert("pid", i64::from(std::process::id()))?;
    status.insert("sidecar", welcome.map(|welcome| welcome.sidecar.clone()))?;
    status.insert("max_data", welcome.map(|welcome| i64::from(welcome.max_data)))?;
    status.insert("counters", counts)?;
    status.insert("last_error", client.and_then(|client| client.last_error))?;
    Ok(status)
}

/// Prints the block in `phpinfo()`.
pub(crate) extern "C" fn phpinfo(_module: *mut ModuleEntry) {
    let [socket, timeout_ms, ack] = settings::shown();
    let client = clients::status(&socket);
    let counters = client.as_ref().map(|client| client.counters).unwrap_or_default();
    let sidecar = client.as_ref().and_then(|client| client.welcome.as_ref()).map(|welcome| welcome.sidecar.clone());
    let connected = if client.as_ref().is_some_and(|client| client.connected) { "yes" } else { "no" };
    let rows = [
        ("rustecho support", "enabled".to_owned()),
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Protocol version", PROTOCOL_VERSION.to_string()),
        ("rustecho.socket", socket),
        ("rustecho.timeout_ms", timeout_ms),
        ("rustecho.ack", ack),
        ("Connected", connected.to_owned()),
        ("Sidecar version", sidecar.unwrap_or_else(|| "not known yet".to_owned())),
        ("Events published", counters.published.to_string()),
        ("Receipts", counters.receipts.to_string()),
        ("Refusals", counters.refusals.to_string()),
        ("Timeouts", counters.timeouts.to_string()),
        ("Reconnects", counters.reconnects.to_string()),
        ("Failures", counters.failures.to_string()),
        ("Last error", client.and_then(|client| client.last_error).unwrap_or_else(|| "none".to_owned())),
    ];
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
