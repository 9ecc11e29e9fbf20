//! An answer as it arrived: its status, what a person may know of where it came from, its JSON. Decides
//! what is JSON at all; never what it means.

use std::time::Duration;

use dagpass_core::ports::TokenFailure;
use dagpass_core::time::Timestamp;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::date;
use super::failure::misconfigured;

/// How long may a server send us away? Longer wishes are cut to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

pub(crate) struct Answer {
    /// Host and port: what a person may know of where it came from.
    pub from: String,
    pub status: u16,
    pub content_type: String,
    pub body: Zeroizing<Vec<u8>>,
    pub retry_after: Option<Duration>,
    /// Ping's name for this request, for its support.
    pub correlation: Option<String>,
    /// `WWW-Authenticate` (RFC 6750 §3).
    pub challenge: Option<String>,
    pub received_at: Timestamp,
    /// Clock of the server less ours, seconds.
    pub clock_skew: Option<i64>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("from", &self.from)
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// A body that a person, a browser or a proxy was meant to read is never JSON to us.
    pub(crate) fn object(&self) -> Option<Map<String, Value>> {
        let for_people = self.content_type.to_ascii_lowercase().contains("html");
        if for_people || (300..400).contains(&self.status) {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds or a date, capped; `None` where it says nothing usable.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    }
    let at = date::parse(text)?;
    (at > now).then(|| now.until(at).min(LONGEST_RETRY_AFTER))
}

/// Reads the fields a person could be asked to look up. A blank one is none.
pub(crate) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A field without which the answer is of no use.
pub(crate) fn required<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a str, TokenFailure> {
    text(object, name)
        .ok_or_else(|| misconfigured("server_error", format!("the answer has no `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_and_capped() {
        let now = Timestamp::from_secs(784_111_777);
        let table = [
            ("3", Some(3)),
            (" 120 ", Some(120)),
            ("999999", Some(300)),
            ("99999999999999999999999999", Some(300)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Mon, 07 Nov 1994 08:50:07 GMT", Some(300)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
