//! One line of the ledger in a file that proves it, and who checks such a file: by the public key, without
//! the ledger. And that key.

use std::cmp::Reverse;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use dagpass_client::ledger::Lines;
use dagpass_client::ledger::log::{
    CHECKPOINT, CHECKPOINTS, Checkpoint, Folder, Hash, Leaf, Malformed, Note, Proof, Shelf, Signed,
    VKEY, VerifierKey, first_leaves, inclusion_proof, logs_in, split_notes,
};
use dagpass_client::place;
use serde::{Deserialize, Serialize};

use super::search::BLOCK;
use super::verify::pinned;
use super::witnesses::{Witnesses, witnesses};
use super::{files, opened, pruned, unreadable};
use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// The line's `seq`
    seq: u64,
    /// Where it goes, instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// By a checkpoint that this witness cosigned; else by one that the config's witnesses did, where there is one
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyProofArgs {
    /// What `dagpass audit prove` wrote
    file: PathBuf,
    /// Believe this key; else the one beside this machine's ledger
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The checkpoint has to be cosigned by this witness too (C2SP tlog-cosignature)
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
}

#[derive(Serialize)]
struct Proved {
    origin: String,
    key: String,
    /// `given` or `beside-the-ledger`.
    key_from: &'static str,
    /// Counted from 1.
    line: u64,
    /// Lines under the checkpoint.
    size: u64,
    /// Who cosigned it, of those that were asked for.
    witnesses: Vec<String>,
    record: String,
}

/// How many checkpoints are signed at most until one that was cosigned stands there once more?
const MEANWHILE: usize = 64;

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

pub(super) fn prove(args: &ProveArgs) -> Result<(), Failure> {
    let (path, segments) = opened(None)?;
    let witnesses = Witnesses::of(&args.witnesses, None, true)?;
    // Before the lines: what is signed meanwhile is over some that were not read.
    let (log, signed) = signed(path.parent().unwrap_or(Path::new(".")))?;
    let reader = BufReader::with_capacity(BLOCK, segments.reader());
    let Found { mut leaves, line } = read(reader, args.seq).map_err(unreadable)?;
    let before = segments.begin().line;
    let (at, line) = line.ok_or_else(|| {
        let what = format!("the ledger has no line with seq {}", args.seq);
        let failure = Failure::new("not_found", what);
        match pruned(&segments) {
            Some(why) => failure.because(why).hint("`dagpass audit verify` says by whose wish"),
            None => failure,
        }
    })?;
    let index = before + at;
    let pruned = log.filter(|_| before > 0).map(|log| first_leaves(&log, before)).transpose();
    leaves.splice(..0, pruned.map_err(unreadable)?.flatten().unwrap_or_default());
    let over: Vec<_> = signed.into_iter().filter(|one| one.checkpoint.size > index).collect();
    let Some(newest) = over.first() else {
        return Err(Failure::new("not_covered", "no checkpoint covers that line yet").hint(
            "one is signed after 256 lines or five minutes, and when the agent stops, once somebody \
             has signed in",
        ));
    };
    let SignedBy { note, checkpoint, .. } = match cosigned(&over, &witnesses) {
        Some(cosigned) => cosigned.clone(),
        None if args.witnesses.is_empty() => newest.clone(),
        None => {
            let what = "no checkpoint over that line is cosigned by the witnesses that were given";
            return Err(
                Failure::new("not_covered", what).hint("`dagpass doctor` says who is behind")
            );
        }
    };
    let covered = usize::try_from(checkpoint.size).ok().and_then(|size| leaves.get(..size));
    let hashes = covered.and_then(|leaves| inclusion_proof(leaves, index));
    let proof = hashes.map(|hashes| Proof { line, index, hashes, note });
    let proof = proof.filter(|proof| proof.holds(&checkpoint)).ok_or_else(|| {
        Failure::new("ledger_broken", "the ledger is not what was signed")
            .hint("`dagpass audit verify` says where")
    })?;
    let text = proof.to_string();
    match &args.output {
        None => output::out(text.trim_end()),
        Some(path) => files::replace_private(path, text.as_bytes()),
    }
}

/// The first that is cosigned as far as is needed; by whom nobody knows, nothing is.
fn cosigned<'a>(over: &'a [SignedBy], witnesses: &Witnesses) -> Option<&'a SignedBy> {
    let is_cosigned = |one: &&SignedBy| {
        let keys = witnesses.keys.iter();
        keys.filter(|key| one.note.cosigned_at(key).is_some()).count() >= witnesses.quorum
    };
    over.iter().filter(|_| !witnesses.keys.is_empty()).find(|one| is_cosigned(one) && one.holds())
}

