//! Is a pack what its manifest says, is the manifest signed, and are its lines those that checkpoints were
//! signed over? By the public key alone. Never writes a file of it: names in an archive are names here, not paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use dagpass_client::ledger::digits;
use dagpass_client::ledger::evidence::{Entry, Seal, Tables};
use dagpass_client::ledger::hex;
use dagpass_client::ledger::log::{
    Checkpoint, Hash, Note, Signed, Span, VerifierKey, leaf_hash, split_notes,
};
use serde::Serialize;

use super::super::verify::pinned;
use super::super::witnesses::Witnesses;
use super::believed::Believed;
use super::line_proofs::{self, Against};
use super::manifest::{LEAVES, LINES, MANIFEST, Manifest, NOTE, product};
use super::proofs::{CHECKPOINTS, SPAN};
use super::zip::{self, Files};
use super::{claims, on_disk, pack};
use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
pub(crate) struct VerifyEvidenceArgs {
    /// What `dagpass audit evidence` wrote
    file: PathBuf,
    /// Believe this key, as `dagpass audit key` printed it when it was noted down; else those in the pack
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// Only what this witness cosigned binds whoever has the signing key; several for several. One of its checkpoints
    /// has to be cosigned
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// How many of those have to have cosigned a checkpoint; else all
    #[arg(long, value_name = "N", requires = "witnesses")]
    quorum: Option<usize>,
}

/// What holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    pub(super) title: String,
    pub(super) machine: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) files: usize,
    pub(super) records: u64,
    pub(super) gaps: u64,
    pub(super) lines: u64,
    /// How many of them a checkpoint is over that the believed key signed.
    pub(super) covered: u64,
    pub(super) checkpoints: usize,
    /// How many of the lines a checkpoint is over that the witnesses cosigned; nothing where none was named.
    pub(super) cosigned: Option<u64>,
    /// How many files that prove one line hold.
    pub(super) line_proofs: usize,
    /// The record of the ledger that tells of the pack, and who signed; nothing where the pack says that it is
    /// not signed.
    pub(super) record: Option<u64>,
    pub(super) signed_by: Option<String>,
    /// `given` or `in-the-pack`.
    pub(super) key_from: &'static str,
    /// Were the tables made again from the lines?
    pub(super) tables_made_again: bool,
    pub(super) notes: Vec<String>,
}

pub(crate) fn run(world: &World, args: &VerifyEvidenceArgs) -> Result<(), Failure> {
    let name = args.file.display();
    let witnesses = Witnesses::of(&args.witnesses, args.quorum, false)?;
    let believed = Believed::new(pinned(args.key.as_deref())?, witnesses);
    let archive = on_disk::read_up_to(&args.file, zip::LONGEST)?;
    let verdict = verdict(&archive, &believed).map_err(|why| {
        // Names of a pack are whatever somebody wrote there.
        let why = output::word(&why);
        Failure::new("evidence_wrong", format!("{name} is not what it says: {why}"))
    })?;
    if world.json { output::json(&verdict) } else { output::out(&verdict.shown()) }
}

pub(super) fn verdict(archive: &[u8], believed: &Believed) -> Result<Verdict, String> {
    let pinned = believed.key.as_ref();
    let files = zip::unpacked(archive).map_err(str::to_owned)?;
    let text = files.get(MANIFEST).ok_or("it has no manifest")?;
    let manifest: Manifest = serde_json::from_slice(text)
        .map_err(|error| format!("its manifest cannot be read: {error}"))?;
    if manifest.v != Manifest::VERSION {
        return Err(format!(
            "its manifest is of version {}, which this program does not know",
            manifest.v
        ));
    }
    claims::files(&files, &manifest)?;
    let leaves = leaves(&files, &manifest)?;
    let read = claims::counted(&files, &manifest)?;
    let logs = logs(&files)?;
    let mut verdict = Verdict {
        title: manifest.title.clone(),
        machine: manifest.machine.clone(),
        from: manifest.from.clone(),
        to: manifest.to.clone(),
        files: manifest.files.len(),
        records: manifest.records,
        gaps: manifest.gaps,
        lines: manifest.lines,
        key_from: if pinned.is_some() { "given" } else { "in-the-pack" },
        ..Verdict::default()
    };
    seal(&files, &manifest, &logs, pinned, &mut verdict)?;
    let (mut upto, mut cosigned, mut skipped) = (manifest.proved_behind, 0, false);
    for log in logs.iter().filter(|log| !log.checkpoints.is_empty()) {
        if pinned.is_some_and(|key| log.key != *key) {
            let what =
                format!("{} has another key than the one that was given: not judged", log.name);
            verdict.notes.push(what);
            skipped = true;
            continue;
        }
        upto = upto.max(log.hold_against(&leaves, &manifest)?);
        verdict.checkpoints += log.checkpoints.len();
        let theirs = log.checkpoints.iter().filter(|(note, _)| believed.cosigned(note));
        let theirs = theirs.map(|(_, one)| one.size.min(log.span.to)).max().unwrap_or(0);
        cosigned = cosigned.max(theirs);
    }
    verdict.covered = upto.saturating_sub(manifest.proved_behind);
    verdict.line_proofs = line_proofs::held(
        &files,
        &Against {
            keys: logs.iter().map(|log| &log.key).collect(),
            pinned,
            leaves: &leaves,
            from: manifest.proved_behind,
        },
    )?;
    if believed.names_witnesses() {
        verdict.cosigned(cosigned.saturating_sub(manifest.proved_behind), believed.quorum)?;
    }
    if pinned.is_some() && manifest.lines > 0 {
        // Where no line can be proved at all, the pack's own signature is what there is.
        let stands =
            if leaves.is_empty() { verdict.signed_by.is_some() } else { verdict.covered > 0 };
        if !stands {
            return Err("the key that was given has signed nothing of it".to_owned());
        }
    }
    let says = manifest.covered.saturating_sub(manifest.proved_behind);
    if !skipped && verdict.covered != says {
        return Err(format!(
            "its manifest says that checkpoints are over {says} of its lines, and they are over {}",
            verdict.covered
        ));
    }
    match manifest.lines - verdict.covered.min(manifest.lines) {
        _ if manifest.lines == 0 => {
            verdict.notes.push("there are no lines of the period in it".to_owned());
        }
        0 => {}
        bare => verdict.notes.push(format!(
            "no checkpoint here stands for {bare} of its lines: whoever made the pack says that they are those"
        )),
    }
    if manifest.pseudonymous {
        let what = "its lines are not in it: times and records are as its tables have them";
        verdict.notes.push(what.to_owned());
    }
    verdict.tables_made_again = tables(&files, &manifest, read)?;
    Ok(verdict)
}

