//! A test event from the console or the command line.

use std::{fmt::Display, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{View, access::Access, answer};
use crate::publisher::{Came, Publish, Source};

/// How long the body may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Room for names and syntax beside the data.
const OVERHEAD: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted<'a> {
    channel: String,
    event: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

pub(super) async fn answer<B>(view: &View, access: &Access, headers: &HeaderMap, body: B) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes, Error: Display> + Send,
{
    if let Err(refusal) = access.check_publish() {
        return answer::refuse(refusal.status(), refusal.reason());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return answer::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json");
    }
    let max = view.parts.config.limits().data + OVERHEAD;
    let body = Box::pin(body.map_err(|error| error.to_string()));
    let body = match tokio::time::timeout(PATIENCE, Limited::new(body, max).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            return answer::refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("{error} ({max} bytes are allowed)"));
        }
        Err(_) => return answer::refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 10 s"),
    };
    let came = Came::now();
    let wanted: Wanted<'_> = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let error = format!("expected {{\"channel\": …, \"event\": …, \"data\": …}}: {error}");
            return answer::refuse(StatusCode::BAD_REQUEST, &error);
        }
    };
    let publish = Publish {
        source: Source::Http,
        id: None,
        channels: vec![&wanted.channel],
        event: &wanted.event,
        data: wanted.data,
        except: None,
        came_as: None,
        came,
    };
    match view.parts.publisher.publish(&publish) {
        Ok(sockets) => answer::json(&json!({"sockets": sockets})),
        Err(error) => answer::refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}
