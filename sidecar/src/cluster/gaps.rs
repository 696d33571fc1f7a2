//! What is missing of other nodes: until it has been said again, what follows in the stream is held, so that nothing is overtaken,
//! and nothing that stands in the stream is lost with a node that can say nothing again. A pure state machine.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque, hash_map::Entry},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Place, message::NodeId};

/// What is missing is asked for again after so long.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// And answered in this time by who still can: another node takes its time before it speaks for the dead.
const ANSWER: Duration = Duration::from_secs(1);
/// Bytes and messages that are held at most.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST: usize = 50_000;

/// What is missing, and what is held for it.
pub(super) struct Gaps {
    /// How long no answer and no sign of life may come from a node that was asked: it has said `Beat` meanwhile, if it lives.
    patience: Duration,
    /// And how long Redis may take to bring the question.
    longest: Duration,
    open: HashMap<NodeId, Gap>,
    /// The connection was lost, and these have not said since how much there was.
    unheard: HashSet<NodeId>,
    lost_at: Option<Instant>,
    asked_all: Option<Instant>,
    held: VecDeque<Held>,
    bytes: usize,
    /// Which messages are among it, and how many times.
    seqs: HashMap<(NodeId, u64), u32>,
    /// Something was taken before its turn, of which what is held comes first.
    is_ahead: bool,
    /// How far the messages of each node go on from the last one that was taken, in what is held.
    reach: HashMap<NodeId, u64>,
    /// What is held was said before something may have been missed.
    is_doubtful: bool,
    /// The connection was lost, and the others do not know yet what was taken since.
    owes_account: bool,
    /// Since when others want to know what was taken.
    owes_answer: Option<Instant>,
}

struct Held {
    place: Place,
    bytes: Bytes,
    /// Whose message of which number it is, if that counts.
    of: Option<(NodeId, u64)>,
}

struct Gap {
    /// The number of the last message that is missing.
    upto: u64,
    begun: Instant,
    /// When it was said last that this is missing, or something of it came.
    said: Instant,
    /// When that came back from the stream first, or an answer after it.
    moved: Option<Instant>,
    /// Its node has said since that it lives.
    lives: bool,
}

/// A gap that nobody has closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) node: NodeId,
    /// The number of the last message that is missing.
    pub(super) upto: u64,
    /// Its node can still say it again.
    pub(super) lives: bool,
}

impl Gaps {
    /// Nothing is missing. `lease` is that of the nodes, who beat five times in it.
    pub(super) fn new(lease: Duration) -> Self {
        let patience = (lease * 3 / 10).max(ANSWER);
        Self {
            patience,
            longest: lease.max(patience),
            open: HashMap::new(),
            unheard: HashSet::new(),
            lost_at: None,
            asked_all: None,
            held: VecDeque::new(),
            bytes: 0,
            seqs: HashMap::new(),
            is_ahead: false,
            reach: HashMap::new(),
            is_doubtful: false,
            owes_account: false,
            owes_answer: None,
        }
    }

    /// Everything between these numbers is missing of a node, and has been asked for; but what is held is not. What is missing behind
    /// that is a gap of its own, once it has been taken.
    pub(super) fn open(&mut self, node: NodeId, from: u64, upto: u64, now: Instant) {
        let seqs = self.held.iter().filter_map(|held| held.of.filter(|(of, _)| *of == node)).map(|(_, seq)| seq);
        let upto = seqs.filter(|seq| (from + 1..=upto).contains(seq)).min().map_or(upto, |held| held - 1);
        let gap = Gap { upto, begun: now, said: now, moved: None, lives: false };
        let open = self.open.entry(node).or_insert(gap);
        open.upto = open.upto.max(upto);
    }

    /// The connection was lost: what comes waits until each of these has said how much there was, which they have been asked.
    pub(super) fn lost(&mut self, nodes: Vec<NodeId>, now: Instant) {
        self.unheard = nodes.into_iter().collect();
        self.lost_at = (!self.unheard.is_empty()).then_some(now);
        self.asked_all = self.lost_at;
        self.is_doubtful |= !self.held.is_empty();
        self.owes_account = true;
    }

    /// Another node wants to know what was taken. All who ask at a time are answered at once: everybody hears it.
    pub(super) fn wants_answer(&mut self, now: Instant) {
        self.owes_answer.get_or_insert(now);
    }

