//! What a person does with questions and answers: looks, answers, takes back. Each is kept and on the
//! record before it is in force.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::answers::has_room;
use super::proven::Uncounted;
use super::{About, Answer, Asked, Desk, Given, PROVING, Proven, Standing, Waiting, judges};
use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::logout::Desk as Person;
use crate::policy::Action;
use crate::principal::Principal;
use crate::request::{Caller, SessionKey};
use crate::time::Timestamp;

/// The ledger's word for a yes that nobody proved to be the person's.
const NOT_PROVEN: &str = "no";
/// How much longer than the person is a question kept, for the answer to come back?
const MARGIN: Duration = Duration::from_secs(5);

/// All that there is, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub pending: Vec<Asked>,
    pub given: Vec<Given>,
    pub standing: Vec<Standing>,
}

/// An answer as it is given: which, when the day ends, and what the system says of the person.
#[derive(Clone, Debug)]
pub struct Spoken {
    pub answer: Answer,
    pub midnight: Timestamp,
    pub proven: Proven,
}

impl Broker {
    pub fn approvals(&self) -> Shown {
        let mut desk = self.approvals.desk();
        desk.tidy(self.ports.clock.now());
        Shown {
            pending: desk.pending.clone(),
            given: desk.given.clone(),
            standing: desk.standing.clone(),
        }
    }

    /// May this one answer it, as far as who it is goes?
    pub fn may_answer(&self, principal: &Principal, asked: &Asked) -> bool {
        judges(principal, &asked.about).is_ok()
    }

    /// May this one give that answer, as far as it can be told before the system is asked who it is? The
    /// question waits for as long as that may take.
    pub fn hold_approval(
        &self,
        principal: &Principal,
        id: &str,
        answer: Answer,
    ) -> Result<(), Refusal> {
        let now = self.ports.clock.now();
        let (asked, before) = self.asked(id, now)?;
        standing(&asked, &before, (principal, answer, now))?;
        let mut desk = self.approvals.desk();
        if let Some(asked) = desk.pending.iter_mut().find(|asked| &*asked.id == id) {
            asked.expires_at = asked.expires_at.max(now.plus(PROVING + MARGIN));
        }
        Ok(())
    }

    /// Until when it holds.
    pub fn answer_approval(
        &self,
        principal: &Principal,
        id: &str,
        spoken: &Spoken,
    ) -> Result<Timestamp, Refusal> {
        let Spoken { answer, midnight, proven } = spoken;
        let (approvals, answer) = (&self.approvals, *answer);
        let _one = approvals.answering.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.ports.clock.now();
        let (asked, before) = self.asked(id, now)?;
        let standing = standing(&asked, &before, (principal, answer, now))?;
        let until = answer.until(now, *midnight);
        let by = match proven.judge() {
            Ok(by) => by,
            Err(uncounted) => return Err(self.not_counted(principal, &asked, (answer, uncounted))),
        };
        if let Some(new) = &standing {
            let all: Vec<Standing> = before.iter().chain([new]).cloned().collect();
            approvals.book.0.keep(&all).map_err(not_kept)?;
        }
        let outcome = if answer == Answer::No { Outcome::Denied } else { Outcome::Ok };
        let told = self.tell_of(
            (Event::ApprovalAnswered, outcome),
            (&asked.id, &asked.about),
            Told {
                by: &principal.caller,
                reason: answer.as_str(),
                re_authenticated: (answer != Answer::No).then(|| by.unwrap_or(NOT_PROVEN)),
            },
        );
        if let Err(refusal) = told {
            if standing.is_some() && approvals.book.0.keep(&before).is_err() {
                approvals.desk().is_unkept = true;
            }
            return Err(refusal);
        }
        let mut desk = approvals.desk();
        match standing {
            Some(new) => desk.stands(&asked, new),
            None => desk.gives(asked, answer, (now, until)),
        }
        Ok(until)
    }

