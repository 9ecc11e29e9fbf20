//! All leases by process tree, and never more than there is room for: what ended longest ago gives way first,
//! and what was taken back last, because a no that is forgotten is a yes.

use std::collections::HashMap;
use std::mem::replace;
use std::time::Duration;

use super::lease::short;
use super::{Lease, Use};
use crate::approvals::Tree;
use crate::time::Timestamp;

/// How many leases are known at once?
pub(super) const MOST: usize = 1024;

/// Of so many runs and doors that ended it is known for as long as the slowest answer to one of them may take;
/// of fewer, longer.
const MOST_OVER: usize = 1024;
const LONGEST_ANSWER: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Over {
    at: Timestamp,
    /// What the count of ends was then.
    nth: u64,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    trees: HashMap<Tree, Vec<Lease>>,
    count: usize,
    /// How many gave way of which a token may still be good.
    pub(super) dropped: u64,
    /// Bytes that nobody is served again, by fingerprint, until they end.
    barred: HashMap<String, Timestamp>,
    /// Runs and doors that ended: what is on its way to one of them has nobody left to end its lease.
    over: HashMap<String, Over>,
}

impl Table {
    pub(super) fn of(&self, wanted: &Use<'_>) -> Option<&Lease> {
        let on = |lease: &&Lease| lease.is_on(&wanted.request.session, &wanted.request.target);
        self.trees.get(&wanted.tree)?.iter().find(on)
    }

    /// The lease that lives, the one that was taken back, or a new one. Of an ended one, and of an earlier
    /// sign-in's, the tokens that may still be good are the new one's; that one is given back.
    pub(super) fn entry(
        &mut self,
        wanted: &Use<'_>,
        signed_in_at: Timestamp,
        now: Timestamp,
    ) -> (&mut Lease, Option<Lease>) {
        let (session, target) = (&wanted.request.session, &wanted.request.target);
        let new = || Lease::new(wanted, signed_in_at, now);
        if self.of(wanted).is_none() && self.count >= MOST {
            self.give_way(now);
        }
        let of_tree = self.trees.entry(wanted.tree.clone()).or_default();
        let at = of_tree.iter().position(|lease| lease.is_on(session, target));
        let at = at.unwrap_or_else(|| {
            self.count += 1;
            of_tree.push(new());
            of_tree.len() - 1
        });
        let lease = &mut of_tree[at];
        let is_same_sign_in = lease.signed_in_at == signed_in_at;
        let same = is_same_sign_in || wanted.of_client;
        let goes_on = lease.times == 0 || lease.is_revoked() || lease.holds(now);
        if same && goes_on {
            return (lease, None);
        }
        let (mut tokens, mut dags) = (lease.tokens.clone(), lease.dags.clone());
        tokens.iter_mut().for_each(|token| token.earlier |= !is_same_sign_in);
        dags.retain(|dag| same && dag.ended.is_some());
        let before = replace(lease, Lease { tokens, dags, ..new() });
        (lease, Some(before))
    }

    /// What stood there before stands there again, unless somebody else was served meanwhile, or it was taken
    /// back: that no is the newer one's.
    pub(super) fn ungrant(&mut self, wanted: &Use<'_>, before: Option<Lease>) {
        let Some(of_tree) = self.trees.get_mut(&wanted.tree) else { return };
        let (session, target) = (&wanted.request.session, &wanted.request.target);
        let own = of_tree.iter_mut().find(|lease| lease.is_on(session, target));
        if let Some(lease) = own {
            lease.times = lease.times.saturating_sub(1);
            if let (0, false, Some(before)) = (lease.times, lease.says_no(), before) {
                *lease = before;
            }
        }
        self.retain(|lease| lease.times > 0 || lease.says_no());
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lease> {
        self.trees.values().flatten()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Lease> {
        self.trees.values_mut().flatten()
    }

    pub(super) fn of_tree_mut(&mut self, tree: &Tree) -> impl Iterator<Item = &mut Lease> {
        self.trees.get_mut(tree).into_iter().flatten()
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Lease) -> bool) {
        self.trees.retain(|_, leases| {
            leases.retain(|lease| keep(lease));
            !leases.is_empty()
        });
        self.count = self.trees.values().map(Vec::len).sum();
    }

    /// That run or door has ended, as the `nth` end of all.
    pub(super) fn is_gone(&mut self, id: &str, nth: u64, now: Timestamp) {
        if self.over.len() >= MOST_OVER {
            self.over.retain(|_, over| over.at.until(now) < LONGEST_ANSWER);
        }
        self.over.insert(id.to_owned(), Over { at: now, nth });
    }

    /// A run's name is never another's. A door of the same name may have been opened since, and what was asked
    /// of that one is served.
    pub(super) fn is_over(&self, wanted: &Use<'_>) -> bool {
        if self.over.is_empty() {
            return false;
        }
        let door = match &wanted.tree {
            Tree::Door(name) => Some(name.as_str()),
            Tree::Process(_) => None,
        };
        let is_run = wanted.run().is_some();
        let within = wanted.run().filter(|run| door != Some(*run));
        let mut own = [door, within].into_iter().flatten();
        own.any(|id| self.over.get(id).is_some_and(|over| is_run || over.nth > wanted.since))
    }

    /// So many that the one that ends first gives way.
    pub(super) fn bar(&mut self, fingerprint: &str, until: Timestamp, now: Timestamp) {
        self.barred.retain(|_, until| now < *until);
        if self.barred.len() >= MOST {
            let first = self.barred.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(fingerprint, _)| fingerprint.clone()) {
                self.barred.remove(&first);
            }
        }
        self.barred.insert(short(fingerprint).to_owned(), until);
    }

    pub(super) fn bars(&self, fingerprint: &str, now: Timestamp) -> bool {
        self.barred.get(short(fingerprint)).is_some_and(|until| now < *until)
    }

    fn give_way(&mut self, now: Timestamp) {
        let rank = |lease: &Lease| match (lease.is_outstanding(now), &lease.ended) {
            _ if lease.says_no() => 3,
            (true, None) => 2,
            (true, Some(_)) => 1,
            (false, _) => 0,
        };
        let first = self.all().min_by_key(|lease| (rank(lease), lease.last));
        let Some((id, rank)) = first.map(|lease| (lease.id.clone(), rank(lease))) else { return };
        self.dropped += u64::from(rank > 0);
        self.retain(|lease| lease.id != id);
    }
}
