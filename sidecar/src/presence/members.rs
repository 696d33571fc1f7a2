//! The members of one channel.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{cluster::NodeId, edge::SocketId};

/// Entries one socket may have when it subscribes again and again; the old server kept all of them.
pub(super) const MAX_ENTRIES_PER_SOCKET: usize = 2;

/// The members of one channel, in the order in which they joined.
#[derive(Debug, Default)]
pub struct Members(Vec<Member>);

#[derive(Debug)]
struct Member {
    /// The other node that told of it; none for a socket of this node.
    node: Option<NodeId>,
    socket: SocketId,
    /// Its `user_id` as joining and leaving compare it.
    user: Box<str>,
    /// `channel_data` with `socketId`: the name under which the others are told of the socket.
    json: Map<String, Value>,
}

impl Member {
    fn new(node: Option<NodeId>, socket: SocketId, json: Map<String, Value>) -> Self {
        Self { node, socket, user: loose(json.get("user_id")), json }
    }
}

/// What a join changed.
#[derive(Debug, PartialEq)]
pub struct Joined {
    /// For the one who joined: a member per user, newest first.
    pub here: Vec<Value>,
    /// For the others.
    pub arrival: Arrival,
}

/// What a join changed for the others.
#[derive(Debug, Default, PartialEq)]
pub struct Arrival {
    /// Who the socket was until now and is no longer, when that was the user's last one.
    pub leaving: Option<Value>,
    /// Who it is; none when the user was here already.
    pub joining: Option<Value>,
}

/// What changes for everybody when another node tells all its members of a channel.
#[derive(Debug, Default, PartialEq)]
pub struct Replaced {
    /// Who was not here before.
    pub joining: Vec<Value>,
    /// Who is not here any more.
    pub leaving: Vec<Value>,
}

impl Members {
    /// Adds `member` for `socket` of this node; what it has as `socketId` is told, or the socket's id where it has none.
    pub fn join(&mut self, socket: &SocketId, member: Map<String, Value>) -> Joined {
        let arrival = self.add(None, socket, member);
        Joined { here: self.here(), arrival }
    }

    /// As [`Members::join`] for `socket` of another node.
    pub fn join_elsewhere(&mut self, node: NodeId, socket: &SocketId, member: Map<String, Value>) -> Arrival {
        self.add(Some(node), socket, member)
    }

    fn add(&mut self, node: Option<NodeId>, socket: &SocketId, mut member: Map<String, Value>) -> Arrival {
        if !matches!(member.get("socketId"), Some(Value::String(_))) {
            member.insert("socketId".into(), socket.as_str().into());
        }
        let user = loose(member.get("user_id"));
        let known = self.has_user(&user);
        // A socket is one user: whoever it was with another token would stay for ever.
        let is_of = |entry: &Member| entry.node == node && entry.socket == *socket;
        let before = self.0.extract_if(.., |entry| is_of(entry) && entry.user != user).last();
        let own: Vec<usize> = (0..self.0.len()).filter(|&i| is_of(&self.0[i])).collect();
        if own.len() >= MAX_ENTRIES_PER_SOCKET
            && let Some(&newest) = own.last()
        {
            self.0.remove(newest);
        }
        self.0.push(Member { node, socket: socket.clone(), user, json: member.clone() });
        let leaving = before.and_then(|before| self.gone(before));
        Arrival { leaving, joining: (!known).then_some(Value::Object(member)) }
    }

    /// The socket's session is at another node now, or at this one: its entries are those of that node. If it has none, it gets
    /// `member`.
    pub fn moved(&mut self, to: Option<NodeId>, socket: &SocketId, member: Map<String, Value>) -> Arrival {
        let mut is_here = false;
        for entry in self.0.iter_mut().filter(|entry| entry.socket == *socket) {
            entry.node = to;
            is_here = true;
        }
        if is_here { Arrival::default() } else { self.add(to, socket, member) }
    }

    /// Takes every entry of `socket` of this node out; the member to tell as `leaving`, when it was its user's last socket.
    pub fn leave(&mut self, socket: &SocketId) -> Option<Value> {
        self.remove(None, socket)
    }

    /// Takes every entry of `socket` of another node out; the member to tell as `leaving`, when it was its user's last socket.
    pub fn leave_elsewhere(&mut self, node: NodeId, socket: &SocketId) -> Option<Value> {
        self.remove(Some(node), socket)
    }

    fn remove(&mut self, node: Option<NodeId>, socket: &SocketId) -> Option<Value> {
        let is_meant = |member: &Member| member.node == node && member.socket == *socket;
        let first = self.0.iter().position(is_meant)?;
        let gone = self.0.remove(first);
        self.0.retain(|member| !is_meant(member));
        self.gone(gone)
    }

    /// `member` as `leaving`, unless its user is still here.
    fn gone(&self, member: Member) -> Option<Value> {
        if self.has_user(&member.user) {
            return None;
        }
        let mut json = member.json;
        json.shift_remove("socketId");
        Some(Value::Object(json))
    }

