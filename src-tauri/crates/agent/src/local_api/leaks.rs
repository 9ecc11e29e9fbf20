//! `POST /v1/leaks`: a token of ours was found in a file. And the look after a task: when Airflow's listener
//! tells of its end, the task's log is searched for the tokens that were served to it. In the background and
//! within bounds: nobody's task waits for it.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use dagpass_client::tripwire::{Hit, Limits, Search, logs_of_run};
use dagpass_client::wire::{Leak, LeakAsk, LeakEnded, LeakReply};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::Caller;
use dagpass_core::runs::{Happening, RunEvent, RunKind, Tie};
use dagpass_core::time::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::doctor::FoundToken;

/// How many finds may one request tell of?
const MOST: usize = 100;
/// How long may a place be, in bytes? A name of 4096, and where in it.
const LONGEST: usize = 4096 + 64;
/// How long after a task's end is its log whole? Airflow writes the last lines behind its listeners.
const SETTLED: Duration = Duration::from_secs(3);
/// How long is a task's log, at most, where nobody told when it began?
const UNTOLD: Duration = Duration::from_secs(24 * 3600);
/// How many looks may wait? Beyond that one is left out: `dagpass airflow scan` finds what it would have.
const MOST_WAITING: usize = 64;
/// How long may one take? It ends by itself long before, unless the disk does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many that do not end may there be? Each holds a thread, and nothing else is held up by it.
const MOST_STUCK: usize = 4;
/// How many finds are remembered, the newest? One that is forgotten is put on the record once more.
const MOST_KNOWN: usize = 1024;

pub(super) fn tell(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: LeakAsk = asked.parse()?;
    if ask.leaks.len() > MOST || !ask.leaks.iter().all(is_well_formed) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "the finds cannot be taken").because(
            format!("at most {MOST}, each with 16 digits of a fingerprint and its place as text"),
        ));
    }
    let mut leaks = Vec::new();
    for leak in ask.leaks {
        let leases = found(api, asked.caller(), (&leak.fingerprint, &leak.place))?;
        leaks.push(LeakEnded { fingerprint: leak.fingerprint, leases });
    }
    Ok(reply::json(&LeakReply { leaks }))
}

fn is_well_formed(leak: &Leak) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    leak.fingerprint.len() == 16
        && leak.fingerprint.bytes().all(digit)
        && leak.place.len() <= LONGEST
        && !leak.place.chars().any(char::is_control)
}

/// The leases that ended with it. A find is on the record once: tasks that were served the same token come upon
/// it each, and so does the run that they are in.
fn found(api: &Api, caller: &Caller, find: (&str, &str)) -> Result<Vec<String>, Refusal> {
    let (token, place) = find;
    let is_new = api.looks.known(|known| known.add(find));
    let ended = if is_new {
        let told = api.broker.token_found(caller, find);
        told.inspect_err(|_| api.looks.known(|known| known.forget(find)))?
    } else {
        api.broker.token_found_again(caller, token)?
    };
    let ends = ended.iter().flat_map(|one| &one.lease.tokens);
    let ends = ends.filter(|one| one.fingerprint == token).map(|one| one.expires_at).max();
    api.looks.known(|known| known.ends(token, ends));
    let leases: Vec<String> = ended.iter().map(|one| one.lease.id.to_string()).collect();
    if is_new || !leases.is_empty() {
        tracing::warn!(fingerprint = token, place, ?leases, "a token of ours lies in a file");
        api.changed();
    }
    Ok(leases)
}

/// Those that may still be good, the first that was found first. Until when, the lease knew that held it; of one
/// that nobody held any more nobody knows.
pub(super) fn still_good(api: &Api) -> Vec<FoundToken> {
    let now = api.clock.now();
    api.looks.known(|known| known.still_good(now))
}

/// Looks that wait, the one that is under way, and what they and others came upon.
pub(super) struct Looks {
    waiting: Arc<Semaphore>,
    reading: Semaphore,
    threads: Arc<Semaphore>,
    known: Mutex<Known>,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            reading: Semaphore::new(1),
            threads: Arc::new(Semaphore::new(MOST_STUCK)),
            known: Mutex::default(),
        }
    }
}

