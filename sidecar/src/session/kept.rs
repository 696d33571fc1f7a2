//! Sessions without a connection, and how their clients get them back.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};

use super::{Clients, Link, Owed, Past, Session, State, silent::subscribe_again};
use crate::{
    config::RecoveryConfig,
    counters::Counter,
    edge::{Recovered, Socket},
    hub::{NotThere, Seat},
    recovery::{Claim, History, Offset, PidHash, now},
};

/// Who may come back.
#[derive(Default)]
pub(super) struct Kept {
    /// Every session that can be recovered, connected or not.
    known: Mutex<HashMap<PidHash, Arc<Session>>>,
    /// Those that have lost their connection, the longest first, with the time of it. Some of them are back.
    lost: Mutex<VecDeque<(u64, Arc<Session>)>>,
    count: AtomicUsize,
}

impl Kept {
    /// Lets its client find a session.
    pub(super) fn know(&self, session: &Arc<Session>) {
        if let Some((pid, _)) = session.recovery {
            self.known.lock().insert(pid, session.clone());
        }
    }

    pub(super) fn forget(&self, session: &Session) {
        if let Some((pid, _)) = session.recovery {
            self.known.lock().remove(&pid);
        }
    }

    /// Notes that a session is without a connection; it will end unless its client comes back.
    pub(super) fn add(&self, session: &Arc<Session>, since: u64) {
        self.count.fetch_add(1, Relaxed);
        self.lost.lock().push_back((since, session.clone()));
    }

    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.known.lock().values().cloned().collect()
    }

    fn find(&self, pid: &str) -> Option<Arc<Session>> {
        self.find_hash(PidHash::of(pid))
    }

    pub(super) fn find_hash(&self, pid: PidHash) -> Option<Arc<Session>> {
        self.known.lock().get(&pid).cloned()
    }

    /// One of those without a connection is no more.
    pub(super) fn lose(&self) {
        self.count.fetch_sub(1, Relaxed);
    }
}

/// Why a client gets a new session instead of its own.
enum Refused {
    Unknown,
    TooOld,
    Gone,
}

impl From<NotThere> for Refused {
    fn from(why: NotThere) -> Self {
        match why {
            NotThere::Unknown => Self::Unknown,
            NotThere::TooOld(_) => Self::TooOld,
            NotThere::Gone => Self::Gone,
        }
    }
}

impl Clients {
    /// By what sessions are kept; none where none are.
    pub(super) fn keeps_by(&self) -> Option<Arc<RecoveryConfig>> {
        self.context.hub.history().map(History::settings)
    }

    /// How many sessions are kept whose clients are away.
    pub fn kept(&self) -> usize {
        self.kept.count.load(Relaxed)
    }

    /// Keeps a session whose connection is lost, with its channels. False when it cannot be recovered, or there are too many.
    pub(super) fn keep(&self, session: &Arc<Session>, state: &mut State) -> bool {
        let Some(settings) = self.keeps_by().filter(|_| session.recovery.is_some()) else { return false };
        if self.kept() >= settings.sessions {
            self.context.counters.recovery_not_kept.add();
            return false;
        }
        let Link::Live(socket) = &state.link else { return false };
        let (socket, since) = (socket.clone(), now());
        for (channel, stay) in &mut state.channels {
            stay.span.left = self.context.hub.park(channel, socket.id());
        }
        state.link = Link::Lost { since, past: Past::Socket(socket) };
        self.kept.add(session, since);
        true
    }

    /// Ends a session: its channels are left, and others are told so.
    ///
    /// With `lingers`, its presence members stay a little longer: its page may only have been loaded again.
    pub(super) fn end(&self, session: &Session, state: &mut State, why: &dyn fmt::Display, lingers: bool) {
        let connected = match std::mem::replace(&mut state.link, Link::Gone) {
            Link::Live(_) => true,
            Link::Lost { .. } => {
                self.kept.count.fetch_sub(1, Relaxed);
                false
            }
            Link::Gone => return,
        };
        self.kept.forget(session);
        if let (Some(cluster), Some((pid, _)), true) = (&self.context.cluster, session.recovery, state.is_told) {
            cluster.gone(pid, state.generation);
        }
        for (channel, _) in std::mem::take(&mut state.channels) {
            self.context.part(&session.id, &channel, connected, lingers);
            self.context.dev.left(&session.id, &channel, why);
        }
    }

