//! What goes on the record, before anything leaves. How a line of it looks is the ledger's own: it gives
//! each record its sequence, time and the hash of the line before.

use crate::policy::Action;
use crate::profile::Scopes;
use crate::request::{Caller, SessionKey, Through};
use crate::runs::{RunKind, Tie};
use crate::time::Timestamp;
use crate::token::{GivenBy, Person, Stated};

/// One event with all that is known of it. Never a token: its fingerprint alone.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    pub event: Event,
    pub outcome: Outcome,
    pub session: Option<&'a SessionKey>,
    pub caller: &'a Caller,
    /// Of a token, a deed and a denial: SHA-256 of the program that the caller runs, where the system shows it.
    pub program: Option<String>,
    /// Of a decision: what was asked for.
    pub action: Option<Action>,
    /// Whose sign-in it is.
    pub person: Option<&'a Person>,
    pub connection: Option<&'a str>,
    /// The Airflow deployment, by its name in the config.
    pub deployment: Option<&'a str>,
    /// The environment that the connection was looked up in.
    pub env: Option<&'a str>,
    pub scopes: Option<&'a Scopes>,
    /// RFC 8707, as it was asked for.
    pub resource: Option<&'a str>,
    /// Of a run that is begun or ended: its capability's public name.
    pub run_id: Option<&'a str>,
    /// Of a request that the agent sends on: to which upstream, and what.
    pub through: Option<&'a Through>,
    /// `aud` of the token where it can be seen.
    pub audience: Option<&'a [String]>,
    /// SHA-256 of the token, first 16 digits.
    pub fingerprint: Option<&'a str>,
    /// Fingerprint of the token it was exchanged for.
    pub assertion: Option<&'a str>,
    /// End of the token, epoch milliseconds.
    pub expires_at: Option<Timestamp>,
    /// Of an `issue`: where the token came from.
    pub served: Option<Served>,
    /// A standard's error code, where the outcome is not `ok`.
    pub error: Option<&'a str>,
    pub reason: Option<&'a str>,
    /// Of a decision by policy: SHA-256 of what was in force, first 16 digits.
    pub policy: Option<&'a str>,
    /// The `@id`s of the rules that decided.
    pub rules: &'a [String],
    /// The approval that was asked for, answered, or that it was permitted by: its public name.
    pub approval: Option<&'a str>,
    /// Of an answer that is not no: by whom the system had the person prove who they are, or `no`.
    pub re_authenticated: Option<&'a str>,
    /// Of a `refused`: which door was knocked at.
    pub door: Option<&'a str>,
    /// Where one line stands for many: how many, the first and the last of them (epoch milliseconds).
    pub count: Option<u64>,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// What Airflow's listener told.
    pub run: Option<RunNote<'a>>,
    /// Of a `sign-in`: what it rests on.
    pub proof: Option<ProofNote<'a>>,
}

/// What a sign-in rests on: what a genuine ID token states, and who gave it.
#[derive(Clone, Copy, Debug)]
pub struct ProofNote<'a> {
    /// `None` where no ID token came.
    pub stated: Option<&'a Stated>,
    pub given_by: Option<&'a GivenBy>,
}

/// A run or task of Airflow's, with the tokens that were served to it.
#[derive(Clone, Debug)]
pub struct RunNote<'a> {
    pub kind: RunKind,
    pub dag_id: &'a str,
    pub run_id: &'a str,
    pub task_id: &'a str,
    pub map_index: Option<u32>,
    pub try_number: Option<u32>,
    pub state: &'a str,
    /// As Airflow has it; in `dags test` the operating system's user.
    pub triggering_user: Option<&'a str>,
    /// The person whose sign-in the tokens come from: name, address or `sub`.
    pub signed_in_as: Option<&'a str>,
    pub tokens: &'a [Tie],
}

/// The ledger's word that a record is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub seq: u64,
    /// Of the line without its newline: SHA-256 over a zero byte and the line (RFC 6962 §2.1).
    pub leaf: [u8; 32],
}

