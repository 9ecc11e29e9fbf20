//! When the open segment is closed: where it is large, and, where old lines are to be pruned, where its first line
//! is so old that the others would be kept much longer for its sake.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Duration;

use dagpass_client::ledger::evidence::millis;
use dagpass_client::ledger::{Lines, Opens, closed};
use dagpass_core::time::Timestamp;
use serde::Deserialize;

use super::queue::Job;
use super::unsealed::newlines_of;
use super::writer::{Counted, Counting};
use super::{Ledger, Standing};
use crate::system;

/// How large is a segment? Some ten thousand lines; one that is read from its end costs no more than before.
const LARGE: u64 = 16 * 1024 * 1024;
/// How many segments are the lines in that are kept? By so much of the time longer is a line kept at most.
const PARTS: u32 = 10;
/// And how old is a segment's first line at most, however long lines are kept?
const OLDEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

impl Ledger {
    /// Closes the open segment where that is due. Called every second or two; `retain` is how long lines are kept,
    /// where not for ever. Not while a checkpoint is made.
    pub(crate) fn close_where_due(&self, retain: Option<Duration>) -> io::Result<bool> {
        match self.is_due(LARGE, retain)? {
            true => self.close_segment(),
            false => Ok(false),
        }
    }

    fn is_due(&self, large: u64, retain: Option<Duration>) -> io::Result<bool> {
        let length = std::fs::metadata(&self.path).map_or(0, |found| found.len());
        if length >= large {
            return Ok(true);
        }
        let Some(retain) = retain.filter(|_| length > 0) else { return Ok(false) };
        let Some(first) = first_time(&self.path)? else { return Ok(false) };
        let now = self.clock.now();
        Ok(first <= now && first.until(now) >= (retain / PARTS).min(OLDEST))
    }

    /// Whatever its size. False where it has no line, or something is to be mended first.
    pub(crate) fn close_segment(&self) -> io::Result<bool> {
        let Some(counted) = self.counted()? else { return Ok(false) };
        self.ask(|reply| Job::Close(counted, reply)).unwrap_or(Ok(false))
    }

    /// In the open file itself: which of the ledger's bytes are there is for the readers of all of it.
    fn counted(&self) -> io::Result<Option<Counted>> {
        let Standing { synced, taken_up, .. } = self.standing();
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mark = system::mark_of(&file)?;
        let before = Opens::behind(&closed(&self.path)?);
        let upto = synced.bytes.saturating_sub(before.at).min(mark.length);
        let lines = newlines_of(&file, 0, upto)?;
        Ok(Some(Counted { of: Counting { id: mark.id, before, taken_up }, upto, lines }))
    }
}

/// When the first line was written, where it says that.
fn first_time(segment: &Path) -> io::Result<Option<Timestamp>> {
    #[derive(Deserialize)]
    struct Timed {
        time: String,
    }
    let file = match File::open(segment) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut lines = Lines::of(BufReader::new(file));
    // What stands there may be no record.
    for _ in 0..100 {
        let Some(line) = lines.next(|_| {})? else { break };
        let timed = line.text.and_then(|text| serde_json::from_slice::<Timed>(text).ok());
        if let Some(time) = timed.and_then(|timed| millis(&timed.time)) {
            return Ok(Some(Timestamp::from_millis(time)));
        }
    }
    Ok(None)
}
