//! As many lines as come: none is lost, and what each costs. The long ones are for an optimised build, by
//! `cargo task ledger`.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use dagpass_client::ledger::log::{Asked, Hash, judge, leaves, logs_in};
use dagpass_client::ledger::{Chain, Line, Segments};
use dagpass_core::fakes::FakeClock;
use dagpass_core::locked::Locked;
use dagpass_core::request::Caller;

use super::writer::{DISK, Disk};
use super::writer_tests::{issue, ledger};
use super::*;

/// How many record at once?
const CALLERS: u64 = 8;

/// While somebody makes the file durable all the time.
fn none_is_lost(lines: u64) {
    let (_folder, path, ledger) = ledger();
    let (since, over) = (Instant::now(), AtomicBool::new(false));
    let mut receipts: Vec<Receipt> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                ledger.tend();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let record = || (0..lines / CALLERS).map(|_| issue(&ledger).unwrap()).collect::<Vec<_>>();
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(record)).collect();
        let all = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        all
    });
    let took = since.elapsed().as_secs_f64();
    let bytes = fs::metadata(&path).unwrap().len();
    let rate = lines as f64 / took;
    println!(
        "{lines} lines by {CALLERS} at once in {took:.1} s, {rate:.0} a second, {bytes} bytes"
    );
    receipts.sort_unstable_by_key(|receipt| receipt.seq);
    let seqs = receipts.iter().map(|receipt| receipt.seq);
    assert!(seqs.eq(1..=lines / CALLERS * CALLERS), "each has a number of its own");
    let read = || BufReader::new(File::open(&path).unwrap());
    let found = leaves(read()).unwrap();
    assert!(found.into_iter().eq(receipts.iter().map(|receipt| Hash(receipt.leaf))));
    assert!(Chain::of(read()).unwrap().holds());
    assert_eq!(ledger.synced().unwrap(), Synced { bytes, seq: receipts.len() as u64 });
}

#[test]
fn of_thousands_of_lines_at_once_none_is_lost() {
    none_is_lost(4_000);
}

/// Whoever writes for others tells each of them what became of their own line, and whoever is denied is counted.
#[test]
fn on_a_disk_that_fails_by_turns_what_is_told_to_each_of_many_is_what_stands_there() {
    const EACH: usize = 250;
    static WRITES: AtomicUsize = AtomicUsize::new(0);
    fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
        if !WRITES.fetch_add(1, Ordering::Relaxed).is_multiple_of(7) {
            return file.write_all(bytes);
        }
        file.write_all(&bytes[..bytes.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    }
    let (_folder, path, ledger) = ledger();
    ledger.fail_by(Disk { write, ..DISK });
    let caller_no = |caller: u64| {
        let one = |at| {
            let (reason, nobody) = (format!("caller {caller}, line {at}"), Caller::default());
            let mut record = Record::new(Event::Issue, Outcome::Ok, &nobody);
            record.reason = Some(&reason);
            let told = ledger.record(&record).ok().flatten();
            (reason, told)
        };
        (0..EACH).map(one).collect::<Vec<_>>()
    };
    let told: Vec<Vec<_>> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|no| scope.spawn(move || caller_no(no))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    ledger.fail_by(DISK);
    ledger.tend();
    let text = fs::read_to_string(&path).unwrap();
    assert!(Chain::of(text.as_bytes()).unwrap().holds());
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |reason: &str| lines.iter().find(|line| line.reason.as_deref() == Some(reason));
    for (reason, told) in told.iter().flatten() {
        assert_eq!(of(reason).map(|line| line.seq), told.map(|receipt| receipt.seq), "{reason}");
    }
    for of_one in &told {
        let seqs: Vec<u64> =
            of_one.iter().filter_map(|(_, told)| Some(told.as_ref()?.seq)).collect();
        assert!(seqs.is_sorted(), "a caller's own lines stand as they were recorded: {seqs:?}");
    }
    let denied = told.iter().flatten().filter(|(_, told)| told.is_none()).count() as u64;
    let mended = lines.iter().filter(|line| line.event == "ledger-mended");
    assert_eq!(mended.filter_map(|line| line.count).sum::<u64>(), denied);
    assert!(denied > 0 && ledger.health().trouble.is_none());
}

#[test]
fn what_was_recorded_is_there_when_the_last_who_recorded_has_gone() {
    let (_folder, path, ledger) = ledger();
    let ledger = Arc::new(ledger);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| ledger.clone())
        .map(|ledger| std::thread::spawn(move || (0..50).all(|_| issue(&ledger).is_ok())))
        .collect();
    drop(ledger);
    assert!(callers.into_iter().all(|caller| caller.join().unwrap()));
    let chain = Chain::of(BufReader::new(File::open(&path).unwrap())).unwrap();
    assert!(chain.holds() && chain.last == Some(CALLERS * 50), "{chain:#?}");
}

