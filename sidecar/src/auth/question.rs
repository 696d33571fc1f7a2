//! What is kept of a question to Laravel while it waits for its turn: what the request is made of, and not the request.
//!
//! A cookie may have 64 KiB, a socket a thousand questions, and twenty thousand may wait. They share what their sockets came with.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;

use super::{
    FORM,
    flights::Key,
    headers::{self, FromClient},
};
use crate::{admission::household, channel::ChannelName, config::Config, edge::Handshake};

/// One `POST`, to be made more than once and the same each time.
pub(super) struct Question {
    /// The settings it was asked by. Others may have come into force before its turn, and send another request than the one whose
    /// answer is shared.
    pub(super) config: Arc<Config>,
    /// Scheme, host and port.
    pub(super) host: String,
    pub(super) channel: ChannelName,
    pub(super) handshake: Handshake,
    /// Those that may go to Laravel.
    pub(super) from_client: FromClient,
}

impl Question {
    /// What nobody else may ask differently and get the same answer.
    ///
    /// # Errors
    /// Why it makes no request.
    pub(super) fn key(&self) -> Result<Key, String> {
        Ok(Key::of(&self.uri()?, &self.headers()?, &self.body()))
    }

    /// What Laravel is sent.
    ///
    /// # Errors
    /// Why there is no such request.
    pub(super) fn request(&self) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::new(Full::new(Bytes::from(self.body())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri()?;
        *request.headers_mut() = self.headers()?;
        Ok(request)
    }

    /// Whose it is, among all that wait for their turn.
    pub(super) fn household(&self) -> Option<IpAddr> {
        household(&self.config.visitors.proxies, &self.handshake)
    }

    fn uri(&self) -> Result<Uri, String> {
        let (host, endpoint) = (&self.host, &self.config.auth_endpoint);
        let uri = format!("{host}{endpoint}").parse();
        uri.map_err(|error| format!("authHost `{host}` with authEndpoint makes no URL: {error}"))
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        let forward = self.config.auth_forward_client.then_some(&self.config.visitors.proxies[..]);
        let mut headers = headers::build(&self.from_client, &self.handshake, forward)?;
        if !self.config.auth_keep_alive {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(headers)
    }

    fn body(&self) -> String {
        format!("channel_name={}", percent_encoding::utf8_percent_encode(self.channel.as_str(), FORM))
    }
}
