//! Typed access to settings: the environment first, then the file. Collects what is wrong instead of stopping at the first.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Map, Value};

use super::{
    Environment,
    keys::{self, Key},
    problem::{Problem, shown},
};

/// One setting as written, and where.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Its place, which for an entry of a list is more than the key.
    pub path: String,
    /// Its value; from the environment always a text.
    pub value: Value,
    /// The file or the variable.
    pub origin: String,
    /// Whether the value must not be shown.
    pub secret: bool,
    /// Whether a variable says so.
    pub from_env: bool,
}

/// Reads settings and remembers what is wrong with them.
pub(super) struct Reader<'a> {
    file: &'a Map<String, Value>,
    /// How the file is called in messages.
    pub origin: String,
    environment: &'a Environment,
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Map<String, Value>, origin: String, environment: &'a Environment) -> Self {
        Self { file, origin, environment, problems: Vec::new(), warnings: Vec::new() }
    }

    /// The file's value at this place; `null` counts as absent.
    pub(super) fn in_file(&self, path: &str) -> Option<&'a Value> {
        let mut names = path.split('.');
        let first = self.file.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    /// Whether the file names this key, be it with `null`.
    pub(super) fn has_in_file(&self, key: &str) -> bool {
        self.file.contains_key(key)
    }

    pub(super) fn setting(&self, path: &str) -> Option<Setting> {
        let key = keys::find(path)?;
        let (value, origin, from_env) = match self.environment.setting(key) {
            Some((value, name)) => (Value::String(value), format!("environment variable {name}"), true),
            None => (self.in_file(path)?.clone(), self.origin.clone(), false),
        };
        Some(Setting { path: path.into(), value, origin, secret: key.secret, from_env })
    }

    /// Whether the environment says something of this setting.
    pub(super) fn in_environment(&self, key: &Key) -> bool {
        self.environment.setting(key).is_some()
    }

    /// Notes that a setting cannot be used.
    pub(super) fn wrong(&mut self, setting: &Setting, expected: impl Into<String>) {
        let value = if setting.secret { "(not shown)".into() } else { shown(&setting.value) };
        self.problems.push(Problem {
            origin: setting.origin.clone(),
            line: None,
            key: setting.path.clone(),
            value,
            expected: expected.into(),
        });
    }

    pub(super) fn warn(&mut self, setting: &Setting, text: &str) {
        self.warnings.push(format!("{}: {} {text}", setting.origin, setting.path));
    }

    /// A text; empty counts as absent.
    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        let setting = self.setting(path)?;
        self.as_text(&setting)
    }

    pub(super) fn as_text(&mut self, setting: &Setting) -> Option<String> {
        match &setting.value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.wrong(setting, "a text");
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, path: &str, default: bool) -> bool {
        let Some(setting) = self.setting(path) else { return default };
        as_boolean(&setting.value).unwrap_or_else(|| {
            self.wrong(&setting, "true or false");
            default
        })
    }

    pub(super) fn number(&mut self, path: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(setting) = self.setting(path) else { return default };
        self.as_number(&setting, range).unwrap_or(default)
    }

    pub(super) fn as_number(&mut self, setting: &Setting, range: RangeInclusive<u64>) -> Option<u64> {
        let number = as_integer(&setting.value).filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(setting, format!("a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    pub(super) fn millis(&mut self, path: &str, range: RangeInclusive<u64>, default: Duration) -> Duration {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.number(path, range, default))
    }

    /// The entries of a list, each a setting of its own; a text is split at commas.
    pub(super) fn list(&mut self, setting: &Setting) -> Option<Vec<Setting>> {
        let values: Vec<Value> = match &setting.value {
            Value::Array(values) => values.clone(),
            Value::String(text) => text.split(',').map(|part| part.trim().into()).collect(),
            _ => {
                self.wrong(setting, "a list");
                return None;
            }
        };
        let entry = |(at, value)| Setting { path: format!("{}[{at}]", setting.path), value, ..setting.clone() };
        Some(values.into_iter().enumerate().map(entry).collect())
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, setting: &Setting) -> Option<Vec<String>> {
        let entries = self.list(setting)?;
        Some(entries.iter().filter_map(|entry| self.as_text(entry)).collect())
    }
}

pub(super) fn as_boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.to_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Some(true),
            "false" | "0" | "off" | "no" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, also written as `1e6` or in quotes.
pub(super) fn as_integer(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            // Up to 2^53 a float is exact, so the cast loses nothing.
            (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