    /// The next request asks again.
    pub fn revoke_approval(&self, principal: &Principal, id: &str) -> Result<(), Refusal> {
        let approvals = &self.approvals;
        let _one = approvals.answering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = self.approvals();
        let caller = &principal.caller;
        let event = (Event::ApprovalRevoked, Outcome::Ok);
        if let Some(given) = shown.given.iter().find(|one| &*one.id == id) {
            if given.answer == Answer::No {
                judges(principal, &given.about).map_err(not_by_himself)?;
            }
            let told = Told { by: caller, reason: given.answer.as_str(), re_authenticated: None };
            self.tell_of(event, (&given.id, &given.about), told)?;
            approvals.desk().given.retain(|one| &*one.id != id);
            return Ok(());
        }
        let Some(gone) = shown.standing.iter().position(|one| &*one.id == id) else {
            return Err(not_found(id));
        };
        let gone = shown.standing.remove(gone);
        approvals.book.0.keep(&shown.standing).map_err(not_kept)?;
        approvals.desk().standing.retain(|one| one.id != gone.id);
        let mut record = Record::new(event.0, event.1, caller);
        let session = gone.subject.session.as_deref().map(SessionKey::of_account);
        record.session = session.as_ref();
        record.connection = gone.subject.connection.as_deref();
        record.rules = &gone.subject.rules;
        record.approval = Some(&gone.id);
        record.reason = Some(Answer::Always.as_str());
        self.record(&record)
    }

    /// What nobody answered goes on the record; are there any?
    pub fn expire_approvals(&self) -> bool {
        self.keep_what_stands();
        let expired = {
            let mut desk = self.approvals.desk();
            desk.tidy(self.ports.clock.now());
            std::mem::take(&mut desk.expired)
        };
        for asked in &expired {
            let event = (Event::ApprovalExpired, Outcome::Denied);
            let mut record = about(event, (&asked.id, &asked.about), &asked.about.caller);
            let session = asked.about.subject.session.as_deref().map(SessionKey::of_account);
            record.session = session.as_ref();
            record.count = Some(asked.times);
            match self.record(&record) {
                // Nothing was given: there is nothing to hold back where this cannot be written.
                Ok(()) | Err(_) => {}
            }
        }
        !expired.is_empty()
    }

    /// Where an answer stays behind that is none, what stands is kept anew until it succeeds.
    fn keep_what_stands(&self) {
        let approvals = &self.approvals;
        if !approvals.desk().is_unkept {
            return;
        }
        let _one = approvals.answering.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = approvals.desk().standing.clone();
        if approvals.book.0.keep(&standing).is_ok() {
            approvals.desk().is_unkept = false;
        }
    }

    /// What was answered for that run ends with it.
    pub fn end_approvals_of(&self, run: &str) {
        let mut desk = self.approvals.desk();
        desk.given.retain(|given| given.about.lane.as_deref() != Some(run));
        desk.pending.retain(|asked| asked.about.lane.as_deref() != Some(run));
    }

    /// Does one stand for as long as whoever gave it is there?
    pub fn has_approvals_for_today(&self) -> bool {
        self.approvals.desk().given.iter().any(Given::is_for_today)
    }

    /// Those for today end where whoever gave them has gone; did any?
    pub fn end_approvals_left(&self, person: &Person) -> bool {
        let now = self.ports.clock.now();
        let mut desk = self.approvals.desk();
        let before = desk.given.len();
        desk.given.retain(|given| !given.is_left(person, now));
        desk.given.len() < before
    }

    /// Those for today, about that session: whoever gave them has signed out. A run's goes on with the run.
    pub(crate) fn end_approvals_of_session(&self, key: &SessionKey) {
        let account = key.account();
        let is_its =
            |given: &Given| given.about.subject.session.as_deref() == Some(account.as_str());
        self.approvals.desk().given.retain(|given| !given.is_for_today() || !is_its(given));
    }

    fn tell_of(
        &self,
        event: (Event, Outcome),
        of: (&Arc<str>, &About),
        told: Told<'_>,
    ) -> Result<(), Refusal> {
        let mut record = about(event, of, told.by);
        let session = of.1.subject.session.as_deref().map(SessionKey::of_account);
        record.session = session.as_ref();
        record.reason = Some(told.reason);
        record.re_authenticated = told.re_authenticated;
        if event.1 == Outcome::Failed {
            record.error = Some(ErrorCode::AccessDenied.as_str());
        }
        self.record(&record)
    }

    fn asked(&self, id: &str, now: Timestamp) -> Result<(Asked, Vec<Standing>), Refusal> {
        let mut desk = self.approvals.desk();
        desk.tidy(now);
        let asked = desk.pending.iter().find(|asked| &*asked.id == id).cloned();
        Ok((asked.ok_or_else(|| not_found(id))?, desk.standing.clone()))
    }

