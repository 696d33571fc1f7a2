//! How to reach Redis, in each of its shapes.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisError, RedisResult, ServerErrorKind, TlsCertificates,
    TlsMode,
    aio::{MultiplexedConnection, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
    sentinel::{SentinelClientBuilder, SentinelServerType},
};

use tokio::net::UnixStream;

use crate::config::{RedisConfig, RedisNodes, RedisTls};

mod encrypted;
mod tap;

use tap::Tap;
pub use tap::{Hears, OnMessage, Wait};

/// The longest a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest an answer to a command may take; after that the server is taken for gone.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection for commands. It does not come back by itself: when [`is_lost`] says so, make a new one, which asks sentinels
/// again who the master is. Cloning shares it.
#[derive(Clone)]
pub enum Commands {
    /// To one server.
    Server(MultiplexedConnection),
    /// To every node of a cluster.
    Cluster(ClusterConnection),
}

impl Commands {
    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// What the server answers, or why it cannot.
    pub async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        let asked = async {
            match self {
                Self::Server(connection) => command.query_async(connection).await,
                Self::Cluster(connection) => command.query_async(connection).await,
            }
        };
        // A cluster's connection tries again by itself, which takes longer than one answer may.
        tokio::time::timeout(ANSWER, asked).await.unwrap_or_else(|_| Err(timed_out("no answer within 5 s")))
    }

    /// Sends several commands at once, all about one key, and waits for their answers.
    ///
    /// # Errors
    /// As for [`Commands::query`]; some of the commands may have been carried out.
    pub async fn query_all<T: FromRedisValue>(&mut self, commands: &Pipeline) -> RedisResult<T> {
        let asked = async {
            match self {
                Self::Server(connection) => commands.query_async(connection).await,
                Self::Cluster(connection) => commands.query_async(connection).await,
            }
        };
        tokio::time::timeout(ANSWER, asked).await.unwrap_or_else(|_| Err(timed_out("no answer within 5 s")))
    }
}

/// Whether an error means that the connection is of no more use; otherwise only that one command was refused.
pub fn is_lost(error: &RedisError) -> bool {
    match error.kind() {
        // Said by a server that is starting, was demoted, or does not find its cluster.
        ErrorKind::Server(
            ServerErrorKind::ReadOnly
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask,
        ) => true,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType => false,
        _ => true,
    }
}

/// A new connection for commands.
///
/// # Errors
/// Whatever keeps it from getting there.
pub async fn commands(settings: &RedisConfig) -> RedisResult<Commands> {
    let connecting = async {
        if let RedisNodes::Cluster(nodes) = &settings.nodes {
            return Ok(Commands::Cluster(cluster(settings, nodes)?.get_async_connection().await?));
        }
        let timeouts =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
        let mut last = no_node();
        for client in clients(settings).await? {
            match for_commands(settings, &client, &timeouts).await {
                Ok(connection) => return Ok(Commands::Server(connection)),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(timed_out(NOT_CONNECTED)))
}

/// A new connection that is subscribed to `pattern`. Messages are handed to `on_message` as soon as they are read; some may come
/// out of the connection nonetheless.
///
/// # Errors
/// Whatever keeps it from getting there.
pub async fn subscribe(settings: &RedisConfig, pattern: &str, on_message: &OnMessage) -> RedisResult<PubSub> {
    let connecting = async {
        let mut last = no_node();
        for client in clients(settings).await? {
            match for_messages(settings, &client, on_message).await {
                Ok(mut subscription) => {
                    subscription.psubscribe(pattern).await?;
                    return Ok(subscription);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(timed_out(NOT_CONNECTED)))
}

async fn for_commands(
    settings: &RedisConfig,
    client: &Client,
    timeouts: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    let Some(stream) = encrypted::connect(settings, client).await? else {
        return client.get_multiplexed_async_connection_with_config(timeouts).await;
    };
    let login = client.get_connection_info().redis_settings();
    let (connection, driver) = MultiplexedConnection::new_with_config(login, stream, timeouts.clone()).await?;
    tokio::spawn(driver); // ends with the connection
    Ok(connection)
}

async fn for_messages(settings: &RedisConfig, client: &Client, on_message: &OnMessage) -> RedisResult<PubSub> {
    let info = client.get_connection_info();
    let (login, on_message) = (info.redis_settings(), on_message.clone());
    if let Some(stream) = encrypted::connect(settings, client).await? {
        return PubSub::new(login, Tap::new(stream, on_message)).await;
    }
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => {
            PubSub::new(login, Tap::new(encrypted::tcp(host, *port).await?, on_message)).await
        }
        ConnectionAddr::Unix(path) => PubSub::new(login, Tap::new(UnixStream::connect(path).await?, on_message)).await,
        // Encrypted by the crate: its messages come the long way.
        _ => client.get_async_pubsub().await,
    }
}

const NOT_CONNECTED: &str = "no connection within 5 s";

fn timed_out(what: &'static str) -> RedisError {
    (ErrorKind::Io, what).into()
}

fn no_node() -> RedisError {
    (ErrorKind::InvalidClientConfig, "no Redis node is configured").into()
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
            if let Some(tls) = &settings.tls {
                builder = builder.set_client_to_redis_tls_mode(mode(tls));
                if let Some(authorities) = authorities(tls) {
                    builder = builder.set_client_to_redis_certificates(authorities);
                }
            }
            Ok(vec![builder.build()?.async_get_client().await?])
        }
    }
}

fn cluster(settings: &RedisConfig, nodes: &[(String, u16)]) -> RedisResult<ClusterClient> {
    let nodes: Vec<ConnectionInfo> = nodes
        .iter()
        .map(|(host, port)| address(settings, host, *port).into_connection_info())
        .collect::<RedisResult<_>>()?;
    let mut builder =
        ClusterClient::builder(nodes).connection_timeout(CONNECT).response_timeout(ANSWER).tcp_settings(tcp());
    if let Some(username) = &settings.username {
        builder = builder.username(username);
    }
    if let Some(password) = &settings.password {
        builder = builder.password(password);
    }
    if let Some(tls) = &settings.tls {
        builder = builder.tls(mode(tls));
        if let Some(authorities) = authorities(tls) {
            builder = builder.certs(authorities);
        }
    }
    builder.build()
}

fn mode(tls: &RedisTls) -> TlsMode {
    if tls.insecure { TlsMode::Insecure } else { TlsMode::Secure }
}

fn authorities(tls: &RedisTls) -> Option<TlsCertificates> {
    let root_cert = Some(tls.ca.clone()?.into_bytes());
    Some(TlsCertificates { client_tls: None::<ClientTlsConfig>, root_cert })
}

fn client(settings: &RedisConfig, host: &str, port: u16) -> RedisResult<Client> {
    open(settings, address(settings, host, port))
}

fn address(settings: &RedisConfig, host: &str, port: u16) -> ConnectionAddr {
    let host = host.to_owned();
    match &settings.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(tls) => ConnectionAddr::TcpTls { host, port, insecure: tls.insecure, tls_params: None },
    }
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
    let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
    match settings.tls.as_ref().and_then(authorities) {
        Some(authorities) if is_tls => Client::build_with_tls(info, authorities),
        _ => Client::open(info),
    }
}

/// A server that vanishes without a word is noticed within half a minute.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}
