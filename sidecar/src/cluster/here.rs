//! What the cluster needs of the node it runs on, and what it hands to it.

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

use super::{
    link::Place,
    message::{NodeId, Seat, Session},
};
use crate::{
    channel::ChannelName,
    recovery::{Doubt, Mark, PidHash},
};

/// Members that one node has on a channel: socket ids and who they are, in the order in which they joined.
pub type Part = Vec<(String, Map<String, Value>)>;

/// What the cluster needs of the node it runs on.
pub trait Here: Send + Sync + 'static {
    /// An event was published at another node.
    fn event(&self, event: &RemoteEvent<'_>);

    /// A socket of another node whispers.
    fn whisper(&self, channel: &str, event: &str, data: &RawValue, socket: &str, attachments: Vec<Bytes>);

    /// A socket of another node has become a member; with a seat, its session is there as well.
    fn joined(
        &self,
        node: NodeId,
        channel: &ChannelName,
        socket: &str,
        member: Map<String, Value>,
        seat: Option<(Seat, Turn)>,
    );

    /// A socket of another node is no member any more.
    fn left(&self, node: NodeId, channel: &ChannelName, socket: &str);

    /// A session of another node has subscribed to a channel.
    fn seated(&self, node: NodeId, channel: &ChannelName, socket: &str, seat: &Seat, turn: Turn);

    /// And has left it.
    fn unseated(&self, channel: &ChannelName, pid: PidHash, generation: u32);

    /// A session is at another node from now on, and this is all there is to know of it.
    fn session(&self, node: NodeId, session: &Session, turn: Turn);

    /// It has ended.
    fn gone(&self, pid: PidHash, generation: u32);

    /// Another node has told all its sessions since its message `since`, or is dead: then there is no such number.
    fn told_sessions(&self, node: NodeId, since: Option<u64>);

    /// Calls `tell` for each session of this node, while it stands still.
    fn account_sessions(&self, tell: &mut dyn FnMut(Session));

    /// An event that other nodes have at the current place of the order is not here.
    fn missed(&self, channel: &str);

    /// Whether such an event may still come: what clients are told meanwhile is no place to go on from.
    fn hush(&self, is_missing: bool);

    /// How far this node has come in the common order, while it keeps to it.
    fn reached(&self, mark: Option<Mark>);

    /// These are all members that another node has on a channel.
    fn replace(&self, node: NodeId, channel: &ChannelName, members: Part);

    /// Whether another node has members on a channel, as far as this one knows.
    fn has_members(&self, node: NodeId, channel: &ChannelName) -> bool;

    /// The channels on which this node has members.
    fn member_channels(&self) -> Vec<ChannelName>;

    /// The members that this node has on a channel.
    fn members(&self, channel: &ChannelName) -> Part;

    /// Sockets, and, when that is asked, subscribers of the channels whose names start with `prefix`, on this node.
    fn count(&self, prefix: Option<&str>) -> (u64, Vec<(String, u64)>);
}

/// Which message of another node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Where it stands in the stream.
    pub place: Place,
    /// Its number among those of its node.
    pub seq: u64,
}

/// An event of another node.
#[derive(Debug)]
pub struct RemoteEvent<'a> {
    /// Its id, when its publisher gave one.
    pub id: Option<[u8; 16]>,
    /// Full wire names.
    pub channels: Vec<&'a str>,
    /// Its name.
    pub event: &'a str,
    /// Its JSON.
    pub data: &'a RawValue,
    /// The socket id that shall not get it.
    pub except: Option<&'a str>,
    /// Its node had a sidecar before that wrote it to sockets, which may be here by now.
    pub done: Option<Doubt>,
}
