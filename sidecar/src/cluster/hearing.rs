//! What is heard in the stream, and what it does here.

use std::cell::Cell;

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    Cluster, Echo, Here, Place, RemoteEvent, State, Turn,
    message::{Body, Message, NodeId, Session},
    peers::{Heard, Word},
};
use crate::{
    channel::ChannelName,
    recovery::{Mark, mark},
};

impl Cluster {
    /// Takes what some node has said, this one included; where something is missing, it may have to wait for that.
    pub(super) fn hear(&self, here: &dyn Here, place: Place, bytes: &Bytes, now: Instant) {
        if self.gaps.lock().is_holding() {
            self.hear_beside(here, place, bytes, now);
        } else {
            self.hear_in_turn(here, place, bytes, now);
        }
    }

    /// Goes on with what was held longest.
    pub(super) fn hear_held(&self, here: &dyn Here, now: Instant) {
        let next = self.gaps.lock().next();
        if let Some((place, bytes)) = next {
            self.hear_in_turn(here, place, &bytes, now);
        }
        self.is_all_done(here, now);
    }

    fn hear_in_turn(&self, here: &dyn Here, place: Place, bytes: &Bytes, now: Instant) {
        let Some(message) = self.open(bytes) else { return };
        self.overheard.lock().read(place.0);
        let last = self.state.lock().peers.last(message.node);
        if let Some(last) = last
            && !message.is_retold
            && let before = message.seq.saturating_sub(message.body.is_counted().into())
            && before > last
        {
            self.fill(here, message.node, last, before, now);
        }
        let (is_out, of) = (self.state.lock().is_out, (message.node, message.seq));
        let has_to_wait = Cell::new(false);
        let hear = || self.whole(|| has_to_wait.set(self.hear_message(here, place, message, bytes, now)));
        // What is done out of order has another place here than at other nodes.
        let is_done = if is_out { hear() } else { mark::in_turn(place.entry(), hear) };
        if has_to_wait.get() {
            self.gaps.lock().hold_first(place, bytes.clone(), of);
            self.settle(here, None);
        } else {
            *self.taken.lock() = Some(place);
            let is_ahead = self.gaps.lock().is_ahead();
            self.settle(here, Some(place).filter(|_| is_done && !is_ahead));
        }
    }

