//! The machine's config on disk: whose it is, what becomes of a bad one, and of one that comes and goes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dagpass_core::error::ErrorCode;

use super::super::{ConfigFile, Looked, MachineConfig, StoreChoice, WriteFailure, check_file};
use crate::system::{MISSED, Writers, closed_folder};

const LOCKING: &str = "locked = [\"issuer\", \"client-id\"]\n[profile.corp]\n\
    issuer = \"https://auth.corp.example/as\"\nclient-id = \"corp\"\n";
const OWN: &str = "[profile.corp]\nissuer = \"https://evil.example\"\n";
const MINE: &str = "[profile.corp]\nflow = \"device\"\n";

/// A machine's folder, and a person's.
struct Stage {
    machine: tempfile::TempDir,
    person: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { machine: closed_folder(), person: tempfile::tempdir().unwrap() }
    }

    fn theirs(&self) -> PathBuf {
        self.machine.path().join("config.toml")
    }

    fn own(&self) -> PathBuf {
        self.person.path().join("config.toml")
    }

    fn lay(&self, text: &str) {
        crate::system::write_private(&self.theirs(), text.as_bytes()).unwrap();
    }

    fn machine_config(&self) -> MachineConfig {
        // Who runs the tests is not root everywhere.
        MachineConfig::in_folder(Some(self.machine.path().to_owned()), Writers::RootOrUs)
    }

    /// As an agent that starts.
    fn start(&self) -> ConfigFile {
        ConfigFile::open_under(self.machine_config(), self.own(), None)
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn client(file: &ConfigFile) -> Option<String> {
    let config = file.current();
    config.profile(Some("corp")).ok().map(|profile| profile.client_id.clone())
}

#[test]
fn who_has_no_config_has_the_machine_s_and_gets_one_by_the_first_change() {
    let stage = Stage::new();
    stage.lay(LOCKING);
    let file = stage.start();
    assert!(file.is_known() && file.problems().is_empty());
    assert_eq!(
        (client(&file).as_deref(), file.store()),
        (Some("corp"), Some(StoreChoice::Keychain))
    );
    assert_eq!(file.reload(), Looked::Same);
    let reply = file.reply();
    assert_eq!((&*reply.text, reply.problems.len()), ("", 0));
    let managed = reply.managed.unwrap();
    assert_eq!(managed.locked, ["issuer", "client-id"]);
    assert_eq!(managed.table["profile"]["corp"]["client-id"], "corp");
    assert!(managed.table.get("locked").is_none());
    assert_eq!(check_file(&stage.own(), &stage.machine_config()), []);

    file.write(MINE, Some(&reply.digest)).unwrap();
    assert_eq!(client(&file).as_deref(), Some("corp"));
    // From now on a file that is gone is one that was moved away.
    fs::remove_file(stage.own()).unwrap();
    assert_eq!(file.reload(), Looked::Wrong);
    assert_eq!(client(&file).as_deref(), Some("corp"));
}

#[test]
fn what_is_locked_is_not_written_and_what_was_there_stays() {
    let stage = Stage::new();
    stage.lay(LOCKING);
    let file = stage.start();
    file.write(MINE, None).unwrap();
    let Err(WriteFailure::Problems(problems)) = file.write(OWN, None) else { panic!("taken") };
    let theirs = stage.theirs();
    let locked =
        format!("is locked by {}, which has `https://auth.corp.example/as`", theirs.display());
    assert_eq!((problems[0].line, &*problems[0].key), (2, "profile.corp.issuer"));
    assert_eq!(problems[0].message, locked);
    assert!(problems[0].hint.as_ref().unwrap().starts_with("take the line out"));
    let edit = |dry_run| dagpass_client::wire::ConfigEdit {
        set: [("profile.corp.client-id".to_owned(), "own".into())].into_iter().collect(),
        dry_run,
        ..Default::default()
    };
    assert!(matches!(file.edit(&edit(false)), Err(WriteFailure::Problems(_))));
    let dry = file.edit(&edit(true)).unwrap();
    assert!(dry.problems[0].message.contains("is locked by"), "{:?}", dry.problems);
    assert_eq!(fs::read_to_string(stage.own()).unwrap(), MINE);
    assert!(file.problems().is_empty());

    // By an editor: the last good one serves, and the line is named.
    fs::write(stage.own(), OWN).unwrap();
    assert_eq!(file.reload(), Looked::Wrong);
    assert_eq!((client(&file).as_deref(), &*file.problems()[0].message), (Some("corp"), &*locked));
    assert_eq!(check_file(&stage.own(), &stage.machine_config())[0].message, locked);
}

/// How it can be spoilt, and what is told of it.
type Way = (&'static str, fn(&Stage), &'static str);
const WAYS: [Way; 20] = [
    ("no TOML", |stage| stage.lay("locked = [\n"), "unclosed array"),
    ("an unknown key", |stage| stage.lay("lock = []\n"), "unknown key `lock`"),
    ("an unknown lock", |stage| stage.lay("locked = [\"isuer\"]\n"), "no key `isuer` to lock"),
    ("a lock that is no list", |stage| stage.lay("locked = true\n"), "expected a sequence"),
    ("a lock of nothing", |stage| stage.lay("locked = [\"issuer\"]\n"), "has no profile"),
    ("hosts that are none", |stage| stage.lay("locked = [\"connection-hosts\"]\n"), "has none"),
    (
        "an issuer without TLS",
        |stage| stage.lay(&LOCKING.replace("https", "http")),
        "must be https",
    ),
    (
        "a profile cut off",
        |stage| stage.lay("[profile.corp]\nissuer = \"https://a\"\n"),
        "`client-id` is missing",
    ),
    ("a key twice", |stage| stage.lay("locked = []\nlocked = []\n"), "duplicate key"),
    ("no UTF-8", |stage| fs::write(stage.theirs(), b"# \xff\n").unwrap(), "UTF-8"),
    ("too long", |stage| stage.lay(&"#".repeat(1024 * 1024 + 1)), "longer"),
    ("the group's to write", |stage| mode(&stage.theirs(), 0o664), "may write to"),
    ("everybody's to write", |stage| mode(&stage.theirs(), 0o646), "may write to"),
    ("a folder that is the group's", |stage| mode(stage.machine.path(), 0o775), "may write to"),
    ("a folder that is everybody's", |stage| mode(stage.machine.path(), 0o1777), "may write to"),
    (
        "a link to where others write",
        |stage| {
            let elsewhere = stage.person.path().join("theirs.toml");
            fs::write(&elsewhere, LOCKING).unwrap();
            mode(stage.person.path(), 0o777);
            fs::remove_file(stage.theirs()).unwrap();
            symlink(elsewhere, stage.theirs()).unwrap();
        },
        "may write to",
    ),
    (
        "a link to nowhere",
        |stage| {
            fs::remove_file(stage.theirs()).unwrap();
            symlink(stage.person.path().join("gone"), stage.theirs()).unwrap();
        },
        "is not taken",
    ),
    (
        "a folder in its place",
        |stage| {
            fs::remove_file(stage.theirs()).unwrap();
            fs::create_dir(stage.theirs()).unwrap();
        },
        "is no file",
    ),
    (
        "a pipe in its place",
        |stage| {
            fs::remove_file(stage.theirs()).unwrap();
            let mode = rustix::fs::Mode::from(0o600);
            rustix::fs::mkfifoat(rustix::fs::CWD, stage.theirs(), mode).unwrap();
        },
        "is no file",
    ),
    (
        "another user's",
        |stage| {
            // Who is not root gives nothing away: the mode is as good a reason then.
            if std::os::unix::fs::chown(stage.theirs(), Some(65_534), None).is_err() {
                mode(&stage.theirs(), 0o602);
            }
        },
        "may write to",
    ),
];

#[test]
fn a_spoilt_one_is_held_to_as_it_last_was_and_without_a_last_one_nothing_is_in_force() {
    for (way, spoil, said) in WAYS {
        let stage = Stage::new();
        stage.lay(LOCKING);
        fs::write(stage.own(), MINE).unwrap();
        let file = stage.start();
        spoil(&stage);
        assert_eq!(file.reload(), Looked::Wrong, "{way}");
        assert_eq!(file.reload(), Looked::Same, "{way}: said once");
        let problems = file.problems();
        let place = stage.theirs().display().to_string();
        assert!(
            problems.iter().any(|one| one.file == place && one.to_string().contains(said)),
            "{way}: {problems:?}"
        );
        assert_eq!(client(&file).as_deref(), Some("corp"), "{way}");
        assert_eq!(file.reply().problems, problems, "{way}");
        // What it locked stays locked, and what it left is the person's.
        let another =
            format!("{MINE}[profile.own]\nissuer = \"https://evil.example\"\nclient-id = \"c\"\n");
        fs::write(stage.own(), another).unwrap();
        assert_eq!(file.reload(), Looked::Wrong, "{way}");
        assert!(file.problems().iter().any(|one| one.message.contains("is locked by")), "{way}");
        fs::write(stage.own(), "[profile.corp]\nlogin-hint = \"ada\"\n").unwrap();
        assert_eq!(file.reload(), Looked::InForce, "{way}");
        let hint = file.current().profile(Some("corp")).unwrap().login_hint.clone();
        assert_eq!(hint.as_deref(), Some("ada"), "{way}");
        assert_eq!(file.problems(), problems, "{way}: it is still wrong");

        // After a restart nobody says any more what it was.
        let file = stage.start();
        assert!(!file.is_known(), "{way}");
        let refusal = file.current().profile(Some("corp")).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::ConfigInvalid, "{way}");
        assert!(refusal.cause.unwrap().starts_with(&place), "{way}");
        assert_eq!((file.store(), file.ids()), (None, None), "{way}");
        assert!(matches!(file.write(MINE, None), Err(WriteFailure::Problems(_))), "{way}");
        assert_eq!(check_file(&stage.own(), &stage.machine_config()), problems, "{way}");
        assert_eq!(file.reload(), Looked::Same, "{way}");

        mend(&stage);
        assert_eq!(file.reload(), Looked::InForce, "{way}");
        assert_eq!(client(&file).as_deref(), Some("corp"), "{way}");
        assert!(file.problems().is_empty() && file.reload() == Looked::Same, "{way}");
    }
}

