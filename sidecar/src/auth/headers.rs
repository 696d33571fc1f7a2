//! The headers Laravel is sent: the client's own, the visitor's cookie, and ours.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use serde_json::Value;

use crate::{admission::is_proxy, channel::start_of, config::AuthHeaders, edge::Handshake};

/// `auth.headers` as name and text.
pub(super) type FromClient = Vec<(String, String)>;

/// `auth.headers` is of a type that cannot be headers.
#[derive(Debug, PartialEq)]
pub(super) struct NoHeaders;

/// Headers that only the sidecar may set: where the request goes, how it is framed, and who is said to have sent it. A client
/// that could choose them would choose Laravel's idea of its host, its address, its user or the request's method; or, as `Proxy` is
/// `HTTP_PROXY` in PHP, whom Laravel's own requests go to.
fn is_reserved(name: &HeaderName) -> bool {
    const RESERVED: [&str; 28] = [
        "host",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "forwarded",
        "keep-alive",
        "proxy",
        "proxy-authorization",
        "proxy-connection",
        "remote-user",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-real-ip",
        "x-remote-user",
        "x-rewrite-url",
        "client-ip",
        "true-client-ip",
    ];
    // PHP has one name for all of them: `X_Forwarded.For` is `HTTP_X_FORWARDED_FOR` as well, where the server lets it through.
    let name = name.as_str().replace(|one: char| !one.is_ascii_alphanumeric(), "-");
    RESERVED.contains(&name.as_str()) || name.starts_with("x-forwarded-") || name.starts_with("cf-")
}

/// Reads `auth.headers` of a subscribe request. Numbers and booleans become text, lists are joined; what has no text is left out.
pub(super) fn from_client(auth: &Value) -> Result<FromClient, NoHeaders> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(list) => Some(list.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Object(_) => None,
    };
    match auth.get("headers") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(Vec::new()),
        Some(Value::String(empty)) if empty.is_empty() => Ok(Vec::new()),
        Some(Value::Number(zero)) if zero.as_f64() == Some(0.0) => Ok(Vec::new()),
        Some(Value::Object(map)) => {
            Ok(map.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect())
        }
        Some(Value::Array(list)) => {
            Ok(list.iter().enumerate().filter_map(|(index, value)| Some((index.to_string(), text(value)?))).collect())
        }
        Some(_) => Err(NoHeaders),
    }
}

/// Those that may go to Laravel, and the names of the others. What is no header's name stays, and is an error later on.
pub(super) fn allowed(from_client: FromClient, allow: &AuthHeaders) -> (FromClient, Vec<String>) {
    let may_go = |name: &str| HeaderName::try_from(name).map_or(true, |name| is_reserved(&name) || allow.allows(&name));
    let (kept, others): (FromClient, FromClient) = from_client.into_iter().partition(|(name, _)| may_go(name));
    (kept, others.into_iter().map(|(name, _)| name).collect())
}

