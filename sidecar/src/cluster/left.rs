//! Where a node stops, and the next one in its place goes on.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Cluster, NodeId, Place, overheard::Noted};
use crate::channel::ChannelName;

/// Where a node has stopped, for the one that comes next in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// How far it has read the stream.
    pub place: Place,
    /// Its names, the last one last: the next one has another.
    pub names: Vec<NodeId>,
    /// The numbers of the last messages it took of the others.
    pub taken: Vec<(NodeId, u64)>,
    /// And of those that it had taken for dead: they may only have been cut off, and come back.
    pub buried: Vec<(NodeId, u64)>,
    /// What it knew of notes about events of legacy publishers.
    pub noted: Noted,
    /// Presence members of the others, as it knew them.
    pub members: Vec<Elsewhere>,
}

/// A presence member of another node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Which.
    pub node: NodeId,
    /// A full wire name.
    pub channel: String,
    /// Its socket id.
    pub socket: String,
    /// Who it is, as JSON.
    pub json: String,
}

impl Cluster {
    /// Goes on where the sidecar before this one stopped: what was said meanwhile is heard. To be called before [`Cluster::run`].
    pub fn resume(&self, left: &Left) {
        *self.place.lock() = Some(left.place);
        *self.taken.lock() = Some(left.place);
        self.overheard.lock().resume(left.place.0, &left.noted, Instant::now());
        let mut state = self.state.lock();
        state.is_out = true;
        state.peers.resume(&left.names, left.taken.clone(), Instant::now(), left.place.0);
        state.peers.remember_buried(&left.buried);
        for member in &left.members {
            if let Ok(channel) = ChannelName::parse(&member.channel, self.max_name) {
                state.members.entry(member.node).or_default().insert(channel, 0);
            }
        }
    }

    /// Where this node stops. Nothing may be heard any more: what is in no snapshot has to come after this place.
    pub fn leaves(&self) -> Option<Left> {
        let read = (*self.place.lock())?;
        // Where the stream has started anew, what was taken last stands behind what will be read next.
        let place = self.taken.lock().map_or(read, |taken| taken.min(read));
        let noted = self.overheard.lock().leaves();
        let state = self.state.lock();
        let (taken, buried) = (state.peers.taken(), state.peers.buried());
        Some(Left { place, names: state.peers.names(), taken, buried, noted, members: Vec::new() })
    }
}
