//! Signed notes and verifier keys (C2SP signed-note): a text, and who signed it with Ed25519: a log, or a
//! witness with the time at which it had seen no other history (C2SP tlog-cosignature). A signature of nobody
//! that is known is left alone; one of a known key that does not hold spoils the note.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{PublicKey, Signature as Ed25519};
use sha2::{Digest, Sha256};

use super::Malformed;

const MOST_SIGNATURES: usize = 64;

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The text itself.
    Ed25519 = 0x01,
    /// The time and the text.
    Cosignature = 0x04,
}

/// Whose signature is believed: `NAME+ID+BASE64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: Kind,
    public: [u8; 32],
}

impl VerifierKey {
    /// A log's.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, Malformed> {
        Self::of_kind(Kind::Ed25519, name, public)
    }

    /// A witness's.
    pub fn of_witness(name: &str, public: [u8; 32]) -> Result<Self, Malformed> {
        Self::of_kind(Kind::Cosignature, name, public)
    }

    fn of_kind(kind: Kind, name: &str, public: [u8; 32]) -> Result<Self, Malformed> {
        if name.is_empty()
            || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
        {
            return Err(Malformed("a key's name is empty, or holds a space or a plus"));
        }
        Ok(Self { name: name.to_owned(), kind, public })
    }

    pub fn parse(text: &str) -> Result<Self, Malformed> {
        const PARTS: Malformed = Malformed("a verifier key is NAME+ID+BASE64");
        let (name, rest) = text.trim().split_once('+').ok_or(PARTS)?;
        let (id, key) = rest.split_once('+').ok_or(PARTS)?;
        let bytes = STANDARD.decode(key).map_err(|_| PARTS)?;
        let (kind, public) = bytes.split_first().ok_or(PARTS)?;
        let kinds = [Kind::Ed25519, Kind::Cosignature];
        let kind = kinds.into_iter().find(|known| *known as u8 == *kind);
        let kind = kind.ok_or(Malformed("this verifier key is of neither kind: 0x01, 0x04"))?;
        let public = public.try_into().map_err(|_| Malformed("an Ed25519 key has 32 bytes"))?;
        let key = Self::of_kind(kind, name, public)?;
        if id != key.id_text() {
            return Err(Malformed("the key's id does not belong to its name and key"));
        }
        Ok(key)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under another name.
    pub fn named(&self, name: &str) -> Result<Self, Malformed> {
        Self::of_kind(self.kind, name, self.public)
    }

    /// Does it cosign what a log signed?
    pub fn is_witness(&self) -> bool {
        self.kind == Kind::Cosignature
    }

    pub fn is_same_key(&self, other: &Self) -> bool {
        (self.kind, self.public) == (other.kind, other.public)
    }

    fn id(&self) -> [u8; 4] {
        let digest = Sha256::new_with_prefix(self.name.as_bytes())
            .chain_update([b'\n', self.kind as u8])
            .chain_update(self.public)
            .finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    pub(super) fn id_text(&self) -> String {
        self.id().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [&[self.kind as u8], self.public.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id_text(), STANDARD.encode(key))
    }
}

/// A text that ends in a newline, and its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One line of those: whose it says that it is, and what was signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// What a note is to somebody who knows one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    Yes,
    /// By none that is known.
    No,
    /// By a key of that name and id, and it does not hold.
    Wrongly,
}

impl Note {
    /// How long may a note be? Sixteen signatures of the largest kind are a third of that.
    pub const LONGEST: usize = 256 * 1024;

