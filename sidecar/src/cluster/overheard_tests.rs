//! Nodes that hear the same publishers late, seldom and twice the same, and a stream that is slow: whatever happens, each does what
//! it has heard once and in order, and all agree on what stands where.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_millis(25);
const LEASE: Duration = Duration::from_secs(10);

fn overheard<A>() -> Overheard<A> {
    let mut overheard = Overheard::new(PATIENCE, LEASE);
    overheard.listen();
    overheard
}

/// What a node has done: the event, and its place.
type Done = (u64, Option<u64>);

struct Node {
    overheard: Overheard<u64>,
    /// Published, and on its way to this node.
    wire: VecDeque<u64>,
    heard: Vec<u64>,
    done: Vec<Done>,
    /// Its notes that are not in the stream yet.
    outbox: VecDeque<(u64, Note)>,
    seq: u64,
    /// How far it has read, and up to which of its own messages.
    read: usize,
    own: u64,
    /// Until it has read that of its own messages, it does not know the place of what it has done.
    ahead: u64,
    /// Of each note what it told: nothing, or something that this node has done there, or has not.
    told: BTreeMap<u64, Option<bool>>,
}

struct World {
    nodes: Vec<Node>,
    /// When, by which node, the number of its message, and what it says; a beat says nothing.
    stream: Vec<(u64, usize, u64, Option<Note>)>,
    now: Instant,
    begun: Instant,
    published: u64,
}

/// Some are alike.
fn key(event: u64) -> Key {
    (if event.is_multiple_of(5) { 0 } else { event }, 0)
}

impl World {
    fn new(count: usize) -> Self {
        let node = |_| Node {
            overheard: overheard(),
            wire: VecDeque::new(),
            heard: Vec::new(),
            done: Vec::new(),
            outbox: VecDeque::new(),
            seq: 0,
            read: 0,
            own: 0,
            ahead: 0,
            told: BTreeMap::new(),
        };
        let now = Instant::now();
        let mut world =
            Self { nodes: (0..count).map(node).collect(), stream: Vec::new(), now, begun: now, published: 0 };
        world.beat();
        (0..count).for_each(|at| world.read(at, 1));
        world
    }

    fn clock(&self) -> u64 {
        1_000_000 + (self.now - self.begun).as_millis() as u64
    }

    fn beat(&mut self) {
        self.stream.push((self.clock(), usize::MAX, 0, None));
    }

    fn publish(&mut self) {
        self.published += 1;
        self.nodes.iter_mut().for_each(|node| node.wire.push_back(self.published));
    }

    /// A node hears what has been published; it may lose some.
    fn hear(&mut self, at: usize, count: usize, keeps: bool) {
        let now = self.now;
        let node = &mut self.nodes[at];
        for _ in 0..count {
            let Some(event) = node.wire.pop_front() else { break };
            if keeps {
                node.heard.push(event);
                node.overheard.come(key(event), 0, "x", 100, event, now);
            }
        }
        self.work(at);
    }

    /// What is to be noted or done by now.
    fn work(&mut self, at: usize) {
        let now = self.now;
        let Node { overheard, outbox, seq, own, done, ahead, .. } = &mut self.nodes[at];
        let mut say = |note: Note, _: &str| {
            *seq += 1;
            outbox.push_back((*seq, note));
            Some(*seq)
        };
        overheard.note(at as u32, now, &mut say);
        for early in overheard.overdue(false, now, *own, &mut say) {
            *ahead = (*ahead).max(early.until.unwrap_or_default());
            done.push((early.act, None));
        }
    }

    fn write(&mut self, at: usize, count: usize) {
        for _ in 0..count {
            let Some((seq, note)) = self.nodes[at].outbox.pop_front() else { return };
            self.stream.push((self.clock(), at, seq, Some(note)));
        }
    }