    pub(super) fn open<'a>(&self, bytes: &'a Bytes) -> Option<Message<'a>> {
        self.seal
            .open(bytes)
            .inspect_err(|error| {
                self.counters.cluster_refused.add();
                if self.complained.is_first(&error.to_string()) {
                    tracing::error!(%error, "a message in the cluster's stream was not taken; more like it are only counted");
                }
            })
            .ok()
    }

    /// Whether it has to wait for what is missing before it.
    pub(super) fn hear_message(
        &self,
        here: &dyn Here,
        place: Place,
        message: Message<'_>,
        bytes: &Bytes,
        now: Instant,
    ) -> bool {
        let word = message.word(place.0);
        let Word { node, seq, is_counted, is_retold, .. } = word;
        if is_retold && node == self.outbox.node() {
            return false;
        }
        if node == self.outbox.node() {
            self.outbox.is_born(place.0);
            self.hear_own(here, place, &message, now);
        } else if is_counted {
            self.retelling.lock().heard(node, seq);
        }
        let (heard, is_former) = {
            let peers = &mut self.state.lock().peers;
            (peers.hear(&word, now), peers.is_former(node))
        };
        match heard {
            Heard::Leave => {
                // What it has noted at last has its place there, as everywhere.
                if is_former && let Body::Overheard { note, channel } = &message.body {
                    self.noted(here, place, note, channel, false, now);
                }
                return false;
            }
            Heard::Ask(from, first) => {
                self.outbox.say(Body::Again { of: node, from });
                if let Some(upto) = first {
                    tracing::info!(%node, from, upto, "messages of another node are missing: what follows waits for them");
                    self.gaps.lock().open(node, from, upto, now);
                }
                if is_counted {
                    return first.is_some();
                }
            }
            Heard::Meet => {
                tracing::info!(%node, "another node of the cluster is heard");
                self.outbox.say(Body::Beat); // so that a newcomer need not wait for the next
                self.outbox.say(Body::Sync { of: node });
            }
            Heard::Take => {}
        }
        if is_counted {
            self.retelling.lock().keep(node, seq, bytes.clone());
        }
        self.counters.cluster_heard.add();
        self.take(here, place, message, now);
        false
    }

    /// What this node has said comes back: that is its turn.
    pub(super) fn hear_own(&self, here: &dyn Here, place: Place, message: &Message<'_>, now: Instant) {
        if let Body::Beat = message.body {
            let mut state = self.state.lock();
            if let Echo::Said(at) = state.echo {
                state.echo = Echo::Heard(now.saturating_duration_since(at));
            }
            drop(state);
            // What was said before this and has not come back Redis has lost, perhaps after all others have read it.
            let heard = self.turns.heard();
            if message.seq > heard && !self.gaps.lock().is_holding() {
                self.outbox.say_again(heard + 1);
            }
        }
        if !message.body.is_counted() {
            return;
        }
        let is_first = message.seq > self.turns.heard();
        let (acts, is_next) = self.turns.hear(message.seq, now);
        if !is_next {
            self.state.lock().is_out = true;
        }
        if let Body::Overheard { note, channel } = &message.body {
            self.noted(here, place, note, channel, true, now);
        }
        for act in acts {
            self.whole(|| act(Some(place)));
        }
        match &message.body {
            // Said again for those who have missed it: a node that was buried then may live again.
            Body::Bury { of } if is_first => self.bury(here, *of),
            Body::Session(session) => self.tidy_all(here, session),
            _ => {}
        }
        self.turns.done(message.seq);
    }

    /// Does what has waited for Redis too long.
    pub(super) fn hurry(&self, here: &dyn Here, now: Instant) {
        for (seq, act) in self.turns.overdue(now) {
            // What is emitted now has no place in the common order.
            self.settle(here, None);
            if !self.config.wait.is_zero() {
                self.counters.cluster_early.add();
            }
            self.whole(|| act(None));
            self.turns.done(seq);
        }
        self.overhear_on(here, now);
        self.mind_gaps(now);
    }

    /// Some messages may be missing.
    pub(super) fn doubt(&self, here: &dyn Here) {
        self.gaps.lock().doubt();
        self.state.lock().peers.doubt();
        self.settle(here, None);
    }

    /// Notes how far this node has come, and whether it keeps to the order.
    pub(super) fn settle(&self, here: &dyn Here, place: Option<Place>) {
        let (is_settled, is_missing) = {
            let (mut overheard, now) = (self.overheard.lock(), Instant::now());
            (overheard.is_settled(now), overheard.is_missing(now))
        };
        here.hush(is_missing);
        let reached = {
            let mut state = self.state.lock();
            let is_in_order = self.turns.is_in_order() && state.peers.are_sure() && is_settled;
            match place.map(|place| Mark::after(place.entry())).filter(|_| is_in_order) {
                Some(mark) => {
                    if std::mem::take(&mut state.is_out) {
                        state.in_order_since = Some(mark);
                    }
                    Some(mark)
                }
                None => {
                    state.is_out = true;
                    None
                }
            }
        };
        here.reached(reached);
        self.reached.send_replace(reached);
    }

    pub(super) fn take(&self, here: &dyn Here, place: Place, message: Message<'_>, now: Instant) {
        let (node, me) = (message.node, self.outbox.node());
        let turn = Turn { place, seq: message.seq };
        match message.body {
            Body::Beat => {}
            Body::Event { id, channels, event, data, except, done } => here.event(&RemoteEvent {
                id,
                channels: channels.iter().map(AsRef::as_ref).collect(),
                event: &event,
                data,
                except: except.as_deref(),
                done,
            }),
            Body::Overheard { note, channel } => self.noted(here, place, &note, &channel, false, now),
            Body::Whisper { channel, event, data, socket, attachments } => {
                use base64::Engine as _;
                let decode = |text: &String| base64::engine::general_purpose::STANDARD.decode(text).map(Bytes::from);
                if let Ok(attachments) = attachments.iter().map(decode).collect() {
                    here.whisper(&channel, &event, data, &socket, attachments);
                }
            }
            Body::Join { channel, socket, member, seat } => {
                if let Some(channel) = self.touch(node, &channel, message.seq) {
                    here.joined(node, &channel, &socket, member, seat.map(|seat| (seat, turn)));
                }
            }
            Body::Leave { channel, socket } => {
                if let Some(channel) = self.touch(node, &channel, message.seq) {
                    here.left(node, &channel, &socket);
                    self.tidy(here, &channel);
                }
            }
            Body::Seat { channel, socket, seat } => {
                if let Some(channel) = self.channel(&channel) {
                    here.seated(node, &channel, &socket, &seat, turn);
                }
            }
            Body::Unseat { channel, pid, generation } => {
                if let Some(channel) = self.channel(&channel) {
                    here.unseated(&channel, pid, generation);
                }
            }
            Body::Session(session) => {
                for (channel, _) in &session.members {
                    self.touch(node, channel, message.seq);
                }
                here.session(node, &session, turn);
                self.tidy_all(here, &session);
            }
            Body::Gone { pid, generation } => here.gone(pid, generation),
            Body::Bury { of } => self.bury(here, of),
            Body::Part { channel, members } => {
                if let Some(channel) = self.touch(node, &channel, message.seq) {
                    mark::aside(|| here.replace(node, &channel, members));
                }
            }
            Body::Parts { since } => mark::aside(|| self.take_account(here, node, since, message.seq)),
            Body::Sync { of } if of == me => self.asked.notify_one(),
            Body::Again { of, from } if of == me => self.outbox.say_again(from),
            Body::Again { of, from } => {
                let lives = self.state.lock().peers.knows(of);
                self.retelling.lock().asked(of, from, lives, rand::random(), now);
            }
            Body::Forgotten { next } => self.lost(node, next, "it kept them no longer"),
            Body::Known { taken, asks } => self.hear_known(here, node, &taken, asks, now),
            Body::Count { question, prefix } => {
                let (sockets, channels) = here.count(prefix.as_deref());
                self.outbox.say(Body::Counted { to: node, question, sockets, channels });
            }
            Body::Counted { to, question, sockets, channels } if to == me => {
                self.census.answer(question, node, sockets, channels);
            }
            Body::Sync { .. } | Body::Counted { .. } => {}
        }
    }

    /// What a node said before number `next` cannot be had any more.
    pub(super) fn lost(&self, node: NodeId, next: u64, why: &'static str) {
        let lost = self.state.lock().peers.forgotten(node, next);
        if lost > 0 {
            self.counters.cluster_lost.add_many(lost);
            tracing::error!(%node, lost, "messages of another node are lost: {why}");
            self.outbox.say(Body::Sync { of: node });
        }
    }

    /// What a node has not told of in its account it does not have.
    fn take_account(&self, here: &dyn Here, node: NodeId, since: u64, seq: u64) {
        let mut untold: Vec<_> = {
            let mut state = self.state.lock();
            state.accounted.insert(node);
            let members = state.members.entry(node).or_default();
            members.extract_if(|_, told| *told < since.min(seq)).map(|(channel, _)| channel).collect()
        };
        untold.sort();
        for channel in &untold {
            here.replace(node, channel, Vec::new());
        }
        here.told_sessions(node, Some(since.min(seq)));
    }

    /// A node is dead. One that is told so of itself has only been cut off, and will be met again.
    fn bury(&self, here: &dyn Here, node: NodeId) {
        if node == self.outbox.node() {
            return;
        }
        let mut channels: Vec<_> = {
            let mut state = self.state.lock();
            state.expected.remove(&node);
            if !state.peers.others().contains(&node) {
                return;
            }
            let missing = state.peers.bury(node);
            if missing > 0 {
                self.counters.cluster_lost.add_many(missing);
                tracing::error!(%node, lost = missing, "messages of a node that has died are lost: no other node knows them");
            }
            state.accounted.remove(&node);
            state.members.remove(&node).unwrap_or_default().into_keys().collect()
        };
        tracing::warn!(%node, channels = channels.len(), "a node has died: its presence members leave");
        self.gaps.lock().close(node);
        self.census.gone(node);
        channels.sort();
        for channel in &channels {
            here.replace(node, channel, Vec::new());
        }
        here.told_sessions(node, None);
    }

    /// The members of a session are no longer those of the node that it was at.
    fn tidy_all(&self, here: &dyn Here, session: &Session) {
        for (channel, _) in &session.members {
            self.channel(channel).iter().for_each(|channel| self.tidy(here, channel));
        }
    }

    /// Forgets that nodes have told of a channel on which they have no members any more.
    fn tidy(&self, here: &dyn Here, channel: &ChannelName) {
        let told =
            |node: &NodeId, state: &State| state.members.get(node).is_some_and(|told| told.contains_key(channel));
        let nodes: Vec<NodeId> = {
            let state = self.state.lock();
            state.members.keys().filter(|node| told(node, &state)).copied().collect()
        };
        for node in nodes {
            if !here.has_members(node, channel)
                && let Some(told) = self.state.lock().members.get_mut(&node)
            {
                told.remove(channel);
            }
        }
    }

    fn channel(&self, name: &str) -> Option<ChannelName> {
        ChannelName::parse(name, self.max_name).ok()
    }

    /// The channel, with the note that `node` has told of it.
    fn touch(&self, node: NodeId, channel: &str, seq: u64) -> Option<ChannelName> {
        let channel = self.channel(channel)?;
        self.state.lock().members.entry(node).or_default().insert(channel.clone(), seq);
        Some(channel)
    }
}
