//! `unixSocket`: an object, a path or `false`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Flavour,
    build::{Surroundings, is_off},
    reader::{Reader, as_boolean},
};

/// `unixSocket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocketConfig {
    /// `path`. Default `/run/rustecho/rustecho.sock`; where its folder is not writable, `rustecho.sock` in the working folder.
    pub path: PathBuf,
    /// `mode`, octal. Default `0660`.
    pub mode: u32,
    /// `group`: name or number that the socket file is given to; none leaves it.
    pub group: Option<String>,
    /// `allowedUids`: peers that may connect; empty is everyone the mode lets in.
    pub allowed_uids: Vec<u32>,
    /// Whether the sidecar may not start without it. The old server had none: where its file does not ask for one, a path that
    /// cannot be had (a second sidecar on the machine has it) is a warning.
    pub required: bool,
}

impl Default for UnixSocketConfig {
    fn default() -> Self {
        Self {
            path: "/run/rustecho/rustecho.sock".into(),
            mode: 0o660,
            group: None,
            allowed_uids: Vec::new(),
            required: true,
        }
    }
}

const LARGEST_MODE: u32 = 0o777;

pub(super) fn read(reader: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<UnixSocketConfig> {
    let mut path = None;
    if let Some(setting) = reader.setting("unixSocket") {
        match &setting.value {
            _ if is_off(&setting) => return None,
            Value::Object(_) => {}
            Value::String(text) if as_boolean(&setting.value).is_none() => path = Some(text.clone()),
            _ if as_boolean(&setting.value) == Some(true) => {}
            _ => reader.wrong(&setting, "false, a path, or {\"path\": \"…\", \"mode\": \"0660\"}"),
        }
    }
    let path = path.or_else(|| reader.text("unixSocket.path"));
    let asked_for = path.is_some() || reader.setting("unixSocket").is_some();
    Some(UnixSocketConfig {
        path: path.map_or_else(|| default_path(around), |path| around.working_dir.join(path)),
        mode: mode(reader).unwrap_or(UnixSocketConfig::default().mode),
        group: reader.text("unixSocket.group"),
        allowed_uids: uids(reader),
        required: asked_for || around.flavour == Flavour::Ours,
    })
}

/// Where the PHP extension looks; a sidecar that may not write there still works, with the path told to both.
fn default_path(around: &Surroundings<'_>) -> PathBuf {
    let path = UnixSocketConfig::default().path;
    match path.parent() {
        Some(folder) if (around.is_usable)(folder) => path,
        _ => around.working_dir.join("rustecho.sock"),
    }
}

/// The digits are octal, in quotes or not, as with chmod.
fn mode(reader: &mut Reader<'_>) -> Option<u32> {
    let setting = reader.setting("unixSocket.mode")?;
    let text = reader.as_text(&setting)?;
    let digits = text.strip_prefix("0o").unwrap_or(&text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= LARGEST_MODE);
    if mode.is_none() {
        reader.wrong(&setting, "an octal file mode from \"0000\" to \"0777\", such as \"0660\"");
    }
    mode
}

fn uids(reader: &mut Reader<'_>) -> Vec<u32> {
    let Some(setting) = reader.setting("unixSocket.allowedUids") else { return Vec::new() };
    let entries = reader.list(&setting).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| reader.as_number(entry, 0..=u32::MAX.into()))
        .filter_map(|uid| u32::try_from(uid).ok())
        .collect()
}

/// Whether files can be made in this folder, or it can be made in the one above.
pub(super) fn is_usable(folder: &Path) -> bool {
    let writable = |folder: &Path| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    writable(folder) || (!folder.exists() && folder.parent().is_some_and(writable))
}
