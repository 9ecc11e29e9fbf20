//! One lease: what it is on, who uses it, which tokens of it may still be good, and what ended it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Use;
use crate::approvals::Tree;
use crate::cache::Cached;
use crate::profile::Scopes;
use crate::request::{SessionKey, Target};
use crate::time::Timestamp;

/// How many tokens that may still be good does a lease know? A refresh leaves the one before to its own end.
const MOST_TOKENS: usize = 16;
/// How many DAGs, connections and runs does it name? The one that was longest quiet gives way.
const MOST_NAMES: usize = 64;

/// What was handed out to one process tree.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Its public name.
    pub id: Arc<str>,
    pub tree: Tree,
    /// Whose grant it comes from, and of which sign-in: its parent.
    pub session: SessionKey,
    pub signed_in_at: Timestamp,
    /// Which audience and scopes.
    pub target: Target,
    /// The runs of that tree that asked: the outermost, and those within it.
    pub runs: Vec<String>,
    /// Who asked last, as far as the system shows it.
    pub program: Option<PathBuf>,
    pub pid: Option<u32>,
    /// And in which lanes that was.
    pub lanes: Vec<Arc<str>>,
    pub connections: Vec<String>,
    pub deployment: Option<String>,
    /// What those that asked say of themselves, or Airflow's listener of them.
    pub dags: Vec<Dag>,
    /// `aud` of the newest token where it can be seen, and what it was granted.
    pub audience: Option<Vec<String>>,
    pub scopes: Option<Scopes>,
    pub since: Timestamp,
    pub last: Timestamp,
    /// How often a token left, and how many different ones.
    pub times: u64,
    pub issued: u64,
    /// Those that may still be good, the newest last.
    pub tokens: Vec<Token>,
    pub ended: Option<End>,
    /// Its tree has ended, so that nobody asks by it again.
    pub is_over: bool,
}

/// A DAG that a lease served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dag {
    pub id: String,
    /// The one of its tasks that asked last.
    pub task: Option<String>,
    pub last: Timestamp,
    /// Taken back from it alone: others use the same lease.
    pub ended: Option<End>,
}

/// Of a token, what may be known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The ledger's own: SHA-256, first 16 digits.
    pub fingerprint: String,
    pub expires_at: Timestamp,
    /// It was taken back by its fingerprint before: what is told of it again ends nothing more.
    pub told: bool,
    /// Of an earlier sign-in than its lease: still good, and found somewhere it ends nothing of this one.
    pub earlier: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub why: Why,
    pub at: Timestamp,
}

/// Nothing more leaves by it. What was handed out before is good until its own end, for whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Taken back, and by what word.
    Revoked(Arc<str>),
    /// With the run or the door that it was for.
    RunEnded,
    /// With the process tree that it was for.
    TreeEnded,
    /// With its sign-in.
    SignedOut,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked(word) => word,
            Self::RunEnded => "its run or door ended",
            Self::TreeEnded => "its process tree ended",
            Self::SignedOut => "signed out",
        })
    }
}

impl Lease {
    pub(super) fn new(wanted: &Use<'_>, signed_in_at: Timestamp, now: Timestamp) -> Self {
        let (session, target) = (&wanted.request.session, &wanted.request.target);
        Self {
            id: name(&wanted.tree, (session, target), now),
            tree: wanted.tree.clone(),
            session: session.clone(),
            signed_in_at,
            target: target.clone(),
            runs: Vec::new(),
            program: None,
            pid: None,
            lanes: Vec::new(),
            connections: Vec::new(),
            deployment: wanted.request.deployment.clone(),
            dags: Vec::new(),
            audience: None,
            scopes: None,
            since: now,
            last: now,
            times: 0,
            issued: 0,
            tokens: Vec::new(),
            ended: None,
            is_over: false,
        }
    }

    pub(super) fn is_on(&self, session: &SessionKey, target: &Target) -> bool {
        self.session == *session && self.target == *target
    }

    /// When the last of its tokens ends.
    pub fn until(&self) -> Timestamp {
        self.tokens.iter().map(|token| token.expires_at).max().unwrap_or(self.last)
    }

    /// Does more leave by it?
    pub fn holds(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.until()
    }

    /// May a token of it still be good, whatever became of the lease?
    pub fn is_outstanding(&self, now: Timestamp) -> bool {
        now < self.until()
    }

    pub fn is_revoked(&self) -> bool {
        matches!(&self.ended, Some(End { why: Why::Revoked(_), .. }))
    }

    /// Does it stand for a no, be it to a DAG alone?
    pub(super) fn says_no(&self) -> bool {
        self.is_revoked() || self.dags.iter().any(|one| one.ended.is_some())
    }

