//! What waits for a polling client until it asks.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};

use bytes::Bytes;

use super::{
    engine::Outgoing,
    outbox::{ENTRY, Wrote},
    rule::{Room, Rule},
};
use crate::seen::at_the_door;

/// The state of a connection that is polling.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// Each packet with its part in what was pushed, and the room it takes.
    queue: VecDeque<(Outgoing, Part, Room)>,
    bytes: usize,
    /// Bytes of answers that the connection has not taken yet.
    unsent: Arc<AtomicUsize>,
    /// How many more may wait than usual, until they are taken.
    allowance: usize,
    /// What of that was for the answer that is being made.
    granted: usize,
    /// Whether a GET is waiting.
    pub(super) waiting: bool,
    /// Whether a POST is being read.
    pub(super) posting: bool,
    /// A websocket is being probed: a waiting GET has to be let go, so that the client can change over.
    pub(super) release: bool,
    /// Of the waiting GET.
    pub(super) waker: Option<Waker>,
}

/// The body of an answer until it is written.
struct Unsent {
    body: Vec<u8>,
    _room: Room,
    of_client: Arc<AtomicUsize>,
    /// So much of it counts.
    counted: usize,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.of_client.fetch_sub(self.counted, Relaxed);
    }
}

/// What a packet that waits belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first packet of an event.
    Event,
    /// An attachment of the event in front of it.
    Attachment,
    /// Something that is never dropped.
    Other,
}

/// What a packet takes while it waits.
fn cost(packet: &Outgoing) -> usize {
    packet.len() + ENTRY
}

impl Poll {
    /// Queues a packet that is not an event.
    pub(super) fn push(&mut self, packet: Outgoing, rule: &Rule) -> Wrote {
        self.push_all([packet], Part::Other, rule)
    }

    /// Queues an event: all of its packets, or none.
    pub(super) fn push_event(&mut self, packets: impl IntoIterator<Item = Outgoing>, rule: &Rule) -> Wrote {
        self.push_all(packets, Part::Event, rule)
    }

    fn push_all(&mut self, packets: impl IntoIterator<Item = Outgoing>, mut part: Part, rule: &Rule) -> Wrote {
        // The next answer may be made before this returns.
        at_the_door();
        let packets: Vec<_> = packets.into_iter().collect();
        let bytes: usize = packets.iter().map(cost).sum();
        let mut most = rule.most(self.queued(), self.allowance);
        let mut dropped = 0;
        if rule.drops_oldest() && self.queued() + bytes > most.bytes {
            dropped = self.make_room(bytes, most.bytes);
            most = rule.most(self.queued(), self.allowance);
        }
        if self.queued() + bytes > most.bytes {
            // There is nothing older to make room: what is older is on its way, or is others'.
            let is_in_the_way = most.is_crowded || self.bytes + bytes <= most.bytes;
            return match most.is_crowded {
                _ if is_in_the_way && rule.drops_oldest() && part == Part::Event => Wrote::Dropped(dropped + 1),
                true => Wrote::Crowded,
                false => Wrote::Full,
            };
        }
        self.bytes += bytes;
        for packet in packets {
            let room = rule.take(cost(&packet));
            self.queue.push_back((packet, part, room));
            if part == Part::Event {
                part = Part::Attachment;
            }
        }
        self.wake();
        if dropped > 0 { Wrote::Dropped(dropped) } else { Wrote::Fine }
    }

    /// Drops the oldest events until there is room for so many bytes; how many there were.
    fn make_room(&mut self, bytes: usize, bound: usize) -> u64 {
        let (mut at, mut dropped) = (0, 0);
        while self.queued() + bytes > bound {
            match self.queue.get(at) {
                None => break,
                Some((_, Part::Other, _)) => at += 1,
                Some((packet, part, _)) => {
                    self.bytes -= cost(packet);
                    dropped += u64::from(*part == Part::Event);
                    self.queue.remove(at);
                    while let Some((packet, Part::Attachment, _)) = self.queue.get(at) {
                        self.bytes -= cost(packet);
                        self.queue.remove(at);
                    }
                }
            }
        }
        dropped
    }

    /// Throws away what waits for the sake of a last packet, which may wait whatever the bounds are.
    pub(super) fn cut_short(&mut self, last: Option<Outgoing>, rule: &Rule) {
        self.take();
        if let Some(last) = last {
            self.bytes = cost(&last);
            self.queue.push_back((last, Part::Other, rule.take(self.bytes)));
        }
    }