fn mend(stage: &Stage) {
    mode(stage.machine.path(), 0o755);
    let place = stage.theirs();
    if fs::symlink_metadata(&place).unwrap().is_dir() {
        fs::remove_dir(&place).unwrap();
    } else {
        fs::remove_file(&place).unwrap();
    }
    stage.lay(LOCKING);
}

#[test]
fn one_that_comes_spoilt_takes_away_what_was_in_force_without_it() {
    for (way, spoil, _) in WAYS {
        let stage = Stage::new();
        fs::write(
            stage.own(),
            "[profile.corp]\nissuer = \"https://own.example\"\nclient-id = \"own\"\n",
        )
        .unwrap();
        let file = stage.start();
        assert_eq!(client(&file).as_deref(), Some("own"), "{way}");
        stage.lay(LOCKING);
        spoil(&stage);
        assert_eq!(file.reload(), Looked::Wrong, "{way}");
        assert!(client(&file).is_none() && !file.is_known(), "{way}");
        assert_eq!(file.reload(), Looked::Same, "{way}");
    }
}

#[test]
fn a_change_is_taken_at_the_next_look_and_one_that_is_gone_was_moved_away_for_a_moment() {
    let stage = Stage::new();
    let file = stage.start();
    let begun = Instant::now();
    let at = |late: Duration| file.reload_at(begun + late);
    assert!(client(&file).is_none() && !file.is_known(), "nobody has any");
    stage.lay(LOCKING);
    assert_eq!(at(Duration::ZERO), Looked::InForce);
    stage.lay(&LOCKING.replace("\"corp\"", "\"corp-2\""));
    assert_eq!(at(Duration::ZERO), Looked::InForce);
    assert_eq!(client(&file).as_deref(), Some("corp-2"));

    fs::remove_file(stage.theirs()).unwrap();
    assert_eq!(at(Duration::from_secs(1)), Looked::Same);
    assert_eq!(at(Duration::from_secs(1) + MISSED / 2), Looked::Same);
    assert_eq!(client(&file).as_deref(), Some("corp-2"));
    stage.lay(LOCKING);
    assert_eq!(at(Duration::from_secs(2)), Looked::InForce, "it came back as another");
    fs::remove_file(stage.theirs()).unwrap();
    assert_eq!(at(Duration::from_secs(10)), Looked::Same);
    // With no file of one's own nothing is configured; with one it is by itself.
    assert_ne!(at(Duration::from_secs(10) + MISSED), Looked::InForce);
    assert!(client(&file).is_none() && !file.is_known() && file.problems().is_empty());
    fs::write(stage.own(), OWN.replace("\n[", "[") + "client-id = \"own\"\n").unwrap();
    assert_eq!(at(Duration::from_secs(20)), Looked::InForce);
    assert_eq!(client(&file).as_deref(), Some("own"));
}
