//! `dagpass audit tail`: the ledger's last lines; `audit search`: those that are asked for; `audit export`: for
//! other programs; `audit verify`: is it what was written and signed; `audit prove` and `verify-proof`: one
//! line of it in a file of its own. All read files and nothing else, so they work while no agent runs; `audit
//! evidence` alone has the agent sign what it made, `audit ship` asks it how far it is, and `audit prune` has it
//! remove what is old.

mod asked;
mod evidence;
mod export;
mod proof;
mod prune;
mod search;
mod ship;
mod table;
mod verify;
mod witnesses;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, Subcommand};
use dagpass_client::folders::LEDGER;
use dagpass_client::ledger::words::is_echo;
use dagpass_client::ledger::{Filter, Line, Segments, Tail, Verdict};
use dagpass_client::{owner, place};

use super::files;
use crate::exit::Failure;
use crate::output;
use crate::world::World;
use asked::Asked;
pub(crate) use asked::since;
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
    /// Every line that is asked for, newest last. Ends with 1 where there is none
    #[command(after_help = "Examples:\n  dagpass audit search --person alice --since 7d\n  \
                            dagpass audit search --audience lake --outcome denied --until 2026-11-24\n  \
                            dagpass audit search --event sign-in,sign-out --json | jq .subject\n  \
                            dagpass audit search copy/ledger.jsonl --dag etl -n 100")]
    Search(search::SearchArgs),
    /// The ledger for a SIEM (OCSF), a spreadsheet (CSV) or a copy (its own lines), with its checkpoints
    #[command(
        after_help = "Examples:\n  dagpass audit export --format ocsf --since 2026-11-01 --output november.ocsf.jsonl\n  \
                            dagpass audit export --format csv --person alice --output alice.csv\n  \
                            dagpass audit export --format jsonl --output ledger-copy.jsonl --checkpoints checkpoints-copy\n  \
                            dagpass audit export --format ocsf --since 1h | vector --config siem.toml"
    )]
    Export(export::ExportArgs),
    /// How far the agent has shipped the ledger to the collector that the config names (OTLP), and its trouble with it
    #[command(after_help = "Examples:\n  dagpass audit ship\n  dagpass audit ship --now\n  \
                            dagpass audit ship --from 4711\n  dagpass audit ship --json")]
    Ship(ship::ShipArgs),
    /// Remove what is older than the ledger is kept: whole segments, once all who are to have their lines have them
    ///
    /// A line of the ledger tells of it, and hashes and checkpoints stay: all other lines can be proved as before.
    /// The agent does it by itself once a day where the config says how long lines are kept (`retain` under
    /// `[audit]`).
    #[command(after_help = "Examples:\n  dagpass audit prune --dry-run\n  \
                            dagpass audit prune --before 2026-01-01 --dry-run\n  \
                            dagpass audit prune --before 400d")]
    Prune(prune::PruneArgs),
    /// Is the ledger what was written and signed? Ends with 1 where it is not
    ///
    /// Each line has to go on from the one before, and the first lines have to be those that each signed
    /// checkpoint was made over. Says between which checkpoints something was edited, dropped, reordered or
    /// cut, and which line, where that can still be told.
    #[command(after_help = "Examples:\n  dagpass audit verify\n  \
                            dagpass audit verify --key \"$(cat vkey-noted-down)\"\n  \
                            dagpass audit verify --checkpoint checkpoint-of-monday\n  \
                            dagpass audit verify --witness \"$(cat vkey-of-the-witness)\"\n  \
                            dagpass audit verify copy/ledger.jsonl")]
    Verify(verify::VerifyArgs),
    /// Write a file that proves one line, for somebody who has not the ledger (C2SP tlog-proof)
    #[command(after_help = "Examples:\n  dagpass audit prove 4711 --output 4711.tlog-proof\n  \
                            dagpass audit prove 4711 | ssh auditor 'cat > 4711.tlog-proof'")]
    Prove(proof::ProveArgs),
    /// Check such a file, by the public key alone. Ends with 1 where it proves nothing
    #[command(after_help = "Examples:\n  dagpass audit verify-proof 4711.tlog-proof\n  \
                            dagpass audit verify-proof 4711.tlog-proof --key \"$(cat vkey-noted-down)\"")]
    VerifyProof(proof::VerifyProofArgs),
    /// Make one archive for an auditor: what this agent issued in a period, with its gaps and its proofs
    ///
    /// A readable report, the same as data, the ledger's lines of the period, and what proves them without the
    /// ledger. The agent signs a checkpoint before and the manifest behind.
    #[command(
        after_help = "Examples:\n  dagpass audit evidence --from 2026-11-01 --to 2026-11-30\n  \
                            dagpass audit evidence --from 2026-11-01 --to 2026-11-30 --control CC6.1,A.8.5\n  \
                            dagpass audit evidence --from 2026-11-01 --to 2026-11-30 --pseudonymous --names who.json\n  \
                            dagpass audit verify-evidence dagpass-evidence-2026-11-01-2026-11-30.zip"
    )]
    Evidence(evidence::EvidenceArgs),
    /// Check such an archive, by the public key alone. Ends with 1 where it is not what it says
    #[command(after_help = "Examples:\n  dagpass audit verify-evidence evidence.zip\n  \
                            dagpass audit verify-evidence evidence.zip --key \"$(cat vkey-noted-down)\"")]
    VerifyEvidence(evidence::VerifyEvidenceArgs),
    /// Print the public key that the checkpoints are signed by, to be noted down off this machine
    #[command(after_help = "Examples:\n  dagpass audit key\n  dagpass audit key --json")]
    Key,
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
    choice: Choice,
}

