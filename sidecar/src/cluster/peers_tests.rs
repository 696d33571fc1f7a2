use super::*;

const ME: NodeId = NodeId(1);
const YOU: NodeId = NodeId(2);
const LEASE: Duration = Duration::from_secs(10);

fn hear(peers: &mut Peers, node: NodeId, seq: u64, is_counted: bool, now: Instant, said: u64) -> Heard {
    peers.hear(&Word { node, seq, is_counted, said, born: None, is_retold: false }, now)
}

fn seconds(n: f64) -> Duration {
    Duration::from_secs_f64(n)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_twice_or_out_of_turn() {
    let now = Instant::now();
    let mut peers = Peers::new(ME, LEASE, now);
    assert_eq!(hear(&mut peers, YOU, 4, true, now, 0), Heard::Meet);
    assert_eq!(hear(&mut peers, YOU, 5, true, now, 0), Heard::Take);
    assert_eq!(hear(&mut peers, YOU, 5, true, now, 0), Heard::Leave);
    assert_eq!(hear(&mut peers, YOU, 7, true, now, 0), Heard::Ask(6, Some(6)));
    assert_eq!(hear(&mut peers, YOU, 8, true, now, 0), Heard::Leave);
    assert_eq!(hear(&mut peers, YOU, 8, true, now + ASK_AGAIN, 0), Heard::Ask(6, None));
    for seq in 6..9 {
        assert_eq!(hear(&mut peers, YOU, seq, true, now, 0), Heard::Take);
    }
    assert_eq!(hear(&mut peers, ME, 1, true, now, 0), Heard::Leave);
}

#[tokio::test(start_paused = true)]
async fn a_beat_shows_what_is_missing_at_the_end() {
    let now = Instant::now();
    let mut peers = Peers::new(ME, LEASE, now);
    assert_eq!(hear(&mut peers, YOU, 4, false, now, 0), Heard::Meet);
    assert_eq!(hear(&mut peers, YOU, 4, false, now, 0), Heard::Take);
    assert_eq!(hear(&mut peers, YOU, 6, false, now, 0), Heard::Ask(5, Some(6)));
    assert_eq!(hear(&mut peers, YOU, 6, false, now, 0), Heard::Take);
    assert_eq!(peers.forgotten(YOU, 7), 2);
    assert_eq!(hear(&mut peers, YOU, 7, true, now, 0), Heard::Take);
    assert_eq!(peers.forgotten(YOU, 3), 0);
}

#[tokio::test(start_paused = true)]
async fn of_who_starts_later_nothing_may_be_missing_whatever_redis_has_lost() {
    let start = Instant::now();
    let mut peers = Peers::new(ME, LEASE, start);
    assert_eq!(hear(&mut peers, YOU, 100, true, start, 0), Heard::Meet, "it was there before");
    for second in 0..=11 {
        hear(&mut peers, ME, 0, false, start + seconds(f64::from(second)), 0);
    }
    let now = start + seconds(11.0);
    let (one, other) = (NodeId(8), NodeId(9));
    assert_eq!(hear(&mut peers, one, 1, true, now, 0), Heard::Meet);
    assert_eq!(hear(&mut peers, other, 4, false, now, 0), Heard::Ask(1, Some(4)));
    assert_eq!(hear(&mut peers, other, 1, true, now, 0), Heard::Meet);
}

#[tokio::test(start_paused = true)]
async fn of_who_was_there_before_nothing_old_is_taken_however_late_it_is_met() {
    let start = Instant::now();
    let mut peers = Peers::new(ME, LEASE, start);
    peers.begins(Some(5_000));
    for second in 0..=11 {
        hear(&mut peers, ME, 0, false, start + seconds(f64::from(second)), 5_000);
    }
    let now = start + seconds(11.0);
    let (cut_off, newcomer) = (NodeId(8), NodeId(9));
    let born = |peers: &mut Peers, node, seq, is_counted, born| {
        peers.hear(&Word { node, seq, is_counted, said: 9_000, born: Some(born), is_retold: false }, now)
    };
    assert_eq!(born(&mut peers, cut_off, 700, false, 4_999), Heard::Meet);
    assert_eq!(born(&mut peers, cut_off, 702, true, 4_999), Heard::Ask(701, Some(701)));
    assert_eq!(born(&mut peers, newcomer, 3, false, 5_000), Heard::Ask(1, Some(3)));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_others_are_known_as_far_as_they_were_taken_and_die_in_their_lease() {
    let start = Instant::now();
    let (former, gone) = (NodeId(7), NodeId(8));
    let mut peers = Peers::new(ME, LEASE, start);
    peers.resume(&[NodeId(6), former], vec![(YOU, 5), (gone, 2)], start, 1_000);
    assert_eq!(hear(&mut peers, YOU, 5, true, start, 1_000), Heard::Leave);
    assert_eq!(hear(&mut peers, YOU, 7, true, start, 1_000), Heard::Ask(6, Some(6)));
    assert_eq!(hear(&mut peers, YOU, 6, true, start, 1_000), Heard::Meet);
    for former in [former, NodeId(6)] {
        assert_eq!(hear(&mut peers, former, 9, true, start, 1_000), Heard::Leave, "this node has done it");
    }
    assert_eq!(peers.names(), [NodeId(6), former, ME]);
    assert_eq!(hear(&mut peers, NodeId(9), 3, true, start, 1_000), Heard::Ask(1, Some(2)), "it has started since");
    for second in 1..=11 {
        let (now, said) = (start + seconds(f64::from(second)), 1_000 + 1_000 * u64::from(second as u32));
        assert!(peers.silent(now).is_empty());
        hear(&mut peers, ME, 0, false, now, said);
        hear(&mut peers, YOU, 6, false, now, said);
        hear(&mut peers, NodeId(9), 3, true, now, said);
    }
    assert_eq!(peers.silent(start + seconds(11.5)), [gone]);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_who_was_taken_for_dead_and_comes_back_repeats_nothing() {
    let now = Instant::now();
    let mut before = Peers::new(ME, LEASE, now);
    hear(&mut before, YOU, 7, true, now, 0);
    before.bury(YOU);
    let mut after = Peers::new(NodeId(9), LEASE, now);
    after.resume(&before.names(), before.taken(), now, 0);
    after.remember_buried(&before.buried());
    assert_eq!(after.others(), [], "it is still dead");
    assert_eq!(hear(&mut after, YOU, 7, true, now, 0), Heard::Leave);
    assert_eq!(hear(&mut after, YOU, 9, true, now, 0), Heard::Ask(8, Some(8)));
    assert_eq!(hear(&mut after, YOU, 8, true, now, 0), Heard::Meet);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_in_place_of_a_node_is_no_sign_of_its_life() {
    let now = Instant::now();
    let mut peers = Peers::new(ME, LEASE, now);
    let retold = |peers: &mut Peers, seq| {
        peers.hear(&Word { node: YOU, seq, is_counted: true, said: 1, born: None, is_retold: true }, now)
    };
    assert_eq!(retold(&mut peers, 1), Heard::Leave, "it is not known");
    hear(&mut peers, YOU, 4, true, now, 0);
    assert_eq!(hear(&mut peers, YOU, 7, true, now, 0), Heard::Ask(5, Some(6)));
    assert_eq!(retold(&mut peers, 6), Heard::Leave);
    assert_eq!([5, 6].map(|seq| retold(&mut peers, seq)), [Heard::Take, Heard::Take]);
    assert!(!peers.are_sure(), "the seventh is to come");
    assert_eq!(retold(&mut peers, 7), Heard::Take);
    assert!(peers.are_sure());
    assert!(peers.is_behind(YOU, 9) && !peers.is_behind(YOU, 7) && !peers.are_sure());
    assert_eq!(retold(&mut peers, 8), Heard::Take);
    assert_eq!(peers.bury(YOU), 1, "the ninth is missing");
    assert_eq!(retold(&mut peers, 9), Heard::Leave, "it is buried");
    assert_eq!(peers.others(), []);
}

#[tokio::test(start_paused = true)]
async fn after_a_doubt_everybody_has_to_say_how_much_there_was() {
    let now = Instant::now();
    let mut peers = Peers::new(ME, LEASE, now);
    hear(&mut peers, YOU, 4, true, now, 0);
    assert!(peers.are_sure());
    peers.doubt();
    hear(&mut peers, YOU, 3, true, now, 0);
    assert!(!peers.are_sure(), "said again: tells nothing");
    hear(&mut peers, YOU, 4, false, now, 0);
    assert!(peers.are_sure());
    hear(&mut peers, YOU, 6, false, now, 0);
    assert!(!peers.are_sure());
    hear(&mut peers, YOU, 5, true, now, 0);
    hear(&mut peers, YOU, 6, true, now, 0);
    assert!(peers.are_sure());
}

#[tokio::test(start_paused = true)]
async fn of_who_has_said_nothing_since_a_doubt_nothing_is_missing_that_others_do_not_know_of() {
    let start = Instant::now();
    let mut peers = Peers::new(ME, LEASE, start);
    let (dead, told_of, alive) = (YOU, NodeId(3), NodeId(4));
    for node in [dead, told_of, alive] {
        hear(&mut peers, node, 4, true, start, 0);
    }
    let (doubt, later) = (start + seconds(1.0), start + seconds(2.0));
    peers.doubt();
    peers.is_behind(told_of, 5);
    hear(&mut peers, alive, 3, true, later, 0);
    peers.said_nothing(&[dead, told_of, alive], doubt);
    assert!(!peers.are_sure());
    hear(&mut peers, alive, 4, false, later, 0);
    assert!(!peers.are_sure(), "others know of a fifth");
    assert_eq!(hear(&mut peers, told_of, 5, true, later, 0), Heard::Take);
    assert!(peers.are_sure());
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_dies_unless_nobody_can_be_heard() {
    let start = Instant::now();
    let mut peers = Peers::new(ME, LEASE, start);
    hear(&mut peers, YOU, 1, false, start, 0);
    hear(&mut peers, ME, 0, false, start, 0);
    // Redis is away for a minute: nobody is buried then, nor when it has just come back.
    assert!(peers.silent(start + seconds(60.0)).is_empty());
    hear(&mut peers, ME, 0, false, start + seconds(60.0), 60000);
    assert!(peers.silent(start + seconds(61.0)).is_empty());
    for second in 61..=71 {
        hear(&mut peers, ME, 0, false, start + seconds(f64::from(second)), 0);
        assert!(
            peers.silent(start + seconds(f64::from(second))).is_empty(),
            "by the stream's clock no time has passed"
        );
    }
    hear(&mut peers, ME, 0, false, start + seconds(71.0), 71_000);
    assert_eq!(peers.silent(start + seconds(71.0)), [YOU]);
    peers.bury(YOU);
    assert!(peers.silent(start + seconds(71.0)).is_empty());
    // It was only cut off: what it says again was taken before, and what was missed meanwhile is asked for.
    assert_eq!(hear(&mut peers, YOU, 1, true, start + seconds(72.0), 72000), Heard::Leave);
    assert_eq!(hear(&mut peers, YOU, 3, true, start + seconds(72.0), 72000), Heard::Ask(2, Some(2)));
    assert_eq!(hear(&mut peers, YOU, 2, true, start + seconds(72.0), 72000), Heard::Meet);
    assert_eq!(hear(&mut peers, YOU, 3, true, start + seconds(72.0), 72000), Heard::Take);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_behind_a_gap_is_waited_for_once_the_gap_is_closed() {
    let now = Instant::now();
    let mut peers = Peers::new(ME, LEASE, now);
    assert_eq!(hear(&mut peers, YOU, 5, true, now, 0), Heard::Meet);
    assert!(peers.is_behind(YOU, 9) && peers.wait_for_all().is_empty(), "it is waited for already");
    peers.waits_no_longer(YOU);
    assert_eq!(peers.wait_for_all(), [(YOU, 6, 9)]);
    assert!(peers.wait_for_all().is_empty(), "once");
    peers.waits_no_longer(YOU);
    assert_eq!(peers.forgotten(YOU, 10), 4);
    assert!(peers.wait_for_all().is_empty(), "nothing is missing");
}
