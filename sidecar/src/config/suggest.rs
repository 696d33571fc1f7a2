//! "Did you mean …?"

/// The known name that this one is most likely a slip of; none when nothing is near.
pub(super) fn did_you_mean<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= 2.min(name.len() / 2))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["authHost", "authEndpoint", "port"];
        assert_eq!(did_you_mean("authhost", &known), Some("authHost"));
        assert_eq!(did_you_mean("athHots", &known), Some("authHost"));
        assert_eq!(did_you_mean("prot", &known), Some("port"));
        assert_eq!(did_you_mean("x", &known), None);
        assert_eq!(did_you_mean("somethingElse", &known), None);
    }
}
