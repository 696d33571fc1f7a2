//! A peer for the client: a listener in a thread whose behaviour each test writes.

// Each test binary uses its own part of this, and what fails here fails the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

#[cfg(target_os = "linux")]
pub mod taker;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustecho_wire::client::PublishArgs;
use rustecho_wire::frame::{self, Decoded};
use rustecho_wire::{EventId, Message, Receipt, Welcome};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// An event on one channel.
pub fn event(data: &str) -> PublishArgs<'_> {
    PublishArgs { channels: &["orders"], event: "Shipped", data, ..PublishArgs::default() }
}

/// A socket path of one's own in a directory that goes when this does.
pub struct Socket(PathBuf);

impl Socket {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("rustecho-wire-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir.join("s"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// What happened, in order: lines that start with the number of the connection.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    fn push(&self, line: String) {
        self.0.0.lock().unwrap().push(line);
        self.0.1.notify_all();
    }

    fn wait_for(&self, line: &str) {
        let lines = self.0.0.lock().unwrap();
        let waited = self.0.1.wait_timeout_while(lines, PATIENCE, |lines| !lines.iter().any(|l| l == line)).unwrap();
        assert!(!waited.1.timed_out(), "{line:?} did not happen: {:?}", *waited.0);
    }
}

/// A listener that gives each connection to a thread of its own.
pub struct Sidecar {
    pub socket: Socket,
    log: Log,
}

impl Sidecar {
    /// `behave` gets each connection and its number, from 0. What it returns from is closed.
    pub fn start(behave: impl Fn(Peer, u32) + Send + Sync + 'static) -> Self {
        Self::start_at(Socket::new(), behave)
    }

    /// The same, at a path that was there before.
    pub fn start_at(socket: Socket, behave: impl Fn(Peer, u32) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(socket.path()).unwrap();
        let log = Log::default();
        let (behave, shared) = (Arc::new(behave), log.clone());
        // The thread ends with the test's process: it owns nothing that has to be given back.
        std::thread::spawn(move || {
            for (number, stream) in (0..).zip(listener.incoming()) {
                let (behave, log) = (Arc::clone(&behave), shared.clone());
                let end = log.clone();
                std::thread::spawn(move || {
                    behave(Peer { stream: stream.unwrap(), number, log, inbox: Vec::new() }, number);
                    end.push(format!("{number} end"));
                });
            }
        });
        Self { socket, log }
    }

    pub fn wait_for(&self, line: &str) {
        self.log.wait_for(line);
    }

    pub fn say(&self, line: &str) {
        self.log.push(line.to_owned());
    }

    /// What has happened, once the first connection is over or anyway.
    pub fn log(&self) -> Vec<String> {
        self.wait_for("0 end");
        self.log.0.0.lock().unwrap().clone()
    }
}

/// The sidecar's end of one connection.
pub struct Peer {
    pub stream: UnixStream,
    number: u32,
    log: Log,
    inbox: Vec<u8>,
}

impl Peer {
    pub fn log(&self, what: &str) {
        self.log.push(format!("{} {what}", self.number));
    }

    pub fn wait_for(&self, line: &str) {
        self.log.wait_for(line);
    }

    /// Writes; a client that is gone does not matter.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn receipt(&mut self, id: EventId) {
        self.send(&Receipt { id, subscribers: 7 }.to_frame());
    }

    /// Behaves as a sidecar does until the client closes.
    pub fn serve(&mut self) {
        while let Some((id, receipt)) = self.next_publish() {
            if receipt {
                self.receipt(id);
            }
        }
    }

    /// Answers hellos until a publish comes.
    pub fn publish(&mut self) -> EventId {
        self.next_publish().unwrap().0
    }

    /// Reads and forgets until the client closes.
    pub fn until_closed(&mut self) {
        let _ = self.stream.read_to_end(&mut Vec::new());
    }

    fn next_publish(&mut self) -> Option<(EventId, bool)> {
        loop {
            if let Decoded::Frame { kind, body, consumed } = frame::decode(&self.inbox).unwrap() {
                let mut publish = None;
                match Message::decode(kind, body).unwrap() {
                    Message::Hello(hello) => {
                        self.log(&format!("hello {}", hello.client));
                        assert!(hello.pid > 0);
                        let welcome = Welcome { sidecar: "9.9.9".into(), oldest: 1, newest: 1, max_data: 12 << 20 };
                        let _ = (&self.stream).write_all(&welcome.to_frame());
                    }
                    Message::Publish(event) => {
                        self.log(&format!("publish {}", &event.data[..event.data.len().min(20)]));
                        publish = Some((event.id, event.receipt));
                    }
                    other => panic!("a publisher sent {other:?}"),
                }
                self.inbox.drain(..consumed);
                if publish.is_some() {
                    return publish;
                }
                continue;
            }
            let mut chunk = [0; 65536];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.inbox.extend_from_slice(&chunk[..count]),
            }
        }
    }
}
