//! Asks witnesses to cosign the ledger's newest checkpoint, and keeps what they signed: each by itself, off
//! the way of every token, line and checkpoint. One that fails is left alone for longer and longer, and told;
//! one that holds another history than ours is evidence of a fork: that is said at once, put on the record,
//! and not asked about again. [`exchange`] is what one of them answers, [`standing`] how each stands.

mod exchange;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_client::ledger::log::VerifierKey;
use dagpass_core::audit::Event;
use dagpass_core::ports::{Clock, Pending};
use dagpass_core::profile::Network;
use tokio::task::{JoinHandle, spawn_blocking};
use url::Url;

use crate::config::{AuditWitness, ConfigFile};
use crate::http::{Http, plain};
use crate::ledger::{Sealed, Sealer};
use crate::witness::Observer;
use exchange::{Asked, Reply, Told, cosigned_by};
use standing::{Kept, Standing};

/// How a witness is asked.
trait Post: Send + Sync {
    fn post<'a>(
        &'a self,
        network: &'a Network,
        url: &'a Url,
        body: String,
    ) -> Pending<'a, Result<Reply, String>>;
}

pub(crate) struct Cosigning {
    config: Arc<ConfigFile>,
    sealer: Arc<Sealer>,
    observer: Arc<Observer>,
    clock: Arc<dyn Clock>,
    post: Box<dyn Post>,
    /// By the witness's key.
    kept: Mutex<BTreeMap<String, Kept>>,
}

impl std::fmt::Debug for Cosigning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cosigning")
    }
}

impl Cosigning {
    pub(crate) fn new(
        config: Arc<ConfigFile>,
        sealer: Arc<Sealer>,
        observer: Arc<Observer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let post = Box::new(Http::new(clock.clone()));
        Self { config, sealer, observer, clock, post, kept: Mutex::default() }
    }

