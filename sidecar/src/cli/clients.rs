//! `client:add` and `client:remove`: the list of API clients in the configuration file.
//!
//! Only that list changes: keys nobody knows stay, and nothing from the environment gets into the file.

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use rand::{TryRngCore, rngs::OsRng};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    outcome::{Audience, FAILED, USAGE},
    replace::replace,
};
use crate::{
    config::{ConfigError, Place, read_file, without_comments},
    console,
};

const ID_BYTES: usize = 8;
const KEY_BYTES: usize = 16;

pub(super) fn add(place: &Place, id: Option<&str>, as_json: bool) -> ExitCode {
    edit(place, as_json, |clients| {
        let id = id.map_or_else(|| random_hex(ID_BYTES), |id| Ok(id.to_owned()))?;
        let key = random_hex(KEY_BYTES)?;
        let known = clients.iter_mut().find(|client| client.get("appId").is_some_and(|other| *other == id.as_str()));
        let (said, done) = match known {
            Some(client) => {
                client["key"] = key.clone().into();
                ("API Client updated!", "updated")
            }
            None => {
                clients.push(json!({ "appId": id, "key": key }));
                ("API Client added!", "added")
            }
        };
        let lines = vec![said.into(), format!("appId: {id}"), format!("key: {key}")];
        Ok((lines, json!({"result": done, "appId": id, "key": key})))
    })
}

pub(super) fn remove(place: &Place, id: Option<&str>, as_json: bool) -> ExitCode {
    edit(place, as_json, |clients| {
        let id = id.ok_or("client:remove needs the id of a client, as in `rustecho client:remove my-app`")?;
        let before = clients.len();
        clients.retain(|client| client.get("appId").is_none_or(|other| *other != id));
        if clients.len() == before {
            return Err(format!("there is no client {id}; nothing was changed"));
        }
        Ok((vec![format!("Client removed: {id}")], json!({"result": "removed", "appId": id})))
    })
}

/// What was done, in the old server's lines and as JSON.
type Done = (Vec<String>, Value);

/// Changes the list and writes the file, then says what was done.
fn edit(place: &Place, as_json: bool, change: impl FnOnce(&mut Vec<Value>) -> Result<Done, String>) -> ExitCode {
    let found = place.found().ok_or_else(|| ConfigError::Missing(place.candidates()));
    // Held until the file is written: of two at one time each sees what the other has done.
    let _turn = found.as_ref().ok().and_then(|path| turn(path));
    let (path, mut file) = match found.and_then(|path| Ok((path.clone(), read_file(&path)?))) {
        Ok(found) => found,
        Err(error) => {
            let old = "Error: There was a problem reading the config file.";
            return Audience::of(place, as_json).fail(old, &error.to_string(), USAGE);
        }
    };
    let done = clients_of(&mut file, &path).and_then(change);
    match done.and_then(|done| write(&path, &file).map(|()| done)) {
        Ok((_, result)) if as_json => {
            console::say(&result.to_string());
            ExitCode::SUCCESS
        }
        Ok((lines, _)) => {
            for line in lines {
                console::say(&line);
            }
            ExitCode::SUCCESS
        }
        Err(reason) => {
            let audience = if as_json { Audience::Program } else { Audience::Anybody };
            audience.fail("", &reason, FAILED)
        }
    }
}

/// A lock on the folder, which a rename leaves alone; none where it cannot be had, as on some network file systems.
fn turn(path: &Path) -> Option<fs::File> {
    let path = fs::canonicalize(path).ok()?;
    let folder = fs::File::open(path.parent()?).ok()?;
    folder.lock().ok().map(|()| folder)
}

fn clients_of<'a>(file: &'a mut Map<String, Value>, path: &Path) -> Result<&'a mut Vec<Value>, String> {
    let clients = file.entry("clients").or_insert(Value::Null);
    if clients.is_null() {
        *clients = json!([]);
    }
    clients.as_array_mut().ok_or_else(|| format!("{}: clients must be a list", path.display()))
}

/// By the operating system's random source.
fn random_hex(bytes: usize) -> Result<String, String> {
    let mut buffer = vec![0; bytes];
    OsRng.try_fill_bytes(&mut buffer).map_err(|error| format!("the system has no random numbers: {error}"))?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write(path: &Path, file: &Map<String, Value>) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{}: cannot be written: {error}", path.display());
    let old = fs::read(path).map_err(said)?;
    let text = match file.get("clients").and_then(|clients| among_comments(&old, clients)) {
        Some(text) => text,
        None => with_tabs(&Value::Object(file.clone())).map_err(|error| error.to_string())?,
    };
    replace(path, &text).map_err(said)
}

