//! What this node has said and has still to say, in order and bounded.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::message::{Body, Message, NodeId, Seal};

/// Bytes of messages that are kept after they were said, for nodes that have missed them.
const KEPT: usize = 8 * 1024 * 1024;

/// Messages on their way to the other nodes.
pub(super) struct Outbox {
    node: NodeId,
    seal: Seal,
    /// Bytes that may wait while Redis is away.
    max: usize,
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    /// The number of the last message that counts.
    seq: u64,
    /// See [`Message::born`].
    born: Option<u64>,
    /// What has been said and counts, with its numbers, oldest first.
    kept: VecDeque<(u64, Bytes)>,
    kept_bytes: usize,
    /// What has still to be said, in order.
    waiting: VecDeque<(Option<u64>, Bytes)>,
    waiting_bytes: usize,
    /// So many of `waiting`, the first, are on their way.
    flying: usize,
    /// So many of those that set out were dropped meanwhile, and so many of these count.
    shot: usize,
    shot_counted: u64,
    /// From which number on everything is to be said again, once what is on its way has arrived or not.
    again: Option<u64>,
    /// Messages that count, did not fit and have not arrived, as far as is known, since that was last asked.
    dropped: u64,
}

impl Outbox {
    /// Nothing to say yet; `max` is how many bytes may wait.
    pub(super) fn new(node: NodeId, seal: Seal, max: usize) -> Self {
        Self { node, seal, max, state: Mutex::default(), filled: Notify::new() }
    }

    /// This node.
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    /// Says something; its number, or that of the last message that counts. Never waits: when Redis is away for so long that
    /// `max` bytes wait, the oldest are dropped, which the other nodes will notice.
    pub(super) fn say(&self, body: Body<'_>) -> u64 {
        let mut state = self.state.lock();
        let is_counted = body.is_counted();
        if is_counted {
            state.seq += 1;
        }
        let (seq, born) = (state.seq, state.born);
        let bytes = Bytes::from(self.seal.close(&Message { node: self.node, seq, born, is_retold: false, body }));
        state.waiting_bytes += bytes.len();
        state.waiting.push_back((is_counted.then_some(seq), bytes));
        while state.waiting_bytes > self.max && state.waiting.len() > 1 {
            state.drop_oldest();
        }
        drop(state);
        self.filled.notify_one();
        seq
    }

    /// This node has heard itself, for the first time, at this time of the stream's clock, in milliseconds.
    pub(super) fn is_born(&self, clock: u64) {
        self.state.lock().born.get_or_insert(clock);
    }

    /// The number of the last message that counts.
    pub(super) fn last(&self) -> u64 {
        self.state.lock().seq
    }

