use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use super::writer::{DRAINS, PACE, SLOWEST};
use super::*;
use crate::client::Deadline;
use crate::{EventId, Message};

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        let number = crate::sys::random_bytes();
        let dir = std::env::temp_dir().join(format!("rustecho-spool-{:016x}", u64::from_be_bytes(number)));
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    fn settings(&self) -> SpoolSettings {
        SpoolSettings { dir: self.0.clone(), max_bytes: DEFAULT_MAX_BYTES }
    }

    fn files(&self) -> Vec<(FileName, PathBuf)> {
        let names = fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> =
            names.map(|path| (FileName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap(), path)).collect();
        files.sort();
        files
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn frame(n: u8, data: &str) -> Vec<u8> {
    let event =
        Publish { receipt: true, id: EventId([n; 16]), channels: vec!["c"], event: "e", data, ..Publish::default() };
    event.to_frame().unwrap()
}

use crate::message::Publish;

fn spool(writer: &mut Writer, settings: &SpoolSettings, frames: &[Vec<u8>]) -> Result<(), SpoolError> {
    let frames = frames.iter().map(|frame| (&frame[..], &b""[..]));
    writer.append(settings, frames, false, Deadline::after(Duration::from_secs(2))).map(|_| ())
}

/// The first bytes of the ids of all records, and what comes after them.
fn read(path: &Path) -> (Vec<u8>, String) {
    let mut records = Records::new(fs::File::open(path).unwrap());
    let mut ids = Vec::new();
    loop {
        match records.read().unwrap() {
            Next::Record { time, frame } => {
                assert!(time > 1_600_000_000_000_000);
                let crate::Decoded::Frame { kind, body, .. } = crate::frame::decode(frame).unwrap() else { panic!() };
                let Message::Publish(event) = Message::decode(kind, body).unwrap() else { panic!() };
                assert!(event.replayed && !event.receipt && !event.spoolable);
                ids.push(event.id.0[0]);
            }
            end => return (ids, format!("{end:?}")),
        }
    }
}

/// Other writers of the format are tested against this file, too.
#[test]
fn the_golden_file_is_written_and_read_byte_for_byte() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/two-events.spool");
    let events = [(1, 1_700_000_000_123_456, r#"{"n":1}"#), (2, 1_700_000_000_123_457, "\"größer ☃\"")];
    let mut bytes = MAGIC.to_vec();
    for (n, time, data) in events {
        let mut frame = frame(n, data);
        Publish::mark_replayed(&mut frame);
        bytes.append(&mut record::begin(time, &frame, b""));
    }
    if std::env::var_os("RUSTECHO_WRITE_GOLDEN").is_some() {
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(read(&path), (vec![1, 2], "End".to_owned()));
}

#[test]
fn records_come_back_in_order_and_the_file_is_its_owners() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    assert!(!writer.is_pending());
    spool(&mut writer, &dir.settings(), &[frame(1, "1"), frame(2, &format!("\"{}\"", "x".repeat(600_000)))]).unwrap();
    spool(&mut writer, &dir.settings(), &[frame(3, "3")]).unwrap();
    assert!(writer.is_pending());
    let files = dir.files();
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].0.socket, files[0].0.pid), (socket_number(Path::new("/s")), std::process::id()));
    assert_eq!(read(&files[0].1), (vec![1, 2, 3], "End".into()));
    assert_eq!(fs::metadata(&files[0].1).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_drained_file_is_noticed_and_the_next_event_starts_another() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1")]).unwrap();
    fs::remove_file(&dir.files()[0].1).unwrap();
    assert!(!writer.is_pending());
    spool(&mut writer, &dir.settings(), &[frame(2, "2")]).unwrap();
    assert_eq!(dir.files()[0].0.number, 1);
    assert_eq!(read(&dir.files()[0].1).0, [2]);
}

#[test]
fn what_was_to_come_behind_a_file_that_is_drained_meanwhile_begins_no_other() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1")]).unwrap();
    let path = dir.files()[0].1.clone();
    let held = fs::File::open(&path).unwrap();
    held.lock().unwrap();
    let drain = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20)); // the writer waits for the lock by then; if not, it finds the file gone
        fs::remove_file(path).unwrap();
        drop(held);
    });
    let frame = frame(2, "2");
    let mut append = |behind| {
        let frames = std::iter::once((&frame[..], &b""[..]));
        writer.append(&dir.settings(), frames, behind, Deadline::after(Duration::from_secs(5))).unwrap()
    };
    assert!(!append(true));
    drain.join().unwrap();
    assert!(dir.files().is_empty());
    assert!(append(false));
    assert_eq!(dir.files().len(), 1);
}

