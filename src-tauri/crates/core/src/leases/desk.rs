//! What a person does with leases: looks, and takes back. What ended is on the record, each by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{End, Lease, Leases, Why, run_of, tree_of};
use crate::approvals::Tree;
use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::policy::Action;
use crate::principal::{Kind, Mark, Principal};
use crate::refusals;
use crate::request::{Caller, SessionKey};
use crate::runs::{TaskKey, Tie};
use crate::session::Session;
use crate::time::Timestamp;

/// Those that hold, those that were taken back, and those of which a token may still be good; the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub leases: Vec<Lease>,
    /// How many more there were than there is room for.
    pub dropped: u64,
}

/// Which of them?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    Id(&'a str),
    /// What a DAG was served; others that use the same lease keep it.
    Dag(&'a str),
    Connection(&'a str),
    /// In full, or as the ledger has it.
    Fingerprint(&'a str),
}

/// One that was taken back.
#[derive(Clone, Debug)]
pub struct Revoked {
    pub lease: Lease,
    /// From that DAG alone: others use the same lease.
    pub dag: Option<String>,
}

/// Which are taken back, why, and when.
struct Told<'a> {
    which: Which<'a>,
    why: Why,
    now: Timestamp,
    /// Is nobody else served the same bytes either?
    bars: bool,
}

impl Told<'_> {
    fn take_back(&self, lease: &mut Lease) -> Revoked {
        let end = End { why: self.why.clone(), at: self.now };
        if let Which::Dag(id) = self.which
            && lease.dags.iter().any(|one| one.id != id && one.ended.is_none())
        {
            lease.dags.iter_mut().filter(|one| one.id == id).for_each(|one| {
                one.ended = Some(end.clone());
            });
            return Revoked { lease: lease.clone(), dag: Some(id.to_owned()) };
        }
        // Whose tree is over has nobody to say no to: it goes when its tokens have ended.
        if !lease.is_over {
            lease.ended = Some(end.clone());
        }
        Revoked { lease: Lease { ended: Some(end), ..lease.clone() }, dag: None }
    }
}

impl Which<'_> {
    fn finds(&self, lease: &Lease) -> bool {
        match self {
            Self::Id(id) => *lease.id == **id,
            Self::Dag(dag) => lease.dags.iter().any(|one| one.id == *dag && one.ended.is_none()),
            Self::Connection(id) => lease.connections.iter().any(|one| one == id),
            Self::Fingerprint(fingerprint) => lease.has_token(fingerprint),
        }
    }

    fn not_found(&self) -> Refusal {
        let what = match self {
            Self::Id(id) => format!("no lease `{id}` holds"),
            Self::Dag(dag) => format!("no lease of the DAG `{dag}` holds"),
            Self::Connection(id) => format!("no lease of the connection `{id}` holds"),
            Self::Fingerprint(_) => "no lease holds a token of that fingerprint".to_owned(),
        };
        Refusal::new(ErrorCode::NotFound, what).hint("`dagpass leases` shows those that do")
    }
}

impl Leases {
    /// Each that is found, unless it was taken back before. What has ended otherwise is none any more, but for
    /// bytes that turned up somewhere: those are no good in an ended one's hands either.
    fn revoke(
        &self,
        told: &Told<'_>,
        since: impl Fn(&SessionKey) -> Option<Timestamp>,
        may: impl Fn(&Lease) -> bool,
    ) -> Vec<Revoked> {
        let Told { which, now, .. } = *told;
        let mut revoked = Vec::new();
        let mut barred_until = None;
        let mut table = self.to_end();
        let found =
            |lease: &&mut Lease| lease.is_outstanding(now) && which.finds(lease) && may(lease);
        for lease in table.all_mut().filter(found) {
            let open = match which {
                Which::Fingerprint(fingerprint) => {
                    let (is_news, until) = lease.tell(fingerprint);
                    barred_until = barred_until.max(until);
                    is_news && !lease.is_revoked()
                }
                Which::Id(_) | Which::Dag(_) | Which::Connection(_) => lease.ended.is_none(),
            };
            if open {
                if let Some(at) = since(&lease.session) {
                    lease.comes_under(at);
                }
                revoked.push(told.take_back(lease));
            }
        }
        if let (Which::Fingerprint(fingerprint), true, Some(until)) =
            (which, told.bars, barred_until)
        {
            table.bar(fingerprint, until, now);
        }
        revoked
    }