impl Verdict {
    /// `lines` are under a checkpoint that as many witnesses cosigned as were asked for.
    fn cosigned(&mut self, lines: u64, quorum: usize) -> Result<(), String> {
        self.cosigned = Some(lines);
        if lines == 0 && self.lines > 0 {
            return Err(match quorum {
                1 => {
                    "no checkpoint of its lines is cosigned by a witness that was given".to_owned()
                }
                many => format!(
                    "no checkpoint of its lines is cosigned by {many} of the witnesses that were given"
                ),
            });
        }
        match self.lines - lines.min(self.lines) {
            0 => {}
            bare => self.notes.push(format!(
                "no checkpoint that the witnesses cosigned stands for {bare} of its lines: whoever has the log's key \
                 can have signed others"
            )),
        }
        Ok(())
    }
}

/// Of the lines that can be proved.
fn leaves(files: &Files, manifest: &Manifest) -> Result<Vec<Hash>, String> {
    let count = |leaves: &[Hash], wanted: u64| {
        let found = leaves.len() as u64;
        let wrong = || format!("its manifest says {wanted} lines, and there are {found}");
        (found == wanted).then_some(()).ok_or_else(wrong)
    };
    let before = manifest.first_line.checked_sub(1).ok_or("its manifest counts lines from 0")?;
    let end = before.checked_add(manifest.lines).ok_or("its manifest has too many lines")?;
    if manifest.proved_behind < before {
        return Err("its manifest proves lines of before its period".to_owned());
    }
    let wanted =
        end.checked_sub(manifest.proved_behind).ok_or("its manifest proves lines it has not")?;
    if manifest.pseudonymous {
        let text = files.get(LEAVES).ok_or_else(|| format!("{LEAVES} is missing"))?;
        let text = str::from_utf8(text).map_err(|_| format!("{LEAVES} is no text"))?;
        let leaves = text.lines().map(Hash::from_base64).collect::<Result<Vec<_>, _>>();
        let leaves = leaves.map_err(|why| format!("{LEAVES}: {why}"))?;
        count(&leaves, wanted)?;
        return Ok(leaves);
    }
    let text = files.get(LINES).ok_or_else(|| format!("{LINES} is missing"))?;
    if manifest.proved_behind != before || !(text.is_empty() || text.ends_with(b"\n")) {
        return Err(format!("{LINES} is cut short"));
    }
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let leaves: Vec<Hash> =
        lines.map(|line| leaf_hash(line.strip_suffix(b"\n").unwrap_or(line))).collect();
    count(&leaves, manifest.lines)?;
    Ok(leaves)
}

/// What is in the pack of one log.
struct Log {
    name: String,
    key: VerifierKey,
    checkpoints: Vec<(Note, Checkpoint)>,
    span: Span,
}

