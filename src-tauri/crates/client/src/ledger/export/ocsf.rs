//! Lines as events of OCSF 1.8: which class each is of, and what it says there. What has no place there stands
//! under `unmapped`, and the line as it is in `raw_data`, so that who holds the events can check the chain.

mod class;
mod parts;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::class::{Activity, Class};
use crate::ledger::log::{Checkpoint, Note, leaf_hash};
use crate::ledger::words::{amount, title};
use crate::ledger::{Line, digits, hex};

/// Of the schema (<https://schema.ocsf.io/1.8.0>).
pub const OCSF_VERSION: &str = "1.8.0";

/// What stands in the first line for the hash of the one before.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Of a line, what the event says elsewhere.
const SAID: [&str; 8] = ["v", "seq", "time", "prev", "salt", "event", "outcome", "subject"];

/// Makes events of lines that come one after the other, none left out: each names the one before.
#[derive(Clone, Debug, Default)]
pub struct Ocsf {
    /// Of the program that makes the events.
    version: String,
    /// Of the log over these lines, where there is one.
    origin: Option<String>,
    before: Option<Seen>,
    /// Of the newest line that says when, epoch milliseconds.
    time: i64,
}

#[derive(Clone, Debug)]
struct Seen {
    sha256: String,
    leaf: String,
}

impl Ocsf {
    pub fn new(version: &str, origin: Option<&str>) -> Self {
        let origin = origin.map(str::to_owned);
        Self { version: version.to_owned(), origin, ..Self::default() }
    }

    /// Goes past a line that nobody wants an event of.
    pub fn pass(&mut self, text: &[u8], line: Option<&Line>) {
        self.before = Some(Seen { sha256: hex(text), leaf: digits(&leaf_hash(text).0) });
        let time = line.and_then(|line| line.time.parse::<Timestamp>().ok());
        self.time = time.map_or(self.time, Timestamp::as_millisecond);
    }

    /// `line` is what the text says, where it is a record.
    pub fn event(&mut self, text: &[u8], line: Option<&Line>) -> Value {
        let before = self.before.take();
        self.pass(text, line);
        let Some(here) = &self.before else { return Value::Null };
        let (class, activity) = line.map_or((Class::Base, class::NO_RECORD), class::of);
        let mut event = self.frame(class, activity);
        event.insert("raw_data_hash".to_owned(), fingerprint(&here.sha256));
        event.insert("raw_data_size".to_owned(), json!(text.len()));
        let metadata = json!({
            "uid": here.leaf,
            "log_name": "ledger.jsonl",
            "event_code": line.map(|line| &line.event),
            "sequence": line.map(|line| line.seq),
            "log_version": line.map(|line| line.v.to_string()),
            "original_time": line.map(|line| &line.time).filter(|time| !time.is_empty()),
            "correlation_uid": line.and_then(|line| line.caller.capability.as_ref().or(line.run_id.as_ref())),
            "profiles": (class == Class::Api).then_some(["security_control"]),
        });
        add(&mut event, "metadata", metadata);
        let mut unmapped = Map::new();
        unmapped.insert("attestation_list".to_owned(), json!([self.attested(here, before, line)]));
        match line {
            None => add_all(
                &mut event,
                json!({
                    "severity_id": 3, "severity": "Medium", "status_id": 0, "status": "Unknown",
                    "message": "A line that is no record",
                }),
            ),
            Some(line) => {
                add_all(&mut event, common(line, class));
                add_all(&mut event, parts::of(line, class, &here.leaf, self.time));
                let text = String::from_utf8_lossy(text);
                if let Ok(Value::Object(mut record)) = serde_json::from_str(&text) {
                    let counted = amount(line).is_some();
                    record.retain(|name, _| match name.as_str() {
                        "count" => !counted,
                        name => !SAID.contains(&name),
                    });
                    unmapped.insert("ledger".to_owned(), Value::Object(record));
                }
                event.insert("raw_data".to_owned(), Value::String(text.into_owned()));
            }
        }
        event.insert("unmapped".to_owned(), Value::Object(unmapped));
        Value::Object(event)
    }

