use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::TempDir;

fn snapshot() -> Snapshot {
    let epoch = Epoch::fresh();
    let mut trace = Trace::starting_at(3);
    [5, 4, 9].into_iter().for_each(|number| trace.wrote(number));
    let stay = SavedStay { channel: "private-x".into(), joined: 3, left: 9, consent: Some((1, 2)) };
    let event = SavedEvent {
        number: 9,
        at: 7,
        text: format!("42[\"e\",1,\"{}\"]", epoch.offset(9)),
        attachments: vec![vec![0, 255]],
        except: Some("b".into()),
    };
    Snapshot {
        moment: Moment::now(),
        left: None,
        epoch,
        last: 9,
        sessions: vec![SavedSession {
            generation: 3,
            id: "a".into(),
            pid: PidHash::of("secret"),
            begun: 3,
            since: 8,
            trace,
            stays: vec![stay],
        }],
        channels: vec![SavedChannel { name: "private-x".into(), complete_from: 2, events: vec![event] }],
        members: vec![SavedMember { channel: "presence-y".into(), socket: "a".into(), json: "{}".into() }],
    }
}

#[test]
fn what_was_written_is_read_once() {
    let folder = TempDir::new("recovery");
    let path = folder.path().join("r.recovery");
    assert!(take(&path).unwrap().is_none());
    for _ in 0..2 {
        write(&path, &snapshot()).unwrap();
    }
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read(&path).unwrap();
    assert!(!text.windows(6).any(|part| part == b"secret"));
    assert_eq!(take(&path).unwrap().unwrap().sessions, snapshot().sessions);
    assert!(take(&path).unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_not_used() {
    let folder = TempDir::new("recovery");
    let path = folder.path().join("r.recovery");
    write(&path, &snapshot()).unwrap();
    let whole = fs::read(&path).unwrap();
    let put = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    for at in 0..whole.len() {
        put(&whole[..at]);
        assert!(matches!(take(&path), Err(FileError::Damaged)), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        put(&changed);
        assert!(matches!(take(&path), Err(FileError::Damaged)), "changed at {at}");
    }
    put(&[&whole[..], b"more"].concat());
    assert!(matches!(take(&path), Err(FileError::Damaged)));
    assert!(!path.exists());
    for unsound in [
        Snapshot { last: 8, ..snapshot() },
        Snapshot { channels: vec![SavedChannel { complete_from: 9, ..snapshot().channels.remove(0) }], ..snapshot() },
    ] {
        write(&path, &unsound).unwrap();
        assert!(matches!(take(&path), Err(FileError::Damaged)));
    }
}

#[test]
fn a_file_of_somebody_else_or_a_link_is_not_used() {
    let folder = TempDir::new("recovery");
    let (path, link) = (folder.path().join("r.recovery"), folder.path().join("link"));
    write(&path, &snapshot()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(take(&link), Err(FileError::Io(_))));
    assert!(matches!(take(&path), Err(FileError::Foreign)));
    fs::create_dir(&path).unwrap();
    assert!(take(&path).is_err());
}
