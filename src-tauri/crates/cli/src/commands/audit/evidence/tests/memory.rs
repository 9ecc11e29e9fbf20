//! Of a long period no more is held at once than what its hashes and numbers take: counted where memory is given.
#![expect(
    unsafe_code,
    reason = "what counts memory stands in the allocator's place, and has no safe form"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;

use super::*;

/// How much of memory may a line take, of which only hashes, places and numbers are held? Its hash twice, in the tree
/// and in the levels above, its place, its time and its numbers in the tables: no line of the ledger is as short.
const A_LINE: usize = 400;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    /// How much this thread holds, and the most that it held: tests run beside one another.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(more: usize, less: usize) {
    let counted = HELD.try_with(|held| {
        let (now, most) = held.get();
        // What another thread had is given back here at times.
        let now = (now + more).saturating_sub(less);
        held.set((now, most.max(now)));
    });
    // The thread ends.
    counted.unwrap_or(());
}

// SAFETY: all of it is the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as it was asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: it was given by `alloc` above, of that layout.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: it was given by `alloc` above, of that layout.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// The most that making a pack of so many lines held, and how long the lines are together.
fn most_held(lines: u64) -> (usize, u64) {
    let mut world = World::new(&[]);
    world.lines.clear();
    let mut ledger = File::create(world.ledger()).unwrap();
    let mut prev = "0".repeat(64);
    for seq in 1..=lines {
        let time = Timestamp::from_second(1_795_000_000 + seq as i64).unwrap();
        let line = json!({"v": 2, "seq": seq, "time": time.to_string(), "prev": prev,
            "salt": "c2FsdHNhbHRzYWx0c2FsdA", "event": "issue", "outcome": "ok", "served": "cache",
            "session": {"profile": "prod"}, "connection": "warehouse_api", "audience": ["https://lake"],
            "subject": {"iss": "https://sso.corp.example", "sub": "7f3a-alice", "name": "Alice Liddell",
                "email": "alice@corp.example"},
            "scopes": ["openid", "profile", "airflow", "warehouse:read"],
            "fingerprint": format!("{seq:016x}"), "caller": {"transport": "socket", "uid": 1000,
                "pid": 9, "executable": "/home/alice/.venv/bin/python3.12"}});
        let line = line.to_string();
        prev = hex(line.as_bytes());
        writeln!(ledger, "{line}").unwrap();
    }
    let before = HELD.get().0;
    HELD.set((before, before));
    let period = Period::parse("2026-11-01", "2026-12-31").unwrap();
    let reading = Reading::of(&period, Some(&world.ledger())).unwrap();
    let asked = Asked {
        period,
        made: Timestamp::from_second(1_796_000_000).unwrap(),
        machine: String::new(),
        account: String::new(),
        signed: false,
        controls: CONTROLS.iter().collect(),
        witnesses: Vec::new(),
    };
    let pack = world.folder.path().join("pack.zip");
    let parts = Parts::beside(&pack).unwrap();
    let (model, mut parts) = pack::parts(&reading, asked, None, parts).unwrap();
    let manifest = Manifest::of(&model, &parts);
    parts.hold([(MANIFEST.to_owned(), manifest.text().into_bytes())]);
    parts.pack(File::create(&pack).unwrap()).unwrap();
    let most = HELD.get().1 - before;
    assert_eq!((manifest.records, manifest.lines), (lines, lines));
    assert!(fs::metadata(&pack).unwrap().len() > ledger.metadata().unwrap().len());
    // Wine takes a name away with the last who holds the file.
    drop(parts);
    let left: Vec<_> = fs::read_dir(world.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "ledger, log and pack: {left:?}");
    (most, ledger.metadata().unwrap().len())
}

fn holds_hashes_and_numbers(few: u64, many: u64) {
    let ((little, short), (most, long)) = (most_held(few), most_held(many));
    let (more, lines) = (most - little, usize::try_from(many - few).unwrap());
    println!(
        "{many} lines of {long} bytes: {most} bytes were held at most, {} a line",
        more / lines
    );
    assert!(more / lines < A_LINE, "{more} bytes more for {lines} lines");
    assert!((long - short) as usize / lines > A_LINE, "the lines themselves are longer");
}

#[test]
fn of_a_long_period_hashes_and_numbers_are_held_and_no_lines() {
    holds_hashes_and_numbers(1_000, 5_000);
}

#[test]
#[ignore = "half a minute and more"]
fn of_two_hundred_thousand_lines_hashes_and_numbers_are_held_and_no_lines() {
    holds_hashes_and_numbers(1_000, 200_000);
}
