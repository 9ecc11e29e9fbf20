//! `dagpass audit export`: the ledger for a SIEM or a spreadsheet, line by line, from the files alone. The
//! checkpoints go along.

mod checkpoints;
#[cfg(test)]
mod tests;

use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dagpass_client::ledger::export::{Ocsf, head, row};
use dagpass_client::ledger::log::{Checkpoint, Leaf, Note};
use dagpass_client::ledger::{Filter, Line, Lines, Segments, Verdict};

use super::asked::Asked;
use super::search::BLOCK;
use super::{files, opened, tell_of_pruned, unreadable};
use crate::exit::Failure;
use crate::output;
use checkpoints::Checkpoints;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Another file than this machine's ledger: a copy, or one that was moved away
    file: Option<PathBuf>,
    /// Events of OCSF 1.8, one a line; rows for a spreadsheet; or the lines as they are
    #[arg(long)]
    format: Format,
    /// Where it goes, instead of to stdout: a new file for its owner alone
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
    /// The signed checkpoints over these lines go there (an OCSF export has them itself)
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Ocsf,
    Csv,
    Jsonl,
}

/// How many lines are read before it is said how many?
const SAID_EVERY: u64 = 50_000;

/// Where each record goes, whole.
type Put<'p> = &'p mut dyn FnMut(&[u8]) -> Result<(), Failure>;

pub(super) fn run(args: &ExportArgs) -> Result<(), Failure> {
    if args.format == Format::Ocsf && args.checkpoints.is_some() {
        return Err(Failure::usage("--checkpoints is for csv and jsonl")
            .because("in an OCSF export each checkpoint is an event"));
    }
    let (path, segments) = opened(args.file.as_deref())?;
    let mut export = Export::of(args, &path, segments.begin().line)?;
    // Before an hour's work, not behind it.
    stand_apart(&path, args)?;
    for path in [&args.output, &args.checkpoints].into_iter().flatten() {
        files::may_be_made(path, args.force)?;
    }
    match &args.output {
        None => output::stream(|put| export.all(&segments, put))?,
        Some(path) => files::make_private(path, args.force, |to| {
            export.all(&segments, &mut |record| {
                to.write_all(record).map_err(|error| files::cannot_write(path, error))
            })
        })?,
    }
    export.put_checkpoints(args, output::is_unread_already())?;
    tell_of_pruned(&segments);
    export.tell(args.output.is_some());
    Ok(())
}

/// What is read is not written over, and of what is written neither takes the other's place.
fn stand_apart(ledger: &Path, args: &ExportArgs) -> Result<(), Failure> {
    for path in [&args.output, &args.checkpoints].into_iter().flatten() {
        files::spares_ledger(path, ledger)?;
    }
    match (&args.output, &args.checkpoints) {
        (Some(one), Some(other)) if files::are_one(one, other)? => {
            let what = "--output and --checkpoints are one file";
            Err(Failure::usage(what).because(other.display()))
        }
        (_, _) => Ok(()),
    }
}

struct Export {
    filter: Filter,
    /// Its times alone: checkpoints are of no person.
    interval: Filter,
    format: Format,
    checkpoints: Checkpoints,
    /// Do the checkpoints go to a file of their own?
    beside: bool,
    /// Is it said how far it is?
    counted: bool,
    notes: String,
    written: u64,
    /// Lines that are longer than any record.
    unfit: u64,
}

impl Export {
    /// `before`: how many lines of it were pruned.
    fn of(args: &ExportArgs, ledger: &Path, before: u64) -> Result<Self, Failure> {
        Ok(Self {
            filter: args.asked.filter(),
            interval: args.asked.interval(),
            format: args.format,
            checkpoints: match args.format == Format::Ocsf || args.checkpoints.is_some() {
                true => Checkpoints::beside(ledger, before)?,
                false => Checkpoints::default(),
            },
            beside: args.checkpoints.is_some(),
            counted: output::stderr_is_terminal() && args.output.is_some(),
            notes: String::new(),
            written: 0,
            unfit: 0,
        })
    }

