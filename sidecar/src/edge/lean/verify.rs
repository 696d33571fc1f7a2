//! Which requests are let in.

use std::sync::Arc;

use http::{
    HeaderMap, Method,
    header::{CONNECTION, ORIGIN, REFERER, UPGRADE},
    request::Parts,
    uri::Uri,
};

use super::{
    Edge,
    answer::{Refusal, text},
    conn::Conn,
    query::Query,
};
use crate::edge::Transport;

pub(super) const POLLING: &str = "polling";
pub(super) const WEBSOCKET: &str = "websocket";

/// Whether a request asks to leave HTTP.
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    let asks = |value: &str| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    parts.headers.contains_key(UPGRADE) && text(&parts.headers, CONNECTION).is_some_and(asks)
}

/// Checks a request in the old server's order. The session it belongs to, or none for a handshake.
pub(super) fn verify(edge: &Edge, parts: &Parts, query: &Query, upgrade: bool) -> Result<Option<Arc<Conn>>, Refusal> {
    let transport = match query.transport.as_str() {
        POLLING if edge.config.polling => Transport::Polling,
        WEBSOCKET if edge.config.websocket => Transport::Websocket,
        _ => return Err(Refusal::UnknownTransport),
    };
    let Some(sid) = &query.sid else {
        if parts.method != Method::GET {
            return Err(Refusal::BadHandshakeMethod);
        }
        return if origin_allowed(&edge.config.origins, &parts.headers) { Ok(None) } else { Err(Refusal::Forbidden) };
    };
    let conn = edge.table.get(sid).ok_or(Refusal::UnknownSid)?;
    if (!upgrade && conn.transport() != transport) || conn.generation() != query.generation() {
        return Err(Refusal::BadRequest);
    }
    Ok(Some(conn))
}

/// Whether the page that a handshake comes from is one of `origins`: `host:port` with `*` for either, `*:*` for all,
/// optionally with a scheme in front.
fn origin_allowed(origins: &[String], headers: &HeaderMap) -> bool {
    let allows = |form: &str| origins.iter().any(|origin| origin == form);
    if allows("*:*") {
        return true;
    }
    let origin = text(headers, ORIGIN).or_else(|| text(headers, REFERER)).filter(|origin| *origin != "null");
    let Some(origin) = origin else { return allows("*") };
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    allows(&format!("{scheme}://{host}:{port}"))
        || allows(&format!("{host}:{port}"))
        || allows(&format!("{host}:*"))
        || allows(&format!("*:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], origin: Option<&str>) -> bool {
        let origins: Vec<_> = origins.iter().map(|&origin| origin.to_owned()).collect();
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        origin_allowed(&origins, &headers)
    }

    #[test]
    fn origins_by_host_and_port() {
        assert!(allowed(&["*:*"], None));
        assert!(allowed(&["app.test:80"], Some("http://app.test")));
        assert!(allowed(&["app.test:443"], Some("https://app.test/page")));
        assert!(allowed(&["app.test:*"], Some("http://app.test:8080")));
        assert!(allowed(&["*:8080"], Some("http://other.test:8080")));
        assert!(allowed(&["https://app.test:443"], Some("https://app.test")));
        assert!(!allowed(&["app.test:80"], Some("https://app.test")));
        assert!(!allowed(&["app.test:80"], Some("null")));
        assert!(!allowed(&["app.test:80"], None));
        assert!(!allowed(&["app.test:80"], Some("not an origin")));
    }
}
