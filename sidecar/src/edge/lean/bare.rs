//! Websockets without Engine.IO on them, for test suites of the websocket protocol alone: every message comes back as it came.
//! Reading, writing, control frames, closing and bounds are those of every other connection.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::Request;

use super::{
    Format, Lean, Refusal,
    conn::Conn,
    engine::Outgoing,
    frame::Incoming,
    handshake,
    pipe::Pipe,
    query::Query,
    sid,
    websocket::{self, Reader},
};

impl Lean {
    /// Answers a request for a websocket, on whatever path.
    pub async fn answer_bare(&self, request: Request<Body>) -> Response {
        let (mut parts, _) = request.into_parts();
        let Some(answer) = websocket::accept(&parts) else { return Refusal::BadRequest.answer_upgrade() };
        let Some(upgrade) = parts.extensions.remove::<hyper::upgrade::OnUpgrade>() else {
            return Refusal::BadRequest.answer_upgrade();
        };
        let lean = self.clone();
        let handshake = handshake(&parts, &Query::parse("EIO=4&transport=websocket"));
        self.0.runtime.spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let Some((pipe, ahead)) = Pipe::new(upgraded) else { return };
            let reader = Reader::new(pipe, &ahead, lean.0.config.max_payload);
            let format = Format { base64: false, jsonp: false };
            let conn = Arc::new(Conn::new(&lean.0, sid::fresh(), handshake, format, Some(&reader.pipe), None));
            websocket::serve_with(conn, reader, Conn::echo).await;
        });
        answer
    }
}

impl Conn {
    fn echo(self: &Arc<Self>, incoming: &Incoming<'_>) -> bool {
        match incoming {
            Incoming::Text(text) => self.send(Outgoing::Text(Bytes::copy_from_slice(text.as_bytes()))),
            Incoming::Binary(bytes) => self.send(Outgoing::Binary(Bytes::copy_from_slice(bytes))),
            Incoming::Ping(_) | Incoming::Pong | Incoming::Close(_) => return self.websocket_message(incoming),
        }
        true
    }
}
