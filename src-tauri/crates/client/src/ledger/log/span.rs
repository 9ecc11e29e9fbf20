//! Lines that follow on one another, proved together: what a tree's root needs besides their own hashes is one
//! hash for each whole subtree before and behind them, however many lines there are.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::merkle::{Hash, node_hash, root_of};

/// No ledger has as many lines.
const MOST_LINES: u64 = 1 << 40;

/// All whole subtrees over some leaves.
#[derive(Debug)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

/// The leaves from `from` up to `to` in a tree of `size`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub from: u64,
    pub to: u64,
    /// The checkpoint's: no root tells it by itself.
    pub size: u64,
    /// The whole subtrees that the leaves before consist of, the widest first.
    pub before: Vec<Hash>,
    /// And those behind, in order.
    pub after: Vec<Hash>,
}

/// A tree as it grows over a span's leaves.
#[derive(Debug)]
pub struct Walk<'s> {
    span: &'s Span,
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    pub fn of(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let (pairs, _) = below.as_chunks::<2>();
            levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        Self { levels }
    }

    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// `None` where it has not so many leaves.
    pub fn root(&self, size: u64) -> Option<Hash> {
        self.has(size).then(|| self.hash(0, size)).flatten()
    }

    /// RFC 6962 §2.1.1, from the leaf's sibling up.
    pub fn proof(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || !self.has(size) {
            return None;
        }
        let (mut from, mut to, mut down) = (0, size, Vec::new());
        while to - from > 1 {
            let middle = from + (to - from).next_power_of_two() / 2;
            if index < middle {
                down.push(self.hash(middle, to)?);
                to = middle;
            } else {
                down.push(self.hash(from, middle)?);
                from = middle;
            }
        }
        down.reverse();
        Some(down)
    }

    pub fn span(&self, from: u64, to: u64, size: u64) -> Option<Span> {
        if from > to || to > size || !self.has(size) {
            return None;
        }
        let before = wholes(0, from).map(|(at, level)| self.whole(at, level));
        let after = wholes(to, size).map(|(at, level)| self.whole(at, level));
        let (before, after) = (before.collect::<Option<_>>()?, after.collect::<Option<_>>()?);
        Some(Span { from, to, size, before, after })
    }

    fn has(&self, size: u64) -> bool {
        size <= self.leaves().len() as u64
    }

    /// Of a subtree of RFC 6962's that begins at a multiple of its width.
    fn hash(&self, from: u64, to: u64) -> Option<Hash> {
        let peaks = wholes(from, to).map(|(at, level)| self.whole(at, level));
        let peaks = peaks.collect::<Option<Vec<_>>>()?;
        Some(root_of(peaks.into_iter()))
    }

    fn whole(&self, at: u64, level: u32) -> Option<Hash> {
        let row = self.levels.get(usize::try_from(level).ok()?)?;
        row.get(usize::try_from(at >> level).ok()?).copied()
    }
}

/// The widest whole subtrees that make up these leaves: where each begins, and its level.
fn wholes(from: u64, to: u64) -> impl Iterator<Item = (u64, u32)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let level = (to.checked_sub(at)?).checked_ilog2()?.min(at.trailing_zeros());
        let whole = (at, level);
        at += 1 << level;
        Some(whole)
    })
}

impl Span {
    /// `None` where it has not the hashes that it says.
    pub fn walk(&self) -> Option<Walk<'_>> {
        let Self { from, to, size, before, after } = self;
        let sound = from <= to && to <= size && *size <= MOST_LINES;
        let whole = before.len() == wholes(0, *from).count() && sound;
        let whole = whole && after.len() == wholes(*to, *size).count();
        whole.then(|| Walk { span: self, size: *from, peaks: before.clone() })
    }
}

impl Walk<'_> {
    /// The next leaf. `false` where it is behind the span.
    pub fn push(&mut self, leaf: Hash) -> bool {
        self.size < self.span.to && self.put(leaf, 0).is_some()
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> Hash {
        root_of(self.peaks.iter().copied())
    }

    /// With what is behind the span. `None` where leaves are missing.
    pub fn end(mut self) -> Option<Hash> {
        if self.size != self.span.to {
            return None;
        }
        let span = self.span;
        for ((_, level), hash) in wholes(span.to, span.size).zip(&span.after) {
            self.put(*hash, level)?;
        }
        Some(self.root())
    }

    fn put(&mut self, hash: Hash, level: u32) -> Option<()> {
        let mut whole = hash;
        for _ in 0..(self.size >> level).trailing_ones() {
            whole = node_hash(&self.peaks.pop()?, &whole);
        }
        self.peaks.push(whole);
        self.size += 1 << level;
        Some(())
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_base64(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::super::{inclusion_proof, leaf_hash};
    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn walked(span: &Span, leaves: &[Hash]) -> Option<Hash> {
        let mut walk = span.walk()?;
        leaves.iter().all(|leaf| walk.push(*leaf)).then_some(())?;
        walk.end()
    }

    #[test]
    fn every_span_of_every_small_tree_leads_to_its_root_and_each_root_on_the_way_is_the_trees() {
        for size in 0..20 {
            let leaves = leaves(size);
            let tree = Tree::of(leaves.clone());
            let part = |from: u64, to: u64| &leaves[from as usize..to as usize];
            let root = |size| super::super::merkle::root(part(0, size));
            assert_eq!(tree.root(size), Some(root(size)));
            assert_eq!(tree.root(size + 1), None);
            for index in 0..size {
                assert_eq!(
                    tree.proof(index, size),
                    inclusion_proof(&leaves, index),
                    "{index} {size}"
                );
            }
            for (from, to) in (0..=size).flat_map(|from| (from..=size).map(move |to| (from, to))) {
                let span = tree.span(from, to, size).unwrap();
                assert_eq!(walked(&span, part(from, to)), Some(root(size)), "{from} {to} {size}");
                let mut walk = span.walk().unwrap();
                for leaf in part(from, to) {
                    assert_eq!(walk.root(), root(walk.size()));
                    assert!(walk.push(*leaf));
                }
                assert!(!walk.push(Hash([0; 32])), "behind the span");
            }
        }
    }

    proptest! {
        #[test]
        fn another_leaf_another_place_or_another_hash_leads_elsewhere(
            size in 1_u64..150, a in 0_u64..150, b in 0_u64..150, at in 0_u64..150,
        ) {
            let (from, to) = (a.min(b) % size, (a.max(b) % size) + 1);
            let (from, to) = (from.min(to - 1), to);
            let leaves = leaves(size);
            let span = Tree::of(leaves.clone()).span(from, to, size).unwrap();
            let mut mine = leaves[from as usize..to as usize].to_vec();
            prop_assert_eq!(walked(&span, &mine), super::super::merkle::root(&leaves).into());
            let bent = Span { from: from + 1, ..span.clone() };
            prop_assert!(walked(&bent, &mine).is_none());
            prop_assert!(walked(&span, &mine[..mine.len() - 1]).is_none());
            let at = at as usize % mine.len();
            mine[at] = Hash([0; 32]);
            prop_assert!(walked(&span, &mine) != Some(super::super::merkle::root(&leaves)));
        }
    }
}