    /// Whether others want to know, once.
    pub(super) fn is_to_answer(&mut self) -> bool {
        self.owes_answer.take().is_some()
    }

    /// A node has said how much there was.
    pub(super) fn told(&mut self, node: NodeId) {
        self.unheard.remove(&node);
        if self.unheard.is_empty() {
            self.lost_at = None;
        }
    }

    /// Something may have been missed after what is held.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful |= !self.held.is_empty();
    }

    /// Whether nothing is held any more of which that was said, once.
    pub(super) fn is_to_doubt(&mut self) -> bool {
        self.held.is_empty() && std::mem::take(&mut self.is_doubtful)
    }

    /// Whether everything has been done that came after a lost connection, and the others are to know, once.
    pub(super) fn is_to_tell(&mut self) -> bool {
        !self.is_holding() && std::mem::take(&mut self.owes_account)
    }

    /// Whether something is missing, or may be, and what comes is to be held.
    pub(super) fn are_open(&self) -> bool {
        !self.open.is_empty() || self.lost_at.is_some()
    }

    /// Whether what comes has to wait, if only behind what is held.
    pub(super) fn is_holding(&self) -> bool {
        self.are_open() || !self.held.is_empty()
    }

    /// How far a node's messages go on in what is held, from the last one that was taken.
    pub(super) fn reach(&self, node: NodeId, last: u64) -> u64 {
        self.reach.get(&node).map_or(last, |reach| *reach.max(&last))
    }

    /// Up to where something of this node is missing.
    pub(super) fn upto(&self, node: NodeId) -> Option<u64> {
        self.open.get(&node).map(|gap| gap.upto)
    }

    /// This node has heard itself ask.
    pub(super) fn asked(&mut self, node: NodeId, now: Instant) {
        if let Some(gap) = self.open.get_mut(&node) {
            gap.moved.get_or_insert(now);
        }
    }

    /// A node has said that it lives.
    pub(super) fn lives(&mut self, node: NodeId) {
        if let Some(gap) = self.open.get_mut(&node) {
            gap.lives |= gap.moved.is_some();
        }
    }

    /// Everything up to this number has been taken of a node; whether nothing of its gap is missing any more.
    pub(super) fn taken(&mut self, node: NodeId, seq: u64, now: Instant) -> bool {
        let Some(gap) = self.open.get_mut(&node) else { return false };
        (gap.moved, gap.said) = (Some(now), now);
        let is_closed = seq >= gap.upto;
        if is_closed {
            self.open.remove(&node);
        }
        is_closed
    }

    /// Holds what comes next in the stream; false when it was one too many, and nothing is to be waited for any longer. `of`: whose
    /// message of which number it is, and the last one that was taken of that node.
    pub(super) fn hold(&mut self, place: Place, bytes: Bytes, of: Option<(NodeId, u64, u64)>) -> bool {
        if let Some((node, seq, last)) = of {
            let reach = self.reach.entry(node).or_insert(last);
            *reach = (*reach).max(last);
            *reach += u64::from(seq == reach.saturating_add(1));
            // It stands in the stream, and need not be said again.
            if seq > last + 1
                && let Some(gap) = self.open.get_mut(&node)
            {
                gap.upto = gap.upto.min(seq - 1);
            }
        }
        let held = Held { place, bytes, of: of.map(|(node, seq, _)| (node, seq)) };
        self.count(&held);
        self.held.push_back(held);
        self.bytes <= MOST_BYTES && self.held.len() <= MOST
    }

    /// Puts back what is the first that has to wait.
    pub(super) fn hold_first(&mut self, place: Place, bytes: Bytes, of: (NodeId, u64)) {
        let held = Held { place, bytes, of: Some(of) };
        self.count(&held);
        self.held.push_front(held);
    }

    fn count(&mut self, held: &Held) {
        self.bytes += held.bytes.len();
        if let Some(of) = held.of {
            *self.seqs.entry(of).or_default() += 1;
        }
    }

    fn uncount(&mut self, held: &Held) {
        self.bytes -= held.bytes.len();
        if let Some(of) = held.of
            && let Entry::Occupied(mut count) = self.seqs.entry(of)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// What was held longest, once nothing is missing.
    pub(super) fn next(&mut self) -> Option<(Place, Bytes)> {
        if self.are_open() {
            return None;
        }
        let next = self.held.pop_front();
        if self.held.is_empty() {
            self.reach.clear();
        }
        next.map(|held| {
            self.uncount(&held);
            (held.place, held.bytes)
        })
    }

    /// Takes out of what is held what a node said from one number to another, in order, up to the first that is not held.
    pub(super) fn pull(&mut self, node: NodeId, from: u64, upto: u64) -> Vec<(Place, Bytes)> {
        let end = (from..=upto).find(|seq| !self.seqs.contains_key(&(node, *seq))).unwrap_or(upto.saturating_add(1));
        let run = from..end;
        if run.is_empty() {
            return Vec::new();
        }
        self.is_ahead = true;
        let mut pulled = BTreeMap::new();
        let is_of = |held: &Held| held.of.is_some_and(|(of, seq)| of == node && run.contains(&seq));
        let (all, rest) = std::mem::take(&mut self.held).into_iter().partition(|held| is_of(held));
        self.held = rest;
        for held in all {
            self.uncount(&held);
            if let Some((_, seq)) = held.of {
                pulled.entry(seq).or_insert((held.place, held.bytes)); // once more says nothing
            }
        }
        pulled.into_values().collect()
    }

    /// Whether something was done that stands behind what was taken last; no longer once nothing is held any more.
    pub(super) fn is_ahead(&mut self) -> bool {
        let is_ahead = self.is_ahead;
        self.is_ahead &= !self.held.is_empty();
        is_ahead
    }

    /// Whether something waits that need not.
    pub(super) fn has_next(&self) -> bool {
        !self.are_open() && !self.held.is_empty()
    }

    /// When something is to be done next.
    pub(super) fn due(&self) -> Option<Instant> {
        let gaps = self.open.values().map(|gap| self.end(gap).min(gap.said + ASK_AGAIN));
        let lost = self.lost_at.map(|at| (at + self.patience).min(self.asked_all.unwrap_or(at) + ASK_AGAIN));
        gaps.chain(lost).chain(self.owes_answer).min()
    }

    /// Whether all are to be asked again how much there was; if so, that is done.
    pub(super) fn asks_all_again(&mut self, now: Instant) -> bool {
        let is_due = self.lost_at.is_some() && self.asked_all.is_none_or(|at| now >= at + ASK_AGAIN);
        if is_due {
            self.asked_all = Some(now);
        }
        is_due
    }

    /// Until when a gap is waited for.
    fn end(&self, gap: &Gap) -> Instant {
        let end = gap.begun + self.longest;
        gap.moved.map_or(end, |moved| (moved + self.patience).min(end))
    }

    /// The nodes that are to be asked again.
    pub(super) fn asks_again(&mut self, now: Instant) -> Vec<NodeId> {
        let due = self.open.iter_mut().filter(|(_, gap)| now >= gap.said + ASK_AGAIN);
        due.map(|(node, gap)| {
            gap.said = now;
            *node
        })
        .collect()
    }

    /// Since when these have not said how much there was, if they were waited for long enough: they are dead, or will say a number that
    /// shows what is missing.
    pub(super) fn silent(&mut self, now: Instant) -> Option<(Instant, HashSet<NodeId>)> {
        let since = self.lost_at.take_if(|at| now >= *at + self.patience)?;
        Some((since, std::mem::take(&mut self.unheard)))
    }

    /// The gaps that were waited for long enough.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Open> {
        let due: Vec<_> = self.open.iter().filter(|(_, gap)| now >= self.end(gap)).map(|(node, _)| *node).collect();
        due.into_iter().filter_map(|node| self.close(node)).collect()
    }

    /// All gaps: too much is held. Nobody had the time to answer, so whoever was asked may live.
    pub(super) fn give_up(&mut self) -> Vec<Open> {
        self.lost_at = None;
        self.open.drain().map(|(node, gap)| Open { node, upto: gap.upto, lives: true }).collect()
    }

    /// Nothing of this node is waited for any longer.
    pub(super) fn close(&mut self, node: NodeId) -> Option<Open> {
        // Of a node that could not even be asked nothing is known.
        self.open.remove(&node).map(|gap| Open { node, upto: gap.upto, lives: gap.lives || gap.moved.is_none() })
    }
}

#[cfg(test)]
#[path = "gaps_tests.rs"]
mod tests;
