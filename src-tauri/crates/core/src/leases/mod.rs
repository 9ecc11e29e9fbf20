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

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::approvals::Tree;
use crate::cache::Cached;
use crate::error::{ErrorCode, Refusal};
use crate::policy::facts::Declared;
use crate::principal::{Kind, Principal};
use crate::request::{SessionKey, TokenRequest};
use crate::time::Timestamp;

pub use desk::{Listed, Revoked, Which};
pub use lease::{Dag, End, Lease, Token, Why};

use table::Table;

/// All that hold, and those that were taken back.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<Table>);

/// One request for a token, as a lease sees it.
pub(crate) struct Use<'a> {
    tree: Tree,
    principal: &'a Principal,
    request: &'a TokenRequest,
    dag: Option<&'a str>,
}

impl<'a> Use<'a> {
    pub(crate) fn of(principal: &'a Principal, request: &'a TokenRequest) -> Self {
        let dag = Declared(&principal.caller.context).get(Declared::DAG);
        Self { tree: tree_of(principal), principal, request, dag }
    }

    fn task(&self) -> Option<&'a str> {
        Declared(&self.principal.caller.context).get(Declared::TASK)
    }

    /// Of its own, also where it is one within another.
    fn run(&self) -> Option<&'a str> {
        run_of(self.principal)
    }
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
    /// Before anybody is asked for a token: was it taken back from this tree?
    pub(crate) fn admits(
        &self,
        wanted: &Use<'_>,
        signed_in_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let table = self.table();
        match table.of(wanted).and_then(|lease| lease.refuses(wanted.dag, signed_in_at)) {
            Some(end) => Err(taken_back(end, &wanted.request.session, now)),
            None => Ok(()),
        }
    }

    /// A token is about to leave: its lease begins, or lives on. Judged once more under the same lock, so that
    /// what was on its way while somebody took it back does not leave.
    pub(crate) fn grant(
        &self,
        wanted: &Use<'_>,
        cached: &Cached,
        (signed_in_at, now): (Timestamp, Timestamp),
    ) -> Result<(), Refusal> {
        let mut table = self.table();
        let lease = table.entry(wanted, signed_in_at, now);
        if let Some(end) = lease.refuses(wanted.dag, Some(signed_in_at)) {
            return Err(taken_back(end, &wanted.request.session, now));
        }
        lease.renew(wanted, cached, now);
        Ok(())
    }

    /// It could not be put on the record, so it did not leave.
    pub(crate) fn ungrant(&self, wanted: &Use<'_>) {
        self.table().ungrant(wanted);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken_back(end: &End, session: &SessionKey, now: Timestamp) -> Refusal {
    let cause = format!("{}, {} ago", end.why, span(end.at.until(now).as_secs()));
    Refusal::new(
        ErrorCode::AccessDenied,
        "the lease on this token was revoked for this process tree",
    )
    .because(cause)
    .hint(format!(
        "begin a new `dagpass run` or terminal for it, or sign in anew with `{} --fresh`",
        session.login()
    ))
}

/// In the largest unit that is not misleading.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests;
