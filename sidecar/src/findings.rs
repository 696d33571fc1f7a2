//! What can be wrong between an event and a page: one list for both doctors and for docs/troubleshooting.md.
//!
//! It lies in the Composer package, which has to carry its own copy and may know nothing of what is outside its folder.

use serde::Deserialize;

#[cfg(test)]
mod page;

const LIST: &str = include_str!("../../composer-package/resources/findings.json");

/// The list as a doctor needs it; the page has all of it.
#[derive(Debug, Deserialize)]
struct List {
    symptoms: Vec<Symptom>,
}

#[derive(Debug, Deserialize)]
struct Symptom {
    findings: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    finding: String,
    advice: String,
}

/// What was found, in one sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its name in the list, and a heading on the page.
    pub id: &'static str,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub advice: String,
}

/// The list's words for a finding, with these values for the names in braces.
pub fn words(id: &'static str, values: &[(&str, &str)]) -> Words {
    // A test looks whether all of ours are there; a doctor that lacks a word still says which.
    let list: Option<List> = serde_json::from_str(LIST).ok();
    let entry = list.and_then(|list| list.symptoms.into_iter().flat_map(|one| one.findings).find(|one| one.id == id));
    let fill =
        |text: String| values.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
    match entry {
        Some(entry) => Words { id, text: fill(entry.finding), advice: fill(entry.advice) },
        None => Words { id, text: id.to_owned(), advice: String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_of_the_doctor_is_in_the_list_with_all_its_names() {
        let source = include_str!("cli/doctor.rs");
        let mut seen = 0;
        for call in source.split("words(\"").skip(1) {
            let id = call.split('"').next().unwrap();
            let values = call.split("])").next().unwrap();
            let list: List = serde_json::from_str(LIST).unwrap();
            let entry = list.symptoms.into_iter().flat_map(|one| one.findings).find(|one| one.id == id);
            let entry = entry.unwrap_or_else(|| panic!("findings.json has no finding {id}"));
            for name in names(&entry.finding).chain(names(&entry.advice)) {
                assert!(values.contains(&format!("(\"{name}\", ")), "{id} is said without its {{{name}}}");
            }
            seen += 1;
        }
        assert!(seen > 10, "the source was searched in vain");
    }

    #[test]
    fn names_in_braces_are_filled_in() {
        assert_eq!(words("few-files", &[("limit", "256")]).text, "the limit for open files is 256 here");
    }

    pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .filter(|name| name.chars().all(|c| c.is_ascii_lowercase()))
    }
}
