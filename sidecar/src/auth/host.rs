//! Which of the `authHost` entries is asked.

use std::net::Ipv6Addr;

use http::HeaderValue;

/// Chooses the scheme, host and port for a socket whose opening request had this `Referer`.
///
/// Without a referer it is the first entry. With one, the first entry that matches it: `scheme://host[:port]`, `host[:port]`,
/// or `.example.com` for every host directly below it; the question then goes to the referer's own scheme, host and port. When
/// none matches it is the last entry, as laravel-echo-server has it.
///
/// A referer is whatever the client says. So it only ever chooses among what the entries allow: never another scheme than http
/// and https, and under a `.example.com` entry no port but the scheme's own and those that other entries name, if any do.
pub(super) fn choose(hosts: &[String], referer: Option<&HeaderValue>) -> String {
    let first = hosts.first().map_or("http://localhost", String::as_str);
    let Some(said) = referer.filter(|said| !said.is_empty()) else { return first.to_owned() };
    if let Some(referer) = said.to_str().ok().and_then(Referer::parse)
        && hosts.iter().any(|entry| referer.matches(entry, hosts))
    {
        return referer.origin();
    }
    hosts.last().map_or(first, String::as_str).to_owned()
}

struct Referer {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Referer {
    /// The origin of a URL, in lower case. User names and passwords in it are nobody's business.
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if !["http", "https"].contains(&scheme.as_str()) {
            return None;
        }
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
        let (host, port) = match host_and_port.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (host_and_port.as_str(), None),
        };
        let is_name = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let is_host = match host.strip_prefix('[') {
            Some(address) => address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
            None => !host.is_empty() && is_name(host),
        };
        is_host.then(|| Self { scheme, host: host.to_owned(), port })
    }

    fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority())
    }

    fn matches(&self, entry: &str, all: &[String]) -> bool {
        let domain = self.host.find('.').map_or("", |dot| &self.host[dot..]);
        entry == self.origin()
            || entry == self.authority()
            || (!domain.is_empty() && entry == domain && self.port_is_allowed(all))
    }

    fn port_is_allowed(&self, all: &[String]) -> bool {
        let Some(port) = self.port else { return true };
        let mut named = all.iter().filter_map(|entry| port_of(entry)).peekable();
        named.peek().is_none() || named.any(|one| one == port)
    }
}

/// The port an entry names.
fn port_of(entry: &str) -> Option<u16> {
    let authority = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    authority.split('/').next()?.rsplit_once(':')?.1.parse().ok()
}

/// Whatever a page says, a question goes to an entry of the list, or below the one that has no host. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(referer: &[u8]) {
    let hosts = ["http://a.test:8000", "b.test:81", ".site.test", "https://z.test"].map(String::from);
    let Ok(referer) = HeaderValue::from_bytes(referer) else { return };
    // One that makes no URL is asked nothing.
    let Ok(chosen) = choose(&hosts, Some(&referer)).parse::<http::Uri>() else { return };
    let is_below =
        |host: &str| host.strip_suffix(".site.test").is_some_and(|name| !name.contains(['.', ':', '@', '/']));
    let is_allowed = match (chosen.scheme_str(), chosen.host(), chosen.port_u16()) {
        (Some("http"), Some("a.test"), Some(8000)) => true,
        (Some("https"), Some("z.test"), None) => true,
        (Some("http" | "https"), Some("b.test"), Some(81)) => true,
        (Some("http" | "https"), Some(host), None | Some(81 | 8000)) => is_below(host),
        _ => false,
    };
    let authority = chosen.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    assert!(is_allowed && !authority.contains('@'), "{referer:?}: {chosen}");
}

#[cfg(test)]
mod tests {
    use super::choose;

    fn chosen(hosts: &[&str], referer: &str) -> String {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        choose(&hosts, Some(&referer.parse().unwrap()))
    }

    #[test]
    fn without_a_referer_the_first_is_asked_and_without_a_match_the_last() {
        let hosts = ["http://a".to_owned(), "http://b".to_owned()];
        assert_eq!(choose(&hosts, None), "http://a");
        assert_eq!(choose(&[], None), "http://localhost");
        assert_eq!(chosen(&["http://a", "http://b"], ""), "http://a");
        assert_eq!(chosen(&["http://a", "http://b"], "https://elsewhere.test/x"), "http://b");
        assert_eq!(chosen(&["http://a", "http://b"], "not a url"), "http://b");
    }

    #[test]
    fn a_match_sends_the_question_to_the_referers_own_host() {
        assert_eq!(chosen(&["http://a", "b.test:81"], "http://b.test:81/page?x"), "http://b.test:81");
        assert_eq!(chosen(&["http://b.test", "http://z"], "HTTP://B.Test/"), "http://b.test");
        assert_eq!(chosen(&[".test", "http://z"], "https://b.test/page"), "https://b.test");
        assert_eq!(chosen(&[".test", "http://z"], "https://a.b.test/page"), "http://z");
        assert_eq!(chosen(&["https://b.test", "http://z"], "http://b.test/"), "http://z");
        assert_eq!(chosen(&["[::1]:8", "http://z"], "http://[::1]:8/"), "http://[::1]:8");
    }

    #[test]
    fn a_referer_cannot_choose_a_port_that_no_entry_names() {
        let hosts = [".test", "http://z:8080"];
        assert_eq!(chosen(&hosts, "http://b.test:8080/"), "http://b.test:8080");
        assert_eq!(chosen(&hosts, "http://b.test/"), "http://b.test");
        assert_eq!(chosen(&hosts, "http://b.test:6379/"), "http://z:8080");
        assert_eq!(chosen(&[".test"], "http://b.test:6379/"), "http://b.test:6379");
    }

    #[test]
    fn credentials_and_odd_schemes_in_a_referer_change_nothing() {
        assert_eq!(chosen(&[".test", "http://z"], "http://[::1].test/"), "http://z");
        assert_eq!(chosen(&["http://a", "http://b.test"], "http://me:pw@b.test/"), "http://b.test");
        for odd in
            ["file://b.test/", "http://b.test:99999/", "http://a b.test/", "http://:80/", "//b.test", "http:b.test"]
        {
            assert_eq!(chosen(&["http://b.test", "http://z"], odd), "http://z", "{odd}");
        }
    }
}
