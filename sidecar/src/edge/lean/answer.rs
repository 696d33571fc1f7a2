//! HTTP answers: the old server's, byte for byte where clients look.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, CONNECTION, CONTENT_TYPE, ORIGIN, SET_COOKIE,
        USER_AGENT, X_XSS_PROTECTION,
    },
};

use super::{
    conn::Conn,
    engine::Outgoing,
    payload::{self, Body as Payload},
    query::Query,
};
use crate::edge::Generation;

/// Why a request is refused, with Engine.IO's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport = 0,
    UnknownSid = 1,
    BadHandshakeMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
}

impl Refusal {
    fn text(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
        }
    }

    /// The answer to an ordinary request.
    pub(super) fn answer(self, request: &HeaderMap) -> Response {
        let body = format!("{{\"code\":{},\"message\":\"{}\"}}", self as u8, self.text());
        let mut answer = plain(StatusCode::BAD_REQUEST, "application/json", body.into());
        if self == Self::Forbidden {
            *answer.status_mut() = StatusCode::FORBIDDEN;
        } else {
            allow_origin(request, answer.headers_mut());
        }
        answer
    }

    /// The answer to a websocket handshake.
    pub(super) fn answer_upgrade(self) -> Response {
        // The old server has no text for an origin it refuses.
        let body = if self == Self::Forbidden { "" } else { self.text() };
        let mut answer = plain(StatusCode::BAD_REQUEST, "text/html", Bytes::from_static(body.as_bytes()));
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}

/// An answer with a body.
pub(super) fn plain(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer without one.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// Cuts the connection, as the old server does to who sends too much: a body that fails before its first byte.
pub(super) fn cut() -> Response {
    let failure = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionAborted));
    Response::new(Body::from_stream(futures_util::stream::iter([failure])))
}

/// Packets for a client that polls.
pub(super) fn packets(conn: &Conn, query: &Query, request: &HeaderMap, packets: &[Outgoing]) -> Response {
    let base64 = conn.format.base64 || conn.format.jsonp;
    let mut answer = match payload::encode(conn.generation(), packets, base64) {
        Payload::Text(text) if conn.format.jsonp => {
            let index = query.j.as_deref().unwrap_or_default();
            plain(StatusCode::OK, payload::TEXT, conn.unsent(script_call(index, &text).into()))
        }
        Payload::Text(text) => plain(StatusCode::OK, payload::TEXT, conn.unsent(text.into())),
        Payload::Octets(bytes) => plain(StatusCode::OK, payload::OCTETS, conn.unsent(bytes)),
    };
    polling_headers(conn, request, answer.headers_mut());
    answer
}

/// `___eio[<index>]("<payload>");`
fn script_call(index: &str, payload: &str) -> String {
    let literal = crate::edge::packet::quote(payload).replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    format!("___eio[{index}]({literal});")
}

/// Headers of every answer to a client that polls.
pub(super) fn polling_headers(conn: &Conn, request: &HeaderMap, answer: &mut HeaderMap) {
    if !conn.format.jsonp {
        allow_origin(request, answer);
    }
    // Warnings about cross-site scripting that only Internet Explorer gives.
    let agent = request.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    if contains(agent, b";MSIE") || contains(agent, b"Trident/") {
        answer.insert(X_XSS_PROTECTION, HeaderValue::from_static("0"));
    }
    if let (Generation::V3, Some(name)) = (conn.generation(), &conn.edge.config.cookie)
        && let Ok(cookie) = format!("{name}={}; Path=/; HttpOnly; SameSite=Strict", conn.sid).parse()
    {
        answer.insert(SET_COOKIE, cookie);
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Any origin may talk to the server; which channels it gets is Laravel's decision.
pub(super) fn allow_origin(request: &HeaderMap, answer: &mut HeaderMap) {
    match request.get(ORIGIN).and_then(copy) {
        Some(origin) => {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        None => {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
}

/// Whether a page of another origin may send a header of this name: not what proxies tell of the visitor and of the host it came
/// to, by which [`Admission`](crate::admission::Admission) knows a page's own host.
fn may_send(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    !(name.is_empty() || name.starts_with("x-forwarded") || matches!(name.as_str(), "forwarded" | "x-real-ip" | "via"))
}

/// The answer to a preflight of a client of generation 4, which may come before there is a session.
pub(super) fn preflight(request: &HeaderMap) -> Response {
    let mut answer = empty(StatusCode::NO_CONTENT);
    allow_origin(request, answer.headers_mut());
    let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|asked| asked.to_str().ok());
    let allowed = asked.map(|asked| asked.split(',').map(str::trim).filter(|name| may_send(name)).collect::<Vec<_>>());
    let allowed = allowed.and_then(|names| HeaderValue::from_str(&names.join(", ")).ok());
    let allowed = allowed.filter(|names| !names.is_empty()).unwrap_or_else(|| HeaderValue::from_static("Content-Type"));
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST"));
    answer
}

/// The answer to a preflight of a session of generation 3.
pub(super) fn old_preflight(conn: &Conn, request: &HeaderMap) -> Response {
    let mut answer = empty(StatusCode::OK);
    polling_headers(conn, request, answer.headers_mut());
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
    answer
}

/// A header as text, when it is.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn copy(value: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(value.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_calls_are_script_not_only_json() {
        assert_eq!(script_call("3", "2:40\u{2028}\"\u{1}"), "___eio[3](\"2:40\\u2028\\\"\\u0001\");");
    }
}
