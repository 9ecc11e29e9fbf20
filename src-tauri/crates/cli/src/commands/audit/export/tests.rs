use std::fs;
use std::path::Path;

use clap::Parser;
use dagpass_client::ledger::log::{
    Checkpoint, Cosigner, Frontier, Hash, Note, VerifierKey, leaf_hash,
};
use ed25519_compact::{KeyPair, Seed};
use serde_json::Value;

use super::*;

#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    args: ExportArgs,
}

/// Four lines an hour apart, and a log that signed the first, the third and the last.
fn ledger(folder: &Path) -> (PathBuf, Vec<String>) {
    let line = |n: u8, person: &str| {
        format!(
            r#"{{"v":2,"seq":{n},"time":"2026-11-24T0{n}:00:00.000Z","event":"issue","outcome":"ok","subject":{{"sub":"{person}"}}}}"#
        )
    };
    let lines = [line(1, "alice"), line(2, "bob"), line(3, "alice"), line(4, "bob")];
    let pair = KeyPair::from_seed(Seed::from([7; 32]));
    let key = VerifierKey::new("dagpass.example/log", *pair.pk).unwrap();
    let (mut tree, mut notes) = (Frontier::default(), Vec::new());
    for (line, is_signed) in lines.iter().zip([true, false, true, true]) {
        tree.push(leaf_hash(line.as_bytes()));
        let (origin, size, root) = (key.name().to_owned(), tree.size(), tree.root());
        let text = Checkpoint { origin, size, root, before: None }.to_string();
        if is_signed {
            notes.push(Note::new(&text, &key, &pair.sk.sign(&text, None)).to_string());
        }
    }
    let log = folder.join("ledger-log/1");
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join("vkey"), format!("{key}\n")).unwrap();
    fs::write(log.join("checkpoints"), notes.concat()).unwrap();
    fs::write(log.join("checkpoint"), &notes[2]).unwrap();
    let path = folder.join("ledger.jsonl");
    // Who writes it is in the middle of a line.
    fs::write(&path, lines.join("\n") + "\n{\"v\":2,\"se").unwrap();
    (path, notes)
}

fn exported(folder: &Path, args: &[&str]) -> Result<String, Failure> {
    let (ledger, output) = (folder.join("ledger.jsonl"), folder.join("out"));
    let fixed =
        ["export", ledger.to_str().unwrap(), "--output", output.to_str().unwrap(), "--force"];
    let typed = Typed::try_parse_from(fixed.iter().chain(args)).unwrap();
    run(&typed.args)?;
    Ok(fs::read_to_string(output).unwrap())
}

/// Of each event: the line's number, or the size that a checkpoint is over.
fn told(events: &str) -> Vec<String> {
    let of = |event: &str| {
        let event: Value = serde_json::from_str(event).unwrap();
        let signed = event["metadata"]["event_code"] == "checkpoint";
        format!("{}{}", if signed { "over " } else { "" }, event["metadata"]["sequence"])
    };
    events.lines().map(of).collect()
}

#[test]
fn the_checkpoints_of_the_time_go_along_and_the_newest_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    let (_, notes) = ledger(folder.path());
    let table: [(&[&str], &[&str]); 6] = [
        (&[], &["1", "over 1", "2", "3", "over 3", "4", "over 4"]),
        (&["--person", "ALICE"], &["1", "over 1", "3", "over 3", "over 4"]),
        (&["--since", "2026-11-24T02:00:00Z"], &["2", "3", "over 3", "4", "over 4"]),
        (&["--until", "2026-11-24T03:00:00Z"], &["1", "over 1", "2", "over 4"]),
        (
            &["--since", "2026-11-24", "--until", "2026-11-24", "--person", "nobody"],
            &["over 1", "over 3", "over 4"],
        ),
        (&["--since", "2027-01-01"], &["over 4"]),
    ];
    for (args, expected) in table {
        let events = exported(folder.path(), &[&["--format", "ocsf"], args].concat()).unwrap();
        assert_eq!(told(&events), expected, "{args:?}");
    }
    let kept = folder.path().join("kept");
    let args = [
        "--format",
        "jsonl",
        "--until",
        "2026-11-24T03:00:00Z",
        "--checkpoints",
        kept.to_str().unwrap(),
    ];
    assert_eq!(exported(folder.path(), &args).unwrap().lines().count(), 2);
    assert_eq!(fs::read_to_string(&kept).unwrap(), notes[0].clone() + &notes[2]);
    let refused =
        exported(folder.path(), &["--format", "ocsf", "--checkpoints", kept.to_str().unwrap()]);
    assert_eq!(refused.unwrap_err().exit, crate::exit::USAGE);
}

