//! An answer as it arrived: its status, what a person may know of where it came from, its JSON. Decides
//! what is JSON at all; never what it means.

use std::time::Duration;

use dagpass_core::ports::TokenFailure;
use dagpass_core::time::Timestamp;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::date;
use super::failure::misconfigured;

/// How long may a server that is out of order send us away? Longer wishes are cut to this.
const LONGEST_OUTAGE: Duration = Duration::from_secs(300);

/// How long may one that asks us to come less often? It works, and asks again cost the limit of all.
const LONGEST_LIMIT: Duration = Duration::from_secs(3600);

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
        self.json()
    }

    /// Whoever it was meant for. Some servers set a byte order mark before it (RFC 8259 §8.1 lets a
    /// reader pass over it).
    pub(crate) fn json(&self) -> Option<Map<String, Value>> {
        let body = self.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.body);
        serde_json::from_slice(body).ok()
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds or a date, capped; `None` where it says nothing usable.
pub(super) fn retry_after(text: &str, status: u16, now: Timestamp) -> Option<Duration> {
    let longest = if status == 429 { LONGEST_LIMIT } else { LONGEST_OUTAGE };
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(longest));
    }
    let at = date::parse(text)?;
    (at > now).then(|| now.until(at).min(longest))
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
            (503, "3", Some(3)),
            (503, " 120 ", Some(120)),
            (503, "999999", Some(300)),
            (429, "1800", Some(1800)),
            (429, "999999", Some(3600)),
            (429, "99999999999999999999999999", Some(3600)),
            (503, "Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            (503, "Mon, 07 Nov 1994 08:50:07 GMT", Some(300)),
            (429, "Mon, 07 Nov 1994 08:50:07 GMT", Some(3600)),
            (429, "Sun, 06 Nov 1994 08:00:00 GMT", None),
            (429, "-5", None),
            (429, "soon", None),
            (429, "", None),
        ];
        for (status, text, expected) in table {
            let read = retry_after(text, status, now);
            assert_eq!(read, expected.map(Duration::from_secs), "{status} {text}");
        }
    }
}
