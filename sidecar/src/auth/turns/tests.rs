//! Who gets a turn, and who none.

use super::*;

/// A socket of which nobody knows the household, or one of the household that stands behind an `@`.
fn id(name: &str) -> Asking {
    let household = name.split_once('@').map(|(_, household)| household.parse().unwrap());
    Asking { socket: SocketId::from(name), household }
}

fn wait(turns: &Arc<Turns>, who: &str, most: usize) -> Option<Waiting> {
    match turns.ask(&id(who), most) {
        Said::Wait(waiting) => Some(waiting),
        Said::Full => None,
        Said::Now(_) => panic!("there was a place"),
    }
}

#[tokio::test]
async fn who_asks_one_thing_does_not_wait_for_everything_of_another() {
    let turns = Arc::new(Turns::new(1));
    let Said::Now(mut turn) = turns.ask(&id("flood"), 100) else { panic!("no place") };
    let mut flood: Vec<_> = (0..50).filter_map(|_| wait(&turns, "flood", 100)).collect();
    let mut other = wait(&turns, "other", 100).unwrap();
    for number in 0..2 {
        drop(turn);
        turn = if number == 0 { flood.remove(0).called().await } else { other.called().await }.unwrap();
    }
    drop(flood);
    drop(other);
    assert_eq!(turns.state.lock().waiting, 0);
    drop(turn);
    assert_eq!(turns.state.lock().free, 1);
}

#[test]
fn one_socket_never_takes_all_of_the_queue() {
    let turns = Arc::new(Turns::new(0));
    let flood = |who: &str| (0..1_000).map_while(|_| wait(&turns, who, 100)).collect::<Vec<_>>();
    let first = flood("first");
    assert_eq!(first.len(), 51);
    let others: Vec<_> = ["b", "c", "d"].map(flood).into_iter().flatten().collect();
    let good = wait(&turns, "good", 100);
    assert!(good.is_some(), "there is room for who comes");
    assert!(turns.state.lock().waiting < 100);
    drop((first, others, good));
    let state = turns.state.lock();
    assert_eq!((state.waiting, state.lines.len(), state.round.len()), (0, 0, 0));
}

#[tokio::test]
async fn places_become_more_at_once_and_fewer_as_soon_as_they_are_free() {
    let turns = Arc::new(Turns::new(2));
    let take = || match turns.ask(&id("a"), 0) {
        Said::Now(turn) => Some(turn),
        Said::Wait(_) | Said::Full => None,
    };
    turns.change(3);
    let taken: Vec<_> = std::iter::from_fn(take).collect();
    assert_eq!(taken.len(), 5);
    turns.change(-4);
    drop(taken);
    assert_eq!(turns.state.lock().free, 1);
    let one = take();
    let mut waiting = wait(&turns, "b", 1).unwrap();
    turns.change(1);
    assert!(waiting.called().await.is_some() && one.is_some());
}

#[tokio::test]
async fn a_household_has_one_turn_in_a_round_however_many_sockets_it_has() {
    let turns = Arc::new(Turns::new(1));
    let Said::Now(mut turn) = turns.ask(&id("first"), 1_000) else { panic!("no place") };
    let flood = (0..400).map(|socket| wait(&turns, &format!("{socket}@192.0.2.1"), 1_000).unwrap());
    let mut flood: VecDeque<_> = flood.collect();
    let mut other: Vec<_> = (0..3).map(|_| wait(&turns, "other@192.0.2.2", 1_000).unwrap()).collect();
    for waiting in &mut other {
        drop(turn);
        turn = flood.pop_front().unwrap().called().await.unwrap();
        drop(turn);
        turn = waiting.called().await.unwrap();
    }
    // What was given up counts for nobody, and the sockets of a household take turns.
    drop(flood);
    let [mut one, mut two, mut next] =
        ["a", "a", "b"].map(|socket| wait(&turns, &format!("{socket}@192.0.2.3"), 1_000).unwrap());
    for waiting in [&mut one, &mut next, &mut two] {
        drop(turn);
        turn = waiting.called().await.unwrap();
    }
    drop((turn, other, one, two, next));
    let state = turns.state.lock();
    assert_eq!((state.waiting, state.free, state.lines.len(), state.round.len()), (0, 1, 0, 0));
}

#[test]
fn a_household_has_half_of_the_places_that_others_leave_and_its_sockets_share_it() {
    let turns = Arc::new(Turns::new(0));
    let flood = |who: String| (0..1_000).map_while(|_| wait(&turns, &who, 100)).collect::<Vec<_>>();
    let home = |sockets: usize, household: &str| {
        (0..sockets).flat_map(|socket| flood(format!("{socket}@{household}"))).collect::<Vec<_>>()
    };
    let first = flood("0@192.0.2.1".into());
    assert_eq!(first.len(), 26, "a socket leaves room for the others of its household");
    let rest = home(400, "192.0.2.1");
    assert_eq!(first.len() + rest.len(), 50);
    let second = home(400, "2001:db8::");
    assert_eq!(second.len(), 25);
    let stranger = wait(&turns, "0@192.0.2.3", 100);
    assert!(stranger.is_some() && wait(&turns, "unknown", 100).is_some());
    drop((first, rest));
    assert!(wait(&turns, "0@192.0.2.1", 100).is_some(), "what is given up is free again");
    drop((second, stranger));
    let alone: Vec<_> = (0..3).map_while(|_| wait(&turns, "0@192.0.2.1", 1)).collect();
    assert_eq!(alone.len(), 1, "a queue of one is for whoever comes");
}
