//! `dagpass man`: the manual, made from the same definitions as `--help` and the config's schema, so
//! that neither can say what the other does not. Decides which sections a page has; never what a
//! command does.

#[path = "man/config_page.rs"]
mod config_page;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::config;
use crate::args::tree;
use crate::exit::{self, Failure};

/// What stands at the foot of every page.
const MANUAL: &str = "dagpass manual";

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where the pages are written
    folder: PathBuf,
    /// The day that stands at the foot of each page: 2026-01-31
    #[arg(long, value_name = "DAY")]
    date: String,
}

pub(crate) fn run(args: &Man) -> Result<(), Failure> {
    let mut root = tree().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    gather(&root, &args.date, &mut pages)?;
    let config = config_page::page(&config::schema()?, &args.date)?;
    pages.push(("dagpass-config.5".to_owned(), config));
    fs::create_dir_all(&args.folder).map_err(unwritten)?;
    for (name, page) in pages {
        fs::write(args.folder.join(name), page).map_err(unwritten)?;
    }
    Ok(())
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::new("io", "the manual cannot be written").because(error)
}

/// A page for `command` and one for each below it, by the page's file name.
fn gather(
    command: &clap::Command,
    date: &str,
    pages: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    let page = clap_mangen::Man::new(command.clone())
        .date(date)
        .source(concat!("dagpass ", env!("CARGO_PKG_VERSION")))
        .manual(MANUAL);
    let mut text = Vec::new();
    rendered(&page, command, &mut text).map_err(unwritten)?;
    // clap_mangen breaks a line before and after it leaves one empty, which `man` does by itself.
    let text = String::from_utf8_lossy(&text).replace(".br\n\n.br\n", ".sp\n");
    pages.push((page.get_filename(), text));
    for below in command.get_subcommands() {
        gather(below, date, pages)?;
    }
    Ok(())
}

fn rendered(
    page: &clap_mangen::Man,
    command: &clap::Command,
    text: &mut Vec<u8>,
) -> std::io::Result<()> {
    page.render_title(text)?;
    page.render_name_section(text)?;
    page.render_synopsis_section(text)?;
    page.render_description_section(text)?;
    page.render_options_section(text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(text)?;
    }
    let mut more = Roff::new();
    match command.get_display_name() {
        Some("dagpass-agent") => the_program(&mut more),
        None | Some("dagpass") => the_whole(&mut more),
        Some(_) => {}
    }
    if let Some(examples) = command.get_after_help() {
        section(&mut more, "EXAMPLES");
        literally(&mut more, examples.to_string().trim_start_matches("Examples:"));
    }
    if command.get_name() != "dagpass" {
        section(&mut more, "SEE ALSO");
        more.text([bold("dagpass"), roman("(1), "), bold("dagpass-config"), roman("(5)")]);
    }
    text.extend_from_slice(more.to_roff().as_bytes());
    Ok(())
}

fn section(page: &mut Roff, name: &str) {
    page.control("SH", [name]);
}

/// Lines that stay as they are.
fn literally(page: &mut Roff, text: &str) {
    page.control("nf", []);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

/// A word and what it means.
fn entry(page: &mut Roff, word: &str, meaning: impl Into<Vec<Inline>>) {
    page.control("TP", []);
    page.text([bold(word)]);
    page.text(meaning.into());
}

/// `dagpass agent` and the program `dagpass-agent` share their page's name.
fn the_program(page: &mut Roff) {
    section(page, "THE PROGRAM");
    page.text([
        bold("dagpass-agent"),
        roman(
            " is the daemon itself: it keeps the sign-in, hands out fresh tokens on this machine and \
             shows the icon in the tray where there is a desktop. One runs for a person; ",
        ),
        bold("dagpass"),
        roman(" starts it when it is needed."),
    ]);
    for (word, meaning) in [
        (
            "dagpass-agent run",
            "Serve until told to stop. What it has to say goes to stderr. Ends with 3 where another agent runs.",
        ),
        ("dagpass-agent config-check FILE", "Print what is wrong with a config, as JSON."),
        (
            "dagpass-agent config-check --machine FILE",
            "The same of one for a machine, wherever it lies.",
        ),
        ("dagpass-agent config-schema", "Print the JSON Schema of the config."),
    ] {
        entry(page, word, [roman(meaning)]);
    }
    section(page, "FILES");
    for (word, meaning) in [
        ("~/.config/dagpass/config.toml", "The config."),
        (
            "/etc/dagpass/config.toml",
            "The machine's, root's alone: what everybody begins with, and what it locks.",
        ),
        ("~/.local/state/dagpass/ledger.jsonl", "The record of what was signed in and issued."),
        (
            "~/.local/state/dagpass/ledger-log",
            "Signed checkpoints over it, and the hashes of its lines (C2SP tlog-tiles); no secret.",
        ),
        (
            "~/.local/state/dagpass/agent.lock",
            "Who runs, where it listens and which config it reads, whatever XDG_STATE_HOME says.",
        ),
        ("$XDG_RUNTIME_DIR/dagpass/agent.sock", "The socket, for its owner alone."),
        (
            "/usr/lib/systemd/user/dagpass.service",
            "The unit of the user's systemd, where dagpass came as a package; nothing enables it unasked.",
        ),
    ] {
        entry(page, word, [roman(meaning)]);
    }
}

/// What holds for every command.
fn the_whole(page: &mut Roff) {
    section(page, "ENVIRONMENT");
    for (word, meaning) in [
        ("DAGPASS_CONFIG", "The config file."),
        ("DAGPASS_SOCKET", "The socket of the agent, or its pipe on Windows."),
        ("DAGPASS_LOG", "How much the agent tells: info, debug, trace."),
        ("DAGPASS_TRAY", "With off, the agent shows no icon."),
    ] {
        entry(page, word, [roman(meaning)]);
    }
    section(page, "EXIT STATUS");
    for row in &exit::TABLE {
        entry(page, &row.status.to_string(), [roman(row.meaning)]);
    }
    section(page, "SEE ALSO");
    page.text([bold("dagpass-agent"), roman("(1), "), bold("dagpass-config"), roman("(5)")]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_the_one_that_writes_them_has_none() {
        let mut root = tree().disable_help_subcommand(true);
        root.build();
        let mut pages = Vec::new();
        gather(&root, "2026-01-31", &mut pages).unwrap();
        let named = |name: &str| pages.iter().find(|(file, _)| file == name).map(|(_, text)| text);
        let setup = named("dagpass-airflow-setup.1").expect("a page for a command of two words");
        assert!(setup.contains("2026-01-31") && setup.contains(".SH EXAMPLES"), "{setup}");
        assert!(named("dagpass-agent.1").unwrap().contains(".SH \"THE PROGRAM\""));
        let whole = named("dagpass.1").unwrap();
        let (_, statuses) = whole.split_once(".SH \"EXIT STATUS\"").unwrap();
        for row in &exit::TABLE {
            assert!(statuses.contains(&format!("\\fB{}\\fR", row.status)), "{statuses}");
        }
        assert_eq!(named("dagpass-man.1"), None);
    }
}
