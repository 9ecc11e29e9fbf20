//! Who may do what: the one place that decides. Facts and answer are values, so that another engine may
//! take this seat; nothing is looked up in here.

mod action;
pub mod engine;
pub mod facts;

pub use action::{Action, Rights, Weight};

use self::engine::{Authorizer, Basis, Question, SignedIn, Verdict};
use crate::approvals::{Approvals, Awaited};
use crate::error::{ErrorCode, Refusal};
use crate::principal::{Kind, Principal};
use crate::profile::{ProfileName, Scopes};
use crate::request::{Reach, SessionKey, Through, TokenRequest};
use crate::time::Timestamp;

/// What an action is about, as far as it is about anything. Nothing is open-ended any more: the names
/// have been looked up, and the scopes are those that would be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    pub profile: Option<&'a ProfileName>,
    /// Whose grant it comes from; its profile is `profile`.
    pub session: Option<&'a SessionKey>,
    pub connection: Option<&'a str>,
    pub deployment: Option<&'a str>,
    /// As it was asked for: held against the caller's own, and recorded.
    pub env: Option<&'a str>,
    /// Of the table that was found, which the caller has no word in.
    pub table_env: Option<&'a str>,
    /// `None` is the whole grant.
    pub scopes: Option<&'a Scopes>,
    /// RFC 8707.
    pub resource: Option<&'a str>,
    pub reach: Option<Reach>,
    /// Of a run that is named: is it the caller's own, or one that it began?
    pub run: Option<Kinship>,
    pub run_id: Option<&'a str>,
    /// The request that goes to an upstream.
    pub through: Option<&'a Through>,
}

/// Whose a run is, seen from the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    Own,
    Stranger,
}

/// Something that a decision can be about.
pub trait About {
    fn resource(&self) -> Resource<'_>;

    /// What is done with the permit puts the decision on the record, with what it came to. A denial is
    /// recorded by whoever judged.
    fn is_told_by_its_deed(&self) -> bool {
        false
    }
}

impl About for Resource<'_> {
    fn resource(&self) -> Resource<'_> {
        *self
    }
}

impl About for TokenRequest {
    fn resource(&self) -> Resource<'_> {
        Resource {
            profile: Some(&self.session.profile),
            session: Some(&self.session),
            connection: self.connection.as_deref(),
            deployment: self.deployment.as_deref(),
            env: self.env.as_deref(),
            table_env: self.table_env.as_deref(),
            scopes: self.target.scopes.as_ref(),
            resource: self.target.resource.as_deref(),
            reach: Some(self.reach),
            run: None,
            run_id: None,
            through: self.through.as_ref(),
        }
    }

    fn is_told_by_its_deed(&self) -> bool {
        true
    }
}

/// Proof that this was judged, and what was. Made here and nowhere else; spent by what is done with it.
#[derive(Debug)]
#[must_use]
pub struct Permit<T> {
    action: Action,
    about: T,
    basis: Basis,
    of: Option<Timestamp>,
}

impl<T: About> Permit<T> {
    /// What is told by its deed alone is not spent by this.
    pub fn spend(self) -> T {
        debug_assert!(!self.about.is_told_by_its_deed(), "nobody would be told of it");
        self.about
    }

    /// With what it was given for, where that is not on the record yet.
    pub(crate) fn spend_untold(self) -> (Action, T, Basis) {
        (self.action, self.about, self.basis)
    }

    /// Of which sign-in a policy judged: another's is not served by it.
    pub(crate) fn sign_in(&self) -> Option<Timestamp> {
        self.of
    }
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub reason: String,
    /// The policy that said so, where it was not a rule of our own.
    pub basis: Basis,
    /// Where it is a person that has to say yes, or said no.
    pub approval: Option<Awaited>,
}

impl Denied {
    pub fn code(&self) -> ErrorCode {
        match self.approval {
            None => ErrorCode::AccessDenied,
            Some(Awaited::Asked { .. }) => ErrorCode::ApprovalPending,
            Some(Awaited::Refused { .. }) => ErrorCode::ApprovalRefused,
        }
    }

    /// A question that stands is one line on the record, however often the same is asked for meanwhile.
    fn is_told_already(&self) -> bool {
        matches!(self.approval, Some(Awaited::Asked { is_new: false, .. }))
    }
}

/// Who judges behind the built-in rules, and what of the world they see.
pub(crate) struct Bench<'a> {
    pub(crate) engine: &'a dyn Authorizer,
    pub(crate) approvals: &'a Approvals,
    pub(crate) now: Timestamp,
    pub(crate) signed_in: Option<SignedIn>,
}

