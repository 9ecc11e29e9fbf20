//! Goes through folders and reads what may hold a token: the newest files first, within bounds of bytes, files
//! and time. What is left out is said. No link is followed, nothing but files is opened, nothing is written.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use flate2::read::MultiGzDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::words::{At, Words};
use crate::system;

/// How much is read at once?
const BLOCK: usize = 64 * 1024;
/// In how much of its beginning does a file that is no text show a zero byte?
const HEAD: usize = 8 * 1024;
/// Folders of programs, which no person and no task writes to.
const PROGRAMS: [&str; 4] = [".git", "__pycache__", "node_modules", "site-packages"];
/// How coarse are the times of a file system at most?
const COARSE: Duration = Duration::from_secs(2);
/// How many of what was left out are named?
const MOST_NAMED: usize = 20;
/// How many finds are told of? Whoever logs every token has one problem and not a thousand; but where each of
/// them lies first is told of that many.
const MOST_HITS: usize = 200;
const MOST_TOKENS: usize = 10_000;
/// How much of a file's name is told, in bytes?
const LONGEST_NAME: usize = 4096;
/// What a gzip file begins with (RFC 1952 §2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all, unpacked.
    pub bytes: u64,
    /// Of one file: its end, where the newest lines are; of a packed one its beginning.
    pub file: u64,
    /// How many files and folders are looked at?
    pub entries: usize,
    pub time: Duration,
}

impl Limits {
    /// Somebody asked and waits.
    pub const ASKED: Self =
        Self { bytes: 4 << 30, file: 512 << 20, entries: 500_000, time: Duration::from_secs(600) };
    /// A run ended, and nobody asked.
    pub const AFTER_A_RUN: Self =
        Self { bytes: 32 << 20, file: 8 << 20, entries: 20_000, time: Duration::from_secs(1) };
}

/// A token of ours, where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// SHA-256, first 16 digits.
    pub fingerprint: String,
    pub file: PathBuf,
    /// The first line that holds it; `None` where a file is too long to count its lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Where in the file, unpacked, it begins.
    pub byte: u64,
    /// How often it stands in this file.
    pub times: u64,
}

impl Hit {
    /// `/logs/dag_id=etl/attempt=1.log:12`, as one line of text: a name may hold anything.
    pub fn place(&self) -> String {
        let name = self.file.display().to_string();
        let printable = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
        let mut name: String = name.chars().map(printable).collect();
        name.truncate(name.floor_char_boundary(LONGEST_NAME));
        self.line
            .map_or_else(|| format!("{name}, byte {}", self.byte), |line| format!("{name}:{line}"))
    }
}

/// What was not read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub path: PathBuf,
    pub why: String,
}

/// What a search came to.
#[derive(Debug, Default, Serialize)]
pub struct Looked {
    pub hits: Vec<Hit>,
    /// How many files were read.
    pub files: u64,
    pub bytes: u64,
    /// How many are no text.
    pub not_text: u64,
    pub left_out: Vec<LeftOut>,
    /// With those that are not named.
    pub left_out_in_all: u64,
    /// The places that were to be searched and could not be opened at all.
    pub unopened: Vec<LeftOut>,
}

impl Looked {
    fn leave(&mut self, path: &Path, why: impl Into<String>) {
        self.left_out_in_all += 1;
        if self.left_out.len() < MOST_NAMED {
            self.left_out.push(LeftOut { path: path.to_owned(), why: why.into() });
        }
    }

    /// One of the places themselves: nothing that was asked for was read.
    fn leave_unopened(&mut self, place: &Path, error: &io::Error) {
        let why = error.to_string();
        self.unopened.push(LeftOut { path: place.to_owned(), why: why.clone() });
        self.leave(place, why);
    }
}

/// One search for these tokens.
#[derive(Debug)]
pub struct Search {
    wanted: HashSet<u64>,
    limits: Limits,
    began: Instant,
    entries: usize,
    seen: HashSet<PathBuf>,
    /// Which of them were found.
    found: HashSet<u64>,
    looked: Looked,
}

struct Entry {
    path: PathBuf,
    changed: SystemTime,
}

