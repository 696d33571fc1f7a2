//! TLS towards one Redis server whose certificate, or whose authority's, is given as `tls.ca`.
//!
//! The Redis crate's own TLS does not take a self-signed certificate that is given as its own authority, which is how most who
//! encrypt a single Redis have it, and which ioredis takes.

use std::{sync::Arc, time::Duration};

use redis::{Client, ConnectionAddr, ErrorKind, RedisError, RedisResult, io::tcp::socket2};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::config::RedisConfig;

/// An encrypted connection; none where the Redis crate can make it by itself.
pub(super) async fn connect(settings: &RedisConfig, client: &Client) -> RedisResult<Option<TlsStream<TcpStream>>> {
    let ConnectionAddr::TcpTls { host, port, insecure: false, .. } = client.get_connection_info().addr() else {
        return Ok(None);
    };
    let Some(ca) = settings.tls.as_ref().and_then(|tls| tls.ca.as_ref()) else { return Ok(None) };
    let certificates = CertificateDer::pem_slice_iter(ca.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable("databaseConfig.redis.tls.ca is not PEM", &error))?;
    let config = crate::tls::trusting(certificates)
        .map_err(|error| unusable("databaseConfig.redis.tls.ca holds no certificate", &error))?;
    let name = ServerName::try_from(host.clone())
        .map_err(|error| unusable("databaseConfig.redis.host is no name for TLS", &error))?;
    let stream = tcp(host, *port).await?;
    Ok(Some(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
}

/// A connection of our own, with the settings that the Redis crate is given for its.
pub(super) async fn tcp(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let keepalive =
        socket2::TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

fn unusable(what: &'static str, error: &dyn std::fmt::Display) -> RedisError {
    (ErrorKind::InvalidClientConfig, what, error.to_string()).into()
}