impl<'a> Record<'a> {
    pub fn new(event: Event, outcome: Outcome, caller: &'a Caller) -> Self {
        Self {
            event,
            outcome,
            session: None,
            caller,
            program: None,
            action: None,
            person: None,
            connection: None,
            deployment: None,
            env: None,
            scopes: None,
            resource: None,
            run_id: None,
            through: None,
            audience: None,
            fingerprint: None,
            assertion: None,
            expires_at: None,
            served: None,
            error: None,
            reason: None,
            policy: None,
            rules: &[],
            approval: None,
            re_authenticated: None,
            door: None,
            count: None,
            first: None,
            last: None,
            run: None,
            proof: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    SignIn,
    /// A request was judged.
    Decision,
    /// A token is about to leave; `failed` where there was none to give.
    Issue,
    Refresh,
    SignOut,
    /// Airflow's listener told of a run or task.
    Run,
    /// A token that a sign-out left behind, or a deployment's JWT, was revoked or given up.
    Revocation,
    /// A door for containers, or for a far machine, was opened or closed.
    DoorOpened,
    DoorClosed,
    /// A deployment's JWT was asked for with Ping's token.
    Exchange,
    /// A request failed the guard or presented a capability that is not valid.
    Refused,
    /// The agent serves from here on, or does not any more.
    AgentStart,
    AgentStop,
    /// `config.toml` was changed by somebody else than the agent, and is in force; of one profile: where its
    /// tokens go, or by which way, is another from here on, whoever changed it.
    ConfigChange,
    /// The record before this line is gone, or the end of it: `seq` and `prev` go on where it ended.
    LedgerLost,
    /// Somebody else wrote to the record: what stands between our last line, which `prev` names, and this
    /// one is not ours.
    LedgerAltered,
    /// A witness cosigned another history of this record than the one that is here.
    LedgerForked,
    /// The record can be written again; `count` attempts to act in between were denied.
    LedgerMended,
    /// The record's first lines are about to be removed: `count` of all that were ever written.
    LedgerPruned,
    /// A pack of evidence was made of the record, and signed.
    Evidence,
    /// A rule asks for an approval, and a person was asked.
    ApprovalAsked,
    /// A person answered: `denied` where it was no, `failed` where the answer does not count.
    ApprovalAnswered,
    /// Nobody answered in time; asked for `count` times.
    ApprovalExpired,
    /// A person took an answer back.
    ApprovalRevoked,
    /// A token of ours lies in a file, and is handed out no more: `reason` is the place.
    TokenFound,
    /// What a process tree was handed out was taken back: nothing more leaves by it. What left before is good
    /// until `expires_at`, for whoever holds it.
    LeaseRevoked,
    /// What proves a client to its issuer was kept, made or forgotten on this machine: the reason says which.
    ClientCredential,
    /// Every session and every lease of this machine was ended; the reason says what became of them.
    SignOutEverywhere,
}

impl Event {
    /// The ledger's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Decision => "decision",
            Self::Issue => "issue",
            Self::Refresh => "refresh",
            Self::SignOut => "sign-out",
            Self::Run => "run",
            Self::Revocation => "revocation",
            Self::DoorOpened => "door-opened",
            Self::DoorClosed => "door-closed",
            Self::Exchange => "exchange",
            Self::Refused => "refused",
            Self::AgentStart => "agent-start",
            Self::AgentStop => "agent-stop",
            Self::ConfigChange => "config-change",
            Self::LedgerLost => "ledger-lost",
            Self::LedgerAltered => "ledger-altered",
            Self::LedgerForked => "ledger-forked",
            Self::LedgerMended => "ledger-mended",
            Self::LedgerPruned => "ledger-pruned",
            Self::Evidence => "evidence",
            Self::ApprovalAsked => "approval-asked",
            Self::ApprovalAnswered => "approval-answered",
            Self::ApprovalExpired => "approval-expired",
            Self::ApprovalRevoked => "approval-revoked",
            Self::TokenFound => "token-found",
            Self::LeaseRevoked => "lease-revoked",
            Self::ClientCredential => "client-credential",
            Self::SignOutEverywhere => "sign-out-everywhere",
        }
    }
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    Cache,
    /// Ping was asked, by this caller or by one who asked at the same time.
    Refresh,
    /// It was given for another token.
    Exchange,
}

impl Served {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Refresh => "refresh",
            Self::Exchange => "exchange",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Ok,
    Denied,
    Failed,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}