/// A minute of 50,000 a second.
#[test]
#[ignore = "a gigabyte, and a minute or less"]
fn of_three_million_lines_at_once_none_is_lost() {
    none_is_lost(3_000_000);
}

/// As `audit verify` does, of a ledger in segments, and as an agent does that starts. Nothing is judged but that
/// it holds, and that a start reads the end alone.
#[test]
#[ignore = "half a gigabyte, and figures"]
fn a_million_lines_are_verified_and_the_start_reads_their_end() {
    const LINES: u64 = 1_000_000;
    let (_folder, path, ledger) = ledger();
    let ledger = Arc::new(ledger);
    std::thread::scope(|scope| {
        let record = || {
            for _ in 0..LINES / CALLERS {
                issue(&ledger).unwrap();
            }
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(record)).collect();
        while !callers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            ledger.tend();
            ledger.close_where_due(None).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    ledger.tend();
    let clock = FakeClock::at(1_795_000_000);
    let sealer = Sealer::new(ledger.clone(), clock.clone());
    assert!(sealer.has_key(Ok(Some(Locked::of(&[7; 32])))));
    let since = Instant::now();
    sealer.seal();
    println!("{LINES} lines signed in {:.1} s", since.elapsed().as_secs_f64());

    let since = Instant::now();
    let (logs, segments) = (logs_in(path.parent().unwrap()).unwrap(), Segments::of(&path).unwrap());
    let (chain, log) = std::thread::scope(|scope| {
        let chain = scope.spawn(|| Chain::over(&segments).unwrap());
        let leaves = leaves(BufReader::with_capacity(1024 * 1024, segments.reader())).unwrap();
        (chain.join().unwrap(), judge(&leaves, &logs, &Asked::default()).unwrap())
    });
    println!(
        "verified in {:.1} s: {} bytes in {} segments",
        since.elapsed().as_secs_f64(),
        segments.end(),
        segments.closed().len() + 1
    );
    let sound = log.breaks.is_empty() && log.logs.iter().all(|log| log.breaks.is_empty());
    assert!(chain.holds() && log.covered == LINES && sound, "{log:?}");

    drop((sealer, ledger));
    let (since, before) = (Instant::now(), read_so_far());
    let again = Ledger::open(&path, clock).unwrap();
    let (took, read) = (since.elapsed().as_secs_f64() * 1e3, read_so_far() - before);
    println!("opened in {took:.1} ms, {read} bytes read");
    assert!(read < 1024 * 1024, "{read} bytes were read at the start");
    assert_eq!(issue(&again).unwrap().seq, LINES + 1);
}

/// Bytes that this process read, files and all.
fn read_so_far() -> u64 {
    let said = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let read = said.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.and_then(|read| read.parse().ok()).unwrap_or_default()
}

/// What a line costs of the machine's time. Nothing is judged.
#[test]
#[ignore = "a figure, not a fact"]
fn what_a_line_costs() {
    for (durability, lines, threads) in [
        (Durability::Written, 100_000_u32, 1),
        (Durability::Written, 100_000, 8),
        (Durability::Synced, 400, 1),
        (Durability::Synced, 4_000, 32),
    ] {
        let (_folder, path, ledger) = ledger();
        ledger.keep_as(durability);
        let (since, used) = (Instant::now(), processor());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..lines / threads {
                        issue(&ledger).unwrap();
                    }
                });
            }
        });
        let (wall, used) = (since.elapsed(), processor() - used);
        let each = |seconds: f64| seconds * 1e6 / f64::from(lines);
        println!(
            "{durability:?}, {threads} at once: {:.1} µs a line, {:.1} µs of processor, {} bytes",
            each(wall.as_secs_f64()),
            each(used),
            fs::metadata(&path).unwrap().len() / u64::from(lines),
        );
    }
}

/// Seconds of processor time that this process took, in hundredths.
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let fields = behind.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