    fn end_where(&self, why: &Why, now: Timestamp, which: impl Fn(&Lease) -> bool) -> usize {
        let mut table = self.to_end();
        table
            .all_mut()
            .filter(|lease| which(lease))
            .map(|lease| lease.end(why.clone(), now))
            .filter(|ended| *ended)
            .count()
    }
}

impl Broker {
    /// All that there is to see of it for this caller.
    pub fn leases(&self, principal: &Principal) -> Listed {
        let now = self.ports.clock.now();
        let is_past = |lease: &Lease| {
            self.known(&lease.session).is_some_and(|session| session.is_past(lease.signed_in_at))
        };
        let mut table = self.leases.table();
        // A no holds as long as its sign-in may be served.
        table.retain(|lease| lease.is_outstanding(now) || lease.says_no() && !is_past(lease));
        let seen = |lease: &&Lease| sees(principal, lease);
        let mut leases: Vec<Lease> = table.all().filter(seen).cloned().collect();
        leases.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Listed { leases, dropped: table.dropped }
    }

    /// From here on nothing leaves by them, neither what is on its way. What was handed out before is good to
    /// its own end, for whoever holds it.
    pub fn revoke_leases(
        &self,
        principal: &Principal,
        which: Which<'_>,
        word: &str,
    ) -> Result<Vec<Revoked>, Refusal> {
        // A run takes back what is its own, and from nobody else.
        let bars = !matches!(principal.kind, Kind::Run(_));
        let told = self.told(which, word, bars);
        let ended = self.end_leases(&principal.caller, &told, |lease| sees(principal, lease))?;
        if ended.is_empty() { Err(which.not_found()) } else { Ok(ended) }
    }

    /// Whoever's they are: a token of that fingerprint was found where it should not be. Nobody else is served
    /// the same bytes from here on. None where no lease knows it.
    pub fn end_leases_with(
        &self,
        fingerprint: &str,
        word: &str,
        caller: &Caller,
    ) -> Result<Vec<Revoked>, Refusal> {
        let told = self.told(Which::Fingerprint(fingerprint), word, true);
        if let Some(until) = self.drop_token(fingerprint) {
            self.leases.to_end().bar(fingerprint, until, told.now);
        }
        self.end_leases(caller, &told, |_| true)
    }

