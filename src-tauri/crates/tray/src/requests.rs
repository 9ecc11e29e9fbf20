//! The last requests for a token, as rows of the menu: when, who asked, for what, and what came of it.
//! Decides which records of the ledger are such rows; knows them by what they say alone.

use std::collections::VecDeque;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// How many are shown?
const SHOWN: usize = 5;

/// Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests(VecDeque<Request>);

/// One record that is a request, or many of the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    at: Timestamp,
    who: String,
    what: String,
    how: String,
}

impl Requests {
    /// Of records that come newest first.
    pub(crate) fn of(records: &[Value]) -> Self {
        Self(records.iter().filter_map(Request::of).take(SHOWN).collect())
    }

    /// `true` where the record is a request.
    pub(crate) fn add(&mut self, record: &Value) -> bool {
        let Some(request) = Request::of(record) else { return false };
        self.0.push_front(request);
        self.0.truncate(SHOWN);
        true
    }

    pub(crate) fn rows(&self, zone: &TimeZone) -> Vec<String> {
        self.0.iter().map(|request| request.row(zone)).collect()
    }
}

impl Request {
    fn of(record: &Value) -> Option<Self> {
        let text = |place: &str| record.pointer(place).and_then(Value::as_str);
        let how = match (text("/event")?, text("/outcome")?) {
            ("issue", "ok") => text("/served").unwrap_or("served"),
            ("issue", _) => match text("/error")? {
                "login_required" => "sign-in needed",
                other => other,
            },
            ("decision", "denied") => "denied",
            _ => return None,
        };
        let what = text("/connection").or_else(|| text("/deployment"));
        // Without any of these it was no token that was asked for.
        let what = what.or_else(|| text("/session/profile"))?;
        let mut how = how.replace('_', " ");
        if let Some(count) = record["count"].as_u64() {
            how.push_str(&format!(" x{count}"));
        }
        Some(Self {
            at: text("/time")?.parse().ok()?,
            who: who(record),
            what: what.to_owned(),
            how,
        })
    }

    fn row(&self, zone: &TimeZone) -> String {
        let hour = self.at.to_zoned(zone.clone()).strftime("%H:%M").to_string();
        let Self { who, what, how, .. } = self;
        format!("{hour}  {who} · {what} · {how}")
    }
}

/// `etl.load`, else the program's name.
fn who(record: &Value) -> String {
    let text = |place: &str| record.pointer(place).and_then(Value::as_str);
    match (text("/caller/context/dag_id"), text("/caller/context/task_id")) {
        (Some(dag), Some(task)) => format!("{dag}.{task}"),
        (Some(dag), None) => dag.to_owned(),
        (None, _) if text("/caller/context/purpose") == Some("try") => "tried by hand".to_owned(),
        (None, _) => {
            let program =
                text("/caller/executable").and_then(|path| path.rsplit(['/', '\\']).next());
            let by_pid = || record.pointer("/caller/pid").map(|pid| format!("process {pid}"));
            let known = program.map(str::to_owned).or_else(by_pid);
            known.unwrap_or_else(|| text("/caller/capability").unwrap_or("?").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(event: &str, outcome: &str, more: Value) -> Value {
        let mut record = json!({
            "time": "2026-11-24T19:28:51.000Z", "event": event, "outcome": outcome,
            "session": {"profile": "prod"}, "caller": {"executable": "/usr/bin/curl", "pid": 7}
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    }

    #[test]
    fn a_row_says_when_who_what_and_how() {
        let task = json!({"context": {"dag_id": "etl", "task_id": "load"}, "executable": "/x/py"});
        let table = [
            (record("issue", "ok", json!({"served": "cache"})), Some("curl · prod · cache")),
            (
                record(
                    "issue",
                    "ok",
                    json!({"served": "refresh", "connection": "lake", "caller": task}),
                ),
                Some("etl.load · lake · refresh"),
            ),
            (
                record(
                    "issue",
                    "ok",
                    json!({"served": "exchange", "deployment": "af", "caller": {"pid": 9}}),
                ),
                Some("process 9 · af · exchange"),
            ),
            (
                record("issue", "failed", json!({"error": "login_required"})),
                Some("curl · prod · sign-in needed"),
            ),
            (
                record("issue", "failed", json!({"error": "temporarily_unavailable"})),
                Some("curl · prod · temporarily unavailable"),
            ),
            (record("decision", "denied", json!({})), Some("curl · prod · denied")),
            (record("decision", "denied", json!({"count": 19})), Some("curl · prod · denied x19")),
            (record("decision", "ok", json!({})), None),
            (record("decision", "denied", json!({"session": null, "action": "show-config"})), None),
            (record("refresh", "ok", json!({})), None),
            (json!({"event": "issue"}), None),
        ];
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (record, expected) in table {
            let rows = Requests::of(std::slice::from_ref(&record)).rows(&zone);
            let expected: Vec<String> =
                expected.iter().map(|row| format!("20:28  {row}")).collect();
            assert_eq!(rows, expected, "{record}");
        }
    }

    #[test]
    fn the_newest_stand_first_and_the_rest_goes() {
        let named = |name: &str| record("issue", "ok", json!({"connection": name}));
        let mut requests = Requests::of(&[named("b"), named("a")]);
        for name in ["c", "d", "e", "f"] {
            assert!(requests.add(&named(name)));
        }
        assert!(!requests.add(&record("sign-in", "ok", json!({}))));
        let names: Vec<&str> = requests.0.iter().map(|request| request.what.as_str()).collect();
        assert_eq!(names, ["f", "e", "d", "c", "b"]);
    }
}