    /// Up to `count` messages that have not been said; waits until there is one. What a call before this one gave did not arrive,
    /// but for what [`Outbox::said`] was told of.
    pub(super) async fn next(&self, count: usize) -> Vec<Bytes> {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.state.lock();
                state.dropped += state.shot_counted;
                self.landed(&mut state);
                let next: Vec<_> = state.waiting.iter().take(count).map(|(_, bytes)| bytes.clone()).collect();
                if !next.is_empty() {
                    state.flying = next.len();
                    return next;
                }
            }
            filled.await;
        }
    }

    /// So many of the messages of [`Outbox::next`] have been said, as far as can be known from here.
    pub(super) fn said(&self, count: usize) {
        let mut state = self.state.lock();
        for _ in 0..count.saturating_sub(state.shot).min(state.flying) {
            let Some((seq, bytes)) = state.waiting.pop_front() else { break };
            state.waiting_bytes -= bytes.len();
            if let Some(seq) = seq {
                state.kept_bytes += bytes.len();
                state.kept.push_back((seq, bytes));
            }
        }
        self.landed(&mut state);
        while state.kept_bytes > KEPT {
            let Some((_, bytes)) = state.kept.pop_front() else { break };
            state.kept_bytes -= bytes.len();
        }
    }

    /// Nothing is on its way any more.
    fn landed(&self, state: &mut State) {
        (state.flying, state.shot, state.shot_counted) = (0, 0, 0);
        if let Some(from) = state.again.take() {
            self.go_back(state, from);
        }
    }

    /// Somebody has missed everything from this number on: it is said again. What is not kept any more is told as forgotten.
    pub(super) fn say_again(&self, from: u64) {
        let mut state = self.state.lock();
        // What is on its way would otherwise be taken for what is said again.
        if state.flying > 0 {
            state.again = Some(state.again.map_or(from, |again| again.min(from)));
        } else {
            self.go_back(&mut state, from);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Says again what another node said, as it stands in the stream; not while Redis is away for so long that it does not fit.
    pub(super) fn retell(&self, messages: &[Bytes]) {
        let mut state = self.state.lock();
        for bytes in messages.iter().map(|bytes| Bytes::from(Seal::retell(bytes))) {
            if state.waiting_bytes + bytes.len() > self.max {
                break;
            }
            state.waiting_bytes += bytes.len();
            state.waiting.push_back((None, bytes));
        }
        drop(state);
        self.filled.notify_one();
    }

    fn go_back(&self, state: &mut State, from: u64) {
        let place = state.kept.partition_point(|(seq, _)| *seq < from);
        for (seq, bytes) in state.kept.split_off(place).into_iter().rev() {
            state.kept_bytes -= bytes.len();
            state.waiting_bytes += bytes.len();
            state.waiting.push_front((Some(seq), bytes));
        }
        let oldest = state.waiting.iter().find_map(|(seq, _)| seq.filter(|seq| *seq >= from)).unwrap_or(state.seq + 1);
        if oldest > from {
            let (born, body) = (state.born, Body::Forgotten { next: oldest });
            let message = Message { node: self.node, seq: 0, born, is_retold: false, body };
            let bytes = Bytes::from(self.seal.close(&message));
            state.waiting_bytes += bytes.len();
            state.waiting.push_front((None, bytes));
        }
    }

    /// Whether something waits that must not be missed.
    pub(super) fn owes(&self) -> bool {
        self.state.lock().waiting.iter().any(|(seq, _)| seq.is_some())
    }

    /// Bytes that wait.
    pub(super) fn backlog(&self) -> usize {
        self.state.lock().waiting_bytes
    }

    /// How many messages were dropped since this was last asked.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.state.lock().dropped)
    }
}

