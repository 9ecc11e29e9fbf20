//! The lines of a file one by one. However long one is, no more of it is held than a record may have, and
//! each part passes by whoever hashes it.

use std::io::{self, BufRead, ErrorKind};

/// How much of a line is held? No record is a tenth as long.
const LONGEST: usize = 1024 * 1024;

/// A reader's lines.
#[derive(Debug)]
pub struct Lines<R> {
    ledger: R,
    held: Vec<u8>,
}

/// One of them, without its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeLine<'l> {
    /// `None` where it is longer than any record.
    pub text: Option<&'l [u8]>,
    /// Does a newline end it? Else it is the last one, and was cut short or is being written.
    pub ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn of(ledger: R) -> Self {
        Self { ledger, held: Vec::new() }
    }

    /// `None` at the end. `part` sees all of the line, also where it is not held.
    pub fn next(&mut self, mut part: impl FnMut(&[u8])) -> io::Result<Option<WholeLine<'_>>> {
        self.held.clear();
        let (mut any, mut fits) = (false, true);
        let ended = loop {
            let block = match self.ledger.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                block => block?,
            };
            if block.is_empty() {
                break false;
            }
            any = true;
            let end = block.iter().position(|byte| *byte == b'\n');
            let (text, used) = match end {
                Some(end) => (&block[..end], end + 1),
                None => (block, block.len()),
            };
            part(text);
            fits &= self.held.len() + text.len() <= LONGEST;
            if fits {
                self.held.extend_from_slice(text);
            }
            self.ledger.consume(used);
            if end.is_some() {
                break true;
            }
        };
        let text = fits.then_some(self.held.as_slice());
        Ok(any.then_some(WholeLine { text, ended }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_is_held_unless_it_is_longer_than_any_record_and_is_seen_in_full_in_any_case() {
        let long = "x".repeat(LONGEST + 1);
        let fits = "y".repeat(LONGEST);
        let text = format!("one\n\n{long}\n{fits}\ntorn");
        // Blocks that no line fits into, and one that all do.
        for block in [7, 64 * 1024, text.len()] {
            let mut lines = Lines::of(BufReader::with_capacity(block, text.as_bytes()));
            let mut seen = Vec::new();
            let mut told = Vec::new();
            loop {
                let mut length = 0;
                let Some(line) = lines.next(|part| length += part.len()).unwrap() else { break };
                seen.push(length);
                told.push((line.text.map(<[u8]>::len), line.ended));
            }
            assert_eq!(seen, [3, 0, LONGEST + 1, LONGEST, 4], "{block}");
            let expected = [
                (Some(3), true),
                (Some(0), true),
                (None, true),
                (Some(LONGEST), true),
                (Some(4), false),
            ];
            assert_eq!(told, expected, "{block}");
        }
    }
}
