//! The files of one ledger, read as one: the closed segments in `ledger-log/lines`, each named by the lines that
//! it holds, and the open one, `ledger.jsonl`. Lines and bytes are counted from the first line that was ever
//! written, also where the first segments were pruned: there is nothing to read there then.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::log::FOLDER;
use crate::folders::LEDGER;

/// In the logs' folder, so that a copy of it and of `ledger.jsonl` is whole.
pub const LINES: &str = "lines";

/// How often is it looked again where a segment was closed meanwhile?
const TRIES: usize = 16;
/// How much is compared at once?
const BLOCK: u64 = 64 * 1024;
/// What no ledger is as long as: a name that says more says nothing.
const MOST_LINES: u64 = 1 << 40;
const MOST_BYTES: u64 = 1 << 60;

/// A closed one: lines `from` to `to`, counted from 0, the last one excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub path: PathBuf,
    pub from: u64,
    pub to: u64,
    /// Where its first byte is.
    pub start: u64,
    /// How many it has.
    pub length: u64,
}

impl Segment {
    /// For a person the first line is 1.
    pub fn name(from: u64, to: u64, start: u64) -> String {
        format!("{:012}-{to:012}-{start}.jsonl", from + 1)
    }

    /// Of a file whose name says what it holds; any other is none.
    pub fn parse(path: PathBuf, length: u64) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
        let mut parts = name.splitn(3, '-').map(|part| part.parse::<u64>().ok());
        let (first, to, start) = (parts.next()??, parts.next()??, parts.next()??);
        let from = first.checked_sub(1).filter(|from| *from < to)?;
        let end = start.checked_add(length)?;
        (to <= MOST_LINES && end <= MOST_BYTES).then_some(Self { path, from, to, start, length })
    }

    /// Where the next one begins: its line, and its byte.
    pub fn end(&self) -> Mark {
        Mark { line: self.to, byte: self.start + self.length }
    }
}

/// A place between two lines: how many stand before it, and how many bytes they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub line: u64,
    pub byte: u64,
}

/// Where the open one begins. Both are the same where every closed one is there and as long as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opens {
    /// What it is named by once it is closed: it goes on from the name of the last closed one.
    pub named: Mark,
    /// Where a [`Reader`] finds it: the bytes that are there lie one behind the other.
    pub at: u64,
}

impl Opens {
    pub fn behind(closed: &[Segment]) -> Self {
        let begin = closed.first().map_or(0, |first| first.start);
        let at = closed.iter().fold(begin, |at, segment| at.saturating_add(segment.length));
        Self { named: closed.last().map_or_else(Mark::default, Segment::end), at }
    }
}

/// The closed ones of a ledger, the oldest first. A file of another name than the agent's own is by itself.
pub fn closed(ledger: &Path) -> io::Result<Vec<Segment>> {
    if ledger.file_name() != Some(LEDGER.as_ref()) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(ledger.with_file_name(FOLDER).join(LINES)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut closed = Vec::new();
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            // Pruned meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => {
                let found = found?;
                let segment = Segment::parse(entry.path(), found.len());
                closed.extend(segment.filter(|_| found.is_file()));
            }
        }
    }
    closed.sort_by_key(|segment: &Segment| (segment.from, segment.to));
    Ok(closed)
}

/// All of them as they were at one moment. What is appended later is not seen.
#[derive(Clone, Debug)]
pub struct Segments {
    ledger: PathBuf,
    closed: Vec<Segment>,
    /// The open one and how long it was; none where an agent ended while it closed one.
    open: Option<(Arc<Mutex<File>>, u64)>,
    /// The open one is an older copy of the last closed one.
    twice: bool,
}

impl Segments {
    /// `NotFound` where there is neither a closed one nor an open one.
    pub fn of(ledger: &Path) -> io::Result<Self> {
        Self::listed(ledger, closed)
    }

    fn listed(ledger: &Path, list: impl Fn(&Path) -> io::Result<Vec<Segment>>) -> io::Result<Self> {
        let mut closed = list(ledger)?;
        for _ in 0..TRIES {
            let open = match File::open(ledger) {
                Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
                open => Ok(open?),
            };
            // One that was closed in between would be missed, or be there twice.
            let again = list(ledger)?;
            if again != closed {
                closed = again;
                continue;
            }
            let open = match open {
                Err(error) if closed.is_empty() => return Err(error),
                open => open.ok(),
            };
            let (mut of_it, mut twice) = (None, false);
            if let Some(file) = open {
                let length = file.metadata()?.len();
                twice = closed.last().map_or(Ok(false), |last| begins(last, &file, length))?;
                of_it = (!twice).then(|| (Arc::new(Mutex::new(file)), length));
            }
            return Ok(Self { ledger: ledger.to_owned(), closed, open: of_it, twice });
        }
        Err(io::Error::new(ErrorKind::WouldBlock, "its segments change faster than they are read"))
    }

