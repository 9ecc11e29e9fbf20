//! A checkpoint (C2SP tlog-checkpoint): whose log, how many lines, and the root over them; in the first one
//! of a log that was begun anew also which log it follows, and why.

use super::Malformed;
use super::merkle::Hash;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    pub before: Option<Before>,
}

/// The head of the log that this one follows: `follows ORIGIN SIZE ROOT WHY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    pub why: Why,
}

/// Why was a log begun anew?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The key that signed is not there any more.
    KeyLost,
    /// Another file stands in the ledger's place: moved away, restored, copied.
    FileReplaced,
    /// The ledger is shorter than what was signed.
    Cut,
    /// What was signed is not what the ledger holds.
    Altered,
}

const FOLLOWS: &str = "follows ";

impl Why {
    const ALL: [(Self, &str); 4] = [
        (Self::KeyLost, "key-lost"),
        (Self::FileReplaced, "file-replaced"),
        (Self::Cut, "cut"),
        (Self::Altered, "altered"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(why, _)| *why == self).map_or("altered", |(_, word)| word)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, word)| *word == text).map(|(why, _)| why)
    }
}

impl Checkpoint {
    /// The text of a note. Extension lines that are none of ours are allowed, and say nothing to us.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = text.strip_suffix('\n').ok_or(Malformed("a checkpoint ends in a newline"))?;
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(Malformed("a checkpoint names no origin"))?.to_owned();
        let size = decimal(lines.next().unwrap_or_default())?;
        let root = Hash::from_base64(lines.next().unwrap_or_default())?;
        let mut before = None;
        for extension in lines {
            if extension.is_empty() {
                return Err(Malformed("a checkpoint's extension line is empty"));
            }
            if let Some(follows) = extension.strip_prefix(FOLLOWS) {
                before = Some(Before::parse(follows)?);
            }
        }
        Ok(Self { origin, size, root, before })
    }
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        let Some(before) = &self.before else { return Ok(()) };
        let Before { origin, size, root, why } = before;
        writeln!(f, "{FOLLOWS}{origin} {size} {root} {}", why.as_str())
    }
}

impl Before {
    fn parse(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("the line of the log before is ORIGIN SIZE ROOT WHY");
        let words: Vec<&str> = text.splitn(5, ' ').collect();
        let [origin, size, root, why] = words.as_slice() else { return Err(FORM) };
        let why = Why::parse(why).ok_or(FORM)?;
        let (size, root) = (decimal(size)?, Hash::from_base64(root)?);
        Ok(Self { origin: (*origin).to_owned(), size, root, why })
    }
}

/// ASCII digits without a zero before them.
pub(super) fn decimal(text: &str) -> Result<u64, Malformed> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = plain && (text == "0" || !text.starts_with('0'));
    let number = plain.then(|| text.parse().ok()).flatten();
    number.ok_or(Malformed("a size or an index is a decimal number without a zero before it"))
}
