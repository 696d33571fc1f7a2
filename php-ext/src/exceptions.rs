//! The exception classes under `Rustecho\`, and which error becomes which.
//!
//! They are built by hand, not with `#[php_class]`: so they are ordinary exceptions with file, line and trace, and PHP code
//! (the Composer package's own client, tests) can create and extend them.

use ext_php_rs::builders::ClassBuilder;
use ext_php_rs::error::Result;
use ext_php_rs::exception::PhpException;
use ext_php_rs::flags::ConstantFlags;
use ext_php_rs::zend::{ClassEntry, ce};
use rustecho_wire::ClientError;
use rustecho_wire::error::Fate;

use crate::engine;
use crate::settings::BadSetting;

const BASE: &str = "Rustecho\\Exception";
const INVALID_EVENT: &str = "Rustecho\\InvalidEvent";
const INVALID_OPTION: &str = "Rustecho\\InvalidOption";
const REFUSED: &str = "Rustecho\\Refused";
const CONNECTION_FAILED: &str = "Rustecho\\ConnectionFailed";
const TIMEOUT: &str = "Rustecho\\Timeout";

/// `getCode()` of an exception after which the event may still arrive.
const FATE_UNKNOWN: i32 = 1;

/// The code for what is known about an event.
pub(crate) fn fate(fate: Fate) -> i32 {
    if fate == Fate::Unknown { FATE_UNKNOWN } else { 0 }
}

/// For who has set a wrong path.
const SHOWS_MORE: &str = "; `php --ri rustecho` shows this PHP's settings, `rustecho doctor` looks for what is wrong";

/// Registers the classes. Must run while the module starts.
pub(crate) fn register() -> Result<()> {
    let public = ConstantFlags::Public;
    ClassBuilder::new(BASE)
        .extends((runtime_exception, "\\RuntimeException"))
        .constant("FATE_UNKNOWN", i64::from(FATE_UNKNOWN), &[], public)?
        .registration(|_, _| {})
        .register()?;
    for name in [INVALID_EVENT, INVALID_OPTION, REFUSED, CONNECTION_FAILED, TIMEOUT] {
        ClassBuilder::new(name).extends((base, "\\Rustecho\\Exception")).registration(|_, _| {}).register()?;
    }
    Ok(())
}

fn runtime_exception() -> &'static ClassEntry {
    engine::class("RuntimeException").unwrap_or_else(ce::exception)
}

fn base() -> &'static ClassEntry {
    engine::class(BASE).unwrap_or_else(ce::exception)
}

/// Everything `rustecho_publish()` and `rustecho_status()` can fail with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An argument that no event can have; the sentence names it.
    Argument(String),
    /// An ini setting or an option.
    Setting(BadSetting),
    /// The client.
    Client(ClientError),
    /// The engine would not take a value.
    Engine(ext_php_rs::error::Error),
}

impl From<BadSetting> for Failure {
    fn from(error: BadSetting) -> Self {
        Self::Setting(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<ext_php_rs::error::Error> for Failure {
    fn from(error: ext_php_rs::error::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Failure> for PhpException {
    fn from(failure: Failure) -> Self {
        let (class, code, message) = match failure {
            Failure::Argument(message) => (INVALID_EVENT, 0, message),
            Failure::Setting(error) => (INVALID_OPTION, 0, error.to_string()),
            Failure::Engine(error) => (BASE, 0, error.to_string()),
            Failure::Client(error) => {
                let fate = fate(error.fate());
                let cause = match &error {
                    ClientError::NotSpooled { cause, .. } => cause,
                    other => other,
                };
                let (class, code) = match cause {
                    ClientError::Invalid(_) => (INVALID_EVENT, 0),
                    ClientError::Refused { code, .. } => (REFUSED, i32::from(code.as_u16())),
                    ClientError::Timeout { .. } => (TIMEOUT, fate),
                    ClientError::Connect { .. }
                    | ClientError::Lost { .. }
                    | ClientError::Protocol { .. }
                    | ClientError::Resting { .. }
                    | ClientError::NotSpooled { .. } => (CONNECTION_FAILED, fate),
                };
                let more = if class == CONNECTION_FAILED || class == TIMEOUT { SHOWS_MORE } else { "" };
                (class, code, format!("{error}{more}"))
            }
        };
        // An exception's message ends at its first NUL byte, and PHP's strings may have some.
        PhpException::new(message.replace('\0', "\\0"), code, engine::class(class).unwrap_or_else(ce::exception))
    }
}
