//! Gaps: each kind is found where it is, and none where nothing is missing. Pseudonyms: nobody's name is left.

use jiff::Timestamp;

use super::super::Line;
use super::super::log::leaf_hash;
use super::super::record::{Caller, Person, Run};
use super::*;

/// Seconds behind the first of them.
fn at(secs: i64) -> i64 {
    1_795_000_000_000 + secs * 1_000
}

fn time(secs: i64) -> Timestamp {
    Timestamp::from_millisecond(at(secs)).unwrap()
}

/// A line a second, of these events.
fn lines(events: &[&str]) -> Vec<Line> {
    let line = |(n, event): (i64, &&str)| Line {
        v: 2,
        seq: n as u64 + 1,
        time: time(n).to_string(),
        event: (*event).to_owned().into(),
        outcome: "ok".into(),
        ..Line::default()
    };
    (0..).zip(events).map(line).collect()
}

/// What the table bends.
struct Bent {
    lines: Vec<Line>,
    torn: Vec<u64>,
    chain: Vec<super::super::Found>,
    covered: u64,
    cosigned: Option<u64>,
    proved_behind: u64,
    begun: Vec<Begun>,
    breaks: Vec<String>,
    period: Period,
    first_seq: u64,
}

impl Bent {
    /// Ten lines, the period is of the seven in the middle, and all are signed and cosigned.
    fn clean() -> Self {
        let events = [
            "agent-start",
            "sign-in",
            "refresh",
            "issue",
            "issue",
            "issue",
            "run",
            "issue",
            "sign-out",
            "agent-stop",
        ];
        Self {
            lines: lines(&events),
            torn: vec![],
            chain: vec![],
            covered: 10,
            cosigned: Some(10),
            proved_behind: 0,
            begun: vec![],
            breaks: vec![],
            period: Period { from: time(1), to: time(8) },
            first_seq: 1,
        }
    }

    fn found(&self) -> Vec<Gap> {
        let (mut life, mut offs, mut heads) = (Life::default(), Vec::new(), Heads::default());
        for line in &self.lines {
            offs.extend(life.take(line));
            heads.push(millis(&line.time));
        }
        offs.extend(life.rest());
        let (from, to) = heads.lines_of(&self.period);
        let entry =
            |(n, line): (u64, &Line)| Entry::new(n + 1, Some(leaf_hash(b"x")), line.clone());
        let entries: Vec<Entry> = (0..).zip(&self.lines).map(entry).collect();
        let mut seen = Seen::default();
        entries[from..to].iter().for_each(|entry| seen.take(entry));
        gaps(&Scene {
            period: self.period,
            made: time(100),
            bounds: heads.bounds(),
            first_seq: self.first_seq,
            pruned: None,
            lines: (from as u64, to as u64),
            seen: &seen,
            torn: &self.torn,
            offs: &offs,
            chain: &self.chain,
            covered: self.covered,
            cosigned: self.cosigned,
            proved_behind: self.proved_behind,
            begun: &self.begun,
            breaks: &self.breaks,
        })
    }

    fn kinds(&self) -> Vec<Kind> {
        self.found().iter().map(|gap| gap.kind).collect()
    }
}

