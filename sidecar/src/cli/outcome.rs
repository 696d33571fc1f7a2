//! How a command ends: what is said where, and the exit status.

use std::{io::IsTerminal, process::ExitCode};

use serde_json::json;

use crate::{
    config::{ConfigError, OLD_FILE, Place},
    console,
};

/// Exit status of a command that could not do its work.
pub const FAILED: u8 = 1;
/// Exit status for a wrong command line or configuration, as in `sysexits.h`.
pub const USAGE: u8 = 64;

/// Who listens to what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A script written for laravel-echo-server: its one line on standard output, and its exit status, 0.
    OldScript,
    /// A program that asked for JSON: an object on standard output as well, and an honest exit status.
    Program,
    /// Everybody else: all there is to say on standard error, and an honest exit status.
    Anybody,
}

impl Audience {
    /// The old answers are given where laravel-echo-server's default file is used, nobody looks at a terminal, and nobody asked
    /// for JSON.
    pub(super) fn of(place: &Place, json: bool) -> Self {
        if json { Self::Program } else { Self::for_terminal(place, std::io::stderr().is_terminal()) }
    }

    fn for_terminal(place: &Place, is_terminal: bool) -> Self {
        let is_old_file = match &place.config {
            Some(named) => named.file_name().is_some_and(|name| name == OLD_FILE),
            None => place.found().is_none_or(|found| found.file_name().is_some_and(|name| name == OLD_FILE)),
        };
        if is_old_file && !is_terminal { Self::OldScript } else { Self::Anybody }
    }

    /// Ends a command that failed: the old line, or the full one with a status.
    pub(super) fn fail(self, old_line: &str, full: &str, status: u8) -> ExitCode {
        match self {
            Self::OldScript => {
                console::error(old_line);
                ExitCode::SUCCESS
            }
            Self::Anybody | Self::Program => {
                if self == Self::Program {
                    console::say(&json!({"error": full}).to_string());
                }
                console::tell(&format!("Error: {full}"));
                status.into()
            }
        }
    }
}

impl Audience {
    /// Says something that ends nothing, as `say` does it; standard output is left to JSON.
    pub(super) fn warn(self, line: &str, say: fn(&str)) {
        if self == Self::Program { console::tell(line) } else { say(line) }
    }
}

/// Says on standard error why a configuration cannot be used; a program that reads JSON is told as well.
pub(super) fn refuse(error: &ConfigError, json: bool) -> ExitCode {
    let problems = match error {
        ConfigError::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    };
    if json {
        console::say(&json!({"error": problems.join("\n")}).to_string());
    }
    for problem in problems {
        console::tell(&format!("Error: {problem}"));
    }
    USAGE.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OUR_FILE;

    #[test]
    fn the_old_answers_are_for_scripts_with_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let place =
            |config: Option<&str>| Place { working_dir: dir.path().into(), dir: None, config: config.map(Into::into) };
        let of = |config, terminal| Audience::for_terminal(&place(config), terminal);
        assert_eq!(of(None, false), Audience::OldScript);
        assert_eq!(of(Some("x/laravel-echo-server.json"), false), Audience::OldScript);
        assert_eq!(of(None, true), Audience::Anybody);
        assert_eq!(of(Some("my.json"), false), Audience::Anybody);
        std::fs::write(dir.path().join(OUR_FILE), "{}").unwrap();
        assert_eq!(of(None, false), Audience::Anybody);
    }
}
