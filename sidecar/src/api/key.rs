//! Who may use the API: the key of a configured client, bare or as bearer, or Pusher's signed query.

use hmac::{Hmac, KeyInit, Mac};
use http::{header::AUTHORIZATION, request::Parts};
use md5::{Digest, Md5};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};
use subtle::ConstantTimeEq;

use super::query;
use crate::config::ApiClient;

/// How far the clock of a signer may be off, in seconds: Pusher's own number.
const WINDOW_SECONDS: u64 = 600;

/// A request may pass; when it is signed, only with the body that was signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pass {
    body: SignedBody,
}

#[derive(Debug, PartialEq, Eq)]
enum SignedBody {
    /// The key was shown: the body needs no signature.
    Any,
    /// The query was signed without a `body_md5`.
    Empty,
    /// The `body_md5` that was signed.
    Md5(String),
}

impl Pass {
    /// Whether the pass is good for this body.
    pub(super) fn covers(&self, body: &[u8]) -> bool {
        match &self.body {
            SignedBody::Any => true,
            SignedBody::Empty => body.is_empty(),
            SignedBody::Md5(signed) => same(signed.to_ascii_lowercase().as_bytes(), hex(&Md5::digest(body)).as_bytes()),
        }
    }
}

/// The pass of a request to `app`; none when it may not.
///
/// The key is the `Authorization` header without its first `Bearer `, where there is that header, else `auth_key` of the query.
/// For a client with a `secret` the key in a query is no secret, as Pusher has it: there the query must be signed.
pub(super) fn check(clients: &[ApiClient], app: &str, head: &Parts) -> Option<Pass> {
    let client = clients.iter().find(|client| client.app_id == app && !client.key.is_empty())?;
    let header = head.headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes).filter(|value| !value.is_empty());
    if let Some(header) = header {
        let shown = String::from_utf8_lossy(header).replacen("Bearer ", "", 1);
        return same(shown.as_bytes(), client.key.as_bytes()).then_some(Pass { body: SignedBody::Any });
    }
    let shown = query::single(head.uri.query(), "auth_key")?;
    if !same(shown.as_bytes(), client.key.as_bytes()) {
        return None;
    }
    match &client.secret {
        None => Some(Pass { body: SignedBody::Any }),
        Some(secret) => signed(secret, head, now()),
    }
}

/// Checks `auth_signature` over method, path and sorted query, and that `auth_timestamp` is not too far from `now`.
fn signed(secret: &str, head: &Parts, now: u64) -> Option<Pass> {
    let query = head.uri.query();
    let timestamp: u64 = query::single(query, "auth_timestamp")?.parse().ok()?;
    if timestamp.abs_diff(now) > WINDOW_SECONDS {
        return None;
    }
    let mut pairs: Vec<(String, String)> = query::pairs(query)
        .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
        .filter(|(name, _)| name != "auth_signature")
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let text = format!("{}\n{}\n{}", head.method, head.uri.path(), pairs.join("&"));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    let expected = hex(&mac.finalize().into_bytes());
    let shown = query::single(query, "auth_signature")?;
    if !same(shown.to_ascii_lowercase().as_bytes(), expected.as_bytes()) {
        return None;
    }
    let body = query::single(query, "body_md5").map_or(SignedBody::Empty, |md5| SignedBody::Md5(md5.into_owned()));
    Some(Pass { body })
}

