//! Sessions over a stop and start of the sidecar.

use std::{collections::HashSet, path::Path, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::{Clients, Consent, Link, Past, Session, State, Stay};
use crate::{
    channel::ChannelName,
    cluster::{Elsewhere, Left},
    edge::{Packet, SocketId},
    hub,
    recovery::{
        Entry, Epoch, Look, Span,
        file::{self, SavedChannel, SavedEvent, SavedMember, SavedSession, SavedStay, Snapshot},
        now,
    },
};

/// What the sidecar before this one left at `path`; none when there is nothing, or it cannot be used.
pub fn left_at(path: &Path) -> Option<Snapshot> {
    let left = file::take(path).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "recovery.path: what the last sidecar left is not used; clients get new sessions");
        None
    })?;
    left.moment.go_on();
    Some(left)
}

impl Clients {
    /// Writes every session, and what its client may miss, for the sidecar that comes next. Events have to have ended.
    pub fn save(&self) {
        let Some(path) = self.keeps_by().and_then(|settings| settings.file.clone()) else { return };
        let Some(snapshot) = self.snapshot() else { return };
        let sessions = snapshot.sessions.len();
        match file::write(&path, &snapshot) {
            Ok(()) => tracing::info!(path = %path.display(), sessions, "sessions are kept for the next sidecar"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "recovery.path: sessions cannot be kept; clients will get new ones");
            }
        }
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let history = self.context.hub.history()?;
        let look = Look::now();
        let all = self.kept.all();
        let mut sessions: Vec<_> = all.iter().filter_map(|session| self.to_save(session, &look)).collect();
        sessions.sort_by_key(|session| session.since);
        if sessions.is_empty() {
            return None;
        }
        let ids: HashSet<&str> = sessions.iter().map(|session| session.id.as_str()).collect();
        let presence = &self.context.presence;
        let (mut members, mut elsewhere) = (Vec::new(), Vec::new());
        for channel in presence.channels() {
            presence.with(&channel, |all| {
                members.extend(all.entries().filter(|(socket, _)| ids.contains(socket.as_str())).map(
                    |(socket, json)| {
                        let (channel, socket) = (channel.as_str().to_owned(), socket.as_str().to_owned());
                        SavedMember { channel, socket, json: Value::Object(json.clone()).to_string() }
                    },
                ));
                elsewhere.extend(all.elsewhere().map(|(node, socket, json)| {
                    let (channel, socket) = (channel.as_str().to_owned(), socket.as_str().to_owned());
                    Elsewhere { node, channel, socket, json: Value::Object(json.clone()).to_string() }
                }));
            });
        }
        let channels = self.context.hub.kept().into_iter().map(|kept| SavedChannel {
            name: kept.channel.as_str().to_owned(),
            complete_from: kept.complete_from,
            events: kept.entries.iter().map(|entry| event_to_save(entry, &look)).collect(),
        });
        let (epoch, channels) = (history.epoch(), channels.collect());
        let left = self.context.cluster.as_ref().and_then(|cluster| cluster.leaves());
        let left = left.map(|left| Left { members: elsewhere, ..left });
        Some(Snapshot { moment: look.moment, epoch, last: history.last(), sessions, channels, members, left })
    }

    /// What there is to save of a session; its connection, if it has one, is over.
    fn to_save(&self, session: &Arc<Session>, look: &Look) -> Option<SavedSession> {
        let (pid, begun) = session.recovery?;
        let mut state = session.state.lock();
        if matches!(state.link, Link::Live(_)) {
            self.sessions.write().remove(&session.id);
            self.keep(session, &mut state);
        }
        let Link::Lost { since, past } = &state.link else { return None };
        let trace = match past {
            Past::Socket(socket) => socket.trace(),
            Past::Known(trace) => trace.clone(),
        };
        let stays = state.channels.iter().map(|(channel, stay)| SavedStay {
            channel: channel.as_str().to_owned(),
            joined: stay.span.joined,
            left: stay.span.left,
            consent: stay.consent.map(|consent| (look.for_next(consent.at), consent.auth)),
        });
        Some(SavedSession {
            id: session.id.to_string(),
            pid,
            begun,
            since: look.for_next(*since),
            trace,
            stays: stays.collect(),
            generation: state.generation,
        })
    }

    /// Goes on with what the sidecar before this one [saved](Clients::save). Nobody is connected yet.
    pub fn restore(&self, snapshot: Snapshot) {
        let Some(settings) = self.keeps_by() else { return };
        let oldest = now().saturating_sub(settings.keep.as_millis() as u64);
        let sessions = snapshot.sessions.into_iter().filter(|saved| saved.since >= oldest).take(settings.sessions);
        let ids: HashSet<SocketId> = sessions.filter_map(|saved| self.bring_in(saved)).collect();
        for member in snapshot.members {
            let socket = SocketId::from(member.socket.as_str());
            let json = serde_json::from_str::<Map<String, Value>>(&member.json);
            if let (true, Some(channel), Ok(json)) = (ids.contains(&socket), self.channel(&member.channel), json) {
                self.context.presence.with(&channel, |members| {
                    members.restore(socket, json);
                    self.context.store.save(&channel, members);
                });
            }
        }
        // Who was there is told to nobody as joining; what has changed since, the others tell.
        for member in snapshot.left.into_iter().flat_map(|left| left.members) {
            let json = serde_json::from_str::<Map<String, Value>>(&member.json);
            if let (Some(channel), Ok(json)) = (self.channel(&member.channel), json) {
                let socket = SocketId::from(member.socket.as_str());
                self.context.presence.with(&channel, |all| all.restore_elsewhere(member.node, socket, json));
            }
        }
        for saved in snapshot.channels {
            let Some(channel) = self.channel(&saved.name) else { continue };
            let entries = saved.events.into_iter().filter_map(|event| event_of(event, snapshot.epoch)).collect();
            self.context.hub.restore(hub::Kept { channel, complete_from: saved.complete_from, entries });
        }
        tracing::info!(sessions = ids.len(), "the last sidecar's sessions wait for their clients");
    }

    pub(crate) fn channel(&self, name: &str) -> Option<ChannelName> {
        ChannelName::parse(name, self.context.settings.limits().channel_name).ok()
    }

    fn bring_in(&self, saved: SavedSession) -> Option<SocketId> {
        let id = SocketId::from(saved.id.as_str());
        let since = saved.since.min(now());
        let mut state = State::new(Link::Lost { since, past: Past::Known(saved.trace) });
        state.generation = saved.generation;
        for stay in saved.stays {
            let channel = self.channel(&stay.channel)?;
            self.context.hub.expect(&channel);
            let span = Span { joined: stay.joined, left: stay.left };
            let consent = stay.consent.map(|(at, auth)| Consent { at, auth });
            state.channels.insert(channel, Stay { span, consent, unconfirmed: false, since: None });
        }
        let recovery = Some((saved.pid, saved.begun));
        let session = Arc::new(Session { id: id.clone(), recovery, state: Mutex::new(state) });
        self.kept.know(&session);
        self.kept.add(&session, since);
        Some(id)
    }
}

fn event_to_save(entry: &Entry, look: &Look) -> SavedEvent {
    SavedEvent {
        number: entry.number,
        at: look.for_next(entry.at),
        text: String::from_utf8_lossy(entry.packet.numbered_text()).into_owned(),
        attachments: entry.packet.attachments().iter().map(|bytes| bytes.to_vec()).collect(),
        except: entry.except.as_deref().map(ToOwned::to_owned),
    }
}

fn event_of(saved: SavedEvent, epoch: Epoch) -> Option<Entry> {
    let attachments = saved.attachments.into_iter().map(Bytes::from).collect();
    let packet = Packet::restored(&saved.text, epoch.offset(saved.number), attachments)?;
    Some(Entry { number: saved.number, at: saved.at, mark: None, packet, except: saved.except.map(Into::into) })
}
