//! `dagpass audit tail`: the ledger's last lines; `audit verify`: does its chain hold. Both read the file
//! and nothing else, so they work while no agent runs.

mod asked;
mod table;
mod verify;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, Subcommand};
use dagpass_client::ledger::{Tail, Verdict};
use dagpass_client::{owner, place};

use crate::exit::Failure;
use crate::output;
use crate::world::World;
use asked::Asked;
use table::Table;

/// How often is the file looked at with `--follow`?
const FOLLOW_POLL: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The last lines, newest last: who, which DAG, which task, which connection, which audience
    #[command(after_help = "Examples:\n  dagpass audit tail --dag etl --since 1h\n  \
                            dagpass audit tail --connection warehouse_api -n 100\n  \
                            dagpass audit tail --follow --json | jq .run")]
    Tail(TailArgs),
    /// Does each line go on from the one before? Ends with 1 where one does not
    #[command(after_help = "Examples:\n  dagpass audit verify\n  \
                            dagpass audit verify ledger.jsonl.1")]
    Verify {
        /// Another file than the agent's own: one that was moved away
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// How many lines
    #[arg(short = 'n', long = "lines", default_value_t = 20)]
    lines: usize,
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    asked: Asked,
}

pub(crate) fn run(world: &World, command: &Audit) -> Result<(), Failure> {
    match command {
        Audit::Tail(args) => tail(world, args),
        Audit::Verify { file } => verify::run(world, file.as_deref()),
    }
}

/// The agent's own, or the one that was named.
fn opened(named: Option<&Path>) -> Result<(PathBuf, File), Failure> {
    let own = || place::state_dir().map(|folder| folder.join("ledger.jsonl"));
    let path = named.map_or_else(own, |path| Ok(path.to_owned()));
    let path = path.map_err(|error| Failure::new("no_place", error.to_string()))?;
    let file = File::open(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new("not_found", "there is no ledger yet")
            .because(format!("{} does not exist", path.display())),
        _ => unreadable(owner::named(&path, error)),
    })?;
    Ok((path, file))
}

fn tail(world: &World, args: &TailArgs) -> Result<(), Failure> {
    let (_path, file) = opened(None)?;
    let mut tail = Tail::of(file).map_err(unreadable)?;
    let mut table = (!world.json).then(Table::default);
    let filter = args.asked.filter();
    let last = tail.last(args.lines, |line| filter.judge(line)).map_err(unreadable)?;
    print(&last, table.as_mut())?;
    if !args.follow {
        return Ok(());
    }
    // `dagpass audit tail -f | head -1`: nobody may ever write another line.
    while !output::is_unread() {
        sleep(FOLLOW_POLL);
        let more = tail.more().map_err(unreadable)?;
        let wanted = |line: &String| filter.judge(line) == Verdict::Wanted;
        print(&more.into_iter().filter(wanted).collect::<Vec<_>>(), table.as_mut())?;
    }
    Ok(())
}

/// As they stand in the file, or as a table for a person.
fn print(lines: &[String], table: Option<&mut Table>) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    match table {
        Some(table) => output::out(&table.rows(lines)),
        None => output::json_text(&lines.join("\n")),
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::new("io", "the ledger cannot be read").because(error)
}