/// The text with another value of `clients`, and nothing else of it changed; none for a text without comments.
fn among_comments(old: &[u8], clients: &Value) -> Option<Vec<u8>> {
    let plain = String::from_utf8(without_comments(old)).ok()?;
    if plain.as_bytes() == old {
        return None;
    }
    let list = String::from_utf8(with_tabs(clients).ok()?).ok()?.replace('\n', "\n\t");
    // A byte order mark is no JSON; it stays where it is.
    let json = plain.trim_start_matches('\u{feff}');
    let entries: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    let (from, to, new) = match entries.get("clients") {
        Some(value) => {
            let from = value.get().as_ptr() as usize - plain.as_ptr() as usize;
            (from, from + value.get().len(), list)
        }
        None => {
            let inside = plain.find('{')? + 1;
            let comma = if entries.is_empty() { "" } else { "," };
            (inside, inside, format!("\n\t\"clients\": {list}{comma}"))
        }
    };
    Some([old.get(..from)?, new.as_bytes(), old.get(to..)?].concat())
}

/// As laravel-echo-server wrote it.
pub(super) fn with_tabs(value: &Value) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    serde::Serialize::serialize(value, &mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
    Ok(text)
}

/// A new client for the file that `init` writes: its id and its key.
pub(super) fn new_client() -> Result<(String, String), String> {
    Ok((random_hex(ID_BYTES)?, random_hex(KEY_BYTES)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "{\"myKey\": 1, \"clients\": [{\"appId\": \"a\", \"key\": \"1\", \"note\": \"n\"}, {\"appId\": \"b\"}], \"z\": {}}";

    fn fixture(name: &str, text: &str) -> (tempfile::TempDir, Place) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), text).unwrap();
        let place = Place { working_dir: dir.path().into(), dir: None, config: Some(name.into()) };
        (dir, place)
    }

    fn content(place: &Place) -> Value {
        serde_json::from_slice(&fs::read(&place.candidates()[0]).unwrap()).unwrap()
    }

    fn is_success(status: ExitCode) -> bool {
        format!("{status:?}") == format!("{:?}", ExitCode::SUCCESS)
    }

    #[test]
    fn adding_changes_nothing_else_in_the_file_that_was_named() {
        let (dir, place) = fixture("other.json", FILE);
        assert!(is_success(add(&place, Some("a"), false)) && is_success(add(&place, None, false)));
        let file = content(&place);
        let keys: Vec<_> = file.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["myKey", "clients", "z"]);
        assert_eq!(file["clients"][0]["note"], "n");
        assert_eq!(file["clients"][0]["key"].as_str().unwrap().len(), 32);
        assert_eq!(file["clients"][1], json!({"appId": "b"}));
        assert_eq!(file["clients"][2]["appId"].as_str().unwrap().len(), 16);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(fs::read_to_string(&place.candidates()[0]).unwrap().starts_with("{\n\t\"myKey\": 1,\n"));
    }

    #[test]
    fn comments_stay() {
        let add = |text: &str| {
            let (_dir, place) = fixture("rustecho.json", text);
            assert!(is_success(super::add(&place, Some("b"), false)));
            let written = fs::read_to_string(&place.candidates()[0]).unwrap();
            let file = read_file(&place.candidates()[0]).unwrap();
            let key = file["clients"].as_array().unwrap().last().unwrap()["key"].as_str().unwrap().to_owned();
            written.replace(&key, "KEY")
        };
        let one = "[\n\t\t{\n\t\t\t\"appId\": \"b\",\n\t\t\t\"key\": \"KEY\"\n\t\t}\n\t]";
        let there = "// ü\n{ \"a\": 1, // no \"clients\": []\n\t\"clients\": [], # none\n}\n";
        assert_eq!(add(there), there.replace("[], #", &format!("{one}, #")));
        let missing = "\u{feff}/* { */ { \"a\": 1 /* one */ }";
        assert_eq!(add(missing), missing.replace("{ \"a", &format!("{{\n\t\"clients\": {one}, \"a")));
        assert_eq!(add("{// empty\n}"), format!("{{\n\t\"clients\": {one}// empty\n}}"));
    }

    #[test]
    fn the_file_keeps_its_mode_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, place) = fixture("real.json", "{}");
        fs::set_permissions(&place.candidates()[0], fs::Permissions::from_mode(0o640)).unwrap();
        let link = Place { config: Some("link.json".into()), ..place.clone() };
        std::os::unix::fs::symlink("real.json", dir.path().join("link.json")).unwrap();
        assert!(is_success(add(&link, Some("a"), false)));
        assert!(fs::symlink_metadata(dir.path().join("link.json")).unwrap().is_symlink());
        assert_eq!(fs::metadata(&place.candidates()[0]).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(content(&place)["clients"][0]["appId"], "a");
    }

    #[test]
    fn only_the_client_that_is_named_is_removed() {
        let (_dir, place) = fixture("c.json", FILE);
        assert!(!is_success(remove(&place, Some("zzz"), false)));
        assert!(!is_success(remove(&place, None, false)));
        assert_eq!(content(&place)["clients"].as_array().unwrap().len(), 2);
        assert!(is_success(remove(&place, Some("a"), false)));
        assert_eq!(content(&place)["clients"], json!([{"appId": "b"}]));
    }

    #[test]
    fn a_list_that_is_none_is_left_alone() {
        let (_dir, place) = fixture("c.json", "{\"clients\": \"x\"}");
        assert!(!is_success(add(&place, Some("a"), false)));
        assert_eq!(content(&place)["clients"], "x");
    }
}
