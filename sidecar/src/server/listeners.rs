//! Where connections come in: opened here, or by somebody before us, so that a restart refuses nobody.
//!
//! systemd (or whoever speaks its `LISTEN_FDS`) opens the sockets once and hands them to each sidecar: what comes while none runs
//! waits in the kernel. With `reusePort` the next sidecar opens the port beside the one that runs, and that one then sends new
//! connections over before it closes its own.

use std::{io, os::fd::AsFd, time::Duration};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::{TcpListener, lookup_host},
    time::Instant,
};

use super::StartError;

/// Connections that may wait to be accepted; the kernel's own bound is net.core.somaxconn.
const BACKLOG: i32 = 4096;
/// Between two attempts to open a port that is taken.
const AGAIN: Duration = Duration::from_millis(20);

/// Sockets that a parent process has opened for us.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    pub(super) tcp: Option<std::net::TcpListener>,
    pub(super) unix: Option<std::os::unix::net::UnixListener>,
}

impl Inherited {
    /// Those that the environment names for this process: of each kind the first. Whoever connects to one of the others would wait
    /// for ever, so that they are named in the log.
    pub(super) fn of_process() -> Self {
        let mut named = ListenFd::from_env();
        let mut inherited = Self::default();
        for at in 0..named.len() {
            // A descriptor of another kind is an error, and stays where it is.
            let surplus = if let Ok(Some(listener)) = named.take_tcp_listener(at) {
                let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
                let first = inherited.tcp.is_none();
                inherited.tcp.get_or_insert(listener);
                (!first).then_some(address)
            } else if let Ok(Some(listener)) = named.take_unix_listener(at) {
                let path = listener.local_addr().map(|address| format!("{address:?}")).unwrap_or_default();
                let first = inherited.unix.is_none();
                inherited.unix.get_or_insert(listener);
                (!first).then_some(path)
            } else {
                Some("no listening TCP or Unix socket".to_owned())
            };
            if let Some(socket) = surplus {
                tracing::warn!(
                    descriptor = at + 3,
                    socket,
                    "LISTEN_FDS: nobody serves this socket; one TCP and one Unix socket are served: take it out of the .socket unit"
                );
            }
        }
        inherited
    }
}

/// Takes over an open TCP port.
pub(super) fn adopt(listener: std::net::TcpListener) -> Result<TcpListener, StartError> {
    let address = listener.local_addr().map_or_else(|_| "(inherited)".to_owned(), |address| address.to_string());
    let adopted = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
    adopted.map_err(|error| StartError::Listen { address, error })
}

/// Asks again for a port that is taken, for as long as `patience`: its holder has just been told to end.
pub(super) async fn patiently<T, E>(
    patience: Duration,
    is_taken: impl Fn(&E) -> bool,
    mut open: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let deadline = Instant::now() + patience;
    loop {
        match open().await {
            Err(error) if is_taken(&error) && Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
            opened => return opened,
        }
    }
}

/// Opens the TCP port; without a host on every address, IPv6 and IPv4 where the machine has both.
pub(super) async fn listen(host: Option<&str>, port: u16, reuse_port: bool) -> Result<TcpListener, StartError> {
    let failed = |address: String| move |error| StartError::Listen { address, error };
    match host.filter(|host| !host.is_empty()) {
        Some(host) => bind(host, port, reuse_port).await.map_err(failed(format!("{host}:{port}"))),
        None => match bind("::", port, reuse_port).await {
            Ok(listener) => Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(failed(format!("port {port}"))(error)),
            Err(_) => bind("0.0.0.0", port, reuse_port).await.map_err(failed(format!("0.0.0.0:{port}"))),
        },
    }
}

/// Opens a port; with `reuse_port` others of this user may open it, too.
pub(crate) async fn bind(host: &str, port: u16, reuse_port: bool) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in lookup_host((host, port)).await? {
        let opened = (|| {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            if reuse_port {
                socket.set_reuse_port(true)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        })();
        match opened {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Tells the kernel that new connections to a port opened with `reusePort` belong to the sidecar that opened it second; when
/// there is none they stay here.
#[cfg(target_os = "linux")]
pub(crate) fn send_over(listener: &TcpListener) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // A program of one instruction: "the socket with index 1". An index that there is not is ignored by the kernel.
    let mut program = [libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 1 }];
    let filter = libc::sock_fprog { len: 1, filter: program.as_mut_ptr() };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel copies the program before it returns.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const filter).cast(),
            size,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Elsewhere the kernel spreads connections over both until one closes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send_over(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

/// Whether the listener shares its port.
pub(crate) fn shares_its_port(listener: &TcpListener) -> bool {
    SockRef::from(&listener.as_fd()).reuse_port().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn the_second_on_a_port_gets_all_new_connections() {
        let first = listen(Some("127.0.0.1"), 0, true).await.unwrap();
        let address = first.local_addr().unwrap();
        send_over(&first).unwrap();
        // Alone it keeps them.
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), first.accept());
        accepted.unwrap();
        let second = listen(Some("127.0.0.1"), address.port(), true).await.unwrap();
        assert!(shares_its_port(&second));
        for _ in 0..50 {
            let (_client, accepted) = tokio::join!(TcpStream::connect(address), second.accept());
            accepted.unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_that_is_not_shared_is_taken() {
        let first = listen(Some("127.0.0.1"), 0, false).await.unwrap();
        assert!(!shares_its_port(&first));
        let port = first.local_addr().unwrap().port();
        let error = listen(Some("127.0.0.1"), port, true).await.unwrap_err().to_string();
        assert!(error.contains("host and port"), "{error}");
    }

    #[tokio::test]
    async fn a_port_whose_holder_is_ending_is_waited_for_and_no_longer_than_that() {
        let first = listen(Some("127.0.0.1"), 0, false).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let again = |patience| {
            patiently(patience, StartError::is_taken, async move || listen(Some("127.0.0.1"), port, false).await)
        };
        assert!(again(Duration::ZERO).await.is_err());
        assert!(again(Duration::from_millis(50)).await.is_err());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(first);
        });
        again(Duration::from_secs(60)).await.unwrap();
    }
}
