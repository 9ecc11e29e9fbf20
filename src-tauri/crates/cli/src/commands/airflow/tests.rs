//! Wiring and unwiring, byte for byte.

use super::*;

const OURS: &str = "backend = airflow_provider_dagpass.secrets.DagpassBackend";

#[test]
fn only_the_two_keys_of_the_secrets_section_change() {
    let chained = r#"backend_kwargs = {"next":{"class":"a.B","kwargs":{"path":"x%%y"}}}"#;
    let bare = r#"backend_kwargs = {"next":{"class":"a.B","kwargs":{}}}"#;
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
            format!("[secrets]\r\n{OURS}\r\n{bare}\r\nk = 1\r\n"),
        ),
        (
            "[secrets]\nk = 1\nbackend_kwargs = {\"path\":\n    \"x%%y\"}\n# c\nBackend: a.B\n\n[z]\nbackend = no\n",
            format!("[secrets]\nk = 1\n# c\n{OURS}\n{chained}\n\n[z]\nbackend = no\n"),
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
fn the_environment_of_this_airflow_goes_into_the_arguments() {
    let text = cfg::wire("", Some("dev")).unwrap();
    assert!(text.ends_with("backend_kwargs = {\"env\":\"dev\"}\n"), "{text}");
}

#[test]
fn arguments_that_are_no_object_are_left_alone_and_not_quoted() {
    for kwargs in ["{'path': 'canary'}", "[1]", "canary"] {
        let before = format!("[secrets]\nbackend = a.B\nbackend_kwargs = {kwargs}\n");
        let error = cfg::wire(&before, None).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
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
                "A=1\nexport AIRFLOW__SECRETS__BACKEND={class}\nexport \
                 AIRFLOW__SECRETS__BACKEND_KWARGS='{{\"next\":{{\"class\":\"a.B\",\"kwargs\":{{\"p\":\"x\"}}}}}}'\n"
            ),
        ),
    ];
    for (before, after) in table {
        assert_eq!(shell::wire(before, None).as_deref(), Ok(after.as_str()), "{before:?}");
        assert_eq!(shell::wire(&after, None), Err(Unwirable::Already));
    }
}

#[test]
fn undo_restores_the_exact_bytes_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("airflow.cfg");
    for before in ["[secrets]\r\nbackend = a.B\r\n\r\n[core]\r\nx=1", "", "[core]\n; ünïcode\n"] {
        fs::write(&file, before).unwrap();
        write(&file, before, &cfg::wire(before, None).unwrap()).unwrap();
        assert!(cfg::is_wired(&fs::read_to_string(&file).unwrap()));
        undo(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn undo_refuses_where_the_file_was_changed_since() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("airflow.cfg");
    fs::write(&file, "").unwrap();
    assert_eq!(undo(&file).unwrap_err().reply.error, "not_found");
    write(&file, "", &cfg::wire("", None).unwrap()).unwrap();
    fs::write(&file, "[secrets]\nbackend = theirs\n").unwrap();
    assert_eq!(undo(&file).unwrap_err().reply.error, "conflict");
    assert_eq!(fs::read_to_string(&file).unwrap(), "[secrets]\nbackend = theirs\n");
    assert_eq!(write(&file, "", "x").unwrap_err().reply.error, "conflict");
}

#[cfg(unix)]
#[test]
fn rights_and_links_stay_as_they_were() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("airflow.cfg");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    write(&file, "", "[secrets]\n").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o640);
    let (backup, written) = companions(&file);
    assert_eq!((mode(&backup), mode(&written)), (0o600, 0o600));
}
