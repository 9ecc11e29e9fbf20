//! After a run: does a token that was issued meanwhile lie in what Airflow wrote since it began? Within a second
//! and a few megabytes, and not at all where no token was issued. Changes nothing of how the run ended.

use std::time::SystemTime;

use dagpass_client::ledger::{Filter, Tail};
use dagpass_client::tripwire::{Issued, Limits, Search};
use jiff::Timestamp;

use crate::commands::airflow::scan;
use crate::commands::audit;
use crate::output;
use crate::world::World;

/// How many lines of a run are read, the newest?
const MOST_LINES: usize = 5_000;

pub(super) fn look(world: &World, began: SystemTime) {
    let Some(issued) = issued_since(began).filter(|issued| !issued.is_empty()) else { return };
    let mut search = Search::of(issued.fingerprints(), Limits::AFTER_A_RUN);
    let places = scan::places();
    places.iter().filter(|place| place.is_dir()).for_each(|place| {
        search.through(place, Some(began));
    });
    let looked = search.end();
    if !looked.hits.is_empty() {
        let finds = scan::told(world, &issued, looked.hits);
        finds.iter().for_each(|find| output::say(&format!("warning: {}", find.sentence())));
    }
}

/// `None` where the ledger cannot be read: the run is over, and `dagpass audit verify` says why.
fn issued_since(began: SystemTime) -> Option<Issued> {
    let (_, ledger) = audit::opened(None).ok()?;
    let since = Some(Timestamp::try_from(began).ok()?);
    let filter = Filter { since, events: vec!["issue".to_owned()], ..Filter::default() };
    let lines = Tail::of(ledger).ok()?.last(MOST_LINES, |line| filter.judge(line)).ok()?;
    let mut issued = Issued::default();
    lines.iter().for_each(|line| issued.add(line));
    Some(issued)
}
