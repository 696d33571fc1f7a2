//! Writes answers with the headers that clients of the old server know.

use axum::body::Body;
use base64::Engine;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::event::EventError;
use crate::{config::Config, publisher::PublishError};

/// An answer that is no error.
pub(super) enum Reply {
    /// JSON, 200.
    Json(Value),
    /// A word for people, 200.
    Text(&'static str),
    /// The methods of a path, as header and body.
    Allow(&'static str),
}

/// Why a request is not done; its text is the `error` of the answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No such path, or not with this method.
    #[error("not found")]
    NotFound,
    /// A percent sign without a number.
    #[error("bad escape in the path")]
    BadEscape,
    /// No key, or a wrong one.
    #[error("Unauthorized")]
    Unauthorized,
    /// `users` of a channel that has none.
    #[error("User list is only possible for Presence Channels")]
    NotPresence,
    /// The body is no event.
    #[error(transparent)]
    Event(EventError),
    /// The event was refused at the door.
    #[error(transparent)]
    Publish(PublishError),
    /// Over the bound.
    #[error("over limits.dataBytes ({data}): the body has more than {max} bytes, twice as many and room for names")]
    BodyTooLarge {
        /// What an event's data may have, in bytes.
        data: usize,
        /// What a body with such data may have.
        max: usize,
    },
    /// Not all there in time.
    #[error("the body did not arrive within {seconds} s")]
    BodyTooSlow {
        /// The bound.
        seconds: u64,
    },
    /// The connection broke, or the body is framed wrongly.
    #[error("the body cannot be read: {0}")]
    BodyBroken(String),
}

/// Puts the configured headers on every answer.
pub(super) struct Replies {
    headers: HeaderMap,
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl Replies {
    /// With `headers` and `apiOriginAllow` of the configuration.
    pub(super) fn new(config: &Config) -> Self {
        let mut headers = HeaderMap::new();
        let cors = config.api_cors.iter().flat_map(|cors| {
            [
                ("Access-Control-Allow-Origin", &cors.origin),
                ("Access-Control-Allow-Methods", &cors.methods),
                ("Access-Control-Allow-Headers", &cors.headers),
            ]
        });
        let all = config.headers.iter().map(|(name, value)| (name.as_str(), value)).chain(cors);
        for (name, value) in all {
            match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                (Ok(name), Ok(value)) => _ = headers.insert(name, value),
                _ => tracing::warn!(name, "headers, apiOriginAllow: not a valid HTTP header, left out"),
            }
        }
        Self { headers }
    }

    /// The answer to a request with this head.
    pub(super) fn write(&self, head: &Parts, reply: Result<Reply, Failure>) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = self.headers.clone();
        let (content, kind) = match reply {
            Ok(Reply::Json(value)) => (value.to_string(), JSON),
            Ok(Reply::Text(text)) => (text.to_owned(), HTML),
            Ok(Reply::Allow(methods)) => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
                (methods.to_owned(), HTML)
            }
            Err(Failure::NotFound) => {
                return page(
                    response,
                    head,
                    StatusCode::NOT_FOUND,
                    &format!("Cannot {} {}", head.method, head.uri.path()),
                );
            }
            Err(Failure::BadEscape) => return page(response, head, StatusCode::BAD_REQUEST, "Bad Request"),
            Err(failure) => {
                *response.status_mut() = failure.status();
                (json!({"error": failure.to_string()}).to_string(), JSON)
            }
        };
        let tag = etag(content.as_bytes());
        let headers = response.headers_mut();
        headers.entry(header::CONTENT_TYPE).or_insert(kind);
        let fresh = is_fresh(head, &tag);
        headers.insert(header::ETAG, tag);
        if fresh && response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            return response;
        }
        with_content(response, head, content)
    }
}

/// A page for people, as Express made them.
fn page(mut response: Response<Body>, head: &Parts, status: StatusCode, text: &str) -> Response<Body> {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_TYPE, HTML);
    let text = escape(text);
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n\
         <body>\n<pre>{text}</pre>\n</body>\n</html>\n"
    );
    with_content(response, head, page)
}

fn with_content(mut response: Response<Body>, head: &Parts, content: String) -> Response<Body> {
    response.headers_mut().insert(header::CONTENT_LENGTH, content.len().into());
    if head.method != Method::HEAD {
        *response.body_mut() = Body::from(content);
    }
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Express' weak tag: the length in hexadecimal and 27 characters of a SHA-1.
fn etag(content: &[u8]) -> HeaderValue {
    let hash = base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha1::digest(content));
    let tag = format!("W/\"{:x}-{}\"", content.len(), hash.get(..27).unwrap_or(&hash));
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

/// Whether the client has this content already.
fn is_fresh(head: &Parts, tag: &HeaderValue) -> bool {
    let text = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if !matches!(head.method, Method::GET | Method::HEAD)
        || text(header::CACHE_CONTROL).is_some_and(|control| control.to_ascii_lowercase().contains("no-cache"))
    {
        return false;
    }
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = tag.to_str().map(bare).unwrap_or_default();
    text(header::IF_NONE_MATCH)
        .is_some_and(|known| known.trim() == "*" || known.split(',').any(|known| bare(known) == own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_express() {
        assert_eq!(etag(b"OK"), r#"W/"2-nOO9QiTIwXgNtWtBJezz8kv3SLc""#);
        assert_eq!(etag(br#"{"error":"Unauthorized"}"#), r#"W/"18-XPDV80vbMk4yY1/PADG4jYM4rSI""#);
    }
}
