//! The machine's sleep and its end, where the system tells of them beforehand: what is on the record is
//! made durable before either, and after waking the clockwork looks at once. Decides what happens then;
//! `power/` hears it in each system's own way. A system that tells nothing costs nothing: the scheduler
//! sees a sleep by the wall clock, and a signal ends us as ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::ledger::{Ledger, Sealer};
use crate::task_runs::TaskRuns;
use crate::tasks::Tasks;
use crate::witness::Observer;

#[cfg_attr(target_os = "linux", path = "power/login1.rs")]
#[cfg_attr(not(target_os = "linux"), path = "power/untold.rs")]
mod here;

/// What the system says is about to happen, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is told there"))]
enum Told {
    /// It waits for us no longer than that.
    Sleeps {
        within: Duration,
    },
    Woke,
    ShutsDown,
}

/// Who has something to do then.
pub(crate) struct Power {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) witness: Arc<Observer>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) runs: Arc<TaskRuns>,
    /// Told after waking.
    pub(crate) woke: Arc<Notify>,
    /// Told when the machine goes down.
    pub(crate) stop: Arc<Notify>,
    /// What is on its way lands before the machine sleeps, as far as that waits; nothing new begins.
    pub(crate) tasks: Tasks,
    pub(crate) runtime: Handle,
}

impl Power {
    /// Listens until the process ends, on a thread of its own.
    pub(crate) fn watch(self) {
        here::watch(move |told| self.hear(told));
    }

    /// Returns once it is done: the system waits for that, for a few seconds.
    fn hear(&self, told: Told) {
        tracing::info!(?told, "the system says");
        match told {
            Told::Sleeps { within } => {
                self.tasks.rest();
                let left = self.runtime.block_on(self.tasks.drained(within));
                if left > 0 {
                    tracing::warn!(left, "the machine sleeps while Ping still owes an answer");
                }
                self.keep();
            }
            Told::Woke => {
                self.tasks.go_on();
                self.woke.notify_one();
            }
            Told::ShutsDown => {
                self.keep();
                self.stop.notify_one();
            }
        }
    }

    fn keep(&self) {
        // What is counted is in memory alone.
        self.witness.flush(true);
        match self.ledger.synced() {
            Ok(synced) => tracing::debug!(synced.seq, synced.bytes, "the record is on disk"),
            Err(error) => tracing::error!(%error, "the record may not be on disk"),
        }
        self.runs.keep();
        self.sealer.close();
    }
}