#[test]
fn each_gap_is_found_and_none_where_nothing_is_missing() {
    let found = |line, what: &str| super::super::Found { line, what: what.to_owned() };
    type Row = (&'static str, fn(&mut Bent), &'static [Kind]);
    let table: [Row; 21] = [
        ("clean", |_| {}, &[]),
        (
            "ended and started",
            |bent| {
                (bent.lines[4].event, bent.lines[5].event) =
                    ("agent-stop".into(), "agent-start".into());
            },
            &[Kind::AgentOff],
        ),
        ("killed", |bent| bent.lines[5].event = "agent-start".into(), &[Kind::AgentKilled]),
        ("ended for good", |bent| bent.period.to = time(50), &[Kind::AgentOff]),
        (
            "mended",
            |bent| {
                bent.lines[4].event = "ledger-mended".into();
                bent.lines[4].count = Some(7);
            },
            &[Kind::NotRecorded],
        ),
        ("lost", |bent| bent.lines[4].event = "ledger-lost".into(), &[Kind::RecordLost]),
        ("altered", |bent| bent.lines[4].event = "ledger-altered".into(), &[Kind::RecordAltered]),
        ("forked", |bent| bent.lines[4].event = "ledger-forked".into(), &[Kind::RecordForked]),
        ("torn", |bent| bent.torn = vec![5], &[Kind::NoRecord]),
        ("unsigned tail", |bent| bent.covered = 5, &[Kind::NoCheckpoint]),
        ("nothing signed", |bent| bent.covered = 0, &[Kind::NoCheckpoint]),
        ("cosigned up to", |bent| bent.cosigned = Some(7), &[Kind::NoWitness]),
        ("no witness", |bent| bent.cosigned = None, &[Kind::NoWitness]),
        ("clock", |bent| bent.lines[4].time = time(1).to_string(), &[Kind::ClockBack]),
        ("counted", |bent| bent.lines[4].count = Some(12), &[Kind::Counted]),
        ("old", |bent| bent.lines[4].v = 1, &[Kind::OldLines]),
        ("newer", |bent| bent.lines[4].v = 3, &[Kind::NewerLines]),
        ("before", |bent| bent.period.from = time(-50), &[Kind::BeforeTheLedger]),
        (
            "after",
            |bent| {
                bent.lines[9].event = "issue".into();
                bent.period.to = time(50);
                (bent.covered, bent.cosigned) = (10, Some(10));
            },
            &[Kind::AfterTheLedger],
        ),
        (
            "no lines",
            |bent| {
                bent.period = Period { from: time(60), to: time(70) };
            },
            &[Kind::NoLines, Kind::AgentOff],
        ),
        ("not in this pack", |bent| bent.proved_behind = 4, &[Kind::NotInThisPack]),
    ];
    for (what, bend, kinds) in table {
        let mut bent = Bent::clean();
        bend(&mut bent);
        assert_eq!(bent.kinds(), kinds, "{what}: {:#?}", bent.found());
    }
    let mut bent = Bent::clean();
    bent.chain = vec![found(1, "before the period"), found(5, "r"), found(10, "behind it")];
    bent.breaks = vec!["edited".to_owned()];
    bent.begun = vec![Begun { log: 2, why: "the key before was lost", behind: 3 }];
    assert_eq!(bent.kinds(), [Kind::ChainBroken, Kind::NotAsSigned, Kind::LogAnew]);
}

#[test]
fn a_gap_says_when_and_by_which_lines() {
    let mut bent = Bent::clean();
    (bent.lines[4].event, bent.lines[5].event) = ("agent-stop".into(), "agent-start".into());
    bent.covered = 6;
    let found = bent.found();
    let (off, tail) = (&found[0], &found[1]);
    assert_eq!(
        (off.from.clone(), off.until.clone()),
        (Some(time(4).to_string()), Some(time(5).to_string()))
    );
    assert_eq!(off.records, [5, 6]);
    assert_eq!((tail.lines, tail.records.as_slice()), (Some((7, 8)), &[7, 8][..]));
    assert!(tail.what.starts_with("2 lines: "), "{}", tail.what);
}

