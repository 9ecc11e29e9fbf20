//! Folders as people have them, and worse.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3ZjNhIn0.c2lnbmF0dXJlLW9mLWl0";

fn fingerprint() -> String {
    format!("{:016x}", key(&Sha256::digest(TOKEN.as_bytes())))
}

fn look(place: &Path, limits: Limits, since: Option<SystemTime>) -> Looked {
    let wanted = fingerprint();
    let mut search = Search::of([wanted.as_str()], limits);
    search.through(place, since);
    search.end()
}

fn packed(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_token_is_found_in_logs_plain_and_packed_and_in_a_dag_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs/dag_id=etl/run_id=r1/task_id=load");
    let dags = folder.path().join("dags");
    fs::create_dir_all(&logs).unwrap();
    fs::create_dir_all(dags.join("__pycache__")).unwrap();
    let line = format!("INFO - headers {{'Authorization': 'Bearer {TOKEN}'}}\n");
    fs::write(logs.join("attempt=1.log"), format!("first\n{line}{line}")).unwrap();
    fs::write(logs.join("attempt=0.log.gz"), packed(&format!("one\ntwo\n{line}"))).unwrap();
    fs::write(dags.join("etl.py"), format!("TOKEN = \"{TOKEN}\"\n")).unwrap();
    fs::write(dags.join("clean.py"), "print('nothing')\n").unwrap();
    fs::write(dags.join("__pycache__/etl.pyc"), TOKEN).unwrap();
    fs::write(dags.join("image.png"), format!("\u{0}{TOKEN}")).unwrap();

    let looked = look(folder.path(), Limits::ASKED, None);
    let root = folder.path().canonicalize().unwrap();
    let mut places: Vec<(String, u64)> = looked
        .hits
        .iter()
        .map(|hit| {
            let inside = hit.file.strip_prefix(&root).unwrap();
            (format!("{}:{}", inside.file_name().unwrap().display(), hit.line.unwrap()), hit.times)
        })
        .collect();
    places.sort();
    let expected = [("attempt=0.log.gz:3", 1), ("attempt=1.log:2", 2), ("etl.py:1", 1)];
    assert_eq!(places, expected.map(|(place, times)| (place.to_owned(), times)));
    assert_eq!((looked.files, looked.not_text, looked.left_out_in_all), (4, 1, 0));
    let told = serde_json::to_string(&looked).unwrap();
    assert!(!told.contains(TOKEN), "never what: {told}");
    assert!(told.contains(&fingerprint()));
}

#[test]
fn bounds_hold_and_what_they_leave_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{}\n{TOKEN}\n", "x".repeat(5_000));
    fs::write(folder.path().join("scheduler.log"), &long).unwrap();
    let small = Limits { file: 1_000, ..Limits::ASKED };
    let looked = look(folder.path(), small, None);
    assert_eq!(looked.hits.len(), 1, "the end of a long file is read");
    assert_eq!((looked.hits[0].line, looked.hits[0].byte), (None, 5_001));
    assert!(looked.hits[0].place().ends_with("scheduler.log, byte 5001"));
    assert!(looked.left_out[0].why.contains("too long"), "{:?}", looked.left_out);

    // A few bytes that unpack to a thousand times as many.
    fs::write(
        folder.path().join("scheduler.log"),
        packed(&format!("{long}{}", "y".repeat(900_000))),
    )
    .unwrap();
    let looked = look(folder.path(), small, None);
    assert!(looked.bytes <= 1_001, "{}", looked.bytes);
    assert_eq!(looked.left_out_in_all, 1);

    for (limits, why) in [
        (Limits { bytes: 0, ..Limits::ASKED }, "read enough"),
        (Limits { entries: 1, ..Limits::ASKED }, "too many files"),
        (Limits { time: Duration::ZERO, ..Limits::ASKED }, "too many files"),
    ] {
        let looked = look(folder.path(), limits, None);
        assert!(looked.hits.is_empty() && looked.left_out[0].why.contains(why), "{looked:?}");
    }
}

