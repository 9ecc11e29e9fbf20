//! When the open segment is closed: where it is large, and, where old lines are to be pruned, where its first line
//! is so old that the others would be kept much longer for its sake.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use dagpass_client::ledger::evidence::millis;
use dagpass_client::ledger::{Lines, Opens, closed};
use dagpass_core::time::Timestamp;
use serde::Deserialize;

use super::queue::Job;
use super::unsealed::newlines_of;
use super::writer::{Counted, Counting};
use super::{Ledger, Sealer, Standing};
use crate::system;

/// How large is a segment? Some ten thousand lines; one that is read from its end costs no more than before.
const LARGE: u64 = 16 * 1024 * 1024;
/// How many segments are the lines in that are kept? By so much of the time longer is a line kept at most.
const PARTS: u32 = 10;
/// And how old is a segment's first line at most, however long lines are kept?
const OLDEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// How long is one left alone that could not be closed? Twice as long each time, up to that.
const REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);

/// What is known of the one that is due.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub(super) counted: Option<Counted>,
    rest: Duration,
    rests_until: Option<Timestamp>,
    /// Why it could not be closed, as it was said.
    pub(super) trouble: Option<String>,
}

impl Closing {
    fn rests(&self, now: Timestamp) -> bool {
        // A clock that was set back holds nothing up.
        self.rests_until.is_some_and(|until| now < until && now.until(until) <= self.rest)
    }

    fn failed(&mut self, now: Timestamp, what: String) {
        self.rest = (self.rest * 2).clamp(REST, LONGEST_REST);
        self.rests_until = Some(now.plus(self.rest));
        if self.trouble.as_ref() != Some(&what) {
            tracing::warn!(why = what, "a segment of the ledger is not closed");
        }
        self.trouble = Some(what);
    }
}

impl Ledger {
    /// Closes the open segment where that is due, while no checkpoint is made; its lines are counted before, so that
    /// none waits for that. Called every second or two.
    pub(crate) fn close_in_time(&self, retain: Option<Duration>, sealer: &Sealer) {
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if closing.rests(now) {
            return;
        }
        let counted = match self.is_due(LARGE, retain) {
            Ok(true) => self.counted(closing.counted),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        let closed = counted.and_then(|counted| {
            closing.counted = counted;
            let close = |counted| sealer.while_still(|| self.close(counted));
            counted.and_then(close).transpose()
        });
        match closed {
            Ok(Some(true)) => *closing = Closing::default(),
            // None is due, or a checkpoint is made: at the next look.
            Ok(None) => {}
            Ok(Some(false)) => closing.failed(now, "it is to be mended first".to_owned()),
            Err(error) => closing.failed(now, error.to_string()),
        }
    }

    /// Closes the open segment where that is due. `retain` is how long lines are kept, where not for ever. Not while
    /// a checkpoint is made.
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
        self.counted(None)?.map_or(Ok(false), |counted| self.close(counted))
    }

    fn close(&self, counted: Counted) -> io::Result<bool> {
        self.ask(|reply| Job::Close(counted, reply)).unwrap_or(Ok(false))
    }

    /// In the open file itself: which of the ledger's bytes are there is for the readers of all of it. What was
    /// counted before is not counted again.
    fn counted(&self, known: Option<Counted>) -> io::Result<Option<Counted>> {
        let Standing { synced, taken_up, .. } = self.standing();
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mark = system::mark_of(&file)?;
        let before = Opens::behind(&closed(&self.path)?);
        let upto = synced.bytes.saturating_sub(before.at).min(mark.length);
        let of = Counting { id: mark.id, before, taken_up };
        let known = known.filter(|known| known.of == of && known.upto <= upto);
        let (from, lines) = known.map_or((0, 0), |known| (known.upto, known.lines));
        let lines = lines + newlines_of(&file, from, upto)?;
        Ok(Some(Counted { of, upto, lines }))
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
