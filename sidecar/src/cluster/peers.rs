//! Who else lives, and what was heard of whom: a pure state machine.
//!
//! Each node numbers what must not be missed. Who hears number 7 after number 5 does not take it, but asks for 6 and what
//! followed (go-back-n): so nothing is missed, repeated or reordered, whatever Redis forgets.
//!
//! A node that is not heard of for its lease is taken for dead. The lease runs only while this node hears itself: when Redis is
//! away, nobody is heard, and nobody is buried.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::message::NodeId;

/// After this long without the missing message it is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Names of this node that are remembered: what it said under one of them is read by the next one, or the one after it.
const FORMER: usize = 8;
/// Dead nodes that are remembered.
const BURIED: usize = 1024;

/// The other nodes, as this one knows them.
pub(super) struct Peers {
    me: NodeId,
    /// What this node was called before it was stopped and started, each time: it has done what it said then.
    former: Vec<NodeId>,
    lease: Duration,
    known: HashMap<NodeId, Peer>,
    /// The number of the last message that was taken of nodes that were taken for dead: they may only have been cut off.
    buried: HashMap<NodeId, u64>,
    /// How far the stream has been read by its own clock.
    clock: u64,
    /// When this node last heard itself.
    echoed: Option<Instant>,
    /// Since when it hears itself without a longer break.
    hearing_since: Instant,
    /// Where this node began to hear, by the stream's clock.
    begun: Option<u64>,
    /// Whoever lived when this node started is known: a stranger that does not say when it started has started since.
    knows_all: bool,
}

struct Peer {
    /// The number of the last message that was taken.
    seq: u64,
    heard: Instant,
    /// And when that was by the stream's own clock, in milliseconds.
    said: u64,
    /// The highest number that it is known to have said.
    told: u64,
    /// When a message that was missed was asked for.
    asked: Option<Instant>,
    /// Others have been held up once for what is missing.
    is_waited_for: bool,
    /// Its members have been asked for.
    met: bool,
    /// Nothing of it is missing, as far as its last message tells, and it has said one since that was in doubt.
    is_sure: bool,
}

impl Peer {
    fn new(seq: u64, heard: Instant, said: u64) -> Self {
        Self { seq, heard, said, told: seq, asked: None, is_waited_for: false, met: false, is_sure: false }
    }
}

/// What is to be known of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// The speaker.
    pub(super) node: NodeId,
    /// See [`super::message::Message::seq`].
    pub(super) seq: u64,
    /// As in [`super::message::Body::is_counted`].
    pub(super) is_counted: bool,
    /// When, by the stream's clock in milliseconds.
    pub(super) said: u64,
    /// See [`super::message::Message::born`].
    pub(super) born: Option<u64>,
    /// Another node says it once more.
    pub(super) is_retold: bool,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Take it.
    Take,
    /// Take it, and ask its node for all its members: it was not known.
    Meet,
    /// Leave it: it was taken before, is one's own, or follows something that is missing and has been asked for.
    Leave,
    /// Leave it, and ask its node for everything from this number on. With the number of the last one that is missing, when it is
    /// the first time that these are: what follows is to wait for them.
    Ask(u64, Option<u64>),
}

impl Peers {
    /// Nobody is known yet.
    pub(super) fn new(me: NodeId, lease: Duration, now: Instant) -> Self {
        Self {
            me,
            former: Vec::new(),
            lease,
            known: HashMap::new(),
            buried: HashMap::new(),
            clock: 0,
            echoed: None,
            hearing_since: now,
            begun: None,
            knows_all: false,
        }
    }

    /// This node hears everything from this time of the stream's clock on, in milliseconds; none: from when it hears itself next.
    pub(super) fn begins(&mut self, clock: Option<u64>) {
        self.begun = clock;
    }

