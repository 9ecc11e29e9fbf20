//! What happens to the file, and what the record then says of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dagpass_client::ledger::Chain;
use dagpass_core::fakes::FakeClock;
use dagpass_core::request::Caller;
use serde_json::Value;

use super::line::{GENESIS, hex};
use super::writer::{DISK, Disk};
use super::*;
use crate::system;

fn try_record(ledger: &Ledger) -> Result<Option<Receipt>, WitnessFailure> {
    let caller = Caller::default();
    ledger.record(&Record::new(Event::Issue, Outcome::Ok, &caller))
}

fn record(ledger: &Ledger) {
    try_record(ledger).unwrap();
}

fn texts(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn lines(path: &Path) -> Vec<Value> {
    texts(path).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A ledger with two lines in a folder of its own, and the hash of the second.
fn begun() -> (tempfile::TempDir, PathBuf, Ledger, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.jsonl");
    system::private_dir(path.parent().unwrap()).unwrap();
    let ledger = Ledger::open(&path, FakeClock::at(1_795_000_000)).unwrap();
    record(&ledger);
    record(&ledger);
    let last = hex(texts(&path)[1].as_bytes());
    (folder, path, ledger, last)
}

#[test]
fn each_line_carries_the_hash_of_the_line_before_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    for _ in 0..2 {
        let ledger = Ledger::open(&path, FakeClock::at(1_795_000_000)).unwrap();
        record(&ledger);
        record(&ledger);
    }
    let text = fs::read_to_string(&path).unwrap();
    let mut previous = GENESIS.to_owned();
    let mut salts = std::collections::HashSet::new();
    for (number, line) in text.lines().enumerate() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["seq"], number + 1);
        assert_eq!(value["prev"], previous);
        assert_eq!(value["time"], "2026-11-18T11:06:40.000Z");
        let salt = value["salt"].as_str().unwrap().to_owned();
        assert_eq!(salt.len(), 22, "16 bytes, base64url");
        assert!(salts.insert(salt), "each line has its own");
        previous = hex(line.as_bytes());
    }
}

#[test]
fn a_line_cut_short_by_a_crash_stays_and_the_chain_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"v":1,"seq":2,"ti"#).unwrap();
    record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
    let text = fs::read_to_string(&path).unwrap();
    let all: Vec<&str> = text.lines().collect();
    assert_eq!(all.len(), 3);
    let last: Value = serde_json::from_str(all[2]).unwrap();
    assert_eq!(last["prev"], hex(all[1].as_bytes()));
    assert_eq!(last["seq"], 2);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lines(&path)[0]["event"], "issue");
}

/// What happens to the file, the event, and where its line then stands among how many.
#[cfg(unix)]
type Case = (&'static str, fn(&Path), &'static str, usize, usize);

