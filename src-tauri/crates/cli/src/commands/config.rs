//! `dagpass config`: where it is, what it says, whether it is right, and what stands above it. Checking is the
//! agent program's, so it works where none runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::Duration;

use clap::Subcommand;
use dagpass_client::wire::{ConfigProblem, ConfigReply, ManagedConfig};
use dagpass_client::{launch, limited, owner, place};

use crate::exit::{CHECK_FAILED, Failure};
use crate::output;
use crate::world::World;

/// How long may the agent's program take to read one file?
const CHECK_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print where the file is
    Path,
    /// Print the file
    Show,
    /// Name file, line and key of everything that is wrong
    Check {
        /// Another file than the one in use
        file: Option<PathBuf>,
        /// As a config for a whole machine, before it is put in its place
        #[arg(long, requires = "file")]
        machine: bool,
    },
    /// Print the JSON Schema, for editors
    Schema,
}

pub(crate) fn run(world: &World, command: Config) -> Result<ExitCode, Failure> {
    match &command {
        Config::Path | Config::Show | Config::Check { file: None, .. } => world.notice_config(),
        Config::Check { file: Some(_), .. } | Config::Schema => {}
    }
    match command {
        Config::Path => output::out(&path()?.display().to_string())?,
        Config::Show => show(&path()?)?,
        Config::Check { file, machine } => return check(world, file, machine),
        Config::Schema => output::out(&schema()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn path() -> Result<PathBuf, Failure> {
    place::config_path().map_err(|error| Failure::new("no_place", error.to_string()))
}

/// The person's own; what stands above it is told beside, so that the text stays a config.
fn show(path: &Path) -> Result<(), Failure> {
    let found = examined(path).ok();
    let managed = found.and_then(|found| found.managed);
    if let Some(above) = &managed {
        output::say(&format!("# {}", managed_by(above)));
    }
    match read(path) {
        Err(_) if managed.is_some() && !path.exists() => {
            output::say(&format!("# you have none of your own at {}", path.display()));
            Ok(())
        }
        text => output::out(&without_logins(&text?)),
    }
}

fn managed_by(above: &ManagedConfig) -> String {
    super::status::managed(&above.path, &above.locked)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let what = format!("{} cannot be read", path.display());
        let failure = Failure::new("not_found", what).because(owner::why(path, &error));
        match error.kind() {
            ErrorKind::NotFound => failure.hint("run `dagpass init`"),
            _ => failure,
        }
    })
}

/// A proxy's login is left out: what is shown is pasted into tickets.
fn without_logins(text: &str) -> String {
    let shown = |line: &str| {
        let (mut out, mut rest) = (String::new(), line);
        while let Some((before, value)) = proxy_in(rest) {
            let quote = value.chars().next().filter(|first| ['"', '\''].contains(first));
            let inside = &value[quote.map_or(0, char::len_utf8)..];
            let end = quote.map_or(inside.len(), |quote| string_end(inside, quote));
            let (literal, after) = value.split_at(value.len() - inside.len() + end);
            out += before;
            out += &without_login(literal);
            rest = after;
        }
        out + rest
    };
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// Where a string ends whose first quote is read; of one that goes on, the end of the line.
fn string_end(inside: &str, quote: char) -> usize {
    let long = String::from(quote).repeat(2);
    if let Some(text) = inside.strip_prefix(&long) {
        let ends = text.find(&String::from(quote).repeat(3));
        return ends.map_or(inside.len(), |end| long.len() + end);
    }
    let mut escaped = false;
    let end = inside.char_indices().find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = quote == '"' && *c == '\\' && !escaped;
        ends
    });
    end.map_or(inside.len(), |(at, _)| at)
}

