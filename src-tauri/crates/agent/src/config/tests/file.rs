//! The file on disk.

use std::collections::BTreeSet;
use std::fs;

use dagpass_client::wire::ConfigEdit;
use dagpass_core::error::ErrorCode;

use super::super::{
    Condition, ConfigFile, Looked, Lookup, MachineConfig, StoreChoice, WriteFailure, check_file,
};
use super::PROD;

#[test]
fn a_bad_file_leaves_the_last_good_config_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, PROD).expect("written");
    let file = ConfigFile::open(path.clone());
    assert_eq!(file.reload(), Looked::Same, "nothing changed");

    fs::write(&path, "[profile.prod]\nisuer = 1\n").expect("written");
    assert_eq!(file.reload(), Looked::Wrong);
    assert_eq!(file.reload(), Looked::Same, "said once");
    assert_eq!(file.problems().len(), 3);
    assert_eq!(file.reply().text, "[profile.prod]\nisuer = 1\n");
    assert!(file.current().profile(Some("prod")).is_ok());

    fs::remove_file(&path).expect("removed");
    assert_eq!(file.reload(), Looked::Wrong);
    assert!(file.current().profile(Some("prod")).is_ok());

    fs::write(&path, format!("{PROD}client-auth = \"none\"\n")).expect("written");
    assert_eq!(file.reload(), Looked::InForce);
    assert!(file.problems().is_empty());
}

#[test]
fn a_check_says_that_the_file_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let problems = check_file(&path, &MachineConfig::nowhere());
    assert_eq!(problems[0].hint.as_deref(), Some("run `dagpass init` to make one"));
    fs::write(&path, PROD).expect("written");
    assert_eq!(check_file(&path, &MachineConfig::nowhere()), []);
}

#[test]
fn a_text_with_problems_is_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new").join("config.toml");
    let file = ConfigFile::open(path.clone());
    assert!(file.problems().is_empty(), "no file is no problem");
    file.write(PROD, None).expect("a good text");
    assert!(matches!(file.write("x = 1", None), Err(WriteFailure::Problems(p)) if p.len() == 1));
    assert_eq!(fs::read_to_string(&path).expect("still there"), PROD);
    assert_eq!(file.reload(), Looked::Same, "our own write is known");
    let left = fs::read_dir(folder.path().join("new")).expect("listed").count();
    assert_eq!(left, 1, "no unfinished file stays behind");
}

#[test]
fn a_change_made_from_a_file_that_is_there_no_more_is_refused_and_what_is_there_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let file = ConfigFile::open(path.clone());
    let edit = |digest: Option<&str>, dry_run| {
        let set = [("profile.prod.login-hint".to_owned(), "ada".into())].into_iter().collect();
        file.edit(&ConfigEdit {
            set,
            dry_run,
            digest: digest.map(str::to_owned),
            ..Default::default()
        })
    };
    let nothing = file.reply().digest;
    file.write(PROD, Some(&nothing)).expect("nothing is what was read");
    let read = file.reply().digest;
    assert_ne!(read, nothing);

    let theirs: [(&str, &[u8]); 3] = [
        ("a good one", b"[profile.web]\nissuer = \"https://w.example\"\nclient-id = \"w\"\n"),
        ("a wrong one", b"[profile.web]\nisuer = 1\n"),
        ("no UTF-8", b"# a\n\xff"),
    ];
    for (case, text) in theirs {
        fs::write(&path, text).expect("written");
        for refused in [
            file.stands(Some(&read)).err(),
            file.write(PROD, Some(&read)).err(),
            edit(Some(&read), true).err(),
            edit(Some(&read), false).err(),
        ] {
            assert!(matches!(refused, Some(WriteFailure::Changed)), "{case}: {refused:?}");
        }
        assert_eq!(fs::read(&path).expect("there"), text, "{case}");
        let theirs = file.reply();
        assert_eq!(theirs.text.as_bytes() == text, case != "no UTF-8", "{case}: told at once");
        assert_eq!(theirs.problems.is_empty(), case == "a good one", "{case}");
        file.stands(Some(&theirs.digest)).expect(case);
        let in_force = file.current().profile(Some("web")).is_ok();
        assert!(!in_force, "{case}: only a look brings it into force");
    }
    let there = file.reply().digest;
    file.write(PROD, Some(&there)).expect("over what was seen");
    assert_eq!(
        edit(Some(&read), false).expect("the same bytes again").table["profile"]["prod"]["login-hint"],
        "ada"
    );
    assert_ne!(file.reply().digest, read);
    file.write(PROD, None).expect("nobody asked what is there");
    fs::remove_file(&path).expect("removed");
    assert!(matches!(file.write(PROD, Some(&read)), Err(WriteFailure::Changed)));
}