#[test]
fn who_spools_behind_a_sidecar_that_drains_is_slowed_down_until_it_has_caught_up() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    let long = frame(1, &format!("\"{}\"", "x".repeat(1_100_000)));
    let ten = |writer: &mut Writer| {
        let begun = Instant::now();
        for n in 0..10 {
            spool(writer, &dir.settings(), &[frame(n, "1")]).unwrap();
        }
        begun.elapsed()
    };
    spool(&mut writer, &dir.settings(), &[long]).unwrap();
    ten(&mut writer);
    assert!(!writer.is_drained_now());
    let files = dir.files();
    assert_eq!(files.len(), 2);
    fs::remove_file(&files[0].1).unwrap();
    let slow = PACE * ((1 << 9) - 1) + SLOWEST; // doubled nine times, then bounded
    assert!(ten(&mut writer) >= slow, "{slow:?} at least");
    assert_eq!(writer.waited(), None, "nobody has answered");
    writer.is_there();
    assert!(writer.waited().unwrap() < DRAINS);
    fs::remove_file(&files[1].1).unwrap();
    assert!(!writer.is_pending() && !writer.is_drained_now());
}

#[test]
fn what_a_writer_takes_back_is_not_taken_for_the_start_of_what_comes_in_its_place() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1")]).unwrap();
    let path = dir.files()[0].1.clone();
    let mut records = Records::new(fs::File::open(&path).unwrap());
    assert!(matches!(records.read().unwrap(), Next::Record { .. }));
    let whole = fs::metadata(&path).unwrap().len();
    let mut disk = OpenOptions::new().append(true).open(&path).unwrap();
    disk.write_all(&record::begin(7, &frame(2, "2"), b"")[..30]).unwrap(); // then it is full
    assert_eq!(records.read().unwrap(), Next::Torn);
    disk.set_len(whole).unwrap();
    spool(&mut writer, &dir.settings(), &[frame(3, "3")]).unwrap();
    records.forget_rest().unwrap();
    assert!(matches!(records.read().unwrap(), Next::Record { frame, .. } if frame.ends_with(b"3")));
    assert_eq!(records.read().unwrap(), Next::End);
}

#[test]
fn a_file_whose_lock_is_kept_is_left_and_a_later_one_made() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1")]).unwrap();
    let held = fs::File::open(&dir.files()[0].1).unwrap();
    held.lock().unwrap();
    let begun = std::time::Instant::now();
    let frame = frame(2, "2");
    let frames = std::iter::once((&frame[..], &b""[..]));
    writer.append(&dir.settings(), frames, true, Deadline::after(Duration::from_millis(50))).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(50));
    let numbers: Vec<_> = dir.files().iter().map(|(name, path)| (name.number, read(path).0)).collect();
    assert_eq!(numbers, [(0, vec![1]), (1, vec![2])]);
}

#[test]
fn a_name_that_somebody_else_has_taken_is_passed_over() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1")]).unwrap();
    let (mut name, path) = dir.files().remove(0);
    fs::remove_file(path).unwrap(); // the sidecar has drained it
    for number in [1, 2] {
        name.number = number;
        std::os::unix::fs::symlink("/nowhere", dir.settings().dir.join(name.to_name())).unwrap();
    }
    spool(&mut writer, &dir.settings(), &[frame(2, "2")]).unwrap();
    let found: Vec<_> = dir.files().into_iter().filter(|(_, path)| !path.is_symlink()).collect();
    assert_eq!(found.iter().map(|(name, path)| (name.number, read(path).0)).collect::<Vec<_>>(), [(3, vec![2])]);
}

#[test]
fn a_long_file_is_followed_by_another() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    let big = format!("\"{}\"", "x".repeat(600_000));
    for n in 1..=5 {
        spool(&mut writer, &dir.settings(), &[frame(n, &big)]).unwrap();
    }
    let found: Vec<_> = dir.files().iter().map(|(name, path)| (name.number, read(path).0)).collect();
    assert_eq!(found, [(0, vec![1, 2]), (1, vec![3, 4]), (2, vec![5])]);
}

