//! RFC 6962 §2.1: the tree over the lines, its root, and the proof that one line is in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Malformed;

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub fn from_base64(text: &str) -> Result<Self, Malformed> {
        let bytes = STANDARD.decode(text).map_err(|_| Malformed("a hash is no base64"))?;
        bytes.try_into().map(Self).map_err(|_| Malformed("a hash has 32 bytes"))
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Of a line without its newline.
pub fn leaf_hash(line: &[u8]) -> Hash {
    let mut leaf = Leaf::default();
    leaf.add(line);
    leaf.hash()
}

/// A line that comes in parts.
#[derive(Debug)]
pub struct Leaf(Sha256);

impl Default for Leaf {
    fn default() -> Self {
        Self(Sha256::new_with_prefix([0]))
    }
}

impl Leaf {
    pub fn add(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    pub fn hash(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

pub(super) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let digest = Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0);
    Hash(digest.finalize().into())
}

/// The roots of the whole subtrees that a tree consists of, the widest first: enough to grow it by, and to
/// name its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut whole = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                whole = node_hash(&left, &whole);
            }
        }
        self.peaks.push(whole);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        root_of(self.peaks.iter().copied())
    }

    pub(super) fn peaks(&self) -> &[Hash] {
        &self.peaks
    }
}

/// Of whole subtrees, the widest first.
pub(super) fn root_of(peaks: impl DoubleEndedIterator<Item = Hash>) -> Hash {
    let folded = peaks.rev().reduce(|right, left| node_hash(&left, &right));
    folded.unwrap_or_else(|| Hash(Sha256::digest([]).into()))
}

pub(super) fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// RFC 6962 §2.1.1, from the leaf's sibling up. `None` where there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let mut at = usize::try_from(index).ok().filter(|at| *at < leaves.len())?;
    let (mut part, mut down) = (leaves, Vec::new());
    while part.len() > 1 {
        let (left, right) = part.split_at(part.len().next_power_of_two() / 2);
        if at < left.len() {
            down.push(root(right));
            part = left;
        } else {
            down.push(root(left));
            at -= left.len();
            part = right;
        }
    }
    down.reverse();
    Some(down)
}

/// Is this leaf at that index of the tree with that size and root? (RFC 9162 §2.1.3.2.)
pub fn includes(proof: &[Hash], (index, leaf): (u64, Hash), (size, root): (u64, Hash)) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}