    fn has_user(&self, user: &str) -> bool {
        self.0.iter().any(|member| *member.user == *user)
    }

    /// The members of another node are exactly these: what that changes for everybody. Whoever stays is not told of.
    pub fn replace(&mut self, node: NodeId, members: Vec<(SocketId, Map<String, Value>)>) -> Replaced {
        let (before, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|member| member.node == Some(node));
        let mut old: HashSet<Box<str>> = before.iter().map(|member| member.user.clone()).collect();
        self.0 = kept;
        let mut replaced = Replaced::default();
        for (socket, member) in members {
            // Of a list no socket has two users.
            let joining = self.add(Some(node), &socket, member).joining;
            replaced.joining.extend(joining.filter(|who| !old.contains(&loose(who.get("user_id")))));
        }
        for member in before {
            if old.remove(&member.user) {
                replaced.leaving.extend(self.gone(member));
            }
        }
        replaced
    }

    /// Puts back what the sidecar before this one had; nobody is told.
    pub fn restore(&mut self, socket: SocketId, json: Map<String, Value>) {
        self.0.push(Member::new(None, socket, json));
    }

    /// The same for an entry of another node.
    pub fn restore_elsewhere(&mut self, node: NodeId, socket: SocketId, json: Map<String, Value>) {
        self.0.push(Member::new(Some(node), socket, json));
    }

    /// Every entry of other nodes with its node and socket, in join order.
    pub fn elsewhere(&self) -> impl Iterator<Item = (NodeId, &SocketId, &Map<String, Value>)> {
        self.0.iter().filter_map(|member| Some((member.node?, &member.socket, &member.json)))
    }

    /// Whether another node has members here.
    pub fn has_of(&self, node: NodeId) -> bool {
        self.0.iter().any(|member| member.node == Some(node))
    }

    /// Every entry of this node with its socket, in join order.
    pub fn entries(&self) -> impl Iterator<Item = (&SocketId, &Map<String, Value>)> {
        self.own().map(|member| (&member.socket, &member.json))
    }

    /// What is known of a socket of any node, without its id.
    pub fn of(&self, socket: &SocketId) -> Option<Map<String, Value>> {
        let mut json = self.0.iter().find(|member| member.socket == *socket)?.json.clone();
        json.shift_remove("socketId");
        Some(json)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entries there are: one for each socket, two for one that subscribed twice.
    pub fn sockets(&self) -> usize {
        self.0.len()
    }

    /// Whether this socket of this node is a member.
    pub fn has(&self, socket: &SocketId) -> bool {
        self.own().any(|member| member.socket == *socket)
    }

    /// Whether this socket of this node is a member as this user; then what else is known of the user is what is known now.
    pub fn is_member(&mut self, socket: &SocketId, now: &Map<String, Value>) -> bool {
        let user = loose(now.get("user_id"));
        let mut is_member = false;
        for member in self.0.iter_mut().filter(|member| member.node.is_none() && member.socket == *socket) {
            if member.user == user {
                is_member = true;
                let told = member.json.remove("socketId").unwrap_or_else(|| socket.as_str().into());
                member.json = now.clone();
                member.json.insert("socketId".into(), told);
            }
        }
        is_member
    }

    /// A member per user, newest first: what `presence:subscribed` tells.
    pub fn here(&self) -> Vec<Value> {
        distinct(self.0.iter().rev()).map(|member| Value::Object(member.json.clone())).collect()
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        distinct(self.0.iter()).count()
    }

    /// Every entry of this node in join order: what a store keeps for others to read.
    pub fn stored(&self) -> Vec<Value> {
        self.own().map(|member| Value::Object(member.json.clone())).collect()
    }

    /// Every entry of every node in join order.
    pub fn all(&self) -> Vec<Value> {
        self.0.iter().map(|member| Value::Object(member.json.clone())).collect()
    }

    /// The sockets of this node and who they are: what other nodes are told.
    pub fn told(&self) -> Vec<(String, Map<String, Value>)> {
        self.own().map(|member| (member.socket.as_str().to_owned(), member.json.clone())).collect()
    }

    fn own(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().filter(|member| member.node.is_none())
    }
}

/// The first entry of each `user_id`, compared strictly: 1 is not "1".
fn distinct<'a>(members: impl Iterator<Item = &'a Member>) -> impl Iterator<Item = &'a Member> {
    let mut seen = std::collections::HashSet::new();
    members.filter(move |member| seen.insert(member.json.get("user_id").map(Value::to_string)))
}

/// A `user_id` as joining and leaving compare it: 1 is "1".
fn loose(user_id: Option<&Value>) -> Box<str> {
    match user_id {
        Some(Value::String(text)) => text.as_str().into(),
        Some(other) => other.to_string().into(),
        None => "null".into(),
    }
}
