//! Values of settings, checked.

use std::path::PathBuf;
use std::time::Duration;

use rustecho_wire::client::Ack;
use rustecho_wire::spool;

use super::BadSetting;

/// The longest timeout: a minute. More would hold a PHP worker for nothing.
const MAX_TIMEOUT_MS: i64 = 60_000;
/// Bytes of a socket's path, as Linux has it.
const MAX_PATH_LEN: usize = 107;
/// The longest rest after a failure: ten minutes.
const MAX_BREAKER_MS: i64 = 600_000;

pub(super) const WANTED_TIMEOUT: &str = "a whole number of milliseconds from 1 to 60000";
pub(super) const WANTED_BREAKER: &str = "a whole number of milliseconds from 0 to 600000";

/// What happens to an event that the sidecar cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Spool,
    Throw,
}

/// Checks a socket's path; `name` is where it comes from.
pub(crate) fn socket(name: &str, path: &str) -> Result<String, BadSetting> {
    // php-fpm is in another folder than artisan: a relative path would be two sockets.
    if !path.starts_with('/') || path.len() > MAX_PATH_LEN || path.contains('\0') {
        return Err(BadSetting::new(name, path, "the absolute path of a Unix socket, at most 107 bytes"));
    }
    Ok(path.to_owned())
}

pub(super) fn timeout(number: i64) -> Option<Duration> {
    (1..=MAX_TIMEOUT_MS).contains(&number).then(|| Duration::from_millis(number.unsigned_abs()))
}

pub(super) fn breaker(number: i64) -> Option<Duration> {
    (0..=MAX_BREAKER_MS).contains(&number).then(|| Duration::from_millis(number.unsigned_abs()))
}

pub(super) fn ack(name: &str, value: &str) -> Result<Ack, BadSetting> {
    match value {
        "receipt" => Ok(Ack::Receipt),
        "deferred" => Ok(Ack::Deferred),
        // PHP's ini reader turns a bare `none` into an empty value.
        "none" | "" => Ok(Ack::None),
        _ => Err(BadSetting::new(name, value, "\"receipt\", \"deferred\" or \"none\"")),
    }
}

pub(super) fn on_failure(name: &str, value: &str) -> Result<OnFailure, BadSetting> {
    match value {
        "spool" => Ok(OnFailure::Spool),
        "throw" => Ok(OnFailure::Throw),
        _ => Err(BadSetting::new(name, value, "\"spool\" or \"throw\"")),
    }
}

/// The spool's directory; an empty value is the one that the sidecar chooses, too.
pub(super) fn spool_dir(name: &str, value: &str, socket: &str) -> Result<PathBuf, BadSetting> {
    match value {
        "" => Ok(spool::default_dir(socket.as_ref())),
        dir if dir.starts_with('/') && !dir.contains('\0') => Ok(dir.into()),
        _ => Err(BadSetting::new(name, value, "an absolute path, or empty for the default")),
    }
}

/// Bytes, as PHP writes them: `256M` is 256 times 1,048,576.
pub(super) fn bytes(name: &str, value: &str) -> Result<u64, BadSetting> {
    let value = value.trim();
    let (digits, unit) = match value.as_bytes().last() {
        Some(b'k' | b'K') => (&value[..value.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&value[..value.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&value[..value.len() - 1], 1 << 30),
        _ => (value, 1),
    };
    let number = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number.ok_or_else(|| BadSetting::new(name, value, "a number of bytes, such as 64M"))
}
