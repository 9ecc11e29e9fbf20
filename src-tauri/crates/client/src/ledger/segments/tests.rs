//! A ledger's files, read as one while an agent closes them.

use std::io::BufReader;

use super::super::{Lines, Tail, Verdict};
use super::*;

/// `1\n` to `12\n`: four lines in each closed one, the first of them pruned where that is wanted.
fn world(pruned: bool) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join(LEDGER);
    let lines = folder.path().join(FOLDER).join(LINES);
    fs::create_dir_all(&lines).unwrap();
    if !pruned {
        fs::write(lines.join(Segment::name(0, 4, 0)), "1\n2\n3\n4\n").unwrap();
    }
    fs::write(lines.join(Segment::name(4, 8, 8)), "5\n6\n7\n8\n").unwrap();
    fs::write(lines.join("notes.txt"), "no segment").unwrap();
    fs::write(lines.join("000000000009-000000000008-16.jsonl"), "nor this").unwrap();
    fs::write(&ledger, "9\n10\n11\n12\n").unwrap();
    (folder, ledger)
}

fn text(reader: Reader) -> String {
    io::read_to_string(reader).unwrap()
}

#[test]
fn closed_ones_and_the_open_one_are_read_as_one_file_from_any_byte() {
    let (_folder, ledger) = world(false);
    let segments = Segments::of(&ledger).unwrap();
    let all = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    assert_eq!(text(segments.reader()), all);
    assert_eq!((segments.end(), segments.begin()), (all.len() as u64, Mark::default()));
    for from in 0..=all.len() {
        assert_eq!(text(segments.reader().from(from as u64)), all[from..], "{from}");
    }
    // A block that ends within each of them, and two readers at once.
    let mut lines = Lines::of(BufReader::with_capacity(5, segments.reader()));
    let mut other = Lines::of(BufReader::with_capacity(3, segments.reader()));
    for number in 1..=12 {
        for lines in [&mut lines as &mut dyn FnLine, &mut other] {
            assert_eq!(lines.line().unwrap(), number.to_string());
        }
    }
    assert!(lines.next(|_| {}).unwrap().is_none());
}

trait FnLine {
    fn line(&mut self) -> Option<String>;
}

impl FnLine for Lines<BufReader<Reader>> {
    fn line(&mut self) -> Option<String> {
        let line = self.next(|_| {}).unwrap()?;
        Some(String::from_utf8(line.text?.to_vec()).unwrap())
    }
}

#[test]
fn where_the_first_were_pruned_lines_and_bytes_are_counted_as_before() {
    let (_folder, ledger) = world(true);
    let segments = Segments::of(&ledger).unwrap();
    assert_eq!(segments.begin(), Mark { line: 4, byte: 8 });
    assert_eq!(segments.closed().last().unwrap().end(), Mark { line: 8, byte: 16 });
    assert_eq!(text(segments.reader()), "5\n6\n7\n8\n9\n10\n11\n12\n");
    assert_eq!(text(segments.reader().from(3)), "5\n6\n7\n8\n9\n10\n11\n12\n");
    assert_eq!(text(segments.reader().from(14)), "8\n9\n10\n11\n12\n");
    assert!(segments.file_at(15).ends_with(Segment::name(4, 8, 8)));
    assert_eq!(segments.file_at(16), ledger);
    let last = |count| Tail::over(&segments).last(count, |_| Verdict::Wanted).unwrap();
    assert_eq!(last(5), ["8", "9", "10", "11", "12"]);
    assert_eq!(last(99).len(), 8);
}

