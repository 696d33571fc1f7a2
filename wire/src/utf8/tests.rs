use proptest::prelude::*;

use super::from_utf8;

fn same(bytes: &[u8]) {
    let expected = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to());
    assert_eq!(from_utf8(bytes), expected, "{bytes:02x?}");
}

/// Every two bytes, and every first three with a few fourths, at each place around the edge of a block.
#[test]
fn every_short_sequence_is_judged_as_the_standard_library_does() {
    for at in [0, 61, 62, 63] {
        let mut bytes = vec![b'a'; 131];
        for first in 0x7f..=0xff_u8 {
            for second in (0..=0xff_u8).filter(|byte| byte % 16 < 2 || byte % 16 > 13) {
                for third in [0x7f, 0x80, 0xbf, 0xc2] {
                    for fourth in [b'a', 0x80] {
                        bytes[at..at + 4].copy_from_slice(&[first, second, third, fourth]);
                        same(&bytes);
                        same(&bytes[..at + 4]);
                    }
                }
            }
        }
    }
}

#[test]
fn a_character_that_is_cut_off_at_the_end_is_wrong_at_every_length() {
    for character in ["ß", "€", "\u{d7ff}", "\u{e000}", "😀", "\u{10ffff}"] {
        for before in 0..130 {
            let text = "x".repeat(before) + character;
            (before..=text.len()).for_each(|end| same(&text.as_bytes()[..end]));
        }
    }
}

proptest! {
    #[test]
    fn text_with_some_bytes_changed_is_judged_as_the_standard_library_does(
        text in "(\\PC|[a-z]|[äß€😀]){0,300}",
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = text.into_bytes();
        same(&bytes);
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        same(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_as_the_standard_library_does(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        same(&bytes);
    }
}
