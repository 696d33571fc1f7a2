//! The HTTP API.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::{config::Config, hub::Hub, presence::Presence, publisher::Publisher, session::Clients};

/// What the API reads and publishes to.
pub struct Api {
    /// Settings: clients, CORS, headers.
    pub config: Arc<Config>,
    /// Channels and their subscribers.
    pub hub: Arc<Hub>,
    /// Presence members.
    pub presence: Arc<Presence>,
    /// Connected sockets.
    pub clients: Arc<Clients>,
    /// The one door.
    pub publisher: Arc<Publisher>,
}

impl Api {
    /// Answers any request that is not Socket.IO's.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut response = Response::new(Body::from("OK"));
        if request.uri().path() != "/" {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        response
    }
}