    /// A signed checkpoint over the lines so far, so that who holds the events is a witness.
    pub fn checkpoint(&self, note: &Note, checkpoint: &Checkpoint) -> Value {
        let mut event = self.frame(Class::Lifecycle, class::CHECKPOINT);
        let Checkpoint { origin, size, root, .. } = checkpoint;
        let note = note.to_string();
        // With its signatures: what a witness signed since is news.
        let metadata = json!({
            "uid": hex(note.as_bytes()), "log_name": "checkpoints", "event_code": "checkpoint",
            "sequence": size,
        });
        add(&mut event, "metadata", metadata);
        add_all(
            &mut event,
            json!({
                "severity_id": 1, "severity": "Informational", "status_id": 1, "status": "Success",
                "app": parts::agent(None),
                "message": format!("Checkpoint signed over {size} lines"),
                "raw_data": note,
                "unmapped": {"checkpoint": {"origin": origin, "size": size, "root": root.to_string()}},
            }),
        );
        Value::Object(event)
    }

    /// What every event has.
    fn frame(&self, class: Class, activity: Activity) -> Map<String, Value> {
        let (uid, caption) = class.named();
        let (category_uid, category) = class.category();
        let mut event = Map::new();
        add_all(
            &mut event,
            json!({
                "activity_id": activity.0, "activity_name": activity.1,
                "category_uid": category_uid, "category_name": category,
                "class_uid": uid, "class_name": caption,
                "type_uid": u32::from(uid) * 100 + u32::from(activity.0),
                "type_name": format!("{caption}: {}", activity.1),
                "time": self.time,
                "metadata": {
                    "version": OCSF_VERSION,
                    "product": {"name": "dagpass", "vendor_name": "dagpass", "version": self.version},
                    "log_provider": "dagpass-agent",
                },
            }),
        );
        event
    }

    /// As OCSF 1.9's `record_integrity` names it; its fingerprint is that of the line in `raw_data`.
    fn attested(&self, here: &Seen, before: Option<Seen>, line: Option<&Line>) -> Value {
        let prev = line.map(|line| line.prev.as_str()).filter(|prev| *prev != GENESIS);
        let prev = prev.filter(|prev| !prev.is_empty());
        let uid = before.filter(|before| prev == Some(before.sha256.as_str()));
        let prev_event = prev.map(
            |prev| json!({"uid": uid.map(|before| before.leaf), "fingerprint": fingerprint(prev)}),
        );
        without_nulls(json!({
            "uid": here.leaf, "chain_uid": self.origin,
            "fingerprint": fingerprint(&here.sha256), "prev_event": prev_event,
        }))
    }
}

/// What every record says, whatever it is of.
fn common(line: &Line, class: Class) -> Value {
    let (severity_id, severity) = match (class, &*line.outcome) {
        (Class::Finding, _) if line.event == "ledger-mended" => (3, "Medium"),
        (Class::Finding, _) => (4, "High"),
        (_, "ok") => (1, "Informational"),
        (_, "failed") => (2, "Low"),
        (_, "denied") => (3, "Medium"),
        (_, _) => (0, "Unknown"),
    };
    let (status_id, status) = match (class, &*line.outcome) {
        (Class::Finding, _) if line.event == "ledger-mended" => (4, "Resolved"),
        (Class::Finding, _) => (1, "New"),
        (_, "ok") => (1, "Success"),
        (_, "failed" | "denied") => (2, "Failure"),
        (_, _) => (0, "Unknown"),
    };
    json!({
        "severity_id": severity_id, "severity": severity, "status_id": status_id, "status": status,
        "status_code": line.error, "status_detail": line.reason, "message": title(line),
        "count": amount(line), "start_time": line.first, "end_time": line.last,
    })
}

fn fingerprint(sha256: &str) -> Value {
    json!({"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256})
}

/// What is not known is not in it.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(all) => {
            let known = all.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(known.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

fn add_all(event: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = without_nulls(more) {
        event.extend(more);
    }
}

/// To an object that is there already.
fn add(event: &mut Map<String, Value>, name: &str, more: Value) {
    if let (Some(Value::Object(there)), Value::Object(more)) =
        (event.get_mut(name), without_nulls(more))
    {
        there.extend(more);
    }
}
