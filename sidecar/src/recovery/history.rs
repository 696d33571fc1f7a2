//! Numbers for events, and the bounds on what is kept of them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{
    Epoch, Log, Mark, Offset,
    log::Entry,
    mark, now,
    unwritten::{Unwritten, Ways},
};
use crate::{config::RecoveryConfig, edge::Packet};

/// Gives events their numbers and knows how much all [`Log`]s hold together.
#[derive(Debug)]
pub struct History {
    settings: ArcSwap<RecoveryConfig>,
    epoch: Epoch,
    last: AtomicU64,
    ways: Arc<Ways>,
    bytes: AtomicUsize,
    /// How far the node has come in the cluster's order, while it keeps to it.
    reached: Mutex<Option<Mark>>,
    /// What is told to clients is no place to go on from elsewhere.
    is_hushed: AtomicBool,
}

impl History {
    /// In an epoch whose last number was `last`.
    pub fn new(settings: RecoveryConfig, epoch: Epoch, last: u64) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            epoch,
            last: AtomicU64::new(last),
            ways: Arc::new(Ways::new(epoch)),
            bytes: AtomicUsize::new(0),
            reached: Mutex::default(),
            is_hushed: AtomicBool::new(false),
        }
    }

    /// What is configured.
    pub fn settings(&self) -> Arc<RecoveryConfig> {
        self.settings.load_full()
    }

    /// Goes by these settings from now on.
    pub fn change(&self, settings: &RecoveryConfig) {
        self.settings.store(Arc::new(settings.clone()));
    }

    /// The epoch of all numbers.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last number that was given.
    pub fn last(&self) -> u64 {
        self.last.load(Relaxed)
    }

    /// What all logs hold, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Numbers an event and keeps it on its channel's log. The caller lets nobody else do this to the channel, nor subscribe to
    /// it, in between: a socket that subscribes gets the events with higher numbers and no others.
    pub fn keep(&self, log: &mut Log, packet: &Packet, except: Option<&str>) -> (Packet, Unwritten) {
        let (number, packet, unwritten) = self.number(packet);
        let (mark, at) = (mark::current(), now());
        if mark::is_outside() {
            log.note_unplaced(at);
        }
        self.restore(log, Entry { number, at, mark, packet: packet.clone(), except: except.map(Into::into) });
        (packet, unwritten)
    }

    /// Numbers an event that is not kept: who is away gets it some other way, or has it.
    pub fn pass(&self, packet: &Packet) -> (Packet, Unwritten) {
        let (_, packet, unwritten) = self.number(packet);
        (packet, unwritten)
    }

    fn number(&self, packet: &Packet) -> (u64, Packet, Unwritten) {
        let unwritten = self.ways.begin(self.last());
        let number = self.last.fetch_add(1, Relaxed) + 1;
        let told = mark::current().or_else(|| self.reached()).filter(|_| !self.is_hushed.load(Relaxed));
        (number, packet.numbered(Offset { mark: told, ..self.epoch.offset(number) }), unwritten)
    }

    /// How far the node has come in the cluster's order; none without a cluster, and when it does not keep to the order.
    pub fn reached(&self) -> Option<Mark> {
        *self.reached.lock()
    }

    /// See [`History::reached`].
    pub fn set_reached(&self, mark: Option<Mark>) {
        *self.reached.lock() = mark;
    }

    /// From now on clients are told no place, or a place again.
    pub fn hush(&self, is_hushed: bool) {
        self.is_hushed.store(is_hushed, Relaxed);
    }

    /// Keeps an event that has its number.
    pub fn restore(&self, log: &mut Log, entry: Entry) {
        self.bytes.fetch_add(entry.bytes(), Relaxed);
        let settings = self.settings.load();
        self.freed(log.push(entry, settings.channel_events, settings.channel_bytes));
    }

    /// Forgets a log's events: nobody may miss any.
    pub fn begin(&self, log: &mut Log) {
        self.freed(log.begin(self.last(), self.reached()));
    }

    /// Forgets a log's events that were emitted before a moment, in milliseconds since 1970.
    pub fn expire(&self, log: &mut Log, before: u64) {
        self.freed(log.expire(before));
    }

    /// Whether all logs together hold more than they may.
    pub fn is_over(&self) -> bool {
        self.bytes() > self.settings.load().total_bytes
    }

    fn freed(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Relaxed);
        }
    }
}