    /// `signature` is Ed25519's over `text`.
    pub fn new(text: &str, key: &VerifierKey, signature: &[u8; 64]) -> Self {
        Self { text: text.to_owned(), signatures: vec![Signature::by(key, signature.to_vec())] }
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > Self::LONGEST {
            return Err(Malformed("a note is longer than 256 KiB"));
        }
        let note = str::from_utf8(bytes).map_err(|_| Malformed("a note is no UTF-8"))?;
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(Malformed("a note holds a control character"));
        }
        let split = note.rfind("\n\n").ok_or(Malformed("a note has no signatures"))?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or(Malformed("a note is cut short"))?;
        let signatures = signatures.split('\n').take(MOST_SIGNATURES + 1);
        let signatures = signatures.map(Signature::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(Malformed("a note has more than 64 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn signed_by(&self, key: &VerifierKey) -> Signed {
        let mut signed = Signed::No;
        for signature in self.signatures.iter().filter(|one| one.is_by(key)) {
            let holds = self.holds(key, &signature.bytes);
            if !holds {
                return Signed::Wrongly;
            }
            signed = Signed::Yes;
        }
        signed
    }

    /// What else a log's key signs, under a name of its own.
    pub fn signed_by_log(&self, key: &VerifierKey) -> Result<(), Malformed> {
        match self.signed_by(key) {
            Signed::Yes => Ok(()),
            Signed::No => Err(Malformed("it is not signed by the log's key")),
            Signed::Wrongly => Err(Malformed("its signature does not hold")),
        }
    }

    /// When a witness had seen no other history: the newest of what it signed here, epoch seconds.
    pub fn cosigned_at(&self, witness: &VerifierKey) -> Option<u64> {
        if !witness.is_witness() || self.signed_by(witness) != Signed::Yes {
            return None;
        }
        let theirs = self.signatures.iter().filter(|one| one.is_by(witness));
        theirs.filter_map(|one| one.bytes.first_chunk().map(|at| u64::from_be_bytes(*at))).max()
    }

    /// What a witness signs. No time that it could not say is signed.
    pub(super) fn cosigned_text(&self, time: u64) -> Option<String> {
        i64::try_from(time).ok()?;
        Some(format!("cosignature/v1\ntime {time}\n{}", self.text))
    }

    /// The same with more signatures; a later one of a key takes the place of its earlier one.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Signature>) -> Self {
        let mut note = self.clone();
        for one in more {
            note.signatures.retain(|other| (&other.name, other.id) != (&one.name, one.id));
            note.signatures.push(one);
        }
        note
    }

    /// The same text with what both were signed by.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        self.with(other.signatures.iter().filter(|one| !self.signatures.contains(one)).cloned())
    }

    /// The same text as that key alone signed it. `None` where it did not.
    pub fn only_by(&self, key: &VerifierKey) -> Option<Self> {
        let signatures = vec![self.signature_of(key)?.clone()];
        Some(Self { text: self.text.clone(), signatures })
    }

    /// What one key signed, where it holds.
    pub fn signature_of(&self, key: &VerifierKey) -> Option<&Signature> {
        let theirs = self.signatures.iter().rev().find(|one| one.is_by(key));
        theirs.filter(|_| self.signed_by(key) == Signed::Yes)
    }

    fn holds(&self, key: &VerifierKey, signature: &[u8]) -> bool {
        let (signed, signature) = match key.kind {
            Kind::Ed25519 => (self.text.clone(), signature),
            Kind::Cosignature => {
                let Some((time, signature)) = signature.split_first_chunk() else { return false };
                let signed = self.cosigned_text(u64::from_be_bytes(*time));
                let Some(signed) = signed else { return false };
                (signed, signature)
            }
        };
        let given = Ed25519::from_slice(signature);
        let key = PublicKey::new(key.public);
        given.is_ok_and(|given| key.verify(signed.as_bytes(), &given).is_ok())
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|one| write!(f, "{one}"))
    }
}

/// With its newline.
impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [self.id.as_slice(), &self.bytes].concat();
        writeln!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl Signature {
    pub(super) fn by(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name.clone(), id: key.id(), bytes }
    }

    /// Does it say that it is that key's? Whether it holds, the note tells.
    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id()
    }

    /// Lines of them, and nothing else.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, Malformed> {
        let text = text.strip_suffix('\n').ok_or(Malformed("signature lines are cut short"))?;
        text.split('\n').take(MOST_SIGNATURES).map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("a signature line is `— NAME BASE64`");
        let (name, bytes) =
            line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or(FORM)?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(FORM);
        }
        let bytes = STANDARD.decode(bytes).map_err(|_| FORM)?;
        let (id, rest) = bytes.split_first_chunk::<4>().ok_or(FORM)?;
        if rest.is_empty() {
            return Err(FORM);
        }
        Ok(Self { name: name.to_owned(), id: *id, bytes: rest.to_vec() })
    }
}

/// Notes that stand one behind the other in a file, each with what it is, and where the last whole one ends:
/// what stands behind that was cut short. A note grows by the signatures that follow on it.
pub fn split_notes(bytes: &[u8]) -> (Vec<Result<Note, Malformed>>, usize) {
    let (mut notes, mut begun, mut at, mut signed) = (Vec::new(), 0, 0, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let signature = line.starts_with("— ".as_bytes()) && line.ends_with(b"\n");
        if signed && !signature {
            notes.push(Note::parse(&bytes[begun..at]));
            begun = at;
        }
        signed = signature;
        at += line.len();
    }
    if signed {
        notes.push(Note::parse(&bytes[begun..at]));
        begun = at;
    }
    (notes, begun)
}
