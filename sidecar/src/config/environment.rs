//! Settings from environment variables, taken from a snapshot: tests never touch the environment of the process.

use std::collections::BTreeMap;

use super::{
    dotenv,
    keys::{self, KEYS, Key, NOT_SETTINGS, OLD_PREFIX, PREFIX},
    suggest::did_you_mean,
};

/// A snapshot of the environment, with what `.env` files add.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(variables: T) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 cannot be settings and are left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Adds what the text of a `.env` file assigns and nobody assigned before.
    pub(super) fn add_dotenv(&mut self, text: &str) {
        for (name, value) in dotenv::parse(text) {
            self.variables.entry(name).or_insert(value);
        }
    }

    /// Whether some setting comes from a variable of ours; then no file is needed.
    pub(super) fn has_settings(&self) -> bool {
        KEYS.iter().any(|key| key.env.is_some_and(|name| self.value(&format!("{PREFIX}{name}")).is_some()))
    }

    /// What the environment says of a setting: the value and the variable's name. Ours wins over the old server's.
    pub(super) fn setting(&self, key: &Key) -> Option<(String, String)> {
        let ours = key.env.map(|name| format!("{PREFIX}{name}"));
        let old = key.old_env.map(|name| format!("{OLD_PREFIX}{name}"));
        let shared = key.shared_env.map(ToOwned::to_owned);
        [ours, shared, old].into_iter().flatten().find_map(|name| Some((self.value(&name)?, name)))
    }

    /// Empty counts as not set. `${NAME}` anywhere in the value makes it, whole, the value of `NAME`.
    fn value(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        let reference = value.split_once("${").and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
        Some(match reference {
            Some(name) => self.variables.get(name).cloned().unwrap_or_default(),
            None => value.clone(),
        })
    }

    /// One sentence for each variable that looks like a setting and is none.
    pub(super) fn unknown(&self) -> Vec<String> {
        let known: Vec<&str> = KEYS.iter().filter_map(|key| key.env).collect();
        self.variables
            .keys()
            .filter_map(|name| Some((name, name.strip_prefix(PREFIX)?)))
            .filter(|(_, rest)| !known.contains(rest) && !NOT_SETTINGS.contains(rest))
            .map(|(name, rest)| {
                let hint = did_you_mean(rest, &known).map(|best| format!("; did you mean {PREFIX}{best}?"));
                format!("environment variable {name} is not a setting{}", hint.unwrap_or_default())
            })
            .collect()
    }
}

/// The variables of a setting, for the reference.
pub(super) fn names(key: &keys::Key) -> Vec<String> {
    let ours = key.env.map(|name| format!("{PREFIX}{name}"));
    let old = key.old_env.map(|name| format!("{OLD_PREFIX}{name}"));
    let shared = key.shared_env.map(ToOwned::to_owned);
    ours.into_iter().chain(shared).chain(old).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(variables: &[(&str, &str)]) -> Option<(String, String)> {
        let environment: Environment = variables.iter().copied().collect();
        environment.setting(keys::find("port").unwrap())
    }

    #[test]
    fn ours_wins_over_the_old_name() {
        let both = [("RUSTECHO_PORT", "1"), ("LARAVEL_ECHO_SERVER_PORT", "2")];
        assert_eq!(port(&both), Some(("1".into(), "RUSTECHO_PORT".into())));
        assert_eq!(port(&both[1..]), Some(("2".into(), "LARAVEL_ECHO_SERVER_PORT".into())));
        assert_eq!(port(&[("RUSTECHO_PORT", ""), both[1]]), Some(("2".into(), "LARAVEL_ECHO_SERVER_PORT".into())));
        assert_eq!(port(&[]), None);
    }

    #[test]
    fn a_reference_replaces_the_whole_value() {
        let name = "LARAVEL_ECHO_SERVER_PORT";
        assert_eq!(port(&[(name, "x${P}y${Q}"), ("P", "7")]), Some(("7".into(), name.into())));
        assert_eq!(port(&[(name, "${P}")]), Some((String::new(), name.into())));
        assert_eq!(port(&[(name, "${P")]), Some(("${P".into(), name.into())));
    }

    #[test]
    fn dotenv_fills_in_and_never_replaces() {
        let mut environment: Environment = [("RUSTECHO_PORT", "1"), ("RUSTECHO_HOST", "")].into_iter().collect();
        environment.add_dotenv("RUSTECHO_PORT=2\nRUSTECHO_HOST=h\nRUSTECHO_EDGE=lean\n");
        let of = |path| environment.setting(keys::find(path).unwrap()).map(|(value, _)| value);
        assert_eq!((of("port"), of("host"), of("edge")), (Some("1".into()), None, Some("lean".into())));
    }

    #[test]
    fn names_what_it_does_not_know_but_not_the_packages_variables() {
        let environment: Environment =
            ["RUSTECHO_SOCKET", "RUSTECHO_ACK", "RUSTECHO_PROT", "RUSTECHO_ZZZZZZZ", "OTHER", "RUSTECHO_PORT"]
                .map(|name| (name, "1"))
                .into_iter()
                .collect();
        assert_eq!(
            environment.unknown(),
            [
                "environment variable RUSTECHO_PROT is not a setting; did you mean RUSTECHO_PORT?",
                "environment variable RUSTECHO_ZZZZZZZ is not a setting",
            ]
        );
        assert!(environment.has_settings());
        assert!(![("RUSTECHO_SOCKET", "x"), ("RUSTECHO_PORT", "")].into_iter().collect::<Environment>().has_settings());
    }
}