    /// Asks whoever has not cosigned the newest checkpoint yet, and waits for nobody. Called every second or two;
    /// costs nothing where the config names no witness.
    pub(crate) async fn tend(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let witnesses = self.config.current().witnesses.all.clone();
        self.kept().retain(|key, _| witnesses.iter().any(|one| one.key.to_string() == *key));
        if witnesses.is_empty() {
            return Vec::new();
        }
        let sealer = self.sealer.clone();
        let newest = match spawn_blocking(move || sealer.newest()).await {
            Ok(Ok(newest)) => newest,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the ledger's checkpoint cannot be read for its witnesses");
                return Vec::new();
            }
            Err(_) => return Vec::new(),
        };
        let Some(sealed) = newest else {
            let mut kept = self.kept();
            let each = witnesses.iter().map(|witness| witness.key.to_string());
            each.for_each(|key| kept.entry(key).or_default().has_nothing_to_sign());
            return Vec::new();
        };
        self.recall(&witnesses, &sealed).await;
        let now = self.clock.now();
        let due = witnesses.into_iter().filter(|witness| {
            let mut kept = self.kept();
            let kept = kept.entry(witness.key.to_string()).or_default();
            if sealed.note.cosigned_at(&witness.key).is_some() {
                kept.is_cosigned(&sealed.checkpoint);
                return false;
            }
            kept.begin(&sealed.checkpoint, now)
        });
        let due: Vec<AuditWitness> = due.collect();
        let ask = |witness| {
            let (this, sealed) = (self.clone(), sealed.clone());
            tokio::spawn(async move { this.ask(&witness, &sealed).await })
        };
        due.into_iter().map(ask).collect()
    }

    /// What the log keeps of what each cosigned, where this run has not asked it yet.
    async fn recall(&self, witnesses: &[AuditWitness], sealed: &Sealed) {
        let is_new = |witness: &&AuditWitness| {
            let kept = self.kept();
            kept.get(&witness.key.to_string()).is_none_or(|kept| kept.is_new(&sealed.checkpoint))
        };
        let new: Vec<VerifierKey> =
            witnesses.iter().filter(is_new).map(|witness| witness.key.clone()).collect();
        if new.is_empty() {
            return;
        }
        let (of, keys) = (sealed.clone(), new.clone());
        let found = match spawn_blocking(move || of.cosigned_by(&keys)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%error, "what was cosigned before cannot be read");
                return;
            }
            Err(_) => return,
        };
        let mut kept = self.kept();
        for (key, cosigned) in new.into_iter().zip(found) {
            kept.entry(key.to_string()).or_default().recall(cosigned, &sealed.checkpoint);
        }
    }

    /// How each witness of the config stands.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        let config = self.config.current();
        let mut kept = self.kept();
        let each = config.witnesses.all.iter().map(|witness| {
            let key = witness.key.to_string();
            kept.entry(key).or_default().standing(witness.key.name())
        });
        each.collect()
    }

    /// The evidence of a fork that a witness holds.
    pub(crate) fn forked(&self) -> Option<String> {
        self.standing().into_iter().find_map(|one| one.forked.map(|what| told(&one.name, &what)))
    }

    /// Fewer than are needed have cosigned what is to be cosigned, and why. One that has not answered yet is no
    /// trouble so far: each checkpoint waits for an answer, and a request that gets none fails in time.
    pub(crate) fn trouble(&self) -> Option<String> {
        let standing = self.standing();
        let quorum = self.config.current().witnesses.quorum;
        let missing: Vec<&Standing> = standing.iter().filter(|one| one.why.is_some()).collect();
        if standing.len() - missing.len() >= quorum {
            return None;
        }
        let each = missing.into_iter().filter_map(|one| Some(told(&one.name, one.why.as_ref()?)));
        Some(each.collect::<Vec<_>>().join("; "))
    }

    async fn ask(&self, witness: &AuditWitness, sealed: &Sealed) {
        let told = self.exchange(witness, sealed).await;
        let now = self.clock.now();
        let key = witness.key.to_string();
        let fork = match &told {
            Told::Forked(what) => Some(what.clone()),
            Told::Cosigned | Told::Failed(_) => None,
        };
        if let Told::Failed(why) = &told {
            tracing::warn!(witness = witness.key.name(), why, "a checkpoint is not cosigned");
        }
        self.kept().entry(key).or_default().end(told, &sealed.checkpoint, now);
        let Some(what) = fork else { return };
        let what = self::told(witness.key.name(), &what);
        tracing::error!(what, "evidence that the ledger was forked");
        let observer = self.observer.clone();
        let noted = spawn_blocking(move || observer.note(Event::LedgerForked, &what)).await;
        if let Err(error) = noted {
            tracing::error!(%error, "the fork is not on the record");
        }
    }

    /// Until it cosigned, or said what keeps it from that.
    async fn exchange(&self, witness: &AuditWitness, sealed: &Sealed) -> Told {
        let Ok(url) =
            Url::parse(&format!("{}/add-checkpoint", witness.url.as_str().trim_end_matches('/')))
        else {
            return Told::Failed("its URL is none".to_owned());
        };
        let network = self.config.current().network.clone();
        let mut asked = Asked { old: self.held(&witness.key, sealed), told: false };
        // What it holds is told once, and a no is confirmed once; another may ask it meanwhile.
        for _ in 0..4 {
            let of = sealed.clone();
            let request = match spawn_blocking(move || of.request(asked.old)).await {
                Ok(Ok(request)) => request,
                Ok(Err(error)) => return Told::Failed(format!("no proof can be made: {error}")),
                Err(error) => return Told::Failed(error.to_string()),
            };
            let reply = match self.post.post(&network, &url, request).await {
                Ok(reply) => reply,
                Err(why) => return Told::Failed(why),
            };
            match exchange::judge(&reply, asked, &sealed.checkpoint) {
                exchange::Next::Cosigned => return self.keep(witness, sealed, &reply).await,
                exchange::Next::From(held) => {
                    self.kept().entry(witness.key.to_string()).or_default().holds(held, witness);
                    asked = Asked { old: held, told: true };
                }
                exchange::Next::Confirm => asked = Asked { old: 0, told: false },
                exchange::Next::Ended(told) => return told,
            }
        }
        Told::Failed("it says each time that it holds another size".to_owned())
    }

    fn held(&self, key: &VerifierKey, sealed: &Sealed) -> u64 {
        let mut kept = self.kept();
        kept.entry(key.to_string()).or_default().held(&sealed.checkpoint)
    }

    async fn keep(&self, witness: &AuditWitness, sealed: &Sealed, reply: &Reply) -> Told {
        let Some(signature) = cosigned_by(&witness.key, &sealed.note, &reply.body) else {
            return Told::Failed("what it signed is no cosignature by its key".to_owned());
        };
        let (sealer, sealed) = (self.sealer.clone(), sealed.clone());
        match spawn_blocking(move || sealer.keep_cosigned(&sealed, &signature)).await {
            Ok(Ok(())) => Told::Cosigned,
            Ok(Err(error)) => Told::Failed(format!("what it signed cannot be kept: {error}")),
            Err(error) => Told::Failed(error.to_string()),
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(name: &str, what: &str) -> String {
    format!("{name}: {what}")
}

impl Post for Http {
    fn post<'a>(
        &'a self,
        network: &'a Network,
        url: &'a Url,
        body: String,
    ) -> Pending<'a, Result<Reply, String>> {
        Box::pin(async move {
            let answer = self.post_text(network, url, body).await;
            let answer = answer.map_err(|failure| plain(&failure.to_string()))?;
            Ok(Reply {
                status: answer.status,
                kind: answer.content_type,
                body: answer.body.to_vec(),
            })
        })
    }
}
