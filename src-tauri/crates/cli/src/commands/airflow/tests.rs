//! Wiring and unwiring, byte for byte.

use super::backend::{self, Unwirable};
use super::receipt::{Change, Receipt};
use super::{cfg, shell};
use std::fs;
use std::path::Path;

const OURS: &str = "backend = airflow_provider_dagpass.secrets.DagpassBackend";

#[test]
fn only_the_two_keys_of_the_secrets_section_change() {
    let next = "dagpass_next = a.B";
    let table = [
        ("", format!("[secrets]\n{OURS}\n")),
        ("[core]\nx = 1", format!("[core]\nx = 1\n\n[secrets]\n{OURS}\n")),
        ("[secrets]\n# why\n\n[z]\n", format!("[secrets]\n{OURS}\n# why\n\n[z]\n")),
        (
            "[secrets]\nbackend =\nbackend_kwargs =\nuse_cache = 1\n",
            format!("[secrets]\n{OURS}\nuse_cache = 1\n"),
        ),
        (
            "[secrets]\r\nbackend = a.B\r\nk = 1\r\n",
            format!("[secrets]\r\n{OURS}\r\n{next}\r\nk = 1\r\n"),
        ),
        (
            "[secrets]\nk = 1\nbackend_kwargs = {\"path\":\n    \"x%%y\"}\n# c\nBackend: a.B\n\n[z]\nbackend = no\n",
            format!(
                "[secrets]\nk = 1\nbackend_kwargs = {{\"path\":\n    \"x%%y\"}}\n# c\n{OURS}\n{next}\n\n[z]\nbackend = no\n"
            ),
        ),
        (
            "[secrets]\nbackend = a.B\nbackend_kwargs_cmd = /bin/kwargs --x\nbackend_kwargs_secret = p\n",
            format!(
                "[secrets]\n{OURS}\n{next}\nbackend_kwargs_cmd = /bin/kwargs --x\nbackend_kwargs_secret = p\n"
            ),
        ),
        (
            "[secrets]\nbackend =\nbackend_kwargs = {\"nobody\": 1}\ndagpass_next = old.C\ndagpass_env = e\n",
            format!("[secrets]\n{OURS}\n"),
        ),
        ("[secrets]", format!("[secrets]\n{OURS}\n")),
    ];
    for (before, after) in table {
        assert_eq!(cfg::wire(before, None).as_deref(), Ok(after.as_str()), "{before:?}");
        assert!(cfg::is_wired(&after));
        assert_eq!(cfg::wire(&after, None), Err(Unwirable::Already));
    }
}

#[test]
fn the_environment_of_this_airflow_stands_beside_the_class() {
    let text = cfg::wire("", Some("dev")).unwrap();
    assert!(text.ends_with("dagpass_env = dev\n"), "{text}");
}

#[test]
fn arguments_stay_as_they_are_whatever_they_are() {
    for kwargs in ["{'path': 'canary'}", "[1]", "canary", "{\"env\": \"theirs\"}"] {
        let before = format!("[secrets]\nbackend = a.B\nbackend_kwargs = {kwargs}\n");
        let after = format!("[secrets]\n{OURS}\ndagpass_next = a.B\nbackend_kwargs = {kwargs}\n");
        assert_eq!(cfg::wire(&before, None), Ok(after));
    }
}

#[test]
fn a_shells_file_is_wired_by_two_exports() {
    let class = backend::CLASS;
    let table = [
        ("", format!("export AIRFLOW__SECRETS__BACKEND={class}\n")),
        ("A=1", format!("A=1\nexport AIRFLOW__SECRETS__BACKEND={class}\n")),
        (
            "export AIRFLOW__SECRETS__BACKEND=a.B\nA=1\nAIRFLOW__SECRETS__BACKEND_KWARGS='{\"p\": \"x\"}'\n",
            format!(
                "A=1\nAIRFLOW__SECRETS__BACKEND_KWARGS='{{\"p\": \"x\"}}'\nexport \
                 AIRFLOW__SECRETS__BACKEND={class}\nexport AIRFLOW__SECRETS__DAGPASS_NEXT=a.B\n"
            ),
        ),
    ];
    for (before, after) in table {
        assert_eq!(shell::wire(before, None).as_deref(), Ok(after.as_str()), "{before:?}");
        assert_eq!(shell::wire(&after, None), Err(Unwirable::Already));
    }
}

