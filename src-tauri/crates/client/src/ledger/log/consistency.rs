//! RFC 6962 §2.1.2: the proof that one tree goes on from another, made from the tiles alone, and whether it
//! holds.

use std::ops::Range;

use super::merkle::{Hash, node_hash, root, root_of};
use super::tile::Tile;

/// That a tree of `size` lines begins with its first `old` ones; nothing has to be proved of none. `read` gives
/// a tile of the tree.
pub fn consistency_proof<E>(
    old: u64,
    size: u64,
    mut read: impl FnMut(Tile) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, E> {
    nodes(old, size).into_iter().map(|node| root_over(node, size, &mut read)).collect()
}

/// The root over the first `old` lines of a tree of `size` ones.
pub fn root_at<E>(
    old: u64,
    size: u64,
    mut read: impl FnMut(Tile) -> Result<Vec<Hash>, E>,
) -> Result<Hash, E> {
    root_over(0..old.min(size), size, &mut read)
}

/// Does the second tree go on from the first? Of the empty one every tree does. (RFC 9162 §2.1.4.2.)
pub fn extends(proof: &[Hash], old: (u64, Hash), new: (u64, Hash)) -> bool {
    if old.0 == 0 || old.0 >= new.0 {
        return proof.is_empty() && (old.0 == 0 || old == new);
    }
    let begun = old.0.is_power_of_two().then_some(&old.1);
    let mut path = begun.into_iter().chain(proof);
    let Some(first) = path.next() else { return false };
    let (mut at, mut last) = (old.0 - 1, new.0 - 1);
    let skipped = at.trailing_ones();
    (at, last) = (at.checked_shr(skipped).unwrap_or(0), last.checked_shr(skipped).unwrap_or(0));
    let (mut before, mut after) = (*first, *first);
    for hash in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            (before, after) = (node_hash(hash, &before), node_hash(hash, &after));
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            after = node_hash(&after, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && (before, after) == (old.1, new.1)
}

/// Which subtrees prove it, each as the lines it is over.
fn nodes(old: u64, size: u64) -> Vec<Range<u64>> {
    if old == 0 || old >= size {
        return Vec::new();
    }
    let (mut part, mut known, mut down) = (0..size, true, Vec::new());
    while old < part.end {
        let middle = part.start + (1 << (part.end - part.start - 1).ilog2());
        if old <= middle {
            down.push(middle..part.end);
            part.end = middle;
        } else {
            down.push(part.start..middle);
            (part.start, known) = (middle, false);
        }
    }
    if !known {
        down.push(part);
    }
    down.reverse();
    down
}

/// Over some lines that are a subtree's, or the tree's last ones.
fn root_over<E>(
    mut lines: Range<u64>,
    size: u64,
    read: &mut impl FnMut(Tile) -> Result<Vec<Hash>, E>,
) -> Result<Hash, E> {
    let mut peaks = Vec::new();
    while lines.start < lines.end {
        let level = (lines.end - lines.start).ilog2();
        peaks.push(whole(level, lines.start >> level, size, read)?);
        lines.start += 1 << level;
    }
    Ok(root_of(peaks.into_iter()))
}

/// One subtree of two to the power of `level` lines.
fn whole<E>(
    level: u32,
    index: u64,
    size: u64,
    read: &mut impl FnMut(Tile) -> Result<Vec<Hash>, E>,
) -> Result<Hash, E> {
    let within = level % 8;
    let first = index << within;
    let tile_level = u8::try_from(level / 8).unwrap_or(u8::MAX);
    let tile = Tile::holding(tile_level, first, size);
    let at = usize::try_from(first % 256).unwrap_or(0);
    let hashes = read(tile)?;
    Ok(root(hashes.get(at..at + (1 << within)).unwrap_or_default()))
}
