//! The seat of another engine behind our own rules: it may only narrow what they permit.

use std::sync::Arc;
use std::time::Duration;

use super::facts::{Declared, Verified};
use super::{Action, Resource};
use crate::principal::Principal;
use crate::time::Timestamp;

/// Judges what the built-in rules have permitted. Blocks on nothing but what the system says of a process.
pub trait Authorizer: Send + Sync {
    /// Is there anything to judge by? Where not, no fact is looked up for it.
    fn is_in_force(&self) -> bool;
    fn judge(&self, question: &Question<'_>) -> Verdict;
}

/// All that a rule can be about. What costs something to find out is found out when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub principal: &'a Principal,
    pub action: Action,
    pub resource: &'a Resource<'a>,
    pub now: Timestamp,
    /// Of the session that the resource names, where somebody is signed in.
    pub signed_in: Option<&'a SignedIn>,
}

impl<'a> Question<'a> {
    pub fn verified(&self) -> Arc<Verified> {
        self.principal.process.facts()
    }

    pub fn declared(&self) -> Declared<'a> {
        Declared(&self.principal.caller.context)
    }
}

/// Of a sign-in, what a rule may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedIn {
    /// Which sign-in: one at a time has a session.
    pub at: Timestamp,
    /// Since the person proved who they are.
    pub age: Duration,
    pub groups: Vec<String>,
}

/// What a judgement rests on, for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// SHA-256 of the policies in force, first 16 digits; `None` where there is none.
    pub policy: Option<Arc<str>>,
    /// The `@id`s of the rules that decided.
    pub rules: Vec<String>,
    /// The approval that it was permitted by, by its public name.
    pub approval: Option<Arc<str>>,
}

/// The engine's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Permit(Basis),
    /// Permitted as soon as a person approves.
    Ask(Basis),
    Deny(Basis, String),
}

/// Where there is no policy: what the built-in rules permit is permitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPolicy;

impl Authorizer for NoPolicy {
    fn is_in_force(&self) -> bool {
        false
    }

    fn judge(&self, _: &Question<'_>) -> Verdict {
        Verdict::Permit(Basis::default())
    }
}
