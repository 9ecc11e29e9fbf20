//! After a run: does a token that was issued meanwhile lie in what Airflow wrote since it began? Within a second
//! and a few megabytes, and not at all where no token was issued. Changes nothing of how the run ended.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use dagpass_client::ledger::{Filter, Tail};
use dagpass_client::tripwire::{Issued, Limits, Looked, Search};
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
        let looked = search(&issued, began);
        (issued, looked)
    });
    let Some((issued, looked)) = searched else {
        return output::say(
            "note: the logs were not searched for tokens: their disk does not answer",
        );
    };
    if !looked.hits.is_empty() {
        let finds = scan::told(world, &issued, looked.hits);
        finds.iter().for_each(|find| output::say(&format!("warning: {}", find.sentence())));
    }
}

fn search(issued: &Issued, began: SystemTime) -> Looked {
    let mut search = Search::of(issued.fingerprints(), Limits::AFTER_A_RUN);
    let places = scan::places();
    places.iter().filter(|place| place.is_dir()).for_each(|place| {
        search.through(place, Some(began));
    });
    search.end()
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
    fn a_search_that_does_not_end_is_not_waited_for() {
        assert_eq!(within(Duration::from_secs(600), || 7), Some(7));
        let (held, hold) = mpsc::channel::<()>();
        let stuck = within(Duration::from_millis(1), move || hold.recv());
        assert!(stuck.is_none());
        drop(held);
        assert_eq!(within::<u8>(Duration::from_secs(600), || panic!("as one may")), None);
    }
}
