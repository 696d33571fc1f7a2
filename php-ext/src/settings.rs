//! The ini settings, and the options of one call that go before them.

use std::fmt::Display;
use std::time::Duration;

use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::types::{ZendHashTable, Zval};
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};
use rustecho_wire::EventId;
use rustecho_wire::client::Ack;

use crate::engine;

/// The sidecar's socket; the sidecar calls it `unixSocket.path`.
const SOCKET: &str = "rustecho.socket";
/// What one call may take as a whole, in milliseconds.
const TIMEOUT_MS: &str = "rustecho.timeout_ms";
/// Whether a call waits for the sidecar's receipt: `receipt` or `none`.
const ACK: &str = "rustecho.ack";

/// All may be set anywhere: php.ini, a pool of php-fpm, `.user.ini`, `ini_set()`.
static INI: IniEntryDefs<4> = IniEntryDefs::new([
    IniEntryDef::new(c"rustecho.socket", c"/run/rustecho/rustecho.sock", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.timeout_ms", c"50", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.ack", c"receipt", IniEntryPermission::All),
    IniEntryDef::end(),
]);

/// The longest timeout: a minute. More would hold a PHP worker for nothing.
const MAX_TIMEOUT_MS: i64 = 60_000;
/// Bytes of a socket's path, as Linux has it.
const MAX_PATH_LEN: usize = 107;

/// Registers the ini settings. Must run while the module starts.
pub(crate) fn register(module_number: i32) {
    IniEntryDef::register(INI.as_slice(), module_number);
}

/// A setting or option whose value is no good.
#[derive(Debug)]
pub(crate) struct BadSetting {
    name: String,
    value: String,
    wanted: &'static str,
}

impl Display for BadSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} is not {}", self.name, self.value, self.wanted)
    }
}

impl BadSetting {
    fn new(name: impl Into<String>, value: &str, wanted: &'static str) -> Self {
        let start: String = value.chars().take(64).collect();
        Self { name: name.into(), value: format!("\"{start}\""), wanted }
    }

    fn of_type(name: &str, value: &Zval, wanted: &'static str) -> Self {
        Self { name: format!("options['{name}']"), value: format!("a value of type {}", type_name(value)), wanted }
    }
}

/// What PHP calls the type of a value.
pub(crate) fn type_name(value: &Zval) -> &'static str {
    let value = value.dereference();
    match () {
        () if value.is_null() => "null",
        () if value.is_bool() => "bool",
        () if value.is_long() => "int",
        () if value.is_double() => "float",
        () if value.is_string() => "string",
        () if value.is_array() => "array",
        () if value.is_object() => "object",
        () => "resource",
    }
}

/// What one call goes by: the ini settings as they stand, or the options in their place.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) socket: String,
    pub(crate) timeout: Duration,
    pub(crate) ack: Ack,
    pub(crate) id: Option<EventId>,
    pub(crate) trace: Option<String>,
}

impl Settings {
    /// # Errors
    /// A setting in use, or an option, has a value that is no good, or there is no such option.
    pub(crate) fn read(options: Option<&ZendHashTable>) -> Result<Self, BadSetting> {
        let mut given = Given::default();
        for (key, value) in options.into_iter().flatten() {
            let value = value.dereference();
            if !value.is_null() {
                given.take(&key.to_string(), value)?;
            } else if !OPTIONS.contains(&key.to_string().as_str()) {
                return Err(unknown(&key.to_string()));
            }
        }
        let Given { socket, timeout, ack, id, trace } = given;
        Ok(Self {
            socket: socket.map_or_else(|| parse_socket(SOCKET, &ini(SOCKET)), Ok)?,
            timeout: timeout.map_or_else(|| parse_timeout(&ini(TIMEOUT_MS)), Ok)?,
            ack: ack.map_or_else(|| parse_ack(ACK, &ini(ACK)), Ok)?,
            id,
            trace,
        })
    }
}

/// The ini settings as text, for those who only show them: socket, timeout in milliseconds, ack.
pub(crate) fn shown() -> [String; 3] {
    [ini(SOCKET), ini(TIMEOUT_MS), ini(ACK)]
}

const OPTIONS: [&str; 5] = ["socket", "timeout_ms", "ack", "id", "trace"];

fn unknown(name: &str) -> BadSetting {
    BadSetting::new("options", name, "an option; there are socket, timeout_ms, ack, id and trace")
}

/// The options that were given.
#[derive(Default)]
struct Given {
    socket: Option<String>,
    timeout: Option<Duration>,
    ack: Option<Ack>,
    id: Option<EventId>,
    trace: Option<String>,
}

impl Given {
    fn take(&mut self, name: &str, value: &Zval) -> Result<(), BadSetting> {
        let text = || value.str().ok_or_else(|| BadSetting::of_type(name, value, "a string of UTF-8"));
        match name {
            "socket" => self.socket = Some(parse_socket("options['socket']", text()?)?),
            "timeout_ms" => {
                let number = value.long().ok_or_else(|| BadSetting::of_type(name, value, WANTED_TIMEOUT))?;
                self.timeout =
                    Some(millis(number).ok_or_else(|| {
                        BadSetting::new("options['timeout_ms']", &number.to_string(), WANTED_TIMEOUT)
                    })?);
            }
            "ack" => self.ack = Some(parse_ack("options['ack']", text()?)?),
            "id" => {
                let id = text()?;
                let bad = |_| BadSetting::new("options['id']", id, "32 hexadecimal digits");
                self.id = Some(id.parse().map_err(bad)?);
            }
            "trace" => self.trace = Some(text()?.to_owned()),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn ini(name: &str) -> String {
    engine::ini(name).unwrap_or_default()
}

/// Checks a socket's path; `name` is where it comes from.
pub(crate) fn parse_socket(name: &str, path: &str) -> Result<String, BadSetting> {
    if path.is_empty() || path.len() > MAX_PATH_LEN || path.contains('\0') {
        return Err(BadSetting::new(name, path, "the path of a Unix socket, 1 to 107 bytes"));
    }
    Ok(path.to_owned())
}

const WANTED_TIMEOUT: &str = "a whole number of milliseconds from 1 to 60000";

fn millis(number: i64) -> Option<Duration> {
    (1..=MAX_TIMEOUT_MS).contains(&number).then(|| Duration::from_millis(number.unsigned_abs()))
}

fn parse_timeout(value: &str) -> Result<Duration, BadSetting> {
    let number = value.trim().parse().ok().and_then(millis);
    number.ok_or_else(|| BadSetting::new(TIMEOUT_MS, value, WANTED_TIMEOUT))
}

fn parse_ack(name: &str, value: &str) -> Result<Ack, BadSetting> {
    match value {
        "receipt" => Ok(Ack::Receipt),
        // PHP's ini reader turns a bare `none` into an empty value.
        "none" | "" => Ok(Ack::None),
        _ => Err(BadSetting::new(name, value, "\"receipt\" or \"none\"")),
    }
}