/// Which lines, of those that a person sees.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    #[command(flatten)]
    asked: Asked,
    /// Show permits that another line tells of, and what was only looked at, too (`--json` has them anyway)
    #[arg(long)]
    all: bool,
}

impl Choice {
    fn judge(&self, filter: &Filter, line: &str, json: bool) -> Verdict {
        let verdict = filter.judge(line);
        let whole = json || self.all || self.asked.names_events();
        let is_echo = || !whole && Line::parse(line).is_some_and(|line| is_echo(&line));
        if verdict == Verdict::Wanted && is_echo() { Verdict::NotWanted } else { verdict }
    }
}

pub(crate) fn run(world: &World, command: &Audit) -> Result<(), Failure> {
    match command {
        Audit::Tail(args) => tail(world, args),
        Audit::Search(args) => search::run(world, args),
        Audit::Export(args) => export::run(args),
        Audit::Ship(args) => ship::run(world, args),
        Audit::Prune(args) => prune::run(world, args),
        Audit::Verify(args) => verify::run(world, args),
        Audit::Prove(args) => proof::prove(args),
        Audit::VerifyProof(args) => proof::verify(world, args),
        Audit::Evidence(args) => evidence::run(world, args),
        Audit::VerifyEvidence(args) => evidence::verify(world, args),
        Audit::Key => proof::key(world),
    }
}

/// The agent's own with all its segments, or the one that was named.
pub(crate) fn opened(named: Option<&Path>) -> Result<(PathBuf, Segments), Failure> {
    let own = || place::state_dir().map(|folder| folder.join(LEDGER));
    let path = named.map_or_else(own, |path| Ok(path.to_owned()));
    let path = path.map_err(|error| Failure::new("no_place", error.to_string()))?;
    let segments = Segments::of(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new("not_found", "there is no ledger yet")
            .because(format!("{} does not exist", path.display())),
        _ => unreadable(owner::named(&path, error)),
    })?;
    Ok((path, segments))
}

fn tail(world: &World, args: &TailArgs) -> Result<(), Failure> {
    let (path, segments) = opened(None)?;
    let mut tail = Tail::over(&segments);
    let mut table = (!world.json).then(Table::here);
    let filter = args.choice.asked.filter();
    let judge = |line: &str| args.choice.judge(&filter, line, world.json);
    let last = tail.last(args.lines, judge).map_err(unreadable)?;
    print(&last, table.as_mut())?;
    if last.len() < args.lines {
        tell_of_pruned(&segments);
    }
    if !args.follow {
        return Ok(());
    }
    // `dagpass audit tail -f | head -1`: nobody may ever write another line.
    while !output::is_unread() {
        sleep(FOLLOW_POLL);
        // What was written may have been closed meanwhile.
        tail.look_again(&opened(Some(&path))?.1);
        let more = tail.more().map_err(unreadable)?;
        let wanted = |line: &String| judge(line) == Verdict::Wanted;
        print(&more.into_iter().filter(wanted).collect::<Vec<_>>(), table.as_mut())?;
    }
    Ok(())
}

/// Which lines are not here any more, the first ones: a gap that no reader can fill.
fn pruned(segments: &Segments) -> Option<String> {
    match segments.begin().line {
        0 => None,
        1 => Some("line 1 is not here any more".to_owned()),
        many => Some(format!("lines 1 to {many} are not here any more")),
    }
}

/// Where a reader came up to that.
fn tell_of_pruned(segments: &Segments) {
    if let Some(what) = pruned(segments) {
        output::say(&format!("note: {what}; `dagpass audit verify` says by whose wish"));
    }
}

/// As they stand in the file, or as a table for a person.
fn print(lines: &[String], table: Option<&mut Table>) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    match table {
        Some(table) => output::out_drawn(&table.rows(lines)),
        None => output::json_text(&lines.join("\n")),
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::new("io", "the ledger cannot be read").because(error)
}
