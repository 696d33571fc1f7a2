//! docs/configuration.md, made from the table of settings.

use std::fmt::Write;

use super::{
    environment,
    keys::{KEYS, Key},
};

const HEAD: &str = include_str!("reference.md");

/// The whole page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for key in KEYS {
        entry(&mut page, key);
    }
    page
}

fn entry(page: &mut String, key: &Key) {
    let default = if key.default.is_empty() { String::new() } else { format!(" Default: `{}`.", key.default) };
    let names = environment::names(key).iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let names = if names.is_empty() { String::new() } else { format!("\n\nEnvironment: {names}.") };
    let change = match key {
        Key { path, .. } if path.contains("[]") => "",
        Key { live: true, .. } => " SIGHUP brings a change into force.",
        Key { live: false, .. } => " A change needs a restart.",
    };
    // Writing to a text cannot fail.
    let _ = write!(page, "\n### `{}`\n\n{}{default}{change}{names}\n", key.path, key.meaning);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// With `RUSTECHO_WRITE_DOCS=1` it writes the page instead.
    #[test]
    fn the_page_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        if std::env::var_os("RUSTECHO_WRITE_DOCS").is_some() {
            fs::write(&path, markdown()).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        let help = "docs/configuration.md is old: RUSTECHO_WRITE_DOCS=1 cargo test -p rustecho-sidecar reference";
        assert!(page == markdown(), "{help}");
    }
}
