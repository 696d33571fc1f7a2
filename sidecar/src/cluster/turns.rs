//! When what this node does takes place: in the order of the stream, when its message is heard there, so that every node does
//! everything in the same order. Its own clients wait for Redis that long, but not longer than `cluster.waitMs`: then it is done at once,
//! and this node does not keep to the order until it has heard what it did early.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::Place;
use crate::channel::ChannelName;

/// Notes of what was done early; beyond that the oldest are forgotten, and only the lag is not known then.
const MOST_EARLY: usize = 100_000;

/// What is done in its turn; with the entry of the stream, or early.
pub(super) type Act = Box<dyn FnOnce(Option<Place>) + Send>;

/// What it does to the members of this node.
pub(super) struct Effect {
    pub(super) channel: ChannelName,
    pub(super) socket: String,
    /// None: it leaves.
    pub(super) member: Option<Map<String, Value>>,
}

/// What this node has said and not heard yet.
pub(super) struct Turns {
    /// How long Redis may take for the next of them. Zero: nothing waits.
    patience: Duration,
    state: Mutex<State>,
    woken: Notify,
    /// The number of the last message that has been done.
    done: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    said: VecDeque<Said>,
    /// So many of `said`, the oldest, were done early.
    early: usize,
    /// Redis takes too long: what comes now is done at once.
    is_slow: bool,
    /// The last number that was done early, and the last that was heard.
    ahead: u64,
    heard: u64,
    /// When this node last heard itself.
    heard_at: Option<Instant>,
}

struct Said {
    seq: u64,
    at: Instant,
    act: Option<Act>,
    effect: Option<Effect>,
}

impl Turns {
    /// Nothing is said yet.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, state: Mutex::default(), woken: Notify::new(), done: watch::Sender::default() }
    }

    /// Says something by `say`, which gives its number, and does `act` in its turn.
    pub(super) fn take(&self, effect: Option<Effect>, act: Act, say: impl FnOnce() -> u64) -> u64 {
        let mut state = self.state.lock();
        let seq = say();
        state.said.push_back(Said { seq, at: Instant::now(), act: Some(act), effect });
        if state.said.len() > MOST_EARLY && state.early > 0 {
            state.said.pop_front();
            state.early -= 1;
        }
        let is_first = state.said.len() == state.early + 1;
        drop(state);
        if is_first {
            self.woken.notify_one();
        }
        seq
    }

    /// Redis cannot be reached: nobody waits for it.
    pub(super) fn is_away(&self) {
        self.state.lock().is_slow = true;
        self.woken.notify_one();
    }

    /// This node's message of that number is heard in the stream: what is to be done now, and whether none before it was lost.
    pub(super) fn hear(&self, seq: u64, now: Instant) -> (Vec<Act>, bool) {
        let mut state = self.state.lock();
        let is_next = seq <= state.heard + 1;
        (state.heard, state.heard_at) = (state.heard.max(seq), Some(now));
        let mut acts = Vec::new();
        while state.said.front().is_some_and(|said| said.seq <= seq) {
            let Some(said) = state.said.pop_front() else { break };
            state.early = state.early.saturating_sub(1);
            if said.seq == seq && now.saturating_duration_since(said.at) < self.patience {
                state.is_slow = false;
            }
            acts.extend(said.act);
        }
        (acts, is_next)
    }

    /// What has waited too long.
    pub(super) fn overdue(&self, now: Instant) -> Vec<(u64, Act)> {
        let mut state = self.state.lock();
        let mut acts = Vec::new();
        loop {
            let (early, heard_at, hurry) = (state.early, state.heard_at, state.is_slow || self.patience.is_zero());
            match state.said.get_mut(early) {
                Some(said) if hurry || self.due(said.at, heard_at) <= now => {
                    let seq = said.seq;
                    acts.extend(said.act.take().map(|act| (seq, act)));
                    said.effect = None;
                    (state.early, state.ahead, state.is_slow) = (early + 1, seq, true);
                }
                _ => return acts,
            }
        }
    }

    /// Looks at what has been said of members and not been done. Nothing is said or done meanwhile.
    pub(super) fn with_effects<R>(&self, look: impl FnOnce(&mut dyn Iterator<Item = &Effect>) -> R) -> R {
        let state = self.state.lock();
        let mut effects = state.said.iter().skip(state.early).filter_map(|said| said.effect.as_ref());
        look(&mut effects)
    }

    /// Waits until something may be overdue.
    pub(super) async fn wait(&self) {
        loop {
            let woken = self.woken.notified();
            let due = {
                let state = self.state.lock();
                let next = state.said.get(state.early).map(|said| self.due(said.at, state.heard_at));
                if next.is_some() && (state.is_slow || self.patience.is_zero()) {
                    return;
                }
                next
            };
            match due {
                None => woken.await,
                Some(due) => {
                    tokio::select! {
                        () = woken => {}
                        () = tokio::time::sleep_until(due) => return,
                    }
                }
            }
        }
    }

    /// Everything up to this number has been done.
    pub(super) fn done(&self, seq: u64) {
        self.done.send_if_modified(|done| {
            let before = *done;
            *done = before.max(seq);
            seq > before
        });
    }

    /// Waits until everything up to this number has been done.
    pub(super) async fn until_done(&self, seq: u64) {
        let _ = self.done.subscribe().wait_for(|done| *done >= seq).await;
    }

    /// Whether nobody waits for Redis.
    pub(super) fn is_slow(&self) -> bool {
        self.patience.is_zero() || self.state.lock().is_slow
    }

    /// The number of the last message that was heard.
    pub(super) fn heard(&self) -> u64 {
        self.state.lock().heard
    }

    /// Something has been done whose turn is known when the message of that number is heard.
    pub(super) fn is_ahead(&self, seq: u64) {
        let mut state = self.state.lock();
        state.ahead = state.ahead.max(seq);
    }

    /// Whether everything that was done was done in its turn, or has been heard since.
    pub(super) fn is_in_order(&self) -> bool {
        let state = self.state.lock();
        !self.patience.is_zero() && state.ahead <= state.heard
    }

    /// Until when something that was said then is waited for: everything that was said together may take somewhat longer.
    fn due(&self, at: Instant, heard_at: Option<Instant>) -> Instant {
        let progress = heard_at.map_or(at, |heard| heard.max(at));
        (progress + self.patience).min(at + self.patience * 8 / 5)
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