    fn read(&mut self, at: usize, count: usize) {
        let now = self.now;
        for _ in 0..count {
            let Node { overheard, outbox, seq, own, done, ahead, read, told, .. } = &mut self.nodes[at];
            let Some((clock, from, number, note)) = self.stream.get(*read).copied() else { return };
            let place = *read as u64;
            *read += 1;
            overheard.read(clock);
            let Some(note) = note else { continue };
            if from == at {
                *own = number;
            }
            let mut say = |note: Note, _: &str| {
                *seq += 1;
                outbox.push_back((*seq, note));
                Some(*seq)
            };
            let mine = (from == at).then_some("x");
            let (early, what) = overheard.hear(&note, mine, clock, now, *own, &mut say);
            for early in early {
                *ahead = (*ahead).max(early.until.unwrap_or_default());
                done.push((early.act, None));
            }
            told.insert(
                place,
                match what {
                    Told::Nothing => None,
                    Told::Again(until) => {
                        *ahead = (*ahead).max(until);
                        None
                    }
                    Told::Turn(event) => {
                        done.push((event, Some(place)));
                        Some(true)
                    }
                    Told::Spent | Told::Missing => Some(false),
                },
            );
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        if millis > 1_000 {
            self.beat();
        }
        (0..self.nodes.len()).for_each(|at| self.work(at));
    }

    fn settle(&mut self) {
        for _ in 0..4 {
            for at in 0..self.nodes.len() {
                self.hear(at, usize::MAX, true);
            }
            self.pass(3);
            for at in 0..self.nodes.len() {
                self.write(at, usize::MAX);
            }
            for at in 0..self.nodes.len() {
                self.read(at, usize::MAX);
            }
            self.pass(30);
        }
    }

    /// Whatever happens.
    fn check(&self) {
        for (at, node) in self.nodes.iter().enumerate() {
            let done: Vec<u64> = node.done.iter().map(|(event, _)| *event).collect();
            assert_eq!(done, node.heard[..done.len()], "node {at} does once and in order what it has heard");
            let late = node.heard.len() - done.len();
            assert_eq!(late, node.overheard.waiting.len());
        }
        for place in 0..self.stream.len() as u64 {
            let verdicts: Vec<bool> =
                self.nodes.iter().filter_map(|node| node.told.get(&place)).map(Option::is_some).collect();
            assert!(verdicts.windows(2).all(|two| two[0] == two[1]), "all agree on note {place}");
        }
        // What a node has done early has no place after the one at which it thinks that it knows.
        for node in self.nodes.iter().filter(|node| node.own >= node.ahead && node.overheard.doubt_until.is_none()) {
            for (event, _) in node.done.iter().filter(|(_, place)| place.is_none()) {
                for other in &self.nodes {
                    let elsewhere = other.done.iter().find(|(done, _)| done == event).and_then(|(_, place)| *place);
                    assert!(
                        elsewhere.is_none_or(|place| (place as usize) < node.read) || key(*event) == (0, 0),
                        "{event} gets a place later"
                    );
                }
            }
        }
    }
}

fn note(key: Key, nth: u32) -> Note {
    Note { key, nth, clock: 1_000_000, is_sure: true }
}

#[test]
fn what_is_noted_in_time_has_one_place_at_every_node() {
    let mut world = World::new(3);
    for _ in 0..20 {
        world.publish();
        (0..3).for_each(|at| world.hear(at, 1, true));
        world.pass(1);
        (0..3).for_each(|at| world.write(at, 9));
        (0..3).for_each(|at| world.read(at, 9));
    }
    world.check();
    assert_eq!(world.stream.len(), 1 + 20, "one note for each");
    for node in &world.nodes {
        assert_eq!(node.done, world.nodes[0].done);
        assert!(node.done.iter().all(|(_, place)| place.is_some()) && node.overheard.is_settled(world.now));
    }
}

#[test]
fn the_next_node_notes_what_the_first_does_not_and_of_two_notes_one_counts() {
    let mut world = World::new(3);
    world.publish();
    (1..3).for_each(|at| world.hear(at, 1, true));
    world.pass(4);
    (0..3).for_each(|at| world.write(at, 9));
    (1..3).for_each(|at| world.read(at, 9));
    assert_eq!(world.nodes[1].done, [(1, Some(1))]);
    assert_eq!(world.nodes[2].done, [(1, Some(1))]);
    // The first was only slow.
    world.hear(0, 1, true);
    world.write(0, 9);
    (0..3).for_each(|at| world.read(at, 9));
    world.check();
    assert_eq!((world.stream.len(), world.nodes[0].done.as_slice()), (3, [(1, Some(1))].as_slice()));
}

#[test]
fn nobody_waits_longer_for_a_note_and_its_place_is_known_when_ones_own_comes_back() {
    let mut world = World::new(2);
    world.publish();
    world.hear(1, 1, true);
    world.pass(24);
    assert!(world.nodes[1].done.is_empty());
    world.pass(1);
    assert_eq!(world.nodes[1].done, [(1, None)]);
    assert_eq!((world.nodes[1].ahead, world.nodes[1].own), (1, 0));
    world.hear(0, 1, true);
    world.write(0, 9);
    world.write(1, 9);
    (0..2).for_each(|at| world.read(at, 9));
    world.check();
    assert_eq!((world.nodes[1].own, world.nodes[1].told[&1]), (1, Some(false)));
}

#[test]
fn a_note_about_something_that_is_late_waits_and_not_again_until_that_was_worth_it() {
    let (now, mut overheard) = (Instant::now(), overheard());
    let mut say = |_: Note, _: &str| Some(1);
    overheard.read(1_000_000);
    assert!(overheard.awaits(&note((1, 1), 1), 1_000_000, now));
    overheard.was_in_vain();
    assert!(!overheard.awaits(&note((1, 1), 1), 1_000_000, now));
    assert!(matches!(overheard.hear(&note((1, 1), 1), None, 1_000_000, now, 0, &mut say).1, Told::Missing));
    assert!(overheard.is_missing(now));
    overheard.come((1, 1), 0, "x", 9, 'a', now + Duration::from_millis(1));
    let late = overheard.overdue(false, now, 0, &mut say);
    assert!(late.len() == 1 && late[0].until.is_none(), "at once, and noted by nobody");
    assert!(overheard.is_missing(now), "it is being done");
    overheard.late_is_done();
    assert!(!overheard.is_missing(now) && overheard.awaits(&note((2, 2), 1), 1_000_000, now));
    assert!(!overheard.awaits(&note((2, 2), 1), 1_020_000, now), "an old note says nothing");
}

#[test]
fn what_waits_and_what_is_remembered_is_bounded() {
    let (now, mut overheard) = (Instant::now(), overheard());
    let mut say = |_: Note, _: &str| Some(1);
    let mut done = 0;
    for number in 0..100_000u64 {
        overheard.come((number, 0), 0, "x", 9, number, now);
        done += overheard.overdue(false, now, 0, &mut say).len();
    }
    assert!(overheard.waiting.len() <= MOST && overheard.known.len() <= MOST_KEYS + 1);
    assert_eq!(done + overheard.waiting.len(), 100_000);
    overheard.come((7, 7), 0, "x", MOST_BYTES, 0, now);
    overheard.overdue(false, now, 0, &mut say);
    assert!(overheard.is_empty() && overheard.bytes == 0);
    let mut nothing = |_: Note, _: &str| None;
    overheard.come((8, 8), 0, "x", MOST_BYTES + 1, 0, now);
    overheard.overdue(false, now, 0, &mut nothing);
    (0..MOST_KEYS as u64).for_each(|step| overheard.read(2_000_000 + step * 30_000));
    assert!(!overheard.known.contains_key(&(8, 8)), "nobody has noted it");
    assert!(overheard.known.len() <= MOST_KEYS && overheard.touched.len() <= MOST_KEYS);
}

/// The same message ten times a second, and one of them is lost here.
#[test]
fn one_that_is_lost_is_not_taken_for_each_that_is_like_it() {
    let (mut now, mut overheard) = (Instant::now(), overheard());
    let mut say = |_: Note, _: &str| Some(1);
    overheard.read(1_000_000);
    let mut placed = Vec::new();
    for tick in 1..=5 {
        now += Duration::from_millis(100);
        if tick > 1 {
            overheard.come((1, 1), 0, "x", 9, tick, now);
            for _ in overheard.overdue(false, now, 0, &mut say).iter().filter(|early| early.is_late) {
                overheard.late_is_done();
            }
        }
        let told = overheard.hear(&note((1, 1), tick), None, 1_000_000, now, 0, &mut say).1;
        placed.extend(if let Told::Turn(tick) = told { Some(tick) } else { None });
    }
    assert_eq!(placed, [3, 4, 5], "the second is taken for the first, and no other");
    assert!(!overheard.is_missing(now));
}

#[test]
fn who_goes_on_in_the_place_of_a_node_knows_what_that_knew() {
    let (now, mut before) = (Instant::now(), overheard());
    let mut say = |_: Note, _: &str| Some(1);
    before.begin(900_000);
    before.read(1_000_000);
    for number in 1..=2 {
        before.come((1, 1), 0, "x", 9, number, now);
        before.hear(&note((1, 1), number), None, 1_000_000, now, 0, &mut say);
    }
    before.come((2, 2), 0, "x", 9, 3, now);
    assert_eq!(before.overdue(true, now, 0, &mut |_: Note, _: &str| None).len(), 1);
    let mut after = overheard();
    after.resume(1_000_000, &before.leaves(), now);
    assert!(after.is_sure() && after.is_settled(now));
    let mut said = Vec::new();
    let mut say = |note: Note, _: &str| {
        said.push((note.key, note.nth, note.is_sure));
        Some(1)
    };
    after.come((1, 1), 0, "x", 9, 4, now);
    after.note(0, now, &mut say);
    assert_eq!(said, [((1, 1), 3, true)]);
    let mut say = |_: Note, _: &str| Some(1);
    assert!(matches!(after.hear(&note((1, 1), 3), None, 1_000_000, now, 0, &mut say).1, Told::Turn(4)));
    assert!(matches!(after.hear(&note((2, 2), 1), None, 1_000_000, now, 0, &mut say).1, Told::Spent));
    // What is too old to count for anybody is not told.
    before.read(1_000_000 + MEMORY + 10_000 + 1);
    assert_eq!(before.leaves().events.len(), 1, "that was done, and never noted");
}

#[test]
fn without_an_order_between_channels_what_is_on_another_is_not_hurried() {
    let (now, mut overheard) = (Instant::now(), overheard());
    let mut say = |_: Note, _: &str| Some(1);
    for (number, lane) in [(1, 7), (2, 8), (3, 7)] {
        overheard.come((number, 0), lane, "x", 9, number, now);
    }
    let (early, told) = overheard.hear(&note((3, 0), 1), None, 1_000_000, now, 0, &mut say);
    assert_eq!(early.iter().map(|early| early.act).collect::<Vec<_>>(), [1]);
    assert!(matches!(told, Told::Turn(3)) && overheard.waiting.len() == 1);
}

#[derive(Debug, Clone)]
enum Step {
    Publish,
    Hear(usize, usize),
    Miss(usize),
    Write(usize, usize),
    Read(usize, usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0usize..3;
    prop_oneof![
        8 => Just(Step::Publish),
        8 => (at.clone(), 1usize..6).prop_map(|(at, count)| Step::Hear(at, count)),
        1 => at.clone().prop_map(Step::Miss),
        8 => (at.clone(), 1usize..6).prop_map(|(at, count)| Step::Write(at, count)),
        8 => (at, 1usize..6).prop_map(|(at, count)| Step::Read(at, count)),
        4 => prop_oneof![4 => 1u64..6, 1 => 20u64..40, 1 => 4_000u64..7_000].prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn what_is_heard_is_done_once_in_order_and_stands_where_all_others_have_it(
        steps in proptest::collection::vec(step(), 0..150)
    ) {
        let mut world = World::new(3);
        for step in steps {
            match step {
                Step::Publish => world.publish(),
                Step::Hear(at, count) => world.hear(at, count, true),
                Step::Miss(at) => world.hear(at, 1, false),
                Step::Write(at, count) => world.write(at, count),
                Step::Read(at, count) => world.read(at, count),
                Step::Pass(millis) => world.pass(millis),
            }
            world.check();
        }
        world.settle();
        world.check();
        assert!(world.nodes.iter().all(|node| node.overheard.is_empty()));
    }
}
