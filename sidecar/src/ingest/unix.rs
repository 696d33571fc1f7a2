//! The Unix socket source: frames of `docs/wire-format.md`, answered in the order in which they came.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, ToFsName,
    tokio::{Listener, Stream},
    traits::{StreamCommon, tokio::Listener as _},
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use rustecho_wire::{
    DecodeError, EventId, Header, Message, PROTOCOL_VERSION, Receipt, Refusal, RefusalCode, Welcome, frame::HEADER_LEN,
};
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    sync::watch,
    time::timeout,
};

use crate::{
    config::UnixSocketConfig,
    counters::Counters,
    publisher::{Publish, PublishError, Publisher, Source},
    server::stopped,
};

/// How long the rest of a frame may take once its header is there, and how long a publisher may leave answers unread.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at one time: several thousand php-fpm workers.
const MAX_CONNECTIONS: usize = 8_192;
/// Room for a body that is kept between frames; a larger one is given back.
const KEPT_BODY: usize = 64 * 1024;

/// Why the Unix socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process answers there.
    #[error("unixSocket.path: another process is listening on {0}; stop it, or choose another path")]
    InUse(PathBuf),
    /// What stands there is no socket, and is not ours to remove.
    #[error("unixSocket.path: {0} exists and is not a socket; remove it, or choose another path")]
    NotASocket(PathBuf),
    /// `unixSocket.group` names no group.
    #[error("unixSocket.group: there is no group `{0}`")]
    NoGroup(String),
    /// Anything else the system says.
    #[error("unixSocket.path: {path}: {error}")]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// An open Unix socket; its file goes away with it.
pub struct UnixSource {
    listener: Listener,
    settings: UnixSocketConfig,
}

impl UnixSource {
    /// Opens the socket with the configured mode and group. A file left behind by a dead process is replaced; one that
    /// answers is not.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(settings: UnixSocketConfig) -> Result<Self, BindError> {
        let path = settings.path.clone();
        let failed = |error| BindError::Io { path: path.clone(), error };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        match fs::symlink_metadata(&path) {
            Err(_) => {}
            Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path)),
            Ok(_) if std::os::unix::net::UnixStream::connect(&path).is_ok() => return Err(BindError::InUse(path)),
            Ok(_) => fs::remove_file(&path).map_err(failed)?,
        }
        let name = path.as_path().to_fs_name::<GenericFilePath>().map_err(failed)?;
        let options = ListenerOptions::new().name(name).mode(settings.mode as libc::mode_t);
        let listener = options.create_tokio().map_err(failed)?;
        // The file was made with the mode less the umask: say it again.
        fs::set_permissions(&path, fs::Permissions::from_mode(settings.mode)).map_err(failed)?;
        if let Some(group) = &settings.group {
            let gid = group_id(group).ok_or_else(|| BindError::NoGroup(group.clone()))?;
            std::os::unix::fs::chown(&path, None, Some(gid)).map_err(failed)?;
        }
        Ok(Self { listener, settings })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Serves publishers until `stop` changes; then the frames that have arrived are answered, and no more are read.
    pub async fn run(self, publisher: Arc<Publisher>, counters: Arc<Counters>, stop: watch::Receiver<bool>) {
        let open = Arc::new(AtomicUsize::new(0));
        let mut stopping = stop.clone();
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopped(&mut stopping) => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting a publisher");
                    tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors: let some go
                    continue;
                }
            };
            if !self.may_enter(&stream) || open.load(Relaxed) >= MAX_CONNECTIONS {
                counters.refused_peers.add();
                continue;
            }
            open.fetch_add(1, Relaxed);
            let peer = Peer { publisher: publisher.clone(), counters: counters.clone(), answers: Vec::new() };
            let (open, stop) = (open.clone(), stop.clone());
            tasks.spawn(async move {
                peer.serve(stream, stop).await;
                open.fetch_sub(1, Relaxed);
            });
        }
        let _ = fs::remove_file(&self.settings.path);
        while tasks.join_next().await.is_some() {}
    }

    fn may_enter(&self, stream: &Stream) -> bool {
        if self.settings.allowed_uids.is_empty() {
            return true;
        }
        let uid = stream.peer_creds().ok().and_then(|creds| creds.euid());
        let allowed = uid.is_some_and(|uid| self.settings.allowed_uids.contains(&uid));
        if !allowed {
            tracing::warn!(uid, "a publisher was refused: its uid is not in unixSocket.allowedUids");
        }
        allowed
    }
}

/// One connected publisher.
struct Peer {
    publisher: Arc<Publisher>,
    counters: Arc<Counters>,
    /// Answers that have not been written yet.
    answers: Vec<u8>,
}

