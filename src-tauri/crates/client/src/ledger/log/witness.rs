//! What a witness is asked and what it answers (C2SP tlog-witness), and the one decision that it makes: it
//! cosigns a checkpoint of a log that it knows, where that goes on from the last one it cosigned. Keeps nothing:
//! whoever asks for the decision has put the new one on disk before it is told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, Seed};
use zeroize::Zeroizing;

use super::checkpoint::decimal;
use super::consistency::extends;
use super::merkle::{Hash, root};
use super::note::Signature;
use super::{Checkpoint, Malformed, Note, Signed, VerifierKey};

/// More lines of proof are never sent.
const MOST_HASHES: usize = 63;
const PRIVATE: &str = "PRIVATE+KEY+";

/// The body of `POST PREFIX/add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// How many lines the witness is thought to hold.
    pub old: u64,
    pub proof: Vec<Hash>,
    pub note: Note,
}

impl AddCheckpoint {
    /// How long may it be? A checkpoint with sixteen signatures and a whole proof is a tenth of that.
    pub const LONGEST: usize = 64 * 1024;
    /// What a size that is held is told as.
    pub const SIZE_TYPE: &str = "text/x.tlog.size";

    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > Self::LONGEST {
            return Err(Malformed("a request is longer than 64 KiB"));
        }
        let text = str::from_utf8(bytes).map_err(|_| Malformed("a request is no UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(Malformed("a request is cut short"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = decimal(old.ok_or(Malformed("a request begins with `old SIZE`"))?)?;
        let proof = lines.take(MOST_HASHES + 1).map(Hash::from_base64);
        let proof = proof.collect::<Result<Vec<_>, _>>()?;
        if proof.len() > MOST_HASHES {
            return Err(Malformed("a request has more than 63 lines of proof"));
        }
        Ok(Self { old, proof, note: Note::parse(note.as_bytes())? })
    }
}

impl std::fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// What a witness cosigned last of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosigned {
    pub size: u64,
    pub root: Hash,
}

/// Why a witness does not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Malformed(Malformed),
    UnknownLog,
    NotSigned,
    /// It holds so many lines; of as many, another history where `forked`.
    Holds {
        size: u64,
        forked: bool,
    },
    /// The proof does not show that the log goes on from what is held.
    Inconsistent,
}

impl Refused {
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Holds { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// The size of a 409's body.
pub fn held_size(body: &[u8]) -> Result<u64, Malformed> {
    let text = str::from_utf8(body).map_err(|_| Malformed("a size is no UTF-8"))?;
    decimal(text.strip_suffix('\n').unwrap_or(text))
}

/// May this be cosigned? `held` says what was last, by the log's name.
pub fn judge_request(
    asked: &AddCheckpoint,
    logs: &[VerifierKey],
    held: impl FnOnce(&str) -> Option<Cosigned>,
) -> Result<Checkpoint, Refused> {
    let checkpoint = Checkpoint::parse(asked.note.text()).map_err(Refused::Malformed)?;
    let mut keys = logs.iter().filter(|key| key.name() == checkpoint.origin).peekable();
    if keys.peek().is_none() {
        return Err(Refused::UnknownLog);
    }
    if !keys.any(|key| asked.note.signed_by(key) == Signed::Yes) {
        return Err(Refused::NotSigned);
    }
    if asked.old > checkpoint.size {
        return Err(Refused::Malformed(Malformed("the old size is more than the checkpoint's")));
    }
    let held = held(&checkpoint.origin).unwrap_or(Cosigned { size: 0, root: root(&[]) });
    if asked.old != held.size {
        return Err(Refused::Holds { size: held.size, forked: false });
    }
    let same = (checkpoint.size, checkpoint.root) == (held.size, held.root);
    if checkpoint.size == held.size && !same {
        return Err(Refused::Holds { size: held.size, forked: true });
    }
    let (old, new) = ((held.size, held.root), (checkpoint.size, checkpoint.root));
    if !extends(&asked.proof, old, new) {
        return Err(Refused::Inconsistent);
    }
    Ok(checkpoint)
}

/// The key by which a witness cosigns.
pub struct Cosigner {
    key: VerifierKey,
    pair: KeyPair,
}

impl std::fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cosigner").field(&self.key).finish()
    }
}

impl Cosigner {
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self, Malformed> {
        if seed == [0; 32] {
            return Err(Malformed("zeroes are no key"));
        }
        let pair = KeyPair::from_seed(Seed::new(seed));
        Ok(Self { key: VerifierKey::of_witness(name, *pair.pk)?, pair })
    }

    /// As [`Self::secret_text`] has it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("a witness's key is PRIVATE+KEY+NAME+ID+BASE64");
        let text = text.trim().strip_prefix(PRIVATE).ok_or(FORM)?;
        let (name, rest) = text.split_once('+').ok_or(FORM)?;
        let (id, seed) = rest.split_once('+').ok_or(FORM)?;
        let seed = STANDARD.decode(seed).map_err(|_| FORM)?;
        let seed = seed.strip_prefix(&[4]).and_then(|seed| seed.try_into().ok()).ok_or(FORM)?;
        let cosigner = Self::new(name, seed)?;
        match cosigner.key.id_text() == id {
            true => Ok(cosigner),
            false => Err(Malformed("the key's id does not belong to its name and key")),
        }
    }

    /// For a file that only its owner reads.
    pub fn secret_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new([&[4], self.pair.sk.seed().as_slice()].concat());
        let (name, id) = (self.key.name(), self.key.id_text());
        let seed = Zeroizing::new(STANDARD.encode(&*seed));
        Zeroizing::new(format!("{PRIVATE}{name}+{id}+{}\n", *seed))
    }

    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// `time`: epoch seconds. `None` where that is no time.
    pub fn cosign(&self, note: &Note, time: u64) -> Option<Signature> {
        let signature = self.pair.sk.sign(note.cosigned_text(time)?, None);
        let bytes = [time.to_be_bytes().as_slice(), signature.as_slice()].concat();
        Some(Signature::by(&self.key, bytes))
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
