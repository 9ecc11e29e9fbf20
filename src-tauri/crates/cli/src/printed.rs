//! Every command that a text of ours names, in Rust, in the window and in the provider, is one that the
//! command line takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

use crate::args::parse;

const SOURCES: [(&str, &str); 8] = [
    ("crates/core/src", "rs"),
    ("crates/agent/src", "rs"),
    ("crates/cli/src", "rs"),
    ("crates/client/src", "rs"),
    ("crates/tray/src", "rs"),
    ("src", "rs"),
    ("../ui", "js"),
    ("airflow/airflow_provider_dagpass", "py"),
];

#[test]
fn every_command_that_a_text_names_can_be_typed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut named = Vec::new();
    for (folder, kind) in SOURCES {
        let mut files = Vec::new();
        gather(&root.join(folder), kind, &mut files);
        assert!(!files.is_empty(), "{folder}");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            named.extend(commands(&text).into_iter().map(|command| (file.clone(), command)));
        }
    }
    assert!(named.len() > 100, "{}", named.len());
    let wrong: Vec<String> = named
        .iter()
        .filter_map(|(file, command)| Some((file, command, fault(command)?)))
        .map(|(file, command, fault)| format!("{}: `{command}`: {fault}", file.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_without_its_profile_s_name_or_that_is_none_is_found() {
    for (text, wrong) in [
        ("run `dagpass agent resume`", false),
        ("run `dagpass login {name}`", false),
        ("`dagpass airflow setup --for {layout}`", false),
        ("`dagpass token` prints", false),
        ("run `dagpass agent resumes`", true),
        ("run `dagpass login --conection {id}`", true),
        ("run `dagpass login`", true),
        ("run `dagpass login --device`", true),
        ("// `dagpass login` in a comment", false),
    ] {
        let found = commands(text).iter().any(|command| fault(command).is_some());
        assert_eq!(found, wrong, "{text}");
    }
}

fn gather(folder: &Path, kind: &str, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            gather(&path, kind, files);
        } else if name.ends_with(&format!(".{kind}")) && name != "printed.rs" {
            files.push(path);
        }
    }
}

/// Between backticks, comments and tests apart.
fn commands(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let comment =
        |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with('#');
    let code = text.lines().filter(comment).collect::<Vec<_>>().join("\n");
    // A string that goes on in the next line.
    let code = code.split("\\\n").map(str::trim_start).collect::<String>();
    let begun = code.split("`dagpass ").skip(1);
    begun
        .filter_map(|rest| {
            Some(format!("dagpass {}", rest.split_once('`')?.0.trim_end_matches('\\')))
        })
        .collect()
}

fn fault(command: &str) -> Option<String> {
    if command.contains('…') || command.contains('|') {
        return None;
    }
    // A person with two profiles and no default one cannot run it.
    if ["login", "logout"].iter().any(|word| nameless(command, word)) {
        return Some("names no profile".to_owned());
    }
    let words = command.split_whitespace().map(|word| match word.contains('{') {
        true => "x".into(),
        false => OsString::from(word.trim_matches(['"', '\''])),
    });
    let error = parse(&words.collect::<Vec<_>>()).err()?;
    let has_placeholder = command.contains('{') || command.chars().any(|c| c.is_ascii_uppercase());
    match error.kind() {
        ErrorKind::MissingRequiredArgument
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if has_placeholder => None,
        kind => Some(kind.to_string()),
    }
}

fn nameless(command: &str, word: &str) -> bool {
    let Some(rest) = command.strip_prefix(&format!("dagpass {word}")) else { return false };
    rest.split_whitespace().next().is_none_or(|first| first.starts_with('-') && first != "--all")
}
