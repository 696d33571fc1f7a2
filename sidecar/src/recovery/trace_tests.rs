use proptest::prelude::*;

use super::*;

#[test]
fn in_order_only_the_last_number_matters() {
    let mut trace = Trace::starting_at(10);
    (11..20).for_each(|number| trace.wrote(number));
    let rewound = trace.rewind(15).unwrap();
    assert!(!rewound.lacks(15) && rewound.lacks(16) && rewound.complete_to() == 15);
    assert_eq!(trace.rewind(20), None, "a number from the future");
    assert!(trace.late.is_none());
}

#[test]
fn what_was_not_written_is_lacking_although_later_numbers_were() {
    let mut trace = Trace::default();
    trace.wrote(6);
    trace.failed(5);
    trace.failed(7);
    let rewound = trace.rewind(6).unwrap();
    assert!(rewound.lacks(5) && !rewound.lacks(6) && rewound.lacks(7) && rewound.complete_to() == 4);
}

#[test]
fn late_events_are_bounded_and_what_is_forgotten_is_not_guessed() {
    let mut trace = Trace::default();
    for round in 1..=3 * MOST_LATE as u64 {
        trace.wrote(2 * round);
        trace.wrote(2 * round - 1);
    }
    assert_eq!(trace.late.as_ref().unwrap().known.len(), MOST_LATE);
    assert_eq!(trace.rewind(10), None);
    let end = 6 * MOST_LATE as u64;
    assert!(trace.rewind(end).unwrap().lacks(end - 1));
    assert!(!trace.rewind(end - 1).unwrap().lacks(end));
}

proptest! {
    /// A client that is cut again and again, at any place of what was written to it, is written each number exactly once.
    #[test]
    fn any_order_and_any_cuts_lose_and_repeat_nothing(
        swaps in prop::collection::vec((0usize..60, 0usize..60), 0..40),
        cuts in prop::collection::vec((0usize..60, 0usize..60), 1..6),
    ) {
        let start = 100;
        let mut order: Vec<u64> = (start + 1..=start + 60).collect();
        for (a, b) in swaps { order.swap(a, b); }
        let mut trace = Trace::starting_at(start);
        let mut seen: Vec<u64> = Vec::new();
        let mut to_write = order;
        for (written, arrived) in cuts {
            let written = written.min(to_write.len());
            for &number in &to_write[..written] { trace.wrote(number); }
            for &number in &to_write[written..] { trace.failed(number); }
            seen.extend(&to_write[..arrived.min(written)]);
            let rewound = trace.rewind(seen.last().copied().unwrap_or(start)).unwrap();
            let missing: Vec<u64> = (start + 1..=start + 60).filter(|&number| rewound.lacks(number)).collect();
            let truly: Vec<u64> = (start + 1..=start + 60).filter(|number| !seen.contains(number)).collect();
            prop_assert_eq!(&missing, &truly);
            prop_assert!(missing.first().is_none_or(|&first| rewound.complete_to() < first));
            trace = rewound.trace;
            to_write = missing;
        }
    }
}
