//! Which segments may go: decides, and removes nothing. What is not as it was signed stays, and so does what a hole
//! is before that no line tells of: pruning makes no damage good.

use std::io::{self, BufReader};
use std::path::Path;

use dagpass_client::ledger::evidence::millis;
use dagpass_client::ledger::log::{Growing, Hash, Leaf};
use dagpass_client::ledger::{Line, Lines, Segment, Segments, Tail, Verdict};
use dagpass_client::wire::{PruneReply, PrunedSegment};
use dagpass_core::time::Timestamp;
use serde::Deserialize;

use super::super::line::rfc3339;
use super::super::{Sealer, Shipping};
use crate::config::Config;

/// A segment that may go, with the times of its oldest and its newest line.
struct Going {
    segment: Segment,
    span: (i64, i64),
}

/// The oldest ones.
#[derive(Default)]
pub(super) struct Plan {
    going: Vec<Going>,
    /// Why the next one stays, though it is as old.
    kept: Option<String>,
    /// Up to which line the ledger tells already that it is pruned.
    pub(super) announced: u64,
    /// The log that was signed over them.
    pub(super) origin: String,
}

impl Plan {
    pub(super) fn of(
        ledger: &Path,
        config: &Config,
        sealer: &Sealer,
        before: Timestamp,
    ) -> io::Result<Self> {
        let segments = Segments::of(ledger)?;
        let mut plan = Self { announced: announced(&segments)?, ..Self::default() };
        if segments.begin().line > plan.announced || !segments.holes().is_empty() {
            return Ok(plan.keeping("lines are missing: `dagpass audit verify` says which"));
        }
        let mut limits = None;
        for segment in segments.closed() {
            let Some(read) = Read::of(segment)? else {
                return Ok(plan.keeping("no line of a segment says when it was written"));
            };
            if read.span.1 >= before.as_millis() {
                break;
            }
            if limits.is_none() {
                limits = Some(Limits::of(ledger, config, sealer)?);
            }
            let Some(limits) = &limits else { break };
            if let Some(why) = limits.keep(segment, &read.leaves) {
                return Ok(plan.keeping(&why));
            }
            plan.origin.clone_from(&limits.origin);
            plan.going.push(Going { segment: segment.clone(), span: read.span });
        }
        Ok(plan)
    }

    /// How many lines of all that were ever written are gone then. `None`: none goes.
    pub(super) fn lines(&self) -> Option<u64> {
        self.going.last().map(|last| last.segment.to)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.going.iter().map(|going| &going.segment)
    }

    /// When the oldest and the newest line were written.
    pub(super) fn span(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let first = self.going.iter().map(|going| going.span.0).min();
        let last = self.going.iter().map(|going| going.span.1).max();
        (first.map(Timestamp::from_millis), last.map(Timestamp::from_millis))
    }

    /// Would no closed one be left?
    pub(super) fn is_all_of(&self, segments: &Segments) -> bool {
        segments.closed().last().map(|last| last.to) == self.lines()
    }

    pub(super) fn keep_last(&mut self) {
        drop(self.going.pop());
    }

    pub(super) fn told(self, before: Timestamp) -> PruneReply {
        let of = |Going { segment, span }: Going| PrunedSegment {
            first: segment.from + 1,
            last: segment.to,
            bytes: segment.length,
            from: rfc3339(span.0),
            until: rfc3339(span.1),
        };
        PruneReply {
            before: rfc3339(before.as_millis()),
            segments: self.going.into_iter().map(of).collect(),
            kept: self.kept,
        }
    }

    fn keeping(mut self, why: &str) -> Self {
        self.kept = Some(why.to_owned());
        self
    }
}

/// Up to which line may they go?
struct Limits {
    origin: String,
    /// As the log's tiles have them, where those lead to the newest checkpoint.
    leaves: Option<Vec<Hash>>,
    sealed: u64,
    cosigned: Option<u64>,
    shipped: Option<u64>,
}

impl Limits {
    fn of(ledger: &Path, config: &Config, sealer: &Sealer) -> io::Result<Self> {
        let shipped = Shipping::taken(config, ledger)?;
        let Some(newest) = sealer.newest()? else {
            let (origin, leaves) = (String::new(), None);
            return Ok(Self { origin, leaves, sealed: 0, cosigned: None, shipped });
        };
        let (log, sealed) = (newest.log(), newest.checkpoint.size);
        let leaves = log.leaves(sealed)?.filter(|leaves| {
            let mut growing = Growing::default();
            leaves.iter().for_each(|leaf| growing.push(*leaf, |_, _| ()));
            growing.root() == newest.checkpoint.root
        });
        let witnesses = &config.witnesses;
        let keys: Vec<_> = witnesses.all.iter().map(|witness| witness.key.clone()).collect();
        let cosigned = match keys.is_empty() {
            true => None,
            false => Some(log.cosigned_by_so_many(&keys, witnesses.quorum)?),
        };
        Ok(Self { origin: newest.checkpoint.origin.clone(), leaves, sealed, cosigned, shipped })
    }

    fn keep(&self, segment: &Segment, found: &[Hash]) -> Option<String> {
        let (first, last) = (segment.from + 1, segment.to);
        let stay = |why: &str| Some(format!("lines {first} to {last} stay: {why}"));
        if last > self.sealed {
            return stay("no checkpoint is over them yet");
        }
        if self.cosigned.is_some_and(|cosigned| last > cosigned) {
            return stay("no checkpoint over them is cosigned by as many witnesses as it needs");
        }
        if self.shipped.is_some_and(|shipped| last > shipped) {
            return stay("they are not shipped yet (`dagpass audit ship`)");
        }
        let signed = self.leaves.as_ref().and_then(|leaves| {
            let at = |line: u64| usize::try_from(line).ok();
            leaves.get(at(segment.from)?..at(segment.to)?)
        });
        if signed != Some(found) {
            return stay("they are not what was signed (`dagpass audit verify`)");
        }
        None
    }
}

/// A segment's lines.
struct Read {
    leaves: Vec<Hash>,
    span: (i64, i64),
}

impl Read {
    /// `None` where no line says when it was written.
    fn of(segment: &Segment) -> io::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Timed {
            time: String,
        }
        let file = std::fs::File::open(&segment.path)?;
        let mut lines = Lines::of(BufReader::with_capacity(64 * 1024, file));
        let (mut leaves, mut span) = (Vec::new(), None);
        loop {
            let mut leaf = Leaf::default();
            let line = lines.next(|part| leaf.add(part))?;
            let Some(line) = line.filter(|line| line.ended) else { break };
            let timed = line.text.and_then(|text| serde_json::from_slice::<Timed>(text).ok());
            if let Some(time) = timed.and_then(|timed| millis(&timed.time)) {
                let (first, last) = span.unwrap_or((time, time));
                span = Some((time.min(first), time.max(last)));
            }
            leaves.push(leaf.hash());
        }
        Ok(span.map(|span| Self { leaves, span }))
    }
}

/// By the last line that tells of it.
fn announced(segments: &Segments) -> io::Result<u64> {
    const EVENT: &str = "ledger-pruned";
    let count = |text: &str| {
        let line = text.contains(EVENT).then(|| Line::parse(text)).flatten();
        line.filter(|line| line.event == EVENT).and_then(|line| line.count)
    };
    let wanted = |text: &str| match count(text) {
        Some(_) => Verdict::Wanted,
        None => Verdict::NotWanted,
    };
    let found = Tail::over(segments).last(1, wanted)?;
    Ok(found.last().and_then(|text| count(text)).unwrap_or(0))
}
