//! Who may look.
//!
//! With a key: whoever shows it. Without one only this machine can connect, and then a browser on it must not be a bridge: a page
//! of another site may neither read by a name that it made point here (the `Host` would be that name), nor publish.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode, header, request::Parts, uri::Authority};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::Config;

/// The rule in force.
#[derive(Clone)]
pub(super) struct Access {
    /// Of the key; texts of one length can be compared in constant time.
    key: Option<[u8; 32]>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoKey,
    WrongKey,
    Stranger,
    NothingToShow,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NoKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::Stranger | Self::NothingToShow => StatusCode::FORBIDDEN,
        }
    }

    /// Whether it is worth a word: a browser shows no key before it has been given one.
    pub(super) fn is_suspicious(self) -> bool {
        match self {
            Self::WrongKey | Self::Stranger => true,
            Self::NoKey | Self::NothingToShow => false,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NoKey => "show the key: Authorization: Bearer <admin.key>",
            Self::WrongKey => "this is not the key (admin.key)",
            Self::Stranger => "without admin.key only http://127.0.0.1, http://[::1] and http://localhost are answered",
            Self::NothingToShow => "publishing from here needs admin.key in the configuration",
        }
    }
}

impl Access {
    /// The rule of this configuration.
    pub(super) fn by(config: &Config) -> Self {
        Self::new(config.admin.as_ref().and_then(|admin| admin.key.as_deref()))
    }

    /// The rule for this `admin.key`.
    fn new(key: Option<&str>) -> Self {
        Self { key: key.map(digest) }
    }

    /// Whether this request may be answered.
    pub(super) fn check(&self, head: &Parts) -> Result<(), Refusal> {
        let Some(key) = &self.key else {
            return if is_local(&head.headers) { Ok(()) } else { Err(Refusal::Stranger) };
        };
        let shown = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::NoKey)?;
        if bool::from(digest(shown.trim()).ct_eq(key)) { Ok(()) } else { Err(Refusal::WrongKey) }
    }

    /// Whether whoever has been let in may change something.
    pub(super) fn check_publish(&self) -> Result<(), Refusal> {
        if self.key.is_some() { Ok(()) } else { Err(Refusal::NothingToShow) }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether the request is for this machine by a name that nobody else can give away, and not from another site's page.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let name = host.host().trim_matches(['[', ']']);
    let is_loopback = name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let same = origin.is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|rest| rest == host.as_str()));
    is_loopback && same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: Option<&str>, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = http::Request::builder().uri("/api/status");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Access::new(key).check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn with_a_key_only_the_key_opens() {
        let key = Some("0123456789abcdef");
        assert_eq!(check(key, &[("host", "any.test"), ("authorization", "Bearer 0123456789abcdef")]), Ok(()));
        assert_eq!(check(key, &[("host", "127.0.0.1:1")]), Err(Refusal::NoKey));
        assert_eq!(check(key, &[("authorization", "0123456789abcdef")]), Err(Refusal::NoKey));
        for wrong in ["Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Bearer "] {
            assert_eq!(check(key, &[("authorization", wrong)]), Err(Refusal::WrongKey), "{wrong}");
        }
    }

    #[test]
    fn without_a_key_a_page_of_another_site_reads_nothing() {
        for host in ["127.0.0.1:6002", "localhost:6002", "[::1]:6002", "LOCALHOST", "127.9.9.9"] {
            assert_eq!(check(None, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:6002", "0x7f.1", "", "10.0.0.1"] {
            assert_eq!(check(None, &[("host", host)]), Err(Refusal::Stranger), "{host}");
        }
        assert_eq!(check(None, &[]), Err(Refusal::Stranger));
        let from = |origin| check(None, &[("host", "localhost:6002"), ("origin", origin)]);
        assert_eq!(from("http://localhost:6002"), Ok(()));
        for origin in ["https://evil.test", "null", "http://localhost:80", "https://localhost:6002"] {
            assert_eq!(from(origin), Err(Refusal::Stranger), "{origin}");
        }
    }
}