    fn all(&mut self, segments: &Segments, put: Put<'_>) -> Result<(), Failure> {
        let mut ocsf = Ocsf::new(env!("CARGO_PKG_VERSION"), self.checkpoints.origin.as_deref());
        if self.format == Format::Csv {
            put(head().as_bytes())?;
        }
        let mut lines = Lines::of(BufReader::with_capacity(BLOCK, segments.reader()));
        let (mut read, hashed) = (0, self.checkpoints.origin.is_some());
        loop {
            let mut leaf = Leaf::default();
            let hash = |part: &[u8]| {
                if hashed {
                    leaf.add(part)
                }
            };
            let line = lines.next(hash).map_err(unreadable)?;
            // The last one may be being written.
            let Some(line) = line.filter(|line| line.ended) else { break };
            let within = match line.text {
                Some(text) => self.line(text, &mut ocsf, put)?,
                None => {
                    self.unfit += 1;
                    false
                }
            };
            for (note, checkpoint) in self.checkpoints.pass(leaf.hash(), within) {
                self.checkpoint(&ocsf, &note, &checkpoint, put)?;
            }
            read += 1;
            if self.counted && read % SAID_EVERY == 0 {
                output::say_over(&format!("{read} lines read, {} written", self.written));
            }
            if output::is_unread_already() {
                return Ok(());
            }
        }
        let (newest, told) = std::mem::take(&mut self.checkpoints).rest();
        if let Some((note, checkpoint)) = newest {
            self.checkpoint(&ocsf, &note, &checkpoint, put)?;
        }
        told.iter().for_each(|told| output::say(&format!("warning: {told}")));
        Ok(())
    }

    /// Is a checkpoint over it, as the last one, of the time that was asked for?
    fn line(&mut self, text: &[u8], ocsf: &mut Ocsf, put: Put<'_>) -> Result<bool, Failure> {
        let everything = self.filter == Filter::default();
        // An empty line is no record: it closes off what a crash left. A copy has it all the same.
        if text.is_empty() && self.format != Format::Jsonl {
            return Ok(self.interval == Filter::default());
        }
        let line = match str::from_utf8(text) {
            Ok(_) if everything && self.format == Format::Jsonl => None,
            Ok(text)
                if everything
                    || self.interval != Filter::default()
                    || self.filter.may_hold(text) =>
            {
                Line::parse(text)
            }
            Ok(_) | Err(_) => None,
        };
        let holds = |filter: &Filter| {
            line.as_ref().is_some_and(|line| filter.judge_line(line) == Verdict::Wanted)
        };
        if everything || holds(&self.filter) {
            match self.format {
                Format::Ocsf => put_line(&ocsf.event(text, line.as_ref()), put)?,
                Format::Csv => put(row(text, line.as_ref()).as_bytes())?,
                Format::Jsonl => put(&[text, b"\n"].concat())?,
            }
            self.written += 1;
        } else if self.format == Format::Ocsf {
            ocsf.pass(text, line.as_ref());
        }
        Ok(self.interval == Filter::default() || holds(&self.interval))
    }

    fn checkpoint(
        &mut self,
        ocsf: &Ocsf,
        note: &Note,
        checkpoint: &Checkpoint,
        put: Put<'_>,
    ) -> Result<(), Failure> {
        if self.beside {
            self.notes.push_str(&note.to_string());
        } else if self.format == Format::Ocsf {
            put_line(&ocsf.checkpoint(note, checkpoint), put)?;
        }
        Ok(())
    }

    /// Over lines that nobody read they would not be whole.
    fn put_checkpoints(&self, args: &ExportArgs, is_unread: bool) -> Result<(), Failure> {
        let Some(path) = &args.checkpoints else { return Ok(()) };
        if is_unread {
            let what = format!("{} is not written", path.display());
            return Err(
                Failure::new("io", what).because("the export's reader ended before its end")
            );
        }
        files::make_private(path, args.force, |to| {
            let written = to.write_all(self.notes.as_bytes());
            written.map_err(|error| files::cannot_write(path, error))
        })
    }

    fn tell(&self, to_a_file: bool) {
        if self.unfit > 0 {
            let unfit = self.unfit;
            output::say(&format!(
                "warning: left out, longer than any record: {unfit} of the lines"
            ));
        }
        if to_a_file {
            let end = if self.counted { "                    " } else { "" };
            let written = self.written;
            let told = if written == 1 { "1 line".to_owned() } else { format!("{written} lines") };
            match self.counted {
                true => output::say_over(&format!("{told} written{end}\n")),
                false => output::say(&format!("{told} written")),
            }
        }
    }
}

fn put_line(event: &serde_json::Value, put: Put<'_>) -> Result<(), Failure> {
    put(format!("{event}\n").as_bytes())
}
