//! `dagpass airflow import`: connections that hold a pasted bearer token, as tables for config.toml; for each secret
//! where it lies, how old it is where that can be seen, and what to revoke. Writes dagpass's own config and
//! nothing else, never reads a secret into this program, and takes it back by its receipt.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;
use dagpass_client::place;
use dagpass_client::wire::ConfigProblem;
use serde::Deserialize;
use serde_json::json;

use super::interpreter::Interpreter;
use super::receipt::{Change, IMPORT, Receipt};
use super::{files, shadow, undo};
use crate::commands::config;
use crate::exit::Failure;
use crate::world::{World, home_is_ours};
use crate::{output, time};

mod pasted;
mod tables;
mod told;

use pasted::{Pasted, Row, Verdict};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// What `airflow connections export` wrote: JSON, YAML or lines; repeat for several
    #[arg(long = "from", value_name = "FILE", conflicts_with = "undo")]
    exports: Vec<PathBuf>,
    /// The Python that Airflow runs in, or its environment's folder
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The project, for its `.env` and `.venv`
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The profile whose tokens they get; the default profile where absent
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Show what is pasted where and what would be written, and write nothing
    #[arg(long, conflicts_with = "undo")]
    dry_run: bool,
    /// Put config.toml back as it was, byte for byte
    #[arg(long)]
    undo: bool,
}

/// What the lint tells.
#[derive(Debug, Deserialize)]
struct Found {
    pasted: Vec<Pasted>,
    /// Places that could not be looked at, and why.
    skipped: Vec<String>,
}

pub(super) fn run(world: &World, import: &Import) -> Result<(), Failure> {
    home_is_ours()?;
    let no_place = |error: place::PlaceError| Failure::new("no_place", error.to_string());
    let state = place::state_dir().map_err(no_place)?;
    let file = files::real(&place::config_path().map_err(no_place)?)?;
    if import.undo {
        return undo::run(world, &state, Some((IMPORT, &file)));
    }
    let found = look(world, import)?;
    let before = files::read_text(&file)?;
    let text = before.as_deref().unwrap_or_default();
    let mut rows = pasted::rows(&found.pasted, &shadow::connections(text));
    let profile = import.profile.as_deref();
    let after = match import.dry_run {
        true => with_tables(text, &rows, profile)?,
        false => settled(&file, text, &mut rows, profile)?,
    };
    let result = match (is_new(&rows), import.dry_run) {
        (false, _) => "unchanged",
        (true, true) => "would be written",
        (true, false) => "written",
    };
    if result == "written" {
        write(&state, &file, before.as_deref(), &after)?;
    }
    tell(world, &file, result, (&found, &rows, tables::alone(&rows, text, &after)))
}

fn look(world: &World, import: &Import) -> Result<Found, Failure> {
    let python = Interpreter::find(import.python.as_deref(), &import.dir)?;
    if !world.json {
        output::say(&format!("asked: {} (by {})", python.program.display(), python.by));
    }
    let mut words = vec![OsStr::new("--project"), import.dir.as_os_str()];
    for file in &import.exports {
        words.extend([OsStr::new("--export"), file.as_os_str()]);
    }
    python.lint("airflow_provider_dagpass.lint.pasted", &words)
}

fn is_new(rows: &[Row<'_>]) -> bool {
    rows.iter().any(|row| matches!(row.verdict, Verdict::Taken { .. }))
}

fn with_tables(text: &str, rows: &[Row<'_>], profile: Option<&str>) -> Result<String, Failure> {
    if is_new(rows) { tables::add(text, rows, profile) } else { Ok(text.to_owned()) }
}

/// Only what the agent would take: a connection that it would not stays where it is, and the others go on.
fn settled(
    file: &Path,
    text: &str,
    rows: &mut [Row<'_>],
    profile: Option<&str>,
) -> Result<String, Failure> {
    loop {
        let after = with_tables(text, rows, profile)?;
        if !is_new(rows) {
            return Ok(after);
        }
        let problems = problems(file, &after)?;
        if problems.is_empty() {
            return Ok(after);
        }
        if !pasted::leave(rows, &problems) {
            let lines: Vec<String> = problems.iter().map(config::line).collect();
            let failure = Failure::new("config_invalid", "the config would not be taken");
            return Err(failure.because(lines.join("\n         ")).hint(
                "nothing was written; `dagpass config check` says what is wrong without us",
            ));
        }
    }
}

fn problems(file: &Path, text: &str) -> Result<Vec<ConfigProblem>, Failure> {
    let candidate = file.with_extension("dagpass-check");
    files::keep_anew(&candidate, text.as_bytes())?;
    let checked = config::examined(&candidate);
    files::remove(&candidate)?;
    Ok(checked?.problems)
}

fn write(state: &Path, file: &Path, before: Option<&str>, after: &str) -> Result<(), Failure> {
    let Some(before) = before else {
        let failure =
            Failure::new("not_found", format!("there is no config at {}", file.display()));
        return Err(failure.hint("run `dagpass init`, which writes one with your profile"));
    };
    let receipt = Receipt::new(state, IMPORT, file);
    let first = match receipt.earlier()? {
        Some(earlier) => earlier.base(file)?,
        None => Some(before.as_bytes().to_owned()),
    };
    receipt.write(&[Change {
        path: file.to_owned(),
        before: first,
        after: after.as_bytes().to_owned(),
    }])
}

fn tell(
    world: &World,
    file: &Path,
    result: &str,
    (found, rows, tables): (&Found, &[Row<'_>], String),
) -> Result<(), Failure> {
    let now = time::now();
    if world.json {
        let connections: Vec<_> = rows.iter().map(|row| told::json(row, now)).collect();
        return output::json(&json!({
            "file": file, "result": result, "connections": connections, "tables": tables,
            "skipped": found.skipped,
        }));
    }
    for skipped in &found.skipped {
        output::say(&format!("not looked at: {}", output::word(skipped)));
    }
    output::out(&told::text(rows, now))?;
    if !tables.is_empty() {
        output::out(&format!("\n{tables}"))?;
    }
    output::say(&match result {
        "written" => {
            format!("{} is written; `dagpass airflow import --undo` takes it back", file.display())
        }
        "would be written" => {
            format!("{} would get these tables; nothing was written", file.display())
        }
        _ => format!("{} stays as it is", file.display()),
    });
    Ok(())
}