#[test]
fn a_check_names_the_roles_file_its_line_and_the_key_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let text = format!(
        "{PROD}[airflow.prod]\nurl = \"https://airflow.example\"\nroles-file = \"roles.json\"\n"
    );
    fs::write(&path, &text).expect("written");
    let file = ConfigFile::open(path.clone());
    assert!(file.problems().is_empty(), "a preview keeps no token back");
    let key = file.current().airflow["prod"].roles_file.clone().expect("named");
    assert_eq!(key.path, folder.path().join("roles.json"), "beside the config");

    let [missing] = check_file(&path, &MachineConfig::nowhere()).try_into().expect("one problem");
    assert_eq!((missing.file, missing.line, missing.column), (path.display().to_string(), 8, 14));
    assert_eq!(missing.key, "airflow.prod.roles-file");
    assert!(missing.message.contains("roles.json cannot be read"), "{}", missing.message);

    fs::write(&key.path, "{\"version\": 1, \"claim\": \"groups\",\n  \"roles\": {\"a\": []}}")
        .expect("written");
    let [bad] = check_file(&path, &MachineConfig::nowhere()).try_into().expect("one problem");
    assert_eq!((bad.file, bad.line), (key.path.display().to_string(), 2));
    assert_eq!(bad.message, "`a` gives no role: leave it out");

    fs::write(&key.path, "{\"version\": 1, \"claim\": \"groups\", \"roles\": {\"a\": [\"Op\"]}}")
        .expect("written");
    assert_eq!(check_file(&path, &MachineConfig::nowhere()), []);
}

#[test]
fn a_check_reads_the_certificates_that_ca_file_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("{PROD}ca-file = \"ca.pem\"\n")).expect("written");
    assert!(ConfigFile::open(path.clone()).problems().is_empty(), "it stays in force");
    let [missing] = check_file(&path, &MachineConfig::nowhere()).try_into().expect("one problem");
    assert_eq!((missing.line, missing.column), (6, 11));
    assert_eq!(missing.key, "profile.prod.ca-file");
    assert!(missing.message.contains("ca.pem cannot be read: "), "{}", missing.message);

    let made = rcgen::generate_simple_self_signed(vec!["ca.example".into()]).expect("made");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, made.signing_key.serialize_pem()).expect("written");
    let [key] = check_file(&path, &MachineConfig::nowhere()).try_into().expect("one problem");
    assert!(key.message.ends_with("ca.pem holds a private key, which has no place there"));
    assert!(key.hint.is_some_and(|hint| hint.contains("openssl x509")));

    fs::write(&ca, format!("\u{feff}{}", made.cert.pem())).expect("written");
    assert_eq!(check_file(&path, &MachineConfig::nowhere()), []);
}

#[test]
fn a_byte_order_mark_before_a_config_is_none_of_its_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let marked = format!("\u{feff}{}", PROD.replace('\n', "\r\n"));
    fs::write(&path, &marked).expect("written");
    assert_eq!(check_file(&path, &MachineConfig::nowhere()), []);
    let file = ConfigFile::open(path.clone());
    assert!(file.current().profile(Some("prod")).is_ok());
    let set = [("profile.prod.login-hint".to_owned(), "ada".into())].into_iter().collect();
    let edit = ConfigEdit { set, ..Default::default() };
    file.edit(&edit).expect("edited");
    assert_eq!(check_file(&path, &MachineConfig::nowhere()), []);
}

