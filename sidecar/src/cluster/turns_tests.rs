use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_millis(25);

/// What has been done, and whether in its turn.
type Done = Arc<Mutex<Vec<(u64, bool)>>>;

fn turns() -> (Turns, Done) {
    (Turns::new(PATIENCE), Arc::default())
}

/// Says number `seq`; that it is done is written down, and whether in its turn.
fn say(turns: &Turns, done: &Done, seq: u64) {
    let done = done.clone();
    turns.take(None, Box::new(move |place| done.lock().push((seq, place.is_some()))), || seq);
}

fn hear(turns: &Turns, seq: u64, now: Instant) -> bool {
    let (acts, is_next) = turns.hear(seq, now);
    acts.into_iter().for_each(|act| act(Some(Place(seq, 0))));
    turns.done(seq);
    is_next
}

fn hurry(turns: &Turns, now: Instant) {
    for (seq, act) in turns.overdue(now) {
        act(None);
        turns.done(seq);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_in_time_is_done_in_its_turn() {
    let (turns, done) = turns();
    let now = Instant::now();
    say(&turns, &done, 1);
    say(&turns, &done, 2);
    hurry(&turns, now);
    assert!(done.lock().is_empty());
    assert!(hear(&turns, 1, now) && hear(&turns, 2, now) && hear(&turns, 2, now));
    assert!(!hear(&turns, 4, now), "3 was lost");
    assert_eq!(*done.lock(), [(1, true), (2, true)]);
    assert!(turns.is_in_order());
    turns.until_done(2).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_for_redis_and_the_order_is_kept_again_afterwards() {
    let (turns, done) = turns();
    let begun = Instant::now();
    say(&turns, &done, 1);
    turns.wait().await;
    assert_eq!(Instant::now() - begun, PATIENCE);
    hurry(&turns, Instant::now());
    say(&turns, &done, 2);
    hurry(&turns, Instant::now());
    assert_eq!(*done.lock(), [(1, false), (2, false)], "nor is the next waited for");
    assert!(!turns.is_in_order());
    hear(&turns, 1, Instant::now());
    assert!(!turns.is_in_order(), "2 was done, and not heard");
    hear(&turns, 2, Instant::now());
    assert!(turns.is_in_order());
    say(&turns, &done, 3);
    hurry(&turns, Instant::now());
    assert_eq!(done.lock().len(), 2, "Redis is quick again");
    hear(&turns, 3, Instant::now());
    assert_eq!(done.lock().last(), Some(&(3, true)));
}

#[derive(Debug, Clone)]
enum Step {
    Say,
    Hear,
    Pass(u64),
    Away,
}

proptest! {
    /// Whatever Redis does: everything once, in the order in which it was said, and in order means that all of it was heard.
    #[test]
    fn everything_is_done_once_and_in_order(
        steps in proptest::collection::vec(prop_oneof![
            3 => Just(Step::Say), 3 => Just(Step::Hear), 2 => (1u64..40).prop_map(Step::Pass), 1 => Just(Step::Away),
        ], 0..200)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (turns, done) = turns();
            let (mut said, mut heard) = (0, 0);
            for step in steps {
                match step {
                    Step::Say => {
                        said += 1;
                        say(&turns, &done, said);
                    }
                    Step::Hear if heard < said => {
                        heard += 1;
                        hear(&turns, heard, Instant::now());
                    }
                    Step::Hear => {}
                    Step::Pass(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
                    Step::Away => turns.is_away(),
                }
                hurry(&turns, Instant::now());
                let done = done.lock();
                let numbers: Vec<_> = done.iter().map(|(seq, _)| *seq).collect();
                assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
                assert!(numbers.len() as u64 >= heard);
                let last_early = done.iter().filter(|(_, in_turn)| !in_turn).map(|(seq, _)| *seq).max();
                assert_eq!(turns.is_in_order(), last_early.is_none_or(|seq| seq <= heard));
            }
        });
    }
}