#[test]
fn every_record_is_in_one_table_and_in_no_other() {
    for (event, outcome, action, table) in [
        ("sign-in", "ok", None, Table::SignIns),
        ("sign-in", "failed", None, Table::SignIns),
        ("issue", "ok", Some("token"), Table::Tokens),
        ("issue", "denied", Some("token"), Table::Refusals),
        ("refused", "denied", None, Table::Refusals),
        ("refresh", "ok", None, Table::Renewals),
        ("refresh", "failed", None, Table::Refusals),
        ("decision", "ok", Some("use-store"), Table::Changes),
        ("decision", "denied", Some("stop"), Table::Refusals),
        ("decision", "ok", Some("show-status"), Table::Other),
        ("decision", "ok", Some("token"), Table::Other),
        ("run", "failed", None, Table::Runs),
        ("ledger-lost", "failed", None, Table::Agent),
        ("evidence", "ok", None, Table::Changes),
        ("approval-asked", "ok", Some("token"), Table::Other),
        ("approval-expired", "denied", Some("token"), Table::Refusals),
        ("approval-answered", "ok", Some("token"), Table::Changes),
        ("approval-answered", "denied", Some("token"), Table::Refusals),
        ("approval-revoked", "ok", Some("token"), Table::Changes),
        ("lease-revoked", "ok", Some("revoke-lease"), Table::Changes),
        ("client-credential", "ok", Some("change-client"), Table::Changes),
        ("sign-out-everywhere", "ok", None, Table::SignIns),
        ("decision", "ok", Some("approve"), Table::Changes),
        ("token-found", "ok", None, Table::Changes),
        ("blessed", "ok", None, Table::Other),
    ] {
        let record = Line {
            event: event.into(),
            outcome: outcome.into(),
            action: action.map(Into::into),
            ..Line::default()
        };
        assert_eq!(Table::of(&record), table, "{event} {outcome} {action:?}");
        let tables = Tables::of([Entry::new(1, Some(leaf_hash(b"")), record)]);
        assert_eq!((tables.records(), tables.table(table).len()), (1, 1));
    }
}

fn person(sub: &str, name: &str, email: &str) -> Person {
    let (name, email) = (Some(name.to_owned()), Some(email.to_owned()));
    Person { iss: "https://sso.corp.example".into(), sub: sub.into(), name, email, client: false }
}

