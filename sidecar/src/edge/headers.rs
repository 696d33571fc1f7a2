//! What is kept of a request's headers for as long as the connection lasts.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue};

/// Our own word on a connection whose page is of no trusted origin, so that a refusal can say so. [`crate::admission`] writes it, and
/// takes it out of what comes from outside.
pub const UNTRUSTED: &str = "x-rustecho-untrusted";

/// Who sent the request, as the proxies say.
const CHAIN: &str = "x-forwarded-for";

/// Lower case. The order is that of the numbers that [`Headers`] has for them.
const KEPT: [&str; 10] = [
    "cookie",
    "origin",
    "referer",
    "host",
    "user-agent",
    "accept-language",
    "authorization",
    CHAIN,
    "x-forwarded-proto",
    UNTRUSTED,
];

/// The few headers of the opening request that are looked at later, in one piece of memory: for each its number, its length as
/// four bytes, and its value. A header map would take ten times as much for an idle socket, and pin the buffer it was read into.
/// Cloning shares it: a socket may have a thousand questions to Laravel waiting, and they have one cookie.
#[derive(Clone, Default)]
pub struct Headers(Arc<[u8]>);

impl Headers {
    /// The value of a header, its name in lower case; none also for one that is not kept.
    pub fn get(&self, name: impl AsRef<str>) -> Option<HeaderValue> {
        let (_, value) = self.all().find(|(kept, _)| *kept == name.as_ref())?;
        HeaderValue::from_bytes(value).ok()
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let ([number, length @ ..], behind) = rest.split_first_chunk::<5>()?;
            let (value, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = behind;
            Some((*KEPT.get(usize::from(*number))?, value))
        })
    }
}

impl From<&HeaderMap> for Headers {
    fn from(all: &HeaderMap) -> Self {
        let mut kept = Vec::new();
        for (number, name) in (0..).zip(KEPT) {
            // Each proxy may have added a line of its own, and the last says most. Of the others the first counts.
            let lines = all.get_all(name).iter().map(HeaderValue::as_bytes);
            let value = match lines.take(if name == CHAIN { usize::MAX } else { 1 }).collect::<Vec<_>>() {
                lines if lines.is_empty() => continue,
                lines => lines.join(&b", "[..]),
            };
            if let Ok(length) = u32::try_from(value.len()) {
                kept.push(number);
                kept.extend(length.to_be_bytes());
                kept.extend(value);
            }
        }
        Self(kept.into())
    }
}

impl fmt::Debug for Headers {
    /// Names only: the values are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_kept_byte_for_byte_and_nothing_else_is() {
        let mut all = HeaderMap::new();
        let long = "x".repeat(70_000);
        for (name, value) in [("cookie", "a=1; b=\u{e9}"), ("x-other", "1"), ("origin", ""), ("user-agent", &long)] {
            all.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        all.append("cookie", HeaderValue::from_static("second"));
        for proxy in ["6.6.6.6", "198.51.100.7, 10.0.0.1"] {
            all.append("x-forwarded-for", HeaderValue::from_static(proxy));
        }
        let kept = Headers::from(&all);
        assert_eq!(kept.get("cookie").unwrap(), "a=1; b=\u{e9}".as_bytes());
        assert_eq!(kept.get("x-forwarded-for").unwrap(), "6.6.6.6, 198.51.100.7, 10.0.0.1");
        assert_eq!(kept.get(http::header::ORIGIN).unwrap(), "");
        assert_eq!(kept.get("user-agent").unwrap().len(), 70_000);
        assert!(kept.get("x-other").is_none() && kept.get("host").is_none());
        assert_eq!(format!("{kept:?}"), r#"["cookie", "origin", "user-agent", "x-forwarded-for"]"#);
        assert!(Headers::default().get("cookie").is_none());
    }
}
