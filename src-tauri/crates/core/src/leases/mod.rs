//! What was handed out and holds: each issue of a token is a lease on (process tree, audience, scopes), with a
//! sign-in as its parent and an end. A lease that was ended by somebody is an answer, too: no, until the tree
//! is another one or somebody signs in anew. Pure, and in memory alone: fingerprints and times, never a token.
//!
//! 1. [`lease`]: what one is, who uses it and what ends it
//! 2. [`table`]: all of them, few enough, by process tree
//! 3. [`desk`]: what a person does with them: looks, and takes back

mod desk;
mod lease;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::approvals::Tree;
use crate::cache::Cached;
use crate::error::{ErrorCode, Refusal};
use crate::policy::facts::Declared;
use crate::principal::{Kind, Principal};
use crate::profile::ProfileKind;
use crate::request::TokenRequest;
use crate::session::Since;
use crate::time::{Timestamp, in_words};

pub use desk::{Listed, Revoked, Which};
pub use lease::{Dag, End, Lease, Token, Why};

use table::Table;

/// How long may a DAG's or a task's name be, in bytes? Airflow's have 250 characters at most.
const LONGEST_NAME: usize = 1000;

/// All that hold, and those that were taken back.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    table: Mutex<Table>,
    /// How often anything was ended: whoever is overtaken by that looks once more.
    ends: AtomicU64,
}

/// A lease that began or lives on, for a token that has not left yet.
pub(crate) struct Granted {
    /// The one whose place it took, where that had ended.
    before: Option<Lease>,
    /// [`Leases::ends`] of then.
    ends: u64,
}

/// One request for a token, as a lease sees it.
pub(crate) struct Use<'a> {
    tree: Tree,
    principal: &'a Principal,
    request: &'a TokenRequest,
    dag: Option<&'a str>,
    /// [`Leases::ends`] of when it was admitted.
    since: u64,
    /// Nobody signs in to what it asks for, so that nothing lifts a no but a person's word.
    of_client: bool,
}

impl<'a> Use<'a> {
    pub(crate) fn of(
        principal: &'a Principal,
        request: &'a TokenRequest,
        kind: ProfileKind,
    ) -> Self {
        let (tree, dag) = (tree_of(principal), declared(principal, Declared::DAG));
        Self { tree, principal, request, dag, since: 0, of_client: !kind.signs_in() }
    }

    /// What a no has to be of to be one for it.
    const fn sign_in(&self, signed_in_at: Option<Timestamp>) -> Option<Timestamp> {
        if self.of_client { None } else { signed_in_at }
    }

    pub(crate) fn principal(&self) -> &'a Principal {
        self.principal
    }

    fn task(&self) -> Option<&'a str> {
        declared(self.principal, Declared::TASK)
    }

    /// Of its own, also where it is one within another.
    fn run(&self) -> Option<&'a str> {
        run_of(self.principal)
    }
}

/// What is no name of Airflow's is not kept, and says nothing.
fn declared<'a>(principal: &'a Principal, word: &str) -> Option<&'a str> {
    let said = Declared(&principal.caller.context).get(word);
    said.filter(|name| name.len() <= LONGEST_NAME)
}

fn tree_of(principal: &Principal) -> Tree {
    Tree::of(principal, || principal.process.leader())
}

fn run_of(principal: &Principal) -> Option<&str> {
    match &principal.kind {
        Kind::Run(id) => Some(id),
        Kind::Agent | Kind::Owner | Kind::Container(_) | Kind::Forwarded(_) | Kind::Relay => None,
    }
}

impl Leases {
    /// Before anybody is asked for a token: was it taken back from this tree? Where nobody is signed in that is
    /// what there is to say.
    pub(crate) fn admits(
        &self,
        wanted: &mut Use<'_>,
        since: Since,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (table, signed_in_at) = (self.table(), since.at());
        wanted.since = self.ends();
        if table.is_over(wanted) {
            return Err(over());
        }
        if since == Since::Nobody {
            return Ok(());
        }
        match table
            .of(wanted)
            .and_then(|lease| lease.refuses(wanted.dag, wanted.sign_in(signed_in_at)))
        {
            Some(end) => Err(taken_back(end, wanted, now)),
            None => Ok(()),
        }
    }