    /// So many bytes that are about to be queued may wait beyond the bound.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.allowance += bytes;
    }

    /// Bytes that wait, and what holds them; those of answers that are on their way included.
    pub(super) fn queued(&self) -> usize {
        self.bytes + self.unsent.load(Relaxed)
    }

    /// Bytes that wait for the next answer, and what holds them.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// The body of an answer, which counts among what waits for this client until its connection has taken it.
    pub(super) fn unsent(&mut self, body: Vec<u8>, rule: &Rule) -> Bytes {
        // What was allowed beyond the bound stays so on its way.
        let counted = body.len().saturating_sub(std::mem::take(&mut self.granted));
        self.unsent.fetch_add(counted, Relaxed);
        let (room, of_client) = (rule.take(body.len()), Arc::clone(&self.unsent));
        Bytes::from_owner(Unsent { body, _room: room, of_client, counted })
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Everything that waits; none when nothing does.
    pub(super) fn take(&mut self) -> Option<Vec<Outgoing>> {
        self.bytes = 0;
        self.granted = std::mem::take(&mut self.allowance);
        if self.queue.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut self.queue).into_iter().map(|(packet, _, _)| packet).collect())
    }

    /// Lets a waiting GET look again.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Limits, SlowClients};

    fn rule(queue_per_socket: usize, slow_clients: SlowClients) -> Rule {
        let limits = Limits { queue_per_socket, slow_clients, ..Limits::default() };
        Rule::new(&limits, Duration::from_secs(1))
    }

    fn text(text: &'static str) -> Outgoing {
        Outgoing::Text(Bytes::from_static(text.as_bytes()))
    }

    fn waiting(poll: &mut Poll) -> Vec<Bytes> {
        let all = poll.take().unwrap_or_default();
        all.into_iter()
            .map(|packet| match packet {
                Outgoing::Text(bytes) | Outgoing::Binary(bytes) => bytes,
            })
            .collect()
    }

    #[test]
    fn the_oldest_events_make_room_with_their_attachments() {
        let rule = &rule(10 + 5 * ENTRY, SlowClients::DropOldest);
        let mut poll = Poll::default();
        assert_eq!(poll.push(text("40"), rule), Wrote::Fine);
        assert_eq!(poll.push_event([text("a"), text("b1"), text("b2")], rule), Wrote::Fine);
        assert_eq!(poll.push_event([text("ccc")], rule), Wrote::Fine);
        assert_eq!(poll.push_event([text("d")], rule), Wrote::Dropped(1));
        let large = Outgoing::Text(vec![b'e'; 8 + 3 * ENTRY].into());
        assert_eq!(poll.push_event([large], rule), Wrote::Dropped(2));
        let larger = Outgoing::Text(vec![b'f'; 9 + 3 * ENTRY].into());
        assert_eq!(poll.push_event([larger], rule), Wrote::Full, "what is no event is not dropped");
        assert_eq!(waiting(&mut poll), ["40"]);
        assert_eq!(poll.queued(), 0);
    }

    #[test]
    fn without_the_rule_nothing_is_dropped() {
        let rule = &rule(4 + 3 * ENTRY, SlowClients::Disconnect);
        let mut poll = Poll::default();
        assert_eq!(poll.push_event([text("aa"), text("b")], rule), Wrote::Fine);
        assert_eq!(poll.push_event([text("c"), text("d")], rule), Wrote::Full, "all of an event or none");
        assert_eq!(poll.push_event([text("c")], rule), Wrote::Fine);
        assert_eq!(waiting(&mut poll), ["aa", "b", "c"]);
    }

    #[test]
    fn an_answer_on_its_way_is_in_the_way_of_new_events_alone() {
        let bound = 10 + 5 * ENTRY;
        let (oldest, slow) = (rule(bound, SlowClients::DropOldest), rule(bound, SlowClients::Disconnect));
        for (rule, wrote) in [(&oldest, Wrote::Dropped(1)), (&slow, Wrote::Full)] {
            let mut poll = Poll::default();
            let answer = poll.unsent(vec![b'a'; bound], rule);
            assert_eq!(poll.push_event([text("b")], rule), wrote);
            drop(answer);
            assert_eq!(poll.push_event([text("b")], rule), Wrote::Fine);
        }
    }

    #[test]
    fn what_was_allowed_beyond_the_bound_stays_so_on_its_way() {
        let rule = &rule(10 + 5 * ENTRY, SlowClients::Disconnect);
        let mut poll = Poll::default();
        poll.allow(1_000);
        assert_eq!(poll.push_event([Outgoing::Text(vec![b'a'; 1_000].into())], rule), Wrote::Fine);
        assert_eq!(waiting(&mut poll).len(), 1);
        let answer = poll.unsent(vec![b'a'; 1_000], rule);
        assert_eq!(poll.push_event([text("b")], rule), Wrote::Fine);
        assert_eq!(waiting(&mut poll), ["b"]);
        let next = poll.unsent(vec![b'b'; 11 + 5 * ENTRY], rule);
        assert_eq!(poll.push_event([text("c")], rule), Wrote::Full, "that was for one answer");
        drop((answer, next));
        assert_eq!(poll.queued(), 0);
    }

    #[test]
    fn what_waits_counts_among_all_that_waits_until_it_is_taken() {
        let rule = rule(1_000_000, SlowClients::Disconnect);
        let (mut one, mut other) = (Poll::default(), Poll::default());
        assert_eq!(one.push_event([text("aa"), text("b")], &rule), Wrote::Fine);
        assert_eq!(other.push(text("2"), &rule), Wrote::Fine);
        assert_eq!(rule.taken(), 4 + 3 * ENTRY);
        assert_eq!(waiting(&mut one), ["aa", "b"]);
        assert_eq!(rule.taken(), 1 + ENTRY);
        let answer = one.unsent(b"aa".to_vec(), &rule);
        assert_eq!((rule.taken(), one.queued(), one.waiting_bytes()), (3 + ENTRY, 2, 0), "so does an answer");
        drop(answer);
        assert_eq!((rule.taken(), one.queued()), (1 + ENTRY, 0));
        drop(other);
        assert_eq!(rule.taken(), 0, "a connection that ends gives its room back");
        rule.change(&Limits { queue_in_all: 16 * (ENTRY + 1), ..Limits::default() }, Duration::from_secs(1));
        assert_eq!(one.push(text("2"), &rule), Wrote::Fine);
        assert_eq!(one.push(text("2"), &rule), Wrote::Crowded);
    }
}
