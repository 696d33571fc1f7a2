//! Which of the `authHost` entries is asked.

use http::{HeaderValue, Uri};

/// Chooses the scheme, host and port for a socket whose opening request had this `Referer`.
///
/// Without a referer it is the first entry. With one, the first entry that matches it: `scheme://host[:port]`, `host[:port]`,
/// or `.example.com` for any host that ends so; the request then goes to the referer's own scheme, host and port. When none
/// matches it is the last entry, as laravel-echo-server has it.
pub(super) fn choose(hosts: &[String], referer: Option<&HeaderValue>) -> String {
    let first = hosts.first().map_or("http://localhost", String::as_str);
    let Some(referer) = referer.and_then(|value| value.to_str().ok()).and_then(origin) else { return first.to_owned() };
    for entry in hosts {
        let domain = referer.host.find('.').map_or("", |dot| &referer.host[dot..]);
        if *entry == referer.origin() || *entry == referer.authority || (!domain.is_empty() && entry == domain) {
            return referer.origin();
        }
    }
    hosts.last().map_or(first, String::as_str).to_owned()
}

struct Referer {
    scheme: String,
    authority: String,
    host: String,
}

impl Referer {
    fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

fn origin(referer: &str) -> Option<Referer> {
    let uri: Uri = referer.split('#').next()?.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?.to_owned();
    let host = uri.host()?.to_owned();
    // The authority is put together again: user names and passwords in a referer are nobody's business.
    let authority = uri.port_u16().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    Some(Referer { scheme, authority, host })
}

#[cfg(test)]
mod tests {
    use super::choose;

    fn chosen(hosts: &[&str], referer: Option<&str>) -> String {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        choose(&hosts, referer.map(|text| text.parse().unwrap()).as_ref())
    }

    #[test]
    fn without_a_referer_the_first_is_asked_and_without_a_match_the_last() {
        assert_eq!(chosen(&["http://a", "http://b"], None), "http://a");
        assert_eq!(chosen(&["http://a", "http://b"], Some("https://elsewhere.test/x")), "http://b");
        assert_eq!(chosen(&["http://a", "http://b"], Some("not a url")), "http://a");
        assert_eq!(chosen(&[], None), "http://localhost");
    }

    #[test]
    fn a_match_sends_the_question_to_the_referers_own_host() {
        assert_eq!(chosen(&["http://a", "b.test:81"], Some("http://b.test:81/page?x")), "http://b.test:81");
        assert_eq!(chosen(&[".test", "http://z"], Some("https://b.test/page")), "https://b.test");
        assert_eq!(chosen(&["https://b.test", "http://z"], Some("http://b.test/")), "http://z");
    }

    #[test]
    fn credentials_and_odd_schemes_in_a_referer_change_nothing() {
        assert_eq!(chosen(&["http://a", "http://b.test"], Some("http://me:pw@b.test/")), "http://b.test");
        assert_eq!(chosen(&["http://a", "http://z"], Some("file://b.test/")), "http://a");
    }
}
