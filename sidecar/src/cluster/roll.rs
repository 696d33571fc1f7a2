//! Who has spoken lately, by the stream: whom a node that starts may expect to hear.

use std::collections::{HashMap, HashSet};

use super::{
    Place,
    message::{Body, NodeId, Seal},
};

/// The nodes that have spoken, from the newest entry back.
pub(super) struct Roll {
    seal: Seal,
    /// When each spoke last, by the stream's clock in milliseconds.
    said: HashMap<NodeId, u64>,
    /// They were taken for dead, and have said nothing since.
    buried: HashSet<NodeId>,
}

impl Roll {
    pub(super) fn new(seal: Seal) -> Self {
        Self { seal, said: HashMap::new(), buried: HashSet::new() }
    }

    /// Takes the entry before the one that was taken last. What cannot be read tells nothing; its reader counts and logs such.
    pub(super) fn take(&mut self, place: Place, bytes: &[u8]) {
        let Ok(message) = self.seal.open(bytes) else { return };
        // What another says in a node's name is no sign of its life.
        if !message.is_retold && !self.buried.contains(&message.node) {
            self.said.entry(message.node).or_insert(place.0);
        }
        if let Body::Bury { of } = message.body
            && !self.said.contains_key(&of)
        {
            self.buried.insert(of);
        }
    }

    /// Who lived, as far as could be read, and when each spoke last.
    pub(super) fn close(self) -> HashMap<NodeId, u64> {
        self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::message::Message;

    fn said(seal: &Seal, node: u64, body: Body<'_>) -> Vec<u8> {
        seal.close(&Message { node: NodeId(node), seq: 1, born: None, is_retold: false, body })
    }

    #[test]
    fn lists_who_spoke_and_was_not_buried_since() {
        let seal = Seal::new(Some("secret"));
        let mut roll = Roll::new(seal.clone());
        // From the newest back: 1 lives; 2 was buried by 1 and has come back; 3 was buried; 4 is only retold; 5 has no secret.
        let entries = [
            (90, said(&seal, 2, Body::Beat)),
            (80, said(&seal, 1, Body::Bury { of: NodeId(2) })),
            (70, said(&seal, 1, Body::Bury { of: NodeId(3) })),
            (60, said(&seal, 3, Body::Beat)),
            (50, said(&seal, 2, Body::Beat)),
            (40, Seal::retell(&said(&seal, 4, Body::Bury { of: NodeId(1) }))),
            (30, said(&Seal::new(None), 5, Body::Beat)),
            (20, b"nothing that can be read".to_vec()),
        ];
        for (at, bytes) in entries {
            roll.take(Place(at, 0), &bytes);
        }
        assert_eq!(roll.close(), HashMap::from([(NodeId(1), 80), (NodeId(2), 90)]));
    }
}