/// Finds that are on the record, the newest last: which token, and where.
#[derive(Default)]
struct Known {
    finds: VecDeque<(String, String)>,
    /// When the token ends, as far as a lease knew. No more of them than finds.
    ends: HashMap<String, Timestamp>,
}

impl Known {
    /// `false` where it was known before.
    fn add(&mut self, (token, place): (&str, &str)) -> bool {
        if self.finds.iter().any(|(t, p)| t == token && p == place) {
            return false;
        }
        if self.finds.len() >= MOST_KNOWN
            && let Some((gone, _)) = self.finds.pop_front()
            && self.finds.iter().all(|(token, _)| *token != gone)
        {
            self.ends.remove(&gone);
        }
        self.finds.push_back((token.to_owned(), place.to_owned()));
        true
    }

    fn ends(&mut self, token: &str, until: Option<Timestamp>) {
        if let Some(until) = until {
            self.ends.insert(token.to_owned(), until);
        }
    }

    fn still_good(&self, now: Timestamp) -> Vec<FoundToken> {
        let mut told: Vec<FoundToken> = Vec::new();
        for (fingerprint, place) in &self.finds {
            let is_good = self.ends.get(fingerprint).is_some_and(|until| now < *until);
            match told.iter_mut().find(|one| one.fingerprint == *fingerprint) {
                Some(one) => one.more += 1,
                None if is_good => told.push(FoundToken {
                    fingerprint: fingerprint.clone(),
                    place: place.clone(),
                    more: 0,
                }),
                None => {}
            }
        }
        told
    }

    fn forget(&mut self, (token, place): (&str, &str)) {
        self.finds.retain(|(t, p)| t != token || p != place);
    }
}

impl Looks {
    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// On a thread of its own: a disk that does not answer keeps that, whoever waits. `None` where it does not
    /// end, or where too many before it did not.
    async fn within<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let thread = self.threads.clone().try_acquire_owned().ok()?;
        let (tell, told) = oneshot::channel();
        let look = move || {
            // Whoever waited may have gone by then.
            drop(tell.send(work()));
            drop(thread);
        };
        std::thread::Builder::new().name("look".to_owned()).spawn(look).ok()?;
        timeout(patience, told).await.ok()?.ok()
    }
}

/// A task's log, and what was served to it.
struct Look {
    fingerprints: Vec<String>,
    dag_id: String,
    run_id: String,
    logs: PathBuf,
    since: SystemTime,
}

/// After a task that was served something, where its log lies on this machine.
pub(super) fn after_task(
    api: &Arc<Api>,
    (event, logs): (&RunEvent, Option<&Path>),
    (ties, principal): (&[Tie], &Principal),
) {
    let Some(look) = logs.and_then(|logs| look(event, logs, (ties, principal))) else { return };
    let Ok(seat) = api.looks.waiting.clone().try_acquire_owned() else {
        return tracing::warn!("too many tasks end at once: a log is not searched for tokens");
    };
    let (api, caller) = (api.clone(), principal.caller.clone());
    tokio::spawn(async move {
        tokio::time::sleep(SETTLED).await;
        // One at a time: many tasks may end at once, and the disk is everybody's.
        let Ok(_one) = api.looks.reading.acquire().await else { return };
        let logs = look.logs.clone();
        let hits = api.looks.within(PATIENCE, move || look.hits()).await.unwrap_or_else(|| {
            tracing::warn!(logs = %logs.display(), "not searched for tokens: it does not answer");
            Vec::new()
        });
        for hit in hits {
            if let Err(refusal) = found(&api, &caller, (&hit.fingerprint, &hit.place())) {
                tracing::error!(%refusal, "a token that was found is not on the record");
            }
        }
        drop(seat);
    });
}

