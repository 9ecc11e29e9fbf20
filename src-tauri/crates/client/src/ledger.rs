//! The ledger as its readers see it: `audit tail` and the agent's `/v1/activity` read from the end and
//! never judge whether the chain holds; `audit verify` reads all of it and does.

mod chain;
pub mod evidence;
pub mod export;
mod filter;
#[cfg(test)]
mod fuzz;
mod lines;
pub mod log;
mod moment;
pub mod record;
mod segments;
mod tail;
pub mod words;

pub use chain::{Chain, Found, Pruned, digits, hex};
pub use filter::{Filter, Verdict};
pub use lines::{Lines, WholeLine};
pub use moment::moment;
pub use record::{Audience, Line, NOT_VISIBLE, VERSION};
pub use segments::{LINES, Mark, Opens, Reader, Segment, Segments, closed};
pub use tail::Tail;

/// The line without the hash of the line before, which only a verifier needs. `None` where it is no
/// JSON object: what a crash cut short.
pub fn without_prev(line: &str) -> Option<String> {
    const KEY: &str = "\"prev\":\"";
    // As the agent writes it, the text stays as it is.
    if serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
        && let Some((before, rest)) = line.split_once(KEY)
        && let Some((hash, after)) = rest.split_once("\",")
        && hash.len() == 64
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Some(format!("{before}{after}"));
    }
    let mut record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    record.remove("prev");
    serde_json::to_string(&record).ok()
}

#[cfg(test)]
mod tests {
    use super::without_prev;

    #[test]
    fn only_the_hash_goes() {
        let hash = "0".repeat(64);
        let line = format!(r#"{{"v":2,"seq":2,"time":"t","prev":"{hash}","event":"issue"}}"#);
        let table = [
            (line.as_str(), Some(r#"{"v":2,"seq":2,"time":"t","event":"issue"}"#)),
            (r#"{"prev":"x"}"#, Some("{}")),
            (r#"{"v":1,"seq":2,"ti"#, None),
            ("7", None),
        ];
        for (line, expected) in table {
            assert_eq!(without_prev(line).as_deref(), expected, "{line}");
        }
    }
}
