//! The console's files, embedded when the front end was built before this crate.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::answer;

/// One file of the console.
struct PageFile {
    /// Its path in the listener.
    path: &'static str,
    /// Its content type.
    kind: &'static str,
    /// Its bytes.
    content: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// What is shown where the console was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>rustecho</title>\
    <h1>rustecho</h1><p>This binary was built without the console: it needs node at build time (scripts/build.sh sidecar).</p>\
    <p>The same in the terminal: <code>rustecho status</code>, <code>rustecho tail</code>, <code>rustecho channels</code>.</p>\
    <p><a href=\"/metrics\">metrics</a> <a href=\"/ready\">ready</a> <a href=\"/api/status\">status</a></p>";

/// The file at this path. Names of assets hold a digest of their content, so that they never go stale.
pub(super) fn file(path: &str, headers: &HeaderMap) -> Response<Body> {
    let wanted = if path == "/" { "/index.html" } else { path };
    match CONSOLE_FILES.iter().find(|file| file.path == wanted) {
        Some(file) => {
            let mut response = answer::content(file.kind, file.content);
            if path.starts_with("/assets/") {
                let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
                response.headers_mut().insert(header::CACHE_CONTROL, forever);
            }
            response
        }
        None if path == "/" && accepts_html(headers) => answer::content("text/html; charset=utf-8", NOT_BUILT),
        None => answer::refuse(StatusCode::NOT_FOUND, "there is no such file"),
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .is_none_or(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html") || accept.contains("*/*")))
}
