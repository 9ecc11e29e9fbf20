//! The ledger: `ledger.jsonl`, 0600, append-only, a line an event, each with the SHA-256 of the line
//! before. Written before a token leaves; a write that fails denies.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::fmt::temporal::DateTimePrinter;
use sha2::{Digest, Sha256};
use tokio::sync::broadcast;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::policy::Weight;
use dagpass_core::ports::{Clock, Witness, WitnessFailure};

/// What stands where the first line names the line before it.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How far from the end is the last line looked for? No line is longer.
const TAIL: u64 = 256 * 1024;
/// How many lines may a follower be behind before it misses some?
const BEHIND: usize = 256;

pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    path: PathBuf,
    open: Mutex<Open>,
    followers: broadcast::Sender<Arc<str>>,
}

struct Open {
    file: Arc<File>,
    length: u64,
    next: u64,
    /// SHA-256 of the last line without its newline, in hex.
    previous: String,
    unsynced: bool,
    line: Vec<u8>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

impl Ledger {
    /// Goes on where the file ends. A last line that a crash cut short is closed off and stays.
    pub(crate) fn open(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut length = file.seek(SeekFrom::End(0))?;
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.read_to_end(&mut tail)?;
        if tail.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n")?;
            tail.push(b'\n');
            length += 1;
        }
        let (next, previous) = end_of_chain(&tail);
        let open = Open {
            file: Arc::new(file),
            length,
            next,
            previous,
            unsynced: false,
            line: Vec::new(),
        };
        let (followers, _none_yet) = broadcast::channel(BEHIND);
        Ok(Self { clock, path: path.to_owned(), open: Mutex::new(open), followers })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every line from now on. A follower that is too slow misses some and is told so; nobody waits
    /// for it.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<str>> {
        self.followers.subscribe()
    }

    /// Makes what was appended durable; called about once a second. Nobody who asks meanwhile waits
    /// for the disk: it is written to without the lock.
    pub(crate) fn sync(&self) {
        let file = {
            let mut open = self.lock();
            if !std::mem::take(&mut open.unsynced) {
                return;
            }
            open.file.clone()
        };
        if let Err(error) = file.sync_data() {
            self.lock().unsynced = true;
            tracing::error!(%error, "ledger not synced");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Ledger {
    fn record(&self, record: &Record<'_>) -> Result<(), WitnessFailure> {
        let now = self.clock.now().as_millis();
        let mut open = self.lock();
        open.append(now, record).map_err(|error| WitnessFailure(error.to_string()))?;
        // Who asks for a token in vain may ask many times a second.
        let weighty = (record.outcome != Outcome::Ok && record.event != Event::Issue)
            || matches!(
                record.event,
                Event::SignIn | Event::SignOut | Event::Revocation | Event::DoorOpened
            );
        if weighty {
            open.file.sync_data().map_err(|error| WitnessFailure(error.to_string()))?;
            open.unsynced = false;
        }
        // A follower looks too, and must not feed itself.
        let look = record.action.is_some_and(|action| action.weight() == Weight::Look);
        if !look && self.followers.receiver_count() > 0 {
            let line = String::from_utf8_lossy(open.line.trim_ascii_end());
            // They may have gone in between.
            drop(self.followers.send(line.into()));
        }
        Ok(())
    }
}

impl Open {
    fn append(&mut self, now: i64, record: &Record<'_>) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let time = rfc3339(now);
        let (next, previous) = (self.next, &self.previous);
        write!(line, r#"{{"v":1,"seq":{next},"time":"{time}","prev":"{previous}","#)?;
        let body = line.len();
        serde_json::to_writer(&mut line, record)?;
        // The record's own opening brace: its members go on in ours.
        line.remove(body);
        let hash = hex(&line);
        line.push(b'\n');
        let written = (&*self.file).write_all(&line);
        if let Err(error) = written {
            // Half a line would break the chain for whoever comes next.
            self.file.set_len(self.length)?;
            self.line = line;
            return Err(error);
        }
        self.length += line.len() as u64;
        self.next += 1;
        self.previous = hash;
        self.unsynced = true;
        self.line = line;
        Ok(())
    }
}

/// The next sequence number, and the hash of the last line whatever it says.
fn end_of_chain(tail: &[u8]) -> (u64, String) {
    let lines: Vec<&[u8]> = tail.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).collect();
    let previous = lines.last().map_or_else(|| GENESIS.to_owned(), |line| hex(line));
    let sequence = |line: &&[u8]| {
        let value: serde_json::Value = serde_json::from_slice(line).ok()?;
        value.get("seq")?.as_u64()
    };
    let last = lines.iter().rev().find_map(sequence);
    (last.map_or(1, |seq| seq + 1), previous)
}

fn hex(line: &[u8]) -> String {
    let nibble = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    let digest = Sha256::digest(line);
    // Twice a request: by `format!` a digest would cost 32 allocations.
    digest.iter().flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)]).collect()
}

/// UTC with milliseconds (RFC 3339).
fn rfc3339(millis: i64) -> String {
    const WITH_MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    WITH_MILLISECONDS.timestamp_to_string(&time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::fakes::FakeClock;
    use dagpass_core::request::Caller;

    fn record(ledger: &Ledger) {
        let caller = Caller::default();
        ledger.record(&Record::new(Event::Issue, Outcome::Ok, &caller)).unwrap();
    }

    #[cfg(unix)]
    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn each_line_carries_the_hash_of_the_line_before_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        for _ in 0..2 {
            let ledger = Ledger::open(&path, FakeClock::at(1_795_000_000)).unwrap();
            record(&ledger);
            record(&ledger);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut previous = GENESIS.to_owned();
        for (number, line) in text.lines().enumerate() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["seq"], number + 1);
            assert_eq!(value["prev"], previous);
            assert_eq!(value["time"], "2026-11-18T11:06:40.000Z");
            previous = hex(line.as_bytes());
        }
    }

    #[test]
    fn a_line_cut_short_by_a_crash_stays_and_the_chain_goes_on_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"v":1,"seq":2,"ti"#).unwrap();
        record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let all: Vec<&str> = text.lines().collect();
        assert_eq!(all.len(), 3);
        let last: serde_json::Value = serde_json::from_str(all[2]).unwrap();
        assert_eq!(last["prev"], hex(all[1].as_bytes()));
        assert_eq!(last["seq"], 2);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        record(&Ledger::open(&path, FakeClock::at(0)).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(lines(&path)[0]["event"], "issue");
    }

    #[test]
    fn times_are_rfc3339_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
