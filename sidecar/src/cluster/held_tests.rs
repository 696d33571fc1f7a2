//! What is held while something is missing, and what only one node knows: nothing of it is lost with the rest.

use super::*;

/// So many times a tenth of a second passes, in which everybody does what is due, says and reads.
async fn pass(world: &mut World, tenths: usize) {
    for tenth in 1..=tenths {
        tokio::time::advance(Duration::from_millis(100)).await;
        world.now = Instant::now();
        for at in 0..world.nodes.len() {
            let node = &world.nodes[at];
            node.cluster.hurry(node.stage.as_ref(), world.now);
            node.hear_held(world.now);
            if tenth % 20 == 0 {
                node.cluster.say_alive(world.now);
            }
            world.write(at, usize::MAX).await;
        }
        (0..world.nodes.len()).for_each(|at| world.read(at, usize::MAX));
    }
}

fn events(world: &World, at: usize) -> Vec<String> {
    world.nodes[at].stage.events.lock().clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_not_asked_for_and_not_lost() {
    let mut world = World::new(3);
    world.settle().await;
    (0..4).for_each(|_| world.publish(0));
    world.write(0, usize::MAX).await;
    let dead = world.nodes.remove(0);
    world.read(0, 2);
    // What it has heard before it can say no more; and what it hears now Redis loses before the other node reads it.
    *world.nodes[0].cluster.retelling.lock() = Retelling::default();
    world.read(0, 2);
    world.forget(2);
    let cut_off = &world.nodes[1];
    cut_off.cluster.lost_redis(cut_off.stage.as_ref(), false, world.now);
    world.read(1, 4);
    pass(&mut world, 50).await;
    assert_eq!([events(&world, 0), events(&world, 1)], [dead.published.clone(), dead.published]);
    assert_eq!(world.nodes[1].cluster.counters.cluster_lost.get(), 0);
}

/// Node 0 has said a hundred events that Redis lost, of which node 1 has read half, and three more. It has said the second half once
/// more, for node 1, and node 2 has read that after the three.
async fn in_another_order() -> World {
    let mut world = World::new(3);
    world.settle().await;
    (0..100).for_each(|_| world.publish(0));
    world.write(0, usize::MAX).await;
    world.read(0, usize::MAX);
    world.read(1, 50);
    world.forget(usize::MAX);
    let end = world.stream.len();
    world.nodes.iter_mut().for_each(|node| node.read = end);
    (0..3).for_each(|_| world.publish(0));
    world.write(0, usize::MAX).await;
    world.read(1, usize::MAX);
    world.write(1, usize::MAX).await;
    world.read(0, usize::MAX);
    world.write(0, usize::MAX).await;
    world.read(2, usize::MAX);
    world
}

#[tokio::test(start_paused = true)]
async fn what_is_held_in_another_order_is_asked_for_no_more() {
    let mut world = in_another_order().await;
    let begin = world.stream.len();
    pass(&mut world, 20).await;
    assert!((0..3).all(|at| events(&world, at) == world.nodes[0].published));
    let seal = Seal::new(None);
    let said = world.stream[begin..].iter().filter_map(|(_, bytes)| bytes.as_ref());
    let asked = said.filter(|bytes| matches!(seal.open(bytes).unwrap().body, Body::Again { .. })).count();
    assert!(asked <= 3, "asked {asked} times");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_behind_a_beat_is_not_asked_for_and_not_lost() {
    let mut world = World::new(3);
    world.settle().await;
    (0..3).for_each(|_| world.publish(0));
    world.write(0, usize::MAX).await;
    world.forget(3);
    world.nodes[0].cluster.outbox.say(Body::Beat);
    world.write(0, usize::MAX).await;
    world.nodes[0].cluster.outbox.say_again(1);
    world.write(0, usize::MAX).await;
    // It waits for another one, which says nothing; who said all this dies, and nobody else has it.
    let last = &world.nodes[2];
    last.cluster.lost_redis(last.stage.as_ref(), false, world.now);
    world.read(2, usize::MAX);
    let dead = world.nodes.remove(0);
    world.nodes.remove(0);
    pass(&mut world, 60).await;
    assert_eq!(events(&world, 0), dead.published);
    assert_eq!(world.nodes[0].cluster.counters.cluster_lost.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_in_another_order_waits_once_for_the_dead() {
    let mut world = in_another_order().await;
    world.nodes.drain(..2);
    pass(&mut world, 50).await;
    let last = &world.nodes[0];
    assert!(!last.cluster.gaps.lock().is_holding());
    let numbers = (50..103).map(|number| format!("0.{number}")).collect::<Vec<_>>();
    assert_eq!((events(&world, 0), last.cluster.counters.cluster_lost.get()), (numbers, 50));
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_after_all_others_have_read_it_keeps_nobody_out_of_the_order() {
    let mut world = World::new(3);
    world.settle().await;
    world.publish(0);
    world.write(0, 1).await;
    (1..3).for_each(|at| world.read(at, 1));
    world.forget(1);
    pass(&mut world, 50).await;
    assert!(world.nodes.iter().all(|node| node.cluster.standing().is_in_order));
    assert!((0..3).all(|at| events(&world, at) == ["0.0"]));
}

#[tokio::test(start_paused = true)]
async fn who_is_stopped_and_started_twice_repeats_nothing() {
    let mut world = World::new(2);
    world.settle().await;
    world.publish(0);
    world.write(0, usize::MAX).await;
    tokio::time::advance(Duration::from_millis(100)).await;
    for _ in 0..2 {
        let node = &mut world.nodes[0];
        node.cluster.hurry(node.stage.as_ref(), Instant::now());
        *node.cluster.place.lock() = Some(Place(world.stream[node.read - 1].0, node.read as u64));
        let left = node.cluster.leaves().unwrap();
        node.cluster = Arc::new(Cluster::new(ClusterConfig::default(), 512, Arc::default()));
        node.cluster.resume(&left);
    }
    world.settle().await;
    assert_eq!([events(&world, 0), events(&world, 1)], [["0.0"], ["0.0"]]);
}

#[tokio::test(start_paused = true)]
async fn what_one_has_heard_of_a_node_that_dies_all_hear_before_it_is_buried() {
    let mut world = World::new(3);
    world.settle().await;
    world.publish(0);
    world.write(0, 1).await;
    world.read(1, 1);
    // The connections do not break.
    world.forget(1);
    world.nodes.remove(0);
    pass(&mut world, 150).await;
    assert_eq!([events(&world, 0), events(&world, 1)], [["0.0"], ["0.0"]]);
    assert_eq!(world.nodes[0].cluster.standing().peers, 1);
}
