//! As many lines as come: none is lost, and what each costs. The long ones are for an optimised build, by
//! `cargo task ledger`.

use std::fs::{self, File};
use std::io::BufReader;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use dagpass_client::ledger::Chain;
use dagpass_client::ledger::log::{Hash, leaves};

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
    println!("{lines} lines by {CALLERS} at once in {took:.1} s, {bytes} bytes");
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

/// A minute of 50,000 a second.
#[test]
#[ignore = "a gigabyte, and a minute or less"]
fn of_three_million_lines_at_once_none_is_lost() {
    none_is_lost(3_000_000);
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
