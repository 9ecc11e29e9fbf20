//! What the protected API saw: read from the sandbox, shown as a table, judged.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::shell::Failure;

pub(super) struct ApiLog {
    rows: Vec<Row>,
}

struct Row {
    time: String,
    token: String,
    expiry: String,
    status: String,
}

impl ApiLog {
    pub(super) fn read(control: &str) -> Result<Self, Failure> {
        let unread = |cause: std::io::Error| Failure::new(format!("the API's log: {cause}"));
        let address = control.trim_start_matches("http://");
        let (host, path) = address.split_once('/').unwrap_or((address, ""));
        let mut stream = TcpStream::connect(host).map_err(unread)?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(unread)?;
        let ask =
            format!("GET /{path}/api-log HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).map_err(unread)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(unread)?;
        Ok(Self::parse(&text))
    }

    /// Flat objects in an array: each holds no brace of its own.
    fn parse(text: &str) -> Self {
        let body = text.split_once("\r\n\r\n").map_or(text, |(_, body)| body);
        let row = |object: &str| {
            Some(Row {
                time: field(object, "time")?.to_owned(),
                token: field(object, "token").unwrap_or("-").to_owned(),
                expiry: field(object, "expiry").unwrap_or("-").to_owned(),
                status: field(object, "status")?.to_owned(),
            })
        };
        Self { rows: body.split('}').filter_map(row).collect() }
    }

    /// A line a token: when it ends, and each call with it by its second; one that was refused by its status.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("  {:<8}  {:<8}  called at", "token", "ends")];
        for calls in self.rows.chunk_by(|one, next| one.token == next.token) {
            let Some(first) = calls.first() else { continue };
            let mut shown: Vec<String> = Vec::new();
            let mut minute = "";
            for call in calls {
                let time = clock(&call.time);
                let (hour_and_minute, second) = time.split_at_checked(6).unwrap_or(("", time));
                let second = second.get(..4).unwrap_or(second);
                let refused = (call.status != "200").then(|| format!("={}", call.status));
                let head = if hour_and_minute == minute { "" } else { hour_and_minute };
                shown.push(format!("{head}{second}{}", refused.unwrap_or_default()));
                minute = hour_and_minute;
            }
            let shown = shown.join(" ");
            let (token, end) = (first.token.get(..8).unwrap_or(&first.token), clock(&first.expiry));
            lines.push(format!("  {token:<8}  {:<8}  {shown}", end.get(..8).unwrap_or(end)));
        }
        lines
    }

    pub(super) fn verdict(&self, tokens: usize) -> Result<(), Failure> {
        if let Some(refused) = self.rows.iter().find(|row| row.status != "200") {
            return Err(Failure::new(format!(
                "the API answered {} at {}",
                refused.status, refused.time
            )));
        }
        if self.tokens() < tokens {
            let seen = self.tokens();
            return Err(Failure::new(format!("the API saw {seen} distinct tokens, not {tokens}")));
        }
        Ok(())
    }

    pub(super) fn summary(&self) -> String {
        format!("{} calls, {} distinct tokens, no 401", self.rows.len(), self.tokens())
    }

    fn tokens(&self) -> usize {
        self.rows.iter().map(|row| row.token.as_str()).collect::<BTreeSet<_>>().len()
    }
}

/// The hour of an RFC 3339 time, with what its seconds have of a fraction.
fn clock(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, clock)| clock).trim_end_matches('Z')
}

/// The value of a member of a flat JSON object, text or number.
pub(super) fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = object.split_once(&format!("\"{name}\":"))?;
    let rest = rest.trim_start();
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => rest.split([',', '}', ']']).next().map(str::trim).filter(|word| *word != "null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(statuses: &[(&str, u16)]) -> ApiLog {
        let rows = statuses.iter().map(|(token, status)| {
            format!(
                r#"{{"time":"t","token":"{token}","expiry":"e","status":{status},"error":null}}"#
            )
        });
        ApiLog::parse(&format!("HTTP/1.1 200 OK\r\n\r\n[{}]", rows.collect::<Vec<_>>().join(",")))
    }

    #[test]
    fn it_fails_under_three_tokens_or_on_any_401() {
        assert!(log(&[("a", 200), ("b", 200), ("c", 200), ("c", 200)]).verdict(3).is_ok());
        assert!(log(&[("a", 200), ("b", 200), ("b", 200)]).verdict(3).is_err());
        assert!(log(&[("a", 200), ("b", 200), ("c", 401)]).verdict(3).is_err());
        assert!(log(&[]).verdict(3).is_err());
    }

    #[test]
    fn each_call_stands_behind_its_token_and_a_refused_one_says_so() {
        let row = |token: &str, time: &str, status: u16| {
            format!(
                r#"{{"time":"2026-11-30T{time}Z","token":"{token}","expiry":"2026-11-30T00:35:02Z","status":{status}}}"#
            )
        };
        let rows = [
            row("aaaabbbbcccc", "00:34:58.123", 200),
            row("aaaabbbbcccc", "00:35:00.500", 401),
            row("ddddeeeeffff", "00:35:01", 200),
            row("ddddeeeeffff", "00:35:02", 200),
        ];
        assert_eq!(
            ApiLog::parse(&rows.join(",")).lines(),
            [
                "  token     ends      called at",
                "  aaaabbbb  00:35:02  00:34:58.1 00:35:00.5=401",
                "  ddddeeee  00:35:02  00:35:01 02",
            ]
        );
    }

    #[test]
    fn members_are_read_from_a_flat_object() {
        let object = r#"{"a":"x","n":200,"z":null}"#;
        assert_eq!(field(object, "a"), Some("x"));
        assert_eq!(field(object, "n"), Some("200"));
        assert_eq!(field(object, "z"), None);
        assert_eq!(field(object, "q"), None);
    }
}