#[test]
fn the_bound_holds_and_says_what_to_do() {
    let dir = Dir::new();
    let settings = SpoolSettings { max_bytes: 1_000, ..dir.settings() };
    let mut writer = Writer::new(Path::new("/s"));
    let mut taken = 0;
    let error = loop {
        match spool(&mut writer, &settings, &[frame(1, "\"0123456789\"")]) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100);
    };
    assert!(taken > 5 && matches!(error, SpoolError::Full { limit: 1_000, .. }), "{taken} {error}");
    assert!(error.to_string().contains("rustecho.spool_max_bytes"));
    assert_eq!(read(&dir.files()[0].1).0.len(), taken);
    // Another publisher sees the same bound.
    assert!(spool(&mut Writer::new(Path::new("/t")), &settings, &[frame(1, "\"0123456789\"")]).is_err());
}

#[test]
fn a_torn_end_and_damage_are_told_apart_from_what_is_whole() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1"), frame(2, "2")]).unwrap();
    let path = dir.files()[0].1.clone();
    let whole = fs::read(&path).unwrap();
    let second = (whole.len() - MAGIC.len()) / 2 + MAGIC.len();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (ids, end) = read(&path);
        assert_eq!(ids, if cut < second { vec![] } else { vec![1] }, "cut at {cut}");
        let clean = cut == 0 || cut == MAGIC.len() || cut == second;
        assert_eq!(end, if clean { "End" } else { "Torn" }, "cut at {cut}");
    }
    for wrong in second..whole.len() {
        let mut bytes = whole.clone();
        bytes[wrong] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        let (ids, end) = read(&path);
        assert_eq!(ids, [1], "flipped at {wrong}");
        assert!(end == "Damaged" || end == "Torn", "flipped at {wrong}: {end}");
    }
}

#[test]
fn what_is_written_later_is_read_later() {
    let dir = Dir::new();
    let mut writer = Writer::new(Path::new("/s"));
    spool(&mut writer, &dir.settings(), &[frame(1, "1")]).unwrap();
    let mut records = Records::new(fs::File::open(&dir.files()[0].1).unwrap());
    assert!(matches!(records.read().unwrap(), Next::Record { .. }));
    assert_eq!(records.read().unwrap(), Next::End);
    let record = record::begin(7, &frame(2, "2"), b"");
    let mut file = OpenOptions::new().append(true).open(&dir.files()[0].1).unwrap();
    file.write_all(&record[..20]).unwrap();
    assert_eq!(records.read().unwrap(), Next::Torn);
    file.write_all(&record[20..]).unwrap();
    assert!(matches!(records.read().unwrap(), Next::Record { time: 7, .. }));
    assert_eq!(records.read().unwrap(), Next::End);
}

#[test]
fn directories_that_are_not_safe_are_refused() {
    let dir = Dir::new();
    let link = dir.0.join("link");
    symlink(&dir.0, &link).unwrap();
    let missing = dir.0.join("missing");
    fs::create_dir(dir.0.join("open")).unwrap();
    fs::set_permissions(dir.0.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
    for (path, words) in [(link, "symbolic link"), (missing, "No such file"), (dir.0.join("open"), "sticky bit")] {
        let settings = SpoolSettings { dir: path, max_bytes: 1_000_000 };
        let error = spool(&mut Writer::new(Path::new("/s")), &settings, &[frame(1, "1")]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn names_there_and_back() {
    let name = FileName { socket: 0xabc, publisher: u64::MAX, number: 3, pid: 42 };
    assert_eq!(name.to_name(), "0000000000000abc-42-ffffffffffffffff-3.spool");
    assert_eq!(FileName::parse(&name.to_name()), Some(name));
    for bad in ["", ".spool", "a-b-c-d.spool", "1-2-3.spool", "1-2-3-4-5.spool", "1-2-3-4"] {
        assert_eq!(FileName::parse(bad), None, "{bad}");
    }
}

#[test]
fn both_ends_find_the_same_directory() {
    for (socket, dir) in [
        ("/run/rustecho/rustecho.sock", "/var/spool/rustecho"),
        ("/var/run/x.sock", "/var/spool/rustecho"),
        ("/srv/app/rustecho.sock", "/srv/app/spool"),
        ("/runner/x.sock", "/runner/spool"),
    ] {
        assert_eq!(default_dir(Path::new(socket)), Path::new(dir));
    }
    for same in ["/var/run/x", "/run//x", "/run/./x", "//run/.//./x", "/var//run/x"] {
        assert_eq!(socket_number(Path::new(same)), socket_number(Path::new("/run/x")), "{same}");
    }
    assert_ne!(socket_number(Path::new("/run/x")), socket_number(Path::new("/run/y")));
}
