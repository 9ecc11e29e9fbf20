//! What in a text may be a token: every word of the letters that a bearer has (RFC 6750 §2.1), whole and in
//! its parts, and whatever begins as a JWT does (RFC 7519 §3.1) up to where one ends. Decides nothing else.

/// How short may a token be? The shortest reference tokens of PingFederate and PingAM have 22 letters and more.
pub(super) const SHORTEST: usize = 20;
/// How long may one be? No server takes a header that is longer.
pub(super) const LONGEST: usize = 16 * 1024;

/// Cuts a text, block by block, into words. A word that lies across two blocks is one.
#[derive(Debug, Default)]
pub(super) struct Words {
    word: Vec<u8>,
    /// How many `=` stand behind it: they may be its own.
    pads: usize,
    /// It is longer than any token: what is left of it is passed over.
    too_long: bool,
    /// How many lines ended before it, and how many bytes.
    lines: u64,
    bytes: u64,
}

/// Where a word stands: on which line of what was read, counted from 1, and behind how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) line: u64,
    pub(super) byte: u64,
}

impl Words {
    pub(super) fn read(&mut self, block: &[u8], tell: &mut impl FnMut(&[u8], At)) {
        for byte in block {
            match byte {
                b'=' if !self.word.is_empty() && self.pads < 2 => self.pads += 1,
                byte if is_letter(*byte) => {
                    if self.pads > 0 {
                        self.end(tell);
                    }
                    match self.word.len() < LONGEST {
                        true => self.word.push(*byte),
                        false => self.too_long = true,
                    }
                }
                _ => self.end(tell),
            }
            self.bytes += 1;
            self.lines += u64::from(*byte == b'\n');
        }
    }

    /// At the end of the text, where one may end too.
    pub(super) fn end(&mut self, tell: &mut impl FnMut(&[u8], At)) {
        let length = (self.word.len() + self.pads) as u64;
        let at = At { line: self.lines + 1, byte: self.bytes.saturating_sub(length) };
        if !self.too_long && self.word.len() >= SHORTEST {
            let bare = self.word.len();
            self.word.resize(bare + self.pads, b'=');
            candidates(&self.word, bare, &mut |candidate| tell(candidate, at));
        }
        self.word.clear();
        self.pads = 0;
        self.too_long = false;
    }
}

/// Of a word with its `=`, and how long it is without them.
fn candidates(word: &[u8], bare: usize, tell: &mut impl FnMut(&[u8])) {
    let mut tell = |one: &[u8]| {
        if one.len() >= SHORTEST {
            tell(one);
        }
    };
    let named = &word[..bare];
    tell(named);
    if bare < word.len() {
        tell(word);
    }
    // A full stop ends a sentence, and stands within a JWT.
    let start = named.iter().position(|byte| *byte != b'.').unwrap_or(bare);
    let end = named.iter().rposition(|byte| *byte != b'.').map_or(start, |last| last + 1);
    if (start, end) != (0, bare) {
        tell(&named[start.min(end)..end]);
    }
    for part in named.split(|byte| !is_base64url(*byte)).filter(|part| part.len() < bare) {
        tell(part);
    }
    jwts(named, &mut tell);
}

/// Wherever one may begin: signed ones have three parts, encrypted ones five.
fn jwts(word: &[u8], tell: &mut impl FnMut(&[u8])) {
    for (start, _) in word.windows(3).enumerate().filter(|(_, three)| three == b"eyJ") {
        let rest = &word[start..];
        let mut end = 0;
        for parts in 1..=5 {
            let part = rest[end..].iter().take_while(|byte| is_base64url(**byte)).count();
            end += part;
            // The second part of one that is encrypted directly is empty, and a signature may be.
            if matches!(parts, 3 | 5) && rest[..end].len() < word.len() {
                tell(&rest[..end]);
            }
            match rest.get(end) {
                Some(b'.') => end += 1,
                _ => break,
            }
        }
    }
}

/// `b64token` without its `=` (RFC 6750 §2.1).
fn is_letter(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/')
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3ZjNhIn0.c2lnbmF0dXJlLW9mLWl0";
    const JWE: &str = "eyJhbGciOiJkaXIifQ..aXYtb2YtaXQtMTIz.Y2lwaGVydGV4dA.dGFnLW9mLWl0";
    const OPAQUE: &str = "7Fhs0KQ2mVvXb9LrT4aYc1PzWn8e";
    const PADDED: &str = "c2hvcnQtYnV0LXBhZGRlZC10b2tlbg==";

    fn found(text: &str, token: &str) -> Option<At> {
        // Blocks that cut every word, and one that cuts none.
        let places = [3, 7, 1024].map(|size| {
            let mut words = Words::default();
            let mut place = None;
            let mut tell = |one: &[u8], at: At| {
                if one == token.as_bytes() {
                    place = place.or(Some(at));
                }
            };
            text.as_bytes().chunks(size).for_each(|block| words.read(block, &mut tell));
            words.end(&mut tell);
            place
        });
        assert!(places.iter().all(|place| *place == places[0]), "{text}: {places:?}");
        places[0]
    }

    #[test]
    fn a_token_is_found_in_each_shape_that_logs_have_it_in() {
        let table = [
            ("{}", JWT),
            ("Authorization: Bearer {}", JWT),
            ("{'Authorization': 'Bearer {}'}", JWT),
            (r#"{\"access_token\":\"{}\",\"expires_in\":300}"#, JWT),
            ("token={}&x=1", JWT),
            ("https://api.corp.example/x?access_token={}", JWT),
            ("the token was {}.", JWT),
            ("/cache/{}/tokens", JWT),
            ("Bearer%20{}", JWT),
            (r"first\n{}\nlast", JWT),
            ("token:{},", JWE),
            ("x.{}", JWE),
            ("Bearer {}", OPAQUE),
            ("password='{}'", OPAQUE),
            ("AIRFLOW_CLI_TOKEN={}", OPAQUE),
            ("https://user:{}@host/", OPAQUE),
            ("it is {}.", OPAQUE),
            ("Bearer {}", PADDED),
            ("t={};", PADDED),
        ];
        for (form, token) in table {
            let text = form.replace("{}", token);
            assert!(found(&text, token).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_cut_or_glued_is_not_found_and_short_words_are_not_looked_at() {
        let cut = &JWT[..JWT.len() - 1];
        for (text, token) in [
            (cut.to_owned(), JWT),
            (format!("x{OPAQUE}"), OPAQUE),
            (format!("{OPAQUE}y"), OPAQUE),
            ("short-password".to_owned(), "short-password"),
            ("z".repeat(LONGEST + 1), &*"z".repeat(LONGEST)),
        ] {
            assert_eq!(found(&text, token), None, "{text}");
        }
    }

    #[test]
    fn the_place_is_the_line_and_the_byte_that_it_begins_at() {
        let text = format!("first\n\nthird {OPAQUE}\n");
        assert_eq!(found(&text, OPAQUE), Some(At { line: 3, byte: 13 }));
        assert_eq!(found(&format!("\n{PADDED}"), PADDED), Some(At { line: 2, byte: 1 }));
    }
}
