//! Deferred receipts: `rustecho_flush()`, and the end of a request that nobody called it for.

use std::ffi::{CString, c_char, c_int};
use std::time::Duration;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::types::ZendHashTable;
use rustecho_wire::client::{Failure as Failed, Flushed};

use crate::clients;
use crate::exceptions::{self, Failure};
use crate::settings;

/// A warning in the log.
const LOG_WARNING: c_int = 4;

unsafe extern "C" {
    /// Of main/php.h: writes a line to PHP's error log.
    fn php_log_err_with_severity(message: *const c_char, severity: c_int);
}

/// Reads the answers to all deferred events and makes PHP's report.
pub(crate) fn flush(timeout_ms: Option<i64>) -> Result<ZBox<ZendHashTable>, Failure> {
    let timeout = match timeout_ms {
        Some(0) => Duration::ZERO,
        given => settings::timeout(given)?,
    };
    let Flushed { accepted, spooled, failures, failed } = clients::flush(timeout);
    let mut list = ZendHashTable::with_capacity(u32::try_from(failures.len()).unwrap_or_default());
    for Failed { id, code, message, fate } in failures {
        let mut failure = ZendHashTable::with_capacity(4);
        failure.insert("id", id.to_string())?;
        failure.insert("code", i64::from(code))?;
        failure.insert("message", message)?;
        if code == 0 {
            failure.insert("fate", exceptions::fate(fate))?;
        }
        list.push(failure)?;
    }
    let mut report = ZendHashTable::with_capacity(4);
    for (name, count) in [("accepted", accepted), ("spooled", spooled), ("failed", failed)] {
        report.insert(name, i64::try_from(count).unwrap_or(i64::MAX))?;
    }
    report.insert("failures", list)?;
    Ok(report)
}

/// RSHUTDOWN: no deferred event outlives its request, and none is lost without a word.
pub(crate) extern "C" fn request_end(_kind: i32, _module_number: i32) -> i32 {
    // A panic must not cross into C. The client it came from has closed its connection.
    let _ = std::panic::catch_unwind(|| {
        let timeout = settings::timeout(None).unwrap_or(settings::DEFAULT_TIMEOUT);
        let flushed = clients::flush(timeout);
        if let Some(first) = flushed.failures.first() {
            let (count, id, reason) = (flushed.failed, first.id, &first.message);
            log(&format!(
                "PHP Warning:  rustecho: {count} deferred events were not published; the first, {id}: {reason}"
            ));
        }
    });
    0
}

fn log(line: &str) {
    if let Ok(line) = CString::new(line.replace('\0', "\\0")) {
        // SAFETY: a string that lives through the call.
        unsafe { php_log_err_with_severity(line.as_ptr(), LOG_WARNING) };
    }
}
