//! Answers with the headers that keep a browser from doing more with them than showing them.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // The page loads its own files, styles itself by its own sheet, and talks to where it came from: nothing else.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// An answer with this content.
pub(super) fn content(kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// JSON, 200. A line end, for whoever asks by curl in a terminal.
pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    content("application/json", text)
}

/// An error, with what to do about it.
pub(super) fn refuse(status: StatusCode, error: &str) -> Response<Body> {
    let mut response = json(&serde_json::json!({ "error": error }));
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rustecho admin\""));
    }
    response
}