impl Search {
    /// By their fingerprints, of which the first 16 digits count.
    pub fn of<'f>(fingerprints: impl IntoIterator<Item = &'f str>, limits: Limits) -> Self {
        Self {
            wanted: fingerprints.into_iter().filter_map(number).collect(),
            limits,
            began: Instant::now(),
            entries: 0,
            seen: HashSet::new(),
            found: HashSet::new(),
            looked: Looked::default(),
        }
    }

    /// A folder with what is below it, or a file; of it, what changed since then.
    pub fn through(&mut self, place: &Path, since: Option<SystemTime>) {
        let root = match place.canonicalize() {
            Ok(root) => root,
            Err(error) => return self.looked.leave_unopened(place, &error),
        };
        let mut files = Vec::new();
        let since = since.and_then(|since| since.checked_sub(COARSE));
        self.gather(&root, since, &mut files);
        files.sort_by(|a, b| b.changed.cmp(&a.changed).then_with(|| a.path.cmp(&b.path)));
        for file in files {
            if self.is_over() {
                self.looked.leave(&file.path, "the search had read enough");
            } else if let Err(error) = self.read(&file.path) {
                if file.path == root {
                    self.looked.leave_unopened(place, &error);
                } else {
                    self.looked.leave(&file.path, error.to_string());
                }
            }
        }
    }

    pub fn end(self) -> Looked {
        self.looked
    }

    fn is_over(&self) -> bool {
        self.looked.bytes >= self.limits.bytes || self.began.elapsed() >= self.limits.time
    }

    /// Within half of the time that is left: a list of files that nobody reads finds nothing.
    fn gather(&mut self, root: &Path, since: Option<SystemTime>, files: &mut Vec<Entry>) {
        let mut ahead = vec![root.to_owned()];
        let (began, own) =
            (Instant::now(), self.limits.time.saturating_sub(self.began.elapsed()) / 2);
        while let Some(path) = ahead.pop() {
            self.entries += 1;
            if self.entries > self.limits.entries || began.elapsed() >= own {
                self.looked.leave(&path, "there are too many files for one search");
                return;
            }
            if !self.seen.insert(path.clone()) {
                continue;
            }
            let within = std::fs::symlink_metadata(&path).and_then(|about| {
                if about.is_file() {
                    let changed = about.modified()?;
                    if since.is_none_or(|since| changed >= since) {
                        files.push(Entry { path: path.clone(), changed });
                    }
                }
                if !about.is_dir() {
                    return Ok(Vec::new());
                }
                // However many there are, no more than are looked at.
                std::fs::read_dir(&path)?.take(self.limits.entries + 1).collect()
            });
            match within {
                Ok(within) => {
                    let named = within.iter().filter(|one| {
                        let name = one.file_name();
                        !PROGRAMS.iter().any(|program| name == *program)
                    });
                    ahead.extend(named.map(std::fs::DirEntry::path));
                }
                // It went away while we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if path == root => self.looked.leave_unopened(&path, &error),
                Err(error) => self.looked.leave(&path, error.to_string()),
            }
        }
    }

    fn read(&mut self, path: &Path) -> io::Result<()> {
        let Some(mut file) = system::open_to_read(path)? else { return Ok(()) };
        let length = file.metadata()?.len();
        let mut magic = Vec::new();
        file.by_ref().take(2).read_to_end(&mut magic)?;
        let packed = magic == GZIP;
        let most = self.limits.file.min(self.limits.bytes.saturating_sub(self.looked.bytes));
        let skipped = if packed { 0 } else { length.saturating_sub(most) };
        file.seek(SeekFrom::Start(skipped))?;
        if skipped > 0 {
            self.looked.leave(path, format!("its first {skipped} bytes, for it is too long"));
        }
        // What is written meanwhile is the next search's.
        let whole = if packed {
            self.scan((path, 0), MultiGzDecoder::new(BufReader::new(file)).take(most + 1))?
        } else {
            self.scan((path, skipped), File::take(file, length - skipped))?
        };
        if packed && whole > most {
            self.looked.leave(path, format!("what is packed in it behind {most} bytes"));
        }
        Ok(())
    }

    /// How much was read.
    fn scan(&mut self, (path, skipped): (&Path, u64), mut text: impl Read) -> io::Result<u64> {
        let (mut words, mut found) = (Words::default(), BTreeMap::<u64, (At, u64)>::new());
        let wanted = &self.wanted;
        let mut tell = |word: &[u8], at: At| {
            let key = key(&Sha256::digest(word));
            if wanted.contains(&key) {
                found.entry(key).or_insert((at, 0)).1 += 1;
            }
        };
        let (mut read, mut block) = (0, vec![0; BLOCK]);
        let ended = loop {
            let some = match text.read(&mut block) {
                Ok(0) => break Ok(()),
                Ok(some) => &block[..some],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // What was read until here counts: a packed file may be cut short.
                Err(error) => break Err(error),
            };
            if read == 0 && some.iter().take(HEAD).any(|byte| *byte == 0) {
                self.looked.not_text += 1;
                return Ok(0);
            }
            read += some.len() as u64;
            words.read(some, &mut tell);
            if self.began.elapsed() >= self.limits.time {
                self.looked.leave(path, "the search had taken long enough");
                break Ok(());
            }
        };
        words.end(&mut tell);
        self.looked.files += 1;
        self.looked.bytes += read;
        for (key, (at, times)) in found {
            let most = if self.found.contains(&key) { MOST_HITS } else { MOST_TOKENS };
            if self.looked.hits.len() >= most {
                self.looked.leave(path, "a find, for there were too many before it");
                continue;
            }
            self.found.insert(key);
            self.looked.hits.push(Hit {
                fingerprint: format!("{key:016x}"),
                file: path.to_owned(),
                line: (skipped == 0).then_some(at.line),
                byte: skipped + at.byte,
                times,
            });
        }
        ended.map(|()| read)
    }
}

fn number(fingerprint: &str) -> Option<u64> {
    u64::from_str_radix(fingerprint.get(..16)?, 16).ok()
}

fn key(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// Where Airflow puts the logs of a DAG's run, if it puts them there: a template of its config may say otherwise.
pub fn logs_of_run(logs: &Path, dag_id: &str, run_id: &str) -> Option<PathBuf> {
    let is_name = |name: &str| !name.contains(['/', '\\']) && !name.contains("..");
    let own = logs.join(format!("dag_id={dag_id}")).join(format!("run_id={run_id}"));
    (is_name(dag_id) && is_name(run_id) && own.is_dir()).then_some(own)
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
