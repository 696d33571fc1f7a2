//! The edge on socketioxide: selectable by `"edge": "socketioxide"`, and the reference for the conformance cases.
//!
//! Binary attachments, connection state recovery and the `cookie` option are not available here.

use std::{convert::Infallible, future::ready, sync::Arc};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::{Serialize, Serializer, ser::SerializeTuple};
use serde_json::Value;
use socketioxide::{
    ProtocolVersion, SendError, SocketError, SocketIo, TransportType,
    adapter::LocalAdapter,
    extract::{Event, SocketRef, TryData},
    socket::DisconnectReason as OxideReason,
};
use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{
    DisconnectReason, EmitError, Generation, Handshake, Packet, Received, Sessions, Socket, SocketId, Transport,
};
use crate::{config::Config, seen::at_the_door, server::PeerAddress};

/// Serves Socket.IO by socketioxide.
pub struct Oxide {
    io: SocketIo,
    service: BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>,
}

impl Oxide {
    /// A service under the configured path.
    pub fn new(config: &Config, sessions: Arc<dyn Sessions>) -> Self {
        let settings = &config.socketio;
        let (service, io) = SocketIo::builder()
            .req_path(settings.path.clone())
            .ping_interval(settings.ping_interval)
            .ping_timeout(settings.ping_timeout)
            .max_payload(settings.max_payload as u64)
            .ws_max_message_size(settings.max_payload)
            .ws_max_frame_size(settings.max_payload)
            .ws_read_buffer_size(4096)
            .max_buffer_size(1024)
            .build_svc();
        // A handler's own body runs in line, in the order of the packets; only the future it gives back is spawned.
        io.ns("/", move |socket: SocketRef| {
            connected(&socket, &sessions);
            ready(())
        });
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let service = service.clone();
            async move { service.oneshot(request).await.map(|response| response.map(Body::new)) }
        });
        Self { io, service: BoxCloneSyncService::new(service) }
    }

    /// Ends every connection. A socket's own `close` sends a DISCONNECT packet, after which a client does not come back.
    pub fn close_all(&self) -> BoxFuture<'static, ()> {
        let io = self.io.clone();
        Box::pin(async move { io.close().await })
    }

    /// Answers a request below the Socket.IO path.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let preflight = request.method() == Method::OPTIONS;
        let mut response = if preflight {
            Response::new(Body::empty())
        } else {
            match self.service.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        let headers = response.headers_mut();
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
        }
        match origin {
            Some(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            }
            None => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().remove(header::VARY);
        }
        response
    }
}

fn connected(socket: &SocketRef, sessions: &Arc<dyn Sessions>) {
    let parts = socket.req_parts();
    let handshake = Handshake {
        headers: (&parts.headers).into(),
        peer: parts.extensions.get::<PeerAddress>().map(|peer| peer.0),
        generation: match socket.protocol() {
            ProtocolVersion::V4 => Generation::V3, // Socket.IO protocol 4 is what speaks Engine.IO 3
            ProtocolVersion::V5 => Generation::V4,
        },
    };
    let id = SocketId::from(socket.id.as_str());
    sessions.connected(Arc::new(OxideSocket { id: id.clone(), handshake, socket: socket.clone() }));
    let (told, about) = (sessions.clone(), id.clone());
    socket.on_fallback(move |Event(name): Event, TryData(data): TryData<Value>| {
        let args = data.into_iter().collect();
        told.received(&about, Received { name, args, attachments: Vec::new() });
        ready(())
    });
    let (told, about) = (sessions.clone(), id);
    socket.on_disconnect(move |reason: OxideReason| {
        told.disconnected(&about, reason.into());
        ready(())
    });
}

struct OxideSocket {
    id: SocketId,
    handshake: Handshake,
    socket: SocketRef<LocalAdapter>,
}

impl Socket for OxideSocket {
    fn id(&self) -> &SocketId {
        &self.id
    }

    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn transport(&self) -> Transport {
        match self.socket.transport_type() {
            TransportType::Polling => Transport::Polling,
            TransportType::Websocket => Transport::Websocket,
        }
    }

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        // Its task may write it before this returns.
        at_the_door();
        match self.socket.emit(packet.event(), &Args(packet)) {
            Ok(()) => Ok(()),
            Err(SendError::Socket(SocketError::InternalChannelFull)) => {
                // A packet was lost, and this edge cannot tell the client which: better no connection than a hole in it.
                self.close();
                Err(EmitError::Full)
            }
            Err(_) => Err(EmitError::Closed),
        }
    }

    fn close(&self) {
        let socket = self.socket.clone();
        // From a task of its own: socketioxide tells of the end within this call, and the caller may hold locks.
        tokio::spawn(async move { socket.disconnect() });
    }
}

/// A packet's arguments, copied as they are.
struct Args<'a>(&'a Packet);

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let args = self.0.args();
        let mut tuple = serializer.serialize_tuple(args.len())?;
        for arg in args {
            tuple.serialize_element(arg)?;
        }
        tuple.end()
    }
}

impl From<OxideReason> for DisconnectReason {
    fn from(reason: OxideReason) -> Self {
        match reason {
            OxideReason::TransportClose => Self::TransportClose,
            OxideReason::MultipleHttpPollingError | OxideReason::TransportError => Self::TransportError,
            OxideReason::PacketParsingError => Self::ParseError,
            OxideReason::HeartbeatTimeout => Self::PingTimeout,
            OxideReason::ClientNSDisconnect => Self::ClientNamespaceDisconnect,
            OxideReason::ServerNSDisconnect | OxideReason::ClosingServer => Self::ServerClose,
        }
    }
}
