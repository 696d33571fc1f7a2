use proptest::prelude::*;

use super::*;
use crate::recovery::{Epoch, Trace};

fn entry(number: u64, size: usize, except: Option<&str>) -> Entry {
    let data = serde_json::value::RawValue::from_string(format!("\"{}\"", "x".repeat(size))).unwrap();
    let packet = Packet::new("e", &[&data]).numbered(Epoch::fresh().offset(number));
    Entry { number, at: number, mark: None, packet, except: except.map(Into::into) }
}

fn numbers(log: &Log, span: Span, seen: u64) -> Result<Vec<u64>, TooOld> {
    let mut trace = Trace::default();
    trace.wrote(1_000_000);
    Ok(log.missed(span, &trace.rewind(seen).unwrap(), "me")?.map(|entry| entry.number).collect())
}

#[test]
fn missed_is_what_came_after_the_last_offset_but_never_what_was_for_others_only() {
    let mut log = Log::default();
    for number in 1..=9 {
        log.push(entry(number, 0, (number == 6).then_some("me")), 100, 1 << 20);
    }
    assert_eq!(numbers(&log, Span { joined: 0, left: 9 }, 4), Ok(vec![5, 7, 8, 9]));
    assert_eq!(numbers(&log, Span { joined: 7, left: 9 }, 4), Ok(vec![8, 9]), "subscribed at 7");
    assert_eq!(numbers(&log, Span { joined: 0, left: 3 }, 8), Ok(vec![4, 5, 7, 8, 9]), "gone since 3");
}

#[test]
fn each_bound_drops_the_oldest_and_what_may_be_gone_is_said() {
    let mut log = Log::default();
    for number in 1..=10 {
        assert_eq!(log.push(entry(number, 0, None), 4, 1 << 20) > 0, number > 4);
    }
    let span = Span { joined: 0, left: 10 };
    assert_eq!(numbers(&log, span, 5), Err(TooOld));
    assert_eq!(numbers(&log, span, 6), Ok(vec![7, 8, 9, 10]));
    assert_eq!(numbers(&log, Span { joined: 6, left: 10 }, 2), Ok(vec![7, 8, 9, 10]));
    assert!(log.expire(9) > 0);
    assert_eq!(numbers(&log, span, 7), Err(TooOld));
    assert_eq!(numbers(&log, span, 8), Ok(vec![9, 10]));
    log.push(entry(11, 10_000, None), 4, 9_000);
    assert_eq!((log.entries().count(), log.bytes()), (0, 0), "an event over the bound leaves nothing");
    let span = Span { joined: 0, left: 11 };
    assert_eq!(numbers(&log, span, 10), Err(TooOld));
    assert_eq!(numbers(&log, span, 11), Ok(vec![]));
    log.push(entry(12, 0, None), 4, 9_000);
    log.begin(20, None);
    assert_eq!(numbers(&log, Span { joined: 20, left: 20 }, 12), Ok(vec![]));
}

proptest! {
    #[test]
    fn bytes_are_what_the_entries_hold_and_nothing_missed_is_left_out(
        sizes in prop::collection::vec(0usize..2_000, 1..60),
        most in 1usize..20,
        seen in 0u64..60,
    ) {
        let (mut log, mut held) = (Log::default(), 0);
        for (at, size) in sizes.iter().enumerate() {
            let entry = entry(at as u64 + 1, *size, None);
            held += entry.bytes();
            held -= log.push(entry, most, 10_000);
            prop_assert_eq!(log.bytes(), held);
            prop_assert!(held <= 10_000 && log.entries().count() <= most);
        }
        let last = sizes.len() as u64;
        let all: Vec<u64> = (seen.min(last) + 1..=last).collect();
        let there = log.entries().next().map_or(last + 1, |entry| entry.number);
        match numbers(&log, Span { joined: 0, left: last }, seen.min(last)) {
            Ok(missed) => prop_assert_eq!(missed, all),
            Err(TooOld) => prop_assert!(all.first().is_some_and(|&first| first < there)),
        }
    }
}
