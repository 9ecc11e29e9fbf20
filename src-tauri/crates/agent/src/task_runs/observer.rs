//! The witness that the broker sees: the ledger, and behind it the note of what was served. What
//! the ledger would not take was not served.

use std::sync::Arc;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::ports::{Witness, WitnessFailure};

use super::TaskRuns;
use crate::ledger::Ledger;

pub(crate) struct Observer {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) runs: Arc<TaskRuns>,
}

impl Witness for Observer {
    fn record(&self, record: &Record<'_>) -> Result<(), WitnessFailure> {
        self.ledger.record(record)?;
        if record.event == Event::Issue && record.outcome == Outcome::Ok {
            self.runs.served(record);
        }
        Ok(())
    }
}