/// The leaves of all lines, and the line with one number.
#[derive(Default)]
struct Found {
    leaves: Vec<Hash>,
    /// Its index, and the line.
    line: Option<(u64, Vec<u8>)>,
}

fn read(ledger: impl BufRead, seq: u64) -> io::Result<Found> {
    let (mut found, mut lines) = (Found::default(), Lines::of(ledger));
    let is_it = |line: &&[u8]| {
        serde_json::from_slice::<Numbered>(line).is_ok_and(|numbered| numbered.seq == seq)
    };
    loop {
        let mut leaf = Leaf::default();
        let line = lines.next(|part| leaf.add(part))?;
        let Some(line) = line.filter(|line| line.ended) else { return Ok(found) };
        if found.line.is_none() {
            let index = found.leaves.len() as u64;
            found.line = line.text.filter(is_it).map(|text| (index, text.to_vec()));
        }
        found.leaves.push(leaf.hash());
    }
}

/// A checkpoint by the key of its log.
#[derive(Clone)]
struct SignedBy {
    note: Note,
    checkpoint: Checkpoint,
    key: VerifierKey,
}

impl SignedBy {
    fn holds(&self) -> bool {
        self.note.signed_by(&self.key) == Signed::Yes
    }
}

/// Those of the newest log that has any, the newest first, each with all that witnesses signed of it.
fn signed(state: &Path) -> Result<(Option<Folder>, Vec<SignedBy>), Failure> {
    for (_, log) in logs_in(state).map_err(unreadable)?.into_iter().rev() {
        let Some(bytes) = log.read(CHECKPOINT).map_err(unreadable)? else { continue };
        let newest = Note::parse(&bytes).map_err(damaged)?;
        let read = |note: Note| {
            let checkpoint = Checkpoint::parse(note.text()).ok()?;
            let key = key_of(&log).ok()?.filter(|key| key.name() == checkpoint.origin)?;
            Some(SignedBy { note, checkpoint, key })
        };
        let Some(newest) = read(newest).filter(SignedBy::holds) else {
            return Err(damaged(Malformed("its newest checkpoint is not signed by its key")));
        };
        let history = log.read(CHECKPOINTS).map_err(unreadable)?.unwrap_or_default();
        let mut all = vec![newest];
        // One that was cosigned stands there once more: that one is last.
        let earlier = split_notes(&history).0.into_iter().rev().flatten().filter_map(read);
        for one in earlier {
            match all
                .iter_mut()
                .rev()
                .take(MEANWHILE)
                .find(|other| other.note.text() == one.note.text())
            {
                Some(same) => same.note = one.note.joined(&same.note),
                None => all.push(one),
            }
        }
        all.sort_by_key(|one| Reverse(one.checkpoint.size));
        return Ok((Some(log), all));
    }
    Ok((None, Vec::new()))
}

pub(super) fn verify(world: &World, args: &VerifyProofArgs) -> Result<(), Failure> {
    let name = args.file.display();
    let bytes = files::read_up_to(&args.file, Proof::LONGEST)?;
    let wrong = |what: &str| Failure::new("proof_wrong", format!("{name} proves nothing: {what}"));
    let proof = Proof::parse(&bytes).map_err(|why| wrong(why.0))?;
    let checkpoint = Checkpoint::parse(proof.note.text()).map_err(|why| wrong(why.0))?;
    let (key, key_from) = match pinned(args.key.as_deref())? {
        Some(key) if key.name() != checkpoint.origin => {
            let (given, is) = (key.name(), &checkpoint.origin);
            return Err(wrong(&format!("it is of {is}, and the key that was given of {given}")));
        }
        Some(key) => (key, "given"),
        None => (own_key(&checkpoint.origin)?, "beside-the-ledger"),
    };
    match proof.note.signed_by(&key) {
        Signed::Yes => {}
        Signed::No => return Err(wrong("its checkpoint is not signed by that key")),
        Signed::Wrongly => return Err(wrong("its checkpoint's signature does not hold")),
    }
    for witness in witnesses(&args.witnesses)? {
        if proof.note.signed_by(&witness) != Signed::Yes {
            return Err(wrong(&format!("{} has not cosigned its checkpoint", witness.name())));
        }
    }
    if !proof.holds(&checkpoint) {
        return Err(wrong("its line is not the one in the checkpoint's tree"));
    }
    let proved = Proved {
        origin: checkpoint.origin,
        key: key.to_string(),
        key_from,
        line: proof.index + 1,
        size: checkpoint.size,
        witnesses: args.witnesses.clone(),
        record: String::from_utf8_lossy(&proof.line).into_owned(),
    };
    if world.json { output::json(&proved) } else { output::out(&shown(&proved)) }
}

