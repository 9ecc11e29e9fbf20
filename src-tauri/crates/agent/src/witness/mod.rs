//! The witness that the broker and the doors see: decisions that are many become one line (who was turned
//! away at a door before that is counted there, `local_api/turned_away.rs`), then comes the ledger,
//! and behind it the note of what was served. What the ledger would not take was not served.

mod fold;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::audit::{Event, Outcome, Receipt, Record};
use dagpass_core::policy::Weight;
use dagpass_core::ports::{Clock, Witness, WitnessFailure};
use dagpass_core::request::{Caller, Transport};

use crate::ledger::Ledger;
use crate::task_runs::TaskRuns;
use fold::{Fold, Folded};

pub(crate) struct Observer {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) runs: Arc<TaskRuns>,
    clock: Arc<dyn Clock>,
    fold: Mutex<Fold>,
}

impl Observer {
    pub(crate) fn new(ledger: Arc<Ledger>, runs: Arc<TaskRuns>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, runs, clock, fold: Mutex::default() }
    }

    /// Writes the lines that are due; `all` when the agent ends.
    pub(crate) fn flush(&self, all: bool) {
        let now = self.clock.now();
        let due = self.fold().due(now, all);
        for folded in due {
            if let Err(failure) = self.ledger.record(&folded.record()) {
                tracing::error!(%failure, "what was counted is not on the record");
                self.fold().put_back(folded);
            }
        }
    }

    /// What the agent itself did.
    pub(crate) fn note(&self, event: Event, what: &str) {
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        let mut record = Record::new(event, Outcome::Ok, &caller);
        record.reason = Some(what);
        if let Err(failure) = self.record(&record) {
            tracing::error!(?event, %failure, "not on the record");
        }
    }

    fn fold(&self) -> MutexGuard<'_, Fold> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How does this go on the record?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Line,
    /// The first at once, what follows within the span in one line.
    FirstThenCounted(Duration),
    /// In one line, at the end of the minute.
    Counted,
}

/// How long is counted who is denied or looks, before a line tells of it?
const MINUTE: Duration = Duration::from_secs(60);
/// And who asks in vain? A notice on the desktop may hang on it: what failed a minute ago and was mended
/// meanwhile fails anew.
const SHORTLY: Duration = Duration::from_secs(10);

fn way(record: &Record<'_>) -> Way {
    match (record.event, record.outcome, record.action) {
        (Event::Decision, Outcome::Denied, _) => Way::FirstThenCounted(MINUTE),
        (Event::Issue, Outcome::Denied | Outcome::Failed, _) => Way::FirstThenCounted(SHORTLY),
        (Event::Decision, Outcome::Ok, Some(action)) if action.weight() == Weight::Look => {
            Way::Counted
        }
        // Of these only what was not found: Airflow asks for every connection there is.
        (Event::Decision, Outcome::Failed, Some(action)) if action.weight() == Weight::Named => {
            Way::Counted
        }
        _ => Way::Line,
    }
}

impl Witness for Observer {
    fn record(&self, record: &Record<'_>) -> Result<Option<Receipt>, WitnessFailure> {
        let way = way(record);
        if way != Way::Line {
            let counted = self.fold().count(Folded::of(record), self.clock.now(), way);
            if counted {
                return Ok(None);
            }
        }
        let receipt = self.ledger.record(record).inspect_err(|_| {
            // The first of many is not lost either: it is told with those that follow.
            if way != Way::Line {
                self.fold().owe(Folded::of(record), self.clock.now(), way);
            }
        })?;
        if record.event == Event::Issue && record.outcome == Outcome::Ok {
            self.runs.served(record);
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::policy::Action;

    #[test]
    fn looks_are_counted_denials_are_told_at_once_and_deeds_are_lines() {
        use Outcome::{Denied, Failed, Ok};
        for (event, outcome, action, expected) in [
            (Event::Decision, Ok, Some(Action::ShowStatus), Way::Counted),
            (Event::Decision, Denied, Some(Action::ShowStatus), Way::FirstThenCounted(MINUTE)),
            (Event::Decision, Ok, Some(Action::Token), Way::Line),
            (Event::Decision, Denied, Some(Action::Token), Way::FirstThenCounted(MINUTE)),
            (Event::Decision, Failed, Some(Action::Connection), Way::Counted),
            (Event::Decision, Ok, Some(Action::Stop), Way::Line),
            (Event::Decision, Failed, Some(Action::Unlock), Way::Line),
            (Event::Refused, Denied, None, Way::Line),
            (Event::Issue, Ok, None, Way::Line),
            (Event::Issue, Failed, None, Way::FirstThenCounted(SHORTLY)),
            (Event::Issue, Denied, Some(Action::Token), Way::FirstThenCounted(SHORTLY)),
        ] {
            let caller = Caller::default();
            let mut record = Record::new(event, outcome, &caller);
            record.action = action;
            assert_eq!(way(&record), expected, "{event:?} {outcome:?} {action:?}");
        }
    }
}
