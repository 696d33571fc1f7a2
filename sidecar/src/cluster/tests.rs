//! Nodes on a stream that forgets, delays and loses: whatever happens, they end up with the same members and miss no event.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{message::Message, *};
use world::{DEFECT, World, publish};

#[path = "held_tests.rs"]
mod held;
#[path = "recovery_tests.rs"]
mod recovery;
#[path = "tests_world.rs"]
mod world;

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_channels_that_all_members_have_left() {
    let mut world = World::new(2);
    world.settle().await;
    let noted = |world: &World| -> usize {
        let state = world.nodes[1].cluster.state.lock();
        state.members.values().map(HashMap::len).sum()
    };
    for (join, expected) in [(true, 2), (false, 0)] {
        for socket in 0..8 {
            world.change(0, socket, join);
        }
        world.settle().await;
        assert_eq!(noted(&world), expected);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Change {
        at: usize,
        socket: u8,
        join: bool,
    },
    Publish {
        at: usize,
    },
    Write {
        at: usize,
        count: usize,
    },
    Read {
        at: usize,
        count: usize,
    },
    /// Redis loses what was said last.
    Forget {
        last: usize,
    },
    /// A node dies; another starts.
    Kill {
        at: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0usize..3;
    prop_oneof![
        6 => (at.clone(), 0u8..8, any::<bool>()).prop_map(|(at, socket, join)| Step::Change { at, socket, join }),
        4 => at.clone().prop_map(|at| Step::Publish { at }),
        6 => (at.clone(), 1usize..20).prop_map(|(at, count)| Step::Write { at, count }),
        6 => (at.clone(), 1usize..20).prop_map(|(at, count)| Step::Read { at, count }),
        1 => (1usize..10).prop_map(|last| Step::Forget { last }),
        1 => at.prop_map(|at| Step::Kill { at }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn all_nodes_end_up_with_the_same_members(steps in proptest::collection::vec(step(), 0..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(3);
            world.settle().await;
            let nobody_dies = !steps.iter().any(|step| matches!(step, Step::Kill { .. }));
            for step in steps {
                match step {
                    Step::Change { at, socket, join } => world.change(at, socket, join),
                    Step::Publish { at } => world.publish(at),
                    Step::Write { at, count } => world.write(at, count).await,
                    Step::Read { at, count } => world.read(at, count),
                    Step::Forget { last } => world.forget(last),
                    Step::Kill { at } => {
                        world.nodes.remove(at);
                        world.start();
                        world.settle().await;
                    }
                }
            }
            world.settle().await;
            let truth: BTreeSet<_> = world.nodes.iter().flat_map(|node| {
                let stage = &node.stage;
                stage.presence.channels().into_iter().flat_map(|channel| {
                    let members = stage.presence.stored(&channel);
                    members.into_iter().map(move |member| (channel.to_string(), member["user_id"].to_string()))
                })
            }).collect();
            for (at, node) in world.nodes.iter().enumerate() {
                assert_eq!(node.stage.users(), truth, "members at node {at}");
                let told: BTreeSet<_> = node.stage.told.lock().iter().filter(|(_, here)| **here).map(|(who, _)| who.clone()).collect();
                assert_eq!(told, truth, "what node {at} was told");
                // What Redis has lost before anybody heard it is lost with the node that said it.
                assert!(node.cluster.counters.cluster_lost.get() == 0 || !nobody_dies);
                for (of, channels) in &node.cluster.state.lock().members {
                    assert!(channels.keys().all(|channel| node.stage.has_members(*of, channel)), "noted of {of} at node {at}");
                }
            }
        });
    }

    /// Without deaths: every event of every node at every other node once, in its publisher's order.
    #[test]
    fn events_arrive_once_and_in_order(steps in proptest::collection::vec(step(), 0..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(3);
            world.settle().await;
            for step in steps {
                match step {
                    Step::Change { at, .. } | Step::Publish { at } | Step::Kill { at } => world.publish(at),
                    Step::Write { at, count } => world.write(at, count).await,
                    Step::Read { at, count } => world.read(at, count),
                    Step::Forget { last } => world.forget(last),
                }
            }
            world.settle().await;
            for at in 0..3 {
                for from in 0..3 {
                    let prefix = format!("{from}.");
                    let events = world.nodes[at].stage.events.lock();
                    let heard: Vec<_> = events.iter().filter(|name| name.starts_with(&prefix)).cloned().collect();
                    assert_eq!(heard, world.nodes[from].published, "from {from} at {at}");
                }
            }
        });
    }
}

proptest! {
    /// With deaths: what one node has heard of another one, dead or alive, all hear that were there, once and in its publisher's order:
    /// up to the first that Redis lost before anybody heard it. Of one that has just started some may miss the first words.
    #[test]
    fn what_one_has_heard_of_the_dead_all_hear(steps in proptest::collection::vec(step(), 0..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(3);
            world.settle().await;
            for step in steps {
                match step {
                    Step::Change { at, .. } | Step::Publish { at } => world.publish(at),
                    Step::Write { at, count } => world.write(at, count).await,
                    Step::Read { at, count } => world.read(at, count),
                    Step::Forget { last } => {
                        world.forget(last);
                        world.lost_redis();
                    }
                    Step::Kill { at } => {
                        world.nodes.remove(at);
                        world.start();
                    }
                }
            }
            world.settle().await;
            let number = |name: &String| name.split_once('.').map(|(of, number)| (of.parse().unwrap(), number.parse().unwrap()));
            for of in 0..world.nodes.iter().map(|node| node.name + 1).max().unwrap_or(0) {
                let heard: Vec<Vec<u64>> = world.nodes.iter().filter(|node| node.name < 3).map(|node| {
                    let events = node.stage.events.lock();
                    events.iter().filter_map(number).filter(|(by, _): &(usize, u64)| *by == of).map(|(_, number)| number).collect()
                }).collect();
                assert!(heard.iter().all(|numbers| numbers.is_sorted_by(|one, next| one < next)), "of {of}: {heard:?}");
                let all: BTreeSet<u64> = heard.iter().flatten().copied().collect();
                let first_lost = (0..).find(|number| !all.contains(number)).unwrap_or_default();
                let met = heard.iter().filter(|_| of < 3);
                let met: Vec<Vec<_>> = met.map(|numbers| numbers.iter().filter(|number| **number < first_lost).collect()).collect();
                assert!(met.windows(2).all(|two| two[0] == two[1]), "of {of}: {heard:?}");
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_counted_answers_once() {
    let mut world = World::new(3);
    world.settle().await;
    let asking = world.nodes[0].cluster.clone();
    let counting = tokio::spawn(async move { asking.count(None).await });
    tokio::task::yield_now().await;
    for at in 0..3 {
        world.write(at, usize::MAX).await;
        world.read(at, usize::MAX);
    }
    for at in 0..3 {
        world.write(at, usize::MAX).await;
        world.read(at, usize::MAX);
    }
    world.read(0, usize::MAX);
    assert_eq!(counting.await.unwrap().0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_and_counted() {
    let mut world = World::new(1);
    let bytes = Seal::new(Some("another secret")).close(&Message {
        node: NodeId(9),
        seq: 1,
        born: None,
        is_retold: false,
        body: Body::Beat,
    });
    world.stream.push((0, Some(bytes.into())));
    world.stream.push((0, Some(Bytes::from_static(b"junk"))));
    world.read(0, 2);
    assert_eq!(world.nodes[0].cluster.counters.cluster_refused.get(), 2);
    assert_eq!(world.nodes[0].cluster.standing().peers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_defect_makes_no_node_deaf() {
    let mut world = World::new(2);
    world.settle().await;
    let data = RawValue::from_string("1".into()).unwrap();
    let event = publish(crate::publisher::Source::Unix, DEFECT, &data);
    let own = &world.nodes[0].cluster;
    let seqs = [0; 2].map(|_| own.publish(&event, None, || std::panic::resume_unwind(Box::new("on purpose"))));
    assert!(own.told(seqs[0]).now_or_never().is_none());
    world.write(0, 1).await;
    for at in 0..2 {
        world.read(at, usize::MAX);
        let cluster = &world.nodes[at].cluster;
        assert_eq!(cluster.counters.cluster_panics.get(), 1, "node {at}");
        assert!(crate::recovery::mark::is_outside());
    }
    // The second one by its own node because Redis takes too long.
    tokio::time::advance(Duration::from_secs(1)).await;
    world.nodes[0].cluster.hurry(world.nodes[0].stage.as_ref(), Instant::now());
    assert_eq!(world.nodes[0].cluster.counters.cluster_panics.get(), 2);
    world.nodes[0].cluster.told(seqs[1]).await;
    world.publish(0);
    world.settle().await;
    for node in &world.nodes {
        assert_eq!(*node.stage.events.lock(), ["0.0"]);
        assert!(node.cluster.standing().is_in_order);
    }
}
