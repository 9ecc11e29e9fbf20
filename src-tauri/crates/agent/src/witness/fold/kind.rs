//! What makes two records the same to whoever counts them, and the line that tells of them all.

use std::collections::BTreeMap;
use std::time::Duration;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::policy::Action;
use dagpass_core::request::{Caller, SessionKey, Through};
use dagpass_core::time::Timestamp;

/// What is counted together: all of it is the same but the time, the process, and how much was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::witness) struct Folded {
    pub(super) event: Event,
    outcome: Outcome,
    action: Option<Action>,
    caller: CallerKey,
    session: Option<SessionKey>,
    connection: Option<String>,
    deployment: Option<String>,
    env: Option<String>,
    run_id: Option<String>,
    through: Option<Through>,
    error: Option<String>,
    reason: Option<String>,
    policy: Option<String>,
    rules: Vec<String>,
    /// Not part of what is compared: set where it is told.
    pub(super) counted: Option<Counted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallerKey(Caller);

/// How many there were, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::witness) struct Counted {
    pub(super) count: u64,
    pub(super) span: Duration,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Folded {
    pub(in crate::witness) fn of(record: &Record<'_>) -> Self {
        let caller = record.caller;
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            event: record.event,
            outcome: record.outcome,
            action: record.action,
            caller: CallerKey(Caller {
                transport: caller.transport,
                uid: caller.uid,
                pid: None,
                executable: caller.executable.clone(),
                capability: caller.capability.clone(),
                remote: caller.remote,
                lanes: caller.lanes.clone(),
                // Whose task it was: of what is looked at nobody needs to know.
                context: match record.event {
                    Event::Issue => caller.context.clone(),
                    _ => BTreeMap::new(),
                },
            }),
            session: record.session.cloned(),
            connection: text(record.connection),
            deployment: text(record.deployment),
            env: text(record.env),
            run_id: text(record.run_id),
            through: record.through.cloned(),
            error: text(record.error),
            reason: text(record.reason),
            policy: text(record.policy),
            rules: record.rules.to_vec(),
            counted: None,
        }
    }

    /// The line that tells of them all.
    pub(in crate::witness) fn record(&self) -> Record<'_> {
        let mut record = Record::new(self.event, self.outcome, &self.caller.0);
        record.action = self.action;
        record.session = self.session.as_ref();
        record.connection = self.connection.as_deref();
        record.deployment = self.deployment.as_deref();
        record.env = self.env.as_deref();
        record.run_id = self.run_id.as_deref();
        record.through = self.through.as_ref();
        record.error = self.error.as_deref();
        record.reason = self.reason.as_deref();
        record.policy = self.policy.as_deref();
        record.rules = &self.rules;
        record.count = self.counted.map(|counted| counted.count);
        record.first = self.counted.map(|counted| counted.first);
        record.last = self.counted.map(|counted| counted.last);
        record
    }

    pub(super) fn with(self, counted: Option<Counted>) -> Self {
        Self { counted, ..self }
    }

    /// Somebody went away with nothing: the first has a line of its own.
    pub(super) fn is_refusal(&self) -> bool {
        self.outcome == Outcome::Denied || self.event == Event::Issue
    }

    /// Where there are too many kinds: by what was done alone.
    pub(super) fn anyones(self) -> Self {
        Self {
            event: self.event,
            outcome: self.outcome,
            action: self.action,
            caller: CallerKey(Caller::default()),
            session: None,
            connection: None,
            deployment: None,
            env: None,
            run_id: None,
            through: None,
            error: None,
            reason: None,
            policy: None,
            rules: Vec::new(),
            counted: self.counted,
        }
    }
}
