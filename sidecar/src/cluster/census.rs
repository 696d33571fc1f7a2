//! Questions to all nodes and their answers: how many sockets and subscribers there are.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::message::NodeId;

/// How long a node may take to answer; the HTTP API waits for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Questions that are not answered by everybody yet.
#[derive(Default)]
pub(super) struct Census {
    open: Mutex<HashMap<u64, Question>>,
    answered: Notify,
}

#[derive(Default)]
struct Question {
    waiting: HashSet<NodeId>,
    sockets: u64,
    channels: HashMap<String, u64>,
}

impl Census {
    /// A new question to these nodes.
    pub(super) fn ask(&self, nodes: Vec<NodeId>) -> u64 {
        let question = rand::random();
        let waiting = nodes.into_iter().collect();
        self.open.lock().insert(question, Question { waiting, ..Question::default() });
        question
    }

    /// A node has answered; an answer that nobody waits for is nothing.
    pub(super) fn answer(&self, question: u64, node: NodeId, sockets: u64, channels: Vec<(String, u64)>) {
        if let Some(open) = self.open.lock().get_mut(&question)
            && open.waiting.remove(&node)
        {
            open.sockets += sockets;
            for (channel, count) in channels {
                *open.channels.entry(channel).or_default() += count;
            }
        }
        self.answered.notify_waiters();
    }

    /// A node will not answer any more.
    pub(super) fn gone(&self, node: NodeId) {
        for question in self.open.lock().values_mut() {
            question.waiting.remove(&node);
        }
        self.answered.notify_waiters();
    }

    /// The sum of all answers, once everybody has answered or has had the time to.
    pub(super) async fn answers(&self, question: u64) -> (u64, HashMap<String, u64>) {
        let all = async {
            loop {
                let answered = self.answered.notified();
                tokio::pin!(answered);
                answered.as_mut().enable();
                if self.open.lock().get(&question).is_none_or(|open| open.waiting.is_empty()) {
                    return;
                }
                answered.await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, all).await.is_ok();
        let open = self.open.lock().remove(&question).unwrap_or_default();
        if !in_time {
            tracing::warn!(nodes = open.waiting.len(), "nodes did not answer in time: counts are without theirs");
        }
        (open.sockets, open.channels)
    }
}
