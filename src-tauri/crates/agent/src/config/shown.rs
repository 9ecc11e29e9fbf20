//! A config's text as it may be shown: its tables as values, and where in it a login stands. Reads as
//! far as the text can be read; what it means is `check.rs`'s to say.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Number, Value as Json};
use sha2::{Digest as _, Sha256};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};
use url::Url;

use super::handed_out::is_secret;
use crate::outgoing_proxy::masked;

/// In the place of what no screen shows.
const HIDDEN: &str = "***";
/// How many lines of a text may be no TOML before the rest is not read?
const MOST_BROKEN: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) table: Map<String, Json>,
    /// Bytes of the text.
    pub(super) logins: Vec<(usize, usize)>,
}

/// SHA-256 in hex, by which two files are told apart.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn shown(text: &str) -> Shown {
    let sound = without_what_is_broken(text);
    let (table, _) = DeTable::parse_recoverable(&sound);
    let mut walk = Walk { text: &sound, logins: Vec::new() };
    let table = walk.table(&table.into_inner());
    let Walk { mut logins, .. } = walk;
    if matches!(sound, Cow::Owned(_)) {
        logins = logins_by_line(text);
    }
    logins.sort_unstable();
    Shown { table, logins }
}

/// The parser gives up at a line that is no TOML: each is blanked, and every other byte stays where it is.
fn without_what_is_broken(text: &str) -> Cow<'_, str> {
    let mut left = Cow::Borrowed(text);
    for _ in 0..MOST_BROKEN {
        let (_, wrong) = DeTable::parse_recoverable(&left);
        let Some(at) = wrong.first().and_then(|error| error.span()) else { break };
        let start = left[..at.start].rfind('\n').map_or(0, |end| end + 1);
        let end = left[start..].find('\n').map_or(left.len(), |length| start + length);
        let blank = " ".repeat(end - start);
        // What is wrong there is no one line's fault.
        if left[start..end] == blank {
            break;
        }
        left.to_mut().replace_range(start..end, &blank);
    }
    left
}

/// Where a text is no TOML nobody knows where a string ends: rather too much than too little.
fn logins_by_line(text: &str) -> Vec<(usize, usize)> {
    let mut logins = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let key = line.find("proxy");
        let (proxy, key) = (key.is_some(), key.unwrap_or(0));
        let behind = |mark: &str| line[key..].find(mark).map(|at| key + at + mark.len());
        let from = ["://", "\"", "'", "="].into_iter().find_map(behind).unwrap_or(key);
        let rest = if proxy { &line[from..] } else { authority(&line[from..]) };
        let login = rest.rfind('@').filter(|at| proxy || rest[..*at].contains(':'));
        if let Some(length) = login.filter(|_| !line.trim_start().starts_with('#')) {
            logins.push((start + from, start + from + length));
        }
        start += line.len();
    }
    logins
}

struct Walk<'t> {
    text: &'t str,
    logins: Vec<(usize, usize)>,
}

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Map<String, Json> {
        let value = |(key, value): (&Spanned<_>, _)| {
            let key: &Cow<'_, str> = key.get_ref();
            (key.to_string(), self.value(key, value))
        };
        table.iter().map(value).collect()
    }

    fn value(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Json {
        match value.get_ref() {
            DeValue::String(text) => self.string(key, text, value.span()),
            DeValue::Integer(number) => integer(number),
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().and_then(Number::from_f64);
                number.map_or(Json::Null, Json::Number)
            }
            DeValue::Boolean(flag) => Json::Bool(*flag),
            DeValue::Datetime(time) => Json::String(time.to_string()),
            DeValue::Array(values) => {
                values.iter().map(|value| self.value("", value)).collect::<Vec<_>>().into()
            }
            DeValue::Table(table) => Json::Object(self.table(table)),
        }
    }

    fn string(&mut self, key: &str, text: &str, literal: Range<usize>) -> Json {
        let proxy = key == "proxy" && text.contains('@');
        let address = Url::parse(text).is_ok_and(|url| url.password().is_some());
        if proxy || address {
            self.logins.push(login(self.text, literal, proxy));
        }
        Json::String(match (proxy, is_secret(key, text)) {
            (true, _) => masked(text),
            (false, true) => HIDDEN.to_owned(),
            (false, false) => text.to_owned(),
        })
    }
}

