//! docs/troubleshooting.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use serde::Deserialize;

use super::{LIST, tests::names};

const HEAD: &str = include_str!("page.md");

#[derive(Deserialize)]
struct List {
    /// What the page has in place of names in braces.
    examples: BTreeMap<String, String>,
    symptoms: Vec<Symptom>,
}

/// What somebody notices, how to look closer, and everything that can be behind it.
#[derive(Deserialize)]
struct Symptom {
    title: String,
    look: String,
    findings: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    finding: String,
    cause: String,
    advice: String,
}

fn list() -> List {
    serde_json::from_str(LIST).unwrap()
}

/// The whole page.
fn markdown(list: &List) -> String {
    let mut page = HEAD.to_owned();
    let fill = |text: &str| {
        list.examples.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    };
    for symptom in &list.symptoms {
        let _ = writeln!(page, "- [{}](#{})", symptom.title, anchor(&symptom.title));
    }
    for symptom in &list.symptoms {
        let _ = write!(page, "\n## {}\n\n{}\n", symptom.title, symptom.look);
        for entry in &symptom.findings {
            let (finding, cause, advice) = (fill(&entry.finding), fill(&entry.cause), fill(&entry.advice));
            let _ = write!(page, "\n### {}\n\n**{finding}**\n\n{cause}\n\n*What to do:* {advice}\n", entry.id);
        }
    }
    page
}

/// As GitHub makes it of a heading.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// With `RUSTECHO_WRITE_DOCS=1` it writes the page instead.
#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    let wanted = markdown(&list());
    if std::env::var_os("RUSTECHO_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == wanted,
        "docs/troubleshooting.md is old: RUSTECHO_WRITE_DOCS=1 cargo test -p rustecho-sidecar findings"
    );
}

#[test]
fn every_entry_is_whole_and_stands_once() {
    let list = list();
    let mut ids = BTreeSet::new();
    for entry in list.symptoms.iter().flat_map(|symptom| &symptom.findings) {
        let ours = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(!entry.id.is_empty() && entry.id.chars().all(ours), "{}", entry.id);
        assert!(ids.insert(&entry.id), "{} is there twice", entry.id);
        for text in [&entry.finding, &entry.cause, &entry.advice] {
            assert!(!text.is_empty(), "{} lacks a word", entry.id);
            for name in names(text) {
                assert!(list.examples.contains_key(name), "{} has no example of {{{name}}}", entry.id);
            }
        }
    }
}
