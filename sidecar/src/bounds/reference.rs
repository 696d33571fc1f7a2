//! docs/limits.md, made from the tables of bounds and of settings.

use std::fmt::Write;

use super::Bound;
use crate::config::keys;

const HEAD: &str = include_str!("reference.md");

/// The whole page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for bound in Bound::ALL {
        let default = match keys::find(bound.key()).map_or("", |key| key.default) {
            "" if *bound == Bound::Memory => {
                "four fifths of the machine's, the container's or the service's".to_owned()
            }
            "" if *bound == Bound::PublishersPerUser => {
                "three quarters of what the other users leave of `limits.publishers`".to_owned()
            }
            "" if *bound == Bound::SubscribesPerIp => {
                "a fifth of `limits.connectionsPerIp`, `2000` at least".to_owned()
            }
            "" => "`10000` for public addresses".to_owned(),
            default => format!("`{default}`"),
        };
        let metric = bound.metric().map(|metric| metric.text()).unwrap_or_default();
        // Writing to a text cannot fail.
        let _ = writeln!(page, "| `{}` | {default} | {} | `{metric}` |", bound.key(), bound.told());
    }
    page
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// With `RUSTECHO_WRITE_DOCS=1` it writes the page instead.
    #[test]
    fn the_page_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/limits.md");
        if std::env::var_os("RUSTECHO_WRITE_DOCS").is_some() {
            fs::write(&path, markdown()).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        let help = "docs/limits.md is old: RUSTECHO_WRITE_DOCS=1 cargo test -p rustecho-sidecar reference";
        assert!(page == markdown(), "{help}");
    }

    #[test]
    fn every_bound_is_a_setting_with_a_counter() {
        for bound in Bound::ALL {
            assert!(keys::find(bound.key()).is_some(), "{}", bound.key());
            assert!(bound.metric().is_some(), "{}", bound.key());
        }
    }
}
