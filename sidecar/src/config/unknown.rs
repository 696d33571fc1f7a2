//! Keys of the file that are not settings, and groups that are not objects.

use serde_json::{Map, Value};

use super::{
    keys::{self, OPEN_GROUPS},
    problem::Problem,
    reader::Reader,
    suggest::did_you_mean,
};

/// Walks the whole file: a warning for each unknown key, one for all foreign options of a group that is open to them.
pub(super) fn check(reader: &mut Reader<'_>, file: &Map<String, Value>) {
    check_level(reader, file, "");
}

fn check_level(reader: &mut Reader<'_>, level: &Map<String, Value>, path: &str) {
    let known = keys::names_below(path);
    let mut foreign = Vec::new();
    for (name, value) in level {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if !known.contains(&name.as_str()) {
            match did_you_mean(name, &known) {
                None if OPEN_GROUPS.contains(&path) => foreign.push(name.as_str()),
                hint => unknown(reader, &place, hint),
            }
            continue;
        }
        match value {
            Value::Object(below) if keys::is_group(&place) => check_level(reader, below, &place),
            Value::Array(entries) => check_entries(reader, entries, &place),
            // What may also stand where a group is: nothing, and the short forms of three groups.
            Value::Null => {}
            _ if keys::find(&place).is_some() || place == "databaseConfig.redis" => {}
            _ if keys::is_group(&place) => reader.problems.push(Problem {
                origin: reader.origin.clone(),
                line: None,
                key: place,
                value: super::problem::kind(value).into(),
                expected: "an object: `{ … }`".into(),
            }),
            _ => {}
        }
    }
    if !foreign.is_empty() {
        let names = foreign.join(", ");
        reader.warnings.push(format!("{}: without effect in {path}: {names}", reader.origin));
    }
}

/// The fields of a list's entries.
fn check_entries(reader: &mut Reader<'_>, entries: &[Value], path: &str) {
    let known = keys::names_below(&format!("{path}[]"));
    if known.is_empty() {
        return;
    }
    for (at, entry) in entries.iter().enumerate() {
        for name in entry.as_object().into_iter().flat_map(Map::keys) {
            if !known.contains(&name.as_str()) {
                unknown(reader, &format!("{path}[{at}].{name}"), did_you_mean(name, &known));
            }
        }
    }
}

fn unknown(reader: &mut Reader<'_>, place: &str, hint: Option<&str>) {
    let hint = hint.map(|best| format!("; did you mean {best}?")).unwrap_or_default();
    reader.warnings.push(format!("{}: unknown key {place}{hint}", reader.origin));
}
