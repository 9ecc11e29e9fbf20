//! `POST /v1/leaks`: a token of ours was found in a file. And the look after a task: when Airflow's listener
//! tells of its end, the task's log is searched for the tokens that were served to it. In the background and
//! within bounds: nobody's task waits for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dagpass_client::tripwire::{Hit, Limits, Search};
use dagpass_client::wire::{Leak, LeakAsk, LeakEnded, LeakReply};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::Caller;
use dagpass_core::runs::{Happening, RunEvent, RunKind, Tie};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::reply::{self, Reply};
use super::{Api, Asked};

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

/// The leases that ended with it.
fn found(api: &Api, caller: &Caller, (token, place): (&str, &str)) -> Result<Vec<String>, Refusal> {
    let ended = api.broker.token_found(caller, (token, place))?;
    let leases: Vec<String> = ended.iter().map(|one| one.lease.id.to_string()).collect();
    tracing::warn!(fingerprint = token, place, ?leases, "a token of ours lies in a file");
    api.changed();
    Ok(leases)
}

/// Looks that wait, and the one that is under way.
pub(super) struct Looks {
    waiting: Arc<Semaphore>,
    reading: Semaphore,
}

impl Default for Looks {
    fn default() -> Self {
        Self { waiting: Arc::new(Semaphore::new(MOST_WAITING)), reading: Semaphore::new(1) }
    }
}

/// A task's log, and what was served to it.
struct Look {
    fingerprints: Vec<String>,
    folder: PathBuf,
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
        return tracing::debug!("too many tasks end at once: a log is not looked at");
    };
    let (api, caller) = (api.clone(), principal.caller.clone());
    tokio::spawn(async move {
        tokio::time::sleep(SETTLED).await;
        // One at a time: many tasks may end at once, and the disk is everybody's.
        let Ok(_one) = api.looks.reading.acquire().await else { return };
        for hit in spawn_blocking(move || look.hits()).await.unwrap_or_default() {
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
        folder: folder_of(event, logs),
        since: SystemTime::UNIX_EPOCH + Duration::from_millis(since),
    })
}

/// Where Airflow puts a run's logs, if it puts them there: a template of the config may say otherwise.
fn folder_of(event: &RunEvent, logs: &Path) -> PathBuf {
    let (dag, run) = (&event.task.dag_id, &event.task.run_id);
    let is_name = |name: &String| !name.contains(['/', '\\']) && !name.contains("..");
    let own = logs.join(format!("dag_id={dag}")).join(format!("run_id={run}"));
    if is_name(dag) && is_name(run) && own.is_dir() { own } else { logs.to_owned() }
}

impl Look {
    fn hits(&self) -> Vec<Hit> {
        let fingerprints = self.fingerprints.iter().map(String::as_str);
        let mut search = Search::of(fingerprints, Limits::AFTER_A_RUN);
        search.through(&self.folder, Some(self.since));
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
}