    /// How far the stream has been read by its own clock, in milliseconds.
    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// A message was heard.
    pub(super) fn hear(&mut self, word: &Word, now: Instant) -> Heard {
        let Word { node, seq, is_counted, said, born, is_retold } = *word;
        self.clock = said;
        if node == self.me {
            self.begun.get_or_insert(said);
            if self.echoed.is_none_or(|last| now - last > self.lease / 2) {
                self.hearing_since = now;
            }
            self.echoed = Some(now);
            self.knows_all |= now - self.hearing_since > self.lease;
            return Heard::Leave;
        }
        if self.former.contains(&node) {
            return Heard::Leave;
        }
        if is_retold {
            return self.hear_retold(node, seq);
        }
        let is_new = born.zip(self.begun).map_or(self.knows_all, |(born, begun)| born >= begun);
        let peer = self.known.entry(node).or_insert_with(|| {
            // Of a stranger that was there before, nothing is missing before its first message; of one that has started since,
            // everything: Redis may have lost how it began.
            let first = if is_new { 0 } else { if is_counted { seq.saturating_sub(1) } else { seq } };
            let known = self.buried.remove(&node);
            Peer { is_sure: known.is_none(), ..Peer::new(known.unwrap_or(first), now, said) }
        });
        (peer.heard, peer.said) = (now, said);
        let next = peer.seq + 1;
        let missing = if is_counted { seq > next } else { seq >= next };
        peer.told = peer.told.max(seq);
        let is_last = seq == peer.told && seq == if is_counted { next } else { peer.seq };
        peer.is_sure = !missing && (peer.is_sure || is_last);
        peer.is_waited_for &= !peer.is_sure;
        if missing {
            if peer.asked.is_some_and(|asked| now - asked < ASK_AGAIN) {
                // What is not counted needs no order.
                return if is_counted { Heard::Leave } else { Heard::Take };
            }
            peer.asked = Some(now);
            let is_first = !std::mem::replace(&mut peer.is_waited_for, true);
            return Heard::Ask(next, is_first.then_some(if is_counted { seq - 1 } else { seq }));
        }
        if is_counted && seq < next {
            return Heard::Leave;
        }
        if is_counted {
            peer.seq = seq;
            peer.asked = None;
        }
        if std::mem::replace(&mut peer.met, true) { Heard::Take } else { Heard::Meet }
    }

    /// Somebody says again what a node said, which may be dead: that is no sign of its life. Who does not know it, or has buried it, has
    /// nothing to do with it.
    fn hear_retold(&mut self, node: NodeId, seq: u64) -> Heard {
        let Some(peer) = self.known.get_mut(&node).filter(|peer| seq == peer.seq + 1) else { return Heard::Leave };
        (peer.seq, peer.told, peer.asked) = (seq, peer.told.max(seq), None);
        peer.is_sure |= seq == peer.told;
        peer.is_waited_for &= !peer.is_sure;
        Heard::Take
    }

    /// A known node lives, whatever it says.
    pub(super) fn lives(&mut self, node: NodeId, now: Instant, said: u64) {
        if let Some(peer) = self.known.get_mut(&node) {
            (peer.heard, peer.said) = (now, said);
        }
    }

    /// The number of the last message that was taken of a node that is taken for alive.
    pub(super) fn last(&self, node: NodeId) -> Option<u64> {
        self.known.get(&node).map(|peer| peer.seq)
    }

    /// Others know so much of a node that is taken for alive; whether that is more than was taken here.
    pub(super) fn is_behind(&mut self, node: NodeId, told: u64) -> bool {
        let Some(peer) = self.known.get_mut(&node).filter(|peer| peer.seq < told) else { return false };
        peer.told = peer.told.max(told);
        (peer.is_sure, peer.is_waited_for) = (false, true);
        true
    }

    /// What was missing of a node and waited for is there: what is missing next is waited for as well.
    pub(super) fn waits_no_longer(&mut self, node: NodeId) {
        if let Some(peer) = self.known.get_mut(&node) {
            peer.is_waited_for = false;
        }
    }

    /// What is missing of whom and is not waited for: the numbers of the first and the last. It is from now on.
    pub(super) fn wait_for_all(&mut self) -> Vec<(NodeId, u64, u64)> {
        let behind = self.known.iter_mut().filter(|(_, peer)| peer.seq < peer.told && !peer.is_waited_for);
        behind
            .map(|(node, peer)| {
                peer.is_waited_for = true;
                (*node, peer.seq + 1, peer.told)
            })
            .collect()
    }

