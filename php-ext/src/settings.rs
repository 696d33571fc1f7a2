//! The ini settings, and the options of one call that go before them.

use std::fmt::Display;
use std::time::Duration;

use ext_php_rs::convert::FromZval;
use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::types::array::Iter;
use ext_php_rs::types::{ZendHashTable, Zval};
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};
use rustecho_wire::EventId;
use rustecho_wire::client::{self, Ack, Rules};
use rustecho_wire::spool::SpoolSettings;

use crate::engine::{self, Text};

mod parse;

pub(crate) use parse::socket as parse_socket;
use parse::{OnFailure, WANTED_BREAKER, WANTED_TIMEOUT};

/// The sidecar's socket; the sidecar calls it `unixSocket.path`.
const SOCKET: &str = "rustecho.socket";
/// What one call may take as a whole, in milliseconds.
const TIMEOUT_MS: &str = "rustecho.timeout_ms";
/// Whether a call waits for the sidecar's receipt: `receipt`, `deferred` or `none`.
const ACK: &str = "rustecho.ack";
/// What happens to an event when the sidecar cannot be had: `spool` or `throw`.
const ON_FAILURE: &str = "rustecho.on_failure";
/// The longest time for which the sidecar is left alone after a failure, in milliseconds; 0: never.
const BREAKER_MS: &str = "rustecho.breaker_ms";
/// The spool's directory; the sidecar calls it `spool.path`.
const SPOOL: &str = "rustecho.spool";
/// The most bytes of all spool files together.
const SPOOL_MAX_BYTES: &str = "rustecho.spool_max_bytes";

/// All may be set anywhere: php.ini, a pool of php-fpm, `.user.ini`, `ini_set()`.
static INI: IniEntryDefs<8> = IniEntryDefs::new([
    IniEntryDef::new(c"rustecho.socket", c"/run/rustecho/rustecho.sock", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.timeout_ms", c"50", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.ack", c"receipt", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.on_failure", c"spool", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.breaker_ms", c"1000", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.spool", c"", IniEntryPermission::All),
    IniEntryDef::new(c"rustecho.spool_max_bytes", c"256M", IniEntryPermission::All),
    IniEntryDef::end(),
]);

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
    ack: Ack,
    breaker: Duration,
    /// `None`: a failure is thrown.
    spool: Option<SpoolSettings>,
    more: bool,
    pub(crate) id: Option<EventId>,
    pub(crate) trace: Option<String>,
}

impl Settings {
    /// # Errors
    /// A setting in use, or an option, has a value that is no good, or there is no such option.
    pub(crate) fn read(options: Option<&ZendHashTable>) -> Result<Self, BadSetting> {
        let mut given = Given::default();
        let mut entries = options.map(ZendHashTable::iter);
        while let Some((key, value)) = entries.as_mut().and_then(Iter::next_zval) {
            let (name, value) = (engine::key(&key), value.dereference());
            if !value.is_null() {
                given.take(&name, value)?;
            } else if !OPTIONS.contains(&name.as_ref()) {
                return Err(unknown(&name));
            }
        }
        given.settle()
    }

    /// Where events are spooled; `None` where they are not.
    pub(crate) fn spool_dir(&self) -> Option<String> {
        self.spool.as_ref().map(|spool| spool.dir.display().to_string())
    }

    /// How the client is to hand the event over.
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            ack: self.ack,
            on_failure: self.spool.as_ref().map_or(client::OnFailure::Throw, client::OnFailure::Spool),
            breaker: self.breaker,
            more: self.more,
        }
    }
}

