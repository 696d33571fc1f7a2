//! What becomes of a request to subscribe: whether Laravel consents, and what the client is told.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::{
    Consent, Context, Link, Owed, Refusal, Session, State,
    asked::Question,
    request::{Over, Subscription},
};
use crate::{
    auth::{Ask, Verdict, Wanted},
    bounds::Bound,
    channel::ChannelName,
    edge::{Packet, SocketId, packet::quote},
    presence::Members,
    recovery::now,
    tail::{Asked, Fact},
};

impl Context {
    pub(super) fn subscribe(self: &Arc<Self>, session: &Arc<Session>, mut wanted: Subscription) {
        if !wanted.channel.is_guarded() {
            self.join(session, &wanted.channel, None, None);
            return;
        }
        // Only the headers go to Laravel, and the rest would wait for the answer with them.
        match &mut wanted.auth {
            Value::Object(auth) => auth.retain(|name, _| name == "headers"),
            other => *other = Value::Null,
        }
        let text = wanted.auth.to_string();
        let most = self.settings.limits().auth_headers;
        if text.len() > most + r#"{"headers":}"#.len() {
            self.over(session, "subscribe", &Over::new(Bound::AuthHeaders, most, wanted.channel.as_str()));
            return;
        }
        let auth = hash(&text);
        let handshake = {
            let mut state = session.state.lock();
            if self.is_known(&mut state, &session.id, &wanted.channel, auth) {
                return;
            }
            let Some(socket) = state.socket().cloned() else { return };
            if state.pending >= self.settings.limits().subscriptions_per_socket {
                drop(state);
                self.full(session, &wanted.channel);
                return;
            }
            state.pending += 1;
            socket.handshake().clone()
        };
        let (context, session) = (self.clone(), session.clone());
        tokio::spawn(async move {
            let asker = Arc::downgrade(&session);
            let still = move || asker.upgrade().is_some_and(|session| !matches!(session.state.lock().link, Link::Gone));
            let wanted_still = Wanted::while_true(still);
            let (who, channel) = (session.id.clone(), wanted.channel.clone());
            let ask = Ask { who, channel, handshake, auth: wanted.auth, wanted: wanted_still };
            let question = Question::new(&ask, &session.id, context.authorizer.url(&ask.handshake));
            let begun = Instant::now();
            let verdict = context.authorizer.authorise(ask).await;
            let took = begun.elapsed();
            let mut state = session.state.lock();
            (state.pending, state.idle) = (state.pending - 1, None);
            drop(state);
            let times = &context.counters.times.auth;
            match verdict {
                Verdict::Granted(_) => &times.granted,
                Verdict::Denied(..) => &times.denied,
                Verdict::Failed(_) | Verdict::Oversized(_) | Verdict::NoQuestion => &times.failed,
                Verdict::Busy(_) => &times.busy,
            }
            .record(took);
            if context.tail.is_watched() || !matches!(verdict, Verdict::Granted(_)) {
                let asked = question.answered(&verdict, took);
                if !matches!(verdict, Verdict::Granted(_)) {
                    context.tail.remember(asked.clone());
                }
                context.tail.tell(|number| Fact::Auth(Asked { number, ..asked }));
            }
            context.decided(&session, &wanted.channel, verdict, auth);
        });
    }

    /// Whether a client that has recovered asks for what it has, and Laravel's consent is young: then it need not be asked.
    fn is_known(&self, state: &mut State, id: &SocketId, channel: &ChannelName, auth: u64) -> bool {
        let Some(stay) = state.channels.get_mut(channel).filter(|stay| stay.unconfirmed) else { return false };
        if !stay.consent.is_some_and(|consent| consent.auth == auth && self.is_young(consent)) {
            return false;
        }
        stay.unconfirmed = false;
        if channel.is_presence() {
            self.presence.with(channel, |members| {
                if members.has(id) {
                    self.tell_here(state, channel, members);
                }
            });
        }
        true
    }

    /// Whether Laravel's consent is good for a recovery.
    pub(super) fn is_young(&self, consent: Consent) -> bool {
        let most = self.hub.history().map_or(0, |history| history.settings().auth_age.as_millis() as u64);
        now().saturating_sub(consent.at) < most
    }

    fn decided(self: &Arc<Self>, session: &Arc<Session>, channel: &ChannelName, verdict: Verdict, auth: u64) {
        let id = &session.id;
        let status = match verdict {
            Verdict::Granted(member) => {
                self.counters.auth_granted.add();
                self.dev.granted(id, channel);
                tracing::debug!(socket = %id, %channel, "authorised");
                if channel.is_presence() && member.is_none() {
                    self.dev.no_member();
                    tracing::warn!(socket = %id, %channel, "listens without being a member: Laravel's answer has no channel_data");
                }
                self.join(session, channel, member, Some(Consent { at: now(), auth }));
                return;
            }
            Verdict::Denied(status, body) => {
                self.counters.auth_denied.add();
                self.dev.denied(id, channel, status, &body);
                tracing::info!(socket = %id, %channel, status, "subscription denied by Laravel");
                let mut state = session.state.lock();
                // What came back by recovery did so on an older word of Laravel's.
                if state.channels.get(channel).is_some_and(|stay| stay.unconfirmed) {
                    self.drop_channel(session, &mut state, channel);
                }
                status.to_string()
            }
            Verdict::Failed(reason) => {
                self.counters.auth_failed.add();
                self.dev.failed(id, channel, &reason);
                tracing::warn!(socket = %id, %channel, reason, "Laravel could not be asked for a subscription");
                "0".to_owned()
            }
            Verdict::Oversized(sentence) => {
                self.counters.auth_failed.add();
                self.dev.failed(id, channel, &format!("the auth answer is {sentence}"));
                let refusal = Refusal { status: "0".into(), sentence: Some(sentence) };
                self.refuse(&mut session.state.lock(), channel.as_str(), refusal);
                return;
            }
            Verdict::Busy(sentence) => {
                self.counters.auth_busy.add();
                self.dev.failed(id, channel, &sentence);
                let refusal = Refusal { status: "503".into(), sentence: Some(sentence) };
                self.refuse(&mut session.state.lock(), channel.as_str(), refusal);
                return;
            }
            Verdict::NoQuestion => {
                self.counters.auth_failed.add();
                "null".to_owned()
            }
        };
        self.refuse(&mut session.state.lock(), channel.as_str(), Refusal { status, sentence: None });
    }

    /// Tells the client that it does not get `channel`.
    pub(super) fn refuse(&self, state: &mut State, channel: &str, refusal: Refusal) {
        let Link::Live(socket) = &state.link else {
            if matches!(state.link, Link::Lost { .. })
                && let Ok(channel) = ChannelName::parse(channel, channel.len())
            {
                state.owe(channel, Owed::Error(refusal));
            }
            return;
        };
        // A client that can recover would take a text at the end for an offset.
        let end = refusal.sentence.as_ref().filter(|_| socket.pid().is_some()).map(|_| "null".to_owned());
        let arguments = [Some(quote(channel)), Some(refusal.status), refusal.sentence.as_deref().map(quote), end];
        let arguments: Vec<_> =
            arguments.into_iter().flatten().filter_map(|json| RawValue::from_string(json).ok()).collect();
        let arguments: Vec<&RawValue> = arguments.iter().map(|argument| &**argument).collect();
        self.hub.emit_to(socket.as_ref(), &Packet::new("subscription_error", &arguments));
    }

    /// Tells the client who is on a presence channel.
    pub(super) fn tell_here(&self, state: &mut State, channel: &ChannelName, members: &Members) {
        match &state.link {
            Link::Live(socket) => {
                let here = Value::Array(members.here()).to_string();
                if let Some(packet) = encode("presence:subscribed", channel, here) {
                    self.hub.emit_to(socket.as_ref(), &packet);
                }
            }
            Link::Lost { .. } => {
                state.owe(channel.clone(), Owed::Here);
            }
            Link::Gone => {}
        }
    }

    pub(super) fn tell_others(&self, event: &str, channel: &ChannelName, who: &Value, except: &SocketId) {
        if let Some(packet) = encode(event, channel, who.to_string()) {
            self.hub.emit(channel.as_str(), &packet, Some(except.as_str()));
        }
    }
}

/// Equal for equal `auth`; survives a restart.
fn hash(auth: &str) -> u64 {
    let digest = Sha256::digest(auth);
    u64::from_be_bytes(std::array::from_fn(|at| digest[at]))
}

/// `[event, channel, json]` as a packet.
pub(super) fn encode(event: &str, channel: &ChannelName, json: String) -> Option<Packet> {
    let name = RawValue::from_string(quote(channel.as_str())).ok()?;
    let data = RawValue::from_string(json).ok()?;
    Some(Packet::new(event, &[&name, &data]))
}
