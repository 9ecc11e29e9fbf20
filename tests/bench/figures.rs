//! Samples and what is said of them.

use std::time::Duration;

/// Times of one kind, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<u64>);

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn spread(mut self) -> Spread {
        self.0.sort_unstable();
        // Nearest rank: a value that was measured, never one in between.
        let at = |share: f64| {
            let last = self.0.len().saturating_sub(1);
            let rank = (self.0.len() as f64 * share).ceil() as usize;
            self.0.get(rank.saturating_sub(1).min(last)).copied().unwrap_or_default()
        };
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        Spread { least: ms(at(0.0)), median: ms(at(0.5)), p99: ms(at(0.99)), worst: ms(at(1.0)) }
    }
}

/// In milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) worst: f64,
}

/// The middle of a few, and the best of them.
pub(crate) fn middle_and_most(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    (middle, sorted.last().copied().unwrap_or_default())
}