fn shown(proved: &Proved) -> String {
    let Proved { origin, key, line, size, record, .. } = proved;
    let mut lines = vec![
        format!("line {line} of {origin} is under a signed checkpoint over {size} lines:"),
        record.clone(),
        format!("signed by {key}"),
    ];
    lines.extend(proved.witnesses.iter().map(|witness| format!("cosigned by {witness}")));
    if proved.key_from != "given" {
        lines
            .push("that key is the one beside this machine's ledger: give yours with --key".into());
    }
    lines.push(
        "not proved: what was never written, and that no other history was signed by the same key"
            .to_owned(),
    );
    lines.join("\n")
}

/// The keys of this machine's logs, the oldest first.
fn own_keys() -> Result<Vec<VerifierKey>, Failure> {
    let state = place::state_dir().map_err(|error| Failure::new("no_place", error.to_string()))?;
    let mut keys = Vec::new();
    for (_, log) in logs_in(&state).map_err(unreadable)? {
        // One that nothing was signed in yet may be begun anew under another name.
        if log.read(CHECKPOINT).map_err(unreadable)?.is_some() {
            keys.extend(key_of(&log)?);
        }
    }
    Ok(keys)
}

pub(super) fn key_of(log: &Folder) -> Result<Option<VerifierKey>, Failure> {
    let Some(text) = log.read(VKEY).map_err(unreadable)? else { return Ok(None) };
    VerifierKey::parse(&String::from_utf8_lossy(&text)).map(Some).map_err(damaged)
}

fn own_key(origin: &str) -> Result<VerifierKey, Failure> {
    own_keys()?.into_iter().find(|key| key.name() == origin).ok_or_else(|| {
        Failure::new("not_found", format!("no log here is {origin}"))
            .hint("give its key with --key")
    })
}

/// The newest log's.
pub(super) fn key(world: &World) -> Result<(), Failure> {
    let Some(key) = own_keys()?.pop() else {
        return Err(Failure::new("not_found", "no checkpoint was signed yet").hint(
            "the key is made once somebody has signed in and the agent has something to sign",
        ));
    };
    let key = key.to_string();
    if world.json {
        return output::json(&serde_json::json!({ "key": key }));
    }
    output::out(&key)
}

fn damaged(why: Malformed) -> Failure {
    Failure::new("ledger_broken", "the ledger's log is damaged").because(why)
}

#[cfg(test)]
mod tests {
    use dagpass_client::ledger::log::{Cosigner, Signature};
    use ed25519_compact::{KeyPair, Seed};

    use super::*;

    #[test]
    fn a_proof_goes_by_what_known_witnesses_cosigned_and_by_no_line_that_only_says_so() {
        let pair = KeyPair::from_seed(Seed::new([5; 32]));
        let key = VerifierKey::new("example.com/log", *pair.pk).unwrap();
        let witness =
            |number: u8| Cosigner::new(&format!("witness.example/{number}"), [number; 32]).unwrap();
        let (one, two) = (witness(1), witness(2));
        let signed = |size, by: &[&Cosigner], more: &str| {
            let origin = key.name().to_owned();
            let checkpoint = Checkpoint { origin, size, root: Hash([1; 32]), before: None };
            let text = checkpoint.to_string();
            let note = Note::new(&text, &key, &pair.sk.sign(text.as_bytes(), None));
            let by = by.iter().map(|by| by.cosign(&note, 1000).unwrap());
            let note = note.with(by.chain(Signature::parse_lines(more).unwrap_or_default()));
            SignedBy { note, checkpoint, key: key.clone() }
        };
        let junk = signed(1, &[&two], "").note.signature_of(two.key()).unwrap().to_string();
        let over = [
            signed(9, &[], &junk),
            signed(7, &[&one], ""),
            signed(5, &[&one, &two], ""),
            signed(3, &[&two], ""),
        ];
        let of = |keys: &[&Cosigner], quorum| Witnesses {
            keys: keys.iter().map(|one| one.key().clone()).collect(),
            quorum,
            from: "config",
        };
        for (witnesses, expected) in [
            (of(&[], 0), None),
            (of(&[&one], 1), Some(7)),
            (of(&[&two], 1), Some(5)),
            (of(&[&one, &two], 2), Some(5)),
            (of(&[&one, &two], 1), Some(7)),
            (of(&[&witness(3)], 1), None),
        ] {
            let found = cosigned(&over, &witnesses).map(|one| one.checkpoint.size);
            assert_eq!(found, expected, "{witnesses:?}");
        }
    }
}