fn logs(files: &Files) -> Result<Vec<Log>, String> {
    let mut logs = Vec::new();
    for (path, key) in files {
        let Some(name) = path.strip_prefix("proofs/").and_then(|path| path.strip_suffix("/vkey"))
        else {
            continue;
        };
        let wrong = |why: &str| format!("{name}: {why}");
        let file = |file: &str| {
            files
                .get(&format!("proofs/{name}/{file}"))
                .ok_or_else(|| wrong("a file of it is missing"))
        };
        let key = VerifierKey::parse(&String::from_utf8_lossy(key)).map_err(|why| wrong(why.0))?;
        if [CHECKPOINTS, SPAN].iter().all(|none| file(none).is_err()) {
            // Nothing to prove, but who signs.
            let (name, checkpoints, span) = (name.to_owned(), Vec::new(), Span::default());
            logs.push(Log { name, key, checkpoints, span });
            continue;
        }
        let span: Span = serde_json::from_slice(file(SPAN)?)
            .map_err(|error| wrong(&format!("its span cannot be read: {error}")))?;
        let (notes, whole) = split_notes(file(CHECKPOINTS)?);
        let mut checkpoints = Vec::new();
        for note in notes {
            let note = note.map_err(|why| wrong(why.0))?;
            let checkpoint = Checkpoint::parse(note.text()).map_err(|why| wrong(why.0))?;
            let size = checkpoint.size;
            if checkpoint.origin != key.name() || note.signed_by(&key) != Signed::Yes {
                return Err(wrong(&format!(
                    "its checkpoint over {size} lines is not signed by its key"
                )));
            }
            checkpoints.push((note, checkpoint));
        }
        if checkpoints.is_empty() || whole != file(CHECKPOINTS)?.len() {
            return Err(wrong("its checkpoints are cut short"));
        }
        logs.push(Log { name: name.to_owned(), key, checkpoints, span });
    }
    Ok(logs)
}

impl Log {
    /// Up to which line they are what was signed.
    fn hold_against(&self, leaves: &[Hash], manifest: &Manifest) -> Result<u64, String> {
        let Self { name, span, checkpoints, .. } = self;
        let wrong = |what: &str| format!("{name}: {what}");
        if span.from != manifest.proved_behind {
            return Err(wrong("its span is not of these lines"));
        }
        let mut walk =
            span.walk().ok_or_else(|| wrong("its span has not the hashes that it needs"))?;
        let mut rest = leaves.iter();
        let wanted: BTreeSet<u64> = checkpoints.iter().map(|(_, one)| one.size).collect();
        let mut roots = BTreeMap::new();
        while walk.size() < span.to {
            let leaf =
                rest.next().ok_or_else(|| wrong("its span is over more lines than there are"))?;
            if !walk.push(*leaf) {
                break;
            }
            if wanted.contains(&walk.size()) {
                roots.insert(walk.size(), walk.root());
            }
        }
        let end = walk.end().ok_or_else(|| wrong("its span does not end"))?;
        roots.insert(span.size, end);
        let mut upto = span.from;
        for (_, checkpoint) in checkpoints {
            let size = checkpoint.size;
            if roots.get(&size) != Some(&checkpoint.root) {
                return Err(wrong(&format!(
                    "the lines are not those that its checkpoint over {size} lines was signed over"
                )));
            }
            upto = upto.max(size.min(span.to));
        }
        Ok(upto)
    }
}

/// The manifest's signature, where it says that it has one.
fn seal(
    files: &Files,
    manifest: &Manifest,
    logs: &[Log],
    pinned: Option<&VerifierKey>,
    verdict: &mut Verdict,
) -> Result<(), String> {
    let note = match (files.get(NOTE), manifest.signed) {
        (Some(note), true) => note,
        (None, false) => return Ok(()),
        (None, true) => return Err(format!("{NOTE} is missing, and its manifest is to be signed")),
        (Some(_), false) => return Err(format!("{NOTE} is in it, and its manifest says unsigned")),
    };
    let wrong = |why: &str| format!("{NOTE}: {why}");
    let note = Note::parse(note).map_err(|why| wrong(why.0))?;
    let said = Seal::parse(note.text()).map_err(|why| wrong(why.0))?;
    let own = logs.iter().map(|log| &log.key).find(|key| key.name() == said.log);
    let key = match pinned {
        Some(key) if key.name() != said.log => {
            return Err(wrong(&format!(
                "it is signed by {}, and the key that was given is of {}",
                said.log,
                key.name()
            )));
        }
        Some(key) => key,
        None => {
            own.ok_or_else(|| wrong("the log that signed it is not in the pack: give its key"))?
        }
    };
    let said = Seal::of(&note, key).map_err(|why| wrong(why.0))?;
    let digest = files.get(MANIFEST).map(|text| hex(text)).unwrap_or_default();
    if digits(&said.manifest) != digest {
        return Err(wrong("it is signed for another manifest"));
    }
    verdict.record = Some(said.seq);
    verdict.signed_by = Some(key.to_string());
    Ok(())
}

/// Made again where this very version made them, and where the lines are there.
fn tables(files: &Files, manifest: &Manifest, read: Option<Vec<Entry>>) -> Result<bool, String> {
    let Some(entries) = read.filter(|_| manifest.product == product()) else { return Ok(false) };
    for (name, bytes) in pack::of_tables(&Tables::of(entries)) {
        if files.get(&name) != Some(&bytes) {
            return Err(format!("{name} is not what the lines say"));
        }
    }
    Ok(true)
}
