//! Pages that go from node to node: whatever Redis, the nodes and their connections do, a page that has its session back hears each
//! event once, and those of one publisher in order.

use super::*;
use crate::testing::channel;
use world::{CHANNELS, Node, World};

#[path = "recovery_world.rs"]
mod world;

#[tokio::test(start_paused = true)]
async fn a_page_gets_what_it_missed_at_whichever_node_it_comes_back() {
    let mut world = World::new().await;
    for round in 0..6 {
        for number in 0..9 {
            world.publish(number % 3, CHANNELS[number % 2]);
        }
        world.exchange().await;
        // It has seen a part; its node may have noticed or not.
        assert!(world.go(0, (round + 1) % 3, round, round % 2 == 0).await, "round {round}");
        world.publish(round % 3, "x");
        world.exchange().await;
    }
    world.settle().await;
    world.check();
    assert_eq!(world.pages[0].heard.len(), 6);
    let told = |node: &Node| node.local.clients.elsewhere() + node.local.clients.count() + node.local.clients.kept();
    assert!(world.nodes.iter().all(|node| told(node) == world.pages.len()));
}

#[tokio::test(start_paused = true)]
async fn a_page_gets_what_a_legacy_publisher_said_at_whichever_node_it_comes_back() {
    let mut world = World::new().await;
    for round in 0..6 {
        for number in 0..9 {
            world.publish_legacy(CHANNELS[number % 2]);
            world.publish(number % 3, "x");
            world.overhear(number % 3, 1);
            world.pass(1).await;
        }
        world.exchange().await;
        world.publish_legacy("x");
        world.exchange().await;
        assert!(world.go(0, (round + 1) % 3, round, round % 2 == 0).await, "round {round}");
        world.publish_legacy("y");
        world.exchange().await;
    }
    world.settle().await;
    world.check();
    let early =
        |node: &Node| node.cluster.counters.cluster_unplaced.get() + node.cluster.counters.cluster_unheard.get();
    assert!(world.nodes.iter().all(|node| early(node) == 0));
}

