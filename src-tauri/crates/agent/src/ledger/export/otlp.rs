//! Lines and checkpoints as log records of OpenTelemetry (OTLP 1.x, protobuf over HTTP), and what a collector's
//! answer says. The body is the line as it is; what it says goes along by the names of `audit export`'s columns.

use std::io::{self, Write as _};

use dagpass_client::ledger::export::{COLUMNS, cells};
use dagpass_client::ledger::{Line, digits, hex};
use dagpass_core::time::Timestamp;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::batch::{Batch, Item};

/// What a body in protobuf is called.
pub(super) const PROTOBUF: &str = "application/x-protobuf";

/// What a body that went through [`packed`] is called (OTLP/HTTP, RFC 9110 §8.4.1.3).
pub(super) const GZIP: &str = "gzip";

/// Which columns are numbers?
const NUMBERS: [&str; 6] = ["seq", "count", "pid", "uid", "map_index", "try_number"];

/// A tenth of it, mostly: lines are alike.
pub(super) fn packed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::with_capacity(body.len() / 4), Level::default());
    packed.write_all(body)?;
    packed.finish()
}

/// The body of a request.
pub(super) fn request(batch: &Batch, now: Timestamp) -> Vec<u8> {
    let records = batch.items.iter().map(|item| record(item, now)).collect();
    let scope = InstrumentationScope {
        name: "dagpass.ledger".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let mut attributes = vec![
        text("service.name", "dagpass-agent"),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    // A log's name tells one machine's ledger from another's.
    attributes.extend(batch.origin.as_deref().map(|origin| text("service.instance.id", origin)));
    let logs = ResourceLogs {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_logs: vec![ScopeLogs {
            scope: Some(scope),
            log_records: records,
            ..ScopeLogs::default()
        }],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec()
}

fn record(item: &Item, now: Timestamp) -> LogRecord {
    let observed = nanos(now.as_millis());
    match item {
        Item::Line { number, leaf, text: line } => {
            let said = line.as_deref().and_then(|line| str::from_utf8(line).ok());
            let read = said.and_then(Line::parse);
            let mut attributes = vec![
                text("dagpass.kind", "line"),
                whole("dagpass.line", i64::try_from(*number).unwrap_or(i64::MAX)),
            ];
            let cells = COLUMNS.into_iter().zip(cells(leaf, read.as_ref()));
            attributes.extend(cells.filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| {
                let key = format!("dagpass.{name}");
                let number = cell.parse().ok().filter(|_| NUMBERS.contains(&name));
                number.map_or_else(|| text(&key, &cell), |number| whole(&key, number))
            }));
            let time = read.as_ref().and_then(|line| line.time.parse::<jiff::Timestamp>().ok());
            let time = time.map_or(0, |time| nanos(time.as_millisecond()));
            let (severity, word) = severity(read.as_ref());
            let event = read.as_ref().map_or("", |line| &line.event);
            let bytes = || line.clone().map(Value::BytesValue);
            let body = said.map(|said| Value::StringValue(said.to_owned())).or_else(bytes);
            LogRecord {
                time_unix_nano: time,
                observed_time_unix_nano: observed,
                severity_number: severity.into(),
                severity_text: word.to_owned(),
                body: body.map(|body| AnyValue { value: Some(body) }),
                attributes,
                event_name: format!(
                    "dagpass.ledger.{}",
                    if event.is_empty() { "line" } else { event }
                ),
                ..LogRecord::default()
            }
        }
        Item::Checkpoint { note, checkpoint } => {
            let note = note.to_string();
            LogRecord {
                observed_time_unix_nano: observed,
                severity_number: SeverityNumber::Info.into(),
                severity_text: "INFO".to_owned(),
                attributes: vec![
                    text("dagpass.kind", "checkpoint"),
                    text("dagpass.origin", &checkpoint.origin),
                    whole("dagpass.size", i64::try_from(checkpoint.size).unwrap_or(i64::MAX)),
                    text("dagpass.root", &digits(&checkpoint.root.0)),
                    text("dagpass.note", &hex(note.as_bytes())),
                ],
                body: Some(AnyValue { value: Some(Value::StringValue(note)) }),
                event_name: "dagpass.ledger.checkpoint".to_owned(),
                ..LogRecord::default()
            }
        }
    }
}

fn severity(line: Option<&Line>) -> (SeverityNumber, &'static str) {
    const INFO: (SeverityNumber, &str) = (SeverityNumber::Info, "INFO");
    const WARN: (SeverityNumber, &str) = (SeverityNumber::Warn, "WARN");
    let Some(line) = line else { return WARN };
    match (&*line.event, &*line.outcome) {
        ("ledger-lost" | "ledger-altered" | "ledger-forked", _) => (SeverityNumber::Error, "ERROR"),
        ("ledger-mended", _) | (_, "denied" | "failed") => WARN,
        _ => INFO,
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    of(key, Value::StringValue(value.to_owned()))
}

fn whole(key: &str, value: i64) -> KeyValue {
    of(key, Value::IntValue(value))
}

fn of(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn nanos(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000)
}

/// What a collector said with a 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    All,
    /// So many of them it threw away, and why: they are not to be sent again (OTLP, "Partial Success").
    Partly(u64, String),
}

/// An answer that is none of a collector's took nothing: a sign-in page answers 200 too.
/// `tell` makes words of its own fit to be told.
pub(super) fn taken(
    kind: &str,
    body: &[u8],
    tell: impl Fn(&str) -> String,
) -> Result<Taken, String> {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (rejected, why) = match kind.as_str() {
        PROTOBUF => {
            let answer = ExportLogsServiceResponse::decode(body);
            let answer = answer.map_err(|_| "its answer is no OTLP".to_owned())?;
            let partly = answer.partial_success.unwrap_or_default();
            (partly.rejected_log_records, partly.error_message)
        }
        "application/json" => {
            let answer: serde_json::Value =
                serde_json::from_slice(body).map_err(|_| "its answer is no JSON".to_owned())?;
            let partly = &answer["partialSuccess"];
            let rejected = &partly["rejectedLogRecords"];
            let rejected = rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok());
            let why = partly["errorMessage"].as_str().unwrap_or_default();
            (rejected.unwrap_or(0), why.to_owned())
        }
        _ if body.trim_ascii().is_empty() => (0, String::new()),
        other => return Err(format!("it answered `{}`: that is no collector", tell(other))),
    };
    Ok(match u64::try_from(rejected) {
        Ok(rejected) if rejected > 0 => Taken::Partly(rejected, tell(&why)),
        Ok(_) | Err(_) => Taken::All,
    })
}

/// What it says of a request that it did not take: `google.rpc.Status`, or a text.
pub(super) fn refused(kind: &str, body: &[u8], tell: impl Fn(&str) -> String) -> String {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(string, tag = "2")]
        message: String,
    }
    if kind.to_ascii_lowercase().starts_with(PROTOBUF) {
        return Status::decode(body).map_or_else(|_| String::new(), |said| tell(&said.message));
    }
    if kind.to_ascii_lowercase().contains("html") {
        String::new()
    } else {
        tell(&String::from_utf8_lossy(body))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;

    use super::*;
    use crate::http::plain;

    #[test]
    fn an_answer_takes_all_throws_some_away_or_is_none_of_a_collector_s() {
        let partly = |rejected| {
            let said = ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message: "too\nold".to_owned(),
            };
            ExportLogsServiceResponse { partial_success: Some(said) }.encode_to_vec()
        };
        let json = br#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no"}}"#;
        for (kind, body, expected) in [
            (PROTOBUF, vec![], Ok(Taken::All)),
            ("Application/X-Protobuf; a=b", partly(0), Ok(Taken::All)),
            (PROTOBUF, partly(3), Ok(Taken::Partly(3, "too old".to_owned()))),
            (PROTOBUF, partly(-3), Ok(Taken::All)),
            (PROTOBUF, b"<html>".to_vec(), Err("its answer is no OTLP")),
            ("application/json", b"{}".to_vec(), Ok(Taken::All)),
            ("application/json", json.to_vec(), Ok(Taken::Partly(2, "no".to_owned()))),
            ("application/json", b"<".to_vec(), Err("its answer is no JSON")),
            ("", vec![], Ok(Taken::All)),
            ("text/plain", b"\n".to_vec(), Ok(Taken::All)),
            (
                "text/html",
                b"<p>Sign in".to_vec(),
                Err("it answered `text/html`: that is no collector"),
            ),
        ] {
            let expected = expected.map_err(str::to_owned);
            assert_eq!(taken(kind, &body, plain), expected, "{kind} {body:?}");
        }
    }

    #[test]
    fn what_a_collector_says_of_a_no_is_read_unless_it_is_a_page() {
        // google.rpc.Status { code: 3, message: "bad" }
        let status = [8, 3, 18, 3, b'b', b'a', b'd'];
        assert_eq!(refused(PROTOBUF, &status, plain), "bad");
        assert_eq!(refused(PROTOBUF, b"<p>", plain), "");
        assert_eq!(refused("text/plain", b"no\n", plain), "no");
        assert_eq!(refused("text/html", b"<p>", plain), "");
    }
}