fn look(event: &RunEvent, logs: &Path, (ties, principal): (&[Tie], &Principal)) -> Option<Look> {
    // What stands on another machine, or in a container, is not the folder that we see by that name.
    let is_here = matches!(principal.kind, Kind::Owner | Kind::Run(_)) && !principal.caller.remote;
    let ended = event.kind == RunKind::Task && event.happening != Happening::Running;
    if !is_here || !ended || ties.is_empty() || !logs.is_absolute() {
        return None;
    }
    let served = ties.iter().flat_map(|tie| &tie.tokens);
    let began = event.started_at.unwrap_or_else(|| event.at.minus(UNTOLD));
    let since = u64::try_from(began.as_millis()).unwrap_or_default();
    Some(Look {
        fingerprints: served.map(|used| used.fingerprint.clone()).collect(),
        dag_id: event.task.dag_id.clone(),
        run_id: event.task.run_id.clone(),
        logs: logs.to_owned(),
        since: SystemTime::UNIX_EPOCH + Duration::from_millis(since),
    })
}

impl Look {
    fn hits(&self) -> Vec<Hit> {
        let fingerprints = self.fingerprints.iter().map(String::as_str);
        let mut search = Search::of(fingerprints, Limits::AFTER_A_RUN);
        let own = logs_of_run(&self.logs, &self.dag_id, &self.run_id);
        search.through(own.as_ref().unwrap_or(&self.logs), Some(self.since));
        search.end().hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_is_digits_and_a_place_that_is_one_line_of_text() {
        let leak = |fingerprint: &str, place: &str| Leak {
            fingerprint: fingerprint.to_owned(),
            place: place.to_owned(),
        };
        for (fingerprint, place, taken) in [
            ("0123456789abcdef", "/logs/a.log:12", true),
            ("0123456789ABCDEF", "/logs/a.log:12", false),
            ("0123456789abcde", "/logs/a.log:12", false),
            ("eyJhbGciOiJSUzI1", "/logs/a.log:12", false),
            ("0123456789abcdef", "/logs/a.log\n{}", false),
            ("0123456789abcdef", &"x".repeat(LONGEST + 1), false),
        ] {
            assert_eq!(
                is_well_formed(&leak(fingerprint, place)),
                taken,
                "{fingerprint} {place:.20}"
            );
        }
    }

    #[test]
    fn a_find_is_new_once_and_again_where_it_could_not_be_recorded() {
        let mut known = Known::default();
        let find = ("0123456789abcdef", "/logs/a.log:12");
        assert!(known.add(find) && !known.add(find));
        assert!(known.add((find.0, "/logs/a.log:13")) && known.add(("fedcba9876543210", find.1)));
        known.forget(find);
        assert!(known.add(find));
        for line in 0..MOST_KNOWN {
            assert!(known.add(("", &line.to_string())));
        }
        assert!(known.finds.len() == MOST_KNOWN && known.add(find), "the oldest gives way");
    }

    #[test]
    fn what_was_found_is_told_with_its_first_place_until_it_is_no_good_any_more() {
        let mut known = Known::default();
        for find in [("aa", "/a:1"), ("bb", "/b:1"), ("aa", "/a:2")] {
            assert!(known.add(find));
        }
        known.ends("aa", Some(Timestamp::from_secs(20)));
        known.ends("aa", None);
        let at = |secs| known.still_good(Timestamp::from_secs(secs));
        let one = FoundToken { fingerprint: "aa".into(), place: "/a:1".into(), more: 1 };
        assert_eq!((at(19), at(20)), (vec![one], Vec::new()));
        for line in 0..MOST_KNOWN {
            known.add(("cc", &line.to_string()));
        }
        assert!(known.ends.is_empty(), "with the finds");
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_keeps_a_few_threads_and_holds_up_nobody() {
        let (looks, long) = (Looks::default(), Duration::from_secs(600));
        let mut holds = Vec::new();
        for _ in 0..MOST_STUCK {
            let (hold, held) = std::sync::mpsc::channel::<()>();
            holds.push(hold);
            let stuck = looks.within(Duration::from_millis(1), move || held.recv().is_err()).await;
            assert_eq!(stuck, None);
        }
        assert_eq!(looks.within(long, || 7).await, None, "no more of them");
        drop(holds);
        drop(looks.threads.acquire().await.unwrap());
        assert_eq!(looks.within(long, || 7).await, Some(7));
        assert_eq!(looks.within::<u8>(long, || panic!("as one may")).await, None);
    }
}