/// Whether it was stopped and started, and goes on with what it knew, or was killed and is the last of all to note.
#[tokio::test(start_paused = true)]
async fn a_page_at_a_node_that_has_just_started_comes_back_elsewhere_with_what_a_legacy_publisher_said() {
    for is_stopped in [true, false] {
        let mut world = World::new().await;
        world.publish_legacy("x");
        world.exchange().await;
        if is_stopped {
            // This one it does not hear any more.
            world.publish_legacy("x");
            (0..2).for_each(|at| world.overhear(at, 1));
            world.pass(7).await;
            world.write(0, usize::MAX).await;
            world.write(1, usize::MAX).await;
            world.restart(2).await;
        } else {
            world.nodes.remove(2);
            world.pages.retain(|page| page.node != 2);
            world.start();
            world.nodes.iter().for_each(|node| _ = node.cluster.outbox.say(Body::Beat));
            world.exchange().await;
        }
        world.visit(2);
        world.exchange().await;
        let page = world.pages.len() - 1;
        for _ in 0..9 {
            world.publish_legacy("x");
            if is_stopped {
                // The others hear it late: this one notes it.
                world.overhear(2, 1);
                world.pass(7).await;
            } else {
                (0..3).for_each(|at| world.overhear(at, 1));
                world.pass(10).await;
                world.write(2, usize::MAX).await; // if it has noted anything, that is first
            }
            world.exchange().await;
        }
        assert!(world.go(page, 0, 4, true).await, "{is_stopped}");
        world.settle().await;
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_killed_node_gets_what_it_missed_and_nobody_sees_it_leave() {
    let mut world = World::new().await;
    let members = |world: &World| world.nodes[0].local.presence.all(&channel("presence-z")).len();
    assert_eq!(members(&world), 4);
    for number in 0..6 {
        world.publish(number % 3, "x");
    }
    world.exchange().await;
    let page = world.pages.iter().position(|page| page.node == 2).unwrap();
    let (id, socket) = (world.pages[page].id.clone(), world.pages[page].socket.clone());
    world.pages[page].take(usize::MAX);
    drop(socket);
    world.nodes.remove(2);
    world.publish(0, "x");
    world.exchange().await;
    assert!(world.go(page, 1, usize::MAX, false).await);
    world.start();
    world.settle().await;
    world.check();
    assert_eq!((world.pages[page].id.as_str(), world.pages[page].node), (id.as_str(), 1));
    assert_eq!(members(&world), 4);
}

#[tokio::test(start_paused = true)]
async fn a_page_on_a_quiet_channel_comes_back_at_a_node_that_started_later() {
    let mut world = World::new().await;
    world.publish(1, "x");
    world.settle().await;
    world.start();
    world.settle().await;
    for _ in 0..3 {
        world.publish(0, "elsewhere");
    }
    world.exchange().await;
    assert!(world.go(0, 3, usize::MAX, true).await);
    world.publish(1, "x");
    world.settle().await;
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_page_whose_events_had_no_place_gets_a_new_session() {
    let mut world = World::new().await;
    world.publish(0, "x");
    tokio::time::advance(Duration::from_millis(30)).await;
    let node = &world.nodes[0];
    node.cluster.hurry(&node.local, Instant::now());
    world.listen();
    assert!(!world.go(0, 1, usize::MAX, true).await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_repeated_or_reordered_for_who_has_its_session_back(
        steps in proptest::collection::vec(roam(), 0..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                match step {
                    Roam::Publish(at, channel) => world.publish(at, CHANNELS[channel]),
                    Roam::Legacy(channel) => world.publish_legacy(CHANNELS[channel]),
                    Roam::Overhear(at, count) => world.overhear(at, count),
                    Roam::Pass(millis) => world.pass(millis).await,
                    Roam::Write(at, count) => world.write(at, count).await,
                    Roam::Read(at, count) => world.read(at, count),
                    Roam::Listen => world.listen(),
                    Roam::Go(page, to, seen, noticed) => {
                        world.go(page, to, seen, noticed).await;
                    }
                    Roam::Slow(at) => {
                        tokio::time::advance(Duration::from_millis(30)).await;
                        let node = &world.nodes[at];
                        node.cluster.hurry(&node.local, Instant::now());
                    }
                    Roam::Forget(last) => {
                        let len = world.stream.len();
                        world.stream[len.saturating_sub(last)..].iter_mut().for_each(|entry| entry.1 = None);
                        // Whoever reads a Redis that was lost connects anew.
                        for node in &world.nodes {
                            node.cluster.lost_redis(&node.local, false, Instant::now());
                        }
                        world.has_forgotten = true;
                    }
                    Roam::Kill(at) => world.kill(at).await,
                    Roam::Restart(at) => {
                        // It takes longer than what legacy publishers say takes to the others, and waits there; what it takes to this one
                        // is lost.
                        (0..3).filter(|other| *other != at).for_each(|other| world.overhear(other, usize::MAX));
                        world.pass(30).await;
                        world.restart(at).await;
                    }
                }
            }
            world.settle().await;
            world.check();
        });
    }
}

#[derive(Debug, Clone)]
enum Roam {
    Publish(usize, usize),
    Legacy(usize),
    Overhear(usize, usize),
    Pass(u64),
    Write(usize, usize),
    Read(usize, usize),
    Listen,
    Go(usize, usize, usize, bool),
    Slow(usize),
    Forget(usize),
    Kill(usize),
    Restart(usize),
}

fn roam() -> impl Strategy<Value = Roam> {
    let at = 0usize..3;
    prop_oneof![
        8 => (at.clone(), 0usize..3).prop_map(|(at, channel)| Roam::Publish(at, channel)),
        8 => (0usize..3).prop_map(Roam::Legacy),
        8 => (at.clone(), 1usize..9).prop_map(|(at, count)| Roam::Overhear(at, count)),
        2 => (1u64..9).prop_map(Roam::Pass),
        6 => (at.clone(), 1usize..20).prop_map(|(at, count)| Roam::Write(at, count)),
        6 => (at.clone(), 1usize..20).prop_map(|(at, count)| Roam::Read(at, count)),
        2 => Just(Roam::Listen),
        4 => (0usize..4, at.clone(), 0usize..6, any::<bool>())
            .prop_map(|(page, to, seen, noticed)| Roam::Go(page, to, seen, noticed)),
        1 => at.clone().prop_map(Roam::Slow),
        1 => (1usize..6).prop_map(Roam::Forget),
        1 => at.clone().prop_map(Roam::Kill),
        1 => at.prop_map(Roam::Restart),
    ]
}
