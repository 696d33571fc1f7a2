//! Saying again what another node said, for nodes that have missed it: that one may not be able to any more.

use std::{
    collections::{BTreeMap, HashMap, VecDeque, btree_map::Entry},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::message::NodeId;

/// Bytes of messages of all other nodes that are kept.
const KEPT: usize = 8 * 1024 * 1024;
/// Who said it has so long to say it again itself.
const FIRST: Duration = Duration::from_millis(200);
/// And then so long until all others have tried, one after the other as chance has it.
const TURNS: Duration = Duration::from_millis(200);
/// Nodes that are spoken for at a time.
const MOST: usize = 64;

/// What was heard of the other nodes.
#[derive(Default)]
pub(super) struct Retelling {
    kept: HashMap<NodeId, BTreeMap<u64, Bytes>>,
    /// In the order in which it was heard.
    order: VecDeque<(NodeId, u64)>,
    bytes: usize,
    due: Vec<Due>,
}

struct Due {
    of: NodeId,
    from: u64,
    at: Instant,
}

impl Retelling {
    /// A message of another node is there: its number, and how it stands in the stream. Once more says nothing.
    pub(super) fn keep(&mut self, node: NodeId, seq: u64, bytes: Bytes) {
        let Entry::Vacant(place) = self.kept.entry(node).or_default().entry(seq) else { return };
        self.bytes += bytes.len();
        place.insert(bytes);
        self.order.push_back((node, seq));
        while self.bytes > KEPT {
            let Some((node, seq)) = self.order.pop_front() else { break };
            self.drop(node, seq);
        }
    }

    fn drop(&mut self, node: NodeId, seq: u64) {
        let Some(kept) = self.kept.get_mut(&node) else { return };
        self.bytes -= kept.remove(&seq).map_or(0, |bytes| bytes.len());
        if kept.is_empty() {
            self.kept.remove(&node);
        }
    }

    /// Somebody has missed what a node said from this number on; `lives` as far as is known. `chance` is from 0 to 1.
    pub(super) fn asked(&mut self, of: NodeId, from: u64, lives: bool, chance: f64, now: Instant) {
        let at = now + if lives { FIRST } else { Duration::ZERO } + TURNS.mul_f64(chance.clamp(0.0, 1.0));
        if let Some(due) = self.due.iter_mut().find(|due| due.of == of) {
            due.from = due.from.min(from);
        } else if self.due.len() < MOST {
            self.due.push(Due { of, from, at });
        }
    }

    /// A message of a node was heard, perhaps once more: somebody says it again, and what follows. One before it says nothing: who says
    /// that may miss this one, too.
    pub(super) fn heard(&mut self, node: NodeId, seq: u64) {
        self.due.retain(|due| due.of != node || due.from != seq);
    }

    /// When something is to be said next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.iter().map(|due| due.at).min()
    }

    /// What is to be said now: everything that a node said from the number on that is missing, up to what is missing here.
    pub(super) fn tell(&mut self, now: Instant) -> Vec<Bytes> {
        let due = self.due.extract_if(.., |due| due.at <= now);
        let mut all = Vec::new();
        for Due { of, from, .. } in due {
            let kept = self.kept.get(&of).map(|kept| kept.range(from..)).into_iter().flatten();
            all.extend(
                kept.zip(from..).take_while(|((seq, _), next)| *seq == next).map(|((_, bytes), _)| bytes.clone()),
            );
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YOU: NodeId = NodeId(2);

    fn told(retelling: &mut Retelling, now: Instant) -> Vec<String> {
        retelling.tell(now).into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    fn knowing(seqs: impl IntoIterator<Item = u64>) -> Retelling {
        let mut retelling = Retelling::default();
        for seq in seqs {
            retelling.keep(YOU, seq, seq.to_string().into());
            retelling.keep(NodeId(3), seq, "another".into());
        }
        retelling
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_else_says_again_is_said_again_once() {
        let now = Instant::now();
        let mut retelling = knowing(1..5);
        retelling.asked(YOU, 4, true, 0.0, now);
        retelling.asked(YOU, 3, true, 0.0, now);
        assert_eq!(retelling.due(), Some(now + FIRST));
        assert!(told(&mut retelling, now).is_empty());
        assert_eq!(told(&mut retelling, now + FIRST), ["3", "4"]);
        assert!(told(&mut retelling, now + FIRST).is_empty() && retelling.due().is_none());
        retelling.asked(YOU, 1, false, 0.5, now);
        assert_eq!(retelling.due(), Some(now + TURNS / 2), "a dead node is not waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_says_again_is_not_said_once_more() {
        let now = Instant::now();
        let mut retelling = knowing(1..5);
        retelling.asked(YOU, 3, true, 0.0, now);
        for seq in [2, 4] {
            retelling.heard(YOU, seq);
            assert_eq!(retelling.due(), Some(now + FIRST), "that says nothing of the third");
        }
        retelling.heard(YOU, 3);
        assert_eq!(retelling.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_here_is_not_passed_over() {
        let now = Instant::now();
        let mut retelling = knowing([1, 2, 2, 1, 4]);
        retelling.asked(YOU, 2, false, 0.0, now);
        assert_eq!(told(&mut retelling, now), ["2"]);
        retelling.asked(YOU, 3, false, 0.0, now);
        assert!(told(&mut retelling, now).is_empty());
        retelling.asked(YOU, 4, false, 0.0, now);
        assert_eq!(told(&mut retelling, now), ["4"], "who misses the third here may be told the fourth");
        retelling.keep(YOU, 3, "3".into());
        retelling.asked(YOU, 1, false, 0.0, now);
        assert_eq!(told(&mut retelling, now), ["1", "2", "3", "4"]);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut retelling = Retelling::default();
        for seq in 0..10 {
            retelling.keep(YOU, seq, vec![0; KEPT / 4].into());
        }
        assert_eq!((retelling.kept[&YOU].len(), retelling.order.len(), retelling.bytes), (4, 4, KEPT));
        retelling.keep(NodeId(3), 1, vec![0; KEPT].into());
        assert_eq!((retelling.kept.len(), retelling.bytes), (1, KEPT));
    }
}
