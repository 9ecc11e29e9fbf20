//! What happens without being asked: refresh ahead of need, save again, revoke what is owed, make the
//! ledger durable, sign it, have it cosigned, ship and prune it, take in a changed config, sign people
//! out by `[logout]`. Looks at the wall clock, because a laptop sleeps.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use dagpass_core::audit::Event;
use dagpass_core::broker::Broker;
use tokio::sync::Notify;

use crate::config::{ConfigFile, Looked};
use crate::ledger::Ledger;
use crate::local_api::{Api, end_of_trees, tell_of_dropped};
use crate::witness::Observer;

/// How much time lies between two looks at least, whatever is due?
const BREATH: Duration = Duration::from_millis(200);
/// How long does the clockwork sleep at most? A timer stops while the machine sleeps, and not every system
/// tells when it woke.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How much further than the timer must the wall clock have gone to say that the machine slept?
const SLEPT: Duration = Duration::from_secs(10);
/// How often is the config file looked at, and a store that could not be read?
const SELDOM: Duration = Duration::from_secs(2);

pub(crate) struct Scheduler {
    pub(crate) broker: Broker,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) config: Arc<ConfigFile>,
    pub(crate) api: Arc<Api>,
    /// The system says that it woke.
    pub(crate) woke: Arc<Notify>,
    pub(crate) observer: Arc<Observer>,
}

impl Scheduler {
    /// Each duty by itself: a keychain or a disk that hangs keeps none of the others waiting.
    pub(crate) async fn run(self) {
        tokio::join!(
            self.refreshes(),
            self.record(),
            self.upkeep(),
            self.seal(),
            self.cosign(),
            self.ship(),
            self.prune(),
            self.api.sign_out_unasked()
        );
    }

    /// Sleeps until something is due, or the alarm says that it is sooner than was known.
    async fn refreshes(&self) {
        loop {
            let now = self.api.clock.now();
            let due = self.broker.next_due().map(|due| now.until(due));
            let (wall, steady) = (SystemTime::now(), Instant::now());
            tokio::time::sleep(BREATH).await;
            let rest = due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP).saturating_sub(BREATH);
            let told = tokio::select! {
                () = tokio::time::sleep(rest) => false,
                () = self.broker.alarmed() => false,
                () = self.woke.notified() => true,
            };
            let woke = told || wall.elapsed().is_ok_and(|gone| gone > steady.elapsed() + SLEPT);
            self.broker.tend(woke).await;
        }
    }

    async fn upkeep(&self) {
        loop {
            tokio::time::sleep(SELDOM).await;
            self.tend_items();
            self.look_at_config().await;
            self.api.adopt_policy();
            self.broker.reconsider_store();
            self.broker.pay_revocations();
            end_of_trees(&self.broker);
            if self.broker.expire_approvals() {
                self.api.changed();
            }
        }
    }

    /// What is known by now goes on the record, and the record to the disk.
    async fn record(&self) {
        loop {
            tokio::time::sleep(SELDOM).await;
            self.write().await;
        }
    }

    /// Checkpoints over what is on disk; whoever follows the status hears of lines that are missing.
    async fn seal(&self) {
        let mut shown = None;
        loop {
            tokio::time::sleep(SELDOM).await;
            self.api.sealer.tend(&self.api.store).await;
            let now = self.api.sealer.missing();
            if shown != now {
                shown = now;
                self.api.changed();
            }
        }
    }

    /// Witnesses are asked to cosign them; whoever follows the status hears what became of it.
    async fn cosign(&self) {
        let mut shown = None;
        loop {
            tokio::time::sleep(SELDOM).await;
            self.api.cosigning.tend().await;
            let now = Some((self.api.cosigning.forked(), self.api.cosigning.trouble()));
            if shown != now {
                shown = now;
                self.api.changed();
            }
        }
    }

    /// A collector gets what is on disk.
    async fn ship(&self) {
        loop {
            tokio::time::sleep(SELDOM).await;
            self.api.shipping.tend().await;
        }
    }

    /// Lines that are older than they are kept.
    async fn prune(&self) {
        loop {
            tokio::time::sleep(SELDOM).await;
            self.api.pruning.tend(&self.api.store).await;
        }
    }

    /// A keychain that hangs holds nothing else up.
    fn tend_items(&self) {
        let api = self.api.clone();
        if api.is_paused() || api.store.disagreement().is_some() {
            return;
        }
        tokio::spawn(async move {
            api.items.tend(&api.broker, &api.config.current(), api.clock.now()).await;
        });
    }

    async fn write(&self) {
        let (ledger, runs) = (self.ledger.clone(), self.api.task_runs.clone());
        let (observer, api) = (self.observer.clone(), self.api.clone());
        runs.note_ends(&self.broker.sessions());
        let written = tokio::task::spawn_blocking(move || {
            if let Err(refusal) = tell_of_dropped(&api, runs.untold()) {
                tracing::error!(%refusal, "dropped run events are not on the record");
            }
            api.tell_of_turned_away(false);
            observer.flush(false);
            ledger.tend();
            let retain = api.config.current().retain;
            ledger.close_in_time(retain, &api.sealer);
            runs.keep();
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "ledger sync ended");
        }
    }

    /// The system may be asked for it, which takes its time.
    async fn look_at_config(&self) {
        let config = self.config.clone();
        let above = config.above();
        let looked = tokio::task::spawn_blocking(move || config.reload()).await;
        match looked.unwrap_or(Looked::Same) {
            Looked::Same if self.api.told.owes() => self.take_in(),
            Looked::Same => {}
            Looked::Wrong => {
                if self.config.above().problems != above.problems {
                    self.api.tell_managed_wrong();
                }
                self.api.say_config();
            }
            Looked::InForce => {
                let what = self.config.path().display().to_string();
                self.observer.note(Event::ConfigChange, &what);
                if let Some(what) = self.config.above().differs(&above) {
                    self.observer.note(Event::ConfigChange, &what);
                }
                self.take_in();
            }
        }
    }

    /// A config whose changes the record does not take waits, and the sessions go on by the one before.
    fn take_in(&self) {
        if !self.api.tell_own_config() {
            return;
        }
        self.api.adopt_config();
        let api = self.api.clone();
        tokio::spawn(async move { api.open_kept_doors().await });
    }
}
