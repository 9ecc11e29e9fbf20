//! `dagpass audit search`: every line that is asked for, of the whole ledger or of a copy. Where only the
//! last of them are wanted it is read from its end.

use std::io::{self, BufReader};
use std::path::PathBuf;

use clap::Args;
use dagpass_client::ledger::{Lines, Reader, Segments, Tail, Verdict};

use super::table::Table;
use super::{Choice, opened, print, tell_of_pruned, unreadable};
use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Another file than this machine's ledger: a copy, or one that was moved away
    file: Option<PathBuf>,
    /// At most so many, the newest
    #[arg(short = 'n', long = "lines")]
    lines: Option<usize>,
    #[command(flatten)]
    choice: Choice,
}

/// How much is read at once?
pub(super) const BLOCK: usize = 256 * 1024;
/// How many lines are found before they are printed?
const BATCH: usize = 500;

pub(super) fn run(world: &World, args: &SearchArgs) -> Result<(), Failure> {
    let (_, segments) = opened(args.file.as_deref())?;
    let mut table = (!world.json).then(Table::here);
    let filter = args.choice.asked.filter();
    // All of it is read in any case: a line that cannot be meant need not be understood.
    let wanted = |line: &str| {
        filter.may_hold(line) && args.choice.judge(&filter, line, world.json) == Verdict::Wanted
    };
    let mut found = 0;
    let mut tell = |lines: &[String]| {
        found += lines.len();
        print(lines, table.as_mut())
    };
    match args.lines {
        // A clock that was set back makes a line look too old, and those above it are not.
        Some(most) => {
            let judge =
                |line: &str| if wanted(line) { Verdict::Wanted } else { Verdict::NotWanted };
            let last = Tail::over(&segments).last(most, judge);
            tell(&last.map_err(unreadable)?)?;
        }
        None => forward(&segments, wanted, &mut tell)?,
    }
    if args.lines.is_none_or(|most| found < most) {
        tell_of_pruned(&segments);
    }
    match found {
        0 => Err(Failure::new("not_found", "no line of the ledger is as it was asked for")),
        _ => Ok(()),
    }
}

fn forward(
    segments: &Segments,
    wanted: impl Fn(&str) -> bool,
    tell: &mut impl FnMut(&[String]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut lines = Lines::of(BufReader::with_capacity(BLOCK, segments.reader()));
    let mut batch = Vec::new();
    while let Some(line) = next(&mut lines).map_err(unreadable)? {
        if wanted(&line) {
            batch.push(line);
        }
        if batch.len() == BATCH {
            tell(&batch)?;
            batch.clear();
            if output::is_unread() {
                return Ok(());
            }
        }
    }
    tell(&batch)
}

/// A line that is longer than any record is none, and one that is empty neither.
fn next(lines: &mut Lines<BufReader<Reader>>) -> io::Result<Option<String>> {
    while let Some(line) = lines.next(|_| {})? {
        if let Some(text) = line.text.filter(|text| !text.is_empty()) {
            return Ok(Some(String::from_utf8_lossy(text).into_owned()));
        }
    }
    Ok(None)
}