    /// A token is about to leave: its lease begins, or lives on. Judged once more under the same lock, so that
    /// what was on its way while somebody took it back, signed out or found the token does not leave: whoever
    /// ends leases does so behind it.
    pub(crate) fn grant(
        &self,
        wanted: &Use<'_>,
        cached: &Cached,
        (signed_in_at, now): (Timestamp, Timestamp),
        may_leave: impl Fn() -> Result<(), Refusal>,
    ) -> Result<Granted, Refusal> {
        let mut table = self.table();
        judge(&table, wanted, cached, (signed_in_at, now), may_leave)?;
        let (lease, before) = table.entry(wanted, signed_in_at, now);
        lease.renew(wanted, cached, now);
        Ok(Granted { before, ends: self.ends() })
    }

    /// It is on the record now, which may have taken its time. What was ended behind the grant stands on the
    /// record before it, and so does not leave behind it.
    pub(crate) fn still(
        &self,
        granted: &Granted,
        wanted: &Use<'_>,
        cached: &Cached,
        (signed_in_at, now): (Timestamp, Timestamp),
        may_leave: impl Fn() -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if self.ends() == granted.ends {
            return Ok(());
        }
        let table = self.table();
        judge(&table, wanted, cached, (signed_in_at, now), may_leave)?;
        match table.of(wanted) {
            Some(Lease { ended: None, .. }) => Ok(()),
            // What another request begins meanwhile is another lease, and lives.
            Some(_) | None => Err(ended_meanwhile()),
        }
    }

    /// It is not on the record, or was overtaken behind it: so it did not leave.
    pub(crate) fn ungrant(&self, wanted: &Use<'_>, granted: Granted) {
        self.table().ungrant(wanted, granted.before);
    }

    /// Were these bytes found where they lie open?
    pub(crate) fn bars(&self, fingerprint: &str, now: Timestamp) -> bool {
        self.table().bars(fingerprint, now)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> u64 {
        self.ends.load(Ordering::Acquire)
    }

    /// Something is about to end that stands elsewhere than here.
    pub(crate) fn overtakes(&self) {
        self.ends.fetch_add(1, Ordering::Release);
    }

    /// To end something in it.
    fn to_end(&self) -> MutexGuard<'_, Table> {
        let table = self.table();
        self.overtakes();
        table
    }
}

fn judge(
    table: &Table,
    wanted: &Use<'_>,
    cached: &Cached,
    (signed_in_at, now): (Timestamp, Timestamp),
    may_leave: impl Fn() -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    may_leave()?;
    if table.is_over(wanted) {
        return Err(over());
    }
    if table.bars(cached.fingerprint.short(), now) {
        return Err(found());
    }
    let lease = table.of(wanted);
    match lease.and_then(|lease| lease.refuses(wanted.dag, wanted.sign_in(Some(signed_in_at)))) {
        Some(end) => Err(taken_back(end, wanted, now)),
        None => Ok(()),
    }
}

fn taken_back(end: &End, wanted: &Use<'_>, now: Timestamp) -> Refusal {
    let cause = format!("{}, {} ago", end.why, in_words(end.at.until(now)));
    let anew = "begin a new `dagpass run` or terminal for it";
    Refusal::new(
        ErrorCode::AccessDenied,
        "the lease on this token was revoked for this process tree",
    )
    .because(cause)
    .hint(match wanted.of_client {
        true => anew.to_owned(),
        false => {
            let login = wanted.request.session.login();
            format!("{anew}, or sign in anew with `{login} --fresh`")
        }
    })
}

fn over() -> Refusal {
    Refusal::new(ErrorCode::AccessDenied, "the run or the door that asks has ended")
}

fn ended_meanwhile() -> Refusal {
    Refusal::new(ErrorCode::TemporarilyUnavailable, "the lease ended while its token was recorded")
        .hint("ask again")
}

fn found() -> Refusal {
    Refusal::new(
        ErrorCode::TemporarilyUnavailable,
        "the token at hand was found where it should not be, or taken back by its fingerprint",
    )
    .hint("ask again: there will be another one")
}

#[cfg(test)]
mod tests;