    /// On the record, and said to whoever asks again: the question goes on waiting.
    fn not_counted(
        &self,
        principal: &Principal,
        asked: &Asked,
        (answer, uncounted): (Answer, Uncounted),
    ) -> Refusal {
        let reason = format!("{}: {}", answer.as_str(), uncounted.why);
        let told =
            Told { by: &principal.caller, reason: &reason, re_authenticated: Some(NOT_PROVEN) };
        let event = (Event::ApprovalAnswered, Outcome::Failed);
        if let Err(refusal) = self.tell_of(event, (&asked.id, &asked.about), told) {
            return refusal;
        }
        let mut desk = self.approvals.desk();
        if let Some(asked) = desk.pending.iter_mut().find(|one| one.id == asked.id) {
            asked.uncounted = Some(uncounted.why.as_str().into());
        }
        uncounted.into()
    }
}

/// Of an answer, for the record.
struct Told<'a> {
    by: &'a Caller,
    reason: &'a str,
    re_authenticated: Option<&'static str>,
}

impl Desk {
    fn stands(&mut self, asked: &Asked, new: Standing) {
        self.closes(asked);
        self.standing.push(new);
    }

    fn gives(&mut self, asked: Asked, answer: Answer, (given_at, until): (Timestamp, Timestamp)) {
        self.closes(&asked);
        let Asked { id, about, mut callers, .. } = asked;
        callers.retain(Waiting::runs);
        self.given.push(Given { id, about, answer, given_at, until, callers });
    }

    fn closes(&mut self, asked: &Asked) {
        self.pending.retain(|one| one.id != asked.id);
        self.silent.remove(&asked.about.tree);
    }
}

impl Asked {
    /// Can it be answered for always?
    pub fn can_stand(&self) -> bool {
        Standing::of(&self.about, self.id.clone(), self.asked_at).is_some()
    }
}

fn about<'a>(
    (event, outcome): (Event, Outcome),
    (id, about): (&'a Arc<str>, &'a About),
    by: &'a Caller,
) -> Record<'a> {
    let subject = &about.subject;
    let mut record = Record::new(event, outcome, by);
    record.action = Action::ALL.iter().copied().find(|one| one.as_str() == subject.action);
    record.connection = subject.connection.as_deref();
    record.deployment = subject.deployment.as_deref();
    record.env = subject.env.as_deref();
    record.resource = subject.resource.as_deref();
    record.policy = subject.policy.as_deref();
    record.rules = &subject.rules;
    record.approval = Some(id);
    record
}

/// Whose it is to give, and what would stand from then on.
fn standing(
    asked: &Asked,
    before: &[Standing],
    (principal, answer, now): (&Principal, Answer, Timestamp),
) -> Result<Option<Standing>, Refusal> {
    judges(principal, &asked.about).map_err(not_by_himself)?;
    match answer {
        Answer::Always => always(asked, before, now).map(Some),
        Answer::No | Answer::Once | Answer::Run | Answer::Today => Ok(None),
    }
}

fn always(asked: &Asked, before: &[Standing], now: Timestamp) -> Result<Standing, Refusal> {
    let what = "it cannot be approved for always";
    let refused = |why: &str| Refusal::new(ErrorCode::InvalidRequest, what).because(why);
    let new = Standing::of(&asked.about, asked.id.clone(), now).ok_or_else(|| {
        refused("the system does not show a program and a folder to hold it to")
            .hint("approve it for this run, or for today")
    })?;
    if has_room(before) {
        return Ok(new);
    }
    Err(refused("there are too many of them").hint("`dagpass approve list` shows them"))
}

fn not_found(id: &str) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("there is no approval `{id}`"))
        .because("it was answered, it expired, or there was none")
        .hint("`dagpass approve` shows what waits")
}

fn not_by_himself(why: &str) -> Refusal {
    Refusal::new(ErrorCode::AccessDenied, "nobody approves himself").because(why).hint(
        "answer in the tray or the window, or with `dagpass approve` in a terminal of its own",
    )
}

fn not_kept(why: String) -> Refusal {
    Refusal::new(ErrorCode::ServerError, "the answers that stand could not be kept").because(why)
}