    /// Whether a node is taken for alive.
    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.known.contains_key(&node)
    }

    /// A node cannot say again what came before `next`; how many messages are lost by that.
    pub(super) fn forgotten(&mut self, node: NodeId, next: u64) -> u64 {
        let Some(peer) = self.known.get_mut(&node) else { return 0 };
        let lost = next.saturating_sub(peer.seq + 1);
        peer.seq = peer.seq.max(next.saturating_sub(1));
        peer.asked = None;
        lost
    }

    /// The nodes whose lease has run out.
    pub(super) fn silent(&self, now: Instant) -> Vec<NodeId> {
        self.silent_for(self.lease, now)
    }

    /// Whether the lease of some node may soon run out.
    pub(super) fn some_may_die(&self, now: Instant) -> bool {
        !self.silent_for(self.lease * 3 / 5, now).is_empty()
    }

    fn silent_for(&self, time: Duration, now: Instant) -> Vec<NodeId> {
        if !self.is_hearing(now) {
            return Vec::new();
        }
        // By both clocks: a node that reads late takes nobody for dead, nor does one whose Redis has its clock set forward.
        let silent = |peer: &Peer| {
            now - peer.heard.max(self.hearing_since) > time
                && u128::from(self.clock.saturating_sub(peer.said)) > time.as_millis()
        };
        self.known.iter().filter(|(_, peer)| silent(peer)).map(|(node, _)| *node).collect()
    }

    /// These have said nothing since then, when everybody was asked: what the others know of them is all there is.
    pub(super) fn said_nothing<'a>(&mut self, silent: impl IntoIterator<Item = &'a NodeId>, since: Instant) {
        for node in silent {
            if let Some(peer) = self.known.get_mut(node).filter(|peer| peer.heard <= since && peer.seq >= peer.told) {
                peer.is_sure = true;
            }
        }
    }

    /// A node is not known any more; how many of its messages are missing, as far as is known.
    pub(super) fn bury(&mut self, node: NodeId) -> u64 {
        let Some(peer) = self.known.remove(&node) else { return 0 };
        if self.buried.len() >= BURIED {
            self.buried.clear(); // whoever is still cut off after so many deaths counts as a stranger
        }
        self.buried.insert(node, peer.seq);
        peer.told.saturating_sub(peer.seq)
    }

    /// What was taken last of every node, for the sidecar that comes next.
    pub(super) fn taken(&self) -> Vec<(NodeId, u64)> {
        self.known.iter().map(|(node, peer)| (*node, peer.seq)).collect()
    }

    /// What was taken last of nodes that were taken for dead, for the sidecar that comes next: should they come back, it must not
    /// take everything that they still know.
    pub(super) fn buried(&self) -> Vec<(NodeId, u64)> {
        self.buried.iter().map(|(node, seq)| (*node, *seq)).collect()
    }

    /// What the sidecar before this one knew of them.
    pub(super) fn remember_buried(&mut self, buried: &[(NodeId, u64)]) {
        self.buried.extend(buried.iter().take(BURIED).copied());
    }

    /// Goes on where the sidecar before this one stopped,
    /// in the stream's time at `said`. Nobody is dead for that; whoever is silent now as well is found out in its lease.
    pub(super) fn resume(&mut self, former: &[NodeId], taken: Vec<(NodeId, u64)>, now: Instant, said: u64) {
        self.former = former.to_vec();
        self.knows_all = true;
        self.begun = Some(said);
        for (node, seq) in taken {
            self.known.insert(node, Peer::new(seq, now, said));
        }
    }

    /// What this node is called and was called, for the sidecar that comes next: the last few.
    pub(super) fn names(&self) -> Vec<NodeId> {
        self.former.iter().rev().take(FORMER - 1).rev().copied().chain([self.me]).collect()
    }

    /// Whether that is what this node was called before it was stopped and started.
    pub(super) fn is_former(&self, node: NodeId) -> bool {
        self.former.contains(&node)
    }

    /// Messages may have been missed: nothing is sure before every node has said how many there were.
    pub(super) fn doubt(&mut self) {
        self.known.values_mut().for_each(|peer| peer.is_sure = false);
    }

    /// Whether nothing is missing, as far as can be known.
    pub(super) fn are_sure(&self) -> bool {
        self.known.values().all(|peer| peer.is_sure)
    }

    /// Whether this node has heard itself lately: what it says arrives, and it hears what others say.
    pub(super) fn is_hearing(&self, now: Instant) -> bool {
        self.echoed.is_some_and(|last| now - last <= self.lease / 2)
    }

    /// The other nodes that are known.
    pub(super) fn others(&self) -> Vec<NodeId> {
        self.known.keys().copied().collect()
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
