//! Origins of pages: read, and compared with what the operator trusts. Pure.
//!
//! A page's origin matters because the sidecar, not the browser, asks Laravel: what CORS does for an ordinary request, nobody
//! does here unless we do.

use http::uri::Authority;
use url::{Host, Url};

/// Where a page comes from, as `Origin` or `Referer` say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of a URL; none of `null`, of what has no host, and of what is no URL.
    pub fn parse(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        Some(Self { scheme: url.scheme().to_owned(), port: url.port_or_known_default(), host })
    }

    /// Whether the page is of the same host as `authority`, the value of a `Host` header. Ports do not count: neither do they for
    /// cookies, which a host's pages share on all its ports.
    pub fn is_of(&self, authority: &str) -> bool {
        host_of(authority).is_some_and(|host| host == self.host)
    }

    /// Whether both are of one site: `www.example.com` and `ws.example.com`, but not two shops below `co.uk`. That is what
    /// browsers mean by `SameSite`.
    pub fn is_of_the_site_of(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else { return false };
        host == self.host || site(&host).is_some_and(|one| site(&self.host) == Some(one))
    }
}

/// The host of a `host:port`, in lower case.
fn host_of(authority: &str) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    Some(authority.host().to_ascii_lowercase()).filter(|host| !host.is_empty())
}

/// The part of a host name that somebody registered; an address has none.
fn site(host: &str) -> Option<&str> {
    match Host::parse(host) {
        Ok(Host::Domain(_)) => psl::domain_str(host),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => None,
    }
}

/// What an operator trusts: one entry of `trustedOrigins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `*`.
    Every,
    /// `null`: pages without an origin, as those of a file or of a sandboxed frame.
    Null,
    /// `https://app.example.com`, `app.example.com:8443` or `app.example.com`; what is not said may be anything.
    Host {
        /// The scheme, if said.
        scheme: Option<String>,
        /// The host.
        host: String,
        /// The port, if said.
        port: Option<u16>,
    },
    /// `*.example.com` or `.example.com`: every host below it, not itself.
    Below(String),
}

impl Form {
    /// Reads an entry; none when it makes no sense.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        match text.as_str() {
            "*" | "*:*" => return Some(Self::Every),
            "null" => return Some(Self::Null),
            _ => {}
        }
        if text.contains("://") {
            let has_port = text.parse::<http::Uri>().ok().is_some_and(|uri| uri.port_u16().is_some());
            // Whoever writes `https://app.test@evil.test` means something else than it says.
            if text.split("://").nth(1)?.split(['/', '?', '#']).next()?.contains('@') {
                return None;
            }
            let Origin { scheme, host, port } = Origin::parse(&text)?;
            // A scheme that has a port of its own means that one.
            let port = port.filter(|_| has_port || matches!(scheme.as_str(), "http" | "https"));
            return (!host.contains('*')).then_some(Self::Host { scheme: Some(scheme), host, port });
        }
        let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        if let Some(domain) = below {
            return is_name(domain)
                .then(|| canonical(domain))
                .flatten()
                .map(|domain| Self::Below(format!(".{domain}")));
        }
        let text = text.strip_suffix(":*").unwrap_or(&text);
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let plain = is_name(host) || host.starts_with('[');
        let host = plain.then(|| canonical(host)).flatten()?;
        Some(Self::Host { scheme: None, port, host })
    }

    /// The pages of an entry of `authHost`, whatever their scheme and port: `http://app.test:8000`, `app.test:8443`, or `.example.com`.
    pub fn of_auth_host(text: &str) -> Option<Self> {
        if text.contains("://") {
            let Origin { host, .. } = Origin::parse(text)?; // a name and a password in it are for Laravel's door
            return Some(Self::Host { scheme: None, host, port: None });
        }
        match Self::parse(text)? {
            Self::Host { host, .. } => Some(Self::Host { scheme: None, host, port: None }),
            below @ Self::Below(_) => Some(below),
            Self::Every | Self::Null => None,
        }
    }

    /// Whether a page of this origin is meant.
    pub fn matches(&self, origin: &Origin) -> bool {
        match self {
            Self::Every => true,
            Self::Null => false,
            Self::Host { scheme, host, port } => {
                *host == origin.host
                    && scheme.as_ref().is_none_or(|scheme| *scheme == origin.scheme)
                    && port.is_none_or(|port| origin.port == Some(port))
            }
            Self::Below(domain) => origin.host.len() > domain.len() && origin.host.ends_with(domain.as_str()),
        }
    }
}

/// A host as browsers put it: `münchen.de` is `xn--mnchen-3ya.de`, and `[0:0::1]` is `[::1]`.
fn canonical(host: &str) -> Option<String> {
    Host::parse(host).ok().map(|host| host.to_string())
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(form: &str, origin: &str) -> bool {
        Form::parse(form).unwrap().matches(&Origin::parse(origin).unwrap())
    }

    #[test]
    fn forms_mean_what_they_say_and_no_more() {
        for (form, origin) in [
            ("*", "https://anything.test"),
            ("app.test", "https://app.test:8443"),
            ("APP.test:8443", "https://app.test:8443"),
            ("app.test:*", "http://app.test"),
            ("app.test:443", "https://app.test"),
            ("https://app.test", "https://app.test:443/page"),
            ("*.app.test", "https://a.b.app.test"),
            (".app.test", "http://a.app.test:81"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("[0:0::1]", "http://[::1]:8080"),
            ("münchen.test:443", "https://xn--mnchen-3ya.test"),
            ("*.münchen.test", "https://ws.xn--mnchen-3ya.test"),
        ] {
            assert!(trusts(form, origin), "{form} {origin}");
        }
        for (form, origin) in [
            ("app.test", "https://app.test.evil.test"),
            ("app.test", "https://evilapp.test"),
            ("app.test:443", "http://app.test"),
            ("https://app.test", "http://app.test"),
            ("https://app.test", "https://app.test:444"),
            (".app.test", "https://app.test"),
            (".app.test", "https://evilapp.test"),
            ("app.test", "https://app.test@evil.test"),
        ] {
            assert!(!trusts(form, origin), "{form} {origin}");
        }
        for odd in [
            "",
            " ",
            "a b",
            "*.",
            "http://",
            "*:80",
            "https://*.app.test",
            "me@app.test",
            "https://app.test@evil.test",
            "a:b",
            "[::1",
        ] {
            assert_eq!(Form::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_pages_own_host_is_told_by_the_host_header() {
        let origin = |text: &str| Origin::parse(text).unwrap();
        assert!(origin("https://app.test").is_of("app.test:6001"));
        assert!(origin("https://App.test").is_of("APP.TEST"));
        assert!(origin("http://[::1]:8000").is_of("[::1]:6001"));
        assert!(!origin("https://app.test").is_of("ws.app.test"));
        assert!(!origin("https://app.test").is_of(""));
        assert_eq!(Origin::parse("null"), None);
        assert_eq!(Origin::parse("file:///x"), None);
    }

    #[test]
    fn a_site_is_what_somebody_registered() {
        let same = |origin: &str, host: &str| Origin::parse(origin).unwrap().is_of_the_site_of(host);
        assert!(same("https://www.shop.co.uk", "ws.shop.co.uk:6001"));
        assert!(same("https://shop.co.uk", "shop.co.uk"));
        assert!(!same("https://evil.co.uk", "shop.co.uk"));
        assert!(!same("http://1.0.0.1", "127.0.0.1"));
        assert!(!same("http://app.test", "127.0.0.1"));
        assert!(same("http://localhost:8000", "localhost:6001"));
    }
}
