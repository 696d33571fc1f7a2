//! `/socket.io/socket.io.js`: the browser client, for pages that load it from the server as laravel-echo-server let them.
//!
//! The files come from the npm packages at build time (`npm ci` in `sidecar/client`); a binary built without them answers 404
//! with the reason.

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};

include!(concat!(env!("OUT_DIR"), "/client_files.rs"));

/// A file of a client library.
struct ClientFile {
    /// `2` or `4`.
    version: &'static str,
    /// Its name below the Socket.IO path.
    name: &'static str,
    etag: &'static str,
    content: &'static [u8],
}

/// Answers `GET {path}/{name}`, where `?v=4` asks for the 4.x library instead of 2.x; none when `name` is no client file.
pub fn answer<B>(name: &str, request: &Request<B>) -> Option<Response<Body>> {
    if !["socket.io.js", "socket.io.js.map", "socket.io.min.js", "socket.io.slim.js"].contains(&name) {
        return None;
    }
    let version =
        if request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "v=4")) { "4" } else { "2" };
    let Some(file) = CLIENT_FILES.iter().find(|file| file.version == version && file.name == name) else {
        let mut missing = Response::new(Body::from(format!(
            "{name} of socket.io-client {version} was not built into this rustecho: run `npm ci` in sidecar/client and build again\n"
        )));
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return Some(missing);
    };
    let fresh =
        request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == file.etag.as_bytes());
    let mut response = Response::new(if fresh { Body::empty() } else { Body::from(file.content) });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let kind = if name.ends_with(".map") { "application/json" } else { "application/javascript" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ETAG, HeaderValue::from_static(file.etag));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Some(response)
}
