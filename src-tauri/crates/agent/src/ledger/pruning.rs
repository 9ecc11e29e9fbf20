//! Old lines are removed, by whole closed segments and never by rewriting one: only such whose lines are all old
//! enough and are what a checkpoint on disk was signed over, which the witnesses cosigned and a collector has,
//! where the config names any. First a line says so and is under a checkpoint itself; hashes and checkpoints stay.
//! Wherever this ends, what is left is a ledger that verifies.

mod plan;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dagpass_client::ledger::Segments;
use dagpass_client::wire::PruneReply;
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::ports::{Clock, Witness as _};
use dagpass_core::request::{Caller, Transport};
use dagpass_core::time::Timestamp;
use tokio::task::spawn_blocking;

use super::line::rfc3339;
use super::tiles::Step;
use super::{Ledger, Sealer};
use crate::config::ConfigFile;
use crate::keychain::KeychainStore;
use crate::system;
use plan::Plan;

/// How often are old lines looked for?
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// And where that came to nothing, or not to all?
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// By whose wish?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The config's.
    Retain,
    /// The caller's.
    Asked,
}

pub(crate) struct Pruning {
    config: Arc<ConfigFile>,
    ledger: Arc<Ledger>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    step: Step,
    /// One at a time; when it is looked again by itself.
    next: tokio::sync::Mutex<Option<Timestamp>>,
    /// Why lines that are too old are still here.
    kept: Mutex<Option<String>>,
}

impl std::fmt::Debug for Pruning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pruning")
    }
}

impl Pruning {
    pub(crate) fn new(
        config: Arc<ConfigFile>,
        ledger: Arc<Ledger>,
        sealer: Arc<Sealer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (step, next): (Step, _) = (Box::new(|_| Ok(())), tokio::sync::Mutex::default());
        Self { config, ledger, sealer, clock, step, next, kept: Mutex::default() }
    }

    #[cfg(test)]
    pub(super) fn stopped_by(self, step: Step) -> Self {
        Self { step, ..self }
    }

    /// Why lines that are older than the config keeps them are still here.
    pub(crate) fn kept(&self) -> Option<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Prunes what the config wishes, once a day. Called every second or two; costs nothing where it keeps lines
    /// for ever.
    pub(crate) async fn tend(self: &Arc<Self>, store: &KeychainStore) {
        let retain = self.config.current().retain;
        let now = self.clock.now();
        let Some(retain) = retain else {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return;
        };
        match self.next.try_lock() {
            // A clock that was set back holds nothing up.
            Ok(next) if next.is_some_and(|at| now < at && now.until(at) <= EVERY) => return,
            Ok(_) => {}
            Err(_) => return,
        }
        // An agent that has just begun asks no store by itself. It is looked once somebody has had it asked.
        if store.is_unasked() && self.sealer.is_keyless(store).await {
            return;
        }
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        let pruned = self.prune(now.minus(retain), Wish::Retain, &caller, store).await;
        let kept = match pruned {
            Ok(reply) => reply.kept,
            Err(why) => Some(why),
        };
        if let Some(why) = &kept {
            tracing::warn!(why, "old lines of the ledger are not pruned");
        }
        *self.next.lock().await = Some(now.plus(if kept.is_some() { AGAIN } else { EVERY }));
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// What would go.
    pub(crate) async fn planned(self: &Arc<Self>, before: Timestamp) -> Result<PruneReply, String> {
        let this = self.clone();
        let planned = spawn_blocking(move || this.plan(before)).await;
        let planned = planned.map_err(|ended| ended.to_string())?;
        Ok(planned.map_err(|error| error.to_string())?.told(before))
    }

    /// Says what went.
    pub(crate) async fn prune(
        self: &Arc<Self>,
        before: Timestamp,
        wish: Wish,
        caller: &Caller,
        store: &KeychainStore,
    ) -> Result<PruneReply, String> {
        let _alone = self.next.lock().await;
        let planned = self.planned(before).await?;
        if planned.segments.is_empty() {
            return Ok(planned);
        }
        // Without one nothing can be signed, and nothing goes.
        self.sealer.keyed(store).await?;
        let (this, caller) = (self.clone(), caller.clone());
        let pruned = spawn_blocking(move || this.pruned(before, wish, &caller)).await;
        pruned.map_err(|ended| ended.to_string())?
    }

    fn plan(&self, before: Timestamp) -> io::Result<Plan> {
        Plan::of(&self.ledger.path, &self.config.current(), &self.sealer, before)
    }

    pub(super) fn pruned(
        &self,
        before: Timestamp,
        wish: Wish,
        caller: &Caller,
    ) -> Result<PruneReply, String> {
        let failed = |error: io::Error| error.to_string();
        let mut plan = self.plan(before).map_err(failed)?;
        let Some(lines) = plan.lines() else { return Ok(plan.told(before)) };
        if plan.announced < lines {
            (self.step)("announce").map_err(failed)?;
            self.announce(&plan, lines, before, wish, caller)?;
        }
        // The next one says where the ledger begins: there has to be one.
        if plan.is_all_of(&Segments::of(&self.ledger.path).map_err(failed)?) {
            (self.step)("close").map_err(failed)?;
            let closed = self.sealer.once_still(|| self.ledger.close_segment());
            if !closed.map_err(failed)? {
                plan.keep_last();
            }
        }
        (self.step)("seal").map_err(failed)?;
        let synced = self.ledger.synced().map_err(failed)?.bytes;
        if self.sealer.sealed_up_to()? < synced {
            return Err("no checkpoint is over the line that tells of it".to_owned());
        }
        let newest = self.sealer.newest().map_err(failed)?;
        if newest.is_none_or(|newest| newest.checkpoint.origin != plan.origin) {
            return Err(
                "another log of the ledger has begun: `dagpass audit verify` says why".into()
            );
        }
        // A line alone could be anybody's.
        self.sealer.release(plan.lines().unwrap_or(0))?;
        self.remove(&plan)?;
        Ok(plan.told(before))
    }

    /// On the record, and on disk.
    fn announce(
        &self,
        plan: &Plan,
        lines: u64,
        before: Timestamp,
        wish: Wish,
        caller: &Caller,
    ) -> Result<(), String> {
        let wish = match wish {
            Wish::Retain => "by `retain` of the config",
            Wish::Asked => "as it was asked for",
        };
        let day = rfc3339(before.as_millis());
        let reason = format!("lines 1 to {lines}, all of before {day}, {wish}");
        let mut record = Record::new(Event::LedgerPruned, Outcome::Ok, caller);
        record.reason = Some(&reason);
        record.count = Some(lines);
        (record.first, record.last) = plan.span();
        self.ledger.record(&record).map(drop).map_err(|failure| failure.0)
    }

    /// The oldest first: what is left goes on from where the first of it begins.
    fn remove(&self, plan: &Plan) -> Result<(), String> {
        let removed = self.sealer.once_still(|| {
            for segment in plan.segments() {
                (self.step)("remove")?;
                std::fs::remove_file(&segment.path)?;
                if let Some(folder) = segment.path.parent() {
                    system::sync_dir(folder)?;
                }
                let (first, last) = (segment.from + 1, segment.to);
                tracing::info!(first, last, "lines of the ledger are pruned");
            }
            Ok::<_, io::Error>(())
        });
        removed.map_err(|error| error.to_string())
    }
}
