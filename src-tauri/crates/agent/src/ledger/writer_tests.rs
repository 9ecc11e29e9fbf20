//! Many lines at once: what they cost, what each is told, and what becomes of those that fail together.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dagpass_client::ledger::Chain;
use dagpass_client::ledger::log::leaf_hash;
use dagpass_core::fakes::FakeClock;
use dagpass_core::request::Caller;
use dagpass_core::time::Timestamp;
use serde_json::Value;

use super::writer::{DISK, Disk};
use super::*;

pub(super) fn ledger() -> (tempfile::TempDir, PathBuf, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::open(&path, FakeClock::at(1_795_000_000)).unwrap();
    (folder, path, ledger)
}

pub(super) fn issue(ledger: &Ledger) -> Result<Receipt, WitnessFailure> {
    let caller = Caller::default();
    ledger.record(&Record::new(Event::Issue, Outcome::Ok, &caller)).map(Option::unwrap)
}

/// A machine under load takes its time; one that never comes there ends the test.
fn within_a_minute(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "it never came there");
        std::thread::yield_now();
    }
}

fn entries(reasons: &[&str]) -> Vec<Entry> {
    let caller = Caller::default();
    let entry = |reason: &&str| {
        let mut record = Record::new(Event::Issue, Outcome::Ok, &caller);
        record.reason = Some(*reason);
        Entry::of(&record)
    };
    reasons.iter().map(entry).collect()
}

#[test]
fn many_who_record_at_once_share_a_sync_and_each_has_the_receipt_of_its_own_line() {
    static SYNCS: AtomicUsize = AtomicUsize::new(0);
    fn sync(file: &File) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        // Long enough for the others to come.
        for _ in 0..5 {
            file.sync_all()?;
            std::thread::yield_now();
        }
        Ok(())
    }
    let (_folder, path, ledger) = ledger();
    ledger.fail_by(Disk { sync, ..DISK });
    ledger.keep_as(Durability::Synced);
    let receipts: Vec<Receipt> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| (0..25).map(|_| issue(&ledger).unwrap()).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((receipts.len(), lines.len()), (400, 400));
    for receipt in &receipts {
        let line = lines[usize::try_from(receipt.seq).unwrap() - 1];
        let seq = serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64();
        assert_eq!((seq, receipt.leaf), (Some(receipt.seq), leaf_hash(line.as_bytes()).0));
    }
    let mut seqs: Vec<u64> = receipts.iter().map(|receipt| receipt.seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 400, "no number is given twice");
    assert!(Chain::of(text.as_bytes()).unwrap().holds());
    let syncs = SYNCS.load(Ordering::Relaxed);
    assert!(syncs < 400, "{syncs} syncs for 400 lines");
    let synced = ledger.synced().unwrap();
    assert_eq!(synced, Synced { bytes: text.len() as u64, seq: 400 });
    assert_eq!(SYNCS.load(Ordering::Relaxed), syncs, "all of it was on disk");
}

#[test]
fn whoever_records_alone_writes_it_and_while_a_disk_is_waited_for_the_thread_does_that_is_for_it() {
    static WRITERS: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    static SYNCING: AtomicBool = AtomicBool::new(false);
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
        let own = std::thread::current().name() != Some("ledger");
        WRITERS.lock().unwrap().push(own);
        file.write_all(bytes)
    }
    fn sync(file: &File) -> io::Result<()> {
        SYNCING.store(true, Ordering::Relaxed);
        within_a_minute(|| WRITTEN.load(Ordering::Relaxed));
        file.sync_all()
    }
    let (_folder, path, ledger) = ledger();
    ledger.fail_by(Disk { write, sync, ..DISK });
    issue(&ledger).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| ledger.tend());
        within_a_minute(|| SYNCING.load(Ordering::Relaxed));
        issue(&ledger).unwrap();
        WRITTEN.store(true, Ordering::Relaxed);
    });
    assert_eq!(*WRITERS.lock().unwrap(), [true, false]);
    // As soon as the thread has laid it down.
    within_a_minute(|| {
        issue(&ledger).unwrap();
        WRITERS.lock().unwrap().last() == Some(&true)
    });
    assert!(Chain::of(fs::read_to_string(&path).unwrap().as_bytes()).unwrap().holds());
}

