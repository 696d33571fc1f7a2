//! What is done while something is missing that others wait for: see [`super::gaps`].

use std::collections::HashMap;

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    Cluster, Here, Place,
    gaps::Open,
    message::{Body, Message, NodeId},
};

impl Cluster {
    /// The stream is read from here on, and all notes of legacy publishers are known from that time of its clock on. Those on the
    /// `roll` spoke before, at that time of its clock.
    pub(super) fn begins(&self, place: Place, notes: u64, roll: HashMap<NodeId, u64>) {
        self.overheard.lock().begin(notes);
        {
            let mut state = self.state.lock();
            if place != Place::START {
                state.peers.begins(Some(place.entry().0));
            }
            state.expected = roll;
            state.expected.remove(&self.outbox.node()); // its first word may be there before it reads
        }
        self.taken.lock().get_or_insert(place);
    }

    /// Redis may have lost what nobody here has read: nothing goes on before the others have said how much there was.
    pub(super) fn lost_redis(&self, here: &dyn Here, is_anew: bool, now: Instant) {
        let others = {
            let mut state = self.state.lock();
            if is_anew {
                state.peers.begins(None);
            }
            state.peers.others()
        };
        self.gaps.lock().lost(others, now);
        self.doubt(here);
        self.say_known(true);
    }

    /// Says how much this node has of the others, what it holds included.
    pub(super) fn say_known(&self, asks: bool) {
        let (mut taken, buried) = {
            let state = self.state.lock();
            (state.peers.taken(), state.peers.buried())
        };
        {
            let gaps = self.gaps.lock();
            taken.iter_mut().for_each(|(node, last)| *last = gaps.reach(*node, *last));
        }
        taken.extend(buried);
        self.outbox.say(Body::Known { taken, asks });
    }

    /// Another node says how much it knows: what is more than is known here has been lost on the way.
    pub(super) fn hear_known(&self, here: &dyn Here, node: NodeId, taken: &[(NodeId, u64)], asks: bool, now: Instant) {
        for &(of, told) in taken {
            let Some(last) = self.state.lock().peers.last(of) else { continue };
            if self.gaps.lock().reach(of, last) >= told {
                continue;
            }
            let last = self.fill(here, of, last, told, now);
            if self.state.lock().peers.is_behind(of, told) {
                tracing::info!(node = %of, from = last + 1, upto = told, "another node knows more: what follows waits for that");
                self.gaps.lock().open(of, last + 1, told, now);
                self.outbox.say(Body::Again { of, from: last + 1 });
            }
        }
        let mut gaps = self.gaps.lock();
        gaps.told(node);
        if asks {
            gaps.wants_answer(now);
        }
    }

    /// Takes what is missing, and what needs no order; the rest waits.
    pub(super) fn hear_beside(&self, here: &dyn Here, place: Place, bytes: &Bytes, now: Instant) {
        let Some(message) = self.open(bytes) else { return };
        let (node, seq, me) = (message.node, message.seq, self.outbox.node());
        let last = self.state.lock().peers.last(node);
        let upto = self.gaps.lock().upto(node).filter(|_| node != me);
        match message.body {
            Body::Forgotten { next } => {
                // What is held was said before, and is not forgotten.
                if let Some(upto) = upto {
                    self.lost(node, next.min(upto + 1), "it kept them no longer");
                    self.note_taken(node, now);
                }
                self.wait(place, bytes, None);
            }
            // It says in its turn whether something is missing.
            Body::Beat if node != me => {
                self.state.lock().peers.lives(node, now, place.0);
                self.gaps.lock().lives(node);
                self.wait(place, bytes, None);
            }
            _ if !message.body.is_counted() => _ = self.whole(|| self.hear_uncounted(here, place, message, now)),
            _ if upto.is_some() && last.is_some_and(|last| seq == last + 1) => {
                self.whole(|| _ = self.hear_message(here, place, message, bytes, now));
                self.note_taken(node, now);
            }
            _ => {
                if node != me {
                    self.retelling.lock().heard(node, seq);
                }
                if !message.is_retold {
                    if node != me {
                        self.retelling.lock().keep(node, seq, bytes.clone()); // others may miss it while it waits here
                    }
                    self.wait(place, bytes, last.map(|last| (node, seq, last)));
                }
            }
        }
        // What is held comes before this place.
        self.settle(here, None);
        self.is_all_done(here, now);
    }