/// What only a look can tell, from where nothing was in force yet.
#[test]
fn until_a_config_is_in_force_nothing_is_chosen_and_what_is_asked_for_is_the_file_s_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let wrong = format!("{PROD}[connection.lake]\nprofile = \"prod\"\nconn-typ = 1\n");
    // Case, what the file holds, the code, its cause, and the code for a connection it names.
    type Row<'t> = (&'t str, Option<&'t [u8]>, ErrorCode, &'t str, Option<ErrorCode>);
    let table: [Row<'_>; 5] = [
        ("no file", None, ErrorCode::NotFound, "no config at ", None),
        ("no TOML", Some(b"[profile"), ErrorCode::ConfigInvalid, "config.toml:1:", None),
        (
            "a wrong key",
            Some(wrong.as_bytes()),
            ErrorCode::ConfigInvalid,
            "connection.lake",
            Some(ErrorCode::ConfigInvalid),
        ),
        ("no UTF-8", Some(b"# a\n\xff"), ErrorCode::ConfigInvalid, "config.toml:2: is no", None),
        ("empty", Some(b""), ErrorCode::NotFound, "", None),
    ];
    for (case, text, code, cause, lake) in table {
        match text {
            None => drop(fs::remove_file(&path)),
            Some(text) => fs::write(&path, text).expect("written"),
        }
        let known = BTreeSet::from(["warehouse".to_owned()]);
        let file = ConfigFile::open_under(MachineConfig::nowhere(), path.clone(), Some(known));
        let in_force = text == Some(b"");
        assert_eq!(file.is_known(), in_force, "{case}");
        assert_eq!(file.store(), in_force.then_some(StoreChoice::Keychain), "{case}");
        assert_eq!(file.ids().is_some(), in_force, "{case}");
        let config = file.current();
        for refusal in [config.profile(None), config.profile(Some("web"))].map(|got| got.err()) {
            let refusal = refusal.expect(case);
            assert_eq!(refusal.code, code, "{case}");
            assert!(refusal.cause.clone().unwrap_or_default().contains(cause), "{case} {refusal}");
            assert!(refusal.hint.is_some(), "{case}");
        }
        assert_eq!(config.deployment("prod").expect_err(case).code, code, "{case}");
        let code = |id: &str, env| match config.connection(id, env).expect_err(case) {
            Lookup::NotFound => None,
            other => Some(other.refusal(id).code),
        };
        let ours = (!in_force).then_some(ErrorCode::ConfigInvalid);
        assert_eq!(code("warehouse", None), ours, "{case}");
        assert_eq!(code("lake", None), lake, "{case}");
        assert_eq!(
            code("aws_default", Some("dev")),
            None,
            "{case}: left to Airflow's other sources"
        );

        fs::write(&path, format!("{PROD}# mended\n")).expect("written");
        assert_eq!(file.reload(), Looked::InForce, "{case}");
        assert_eq!(file.current().condition, Condition::InForce, "{case}");
        assert!(file.current().profile(None).is_ok() && file.is_known(), "{case}");
    }
}

#[test]
fn what_went_wrong_later_keeps_the_last_good_one_and_what_it_lacks_is_the_file_s_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, PROD).expect("written");
    let file = ConfigFile::open(path.clone());
    fs::write(&path, format!("{PROD}[profile.web]\nisuer = 1\n")).expect("written");
    assert_eq!(file.reload(), Looked::Wrong);
    let config = file.current();
    assert!(config.profile(Some("prod")).is_ok());
    let refusal = config.profile(Some("web")).expect_err("not in the last good one");
    assert_eq!(refusal.code, ErrorCode::ConfigInvalid);
    assert!(refusal.cause.expect("a cause").contains("profile.web"), "its line and key");
    assert_eq!(file.store(), Some(StoreChoice::Keychain), "as it was chosen");
}

/// What mends it may be its mode, or an edit that a coarse clock does not tell from the one before.
#[test]
fn a_wrong_file_is_read_again_though_its_size_and_time_are_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let write = |text: &str| {
        fs::write(&path, text).expect("written");
        let file = fs::File::options().write(true).open(&path).expect("there");
        file.set_modified(std::time::UNIX_EPOCH).expect("its time");
    };
    write(&PROD.replace("issuer", "isseur"));
    let file = ConfigFile::open(path.clone());
    assert_eq!(file.reload(), Looked::Same, "looked at again, and nothing new");
    write(PROD);
    assert_eq!(file.reload(), Looked::InForce);
    assert_eq!(file.reload(), Looked::Same);
}

/// What takes long may be the file itself, or the system that is asked who tells of the person.
#[cfg(unix)]
#[test]
fn the_config_in_force_is_at_hand_while_a_new_one_is_being_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, PROD).expect("written");
    let file = ConfigFile::open(path.clone());
    fs::remove_file(&path).expect("removed");
    let mode = rustix::fs::Mode::from(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a pipe");
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| file.reload());
        // Open once the look reads it.
        let mut pipe = fs::File::options().write(true).open(&path).expect("it is read");
        assert!(file.current().profile(Some("prod")).is_ok() && file.is_known());
        assert!(file.problems().is_empty());
        std::io::Write::write_all(&mut pipe, PROD.as_bytes()).expect("read");
        drop(pipe);
        assert_eq!(looking.join().expect("it ends"), Looked::InForce);
    });
}
