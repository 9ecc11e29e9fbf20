//! What lies beside the pen: who writes it, in which order, and what each is told.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use dagpass_client::ledger::Chain;
use dagpass_client::ledger::log::leaf_hash;
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::request::Caller;
use tokio::sync::broadcast;

use super::super::writer::{DISK, Disk};
use super::*;

fn pen() -> (tempfile::TempDir, PathBuf, Pen) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let writer = Writer::open(&path, broadcast::channel(9).0).unwrap();
    (folder, path, Pen::new(writer))
}

fn entry(reason: &str) -> Entry {
    let caller = Caller::default();
    let mut record = Record::new(Event::Issue, Outcome::Ok, &caller);
    record.reason = Some(reason);
    Entry::of(&record)
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(Chain::of(text.as_bytes()).unwrap().holds(), "{text}");
    text.lines().map(str::to_owned).collect()
}

type Written = Result<io::Result<Receipt>, Entry>;

fn receipt(written: Written) -> Receipt {
    written.unwrap_or_else(|_| panic!("it was handed back")).unwrap()
}

fn failure(written: Written) -> io::Error {
    written.unwrap_or_else(|_| panic!("it was handed back")).unwrap_err()
}

#[test]
fn what_lies_beside_is_written_along_and_each_has_the_receipt_of_its_own_line() {
    let (_folder, path, pen) = pen();
    let (a, b) = (pen.beside.lay(entry("a")), pen.beside.lay(entry("b")));
    let c = receipt(pen.at_once(now, entry("c")));
    let written = [receipt(pen.beside.back(&a)), receipt(pen.beside.back(&b)), c];
    let d = receipt(pen.at_once(now, entry("d")));
    let lines = lines(&path);
    assert_eq!(lines.len(), 4, "what was written lies there no more");
    for (at, (receipt, reason)) in
        written.into_iter().chain([d]).zip(["a", "b", "c", "d"]).enumerate()
    {
        assert!(lines[at].contains(&format!(r#""reason":"{reason}""#)), "{}", lines[at]);
        let expected = Receipt { seq: at as u64 + 1, leaf: leaf_hash(lines[at].as_bytes()).0 };
        assert_eq!(receipt, expected);
    }
}

#[test]
fn what_nobody_takes_up_is_had_back_and_written_once() {
    let (_folder, path, pen) = pen();
    let held = pen.writer.lock().unwrap();
    let back = std::thread::scope(|scope| {
        scope.spawn(|| pen.at_once(now, entry("a")).err()).join().unwrap()
    });
    drop(held);
    let a = back.expect("whoever holds the pen wrote nothing");
    assert_eq!(receipt(pen.at_once(now, entry("b"))).seq, 1, "it does not lie there still");
    assert_eq!(receipt(pen.at_once(now, a)).seq, 2);
    assert_eq!(lines(&path).len(), 2);
}

#[test]
fn one_that_can_be_no_line_fails_by_itself() {
    let (_folder, path, pen) = pen();
    let long = "x".repeat(70_000);
    let laid = ["a", long.as_str(), "b"].map(|reason| pen.beside.lay(entry(reason)));
    assert_eq!(receipt(pen.at_once(now, entry("own"))).seq, 3);
    let [a, long, b] = laid.map(|laid| pen.beside.back(&laid));
    assert_eq!(failure(long).kind(), io::ErrorKind::InvalidInput);
    assert_eq!(([receipt(a).seq, receipt(b).seq], lines(&path).len()), ([1, 2], 3));
}

#[test]
fn on_a_full_disk_all_that_went_together_fail_and_are_counted_and_what_comes_next_is_handed_over() {
    let (_folder, path, pen) = pen();
    let full: fn(&File, &[u8]) -> io::Result<()> = |mut file, bytes| {
        file.write_all(&bytes[..bytes.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    };
    pen.fail_by(Disk { write: full, ..DISK });
    let laid = pen.beside.lay(entry("a"));
    let own = failure(pen.at_once(now, entry("b")));
    let beside = failure(pen.beside.back(&laid));
    assert_eq!([own.kind(), beside.kind()], [io::ErrorKind::StorageFull; 2]);
    assert!(pen.standing.lock().unwrap().health.trouble.is_some(), "it is told at once");
    // Mending is for the thread: neither is written, and nothing that lies there gets lost.
    let laid = pen.beside.lay(entry("c"));
    let handed_over = pen.at_once(now, entry("d")).expect_err("the ledger is not well");
    let back = pen.beside.back(&laid).expect_err("nobody took it");
    pen.fail_by(DISK);
    let mut held = pen.writer.lock().unwrap();
    held.as_mut().unwrap().record(now(), vec![back, handed_over], false).unwrap();
    let lines = lines(&path);
    let counted =
        lines.iter().any(|line| line.contains("ledger-mended") && line.contains(r#""count":2"#));
    assert!(lines.len() == 3 && counted, "{lines:#?}");
}

#[test]
fn a_write_that_panics_is_told_to_all_it_was_for_and_nobody_writes_any_more() {
    let (_folder, _path, pen) = pen();
    pen.fail_by(Disk { write: |_, _| panic!("on purpose"), ..DISK });
    let laid = pen.beside.lay(entry("a"));
    let own = failure(pen.at_once(now, entry("b")));
    let beside = failure(pen.beside.back(&laid));
    assert_eq!([own.to_string(), beside.to_string()], [ENDED; 2]);
    assert!(pen.at_once(now, entry("c")).is_err(), "handed over to a thread that ends");
    assert_eq!(pen.standing.lock().unwrap().health.trouble.as_deref(), Some(ENDED));
}

#[test]
fn where_the_thread_panicked_with_the_pen_in_its_hand_each_has_its_line_back() {
    let (_folder, path, pen) = pen();
    std::thread::scope(|scope| {
        let ends = scope.spawn(|| {
            let _held = pen.writer.lock().unwrap();
            panic!("on purpose");
        });
        ends.join().unwrap_err();
    });
    assert!(pen.at_once(now, entry("a")).is_err());
    assert!(pen.beside.take().is_empty());
    assert_eq!(fs::read(&path).unwrap(), b"");
}