#[cfg(unix)]
const HAPPENINGS: [Case; 8] = [
    ("removed", |path| fs::remove_file(path).unwrap(), "ledger-lost", 0, 2),
    ("moved away", |path| fs::rename(path, path.with_extension("1")).unwrap(), "ledger-lost", 0, 2),
    (
        "moved away, and made anew for all to read",
        |path| {
            use std::os::unix::fs::PermissionsExt;
            fs::rename(path, path.with_extension("1")).unwrap();
            fs::write(path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        },
        "ledger-lost",
        0,
        2,
    ),
    (
        "replaced by an older copy that ends within a line",
        |path| {
            let copy = path.with_extension("copy");
            fs::write(&copy, format!("{}\n{{\"v\":1", texts(path)[0])).unwrap();
            fs::rename(copy, path).unwrap();
        },
        "ledger-lost",
        2,
        4,
    ),
    ("emptied", |path| truncate(path, 0), "ledger-lost", 0, 2),
    (
        "cut within its last line",
        |path| truncate(path, fs::metadata(path).unwrap().len() - 9),
        "ledger-lost",
        2,
        4,
    ),
    (
        "written to by another program",
        |path| append(path, "{\"v\":1,\"seq\":77}\nhalf"),
        "ledger-altered",
        4,
        6,
    ),
    (
        "gone with its folder",
        |path| fs::remove_dir_all(path.parent().unwrap()).unwrap(),
        "ledger-lost",
        0,
        2,
    ),
];

#[cfg(unix)]
fn truncate(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

#[cfg(unix)]
fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[cfg(unix)]
#[test]
fn whatever_happens_to_the_file_is_the_next_line_and_the_chain_goes_on() {
    use std::os::unix::fs::PermissionsExt;
    for (case, happen, event, at, count) in HAPPENINGS {
        let (_folder, path, ledger, last) = begun();
        happen(&path);
        record(&ledger);
        let (all, found) = (texts(&path), lines_or_null(&path));
        assert_eq!(all.len(), count, "{case}: {all:#?}");
        let told = &found[at];
        assert_eq!(told["event"], event, "{case}: {all:#?}");
        assert_eq!((&told["seq"], &told["prev"]), (&3.into(), &last.clone().into()), "{case}");
        assert!(told["reason"].as_str().unwrap().contains("line 2"), "{case}: {told}");
        let next = &found[at + 1];
        assert_eq!((&next["seq"], &next["event"]), (&4.into(), &"issue".into()), "{case}");
        assert_eq!(next["prev"], hex(all[at].as_bytes()), "{case}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{case}");
        let health = ledger.health();
        assert_eq!(health.trouble, None, "{case}");
        assert!(health.lost.unwrap().starts_with(told["reason"].as_str().unwrap()), "{case}");
        record(&ledger);
        assert_eq!(texts(&path).len(), count + 1, "{case}: said once");
        let chain = Chain::of(fs::read(&path).unwrap().as_slice()).unwrap();
        assert!(chain.holds(), "{case}: {chain:#?}");
        let named = |found: &dagpass_client::ledger::Found| {
            found.line == at as u64 + 1 && found.what.contains(event)
        };
        assert!(chain.notes.iter().any(named), "{case}: {chain:#?}");
    }
}

#[cfg(unix)]
fn lines_or_null(path: &Path) -> Vec<Value> {
    texts(path).iter().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
}

#[cfg(unix)]
#[test]
fn a_lost_file_is_told_of_while_nobody_asks_and_what_was_moved_away_is_whole() {
    let (_folder, path, ledger, _) = begun();
    let moved = path.with_extension("1");
    fs::rename(&path, &moved).unwrap();
    let mut told = ledger.follow();
    ledger.tend();
    assert_eq!(lines(&path)[0]["event"], "ledger-lost");
    assert!(told.try_recv().unwrap().contains("ledger-lost"), "followers hear of it");
    assert_eq!(lines(&moved).len(), 2);
}

#[cfg(unix)]
#[test]
fn where_no_file_can_be_made_nothing_is_recorded_until_one_can() {
    let (_folder, path, ledger, _) = begun();
    let folder = path.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    fs::write(folder, "in the way").unwrap();
    for _ in 0..3 {
        try_record(&ledger).unwrap_err();
    }
    let trouble = ledger.health().trouble.unwrap();
    assert!(trouble.contains("not a folder"), "{trouble}");
    fs::remove_file(folder).unwrap();
    record(&ledger);
    let found = lines(&path);
    let events: Vec<_> = found.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["ledger-lost", "ledger-mended", "issue"]);
    assert_eq!(found[1]["count"], 3);
    assert_eq!(ledger.health().trouble, None);
}

#[test]
fn a_line_that_failed_half_way_is_taken_away_or_closed_off_and_is_told_of() {
    static FULL: AtomicBool = AtomicBool::new(false);
    static FIXED: AtomicBool = AtomicBool::new(false);
    fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
        if !FULL.load(Ordering::Relaxed) {
            return file.write_all(bytes);
        }
        file.write_all(&bytes[..bytes.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    }
    fn cut(file: &File, length: u64) -> io::Result<()> {
        if FIXED.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        file.set_len(length)
    }
    for fixed in [false, true] {
        let (_folder, path, ledger, _) = begun();
        ledger.fail_by(Disk { write, cut, ..DISK });
        FIXED.store(fixed, Ordering::Relaxed);
        FULL.store(true, Ordering::Relaxed);
        try_record(&ledger).unwrap_err();
        try_record(&ledger).unwrap_err();
        assert!(ledger.health().trouble.is_some());
        FULL.store(false, Ordering::Relaxed);
        record(&ledger);
        let all = texts(&path);
        let found: Vec<Value> =
            all.iter().filter_map(|one| serde_json::from_str(one).ok()).collect();
        // What was opened to append cannot be cut on Windows; under Wine it can.
        let half_lines = all.len() - found.len();
        let closed_off = fixed || cfg!(windows) && half_lines == 1;
        assert_eq!(half_lines, usize::from(closed_off), "{all:#?}");
        let (mended, issue) = (&found[2], &found[3]);
        assert_eq!((&mended["event"], &mended["seq"]), (&"ledger-mended".into(), &3.into()));
        assert_eq!((&mended["count"], &issue["event"]), (&2.into(), &"issue".into()));
        let before = all.len() - 3;
        assert_eq!(mended["prev"], hex(all[before].as_bytes()), "{all:#?}");
        assert_eq!(issue["prev"], hex(all[before + 1].as_bytes()));
        // A restart goes on behind it.
        drop(ledger);
        record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
        assert_eq!(texts(&path).len(), all.len() + 1);
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_recorded_until_all_is_on_disk() {
    static BROKEN: AtomicBool = AtomicBool::new(false);
    fn sync(file: &File) -> io::Result<()> {
        if BROKEN.load(Ordering::Relaxed) { Err(io::Error::other("EIO")) } else { file.sync_data() }
    }
    let (_folder, path, ledger, _) = begun();
    ledger.fail_by(Disk { sync, ..DISK });
    BROKEN.store(true, Ordering::Relaxed);
    ledger.tend();
    assert_eq!(ledger.health().trouble.as_deref(), Some("EIO"));
    try_record(&ledger).unwrap_err();
    ledger.tend();
    assert_eq!(texts(&path).len(), 2, "not a line more");
    BROKEN.store(false, Ordering::Relaxed);
    record(&ledger);
    let found = lines(&path);
    assert_eq!(found[2]["event"], "ledger-mended");
    assert_eq!((&found[2]["count"], &found[3]["event"]), (&1.into(), &"issue".into()));
    assert_eq!(ledger.health().trouble, None);

    // What has to be on disk at once is denied in the same way.
    BROKEN.store(true, Ordering::Relaxed);
    let caller = Caller::default();
    let signed_in = Record::new(Event::SignIn, Outcome::Ok, &caller);
    ledger.record(&signed_in).unwrap_err();
    try_record(&ledger).unwrap_err();
    BROKEN.store(false, Ordering::Relaxed);
    ledger.tend();
    assert_eq!(ledger.health().trouble, None, "mended while nobody asks");
    let count = lines(&path).last().unwrap()["count"].clone();
    assert_eq!(count, 2);
}

#[test]
fn whoever_asks_is_told_up_to_where_the_record_is_on_disk() {
    static SYNCS: AtomicUsize = AtomicUsize::new(0);
    fn sync(file: &File) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        file.sync_data()
    }
    let (_folder, path, ledger, _) = begun();
    ledger.fail_by(Disk { sync, ..DISK });
    let length = || fs::metadata(&path).unwrap().len();
    assert_eq!(ledger.synced().unwrap(), Synced { bytes: length(), seq: 2 });
    assert_eq!(ledger.synced().unwrap().seq, 2);
    assert_eq!(SYNCS.load(Ordering::Relaxed), 1, "nothing was new");
    record(&ledger);
    assert_eq!(ledger.synced().unwrap(), Synced { bytes: length(), seq: 3 });
    // What the last agent wrote may be in memory alone.
    drop(ledger);
    let ledger = Ledger::open(&path, FakeClock::at(0)).unwrap();
    ledger.fail_by(Disk { sync, ..DISK });
    assert_eq!(ledger.synced().unwrap(), Synced { bytes: length(), seq: 3 });
    assert_eq!(SYNCS.load(Ordering::Relaxed), 3);
    ledger.fail_by(Disk { sync: |_| Err(io::Error::other("EIO")), ..DISK });
    record(&ledger);
    assert!(ledger.synced().unwrap_err().to_string().contains("EIO"));
}

#[test]
fn who_is_turned_away_costs_no_sync() {
    let caller = Caller::default();
    for (event, outcome, expected) in [
        (Event::Refused, Outcome::Denied, false),
        (Event::Decision, Outcome::Denied, false),
        (Event::Issue, Outcome::Failed, false),
        (Event::Refresh, Outcome::Ok, false),
        (Event::Refresh, Outcome::Failed, true),
        (Event::SignIn, Outcome::Ok, true),
        (Event::SignOut, Outcome::Ok, true),
        (Event::DoorOpened, Outcome::Ok, true),
    ] {
        let record = Record::new(event, outcome, &caller);
        assert_eq!(must_last(&record), expected, "{event:?} {outcome:?}");
    }
}

#[test]
fn a_ledger_of_a_released_agent_is_continued_and_holds() {
    for (released, lines, cut) in [
        (include_str!("../../../../../tests/cases/released/ledger.jsonl"), 11, 1),
        (include_str!("../../../../../tests/cases/released/ledger-v1.jsonl"), 18, 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, released).unwrap();
        let ledger = Ledger::open(&path, FakeClock::at(1_795_000_000)).unwrap();
        record(&ledger);
        record(&ledger);
        let all = texts(&path);
        let own = lines + cut;
        assert_eq!(all[..own], released.lines().map(str::to_owned).collect::<Vec<_>>());
        let first: Value = serde_json::from_str(&all[own]).unwrap();
        assert_eq!((&first["v"], &first["seq"]), (&2.into(), &(lines + 1).into()));
        assert_eq!(first["prev"], hex(all[own - 1].as_bytes()));
        let chain = Chain::of(all.join("\n").as_bytes()).unwrap();
        assert!(chain.holds(), "{chain:#?}");
        assert_eq!((chain.last, chain.notes.len()), (Some(lines as u64 + 2), cut));
    }
}
