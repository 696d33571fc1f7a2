//! One client, how it can be reached, and what it is subscribed to.

use std::sync::Arc;

use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::bounded::Rates;
use crate::{
    bounds::Bound,
    channel::ChannelName,
    edge::{Socket, SocketId},
    recovery::{Mark, PidHash, Span, Trace},
};

/// One client and what it is subscribed to.
pub(super) struct Session {
    pub(super) id: SocketId,
    /// Of a session that can be recovered: by whom, and the number it began at.
    pub(super) recovery: Option<(PidHash, u64)>,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) link: Link,
    /// The client has sent something.
    pub(super) heard: bool,
    /// In the order of subscribing, which is the order of leaving them.
    pub(super) channels: IndexMap<ChannelName, Stay>,
    /// Since when it has none, as far as it was looked (`limits.subscribeMs`).
    pub(super) idle: Option<Instant>,
    /// Auth requests that are not answered yet.
    pub(super) pending: usize,
    pub(super) rates: Rates,
    /// What Laravel said of channels while nobody was there to be told. Boxed: mostly nothing.
    pub(super) owed: Option<Box<IndexMap<ChannelName, Owed>>>,
    /// In a cluster: channels that the others have been told of, and that are joined in their turn.
    /// Boxed: mostly nothing.
    pub(super) promised: Option<Box<IndexMap<ChannelName, Option<Consent>>>>,
    /// How often the session has changed its node, from 1 on.
    pub(super) generation: u32,
    /// Other nodes know of it.
    pub(super) is_told: bool,
    /// What ended the connection, to be told to who comes back.
    pub(super) met: Option<Bound>,
}

/// How the client can be reached.
pub(super) enum Link {
    Live(Arc<dyn Socket>),
    /// Not now.
    Lost {
        /// Since when; milliseconds since 1970.
        since: u64,
        past: Past,
    },
    /// Never again.
    Gone,
}

/// Where to read what a lost connection was written.
#[derive(Clone)]
pub(super) enum Past {
    /// Its socket: a fan-out that is under way may still find it broken.
    Socket(Arc<dyn Socket>),
    /// The sidecar before this one wrote it down.
    Known(Trace),
}

/// A subscription of a session.
#[derive(Debug, Clone)]
pub(super) struct Stay {
    pub(super) span: Span,
    /// Laravel's, to a guarded channel.
    pub(super) consent: Option<Consent>,
    /// The channel came back by recovery, and the client, which may not know, has not asked for it again.
    pub(super) unconfirmed: bool,
    /// In a cluster: its client needs nothing up to this place.
    pub(super) since: Option<Mark>,
}

/// That Laravel has said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Consent {
    /// When; milliseconds since 1970.
    pub(super) at: u64,
    /// A hash of `auth` of the request.
    pub(super) auth: u64,
}

/// Why a client does not get a channel.
pub(super) struct Refusal {
    /// A JSON value.
    pub(super) status: String,
    /// For those over a bound, which; laravel-echo-server did not have this.
    pub(super) sentence: Option<String>,
}

/// What is to be told.
pub(super) enum Owed {
    /// `presence:subscribed`.
    Here,
    /// `subscription_error`.
    Error(Refusal),
}

impl Session {
    pub(super) fn new(socket: Arc<dyn Socket>, begun: Option<u64>) -> Self {
        let recovery = socket.pid().map(PidHash::of).zip(begun);
        Self { id: socket.id().clone(), recovery, state: Mutex::new(State::new(Link::Live(socket))) }
    }

    /// The socket, unless the connection is lost.
    pub(super) fn socket(&self) -> Option<Arc<dyn Socket>> {
        self.state.lock().socket().cloned()
    }
}

impl State {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            heard: false,
            channels: IndexMap::new(),
            idle: None,
            pending: 0,
            rates: Rates::default(),
            owed: None,
            promised: None,
            generation: 1,
            is_told: false,
            met: None,
        }
    }

    pub(super) fn socket(&self) -> Option<&Arc<dyn Socket>> {
        match &self.link {
            Link::Live(socket) => Some(socket),
            Link::Lost { .. } | Link::Gone => None,
        }
    }

    /// Notes what is to be told, in the place of what was to be told of this channel before.
    pub(super) fn owe(&mut self, channel: ChannelName, what: Owed) {
        self.owed.get_or_insert_default().insert(channel, what);
    }

    /// A channel has been joined in its turn, or not at all.
    pub(super) fn promise_kept(&mut self, channel: &ChannelName) {
        if let Some(promised) = &mut self.promised {
            promised.shift_remove(channel);
            if promised.is_empty() {
                self.promised = None;
            }
        }
    }

    /// Nothing is to be told of this channel any more.
    pub(super) fn forgive(&mut self, channel: &ChannelName) {
        if let Some(owed) = &mut self.owed {
            owed.shift_remove(channel);
        }
    }

    /// Whether this is the id of the connection that the session has now.
    pub(super) fn is_on(&self, connection: &SocketId) -> bool {
        self.socket().is_some_and(|socket| socket.id().is_same_connection(connection))
    }
}