#[test]
fn a_place_that_cannot_be_opened_is_told_apart_from_what_is_left_out_within_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.log"), TOKEN).unwrap();
    fs::write(folder.path().join("cut.log.gz"), GZIP).unwrap();
    let within = look(folder.path(), Limits::ASKED, None);
    assert_eq!((within.hits.len(), within.left_out_in_all, within.unopened.len()), (1, 1, 0));
    for unread in [folder.path().join("none"), folder.path().join("cut.log.gz")] {
        let looked = look(&unread, Limits::ASKED, None);
        assert_eq!((looked.left_out_in_all, looked.unopened.len()), (1, 1), "{looked:?}");
    }
}

#[test]
fn what_did_not_change_since_then_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.log"), folder.path().join("new.log"));
    for file in [&old, &new] {
        fs::write(file, TOKEN).unwrap();
    }
    let hour = Duration::from_secs(3600);
    let before = SystemTime::now() - hour;
    File::options().write(true).open(&old).unwrap().set_modified(before).unwrap();
    let looked = look(folder.path(), Limits::AFTER_A_RUN, Some(before + hour / 2));
    assert_eq!(looked.hits.len(), 1);
    assert!(looked.hits[0].file.ends_with("new.log") && looked.files == 1);
}

#[cfg(target_os = "linux")]
#[test]
fn links_lead_nowhere_and_what_is_no_file_holds_nobody_up() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.log"), TOKEN).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    };
    link(outside.path(), "latest");
    link(&outside.path().join("secret.log"), "last.log");
    link(folder.path(), "back");
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let looked = look(folder.path(), Limits::ASKED, None);
    assert!(looked.hits.is_empty() && looked.files == 0, "{looked:?}");
    // Between the look and the opening it became a link, or a pipe that nobody writes to.
    for other in ["last.log", "pipe"] {
        let opened = system::open_to_read(&folder.path().join(other));
        assert!(!matches!(opened, Ok(Some(_))), "{other}");
    }
    // A folder that a person names may be a link.
    let looked = look(&folder.path().join("latest"), Limits::ASKED, None);
    assert_eq!(looked.hits.len(), 1);
}

#[test]
fn one_token_in_many_files_hides_no_other_and_the_rest_is_said_to_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..MOST_HITS + 5 {
        fs::write(folder.path().join(format!("{at}.log")), TOKEN).unwrap();
    }
    let other = "7Fhs0KQ2mVvXb9LrT4aYc1PzWn8e";
    let last = folder.path().join("last.log");
    fs::write(&last, other).unwrap();
    let longest_quiet = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(&last).unwrap().set_modified(longest_quiet).unwrap();
    let other = format!("{:016x}", key(&Sha256::digest(other.as_bytes())));
    let mut search = Search::of([fingerprint().as_str(), other.as_str()], Limits::ASKED);
    search.through(folder.path(), None);
    let looked = search.end();
    assert_eq!(looked.hits.len(), MOST_HITS + 1);
    assert_eq!(looked.hits.iter().filter(|hit| hit.fingerprint == other).count(), 1);
    assert_eq!(looked.left_out_in_all, 5);
    assert!(looked.left_out[0].why.contains("too many before it"), "{:?}", looked.left_out);
}

#[test]
fn a_place_is_one_line_of_bounded_text_whatever_the_names_are() {
    for (file, line, expected) in [
        ("a\n\u{85}b.log".to_owned(), Some(3), Some("a\u{fffd}\u{fffd}b.log:3")),
        ("a.log".to_owned(), None, Some("a.log, byte 7")),
        ("\u{1}".repeat(6 * 255), Some(u64::MAX), None),
        ("\u{e9}".repeat(4000), None, None),
    ] {
        let hit = Hit { fingerprint: fingerprint(), file: file.into(), line, byte: 7, times: 1 };
        let place = hit.place();
        assert!(place.len() <= LONGEST_NAME + 64 && !place.chars().any(char::is_control));
        assert!(expected.is_none_or(|expected| place == expected), "{place:.60}");
    }
}

#[test]
fn a_file_from_the_end_of_time_is_read_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.log");
    fs::write(&file, TOKEN).unwrap();
    // Where the file system does not keep such a time, what it keeps is as good.
    if let Some(late) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(i64::MAX as u64)) {
        drop(File::options().write(true).open(&file).unwrap().set_modified(late));
    }
    for since in [SystemTime::UNIX_EPOCH, SystemTime::now() - Duration::from_secs(60)] {
        assert_eq!(look(folder.path(), Limits::ASKED, Some(since)).hits.len(), 1);
    }
}