impl Bench<'_> {
    fn judge(
        &self,
        principal: &Principal,
        action: Action,
        resource: &Resource<'_>,
    ) -> Result<Basis, Denied> {
        judge(principal, action, resource)?;
        if matches!(action, Action::WriteConfig | Action::BreakGlass) {
            self.approvals.lets_widen(principal, action, self.now)?;
        }
        if action.is_outside_policy() || !self.engine.is_in_force() {
            return Ok(Basis::default());
        }
        let (now, signed_in) = (self.now, self.signed_in.as_ref());
        let question = Question { principal, action, resource, now, signed_in };
        match self.engine.judge(&question) {
            Verdict::Permit(basis) => Ok(basis),
            // A person's word on what a rule asks for: no rule asks for another one first.
            Verdict::Ask(basis) if action == Action::Approve => Ok(basis),
            Verdict::Ask(basis) => self.approvals.settle(&question, basis),
            Verdict::Deny(basis, reason) => Err(Denied { reason, basis, approval: None }),
        }
    }

    /// A question that is not on the record is none.
    fn untold(&self, judged: &Result<Basis, Denied>) {
        if let Err(Denied { approval: Some(Awaited::Asked { id, .. }), .. }) = judged {
            self.approvals.unask(id);
        }
    }
}

/// May it? The answer goes on the record first, or with its deed: there is no permit that nobody is told of.
/// It carries what was judged, so that nothing else can be done with it.
pub(crate) fn authorize<T: About, E: From<Denied>>(
    bench: &Bench<'_>,
    principal: &Principal,
    (action, about): (Action, T),
    tell: impl FnOnce(&Resource<'_>, Result<&Basis, &Denied>) -> Result<(), E>,
) -> Result<Permit<T>, E> {
    let resource = about.resource();
    let judged = bench.judge(principal, action, &resource);
    let told = judged.as_ref().err().is_some_and(Denied::is_told_already);
    if (judged.is_err() && !told) || (judged.is_ok() && !about.is_told_by_its_deed()) {
        tell(&resource, judged.as_ref()).inspect_err(|_| bench.untold(&judged))?;
    }
    let basis = judged?;
    Ok(Permit { action, about, basis, of: bench.signed_in.as_ref().map(|it| it.at) })
}

/// The rules, in order. What is absent from the resource is not judged.
fn judge(principal: &Principal, action: Action, resource: &Resource<'_>) -> Result<(), Denied> {
    if !principal.rights.include(action) {
        return denied("this capability does not open this route");
    }
    if !principal.may(action) {
        return denied(format!("{} asks for tokens, and does nothing else", principal.lane.told()));
    }
    if action == Action::BreakGlass && !principal.is_at_hand() {
        return denied("only the owner at the agent's own machine switches the policy off");
    }
    if action == Action::PruneLedger && !principal.is_at_hand() {
        return denied("only the owner at the agent's own machine prunes the ledger");
    }
    environment(principal, resource.env)?;
    let ends_its_own = matches!(principal.kind, Kind::Run(_)) || !principal.lane.is_free();
    if ends_its_own && resource.run == Some(Kinship::Stranger) {
        return denied("a run ends itself and those that it began, and no other");
    }
    let Some(profile) = resource.profile else { return Ok(()) };
    let narrowing = &principal.narrowing;
    if !narrowing.covers_profile(profile) {
        return denied(format!("this capability does not cover the profile `{profile}`"));
    }
    if !narrowing.covers_connection(resource.connection) {
        return denied(match resource.connection {
            Some(id) => format!("this capability does not cover the connection `{id}`"),
            None => "this capability covers named connections alone".to_owned(),
        });
    }
    if !narrowing.is_everything() && resource.reach == Some(Reach::Beyond) {
        return denied("this capability asks for no more than the config names for it");
    }
    Ok(())
}

/// The environment that is meant: the one asked for, else the capability's own. A capability that has
/// one takes no other.
pub fn environment(principal: &Principal, asked: Option<&str>) -> Result<Option<String>, Denied> {
    match (principal.env.as_deref(), asked) {
        (Some(own), Some(other)) if own != other => {
            denied(format!("this capability is for the environment `{own}` and no other"))
        }
        (own, asked) => Ok(asked.or(own).map(str::to_owned)),
    }
}

/// Is this among what the caller is shown? By our own rules alone, also where a policy is in force: names are
/// no secret of the owner's, and what a rule closes now it may open in an hour, or once a person approves.
pub fn sees(principal: &Principal, action: Action, resource: &Resource<'_>) -> bool {
    judge(principal, action, resource).is_ok()
}

fn denied<T>(reason: impl Into<String>) -> Result<T, Denied> {
    Err(Denied { reason: reason.into(), basis: Basis::default(), approval: None })
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let code = denied.code();
        match denied.approval {
            None => Self::new(code, "the request was denied").because(denied.reason),
            Some(awaited) => awaited.refusal(code).because(denied.reason),
        }
    }
}

#[cfg(test)]
mod tests;
