//! The ledger read from its end, block by block, until enough lines are found that are wanted.

use std::io::{self, Read, Seek, SeekFrom};

use super::Verdict;
use super::segments::{Reader, Segments};

/// How much is read at once, backwards from the end?
const BLOCK: u64 = 64 * 1024;

/// The end of a ledger, and what is written behind it.
#[derive(Debug)]
pub struct Tail<F> {
    file: F,
    /// Where it begins: nothing is before.
    floor: u64,
    /// Up to where it was read.
    at: u64,
    /// The beginning of a line that is not finished.
    rest: Vec<u8>,
}

impl<F: Read + Seek> Tail<F> {
    /// The file as it stands now.
    pub fn of(mut file: F) -> io::Result<Self> {
        let at = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, floor: 0, at, rest: Vec::new() })
    }

    /// The last lines that are wanted, oldest first; a line that a crash cut short is one.
    pub fn last(
        &mut self,
        count: usize,
        judge: impl Fn(&str) -> Verdict,
    ) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut start = self.at;
        // The beginning of the block after: the end of the line that this block ends with.
        let mut head = Vec::new();
        while start > self.floor && found.len() < count {
            let size = BLOCK.min(start - self.floor);
            start -= size;
            self.file.seek(SeekFrom::Start(start))?;
            let mut block = vec![0; usize::try_from(size).unwrap_or_default()];
            self.file.read_exact(&mut block)?;
            block.append(&mut head);
            let cut = if start == self.floor {
                0
            } else {
                block.iter().position(|b| *b == b'\n').map_or(block.len(), |at| at + 1)
            };
            head = block[..cut].to_vec();
            let text = String::from_utf8_lossy(&block[cut..]);
            for line in text.lines().rev().filter(|line| !line.is_empty()) {
                match judge(line) {
                    Verdict::Wanted if found.len() < count => found.push(line.to_owned()),
                    Verdict::Wanted | Verdict::NotWanted => {}
                    Verdict::TooOld => {
                        found.reverse();
                        return Ok(found);
                    }
                }
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The whole lines that were written since; one that is empty is none.
    pub fn more(&mut self) -> io::Result<Vec<String>> {
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = std::mem::take(&mut self.rest);
        self.at += self.file.read_to_end(&mut bytes)? as u64;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.rest = bytes.split_off(whole);
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }
}

impl Tail<Reader> {
    /// All of a ledger's files as they are now.
    pub fn over(segments: &Segments) -> Self {
        let (file, floor) = (segments.reader(), segments.begin().byte);
        Self { file, floor, at: segments.end(), rest: Vec::new() }
    }

    /// Goes on in the ledger as it is by now: the segment that was read may have been closed since.
    pub fn look_again(&mut self, segments: &Segments) {
        (self.file, self.floor) = (segments.reader(), segments.begin().byte);
        // Another ledger stands there.
        self.at = self.at.min(segments.end());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn last(text: &str, count: usize, judge: fn(&str) -> Verdict) -> Vec<String> {
        Tail::of(Cursor::new(text.as_bytes())).unwrap().last(count, judge).unwrap()
    }

    #[test]
    fn the_last_lines_are_found_across_blocks() {
        let long = "x".repeat(100_000);
        let lines = ["1".to_owned(), format!("2{long}"), format!("3{long}"), "4".to_owned()];
        let text = lines.join("\n") + "\n";
        for count in [1, 2, 3, 4, 9] {
            let found = last(&text, count, |_| Verdict::Wanted);
            assert!(found == lines[lines.len().saturating_sub(count)..], "{count}");
        }
        assert_eq!(last("", 3, |_| Verdict::Wanted), [] as [&str; 0]);
        assert_eq!(last("half", 3, |_| Verdict::Wanted), ["half"]);
    }

    #[test]
    fn the_search_goes_back_past_what_is_not_wanted_and_ends_where_all_is_too_old() {
        let filler = format!("-{}\n", "x".repeat(999)).repeat(200);
        let text = format!("old\na\n{filler}b\n{filler}");
        let judge = |line: &str| match line {
            "a" | "b" => Verdict::Wanted,
            "old" => Verdict::TooOld,
            _ => Verdict::NotWanted,
        };
        assert_eq!(last(&text, 9, judge), ["a", "b"]);
        assert_eq!(last(&text, 1, judge), ["b"]);
    }

    #[test]
    fn what_follows_is_given_line_by_whole_line() {
        let mut tail = Tail::of(Cursor::new(b"1\n".to_vec())).unwrap();
        let write = |tail: &mut Tail<Cursor<Vec<u8>>>, text: &str| {
            tail.file.seek(SeekFrom::End(0)).unwrap();
            tail.file.write_all(text.as_bytes()).unwrap();
            tail.more().unwrap()
        };
        assert_eq!(write(&mut tail, "2\nha"), ["2"]);
        assert_eq!(write(&mut tail, "lf\n4\n"), ["half", "4"]);
        assert_eq!(write(&mut tail, "5\n\n6\n"), ["5", "6"], "what closes off a crash is no line");
    }
}