/// Why a connection ended early.
enum End {
    /// The peer went away, or took too long.
    Gone,
    /// A frame did not decode.
    Bad(DecodeError),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Peer {
    async fn serve(mut self, stream: Stream, mut stop: watch::Receiver<bool>) {
        let mut stream = BufReader::with_capacity(16 * 1024, stream);
        let mut body = Vec::new();
        let ended = loop {
            let step = tokio::select! {
                biased;
                step = self.frame(&mut stream, &mut body) => step,
                () = stopped(&mut stop) => break Ok(()),
            };
            if let Err(end) = step {
                break Err(end);
            }
        };
        if let Err(End::Bad(error)) = ended {
            self.counters.bad_frames.add();
            tracing::warn!(%error, "a publisher's connection is closed: its frame did not decode");
            self.refuse(EventId::NIL, error.refusal_code(), error.to_string());
        }
        let _ = self.flush(&mut stream).await;
    }

    /// Reads one frame and answers it. Waiting for its header can be given up without loss; nothing else is waited for long.
    async fn frame(&mut self, stream: &mut BufReader<Stream>, body: &mut Vec<u8>) -> Result<(), End> {
        use tokio::io::AsyncBufReadExt;
        if stream.buffer().is_empty() {
            self.flush(stream).await?;
            if stream.fill_buf().await?.is_empty() {
                return Err(End::Gone);
            }
        }
        let mut header = [0; HEADER_LEN];
        let header = {
            timeout(PATIENCE, stream.read_exact(&mut header)).await.map_err(|_| End::Gone)??;
            Header::parse(&header).map_err(End::Bad)?
        };
        body.clear();
        body.shrink_to(KEPT_BODY);
        body.resize(header.len, 0);
        timeout(PATIENCE, stream.read_exact(body)).await.map_err(|_| End::Gone)??;
        match Message::decode(header.kind, body).map_err(End::Bad)? {
            Message::Hello(hello) => {
                tracing::debug!(client = hello.client, pid = hello.pid, "publisher says hello");
                let welcome = Welcome {
                    sidecar: env!("CARGO_PKG_VERSION").into(),
                    oldest: PROTOCOL_VERSION,
                    newest: PROTOCOL_VERSION,
                    max_data: u32::try_from(self.publisher.limits().data).unwrap_or(u32::MAX),
                };
                self.answers.extend_from_slice(&welcome.to_frame());
            }
            Message::Publish(event) => self.publish(&event),
            // What only a sidecar sends makes no sense here; a later version may have a use for it.
            Message::Welcome(_) | Message::Receipt(_) | Message::Refusal(_) => {}
        }
        if self.answers.len() > KEPT_BODY {
            self.flush(stream).await?;
        }
        Ok(())
    }

    fn publish(&mut self, event: &rustecho_wire::Publish<'_>) {
        let data: &RawValue = match serde_json::from_str(event.data) {
            Ok(data) => data,
            Err(error) => {
                self.counters.refused_publishes.add();
                self.refuse(event.id, RefusalCode::NotJson, format!("data is not valid JSON: {error}"));
                return;
            }
        };
        let publish = Publish {
            source: Source::Unix,
            id: (event.id != EventId::NIL).then_some(event.id),
            channels: event.channels.clone(),
            event: event.event,
            data,
            except: Some(event.socket).filter(|socket| !socket.is_empty()),
            came_as: None,
        };
        match self.publisher.publish(&publish) {
            Ok(subscribers) if event.receipt => {
                self.answers.extend_from_slice(&Receipt { id: event.id, subscribers }.to_frame());
            }
            Ok(_) => {}
            Err(error) => {
                let code = match error {
                    PublishError::NoChannel | PublishError::TooManyChannels { .. } => RefusalCode::Channels,
                    PublishError::Channel(_) => RefusalCode::ChannelName,
                    PublishError::NoEvent | PublishError::EventTooLong { .. } | PublishError::Reserved(_) => {
                        RefusalCode::EventName
                    }
                    PublishError::DataTooLarge { .. } => RefusalCode::DataTooLong,
                };
                self.refuse(event.id, code, error.to_string());
            }
        }
    }

    fn refuse(&mut self, id: EventId, code: RefusalCode, message: String) {
        self.answers.extend_from_slice(&Refusal { id, code, message }.to_frame());
    }

    async fn flush(&mut self, stream: &mut BufReader<Stream>) -> Result<(), End> {
        if !self.answers.is_empty() {
            timeout(PATIENCE, stream.get_mut().write_all(&self.answers)).await.map_err(|_| End::Gone)??;
            self.answers.clear();
        }
        Ok(())
    }
}

/// The number of a group, by name or number.
fn group_id(group: &str) -> Option<u32> {
    if let Ok(number) = group.parse() {
        return Some(number);
    }
    let lines = fs::read_to_string("/etc/group").ok()?;
    lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == group).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests;
