use proptest::prelude::*;

use super::from_utf8;

fn same(bytes: &[u8]) {
    let expected = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to());
    assert_eq!(from_utf8(bytes), expected, "{bytes:02x?}");
}

fn same_copied(bytes: &[u8]) {
    same(bytes);
    #[cfg(target_os = "linux")]
    copied(bytes, std::str::from_utf8(bytes).map_err(|error| error.valid_up_to()));
}

/// Copying finds the same, copies all of what is text, and nothing behind it; the way of other processors, too.
#[cfg(target_os = "linux")]
fn copied(bytes: &[u8], expected: Result<&str, usize>) {
    use super::copy::{copy_past_cache, look_and_copy};

    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Block([u8; 64]);

    for copy in [copy_past_cache, look_and_copy] {
        let mut room = vec![Block([0xaa; 64]); bytes.len() / 64 + 1];
        // SAFETY: there is room for so many bytes, on a multiple of 64, and nobody else looks at it meanwhile.
        let found = unsafe { copy(bytes, room.as_mut_ptr().cast()) };
        assert_eq!(found, expected, "{bytes:02x?}");
        let room: Vec<u8> = room.iter().flat_map(|block| block.0).collect();
        let (copy, behind) = room.split_at(bytes.len());
        assert!(found.is_err() || copy == bytes, "{bytes:02x?}");
        assert!([0xaa; 64].starts_with(behind), "{bytes:02x?}");
    }
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
                        if third == 0xbf {
                            same_copied(&bytes);
                        } else {
                            same(&bytes);
                        }
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
            (before..=text.len()).for_each(|end| same_copied(&text.as_bytes()[..end]));
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
        same_copied(&bytes);
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        same_copied(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_as_the_standard_library_does(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        same_copied(&bytes);
    }
}
