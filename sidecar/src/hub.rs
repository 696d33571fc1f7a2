//! Turns a publish into emits on this node: which sockets there are, and who is subscribed to which channel.
//!
//! Fan-out to one channel is done by one thread at a time, so that every socket gets the channel's events in one order.
//! Emitting never blocks (see [`Socket::emit`]), and nobody waits here for anything but that.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, RwLock};

use crate::{
    channel::ChannelName,
    counters::Counters,
    edge::{EmitError, Packet, Socket, SocketId},
};

/// The subscribers of every channel of this node.
#[derive(Default)]
pub struct Hub {
    channels: RwLock<HashMap<ChannelName, Arc<Channel>>>,
    counters: Arc<Counters>,
}

/// One channel that somebody is subscribed to.
#[derive(Default)]
struct Channel {
    /// Held during a fan-out: the order of events is the order of taking it.
    order: Mutex<()>,
    subscribers: Mutex<Subscribers>,
}

/// The sockets of one channel, and where each stands in the list. The list is shared with fan-outs that are under way.
#[derive(Default)]
struct Subscribers {
    list: Arc<Vec<Arc<dyn Socket>>>,
    places: HashMap<SocketId, usize>,
    /// Nobody was left and the hub has let go of this channel.
    retired: bool,
}

impl Hub {
    /// A hub without channels that counts into `counters`.
    pub fn new(counters: Arc<Counters>) -> Self {
        Self { counters, ..Self::default() }
    }

    /// Adds a subscriber; adding it twice is adding it once.
    pub fn subscribe(&self, channel: &ChannelName, socket: Arc<dyn Socket>) {
        loop {
            let known = self.channels.read().get(channel).cloned();
            let entry = known.unwrap_or_else(|| self.channels.write().entry(channel.clone()).or_default().clone());
            let mut subscribers = entry.subscribers.lock();
            if subscribers.retired {
                continue; // emptied between finding and locking it: the next look finds or makes another
            }
            let place = subscribers.list.len();
            if let std::collections::hash_map::Entry::Vacant(vacant) = subscribers.places.entry(socket.id().clone()) {
                vacant.insert(place);
                Arc::make_mut(&mut subscribers.list).push(socket);
            }
            return;
        }
    }

    /// Takes a subscriber out; whether it was one.
    pub fn unsubscribe(&self, channel: &ChannelName, socket: &SocketId) -> bool {
        let Some(entry) = self.channels.read().get(channel).cloned() else { return false };
        let mut subscribers = entry.subscribers.lock();
        let Some(place) = subscribers.places.remove(socket) else { return false };
        let list = Arc::make_mut(&mut subscribers.list);
        list.swap_remove(place);
        if let Some(moved) = list.get(place).map(|socket| socket.id().clone()) {
            subscribers.places.insert(moved, place);
        }
        if subscribers.list.is_empty() {
            subscribers.retired = true;
            drop(subscribers);
            let mut channels = self.channels.write();
            if channels.get(channel).is_some_and(|now| Arc::ptr_eq(now, &entry)) {
                channels.remove(channel);
            }
        }
        true
    }

    /// Emits to every subscriber of `channel` but `except`; how many took it.
    pub fn emit(&self, channel: &str, packet: &Packet, except: Option<&str>) -> u32 {
        let Some(entry) = self.channels.read().get(channel).cloned() else { return 0 };
        let _turn = entry.order.lock();
        let list = entry.subscribers.lock().list.clone();
        let mut taken = 0;
        for socket in list.iter() {
            if except == Some(socket.id().as_str()) {
                continue;
            }
            taken += u32::from(self.emit_to(socket.as_ref(), packet));
        }
        taken
    }

    /// Emits to one socket; whether it took the packet.
    pub fn emit_to(&self, socket: &dyn Socket, packet: &Packet) -> bool {
        match socket.emit(packet) {
            Ok(()) => {
                self.counters.emitted.add();
                return true;
            }
            Err(EmitError::Closed) => self.counters.dropped_closed.add(),
            Err(EmitError::Full) => {
                self.counters.dropped_slow.add();
                tracing::info!(socket = %socket.id(), "closing a slow client: its queue is full");
            }
        }
        false
    }

    /// Whether this socket is subscribed to `channel`.
    pub fn is_subscribed(&self, channel: &str, socket: &str) -> bool {
        let entry = self.channels.read().get(channel).cloned();
        entry.is_some_and(|channel| channel.subscribers.lock().places.contains_key(socket))
    }

    /// How many sockets are subscribed to `channel`.
    pub fn count(&self, channel: &str) -> usize {
        let entry = self.channels.read().get(channel).cloned();
        entry.map_or(0, |channel| channel.subscribers.lock().list.len())
    }

    /// Every channel whose name starts with `prefix`, with its number of subscribers, sorted by name.
    pub fn channels(&self, prefix: &str) -> Vec<(ChannelName, usize)> {
        let mut all: Vec<_> = self
            .channels
            .read()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(name, channel)| (name.clone(), channel.subscribers.lock().list.len()))
            .filter(|(_, count)| *count > 0)
            .collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{StubSocket, channel, packet};

    #[test]
    fn an_event_reaches_each_subscriber_once_but_the_excepted_one() {
        let hub = Hub::default();
        let (a, b) = (StubSocket::new("a"), StubSocket::new("b"));
        for socket in [&a, &b, &a] {
            hub.subscribe(&channel("orders"), socket.clone());
        }
        assert_eq!(hub.emit("orders", &packet("E"), Some("b")), 1);
        assert_eq!(hub.emit("other", &packet("E"), None), 0);
        assert_eq!(a.texts(), [r#"42["E"]"#]);
        assert!(b.texts().is_empty());
    }

    #[test]
    fn leaving_keeps_the_others_and_an_empty_channel_disappears() {
        let hub = Hub::default();
        let sockets: Vec<_> = ["a", "b", "c"].iter().map(|id| StubSocket::new(id)).collect();
        for socket in &sockets {
            hub.subscribe(&channel("x"), socket.clone());
        }
        assert!(hub.unsubscribe(&channel("x"), &"a".into()));
        assert!(!hub.unsubscribe(&channel("x"), &"a".into()));
        assert_eq!(hub.emit("x", &packet("E"), None), 2);
        assert!(hub.is_subscribed("x", "c") && !hub.is_subscribed("x", "a"));
        hub.unsubscribe(&channel("x"), &"c".into());
        hub.unsubscribe(&channel("x"), &"b".into());
        assert!(hub.channels("").is_empty());
        hub.subscribe(&channel("x"), sockets[0].clone());
        assert_eq!(hub.count("x"), 1);
    }
}