/// Compares without telling by its duration where two texts differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // into a String: cannot fail
        text
    })
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Who shows the key passes, and nobody signs without the secret. The `Authorization` header, and in the line below it the URL. For
/// the fuzzer.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(header: &str, url: &str) {
    let client = |app_id: &str, secret: Option<&str>| ApiClient {
        app_id: app_id.into(),
        key: "k3y".into(),
        secret: secret.map(Into::into),
    };
    let clients = [client("bare", None), client("signs", Some("a secret"))];
    let Ok(request) = http::Request::builder().uri(url).header(AUTHORIZATION, header).body(()) else { return };
    let (head, ()) = request.into_parts();
    let is_shown = header.replace("Bearer ", "").contains("k3y");
    let in_query = || query::pairs(head.uri.query()).any(|(name, value)| name == "auth_key" && value == "k3y");
    for app in ["bare", "signs", "none"] {
        if let Some(pass) = check(&clients, app, &head) {
            assert!(app != "none" && (is_shown || (header.is_empty() && app == "bare" && in_query())), "{app}");
            assert!(pass.covers(b"{}"), "a shown key is for every body");
        }
    }
    let stamp = query::single(head.uri.query(), "auth_timestamp").and_then(|stamp| stamp.parse().ok());
    assert_eq!(signed("a secret", &head, stamp.unwrap_or_default()), None);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn clients() -> Vec<ApiClient> {
        let client = |id: &str, key: &str, secret: Option<&str>| ApiClient {
            app_id: id.into(),
            key: key.into(),
            secret: secret.map(Into::into),
        };
        vec![
            client("app1", "key1", None),
            client("app1", "second", None),
            client("empty", "", None),
            client("3", "278d425bdf160c739803", Some("7ad3773142a6692b25b8")),
        ]
    }

    fn head(method: &str, uri: &str, authorization: Option<&str>) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn passes(app: &str, query: &str, authorization: Option<&str>) -> bool {
        check(&clients(), app, &head("GET", &format!("/x{query}"), authorization)).is_some()
    }

    #[test]
    fn the_key_is_taken_from_the_header_before_the_query() {
        assert!(passes("app1", "?auth_key=key1", None));
        assert!(passes("app1", "", Some("Bearer key1")));
        assert!(passes("app1", "", Some("key1")));
        assert!(passes("app1", "?auth_key=wrong", Some("Bearer key1")));
        assert!(passes("app1", "?auth_key=key1", Some("")));
        assert!(!passes("app1", "?auth_key=key1", Some("Bearer wrong")));
    }

    #[test]
    fn nothing_else_is_a_key() {
        for (query, header) in [
            ("", None),
            ("?auth_key=", None),
            ("?auth_key=key1x", None),
            ("?auth_key=key1&auth_key=key1", None),
            ("?auth_key[]=key1", None),
            ("", Some("bearer key1")),
            ("", Some("Basic key1")),
            ("", Some("Bearer Bearer key1")),
        ] {
            assert!(!passes("app1", query, header), "{query} {header:?}");
        }
        assert!(!passes("APP1", "?auth_key=key1", None), "ids are compared with their case");
        assert!(!passes("app1", "?auth_key=second", None), "of two entries with one id the first counts");
        assert!(!passes("empty", "?auth_key=", None), "an empty key opens nothing");
    }

    /// The worked example of Pusher's documentation of its HTTP API.
    const SIGNED: &str = "/apps/3/events?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0\
        &body_md5=ec365a775a4cd0599faeb73354201b6f\
        &auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";
    const BODY: &[u8] = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;

    #[test]
    fn a_signed_query_passes_with_its_own_body_and_no_other() {
        let pass = signed("7ad3773142a6692b25b8", &head("POST", SIGNED, None), 1_353_088_179 + 600).unwrap();
        assert!(pass.covers(BODY));
        assert!(!pass.covers(b"{}"));
    }

    #[test]
    fn a_signature_is_bound_to_secret_method_query_and_time() {
        let secret = "7ad3773142a6692b25b8";
        let good = head("POST", SIGNED, None);
        assert_eq!(signed("other", &good, 1_353_088_179), None);
        assert_eq!(signed(secret, &head("GET", SIGNED, None), 1_353_088_179), None);
        assert_eq!(signed(secret, &good, 1_353_088_179 + 601), None);
        assert_eq!(signed(secret, &good, 1_353_088_179 - 601), None);
        let more = format!("{SIGNED}&filter_by_prefix=x");
        assert_eq!(signed(secret, &head("POST", &more, None), 1_353_088_179), None);
    }

    #[test]
    fn a_client_with_a_secret_needs_the_signature_or_the_header() {
        let key = "278d425bdf160c739803";
        assert!(!passes("3", &format!("?auth_key={key}"), None));
        assert!(passes("3", "", Some(&format!("Bearer {key}"))));
    }

    #[test]
    fn a_body_that_was_not_signed_does_not_pass() {
        let text = format!("POST\n/apps/3/events\nauth_key=278d425bdf160c739803&auth_timestamp={}", 1_000);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s").unwrap();
        mac.update(text.as_bytes());
        let signature = hex(&mac.finalize().into_bytes());
        let uri =
            format!("/apps/3/events?auth_timestamp=1000&auth_key=278d425bdf160c739803&auth_signature={signature}");
        let pass = signed("s", &head("POST", &uri, None), 1_000).unwrap();
        assert!(pass.covers(b"") && !pass.covers(b"{}"));
    }
}