#[test]
fn what_has_to_be_on_disk_first_is_the_config_s_to_say() {
    for (durability, counts) in [(Durability::Written, true), (Durability::Synced, false)] {
        let (_folder, path, ledger) = ledger();
        issue(&ledger).unwrap();
        ledger.keep_as(durability);
        ledger.fail_by(Disk { sync: |_| Err(io::Error::other("EIO")), ..DISK });
        assert_eq!(issue(&ledger).is_ok(), counts, "{durability:?}");
        assert_eq!(ledger.health().trouble.is_none(), counts, "{durability:?}");
        ledger.fail_by(DISK);
        issue(&ledger).unwrap();
        assert_eq!(ledger.health().trouble, None, "{durability:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.contains("ledger-mended"), !counts, "{durability:?}");
        assert!(Chain::of(text.as_bytes()).unwrap().holds(), "{durability:?}");
    }
}

#[test]
fn lines_that_failed_together_are_denied_together_and_the_chain_goes_on_behind_what_is_left_of_them()
 {
    static FULL: AtomicBool = AtomicBool::new(false);
    fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
        if !FULL.load(Ordering::Relaxed) {
            return file.write_all(bytes);
        }
        file.write_all(&bytes[..bytes.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    }
    let cut: fn(&File, u64) -> io::Result<()> = |_, _| Err(io::ErrorKind::PermissionDenied.into());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let now = Timestamp::from_secs(1_795_000_000);
    let (followers, mut told) = broadcast::channel(9);
    let mut writer = Writer::open(&path, followers).unwrap();
    writer.record(now, entries(&["first"]), false).unwrap();
    writer.fail_by(Disk { write, cut, ..DISK });
    FULL.store(true, Ordering::Relaxed);
    writer.record(now, entries(&["a", "b", "c"]), false).unwrap_err();
    FULL.store(false, Ordering::Relaxed);
    let receipts = writer.record(now, entries(&["d", "e"]), false).unwrap();
    let seqs: Vec<u64> = receipts.into_iter().map(|receipt| receipt.unwrap().seq).collect();
    let text = fs::read_to_string(&path).unwrap();
    let chain = Chain::of(text.as_bytes()).unwrap();
    assert!(chain.holds(), "{chain:#?}\n{text}");
    // One and a half of the three are there.
    assert_eq!((seqs, chain.last), (vec![4, 5], Some(5)), "{text}");
    let mended = text.lines().find(|line| line.contains("ledger-mended")).unwrap();
    assert!(mended.contains("\"count\":3"), "{mended}");
    let heard: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
    assert_eq!(heard.len(), 4, "nobody is told of what was denied: {heard:#?}");
}

#[test]
fn a_record_that_is_too_long_for_a_line_is_denied_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let mut writer = Writer::open(&path, broadcast::channel(9).0).unwrap();
    let long = "x".repeat(70_000);
    let now = Timestamp::from_secs(1_795_000_000);
    let written = writer.record(now, entries(&["a", &long, "b"]), false).unwrap();
    let seqs: Vec<Option<u64>> =
        written.iter().map(|one| one.as_ref().ok().map(|receipt| receipt.seq)).collect();
    assert_eq!(seqs, [Some(1), None, Some(2)]);
    assert!(writer.standing().health.trouble.is_none(), "the ledger is well");
    let text = fs::read_to_string(&path).unwrap();
    assert!(Chain::of(text.as_bytes()).unwrap().holds() && text.lines().count() == 2);
}

fn alone() -> (tempfile::TempDir, PathBuf, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let writer = Writer::open(&path, broadcast::channel(9).0).unwrap();
    (folder, path, writer)
}

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn no_sync(_: &File) -> io::Result<()> {
    Err(io::Error::other("EIO"))
}

#[test]
fn whoever_tends_the_file_has_an_opening_of_its_own_and_syncs_no_other_file() {
    static SYNCS: AtomicUsize = AtomicUsize::new(0);
    fn sync(mut file: &File) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        io::Seek::seek(&mut file, io::SeekFrom::Start(7)).map(drop)
    }
    let (_folder, path, mut writer) = alone();
    writer.record(NOW, entries(&["a"]), false).unwrap();
    writer.fail_by(Disk { sync, ..DISK });
    let what = writer.unsynced().unwrap();
    let place = io::Seek::stream_position(&mut &*what.file).unwrap();
    assert!(what.sync().is_some_and(|ended| ended.is_ok()));
    assert_ne!(place, 7);
    assert_eq!(io::Seek::stream_position(&mut &*what.file).unwrap(), place, "one opening for both");
    assert_eq!(SYNCS.load(Ordering::Relaxed), 1);
    if cfg!(unix) {
        fs::rename(&path, path.with_extension("old")).unwrap();
        assert!(what.sync().is_none(), "it is gone");
        assert!(!path.exists(), "nobody but the writer makes one");
        fs::write(&path, "").unwrap();
        assert!(what.sync().is_none(), "another file");
        assert_eq!(SYNCS.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn of_two_syncs_at_once_the_one_that_failed_is_believed() {
    // The writer's fails, and the other is told that all is well.
    let (_folder, path, mut writer) = alone();
    writer.record(NOW, entries(&["a"]), false).unwrap();
    let what = writer.unsynced().unwrap();
    writer.fail_by(Disk { sync: no_sync, ..DISK });
    writer.record(NOW, entries(&["b"]), true).unwrap_err();
    writer.tended(NOW, &what, Some(Ok(())));
    assert_eq!(writer.standing().synced, Synced { bytes: 0, seq: 0 });
    writer.fail_by(DISK);
    writer.tend(NOW);
    assert_eq!(writer.standing().synced.bytes, fs::metadata(&path).unwrap().len());

    // The other one's fails, and the writer's went well before that is known.
    let (_folder, path, mut writer) = alone();
    writer.record(NOW, entries(&["a"]), false).unwrap();
    let what = writer.unsynced().unwrap();
    writer.record(NOW, entries(&["b"]), true).unwrap();
    assert_eq!(writer.standing().synced.seq, 2);
    writer.tended(NOW, &what, Some(Err(io::Error::other("EIO"))));
    assert_eq!(writer.standing().synced, Synced { bytes: 0, seq: 0 });
    assert!(writer.standing().health.trouble.is_some());
    writer.tend(NOW);
    let text = fs::read_to_string(&path).unwrap();
    let seq = text.lines().count() as u64;
    assert_eq!(writer.standing().synced, Synced { bytes: text.len() as u64, seq });
    assert!(Chain::of(text.as_bytes()).unwrap().holds());

    // Where nobody else can open it, the writer syncs.
    writer.record(NOW, entries(&["c"]), false).unwrap();
    let what = writer.unsynced().unwrap();
    writer.tended(NOW, &what, None);
    assert_eq!(writer.standing().synced.bytes, fs::metadata(&path).unwrap().len());
}

#[test]
fn a_sync_that_was_under_way_when_the_file_was_cut_tells_nothing_of_what_is_left() {
    let (_folder, path, mut writer) = alone();
    writer.record(NOW, entries(&["a", "b", "c"]), false).unwrap();
    let what = writer.unsynced().unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(9).unwrap();
    writer.fail_by(Disk { sync: no_sync, ..DISK });
    writer.tend(NOW);
    writer.tended(NOW, &what, Some(Ok(())));
    assert!(writer.standing().synced.bytes <= 9);
    writer.fail_by(DISK);
    writer.record(NOW, entries(&["d"]), true).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(writer.standing().synced.bytes, text.len() as u64);
    assert!(text.contains("ledger-lost") && text.contains("ledger-mended"), "{text}");
}

#[test]
fn a_writer_that_has_ended_by_itself_is_trouble_for_everybody() {
    let (_folder, _path, ledger) = ledger();
    issue(&ledger).unwrap();
    ledger.fail_by(Disk { write: |_, _| panic!("as it must never"), ..DISK });
    assert_eq!(issue(&ledger).unwrap_err().0, ENDED);
    assert_eq!(ledger.health().trouble.as_deref(), Some(ENDED));
    assert_eq!(ledger.synced().unwrap_err().to_string(), ENDED);
    ledger.tend();
    assert_eq!(issue(&ledger).unwrap_err().0, ENDED);
}

#[test]
fn who_is_turned_away_costs_no_sync_whatever_the_config_says() {
    static SYNCS: AtomicUsize = AtomicUsize::new(0);
    fn sync(_: &File) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
    let (_folder, _path, ledger) = ledger();
    ledger.keep_as(Durability::Synced);
    ledger.fail_by(Disk { sync, ..DISK });
    let caller = Caller::default();
    for (event, outcome, syncs) in [
        (Event::Refused, Outcome::Denied, 0),
        (Event::Decision, Outcome::Denied, 0),
        (Event::Issue, Outcome::Failed, 0),
        (Event::Issue, Outcome::Ok, 1),
        (Event::SignIn, Outcome::Failed, 2),
    ] {
        ledger.record(&Record::new(event, outcome, &caller)).unwrap();
        assert_eq!(SYNCS.load(Ordering::Relaxed), syncs, "{event:?} {outcome:?}");
    }
}

#[test]
fn who_waits_behind_a_sync_holds_no_thread_of_the_runtime() {
    fn slow(_: &File) -> io::Result<()> {
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    }
    let (_folder, _path, ledger) = ledger();
    ledger.fail_by(Disk { sync: slow, ..DISK });
    let ledger = Arc::new(ledger);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let free = runtime.block_on(async {
        let sync = ledger.clone();
        let syncing = std::thread::spawn(move || {
            let caller = Caller::default();
            sync.record(&Record::new(Event::SignIn, Outcome::Ok, &caller)).unwrap();
        });
        std::thread::sleep(Duration::from_millis(50));
        for _ in 0..4 {
            let ledger = ledger.clone();
            tokio::spawn(async move { issue(&ledger).unwrap() });
        }
        std::thread::sleep(Duration::from_millis(50));
        tokio::spawn(async {}).await.unwrap();
        let free = !syncing.is_finished();
        syncing.join().unwrap();
        free
    });
    assert!(free, "nothing else went on while the disk was waited for");
}
