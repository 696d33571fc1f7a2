use super::*;

const YOU: NodeId = NodeId(2);
const LEASE: Duration = Duration::from_secs(10);

fn place(n: u64) -> (Place, Bytes) {
    (Place(n, 0), Bytes::from(n.to_string()))
}

#[tokio::test(start_paused = true)]
async fn what_follows_waits_until_everything_has_been_said_again() {
    let now = Instant::now();
    let mut gaps = Gaps::new(LEASE);
    gaps.open(YOU, 6, 7, now);
    let [(first, one), (second, two)] = [place(1), place(2)];
    assert!(gaps.hold(second, two, None));
    gaps.hold_first(first, one, (YOU, 8));
    gaps.taken(YOU, 6, now);
    assert!(gaps.are_open() && !gaps.has_next() && gaps.next().is_none());
    gaps.taken(YOU, 7, now);
    assert!(!gaps.are_open() && gaps.due().is_none());
    assert_eq!([gaps.next(), gaps.next(), gaps.next()], [Some(place(1)), Some(place(2)), None]);
    assert_eq!(gaps.bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_and_gives_no_sign_of_life_is_not_waited_for() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut gaps = Gaps::new(LEASE);
    let (dead, alive) = (NodeId(3), NodeId(4));
    gaps.open(dead, 4, 5, start);
    gaps.open(alive, 4, 6, start);
    gaps.lives(dead); // before it was asked: it may have died of it
    for node in [dead, alive] {
        gaps.asked(node, at(100));
    }
    assert_eq!(gaps.due(), Some(at(500)));
    assert!(gaps.asks_again(at(499)).is_empty());
    assert_eq!(gaps.asks_again(at(500)).len(), 2);
    gaps.lives(alive);
    assert!(gaps.overdue(at(3_099)).is_empty());
    gaps.taken(dead, 4, at(3_000));
    assert_eq!(gaps.overdue(at(3_100)), [Open { node: alive, upto: 6, lives: true }]);
    assert_eq!(gaps.overdue(at(6_000)), [Open { node: dead, upto: 5, lives: false }]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_does_not_arrive_says_nothing_of_who_is_asked() {
    let now = Instant::now();
    let mut gaps = Gaps::new(LEASE);
    gaps.open(YOU, 4, 5, now);
    assert!(gaps.overdue(now + LEASE * 9 / 10).is_empty());
    assert_eq!(gaps.overdue(now + LEASE), [Open { node: YOU, upto: 5, lives: true }]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_has_a_bound() {
    let mut gaps = Gaps::new(LEASE);
    gaps.open(YOU, 4, 5, Instant::now());
    let big = Bytes::from(vec![0; MOST_BYTES / 2]);
    assert!(gaps.hold(Place(1, 0), big.clone(), None) && gaps.hold(Place(2, 0), big.clone(), None));
    assert!(!gaps.hold(Place(3, 0), big, None));
    assert_eq!(gaps.give_up().len(), 1);
    assert!(gaps.has_next());
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_connection_everybody_says_first_how_much_there_was() {
    let now = Instant::now();
    let mut gaps = Gaps::new(LEASE);
    gaps.lost(vec![], now);
    assert!(!gaps.are_open(), "there is nobody to ask");
    gaps.lost(vec![YOU, NodeId(3)], now);
    assert!(gaps.are_open() && gaps.due() == Some(now + ASK_AGAIN));
    assert!(!gaps.asks_all_again(now) && gaps.asks_all_again(now + ASK_AGAIN));
    gaps.told(YOU);
    assert!(gaps.are_open());
    gaps.told(NodeId(3));
    assert!(!gaps.are_open() && gaps.due().is_none());
    gaps.lost(vec![YOU], now);
    assert_eq!(gaps.silent(now + LEASE * 29 / 100), None);
    assert_eq!(gaps.silent(now + LEASE * 3 / 10), Some((now, HashSet::from([YOU]))));
    assert!(!gaps.are_open() && gaps.silent(now + LEASE).is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_not_missing() {
    let now = Instant::now();
    let mut gaps = Gaps::new(LEASE);
    gaps.lost(vec![YOU, NodeId(3)], now);
    for seq in [6, 7, 9] {
        gaps.hold(Place(seq, 0), Bytes::new(), Some((YOU, seq, 5)));
    }
    assert_eq!([gaps.reach(YOU, 5), gaps.reach(NodeId(3), 2)], [7, 2]);
    gaps.open(YOU, 8, 8, now);
    gaps.open(YOU, 6, 9, now);
    assert_eq!(gaps.upto(YOU), Some(8), "the 7 is held");
    gaps.open(YOU, 8, 12, now);
    assert_eq!(gaps.upto(YOU), Some(8), "what is missing behind the 9 comes after it");
    gaps.doubt();
    assert!(!gaps.is_to_doubt());
    gaps.give_up();
    while gaps.next().is_some() {}
    assert_eq!(gaps.reach(YOU, 9), 9);
    assert!(gaps.is_to_doubt() && !gaps.is_to_doubt());
    assert!(gaps.is_to_tell() && !gaps.is_to_tell());
    gaps.wants_answer(now);
    gaps.wants_answer(now + ANSWER);
    assert_eq!(gaps.due(), Some(now));
    assert!(gaps.is_to_answer() && !gaps.is_to_answer());
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_what_is_missing_is_held_and_not_given_up_with_it() {
    let now = Instant::now();
    let mut gaps = Gaps::new(LEASE);
    gaps.open(YOU, 101, 1_000, now);
    gaps.asked(YOU, now);
    gaps.hold(Place(1, 0), Bytes::new(), Some((YOU, 500, 100)));
    assert_eq!(gaps.upto(YOU), Some(499));
    assert!(!gaps.taken(YOU, 498, now) && gaps.taken(YOU, 499, now));
    // Nobody had the time to answer: it may live.
    gaps.open(YOU, 501, 700, now);
    gaps.asked(YOU, now);
    assert_eq!(gaps.give_up(), [Open { node: YOU, upto: 700, lives: true }]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_can_be_taken_before_its_turn() {
    let mut gaps = Gaps::new(LEASE);
    gaps.open(YOU, 1, 5, Instant::now());
    for (at, seq) in [9, 7, 6, 7, 10].into_iter().enumerate() {
        gaps.hold(Place(at as u64, 0), Bytes::from(seq.to_string()), Some((YOU, seq, 0)));
    }
    gaps.hold(Place(5, 0), Bytes::from_static(b"another"), Some((NodeId(3), 6, 5)));
    assert!(gaps.pull(YOU, 5, 10).is_empty() && !gaps.is_ahead());
    assert_eq!(gaps.pull(YOU, 6, 10), [(Place(2, 0), Bytes::from("6")), (Place(1, 0), Bytes::from("7"))]);
    assert!(gaps.pull(YOU, 8, 10).is_empty());
    assert_eq!(gaps.pull(YOU, 9, 9), [(Place(0, 0), Bytes::from("9"))]);
    gaps.give_up();
    assert!(gaps.is_ahead());
    let left: Vec<_> = std::iter::from_fn(|| gaps.next()).map(|(place, _)| place.0).collect();
    assert_eq!((left, gaps.bytes, gaps.seqs.len()), (vec![4, 5], 0, 0));
    assert!(gaps.is_ahead() && !gaps.is_ahead());
}
