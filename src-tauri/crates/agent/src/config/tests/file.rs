//! The file on disk.

use std::fs;

use super::super::{ConfigFile, WriteFailure, check_file};
use super::PROD;

#[test]
fn a_bad_file_leaves_the_last_good_config_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, PROD).expect("written");
    let file = ConfigFile::open(path.clone());
    assert!(!file.reload(), "nothing changed");

    fs::write(&path, "[profile.prod]\nisuer = 1\n").expect("written");
    assert!(!file.reload());
    assert_eq!(file.problems().len(), 3);
    assert_eq!(file.reply().text, "[profile.prod]\nisuer = 1\n");
    assert!(file.current().profile(Some("prod")).is_ok());

    fs::remove_file(&path).expect("removed");
    assert!(!file.reload());
    assert!(file.current().profile(Some("prod")).is_ok());

    fs::write(&path, format!("{PROD}client-auth = \"none\"\n")).expect("written");
    assert!(file.reload());
    assert!(file.problems().is_empty());
}

#[test]
fn a_check_says_that_the_file_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let problems = check_file(&path);
    assert_eq!(problems[0].hint.as_deref(), Some("run `dagpass init` to make one"));
    fs::write(&path, PROD).expect("written");
    assert_eq!(check_file(&path), []);
}

#[test]
fn a_text_with_problems_is_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new").join("config.toml");
    let file = ConfigFile::open(path.clone());
    assert!(file.problems().is_empty(), "no file is no problem");
    file.write(PROD).expect("a good text");
    assert!(matches!(file.write("x = 1"), Err(WriteFailure::Problems(p)) if p.len() == 1));
    assert_eq!(fs::read_to_string(&path).expect("still there"), PROD);
    assert!(!file.reload(), "our own write is known");
    let left = fs::read_dir(folder.path().join("new")).expect("listed").count();
    assert_eq!(left, 1, "no unfinished file stays behind");
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

    let [missing] = check_file(&path).try_into().expect("one problem");
    assert_eq!((missing.file, missing.line, missing.column), (path.display().to_string(), 8, 14));
    assert_eq!(missing.key, "airflow.prod.roles-file");
    assert!(missing.message.contains("roles.json cannot be read"), "{}", missing.message);

    fs::write(&key.path, "{\"version\": 1, \"claim\": \"groups\",\n  \"roles\": {\"a\": []}}")
        .expect("written");
    let [bad] = check_file(&path).try_into().expect("one problem");
    assert_eq!((bad.file, bad.line), (key.path.display().to_string(), 2));
    assert_eq!(bad.message, "`a` gives no role: leave it out");

    fs::write(&key.path, "{\"version\": 1, \"claim\": \"groups\", \"roles\": {\"a\": [\"Op\"]}}")
        .expect("written");
    assert_eq!(check_file(&path), []);
}

#[test]
fn a_check_reads_the_certificates_that_ca_file_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("{PROD}ca-file = \"ca.pem\"\n")).expect("written");
    assert!(ConfigFile::open(path.clone()).problems().is_empty(), "it stays in force");
    let [missing] = check_file(&path).try_into().expect("one problem");
    assert_eq!((missing.line, missing.column), (6, 11));
    assert_eq!(missing.key, "profile.prod.ca-file");
    assert!(missing.message.contains("ca.pem cannot be read: "), "{}", missing.message);

    let made = rcgen::generate_simple_self_signed(vec!["ca.example".into()]).expect("made");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, made.signing_key.serialize_pem()).expect("written");
    let [key] = check_file(&path).try_into().expect("one problem");
    assert!(key.message.ends_with("ca.pem holds a private key, which has no place there"));
    assert!(key.hint.is_some_and(|hint| hint.contains("openssl x509")));

    fs::write(&ca, format!("\u{feff}{}", made.cert.pem())).expect("written");
    assert_eq!(check_file(&path), []);
}

#[test]
fn a_byte_order_mark_before_a_config_is_none_of_its_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let marked = format!("\u{feff}{}", PROD.replace('\n', "\r\n"));
    fs::write(&path, &marked).expect("written");
    assert_eq!(check_file(&path), []);
    let file = ConfigFile::open(path.clone());
    assert!(file.current().profile(Some("prod")).is_ok());
    let set = [("profile.prod.login-hint".to_owned(), "ada".into())].into_iter().collect();
    let edit = dagpass_client::wire::ConfigEdit { set, ..Default::default() };
    file.edit(&edit).expect("edited");
    assert_eq!(check_file(&path), []);
}