    fn told<'a>(&self, which: Which<'a>, word: &str, bars: bool) -> Told<'a> {
        Told { which, why: Why::Revoked(word.into()), now: self.ports.clock.now(), bars }
    }

    /// The next who asks gets other bytes.
    fn drop_token(&self, fingerprint: &str) -> Option<Timestamp> {
        self.all().iter().filter_map(|session| session.drop_token(fingerprint)).max()
    }

    /// Ended first: that it cannot be put on the record keeps nothing open.
    fn end_leases(
        &self,
        caller: &Caller,
        told: &Told<'_>,
        may: impl Fn(&Lease) -> bool,
    ) -> Result<Vec<Revoked>, Refusal> {
        let persons = |session: &Arc<Session>| session.profile().kind.signs_in();
        let since = |key: &SessionKey| self.known(key).filter(persons)?.since().at();
        let revoked = self.leases.revoke(told, since, may);
        if let (Which::Fingerprint(fingerprint), true, false) =
            (told.which, told.bars, revoked.is_empty())
        {
            self.drop_token(fingerprint);
        }
        let (word, mut recorded) = (told.why.to_string(), Ok(()));
        for one in &revoked {
            recorded = recorded.and(self.record(&record(caller, one, &word)));
        }
        recorded.map_err(|refusal| {
            let cause = refusal.cause.unwrap_or_default();
            refusals::not_recorded(&format!("revoked, and not on the record: {cause}"))
        })?;
        Ok(revoked)
    }

    /// Every lease at once, for a sign-out of all; how many held.
    pub fn end_all_leases(&self) -> usize {
        let now = self.ports.clock.now();
        self.leases.end_where(&Why::SignedOut, now, |lease| lease.is_outstanding(now))
    }

    /// Those of which a token may still be good.
    pub fn outstanding(&self, of: impl Fn(&SessionKey) -> bool) -> Vec<Lease> {
        let now = self.ports.clock.now();
        let table = self.leases.table();
        let good = |lease: &&Lease| lease.is_outstanding(now) && of(&lease.session);
        let mut all: Vec<Lease> = table.all().filter(good).cloned().collect();
        all.sort_by_key(|lease| std::cmp::Reverse(lease.until()));
        all
    }

    /// What a run was handed out ends with it; so does a door's, and who opens that again has it asked anew.
    pub fn end_leases_of(&self, id: &str) {
        let now = self.ports.clock.now();
        let mut table = self.leases.to_end();
        table.is_gone(id, self.leases.ends(), now);
        for lease in table.all_mut() {
            let is_its_own = matches!(&lease.tree, Tree::Door(name) if name == id);
            if is_its_own {
                lease.ended = Some(End { why: Why::RunEnded, at: now });
                lease.is_over = true;
                lease.dags.iter_mut().for_each(|dag| dag.ended = None);
            } else if !lease.runs.is_empty() && lease.runs.iter().all(|run| run == id) {
                lease.end(Why::RunEnded, now);
            }
        }
        table.retain(|lease| lease.is_outstanding(now) || lease.says_no());
    }

    /// The leaders of the process trees that leases are for; whoever sees that one has ended says so.
    pub fn lease_leaders(&self) -> Vec<Mark> {
        let table = self.leases.table();
        let leader = |lease: &Lease| match &lease.tree {
            Tree::Process(mark) => Some(*mark),
            Tree::Door(_) => None,
        };
        let mut marks: Vec<Mark> = table.all().filter_map(leader).collect();
        marks.sort_by_key(|mark| (mark.pid, mark.started_at));
        marks.dedup();
        marks
    }

    pub fn end_leases_of_trees(&self, gone: &[Mark]) {
        if gone.is_empty() {
            return;
        }
        let now = self.ports.clock.now();
        let is_gone =
            |lease: &Lease| matches!(&lease.tree, Tree::Process(mark) if gone.contains(mark));
        self.leases.end_where(&Why::TreeEnded, now, is_gone);
        let mut table = self.leases.table();
        table.all_mut().filter(|lease| is_gone(lease)).for_each(|lease| lease.is_over = true);
        table.retain(|lease| !is_gone(lease) || lease.is_outstanding(now));
    }

    /// Airflow's listener told which task was served these tokens, in the same process tree.
    pub fn tie_leases(&self, principal: &Principal, task: &TaskKey, ties: &[Tie]) {
        let tree = tree_of(principal);
        let now = self.ports.clock.now();
        for lease in self.leases.table().of_tree_mut(&tree) {
            let mut used = ties.iter().flat_map(|tie| &tie.tokens);
            if used.any(|used| lease.has_token(&used.fingerprint)) {
                lease.serve(&task.dag_id, Some(&task.task_id), now);
            }
        }
    }

    pub(crate) fn end_leases_of_session(&self, key: &SessionKey) {
        let now = self.ports.clock.now();
        self.leases.end_where(&Why::SignedOut, now, |lease| lease.session == *key);
    }

    /// All of that session but what these runs were handed out, which go on.
    pub(crate) fn end_leases_but_of(&self, runs: &BTreeSet<String>, key: &SessionKey) {
        let now = self.ports.clock.now();
        let goes_on = |lease: &Lease| matches!(&lease.tree, Tree::Door(run) if runs.contains(run));
        self.leases
            .end_where(&Why::SignedOut, now, |lease| lease.session == *key && !goes_on(lease));
    }
}

/// The person sees all; a run its own, and one within another what it alone was handed out.
fn sees(principal: &Principal, lease: &Lease) -> bool {
    match &principal.kind {
        Kind::Owner | Kind::Relay | Kind::Agent => true,
        Kind::Run(_) if principal.root.is_none() => tree_of(principal) == lease.tree,
        Kind::Run(_) => {
            let own = run_of(principal);
            tree_of(principal) == lease.tree
                && lease.runs.iter().all(|run| Some(run.as_str()) == own)
        }
        Kind::Container(_) | Kind::Forwarded(_) => false,
    }
}

fn record<'a>(caller: &'a Caller, one: &'a Revoked, word: &'a str) -> Record<'a> {
    let lease = &one.lease;
    let mut record = Record::new(Event::LeaseRevoked, Outcome::Ok, caller);
    record.action = Some(Action::RevokeLease);
    record.session = Some(&lease.session);
    record.connection = lease.connections.first().map(String::as_str);
    record.deployment = lease.deployment.as_deref();
    record.scopes = lease.scopes.as_ref();
    record.resource = lease.target.resource.as_deref();
    record.audience = lease.audience.as_deref();
    record.fingerprint = lease.tokens.last().map(|token| token.fingerprint.as_str());
    record.expires_at = Some(lease.until());
    record.run_id = lease.runs.first().map(String::as_str);
    record.reason = Some(word);
    record
}
