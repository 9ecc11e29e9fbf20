//! `dagpass audit evidence`: one archive for whoever has to judge what this agent issued in a period, with its
//! gaps named and its proofs beside it; `audit verify-evidence` checks one without the ledger. Reads files; the
//! agent is asked for a checkpoint before and for a signature behind.

mod believed;
mod claims;
mod html;
mod line_proofs;
mod manifest;
mod model;
mod pack;
mod parts;
mod places;
mod proofs;
mod read;
mod report;
mod sections;
mod shown;
mod tallied;
#[cfg(test)]
mod tests;
mod timeline;
mod verify;
mod zip;

use std::path::{Path, PathBuf};

use clap::Args;
use dagpass_client::instance;
use dagpass_client::ledger::evidence::{CONTROLS, Control, Period, Pseudonyms, Seal};
use dagpass_client::ledger::hex;
use dagpass_client::ledger::log::{Note, VerifierKey};
use dagpass_client::wire::EvidenceAsk;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::files as on_disk;
use super::witnesses::Witnesses;
use crate::exit::Failure;
use crate::output;
use crate::time;
use crate::world::World;
use manifest::{MANIFEST, Manifest, NOTE};
use model::Asked;
use parts::Parts;
use places::Places;
use read::Reading;
pub(super) use verify::{VerifyEvidenceArgs, run as verify};

#[derive(Debug, Args)]
pub(crate) struct EvidenceArgs {
    /// The first day (UTC), or a time such as 2026-11-01T08:00:00Z
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The last day, which is included, or a time, which is not
    #[arg(long, value_name = "DATE")]
    to: String,
    /// Only these controls of SOC 2 and ISO/IEC 27001 in the report: CC6.1,A.8.5; else all that it knows
    #[arg(long, value_name = "CONTROL", value_delimiter = ',')]
    control: Vec<String>,
    /// Persons, the machine and its account by other names; then the raw lines are not in it
    #[arg(long)]
    pseudonymous: bool,
    /// Write who has which of those names, for whoever may know; it is not in the pack
    #[arg(long, value_name = "FILE", requires = "pseudonymous")]
    names: Option<PathBuf>,
    /// Name the lines that no checkpoint is over that this witness cosigned (C2SP tlog-cosignature), instead of
    /// the config's
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// Ask no agent: neither a checkpoint before nor a signature, which the pack says
    #[arg(long)]
    unsigned: bool,
    /// Where it goes, instead of dagpass-evidence-FROM-TO.zip here
    #[arg(short, long, value_name = "FILE.zip")]
    output: Option<PathBuf>,
    /// Replace what is there: with other names by the same path, nobody finds out any more who has the earlier
    #[arg(long)]
    force: bool,
}

/// What was made.
#[derive(Serialize)]
struct Made {
    file: String,
    bytes: u64,
    from: String,
    to: String,
    records: u64,
    gaps: u64,
    /// Lines of the period that a signed checkpoint is over, of how many.
    covered: u64,
    lines: u64,
    pseudonymous: bool,
    /// The record of the ledger that tells of the pack; none where it is not signed.
    signed_by_record: Option<u64>,
    key: Option<String>,
}

pub(super) fn run(world: &World, args: &EvidenceArgs) -> Result<(), Failure> {
    let asked = asked(args)?;
    // Before the agent writes on the ledger that there is a pack.
    let places = Places::of(args, &asked.period)?;
    if !args.unsigned {
        world.ask(|agent| agent.sign_evidence(&EvidenceAsk::default())).map_err(unsigned)?;
    }
    let reading = Reading::of(&asked.period, None)?;
    let mut pseudonyms = args.pseudonymous.then(salt).transpose()?.map(Pseudonyms::new);
    let parts = Parts::beside(&places.pack)?;
    let (model, mut parts) = pack::parts(&reading, asked, pseudonyms.as_mut(), parts)?;
    let manifest = Manifest::of(&model, &parts);
    let text = manifest.text().into_bytes();
    let more = [(MANIFEST, text.len() as u64), (NOTE, Note::LONGEST as u64)];
    let all = parts.iter().map(|(name, part)| (name, part.bytes)).chain(more);
    zip::fits(all).map_err(too_long)?;
    let mut signed_by_record = None;
    let newest = reading.logs.last().map(|log| &log.key);
    if !args.unsigned {
        let (seq, note) = signed(world, &text, newest)?;
        signed_by_record = Some(seq);
        parts.hold([(NOTE.to_owned(), note.into_bytes())]);
    }
    parts.hold([(MANIFEST.to_owned(), text)]);
    let packed = parts.sums().map_err(|error| on_disk::cannot_write(&places.pack, error))?;
    let names = pseudonyms.map(|pseudonyms| {
        let names = json!({ "pack": packed.sha256(), "names": pseudonyms.keys() });
        format!("{}\n", serde_json::to_string_pretty(&names).unwrap_or_default())
    });
    places.put(|to| parts.pack(to).map(drop), names.as_deref())?;
    let made = Made {
        file: places.pack.display().to_string(),
        bytes: packed.bytes,
        covered: manifest.covered.saturating_sub(manifest.first_line - 1),
        from: manifest.from,
        to: manifest.to,
        records: manifest.records,
        gaps: manifest.gaps,
        lines: manifest.lines,
        pseudonymous: manifest.pseudonymous,
        signed_by_record,
        key: newest.map(ToString::to_string),
    };
    if world.json { output::json(&made) } else { output::out(&shown(&made)) }
}