/// Within a string as it was typed, quotes and all. A proxy's password may hold anything; that of another
/// address ends before its path.
fn login(text: &str, literal: Range<usize>, proxy: bool) -> (usize, usize) {
    let typed = text.get(literal.clone()).unwrap_or_default();
    let quotes = typed.bytes().take_while(|byte| b"\"'".contains(byte)).count().min(3);
    let inside = typed.get(quotes..typed.len().saturating_sub(quotes)).unwrap_or_default();
    let scheme = inside.find("://").map_or(0, |at| at + 3);
    let rest = &inside[scheme..];
    let rest = if proxy { rest } else { authority(rest) };
    // An `@` that is spelled by its number is not looked for: the whole is hidden.
    let (from, length) = rest.rfind('@').map_or((0, inside.len()), |at| (scheme, at));
    let start = literal.start + quotes + from;
    (start, start + length)
}

/// Of an address, behind its scheme.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#', '"', '\'']).next().unwrap_or(rest)
}

fn integer(number: &DeInteger<'_>) -> Json {
    let digits = number.as_str().replace('_', "");
    i64::from_str_radix(&digits, number.radix()).map_or(Json::Null, Json::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_write_a_value_is_read_and_a_broken_line_costs_itself_alone() {
        let text = "# top\na = \"x # no\" # yes\nb.c = [1, 2, # two\n 3]\n[p.\"q r\"]\nd = '\\'\n\
            e = { f = true, g = \"h\" }\nu = \"\\u00e9\\U0001F511\\t\\e\"\nl = \"\"\"one \\\n   two\"\"\"\n\
            x = 0xff\nt = 2026-11-24\n[[many]]\nz = 1\n[p.s]\nbroken\nok = 12_000\nhalf = 1.5\n= \u{e9}\n[after\n[after]\nit = true\nit = false\n";
        assert_eq!(
            Json::Object(shown(text).table),
            json!({
                "a": "x # no", "b": { "c": [1, 2, 3] },
                "p": {
                    "q r": {
                        "d": "\\", "e": { "f": true, "g": "h" }, "u": "\u{e9}\u{1f511}\t\u{1b}",
                        "l": "one two", "x": 255, "t": "2026-11-24"
                    },
                    "s": { "ok": 12_000, "half": 1.5 }
                },
                "many": [{ "z": 1 }], "after": { "it": true }
            })
        );
    }

    #[test]
    fn no_secret_is_in_the_table_and_each_login_of_the_text_is_found() {
        for (text, value, left) in [
            ("proxy = \"http://p:1\"", "http://p:1", "proxy = \"http://p:1\""),
            (
                "proxy = \"http://a:pw@p:1\" # x@y",
                "http://***@p:1",
                "proxy = \"http://@p:1\" # x@y",
            ),
            ("proxy = 'a:p/w#@@p:1'", "***@p:1", "proxy = '@p:1'"),
            (
                "proxy = \"\"\"http://a:pw@p:1\"\"\"",
                "http://***@p:1",
                "proxy = \"\"\"http://@p:1\"\"\"",
            ),
            ("proxy = \"http://a:pw\\u0040p:1\"", "http://***@p:1", "proxy = \"\""),
            ("issuer = \"https://a:pw@i/as?x=@\"", "***", "issuer = \"https://@i/as?x=@\""),
            ("client_secret = \"s\"", "***", "client_secret = \"s\""),
        ] {
            let inline = format!("[profile]\n\"\u{e9}\" = {{ {text} }}\n").replace(" # x@y", "");
            for (text, left) in [(text, left), (&*inline, left)] {
                let Shown { table, logins } = shown(text);
                let shown = Json::Object(table).to_string();
                assert!(
                    shown.contains(&format!("\"{value}\"")) && !shown.contains("pw"),
                    "{shown}"
                );
                let mut rest = text.to_owned();
                logins.iter().rev().for_each(|(from, to)| rest.replace_range(*from..*to, ""));
                assert!(rest.contains(left.trim_end_matches(" # x@y")), "{text}: {rest}");
            }
        }
    }

    #[test]
    fn a_login_in_a_text_that_is_no_toml_is_found_too() {
        for (line, left) in [
            ("proxy = \"http://a:pw@p:1", "proxy = \"http://@p:1"),
            ("x = { proxy = 'a:pw#/@p:1'", "x = { proxy = '@p:1'"),
            ("proxy http://a:pw@p:1", "proxy http://@p:1"),
            ("issuer = https://a:pw@i/as?x=@", "issuer = https://@i/as?x=@"),
            ("host = ada@corp.example", "host = ada@corp.example"),
            ("# proxy = \"http://a:b@p:1\"", "# proxy = \"http://a:b@p:1\""),
        ] {
            let text = format!("# \u{e9}\nbroken\n{line}\nok = 1\n");
            let Shown { logins, .. } = shown(&text);
            let mut rest = text.clone();
            logins.iter().rev().for_each(|(from, to)| rest.replace_range(*from..*to, ""));
            assert_eq!(rest, text.replace(line, left), "{line}");
        }
    }
}