#[test]
fn a_ledger_without_its_open_segment_is_one_and_a_copy_of_another_name_is_by_itself() {
    let (folder, ledger) = world(false);
    let copy = folder.path().join("copy.jsonl");
    fs::rename(&ledger, &copy).unwrap();
    assert_eq!(text(Segments::of(&ledger).unwrap().reader()), "1\n2\n3\n4\n5\n6\n7\n8\n");
    assert_eq!(text(Segments::of(&copy).unwrap().reader()), "9\n10\n11\n12\n");
    fs::remove_dir_all(folder.path().join(FOLDER)).unwrap();
    assert_eq!(Segments::of(&ledger).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn one_that_is_not_there_between_two_is_a_hole_and_one_that_goes_meanwhile_is_said() {
    let (folder, ledger) = world(false);
    let lines = folder.path().join(FOLDER).join(LINES);
    fs::write(lines.join(Segment::name(10, 12, 23)), "11\n12\n").unwrap();
    let segments = Segments::of(&ledger).unwrap();
    assert_eq!(segments.holes(), [(8, 10)]);
    fs::remove_file(lines.join(Segment::name(0, 4, 0))).unwrap();
    let error = io::read_to_string(segments.reader()).unwrap_err();
    assert!(error.to_string().contains("pruned while it was read"), "{error}");
}

#[test]
fn a_segment_that_is_closed_while_they_are_listed_is_read_once() {
    let (folder, ledger) = world(true);
    let lines = folder.path().join(FOLDER).join(LINES);
    std::thread::scope(|scope| {
        let (ask, asked) = std::sync::mpsc::sync_channel(2);
        let reads = scope.spawn(|| {
            let ask = ask;
            for _ in 0..200 {
                ask.send(()).unwrap();
                let text = text(Segments::of(&ledger).unwrap().reader());
                let numbers: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
                assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
                assert_eq!(numbers.first(), Some(&5));
            }
        });
        let (mut line, mut byte) = (8, 16);
        while let Ok(()) = asked.recv() {
            let length = fs::metadata(&ledger).unwrap().len();
            let more = fs::read_to_string(&ledger).unwrap().lines().count() as u64;
            fs::rename(&ledger, lines.join(Segment::name(line, line + more, byte))).unwrap();
            (line, byte) = (line + more, byte + length);
            fs::write(&ledger, format!("{}\n", line + 1)).unwrap();
        }
        reads.join().unwrap();
    });
}

#[test]
fn a_name_that_says_more_than_any_ledger_has_is_no_segments() {
    let (folder, ledger) = world(false);
    let lines = folder.path().join(FOLDER).join(LINES);
    let (most, bytes) = (MOST_LINES, MOST_BYTES);
    for name in [
        "900000000000000-900000000000001-0.jsonl".to_owned(),
        format!("{}-{}-0.jsonl", u64::MAX - 1, u64::MAX),
        format!("{most}-{}-0.jsonl", most + 1),
        format!("13-16-{}.jsonl", bytes - 1),
        format!("13-16-{}.jsonl", u64::MAX - 2),
    ] {
        let path = lines.join(&name);
        fs::write(&path, "no\n").unwrap();
        assert_eq!(Segment::parse(path.clone(), 3), None, "{name}");
        let segments = Segments::of(&ledger).unwrap();
        assert_eq!((segments.closed().len(), segments.end()), (2, 27), "{name}");
        fs::remove_file(path).unwrap();
    }
    let last = Segment::name(most - 1, most, bytes - 3);
    assert!(Segment::parse(lines.join(last), 3).is_some());
}

#[test]
fn an_open_one_that_was_copied_before_it_was_closed_is_read_once() {
    let (folder, ledger) = world(false);
    let closed = folder.path().join(FOLDER).join(LINES).join(Segment::name(4, 8, 8));
    let long = format!("5\n{}\n7\n8\n", "6".repeat(200_000));
    for whole in ["5\n6\n7\n8\n", &long] {
        fs::write(&closed, whole).unwrap();
        let read = |open: &str| {
            fs::write(&ledger, open).unwrap();
            let segments = Segments::of(&ledger).unwrap();
            (segments.has_it_twice(), text(segments.reader()))
        };
        let all = format!("1\n2\n3\n4\n{whole}");
        for length in [1, 2, 3, whole.len() / 2, whole.len() - 1, whole.len()] {
            assert_eq!(read(&whole[..length]), (true, all.clone()), "{length}");
        }
        assert_eq!(read(""), (false, all.clone()));
        let mut other = whole.to_owned();
        other.replace_range(whole.len() - 2..whole.len() - 1, "9");
        for open in [format!("{whole}9\n"), other] {
            assert_eq!(read(&open), (false, format!("{all}{open}")));
        }
    }
}

#[test]
fn the_first_that_is_closed_while_they_are_listed_hides_no_ledger() {
    for begun in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join(LEDGER);
        let lines = folder.path().join(FOLDER).join(LINES);
        fs::create_dir_all(&lines).unwrap();
        fs::write(&ledger, "1\n2\n").unwrap();
        let close = |ledger: &Path| {
            let listed = closed(ledger);
            if ledger.exists() && listed.as_ref().is_ok_and(Vec::is_empty) {
                fs::rename(ledger, lines.join(Segment::name(0, 2, 0))).unwrap();
                if begun {
                    fs::write(ledger, "3\n").unwrap();
                }
            }
            listed
        };
        let text = text(Segments::listed(&ledger, close).unwrap().reader());
        assert_eq!(text, if begun { "1\n2\n3\n" } else { "1\n2\n" });
    }
}