/// The next value of a key `proxy`, which may stand within a table on one line, and what is before it.
fn proxy_in(line: &str) -> Option<(&str, &str)> {
    let of_a_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    line.match_indices("proxy").find_map(|(at, key)| {
        let behind = line[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
        let value = behind.strip_prefix('=')?.trim_start();
        let whole = !line[..at].ends_with(of_a_word);
        whole.then(|| line.split_at(line.len() - value.len()))
    })
}

fn without_login(literal: &str) -> String {
    let Some((login, host)) = literal.rsplit_once('@') else { return literal.to_owned() };
    let kept = login.find("://").map_or(0, |at| at + 3);
    let quotes = login.len() - login.trim_start_matches(['"', '\'']).len();
    let kept = if kept == 0 { quotes } else { kept };
    format!("{}***@{host}", &login[..kept])
}

fn check(world: &World, file: Option<PathBuf>, machine: bool) -> Result<ExitCode, Failure> {
    let is_named = file.is_some();
    let file = file.map_or_else(path, Ok)?;
    let absent = || {
        let what = format!("there is no config at {}", file.display());
        Failure::new("not_found", what).hint("run `dagpass init`")
    };
    if is_named && !file.exists() {
        return Err(absent());
    }
    let found = if machine { examined_as_machines(&file)? } else { examined(&file)? };
    let ConfigReply { problems, warnings, managed, .. } = found;
    // The machine's config does without one of the person's own.
    let of_another = |one: &ConfigProblem| one.file != file.display().to_string();
    if !file.exists() && managed.is_none() && !problems.iter().any(of_another) {
        return Err(absent());
    }
    managed.iter().for_each(|above| output::say(&format!("checked {}", managed_by(above))));
    warnings.iter().for_each(|warning| output::say(&format!("warning: {}", line(warning))));
    if world.json {
        output::json(&problems)?;
    } else if problems.is_empty() {
        output::say(&format!("{}: nothing is wrong", file.display()));
    } else {
        let lines: Vec<String> = problems.iter().map(line).collect();
        output::out(&lines.join("\n"))?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CHECK_FAILED) })
}

/// What the agent's program makes of a file.
pub(super) fn examined(file: &Path) -> Result<ConfigReply, Failure> {
    found(&["config-check".as_ref(), file.as_os_str()])
}

fn examined_as_machines(file: &Path) -> Result<ConfigReply, Failure> {
    found(&["config-check".as_ref(), "--machine".as_ref(), file.as_os_str()])
}

fn found(args: &[&std::ffi::OsStr]) -> Result<ConfigReply, Failure> {
    let output = agent(args)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| complaint("the config cannot be checked", &output))
}

/// The config's JSON Schema, as the agent's program has it.
pub(super) fn schema() -> Result<String, Failure> {
    let output = agent(&["config-schema".as_ref()])?;
    if !output.status.success() {
        return Err(complaint("there is no schema", &output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn agent(args: &[&std::ffi::OsStr]) -> Result<Output, Failure> {
    let program = launch::agent_program()?;
    limited::output(Command::new(&program).args(args), CHECK_LIMIT).map_err(|error| {
        Failure::new("io", format!("{} cannot be run", program.display())).because(error)
    })
}

fn complaint(what: &str, output: &Output) -> Failure {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Failure::new("config_invalid", what).because(last.trim().trim_start_matches("error: "))
}

/// The problem, and below it what mends it.
pub(crate) fn line(problem: &ConfigProblem) -> String {
    let hint = problem.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{problem}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_and_key() {
        let problem = ConfigProblem {
            file: "c.toml".into(),
            line: 3,
            column: 9,
            key: "profile.prod.issuer".into(),
            message: "is no https URL".into(),
            hint: Some("write https://".into()),
        };
        let text = "c.toml:3:9: profile.prod.issuer: is no https URL\n  hint: write https://";
        assert_eq!(line(&problem), text);
        let bare = ConfigProblem { line: 0, key: String::new(), hint: None, ..problem };
        assert_eq!(line(&bare), "c.toml: is no https URL");
    }

    #[test]
    fn a_config_is_shown_without_the_login_of_its_proxy() {
        for (line, expected) in [
            ("proxy = \"http://p.example:3128\"", "proxy = \"http://p.example:3128\""),
            ("proxy = \"http://ada:pw@p.example:1\"", "proxy = \"http://***@p.example:1\""),
            ("  proxy='https://a:p@w#x=y@p:1' # own", "  proxy='https://***@p:1' # own"),
            ("profile.x.proxy = \"a:pw@p:1\"", "profile.x.proxy = \"***@p:1\""),
            (
                "[profile] \n x = { proxy = 'http://a:pw@p:1', \"proxy\"=\"b:pw@q:1\", y = \"a@b\" }",
                "[profile] \n x = { proxy = 'http://***@p:1', \"proxy\"=\"***@q:1\", y = \"a@b\" }",
            ),
            ("proxy = \"http://a:pw@p:1", "proxy = \"http://***@p:1"),
            ("proxy = \"\"\"http://a:pw@p:1\"\"\"", "proxy = \"\"\"http://***@p:1\"\"\""),
            ("proxy = '''a:pw@p:1''' # x@y", "proxy = '''***@p:1''' # x@y"),
            ("proxy = \"http://a:p\\\"w@p:1\"", "proxy = \"http://***@p:1\""),
            ("login-hint = \"ada@corp.example\"", "login-hint = \"ada@corp.example\""),
            ("no-proxy = \"a@b\"\n\n", "no-proxy = \"a@b\"\n\n"),
        ] {
            assert_eq!(without_logins(line), expected);
        }
    }
}