    /// What is to be done once nothing is held any more.
    pub(super) fn is_all_done(&self, here: &dyn Here, now: Instant) {
        let is_to_doubt = self.gaps.lock().is_to_doubt();
        if is_to_doubt {
            self.doubt(here);
        }
        let is_holding = self.gaps.lock().is_holding();
        if !is_holding {
            self.ask_for_the_rest(now);
        }
    }

    fn wait(&self, place: Place, bytes: &Bytes, of: Option<(NodeId, u64, u64)>) {
        let has_room = self.gaps.lock().hold(place, bytes.clone(), of);
        if !has_room {
            let all = self.gaps.lock().give_up();
            self.end(all);
        }
    }

    fn hear_uncounted(&self, here: &dyn Here, place: Place, message: Message<'_>, now: Instant) {
        let node = message.node;
        if node == self.outbox.node() {
            self.outbox.is_born(place.0);
            self.hear_own(here, place, &message, now);
            self.state.lock().peers.hear(&message.word(place.0), now);
            if let Body::Again { of, .. } = message.body {
                self.gaps.lock().asked(of, now);
            }
            return;
        }
        self.state.lock().peers.lives(node, now, place.0);
        self.gaps.lock().lives(node);
        self.take(here, place, message, now);
    }

    /// Notes how far a node of which something is missing has been taken.
    fn note_taken(&self, node: NodeId, now: Instant) {
        let last = self.state.lock().peers.last(node);
        if let Some(last) = last
            && self.gaps.lock().taken(node, last, now)
        {
            self.state.lock().peers.waits_no_longer(node);
        }
    }

    /// Takes what is held of a node and follows its message `last`, the last that was taken, up to another: that is not missing. The
    /// number of the last one now.
    pub(super) fn fill(&self, here: &dyn Here, node: NodeId, last: u64, upto: u64, now: Instant) -> u64 {
        let held = self.gaps.lock().pull(node, last + 1, upto);
        if !held.is_empty() {
            self.settle(here, None); // it stands behind what is held
        }
        for (place, bytes) in &held {
            if let Some(message) = self.open(bytes) {
                self.whole(|| _ = self.hear_message(here, *place, message, bytes, now));
            }
        }
        if !held.is_empty() {
            self.note_taken(node, now);
        }
        last + held.len() as u64
    }

    /// Everything that was held is done: what is known to be missing behind it is asked for, and waited for in its turn.
    fn ask_for_the_rest(&self, now: Instant) {
        let missing = self.state.lock().peers.wait_for_all();
        for (of, from, upto) in missing {
            tracing::info!(node = %of, from, upto, "more messages of another node are missing: what follows waits for them");
            self.gaps.lock().open(of, from, upto, now);
            self.outbox.say(Body::Again { of, from });
        }
    }

    /// Asks again, gives up what nobody can say any more, and says what others have missed of those who cannot.
    pub(super) fn mind_gaps(&self, now: Instant) {
        let again = self.gaps.lock().asks_again(now);
        for of in again {
            let last = self.state.lock().peers.last(of);
            if let Some(last) = last {
                self.outbox.say(Body::Again { of, from: last + 1 });
            }
        }
        let asks_all = self.gaps.lock().asks_all_again(now);
        if asks_all {
            self.say_known(true);
        }
        let silent = self.gaps.lock().silent(now);
        if let Some((since, silent)) = silent {
            // Who lives has said how much the dead said.
            self.state.lock().peers.said_nothing(&silent, since);
        }
        let overdue = self.gaps.lock().overdue(now);
        self.end(overdue);
        let is_to_answer = self.gaps.lock().is_to_answer();
        let is_to_tell = self.gaps.lock().is_to_tell();
        if is_to_answer || is_to_tell {
            self.say_known(false);
        }
        if is_to_answer {
            self.outbox.say(Body::Beat); // whose number says that nothing is missing
        }
        let told = self.retelling.lock().tell(now);
        self.outbox.retell(&told);
    }

    /// These are waited for no longer. A node that lives says it some time, and everything after it once more.
    fn end(&self, gaps: Vec<Open>) {
        for Open { node, upto, lives } in gaps {
            if lives {
                tracing::warn!(%node, "messages of another node are missing still; going on without them until it says them again");
            } else {
                self.lost(node, upto + 1, "it does not answer, and no other node knows them");
                self.state.lock().peers.waits_no_longer(node);
            }
        }
    }

    /// Waits until something of that is due.
    pub(super) async fn gaps_due(&self) {
        let due = [self.gaps.lock().due(), self.retelling.lock().due()].into_iter().flatten().min();
        match due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}