#[test]
fn the_workers_slot_is_wired_too_where_somebody_took_it() {
    let ours = "secrets_backend = airflow_provider_dagpass.secrets.DagpassWorkersBackend";
    let before = "[secrets]\nbackend =\n[workers]\nsecrets_backend = a.B\nsecrets_backend_kwargs = {\"p\": 1}\n";
    let after = format!(
        "[secrets]\n{OURS}\n[workers]\n{ours}\ndagpass_next = a.B\nsecrets_backend_kwargs = {{\"p\": 1}}\n"
    );
    assert_eq!(cfg::wire(before, None).as_deref(), Ok(after.as_str()));
    assert_eq!(cfg::wire(&after, None), Err(Unwirable::Already));
    let half = format!(
        "[secrets]\n{OURS}\n[workers]\nsecrets_backend = a.B\nsecrets_backend_kwargs = {{\"p\": 1}}\n"
    );
    assert_eq!(cfg::wire(&half, None).as_deref(), Ok(after.as_str()));
}

fn write(state: &Path, file: &Path, before: Option<&str>, after: &str) -> Receipt {
    let change = Change {
        path: file.to_owned(),
        before: before.map(|text| text.as_bytes().to_owned()),
        after: after.as_bytes().to_owned(),
    };
    let receipt = Receipt::new(state, "venv", file);
    receipt.clone().write(&[change]).unwrap();
    receipt.earlier().unwrap().unwrap()
}

#[test]
fn undo_restores_the_exact_bytes_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("airflow.cfg"));
    for before in ["[secrets]\r\nbackend = a.B\r\n\r\n[core]\r\nx=1", "", "[core]\n; ünïcode\n"] {
        fs::write(&file, before).unwrap();
        let mut receipt = write(&state, &file, Some(before), &cfg::wire(before, None).unwrap());
        assert!(cfg::is_wired(&fs::read_to_string(&file).unwrap()));
        assert_eq!(receipt.restore().unwrap(), [] as [std::path::PathBuf; 0]);
        receipt.remove().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        assert_eq!(Receipt::all(&state).unwrap(), []);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_file_that_was_changed_since_stays_and_its_copy_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("airflow.cfg"));
    fs::write(&file, "theirs, before").unwrap();
    let mut receipt = write(&state, &file, Some("theirs, before"), "ours");
    fs::write(&file, "theirs, later").unwrap();
    assert_eq!(receipt.restore().unwrap(), [file.as_path()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs, later");
    let copy = receipt.copy_of(&file).unwrap();
    assert_eq!(fs::read_to_string(copy).unwrap(), "theirs, before");
}

#[test]
fn a_file_of_ours_goes_with_us_only_while_it_is_as_we_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("new/conftest.py"));
    let mut receipt = write(&state, &file, None, "ours");
    assert_eq!(receipt.base(&file).unwrap(), None);
    assert_eq!(receipt.restore().unwrap(), [] as [std::path::PathBuf; 0]);
    assert!(!file.exists());
    let mut receipt = write(&state, &file, None, "ours");
    fs::write(&file, "ours and theirs").unwrap();
    assert_eq!(receipt.restore().unwrap(), [file.as_path()]);
    assert!(file.exists());
}

#[cfg(unix)]
#[test]
fn rights_stay_as_they_were_and_copies_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("airflow.cfg"));
    fs::write(&file, "before").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let mut receipt = write(&state, &file, Some("before"), "[secrets]\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&receipt.copy_of(&file).unwrap())), (0o640, 0o600));
    receipt.restore().unwrap();
    assert_eq!(mode(&file), 0o640);
}