impl State {
    fn drop_oldest(&mut self) {
        let Some((seq, bytes)) = self.waiting.pop_front() else { return };
        self.waiting_bytes -= bytes.len();
        if self.flying > 0 {
            // Redis may have it.
            (self.flying, self.shot) = (self.flying - 1, self.shot + 1);
            self.shot_counted += u64::from(seq.is_some());
        } else {
            self.dropped += u64::from(seq.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(max: usize) -> Outbox {
        Outbox::new(NodeId(1), Seal::new(None), max)
    }

    fn leave(outbox: &Outbox, socket: &str) -> u64 {
        outbox.say(Body::Leave { channel: "presence-x".into(), socket: socket.to_owned().into() })
    }

    async fn seqs(outbox: &Outbox) -> Vec<(u64, bool)> {
        let seal = Seal::new(None);
        let next = outbox.next(100).await;
        next.iter().map(|bytes| seal.open(bytes).map(|m| (m.seq, m.body.is_counted())).unwrap()).collect()
    }

    #[tokio::test]
    async fn what_was_missed_is_said_again_in_order() {
        let outbox = outbox(100_000);
        for n in 0..3 {
            assert_eq!(leave(&outbox, &n.to_string()), n + 1);
        }
        assert_eq!(outbox.say(Body::Beat), 3);
        assert_eq!(seqs(&outbox).await, [(1, true), (2, true), (3, true), (3, false)]);
        outbox.said(4);
        outbox.say_again(2);
        leave(&outbox, "3");
        assert_eq!(seqs(&outbox).await, [(2, true), (3, true), (4, true)]);
        outbox.said(1);
        assert_eq!(seqs(&outbox).await, [(3, true), (4, true)]);
    }

    #[tokio::test]
    async fn what_is_asked_for_while_others_are_on_their_way_is_said_once_they_have_arrived() {
        let outbox = outbox(100_000);
        for n in 0..4 {
            leave(&outbox, &n.to_string());
        }
        assert_eq!(outbox.next(2).await.len(), 2);
        outbox.said(2);
        outbox.say(Body::Beat);
        assert_eq!(seqs(&outbox).await, [(3, true), (4, true), (4, false)]);
        outbox.say_again(2);
        outbox.say_again(1);
        assert!(outbox.owes());
        outbox.said(3);
        assert_eq!(seqs(&outbox).await, [(1, true), (2, true), (3, true), (4, true)], "in order, and the beat once");
        // It did not arrive, and somebody asks meanwhile.
        outbox.say_again(3);
        assert_eq!(seqs(&outbox).await, [(1, true), (2, true), (3, true), (4, true)]);
        outbox.said(2);
        assert_eq!(seqs(&outbox).await, [(3, true), (4, true)]);
    }

    #[tokio::test]
    async fn what_is_dropped_on_its_way_is_not_taken_for_what_waits_behind_it() {
        let outbox = outbox(400);
        while outbox.state.lock().dropped == 0 {
            leave(&outbox, "x");
        }
        let first = seqs(&outbox).await[0].0;
        assert_eq!(outbox.next(2).await.len(), 2);
        leave(&outbox, "x");
        let shot = outbox.state.lock().shot;
        assert_eq!((shot, outbox.take_dropped()), (1, 1), "the first of the two is dropped, and Redis may have it");
        outbox.said(2);
        assert_eq!(seqs(&outbox).await[0], (first + 2, true));
        // All that are on their way, and more.
        let flying = seqs(&outbox).await.len();
        for _ in 0..2 * flying {
            leave(&outbox, "x");
        }
        let waiting = outbox.backlog();
        outbox.said(flying);
        assert_eq!(outbox.backlog(), waiting);
        // They did not arrive.
        let flying = seqs(&outbox).await.len() as u64;
        outbox.take_dropped();
        for _ in 0..flying {
            leave(&outbox, "x");
        }
        assert_eq!(outbox.take_dropped(), 0, "Redis may have them");
        seqs(&outbox).await;
        assert_eq!(outbox.take_dropped(), flying);
    }

    #[tokio::test]
    async fn a_full_outbox_drops_the_oldest_and_says_so_when_asked() {
        let outbox = outbox(400);
        for n in 0..100 {
            leave(&outbox, &n.to_string());
        }
        let (bytes, dropped) = (outbox.backlog(), outbox.take_dropped());
        assert!(bytes <= 400 && dropped > 90, "{bytes} {dropped}");
        let left = seqs(&outbox).await;
        assert_eq!(left.last(), Some(&(100, true)));
        outbox.say_again(1);
        let again = seqs(&outbox).await;
        assert!(!again[0].1, "first it says what is forgotten");
        assert_eq!(again[1..], left);
    }

    #[tokio::test]
    async fn what_was_said_is_kept_within_its_bound() {
        let outbox = Outbox::new(NodeId(1), Seal::new(None), usize::MAX);
        for _ in 0..10 {
            leave(&outbox, &"x".repeat(1_000_000));
            outbox.next(1).await;
            outbox.said(1);
        }
        let state = outbox.state.lock();
        assert!(state.kept_bytes <= KEPT && state.kept.len() >= 7);
        assert_eq!((state.waiting_bytes, state.waiting.len()), (0, 0));
    }
}