#[test]
fn a_checkpoint_that_is_not_over_these_lines_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = ledger(folder.path());
    let pass = |text: &str| {
        let mut checkpoints = Checkpoints::beside(&path, 0).unwrap();
        for line in text.lines() {
            checkpoints.pass(leaf_hash(line.as_bytes()), true);
        }
        checkpoints.rest().1.join("\n")
    };
    let text = fs::read_to_string(&path).unwrap();
    let (whole, _) = text.rsplit_once('\n').unwrap();
    assert_eq!(pass(whole), "");
    let edited = pass(&whole.replace("bob", "eve"));
    assert!(edited.contains("not over these lines: 2 of"), "{edited}");
    let cut = pass(whole.lines().next().unwrap());
    assert!(cut.contains("line 1 was the last, and a checkpoint is over 4"), "{cut}");
    fs::write(folder.path().join("ledger-log/1/checkpoint"), "no note").unwrap();
    let checkpoints = folder.path().join("ledger-log/1/checkpoints");
    let forged = fs::read_to_string(&checkpoints).unwrap().replacen("log\n1\n", "log\n2\n", 1);
    fs::write(&checkpoints, forged).unwrap();
    assert!(pass(whole).contains("left out, not signed by the log's key: 1 of"), "{}", pass(whole));
}

/// The agent appends such a one once more, with what the witness signed.
#[test]
fn a_checkpoint_goes_along_once_and_with_what_witnesses_signed_later() {
    let folder = tempfile::tempdir().unwrap();
    let (path, notes) = ledger(folder.path());
    let witness = |name: &str, seed| Cosigner::new(name, [seed; 32]).unwrap();
    let cosigned = |note: &str, by: &Cosigner| {
        let note = Note::parse(note.as_bytes()).unwrap();
        note.with([by.cosign(&note, 1_000).unwrap()]).to_string()
    };
    let (first, second) = (witness("witness.example/w1", 9), witness("witness.example/w2", 8));
    let late = cosigned(&cosigned(&notes[0], &first), &second);
    // Another tree's of the same size stands between: signed by the same key.
    let pair = KeyPair::from_seed(Seed::from([7; 32]));
    let key = VerifierKey::new("dagpass.example/log", *pair.pk).unwrap();
    let other = Checkpoint::parse(Note::parse(notes[0].as_bytes()).unwrap().text()).unwrap();
    let other = Checkpoint { root: Hash([1; 32]), ..other }.to_string();
    let other = Note::new(&other, &key, &pair.sk.sign(&other, None)).to_string();
    let log = folder.path().join("ledger-log/1");
    let history = [&notes[0], &other, &notes[1], &notes[2], &cosigned(&notes[0], &first), &late];
    fs::write(log.join("checkpoints"), history.map(String::as_str).concat()).unwrap();
    let newest = cosigned(&notes[2], &second);
    fs::write(log.join("checkpoint"), &newest).unwrap();
    let mut checkpoints = Checkpoints::beside(&path, 0).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let passed = text.lines().take(4).flat_map(|line| {
        checkpoints.pass(leaf_hash(line.as_bytes()), true).into_iter().map(|(note, _)| note)
    });
    let mut told: Vec<String> = passed.map(|note| note.to_string()).collect();
    let mut expected = [late, other, notes[1].clone(), newest];
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn nothing_that_is_there_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path());
    let out = folder.path().join("out");
    fs::write(&out, "somebody's").unwrap();
    let source = folder.path().join("ledger.jsonl");
    let typed = Typed::parse_from([
        "export",
        source.to_str().unwrap(),
        "--format",
        "csv",
        "--output",
        out.to_str().unwrap(),
    ]);
    assert_eq!(run(&typed.args).unwrap_err().reply.error, "conflict");
    assert_eq!(fs::read_to_string(&out).unwrap(), "somebody's");
    let table = exported(folder.path(), &["--format", "csv"]).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");
}