/// All headers of the question. `forward`: tell the visitor's address and browser as well, as these proxies know it.
///
/// # Errors
/// A header name or value that HTTP does not allow: such a request is not sent.
pub(super) fn build(
    from_client: &[(String, String)],
    handshake: &Handshake,
    forward: Option<&[IpNet]>,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut weak_cookie = None;
    for (name, text) in from_client {
        let parsed = HeaderName::try_from(name)
            .map_err(|_| format!("auth.headers has an impossible name `{}`", start_of(name)))?;
        let value = HeaderValue::from_bytes(text.as_bytes())
            .map_err(|_| format!("auth.headers has an impossible value for `{}`", start_of(name)))?;
        if name == "cookie" {
            weak_cookie = Some(value); // loses against the visitor's own, as in the old server; `Cookie` wins
        } else if is_reserved(&parsed) {
            tracing::debug!(header = %parsed, "a client may not choose this header; it is left out");
        } else {
            headers.insert(parsed, value);
        }
    }
    if !headers.contains_key(header::COOKIE)
        && let Some(cookie) = handshake.headers.get(header::COOKIE).or(weak_cookie)
    {
        headers.insert(header::COOKIE, cookie);
    }
    if let Some(proxies) = forward {
        if !headers.contains_key(header::USER_AGENT)
            && let Some(agent) = handshake.headers.get(header::USER_AGENT)
        {
            headers.insert(header::USER_AGENT, agent);
        }
        if let Some(chain) = forwarded_for(handshake, proxies) {
            headers.insert("x-forwarded-for", chain);
        }
    }
    headers.insert("x-requested-with", HeaderValue::from_static("XMLHttpRequest"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Ok(headers)
}

/// `X-Forwarded-For` as a proxy writes it: what the proxy before us said, and our own peer. Laravel believes us, so what a visitor
/// who comes without a proxy says of itself is left out.
fn forwarded_for(handshake: &Handshake, proxies: &[IpNet]) -> Option<HeaderValue> {
    let peer = handshake.peer?;
    let before = handshake.headers.get("x-forwarded-for").filter(|_| is_proxy(proxies, peer));
    let chain = match before.as_ref().and_then(|value| value.to_str().ok()) {
        Some(before) => format!("{before}, {peer}"),
        None => peer.to_string(),
    };
    HeaderValue::from_str(&chain).ok()
}

/// No `auth.headers` become a header that only the sidecar may set, as PHP would read it, nor one that the list does not name. For
/// the fuzzer.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(auth: &[u8]) {
    const OURS: [&str; 2] = ["CONTENT_TYPE", "X_REQUESTED_WITH"];
    const NEVER: [&str; 9] = [
        "HOST",
        "X_FORWARDED",
        "PROXY",
        "FORWARDED",
        "REMOTE_USER",
        "X_REAL_IP",
        "X_HTTP_METHOD_OVERRIDE",
        "CONTENT_LENGTH",
        "CLIENT_IP",
    ];
    let Ok(auth) = serde_json::from_slice::<Value>(auth) else { return };
    let handshake =
        Handshake { headers: (&HeaderMap::new()).into(), peer: None, generation: crate::edge::Generation::V4 };
    for list in [AuthHeaders::Any, AuthHeaders::default()] {
        let Ok(from_client) = from_client(&auth) else { return };
        let Ok(headers) = build(&allowed(from_client, &list).0, &handshake, None) else { continue };
        assert_eq!(headers[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
        for name in headers.keys() {
            let in_php = name.as_str().to_ascii_uppercase().replace(['-', '.'], "_");
            let is_ours = OURS.contains(&in_php.as_str()) && !name.as_str().contains(['_', '.']);
            let is_never = NEVER.contains(&in_php.as_str()) || in_php.starts_with("X_FORWARDED_");
            let may_go = list.allows(name) && !is_never;
            assert!(is_ours || may_go, "{name}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Generation;
    use serde_json::json;

    fn built(auth: &Value, cookie: Option<&str>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        if let Some(cookie) = cookie {
            headers.insert("cookie", cookie.parse().unwrap());
        }
        let handshake =
            Handshake { headers: (&headers).into(), peer: Some([10, 0, 0, 9].into()), generation: Generation::V3 };
        build(&from_client(auth).unwrap(), &handshake, None)
    }

    #[test]
    fn the_visitors_cookie_goes_along_unless_the_client_gives_one() {
        assert_eq!(built(&json!({}), Some("a=1")).unwrap()["cookie"], "a=1");
        assert_eq!(built(&json!({"headers": {"Cookie": "b=2"}}), Some("a=1")).unwrap()["cookie"], "b=2");
        assert_eq!(built(&json!({"headers": {"cookie": "b=2"}}), Some("a=1")).unwrap()["cookie"], "a=1");
        assert_eq!(built(&json!({"headers": {"cookie": "b=2"}}), None).unwrap()["cookie"], "b=2");
    }

    #[test]
    fn a_client_cannot_choose_host_method_or_address() {
        let auth = json!({"headers": {"Host": "evil", "X-Forwarded-Host": "evil", "X-HTTP-Method-Override": "DELETE",
            "X_Forwarded_For": "10.0.0.1", "X_HTTP_Method_Override": "DELETE", "Content-Length": "0", "Transfer-Encoding": "chunked", "Authorization": "Bearer t", "X-Requested-With": "no"}});
        let headers = built(&auth, None).unwrap();
        assert_eq!(headers["authorization"], "Bearer t");
        assert_eq!(headers["x-requested-with"], "XMLHttpRequest");
        assert_eq!(headers.len(), 3, "{headers:?}");
    }

    #[test]
    fn no_header_that_names_an_address_a_user_or_a_proxy_passes_a_star() {
        for name in [
            "Proxy",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "True-Client-IP",
            "CF-Connecting-IP",
            "X-Forwarded",
            "X-Forwarded-Anything",
            "X_FORWARDED_USER",
            "Remote-User",
            "Remote_User",
            "X.Real.IP",
            "X-Remote-User",
        ] {
            let (kept, _) = allowed(vec![(name.into(), "evil".into())], &AuthHeaders::Any);
            let handshake = Handshake { headers: (&HeaderMap::new()).into(), peer: None, generation: Generation::V4 };
            assert_eq!(build(&kept, &handshake, None).unwrap().len(), 2, "{name}");
        }
        assert_eq!(built(&json!({"headers": {"X-Forward": "1", "X-User": "1"}}), None).unwrap().len(), 4);
    }

    #[test]
    fn only_listed_headers_reach_laravel_and_the_others_are_named() {
        let auth =
            json!({"headers": {"authorization": "t", "X-CSRF-TOKEN": "c", "X-Tenant": "7", "X-Admin": "1", "X Y": ""}});
        let (kept, left_out) = allowed(from_client(&auth).unwrap(), &AuthHeaders::default());
        let kept: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            (kept, left_out),
            (vec!["authorization", "X-CSRF-TOKEN", "X Y"], vec!["X-Tenant".into(), "X-Admin".into()])
        );
        let one = AuthHeaders::Only(vec!["x-tenant".parse().unwrap()]);
        assert_eq!(allowed(from_client(&auth).unwrap(), &one).0.len(), 2);
        assert_eq!(allowed(from_client(&auth).unwrap(), &AuthHeaders::Any).1.len(), 0);
    }

    #[test]
    fn odd_header_values_become_text_and_impossible_ones_stop_the_question() {
        let headers = built(&json!({"headers": {"X-N": 5, "X-L": ["a", "b"], "X-O": {}}}), None).unwrap();
        assert_eq!((&headers["x-n"], &headers["x-l"]), (&"5".parse().unwrap(), &"a, b".parse().unwrap()));
        assert!(built(&json!({"headers": {"X": "a\r\nEvil: 1"}}), None).is_err());
        assert!(built(&json!({"headers": {"X Y": "a"}}), None).is_err());
        assert!(built(&json!({"headers": {"x ".repeat(70_000): "a"}}), None).unwrap_err().len() < 1_000);
        assert_eq!(from_client(&json!({"headers": "text"})), Err(NoHeaders));
        assert_eq!(from_client(&json!({"headers": 0})), Ok(vec![]));
        assert_eq!(from_client(&json!("text")), Ok(vec![]));
    }

    #[test]
    fn the_visitors_address_is_added_to_what_a_proxy_said_and_to_nothing_that_a_visitor_says() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let told = |peer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", "1.2.3.4".parse().unwrap());
            let peer = Some(peer.parse().unwrap());
            let handshake = Handshake { headers: (&headers).into(), peer, generation: Generation::V4 };
            let built = build(&[], &handshake, Some(&proxies)).unwrap();
            built["x-forwarded-for"].to_str().unwrap().to_owned()
        };
        assert_eq!(told("10.0.0.9"), "1.2.3.4, 10.0.0.9");
        assert_eq!(told("127.0.0.1"), "1.2.3.4, 127.0.0.1", "nginx of this machine");
        assert_eq!(told("::1"), "1.2.3.4, ::1");
        for visitor in ["192.0.2.7", "192.168.1.7", "2001:db8::7"] {
            assert_eq!(told(visitor), visitor);
        }
    }
}
