//! After a run: does a token that was issued meanwhile lie in what Airflow wrote since it began? Within a second
//! and a few megabytes, and not at all where no token was issued. Changes nothing of how the run ended.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use dagpass_client::ledger::{Filter, Tail};
use dagpass_client::tripwire::{Issued, Limits, Looked, Search, logs_of_run};
use jiff::Timestamp;

use crate::commands::airflow::scan;
use crate::commands::audit;
use crate::output;
use crate::world::World;

/// How many lines of a run are read, the newest?
const MOST_LINES: usize = 5_000;
/// What is issued, and what is known to have been found: by the agent's own look after a task.
const EVENTS: [&str; 2] = ["issue", "token-found"];
/// A search ends by itself long before; a disk that does not answer has nobody wait any longer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn look(world: &World, began: SystemTime) {
    let Some(issued) = issued_since(began).filter(|issued| !issued.is_empty()) else { return };
    let searched = within(PATIENCE, move || {
        let looked = search(&issued, began, (&scan::places(), Limits::AFTER_A_RUN));
        (issued, looked)
    });
    let Some((issued, looked)) = searched else {
        return output::say(
            "note: the logs were not searched for tokens: their disk does not answer",
        );
    };
    let left_out = left_out(&looked);
    if !looked.hits.is_empty() {
        let finds = scan::told(world, &issued, looked.hits);
        finds.iter().for_each(|find| output::say(&format!("warning: {}", find.sentence())));
    }
    left_out.iter().for_each(|note| output::say(note));
}

/// Where the runs' own logs are, and then all others: those alone may be too many.
fn search(issued: &Issued, began: SystemTime, (places, limits): (&[PathBuf], Limits)) -> Looked {
    let mut search = Search::of(issued.fingerprints(), limits);
    let here = || places.iter().filter(|place| place.is_dir());
    for (dag, run) in issued.runs() {
        for own in here().filter_map(|place| logs_of_run(place, dag, run)) {
            search.through(&own, Some(began));
        }
    }
    here().for_each(|place| search.through(place, Some(began)));
    search.end()
}

/// Nothing found in what was not read says nothing.
fn left_out(looked: &Looked) -> Option<String> {
    let some = looked.left_out_in_all;
    let first = looked.left_out.first().filter(|_| some > 0)?;
    let (place, why) = (first.path.display(), &first.why);
    let more = if some > 1 { format!(", and {} more", some - 1) } else { String::new() };
    Some(output::word(&format!(
        "note: not all was searched for tokens ({place}: {why}{more}); `dagpass airflow scan` takes the time"
    )))
}

/// `None` where it is not done by then: it is left to itself.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::channel();
    // Whoever waited may be gone by then.
    thread::Builder::new().spawn(move || drop(tell.send(work()))).ok()?;
    told.recv_timeout(patience).ok()
}

/// `None` where the ledger cannot be read: the run is over, and `dagpass audit verify` says why.
fn issued_since(began: SystemTime) -> Option<Issued> {
    let (_, ledger) = audit::opened(None).ok()?;
    let since = Some(Timestamp::try_from(began).ok()?);
    let events = EVENTS.map(str::to_owned).to_vec();
    let filter = Filter { since, events, ..Filter::default() };
    let lines = Tail::over(&ledger).last(MOST_LINES, |line| filter.judge(line)).ok()?;
    let mut issued = Issued::default();
    lines.iter().for_each(|line| issued.add(line));
    Some(issued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_run_itself_is_read_however_many_others_there_are_and_what_was_not_is_said() {
        const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3ZjNhIn0.c2lnbmF0dXJlLW9mLWl0";
        let line = r#"{"seq":1,"time":"2026-11-24T08:00:00.000Z","event":"issue","outcome":"ok","fingerprint":"64724023e52cf606","caller":{"context":{"dag_id":"etl","task_id":"load","run_id":"r1"}}}"#;
        let mut issued = Issued::default();
        issued.add(line);
        let logs = tempfile::tempdir().unwrap();
        let own = logs.path().join("dag_id=etl/run_id=r1/task_id=load");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("attempt=1.log"), TOKEN).unwrap();
        // Which of them is listed first is the file system's own.
        for other in ["dag_id=a", "dag_id=z"] {
            for at in 0..50 {
                let other = logs.path().join(other).join(format!("run_id={at}"));
                std::fs::create_dir_all(other).unwrap();
            }
        }
        let limits = Limits { entries: 10, ..Limits::ASKED };
        let places = [logs.path().to_owned(), logs.path().join("none")];
        let looked = search(&issued, SystemTime::UNIX_EPOCH, (&places, limits));
        assert_eq!(looked.hits.len(), 1, "{looked:?}");
        let note = left_out(&looked).unwrap();
        assert!(
            note.contains("too many files") && note.contains("`dagpass airflow scan`"),
            "{note}"
        );
        let whole = search(&issued, SystemTime::UNIX_EPOCH, (&places, Limits::ASKED));
        assert_eq!((whole.hits.len(), left_out(&whole)), (1, None));
    }

    #[test]
    fn a_search_that_does_not_end_is_not_waited_for() {
        assert_eq!(within(Duration::from_secs(600), || 7), Some(7));
        let (held, hold) = mpsc::channel::<()>();
        let stuck = within(Duration::from_millis(1), move || hold.recv());
        assert!(stuck.is_none());
        drop(held);
        assert_eq!(within::<u8>(Duration::from_secs(600), || panic!("as one may")), None);
    }
}
