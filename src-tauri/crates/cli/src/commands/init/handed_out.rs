//! `dagpass init --from`: what an admin hands out is shown, checked by the agent, and taken only when
//! the person says so. Never fetches by itself: the command line has no TLS.

use std::io::Read;
use std::path::Path;

use dagpass_client::wire::{ConfigPreview, ConfigPreviewAsk};

use super::{Init, absolute, merge};
use crate::commands::config::line;
use crate::exit::Failure;
use crate::world::World;
use crate::{input, output};

/// How large may a config be that is handed out?
const LARGEST: u64 = 64 * 1024;

pub(super) fn run(world: &World, source: &str, args: &Init) -> Result<(), Failure> {
    let handed = preview(world, source, args)?;
    output::say(&format!("{source}:\n\n{}", shown(&handed.text)));
    let present = world.ask(|agent| agent.config())?;
    let merged = merge::merge(&present.text, &handed.text, args.force)?;
    if merged.changes.is_empty() {
        output::say("all of it is in the config already");
        return done(world, &present.path, &merged);
    }
    output::say(&format!("{} would get:", present.path));
    merged.changes.iter().for_each(|change| output::say(&format!("  {change}")));
    let warnings = handed.warnings.iter();
    warnings.for_each(|warning| output::say(&format!("warning: {}", line(warning))));
    if !args.yes && !input::agreed("take it?")? {
        return Err(Failure::new("not_taken", "nothing was changed"));
    }
    world.ask(|agent| agent.put_config(&merged.text, &present))?;
    done(world, &present.path, &merged)
}

fn done(world: &World, path: &str, merged: &merge::Merged) -> Result<(), Failure> {
    if world.json {
        let taken = serde_json::json!({ "path": path, "taken": merged.changes });
        return output::json(&taken);
    }
    if !merged.changes.is_empty() {
        output::say(&format!("written to {path}"));
        let status = world.ask(|agent| agent.status())?;
        let away = status.profiles.iter().filter(|one| one.state == "signed_out");
        away.for_each(|one| output::say(&format!("next: `{}`", one.login)));
    }
    Ok(())
}

fn preview(world: &World, source: &str, args: &Init) -> Result<ConfigPreview, Failure> {
    let text = if is_url(source) { None } else { Some(read(Path::new(source))?) };
    let ca_file = args.ca_file.as_deref().map(absolute).transpose()?;
    let question = ConfigPreviewAsk { source: source.to_owned(), text, ca_file };
    let handed = world.ask(|agent| agent.preview_config(&question))?;
    if handed.problems.is_empty() {
        return Ok(handed);
    }
    let problems: Vec<String> = handed.problems.iter().map(line).collect();
    Err(Failure::new("config_invalid", format!("{source} is not taken"))
        .because(problems.join("\n         "))
        .hint("tell whoever hands it out; nothing was changed"))
}

/// A drive's letter is no scheme.
fn is_url(source: &str) -> bool {
    source.split_once("://").is_some_and(|(scheme, _)| scheme.len() > 1)
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{} cannot be read", file.display())).because(error)
    };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::usage(format!("{} is larger than 64 KiB", file.display())));
    }
    Ok(text)
}

/// What a terminal would obey is spelled out.
fn shown(text: &str) -> String {
    text.lines()
        .map(|line| {
            let plain = |c: char| match c {
                '\t' => "\t".to_owned(),
                c if c.is_control() => c.escape_unicode().to_string(),
                c => c.to_string(),
            };
            format!("    {}\n", line.chars().map(plain).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_from_a_file() {
        for (source, expected) in [
            ("https://it.corp.example/dagpass.toml", true),
            ("http://it.corp.example/dagpass.toml", true),
            ("team.toml", false),
            ("C:\\team.toml", false),
            ("./a://b", true),
        ] {
            assert_eq!(is_url(source), expected, "{source}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(shown("a\tb\n\u{1b}[2J"), "    a\tb\n    \\u{1b}[2J\n");
    }
}