fn too_long(why: &str) -> Failure {
    Failure::new("too_long", "the pack cannot be made").because(why).hint("take a shorter period")
}

fn asked(args: &EvidenceArgs) -> Result<Asked, Failure> {
    let period = Period::parse(&args.from, &args.to)
        .map_err(|why| Failure::usage("--from and --to are no period").because(why))?;
    let account = ["USER", "LOGNAME", "USERNAME"];
    let account = account.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    Ok(Asked {
        period,
        made: Timestamp::from_second(time::now()).unwrap_or(Timestamp::MAX),
        machine: instance::host(),
        account,
        signed: !args.unsigned,
        controls: controls(&args.control)?,
        witnesses: Witnesses::of(&args.witnesses, None, true)?.keys,
    })
}

fn controls(named: &[String]) -> Result<Vec<&'static Control>, Failure> {
    if named.is_empty() {
        return Ok(CONTROLS.iter().collect());
    }
    let known = || CONTROLS.iter().map(|one| one.id).collect::<Vec<_>>().join(", ");
    let one = |id: &String| {
        Control::named(id).ok_or_else(|| {
            Failure::usage(format!("no control `{id}` is known"))
                .hint(format!("known are {}", known()))
        })
    };
    named.iter().map(one).collect()
}

/// What the agent signed, held against the log that the pack has.
fn signed(
    world: &World,
    manifest: &[u8],
    log: Option<&VerifierKey>,
) -> Result<(u64, String), Failure> {
    let digest = hex(manifest);
    let ask = EvidenceAsk { manifest: Some(digest.clone()) };
    let answer = world.ask_running(|agent| agent.sign_evidence(&ask)).map_err(unsigned)?;
    let wrong = |why: &str| {
        Failure::new("unsigned", "what the agent signed is not this pack")
            .because(why)
            .hint("make the pack again")
    };
    let signed = answer.signed.ok_or_else(|| wrong("it signed nothing"))?;
    let note = Note::parse(signed.note.as_bytes()).map_err(|why| wrong(why.0))?;
    let log = log.ok_or_else(|| wrong("no checkpoint over this ledger holds"))?;
    let seal = Seal::of(&note, log).map_err(|why| wrong(why.0))?;
    if dagpass_client::ledger::digits(&seal.manifest) != digest || seal.seq != signed.seq {
        return Err(wrong("it is of another manifest"));
    }
    Ok((signed.seq, signed.note))
}

fn unsigned(failure: Failure) -> Failure {
    const HINT: &str = "`--unsigned` makes a pack without its signature, and the pack says so";
    let hint = failure.reply.hint.clone().map_or(HINT.to_owned(), |hint| format!("{hint}; {HINT}"));
    failure.hint(hint)
}

fn salt() -> Result<[u8; 32], Failure> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt)
        .map_err(|error| Failure::new("io", "the system gives no random numbers").because(error))?;
    Ok(salt)
}

fn shown(made: &Made) -> String {
    let Made { file, from, to, records, gaps, covered, lines, .. } = made;
    let mut told = vec![
        format!("{file}: {records} records from {from} to {to}, {gaps} gaps named in it"),
        format!("{covered} of {lines} lines are under a signed checkpoint"),
    ];
    told.push(match (made.signed_by_record, &made.key) {
        (Some(seq), Some(key)) => {
            format!("signed by {key}, which record {seq} of the ledger tells")
        }
        (_, _) => "not signed: --unsigned, and the pack says so".to_owned(),
    });
    if made.pseudonymous {
        told.push(
            "persons have other names in it; the raw lines are not in it, their hashes are".into(),
        );
    }
    told.push(format!("check it: dagpass audit verify-evidence {}", Path::new(file).display()));
    told.join("\n")
}