    /// A no of an earlier sign-in is none of this one's. Who leaves out which DAG it is gets no further than
    /// the DAG that it was taken back from.
    pub(super) fn refuses(
        &self,
        dag: Option<&str>,
        signed_in_at: Option<Timestamp>,
    ) -> Option<&End> {
        if signed_in_at.is_some_and(|at| at != self.signed_in_at) {
            return None;
        }
        if self.is_revoked() {
            return self.ended.as_ref();
        }
        let mut own = self.dags.iter().filter(|one| dag.is_none_or(|dag| one.id == dag));
        own.find_map(|one| one.ended.as_ref())
    }

    /// One more token leaves by it.
    pub(super) fn renew(&mut self, wanted: &Use<'_>, cached: &Cached, now: Timestamp) {
        let caller = &wanted.principal.caller;
        self.last = now;
        self.times += 1;
        self.pid = caller.pid;
        if self.program != caller.executable {
            self.program.clone_from(&caller.executable);
        }
        if self.lanes != caller.lanes {
            self.lanes.clone_from(&caller.lanes);
        }
        add(&mut self.runs, wanted.run());
        add(&mut self.connections, wanted.request.connection.as_deref());
        if let Some(dag) = wanted.dag {
            self.serve(dag, wanted.task(), now);
        }
        let fingerprint = cached.fingerprint.short();
        if self.tokens.last().is_some_and(|last| last.fingerprint == fingerprint && !last.earlier) {
            return;
        }
        self.tokens.retain(|token| token.fingerprint != fingerprint && now < token.expires_at);
        if self.tokens.len() >= MOST_TOKENS {
            self.tokens.remove(0);
        }
        let expires_at = cached.set.expires_at;
        let fingerprint = fingerprint.to_owned();
        self.tokens.push(Token { fingerprint, expires_at, told: false, earlier: false });
        self.issued += 1;
        self.audience.clone_from(&cached.set.audience);
        self.scopes = cached.set.scope.clone().or_else(|| self.target.scopes.clone());
    }

    pub(super) fn serve(&mut self, dag: &str, task: Option<&str>, now: Timestamp) {
        if let Some(known) = self.dags.iter_mut().find(|one| one.id == dag) {
            known.last = now;
            if known.task.as_deref() != task {
                known.task = task.map(str::to_owned);
            }
            return;
        }
        if self.dags.len() >= MOST_NAMES {
            // What was taken back stays longest.
            let quiet =
                self.dags.iter().enumerate().min_by_key(|(_, one)| (one.ended.is_some(), one.last));
            if let Some(at) = quiet.map(|(at, _)| at) {
                self.dags.remove(at);
            }
        }
        let task = task.map(str::to_owned);
        self.dags.push(Dag { id: dag.to_owned(), task, last: now, ended: None });
    }

    /// Does one of its own sign-in have that fingerprint, in full or as the ledger has it?
    pub(super) fn has_token(&self, fingerprint: &str) -> bool {
        let short = short(fingerprint);
        self.tokens.iter().any(|token| token.fingerprint == short && !token.earlier)
    }

    /// That token was found, or is taken back: `true` the first time. And when it ends.
    pub(super) fn tell(&mut self, fingerprint: &str) -> (bool, Option<Timestamp>) {
        let token = self.tokens.iter_mut().find(|token| token.fingerprint == short(fingerprint));
        token.map_or((false, None), |token| {
            (!std::mem::replace(&mut token.told, true), Some(token.expires_at))
        })
    }

    /// What is taken back is so under the sign-in that is served now, also where its tree has asked for nothing
    /// since; what an earlier one said no to is open in this one.
    pub(super) fn comes_under(&mut self, signed_in_at: Timestamp) {
        if self.signed_in_at != signed_in_at {
            self.signed_in_at = signed_in_at;
            self.dags.iter_mut().for_each(|dag| dag.ended = None);
        }
    }

    /// The first end is its end.
    pub(super) fn end(&mut self, why: Why, at: Timestamp) -> bool {
        let ends = self.ended.is_none();
        if ends {
            self.ended = Some(End { why, at });
        }
        ends
    }
}

/// The digits of a fingerprint that the ledger has.
pub(super) fn short(fingerprint: &str) -> &str {
    fingerprint.get(..16).unwrap_or(fingerprint)
}

fn add(names: &mut Vec<String>, name: Option<&str>) {
    let Some(name) = name.filter(|name| !names.iter().any(|known| known == name)) else { return };
    if names.len() >= MOST_NAMES {
        names.remove(0);
    }
    names.push(name.to_owned());
}

/// Nobody has to guess it, and nobody gets anything by it.
fn name(tree: &Tree, on: (&SessionKey, &Target), now: Timestamp) -> Arc<str> {
    let digest = Sha256::digest(format!("{tree:?} {on:?} {}", now.as_millis()).as_bytes());
    let digits: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("ls-{digits}").into()
}
