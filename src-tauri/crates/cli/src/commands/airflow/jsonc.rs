//! JSON with comments, as editors keep their settings: finds where one more element goes into an array of
//! the outermost object, and changes nothing else. Never parses a value it does not need.

/// The text with `element` put first into the array under `key`.
pub(super) fn prepend(text: &str, key: &str, element: &str) -> Result<String, String> {
    let mut scan = Scan { text, at: 0 };
    scan.expect('{')?;
    loop {
        match scan.token()? {
            Token::Open('{' | '[') => return Err(scan.fault("a name is missing")),
            Token::Text(name) if name == key => {
                scan.expect(':')?;
                scan.expect('[')?;
                return Ok(insert(text, scan.at, element, scan.is_closed_next()?));
            }
            Token::Text(_) => {
                scan.expect(':')?;
                scan.skip_value()?;
            }
            Token::Close('}') => {
                let line = format!("\n    \"{key}\": [\n        {element}\n    ],");
                let at = text.find('{').map_or(0, |at| at + 1);
                return Ok(format!("{}{line}{}", &text[..at], &text[at..]));
            }
            Token::Other(',') => {}
            Token::Close(_) | Token::Open(_) | Token::Other(_) => {
                return Err(scan.fault("this is no object"));
            }
        }
    }
}

fn insert(text: &str, at: usize, element: &str, last: bool) -> String {
    let comma = if last { "\n    " } else { "," };
    format!("{}\n        {element}{comma}{}", &text[..at], &text[at..])
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Open(char),
    Close(char),
    Text(&'a str),
    Other(char),
}

impl<'a> Scan<'a> {
    /// The next token; comments and white space are none. A number or a word comes letter by letter.
    fn token(&mut self) -> Result<Token<'a>, String> {
        self.skip_blank()?;
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Err(self.fault("the end is missing")) };
        if first != '"' {
            self.at += first.len_utf8();
            return Ok(match first {
                '{' | '[' => Token::Open(first),
                '}' | ']' => Token::Close(first),
                other => Token::Other(other),
            });
        }
        let mut escaped = false;
        for (offset, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    self.at += offset + 1;
                    return Ok(Token::Text(&rest[1..offset]));
                }
                _ => {}
            }
        }
        Err(self.fault("a text does not end"))
    }

    fn skip_blank(&mut self) -> Result<(), String> {
        loop {
            let rest = &self.text[self.at..];
            let blank =
                rest.len() - rest.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).len();
            self.at += blank;
            let rest = &rest[blank..];
            let end = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/")
                    .map(|at| at + 2)
                    .ok_or_else(|| self.fault("a comment does not end"))?
            } else {
                return Ok(());
            };
            self.at += end;
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.token()? {
            Token::Open(c) | Token::Close(c) | Token::Other(c) if c == wanted => Ok(()),
            _ => Err(self.fault(&format!("`{wanted}` is missing"))),
        }
    }

    /// Up to the comma or the bracket that ends the value, which is left.
    fn skip_value(&mut self) -> Result<(), String> {
        let mut depth = 0_usize;
        loop {
            let before = self.at;
            match self.token()? {
                Token::Open(_) => depth += 1,
                Token::Close(_) | Token::Other(',') if depth == 0 => {
                    self.at = before;
                    return Ok(());
                }
                Token::Close(_) => depth -= 1,
                Token::Text(_) | Token::Other(_) => {}
            }
        }
    }

    fn is_closed_next(&mut self) -> Result<bool, String> {
        Ok(self.token()? == Token::Close(']'))
    }

    fn fault(&self, what: &str) -> String {
        let line = self.text[..self.at.min(self.text.len())].lines().count().max(1);
        format!("line {line}: {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_element_goes_into_the_outer_array_and_every_other_byte_stays() {
        let table = [
            "{\"version\": \"0.2.0\", // a \"configurations\": [ here\n \"configurations\": [\n  /* mine */ {\"name\": \"a\",},\n ],\n}",
            "{\"inputs\": [{\"configurations\": [1, 2]}], \"configurations\": []}",
            "\u{feff}{ /* { \"configurations\": [ */ \"x\": -1.5e3, \"y\": \"\\\"]}\", \"configurations\": [ // c\n ] }",
        ];
        for before in table {
            let after = prepend(before, "configurations", "{\"ours\":1}").unwrap();
            let at = after.find("\n        {\"ours\":1}").unwrap();
            let added = after.len() - before.len();
            assert_eq!(format!("{}{}", &after[..at], &after[at + added..]), before);
            assert!(after[..at].ends_with('[') && !after[..at].contains("/* mine"), "{after}");
        }
    }

    #[test]
    fn an_array_that_is_missing_is_made() {
        let after = prepend("{\"version\": \"0.2.0\"}", "configurations", "1").unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&after).unwrap();
        assert_eq!(parsed, serde_json::json!({"configurations": [1], "version": "0.2.0"}));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_line() {
        for text in ["", "[]", "{\n\"configurations\": 1}", "{\"a", "{ /* ", "{\"a\" 1}"] {
            assert!(
                prepend(text, "configurations", "1").unwrap_err().starts_with("line "),
                "{text}"
            );
        }
    }
}