#[test]
fn no_file_is_written_over_by_another_or_over_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let before = fs::read_to_string(at("ledger.jsonl")).unwrap();
    for (output, checkpoints) in [
        ("out", "out"),
        ("out", "ledger-log/../out"),
        ("ledger.jsonl", "kept"),
        ("out", "ledger-log/../ledger.jsonl"),
    ] {
        let args = ["export", &at("ledger.jsonl"), "--format", "csv", "--force", "--output"];
        let (output, checkpoints) = (at(output), at(checkpoints));
        let args = [&args[..], &[&output, "--checkpoints", &checkpoints]].concat();
        let refused = run(&Typed::parse_from(args).args).unwrap_err();
        assert_eq!(refused.exit, crate::exit::USAGE, "{output} {checkpoints}");
        assert!(!Path::new(&at("out")).exists() && !Path::new(&at("kept")).exists());
    }
    assert_eq!(fs::read_to_string(at("ledger.jsonl")).unwrap(), before);
}

#[test]
fn an_empty_line_is_no_record_and_stands_in_the_tree_and_in_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = ledger(folder.path());
    let text = fs::read_to_string(&path).unwrap();
    let crashed = text.replacen('\n', "\n{\"v\":2,\"to\n\n", 1).replacen('\n', "\n\n", 1);
    fs::write(&path, &crashed).unwrap();
    let (whole, _) = crashed.rsplit_once('\n').unwrap();
    let tree = whole.split('\n').fold(Frontier::default(), |mut tree, line| {
        tree.push(leaf_hash(line.as_bytes()));
        tree
    });
    let key = KeyPair::from_seed(Seed::from([7; 32]));
    let name = VerifierKey::new("dagpass.example/log", *key.pk).unwrap();
    let (origin, size, root) = (name.name().to_owned(), tree.size(), tree.root());
    let text = Checkpoint { origin, size, root, before: None }.to_string();
    let note = Note::new(&text, &name, &key.sk.sign(&text, None)).to_string();
    fs::write(folder.path().join("ledger-log/1/checkpoints"), &note).unwrap();
    fs::write(folder.path().join("ledger-log/1/checkpoint"), &note).unwrap();

    let events = exported(folder.path(), &["--format", "ocsf"]).unwrap();
    assert_eq!(told(&events), ["1", "null", "2", "3", "4", "over 7"]);
    let mut checkpoints = Checkpoints::beside(&path, 0).unwrap();
    whole.split('\n').for_each(|line| drop(checkpoints.pass(leaf_hash(line.as_bytes()), true)));
    assert_eq!(checkpoints.rest().1, [] as [&str; 0]);
    let table = exported(folder.path(), &["--format", "csv"]).unwrap();
    assert_eq!(table.lines().count(), 6, "{table}");
    let copy = exported(folder.path(), &["--format", "jsonl"]).unwrap();
    assert_eq!(copy, format!("{whole}\n"));
}

#[test]
fn checkpoints_over_lines_that_nobody_read_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (source, kept) = (at("ledger.jsonl"), at("kept"));
    let args = Typed::parse_from([
        "export",
        &source,
        "--format",
        "jsonl",
        "--output",
        &at("out"),
        "--checkpoints",
        &kept,
    ]);
    let (_, file) = opened(Some(Path::new(&source))).unwrap();
    let mut export = Export::of(&args.args, Path::new(&source), 0).unwrap();
    export.all(&file, &mut |_| Ok(())).unwrap();
    assert_eq!(export.put_checkpoints(&args.args, true).unwrap_err().reply.error, "io");
    assert!(!Path::new(&kept).exists());
    export.put_checkpoints(&args.args, false).unwrap();
    assert!(Path::new(&kept).exists());
}

#[test]
fn nothing_is_written_into_the_folder_that_the_closed_segments_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(folder.path());
    let lines = folder.path().join("ledger-log/lines");
    fs::create_dir_all(&lines).unwrap();
    let closed = lines.join("000000000001-000000000001-0.jsonl");
    fs::write(&closed, "closed\n").unwrap();
    let (ledger, closed, out) =
        (ledger.to_str().unwrap(), closed.to_str().unwrap(), folder.path().join("out"));
    for args in
        [vec!["--output", closed], vec!["--output", out.to_str().unwrap(), "--checkpoints", closed]]
    {
        let fixed = ["export", ledger, "--format", "jsonl", "--force"];
        let typed = Typed::try_parse_from(fixed.iter().chain(&args)).unwrap();
        let failure = run(&typed.args).unwrap_err();
        assert!(failure.reply.error_description.contains("own folder"), "{:?}", failure.reply);
        assert_eq!(fs::read_to_string(closed).unwrap(), "closed\n");
    }
}