#[test]
fn nobody_is_named_where_they_have_pseudonyms_and_the_same_person_has_the_same_one() {
    let signed_in = Line {
        event: "sign-in".into(),
        subject: Some(person("7f3a", "Alice Liddell", "alice@corp.example")),
        ..Line::default()
    };
    let run = Line {
        event: "run".into(),
        reason: Some(
            "asked by ALICE@corp.example, alice%40corp.example and (Alice Liddell)".into(),
        ),
        caller: Caller {
            executable: Some("/home/alice/venv/bin/python:/home/bob/x".into()),
            context: [("dag_id".to_owned(), "7f3a-load of malice@corp.example".to_owned())].into(),
            ..Caller::default()
        },
        run: Some(Run {
            triggering_user: Some("Bob".into()),
            signed_in_as: Some("alice@corp.example".into()),
            ..Run::default()
        }),
        ..Line::default()
    };
    let of = |salt| {
        let mut pseudonyms = Pseudonyms::new([salt; 32]);
        pseudonyms.meet_person(signed_in.subject.as_ref().unwrap());
        pseudonyms.meet(&run);
        let first = pseudonyms.replace(&signed_in).unwrap();
        let second = pseudonyms.replace(&run).unwrap();
        (first, second, pseudonyms)
    };
    let (first, second, pseudonyms) = of(1);
    let text = serde_json::to_string(&(&first, &second)).unwrap().to_lowercase();
    for name in ["liddell", "\"alice", " alice", "alice%40", "bob", "7f3a"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    assert!(text.contains("malice@corp.example"), "another's: {text}");
    assert!(text.contains("/home/…/venv/bin/python:/home/…/x"), "{text}");
    let alice = &first.subject.unwrap().sub;
    assert_eq!(second.run.unwrap().signed_in_as.as_ref(), Some(alice));
    assert_eq!(pseudonyms.keys()[alice].len(), 4, "{:?}", pseudonyms.keys());
    assert_ne!(&of(2).0.subject.unwrap().sub, alice, "another salt, other names");
    assert!(!format!("{pseudonyms:?}").contains("Alice"));
}

#[test]
fn the_owner_of_a_home_is_named_in_no_path_and_no_sentence() {
    let mut pseudonyms = Pseudonyms::new([1; 32]);
    pseudonyms.meet_person(&person("7f3a", "Bob Smith", "bob@corp.example"));
    for (text, path, sentence) in [
        ("/home/alice/venv/python", "/home/…/venv/python", "/home/…/venv/python"),
        (r"C:\Users\Alice Liddell\App\x.exe", r"C:\Users\…\App\x.exe", r"C:\Users\…\App\x.exe"),
        (r"c:\users\Pat O'Brien\x.exe", r"c:\users\…\x.exe", r"c:\users\…\x.exe"),
        (r"C:\Users\Bob Smith", r"C:\Users\…", r"C:\Users\…"),
        ("/home/CORP-EU/alice/x", "/home/…/x", "/home/…/x"),
        ("/home//alice/x", "/home//…/x", "/home//…/x"),
        ("no /home/alice and no /tmp/x", "no /home/…/tmp/x", "no /home/… and no /tmp/x"),
        ("'/home/alice' or '/tmp'", "'/home/…/tmp'", "'/home/…' or '/tmp'"),
        ("/Users/zoë: /home/", "/Users/…/home/", "/Users/…: /home/"),
    ] {
        let (executable, reason) = (Some(text.to_owned()), Some(text.to_owned()));
        let caller = Caller {
            executable,
            executable_bytes: Some(r"/home/zo\xeb/x".to_owned()),
            ..Caller::default()
        };
        let line = pseudonyms.replace(&Line { reason, caller, ..Line::default() }).unwrap();
        assert_eq!(line.caller.executable.as_deref(), Some(path));
        assert_eq!(line.reason.as_deref(), Some(sentence));
        assert_eq!(line.caller.executable_bytes, None);
    }
}

#[test]
fn whoever_is_met_has_one_name_that_the_key_knows_and_the_words_of_a_caller_are_searched() {
    let mut pseudonyms = Pseudonyms::new([1; 32]);
    let (alice, other) =
        (person("7f3a", "Alice", "alice@corp.example"), person("9b", "Alice", "a@corp.example"));
    pseudonyms.meet_person(&alice);
    pseudonyms.meet_person(&other);
    let run = Run { triggering_user: Some("ALICE".into()), ..Run::default() };
    let run = Line { run: Some(run), ..Line::default() };
    pseudonyms.meet(&run);
    let name_of = |pseudonyms: &mut Pseudonyms, who: &Person| {
        let line = Line { subject: Some(who.clone()), ..Line::default() };
        pseudonyms.replace(&line).unwrap().subject.unwrap().sub
    };
    let (first, second) = (name_of(&mut pseudonyms, &alice), name_of(&mut pseudonyms, &other));
    assert_ne!(first, second);
    assert_eq!(
        pseudonyms.keys()[&first],
        ["7f3a", "Alice", "alice@corp.example", "alice%40corp.example"]
    );
    assert!(pseudonyms.keys()[&second].contains(&"9b".to_owned()));
    assert_eq!(pseudonyms.meet_one("account", "alice"), first);
    let replaced = pseudonyms.replace(&run).unwrap();
    assert_eq!(replaced.run.unwrap().triggering_user, Some(first.clone()));
    // A short one is replaced where it stands by itself.
    let short = pseudonyms.meet_one("account", "al");
    assert!(short.starts_with("account-") && pseudonyms.keys()[&short] == ["al"]);

    // No name of ours and no word of ours is taken for a person's; what a caller named so is.
    pseudonyms.meet_person(&person("issue", "caller", "run@corp.example"));
    let context = [("time", "Alice"), ("event", "alice@corp.example"), ("Alice", "x")];
    let context = context.map(|(name, said)| (name.to_owned(), said.to_owned())).into();
    let caller = Caller { transport: "caller".into(), context, ..Caller::default() };
    let line = Line { event: "issue".into(), caller, ..Line::default() };
    let line = pseudonyms.replace(&line).unwrap();
    assert_eq!((&*line.event, &*line.caller.transport), ("issue", "caller"));
    let said = format!("{:?}", line.caller.context);
    assert!(!said.to_lowercase().contains("alice"), "{said}");
    assert_eq!(line.caller.context["time"], first);
}