    pub fn closed(&self) -> &[Segment] {
        &self.closed
    }

    /// Where files are copied one after the other while an agent closes a segment, the copy has it as the open one
    /// too. It is read once.
    pub fn has_it_twice(&self) -> bool {
        self.twice
    }

    /// Where what is here begins: behind all that was pruned.
    pub fn begin(&self) -> Mark {
        let first = self.closed.first();
        first.map_or_else(Mark::default, |first| Mark { line: first.from, byte: first.start })
    }

    /// Where the last byte of all ends.
    pub fn end(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |(_, length)| *length);
        self.open_at() + open
    }

    /// Behind the beginning: which lines no file has between two that have their neighbours, counted from 0.
    pub fn holes(&self) -> Vec<(u64, u64)> {
        let pairs = self.closed.iter().zip(self.closed.iter().skip(1));
        pairs
            // What two have is no hole: their lines themselves say what is wrong.
            .filter(|(one, next)| one.to < next.from)
            .map(|(one, next)| (one.to, next.from))
            .collect()
    }

    /// The file in which that byte lies.
    pub fn file_at(&self, byte: u64) -> &Path {
        let mut start = self.begin().byte;
        for segment in &self.closed {
            start += segment.length;
            if byte < start {
                return &segment.path;
            }
        }
        &self.ledger
    }

    /// From the beginning of what is here; positions are bytes of the whole ledger.
    pub fn reader(&self) -> Reader {
        Reader { at: self.begin().byte, of: self.clone(), part: None }
    }

    /// The bytes of the closed ones lie one behind the other, whatever their names say: what was cut out of one
    /// is no hole of zeros.
    fn open_at(&self) -> u64 {
        Opens::behind(&self.closed).at
    }
}

/// Does that closed one begin with all that this file has?
fn begins(closed: &Segment, open: &File, length: u64) -> io::Result<bool> {
    if length == 0 || length > closed.length {
        return Ok(false);
    }
    let mut closed = match File::open(&closed.path) {
        // Pruned meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        closed => closed?.take(length),
    };
    let (mut one, mut other) = (Vec::new(), Vec::new());
    // Their first records differ, as a rule.
    for size in std::iter::once(BLOCK / 16).chain(std::iter::repeat(BLOCK)) {
        one.clear();
        other.clear();
        open.take(size).read_to_end(&mut one)?;
        closed.by_ref().take(size).read_to_end(&mut other)?;
        if one != other || one.is_empty() {
            break;
        }
    }
    Ok(one.is_empty() && other.is_empty())
}

/// [`Segments`], read.
#[derive(Debug)]
pub struct Reader {
    of: Segments,
    at: u64,
    /// The closed one that is being read, by its place among them.
    part: Option<(usize, File)>,
}

impl Reader {
    /// From that byte on, which may be one that was pruned.
    pub fn from(mut self, byte: u64) -> Self {
        self.at = byte;
        self
    }

    /// Which one the next byte lies in, the byte within it, and how many follow there. `None`: the open one.
    fn place(&self) -> (Option<usize>, u64, u64) {
        let mut start = self.of.begin().byte;
        for (number, segment) in self.of.closed.iter().enumerate() {
            let end = start + segment.length;
            if self.at < end {
                return (Some(number), self.at - start, end - self.at);
            }
            start = end;
        }
        let length = self.of.open.as_ref().map_or(0, |(_, length)| *length);
        (None, self.at - start, (start + length).saturating_sub(self.at))
    }

    fn closed_one(&mut self, number: usize) -> io::Result<&mut File> {
        if self.part.as_ref().is_none_or(|(held, _)| *held != number) {
            let path = self.of.closed.get(number).map(|segment| segment.path.as_path());
            let file = File::open(path.unwrap_or(&self.of.ledger)).map_err(|error| {
                let pruned = "a part of the ledger was pruned while it was read: read it again";
                match error.kind() {
                    ErrorKind::NotFound => io::Error::new(ErrorKind::NotFound, pruned),
                    _ => error,
                }
            })?;
            self.part = Some((number, file));
        }
        let held = self.part.as_mut().map(|(_, file)| file);
        held.ok_or_else(|| io::Error::from(ErrorKind::NotFound))
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.at = self.at.max(self.of.begin().byte);
        loop {
            let (number, offset, left) = self.place();
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let Some(into) = buffer.get_mut(..most).filter(|into| !into.is_empty()) else {
                return Ok(0);
            };
            let Some(number) = number else {
                let Some((file, _)) = &self.of.open else { return Ok(0) };
                // Several may read it.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(offset))?;
                let read = file.read(into)?;
                self.at += read as u64;
                return Ok(read);
            };
            let file = self.closed_one(number)?;
            file.seek(SeekFrom::Start(offset))?;
            match file.read(into)? {
                // It was cut meanwhile.
                0 => self.at += left,
                read => {
                    self.at += read as u64;
                    return Ok(read);
                }
            }
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.of.end().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
