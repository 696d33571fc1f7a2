//! What can be wrong with a configuration, said so that one knows what to change.

use std::{fmt, io, path::PathBuf};

use serde_json::Value;

/// Why there is no [`super::Config`]. The text never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file where one was looked for.
    #[error("config file not found: {}; --config=FILE names one", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Missing(Vec<PathBuf>),
    /// A file that is there cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a JSON object.
    #[error("{}:{line}:{column}: not valid JSON: {expected}", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What was expected there.
        expected: String,
    },
    /// Settings have values that cannot be used; all of them, one a line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
    /// `protocol` is https and the certificate or its key is not named.
    #[error("{origin}: protocol is \"https\" but {missing} is not set; expected the path of a PEM file")]
    SslPathsMissing {
        /// Where the settings come from.
        origin: String,
        /// The key that is missing.
        missing: &'static str,
    },
}

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable.
    pub origin: String,
    /// The line of the file, from 1, where it is known.
    pub line: Option<usize>,
    /// The setting's place in the file.
    pub key: String,
    /// The value, shortened, or a stand-in for a secret one.
    pub value: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, key, value, expected, .. } = self;
        match self.line {
            Some(line) => write!(f, "{origin}:{line}: {key} is {value}; expected {expected}"),
            None => write!(f, "{origin}: {key} is {value}; expected {expected}"),
        }
    }
}

/// A value as it is shown in a message: short.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What sort of value it is, where the value itself may hold a secret.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