    /// Ends, from time to time, the sessions whose clients have not come back, and forgets events of that age; until the last
    /// owner of the sessions is gone.
    pub fn sweep(self: &Arc<Self>) {
        let pause =
            |settings: &RecoveryConfig| (settings.keep / 8).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let Some(mut next) = self.keeps_by().map(|settings| pause(&settings)) else { return };
        let clients = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(next).await;
                let Some(clients) = clients.upgrade() else { return };
                next = clients.keeps_by().map_or(next, |settings| pause(&settings));
                clients.expire(now());
                clients.expire_elsewhere(now());
                clients.context.hub.expire();
            }
        });
    }

    pub(super) fn expire(&self, now: u64) {
        let Some(settings) = self.keeps_by() else { return };
        let before = now.saturating_sub(settings.keep.as_millis() as u64);
        loop {
            let (since, session) = {
                let mut lost = self.kept.lost.lock();
                match lost.front() {
                    Some((since, _)) if *since < before => {}
                    _ => return,
                }
                let Some(first) = lost.pop_front() else { return };
                first
            };
            let mut state = session.state.lock();
            if matches!(state.link, Link::Lost { since: then, .. } if then == since) {
                self.context.counters.recovery_expired.add();
                tracing::debug!(socket = %session.id, "its client has not come back");
                self.end(&session, &mut state, &"client has not come back", false);
            }
        }
    }

    /// See [`crate::edge::Sessions::recover`].
    pub(super) fn bring_back(
        &self,
        claim: Claim<'_>,
        open: &mut dyn FnMut(Recovered) -> Option<Arc<dyn Socket>>,
    ) -> bool {
        if self.keeps_by().is_none() {
            return false;
        }
        let counters = &self.context.counters;
        let (outcome, counter): (_, &Counter) = match self.try_bring_back(claim, open) {
            Ok(()) => return true,
            Err(Refused::Unknown) => ("unknown", &counters.recovery_unknown),
            Err(Refused::TooOld) => ("too old", &counters.recovery_too_old),
            Err(Refused::Gone) => return true,
        };
        counter.add();
        tracing::debug!(outcome, "a client that came back gets a new session");
        false
    }

    fn try_bring_back(
        &self,
        claim: Claim<'_>,
        open: &mut dyn FnMut(Recovered) -> Option<Arc<dyn Socket>>,
    ) -> Result<(), Refused> {
        let session = self.kept.find(claim.pid).ok_or(Refused::Unknown)?;
        let (_, begun) = session.recovery.ok_or(Refused::Unknown)?;
        let seen = self.seen(claim.offset, begun).ok_or(Refused::Unknown)?;
        let mut state = session.state.lock();
        self.take_over(&session, &mut state);
        let Link::Lost { past, .. } = &state.link else { return Err(Refused::Unknown) };
        let past = past.clone();
        let (seats, refused) = self.seats(&state);
        let past = move || match past {
            Past::Socket(socket) => socket.trace(),
            Past::Known(trace) => trace,
        };
        let hub = &self.context.hub;
        let socket = hub.resume(session.id.as_str(), &seats, seen, past, |trace| {
            open(Recovered { id: session.id.as_str().into(), trace })
        })?;
        self.back(&session, &mut state, &socket, &refused);
        Ok(())
    }

    /// The last number the client has seen. One of another epoch is from before this session: of it, the client has seen nothing.
    fn seen(&self, offset: Option<&str>, begun: u64) -> Option<u64> {
        let Some(text) = offset else { return Some(begun) };
        let offset = Offset::parse(text)?;
        let ours = self.context.hub.history().is_some_and(|history| history.epoch() == offset.epoch);
        Some(if ours { offset.number.max(begun) } else { begun })
    }

    /// The client is here, whatever its old connection looks like.
    fn take_over(&self, session: &Arc<Session>, state: &mut MutexGuard<'_, State>) {
        let Link::Live(old) = &state.link else { return };
        old.close();
        self.context.counters.recovery_took_over.add();
        self.sessions.write().remove(&session.id);
        if !self.keep(session, state) {
            self.end(session, state, &"too many sessions without a connection", false);
        }
    }

    /// The channels that come back, and those that Laravel has to be asked about again.
    fn seats(&self, state: &State) -> (Vec<Seat>, Vec<crate::channel::ChannelName>) {
        let (mut seats, mut refused) = (Vec::new(), Vec::new());
        for (channel, stay) in &state.channels {
            if !channel.is_guarded() || stay.consent.is_some_and(|consent| self.context.is_young(consent)) {
                seats.push(Seat { channel: channel.clone(), span: stay.span });
            } else {
                refused.push(channel.clone());
            }
        }
        (seats, refused)
    }

    /// The session goes on with this socket.
    fn back(
        &self,
        session: &Arc<Session>,
        state: &mut State,
        socket: &Arc<dyn Socket>,
        refused: &[crate::channel::ChannelName],
    ) {
        let context = &self.context;
        context.counters.recovery_recovered.add();
        context.counters.connections.add();
        tracing::debug!(socket = %session.id, channels = state.channels.len(), "recovered");
        self.kept.count.fetch_sub(1, Relaxed);
        state.link = Link::Live(socket.clone());
        (state.heard, state.idle) = (false, None);
        self.sessions.write().insert(socket.id().clone(), session.clone());
        for channel in refused {
            context.counters.recovery_auth_too_old.add();
            state.forgive(channel);
            state.channels.shift_remove(channel);
            context.leave(&session.id, channel, false);
        }
        state.channels.values_mut().for_each(|stay| stay.unconfirmed = true);
        for (channel, owed) in state.owed.take().into_iter().flat_map(|owed| *owed) {
            match owed {
                Owed::Error(refusal) => context.refuse(state, channel.as_str(), refusal),
                Owed::Here => context.presence.with(&channel, |members| context.tell_here(state, &channel, members)),
            }
        }
        if let Some(bound) = state.met.take() {
            context.tell_met(socket.as_ref(), bound);
        }
        if refused.is_empty() {
            self.silent.watch(session, socket.as_ref(), &context.hub);
        } else {
            context.hub.emit_to(socket.as_ref(), &subscribe_again());
        }
    }
}
