//! The tree's hashes in files of 256 (tlog-tiles): a whole tile never changes; a partial one, named by its
//! width, belongs to the checkpoint that was signed over it.

use super::Malformed;
use super::merkle::{Frontier, Hash, root, root_of};

/// Hashes in a whole tile.
const WIDTH: usize = 256;
const HASH: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    pub level: u8,
    pub index: u64,
    /// 1 to 256.
    pub width: u16,
}

impl Tile {
    /// How many hashes a whole one has.
    pub const WIDEST: u16 = 256;

    /// `tile/0/x001/x234/067.p/8`
    pub fn path(&self) -> String {
        let (mut index, mut path) = (self.index, String::new());
        loop {
            let outer = index >= 1000;
            path = format!("{:03}{path}", index % 1000);
            if !outer {
                break;
            }
            index /= 1000;
            path = format!("/{path}");
        }
        let last = path.len() - 3;
        let (outer, inner) = path.split_at(last);
        let outer: String = outer.split_inclusive('/').map(|part| format!("x{part}")).collect();
        let partial = match self.is_whole() {
            true => String::new(),
            false => format!(".p/{}", self.width),
        };
        format!("tile/{}/{outer}{inner}{partial}", self.level)
    }

    pub fn is_whole(&self) -> bool {
        usize::from(self.width) == WIDTH
    }

    #[must_use]
    pub fn whole(self) -> Self {
        Self { width: 256, ..self }
    }

    /// Those that hold a level's hashes in a tree of that size.
    pub fn of_level(level: u8, size: u64) -> impl Iterator<Item = Self> {
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let whole = (0..hashes / 256).map(move |index| Self { level, index, width: 256 });
        let width = u16::try_from(hashes % 256).unwrap_or(0);
        let partial = (width > 0).then_some(Self { level, index: hashes / 256, width });
        whole.chain(partial)
    }

    /// The one that has a hash of a level, in a tree of that size.
    pub fn holding(level: u8, hash: u64, size: u64) -> Self {
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let index = hash / 256;
        let width = (hashes - (index * 256).min(hashes)).min(256);
        Self { level, index, width: u16::try_from(width).unwrap_or(256) }
    }

    /// The hashes in such a tile's bytes; a partial tile may be read from what grew out of it.
    pub fn hashes(&self, bytes: &[u8]) -> Result<Vec<Hash>, Malformed> {
        let wanted = usize::from(self.width) * HASH;
        let (parts, rest) = bytes.as_chunks::<HASH>();
        if bytes.len() < wanted || bytes.len() > WIDTH * HASH || !rest.is_empty() {
            return Err(Malformed("a tile has not the length that its name says"));
        }
        Ok(parts.iter().take(usize::from(self.width)).map(|part| Hash(*part)).collect())
    }
}

/// A tree that grows, with the hashes of its unfinished tiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growing {
    size: u64,
    /// Of each level, fewer than 256.
    levels: Vec<Vec<Hash>>,
}

impl Growing {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Goes on from a tree of that size by its partial tiles, which `read` gives.
    pub fn at<E>(size: u64, mut read: impl FnMut(Tile) -> Result<Vec<Hash>, E>) -> Result<Self, E> {
        let mut levels = Vec::new();
        for level in 0..8 {
            if size.checked_shr(8 * u32::from(level)).unwrap_or(0) == 0 {
                break;
            }
            let partial = Tile::of_level(level, size).last().filter(|last| !last.is_whole());
            levels.push(partial.map(&mut read).transpose()?.unwrap_or_default());
        }
        Ok(Self { size, levels })
    }

    /// Gives each tile that it filled.
    pub fn push(&mut self, leaf: Hash, mut filled: impl FnMut(Tile, &[Hash])) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(level) else { return };
            hashes.push(hash);
            if hashes.len() < WIDTH {
                return;
            }
            let level = u8::try_from(level).unwrap_or(u8::MAX);
            let index = (self.size >> (8 * (u32::from(level) + 1))) - 1;
            filled(Tile { level, index, width: 256 }, hashes);
            hash = root(hashes);
            hashes.clear();
        }
    }

    /// The tiles that are not full.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let some = self.levels.iter().zip(0..).filter(|(hashes, _)| !hashes.is_empty());
        some.map(|(hashes, level)| {
            let index = self.size >> (8 * (u32::from(level) + 1));
            let width = u16::try_from(hashes.len()).unwrap_or(u16::MAX);
            (Tile { level, index, width }, hashes.as_slice())
        })
    }

    pub fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut frontier = Frontier::default();
            hashes.iter().for_each(|hash| frontier.push(*hash));
            peaks.extend_from_slice(frontier.peaks());
        }
        root_of(peaks.into_iter())
    }
}