/// Every ini setting with its value, as text.
pub(crate) fn shown() -> [(&'static str, String); 7] {
    [SOCKET, TIMEOUT_MS, ACK, ON_FAILURE, BREAKER_MS, SPOOL, SPOOL_MAX_BYTES]
        .map(|name| (name, ini(name, str::to_owned)))
}

/// What a call may take where the setting is no good.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);

/// What `rustecho_flush()` may take when it is not told.
pub(crate) fn timeout(given: Option<i64>) -> Result<Duration, BadSetting> {
    match given {
        Some(number) => {
            parse::timeout(number).ok_or_else(|| BadSetting::new("timeout_ms", &number.to_string(), WANTED_TIMEOUT))
        }
        None => ini_number(TIMEOUT_MS, WANTED_TIMEOUT, parse::timeout),
    }
}

const OPTIONS: [&str; 10] =
    ["socket", "timeout_ms", "ack", "on_failure", "breaker_ms", "spool", "spool_max_bytes", "more", "id", "trace"];

fn unknown(name: &str) -> BadSetting {
    let wanted = "an option; there are socket, timeout_ms, ack, on_failure, breaker_ms, spool, spool_max_bytes, more, id and trace";
    BadSetting::new("options", name, wanted)
}

/// The options that were given.
#[derive(Default)]
struct Given {
    socket: Option<String>,
    timeout: Option<Duration>,
    ack: Option<Ack>,
    on_failure: Option<OnFailure>,
    breaker: Option<Duration>,
    spool: Option<String>,
    spool_max_bytes: Option<u64>,
    more: bool,
    id: Option<EventId>,
    trace: Option<String>,
}

impl Given {
    fn take(&mut self, name: &str, value: &Zval) -> Result<(), BadSetting> {
        let text = || {
            let text = Text::from_zval(value).and_then(|text| text.utf8().ok());
            text.ok_or_else(|| BadSetting::of_type(name, value, "a string of UTF-8"))
        };
        let number = |wanted, parse: fn(i64) -> Option<Duration>| {
            let number = value.long().ok_or_else(|| BadSetting::of_type(name, value, wanted))?;
            parse(number)
                .ok_or_else(|| BadSetting::new(format!("options['{name}']"), &number.to_string(), wanted))
                .map(Some)
        };
        match name {
            "socket" => self.socket = Some(parse::socket("options['socket']", text()?)?),
            "timeout_ms" => self.timeout = number(WANTED_TIMEOUT, parse::timeout)?,
            "ack" => self.ack = Some(parse::ack("options['ack']", text()?)?),
            "on_failure" => self.on_failure = Some(parse::on_failure("options['on_failure']", text()?)?),
            "breaker_ms" => self.breaker = number(WANTED_BREAKER, parse::breaker)?,
            "spool" => self.spool = Some(text()?.to_owned()),
            "spool_max_bytes" => {
                let wanted = "a number of bytes, 0 or more";
                let number = value.long().ok_or_else(|| BadSetting::of_type(name, value, wanted))?;
                let bad = |_| BadSetting::new("options['spool_max_bytes']", &number.to_string(), wanted);
                self.spool_max_bytes = Some(u64::try_from(number).map_err(bad)?);
            }
            "more" => self.more = value.bool().ok_or_else(|| BadSetting::of_type(name, value, "true or false"))?,
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

    /// The ini settings in the place of what was not given.
    fn settle(self) -> Result<Settings, BadSetting> {
        let socket = self.socket.map_or_else(|| ini(SOCKET, |path| parse::socket(SOCKET, path)), Ok)?;
        let spool =
            match self.on_failure.map_or_else(|| ini(ON_FAILURE, |value| parse::on_failure(ON_FAILURE, value)), Ok)? {
                OnFailure::Throw => None,
                OnFailure::Spool => Some(SpoolSettings {
                    dir: match &self.spool {
                        Some(dir) => parse::spool_dir("options['spool']", dir, &socket)?,
                        None => ini(SPOOL, |dir| parse::spool_dir(SPOOL, dir, &socket))?,
                    },
                    max_bytes: match self.spool_max_bytes {
                        Some(bytes) => bytes,
                        None => ini(SPOOL_MAX_BYTES, |bytes| parse::bytes(SPOOL_MAX_BYTES, bytes))?,
                    },
                }),
            };
        Ok(Settings {
            socket,
            timeout: self.timeout.map_or_else(|| timeout(None), Ok)?,
            ack: self.ack.map_or_else(|| ini(ACK, |value| parse::ack(ACK, value)), Ok)?,
            breaker: self.breaker.map_or_else(|| ini_number(BREAKER_MS, WANTED_BREAKER, parse::breaker), Ok)?,
            spool,
            more: self.more,
            id: self.id,
            trace: self.trace,
        })
    }
}

/// What is made of an ini setting; of an empty text where PHP does not know the setting.
fn ini<T>(name: &str, read: impl Fn(&str) -> T) -> T {
    engine::ini(name, &read).unwrap_or_else(|| read(""))
}

fn ini_number(name: &str, wanted: &'static str, parse: fn(i64) -> Option<Duration>) -> Result<Duration, BadSetting> {
    ini(name, |value| value.trim().parse().ok().and_then(parse).ok_or_else(|| BadSetting::new(name, value, wanted)))
}
