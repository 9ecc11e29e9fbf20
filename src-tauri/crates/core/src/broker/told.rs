//! How what was judged stands on the record: one line for a request, with what it rests on.

use std::time::Duration;

use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::policy::engine::{Basis, SignedIn};
use crate::policy::{About as _, Action, Denied, Resource, Weight};
use crate::principal::Principal;
use crate::request::{Caller, SessionKey, TokenRequest};
use crate::time::Timestamp;

impl Broker {
    /// Whose sign-in a policy judges by.
    pub(super) fn sign_in_of(&self, key: &SessionKey, now: Timestamp) -> Option<SignedIn> {
        let session = self.session_of(key).ok()?;
        let (last, kind) = (session.last()?, session.profile().kind);
        // A client proves itself anew for each token.
        let age = match kind.signs_in() {
            true => last.proven_at().until(now),
            false => Duration::ZERO,
        };
        let groups = last.identity.as_ref().map(|who| who.groups.clone()).unwrap_or_default();
        Some(SignedIn { at: last.signed_in_at, age, groups })
    }
}

/// A request that was permitted, and who asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) action: Action,
    pub(super) request: &'a TokenRequest,
    pub(super) caller: &'a Caller,
    pub(super) basis: &'a Basis,
    /// Of which sign-in a policy judged it.
    pub(super) of: Option<Timestamp>,
}

impl<'a> Asked<'a> {
    /// Before it is known what it comes to.
    pub(super) fn permitted(self) -> Record<'a> {
        self.record(Event::Decision, Outcome::Ok)
    }

    /// What it came to, where that is nothing.
    pub(super) fn unserved(self, principal: &Principal, refusal: &'a Refusal) -> Record<'a> {
        let outcome = if refusal.code.denies() { Outcome::Denied } else { Outcome::Failed };
        let mut record = self.record(Event::Issue, outcome);
        record.program = principal.process.digest();
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        record
    }

    pub(super) fn record(self, event: Event, outcome: Outcome) -> Record<'a> {
        let resource = self.request.resource();
        let mut record = Record::new(event, outcome, self.caller);
        name(&mut record, self.action, &resource);
        rest(&mut record, self.basis);
        record
    }
}

pub(super) fn decision<'a>(
    caller: &'a Caller,
    action: Action,
    resource: &Resource<'a>,
    judged: Result<&'a Basis, &'a Denied>,
) -> Record<'a> {
    let denied = judged.err();
    let asked = denied.is_some_and(|denied| denied.code() == ErrorCode::ApprovalPending);
    let event = if asked { Event::ApprovalAsked } else { Event::Decision };
    let outcome = if denied.is_some() && !asked { Outcome::Denied } else { Outcome::Ok };
    let mut record = Record::new(event, outcome, caller);
    name(&mut record, action, resource);
    record.error = denied.filter(|_| !asked).map(|denied| denied.code().as_str());
    record.reason = denied.map(|denied| denied.reason.as_str());
    rest(&mut record, judged.unwrap_or_else(|denied| &denied.basis));
    record
}

/// Of who does something, and of who may not. No program is read for a look.
pub(super) fn program(principal: &Principal, action: Action, denied: bool) -> Option<String> {
    let counts = denied || action.weight() == Weight::Deed;
    counts.then(|| principal.process.digest()).flatten()
}

/// By which policy, and by which of its rules.
fn rest<'a>(record: &mut Record<'a>, basis: &'a Basis) {
    record.policy = basis.policy.as_deref();
    record.rules = &basis.rules;
    record.approval = basis.approval.as_deref();
}

/// What was asked for.
fn name<'a>(record: &mut Record<'a>, action: Action, resource: &Resource<'a>) {
    record.action = Some(action);
    record.session = resource.session;
    record.connection = resource.connection;
    record.deployment = resource.deployment;
    record.env = resource.env;
    record.scopes = resource.scopes;
    record.resource = resource.resource;
    record.run_id = resource.run_id;
    record.through = resource.through;
}
