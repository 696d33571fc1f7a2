//! How to reach Redis, in each of its shapes.

use std::time::Duration;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult,
    TlsCertificates,
    aio::PubSub,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
    sentinel::{SentinelClientBuilder, SentinelServerType},
};

use crate::config::{RedisConfig, RedisNodes};

/// The longest a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A new connection that is subscribed to `pattern`.
///
/// # Errors
/// Whatever keeps it from getting there.
pub async fn subscribe(settings: &RedisConfig, pattern: &str) -> RedisResult<PubSub> {
    let connecting = async {
        let mut last = None;
        for client in clients(settings).await? {
            match client.get_async_pubsub().await {
                Ok(mut subscription) => {
                    subscription.psubscribe(pattern).await?;
                    return Ok(subscription);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| (redis::ErrorKind::InvalidClientConfig, "no Redis node is configured").into()))
    };
    tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(timed_out()))
}

fn timed_out() -> redis::RedisError {
    (redis::ErrorKind::Io, "no connection within 5 s").into()
}

/// The servers to try, in order. Of a cluster any node will do: it passes every message to all of them.
async fn clients(settings: &RedisConfig) -> RedisResult<Vec<Client>> {
    match &settings.nodes {
        RedisNodes::Single { host, port } => Ok(vec![client(settings, host, *port)?]),
        RedisNodes::Unix(path) => Ok(vec![open(settings, ConnectionAddr::Unix(path.clone()))?]),
        RedisNodes::Cluster(nodes) => nodes.iter().map(|(host, port)| client(settings, host, *port)).collect(),
        RedisNodes::Sentinel { sentinels, name, sentinel_username, sentinel_password } => {
            let addresses = sentinels.iter().map(|(host, port)| ConnectionAddr::Tcp(host.clone(), *port));
            let mut builder = SentinelClientBuilder::new(addresses, name.clone(), SentinelServerType::Master)?;
            builder = builder.set_client_to_redis_db(settings.db).set_client_to_redis_tcp_settings(tcp());
            if let Some(username) = &settings.username {
                builder = builder.set_client_to_redis_username(username);
            }
            if let Some(password) = &settings.password {
                builder = builder.set_client_to_redis_password(password);
            }
            if let Some(username) = sentinel_username {
                builder = builder.set_client_to_sentinel_username(username);
            }
            if let Some(password) = sentinel_password {
                builder = builder.set_client_to_sentinel_password(password);
            }
            Ok(vec![builder.build()?.async_get_client().await?])
        }
    }
}

fn client(settings: &RedisConfig, host: &str, port: u16) -> RedisResult<Client> {
    let host = host.to_owned();
    open(
        settings,
        match &settings.tls {
            None => ConnectionAddr::Tcp(host, port),
            Some(tls) => ConnectionAddr::TcpTls { host, port, insecure: tls.insecure, tls_params: None },
        },
    )
}

fn open(settings: &RedisConfig, address: ConnectionAddr) -> RedisResult<Client> {
    let mut login = RedisConnectionInfo::default().set_db(settings.db);
    if let Some(username) = &settings.username {
        login = login.set_username(username);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp());
    match settings.tls.as_ref().and_then(|tls| tls.ca.as_ref()) {
        Some(ca) => {
            let certificates =
                TlsCertificates { client_tls: None::<ClientTlsConfig>, root_cert: Some(ca.clone().into_bytes()) };
            Client::build_with_tls(info, certificates)
        }
        None => Client::open(info),
    }
}

/// A server that vanishes without a word is noticed within half a minute.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}
