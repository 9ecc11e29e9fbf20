//! What an answer is good for: one process tree, one program, one thing that is asked for, and the rule
//! that asks. Whoever differs in any of it is a stranger and asks for himself.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lanes::Lane;
use crate::policy::Action;
use crate::policy::engine::{Basis, Question};
use crate::policy::facts::Verified;
use crate::principal::{Kind, Lineage, Mark, Principal};
use crate::request::Caller;

/// All of it but whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subject {
    /// `None` where the system does not show it.
    pub program: Option<Program>,
    /// The ledger's word; a token is a token, by whichever route.
    pub action: String,
    /// `prod`, or `prod/warehouse_api` with a sign-in of its own.
    pub session: Option<String>,
    pub connection: Option<String>,
    pub deployment: Option<String>,
    pub env: Option<String>,
    /// RFC 8707.
    pub resource: Option<String>,
    /// `None` is the whole grant.
    pub scopes: Option<String>,
    pub rules: Vec<String>,
    /// Of another policy the same rule may mean something else.
    pub policy: Option<String>,
    /// What is approved for a lane is for nobody outside of it, nor the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// By its name in the config: what is approved for one upstream goes to no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub path: PathBuf,
    pub sha256: Option<String>,
}

/// Who asks, as far as one answer reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tree {
    /// By the leader of its session.
    Process(Mark),
    /// By the run's capability; where nobody sees its process, by the way it came.
    Door(String),
}

impl Tree {
    /// `leader` is asked for where it is the system that shows a tree.
    pub(crate) fn of(principal: &Principal, leader: impl FnOnce() -> Option<Mark>) -> Self {
        match &principal.kind {
            // Whatever sessions a run's tasks lead: its capability is what holds it together.
            Kind::Container(_) | Kind::Forwarded(_) | Kind::Run(_) | Kind::Agent => {
                Self::Door(principal.name().to_owned())
            }
            Kind::Owner | Kind::Relay => leader().map_or_else(
                || Self::Door(principal.caller.transport.as_str().to_owned()),
                Self::Process,
            ),
        }
    }
}

/// A question, with all that a person judges it by.
#[derive(Clone, Debug)]
pub struct About {
    pub subject: Subject,
    pub tree: Tree,
    /// Of a tree with a capability of its own: the outermost run, or the relay.
    pub lane: Option<String>,
    /// `GET /v1/tables` of whoever asked first; an answer is good for any other to that upstream.
    pub request: Option<String>,
    pub caller: Caller,
    pub verified: Arc<Verified>,
    pub(super) lineage: Lineage,
    /// It runs in another system, behind a door of ours; or it is the agent itself.
    pub(super) is_beyond: bool,
}

impl About {
    pub(super) fn of(question: &Question<'_>, basis: &Basis) -> Self {
        let principal = question.principal;
        let (verified, lineage) = (question.verified(), principal.process.lineage());
        let tree = Tree::of(principal, || lineage.tree.last().copied());
        let is_beyond = match &principal.kind {
            Kind::Container(_) | Kind::Forwarded(_) => true,
            // Ahead of need, and at nobody's wish: whoever answers approves of nothing of his own.
            Kind::Agent => true,
            Kind::Owner | Kind::Relay | Kind::Run(_) => false,
        };
        let lane = match &principal.kind {
            Kind::Run(_) | Kind::Relay => Some(principal.name().to_owned()),
            Kind::Agent | Kind::Owner | Kind::Container(_) | Kind::Forwarded(_) => None,
        };
        Self {
            subject: Subject::of(question, basis, &verified),
            tree,
            lane,
            request: question
                .resource
                .through
                .map(|through| format!("{} {}", through.method, through.path)),
            caller: principal.caller.clone(),
            verified,
            lineage,
            is_beyond,
        }
    }

    /// Which process it is.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.lineage.tree.first().copied()
    }

    /// Does that program of that tree ask the same again? It meets the answer, whichever that is.
    pub(super) fn is_asked_again(&self, principal: &Principal, action: Action) -> bool {
        let leader = || principal.process.lineage().tree.last().copied();
        self.subject.action == word(action)
            && self.tree == Tree::of(principal, leader)
            && self.subject.program == program(&principal.process.facts(), &principal.caller)
    }

    /// Is one answer good for both?
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.tree == other.tree && self.lane == other.lane && self.subject == other.subject
    }
}

impl Subject {
    fn of(question: &Question<'_>, basis: &Basis, verified: &Verified) -> Self {
        let resource = question.resource;
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self {
            program: program(verified, &question.principal.caller),
            action: word(question.action).to_owned(),
            session: resource
                .session
                .map(|key| key.account())
                .or_else(|| resource.profile.map(ToString::to_string)),
            connection: own(resource.connection),
            deployment: own(resource.deployment),
            env: own(resource.env),
            resource: own(resource.resource),
            scopes: resource.scopes.map(ToString::to_string),
            rules: basis.rules.clone(),
            policy: basis.policy.as_deref().map(str::to_owned),
            lane: match &question.principal.lane {
                Lane::Free => None,
                Lane::In(_) | Lane::Each(_) => Some(question.principal.lane.names().join(" ")),
                Lane::Unseen(_) => Some(String::new()),
            },
            upstream: resource.through.map(|through| through.upstream.clone()),
        }
    }
}

fn program(verified: &Verified, caller: &Caller) -> Option<Program> {
    match (&verified.executable, &caller.executable) {
        (Some(found), _) => {
            Some(Program { path: found.path.clone(), sha256: found.sha256.clone() })
        }
        (None, Some(path)) => Some(Program { path: path.clone(), sha256: None }),
        (None, None) => None,
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Connection | Action::Try => Action::Token.as_str(),
        other => other.as_str(),
    }
}
