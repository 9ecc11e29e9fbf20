//! A ledger that is sealed, an agent that ships it, and a collector that does as it is told.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use dagpass_core::fakes::FakeClock;
use dagpass_core::locked::Locked;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;

use super::super::*;
use crate::ledger::Sealer;

/// What a collector does when it is asked.
#[derive(Clone, Debug)]
pub(super) enum Mood {
    Says(Reply),
    Unreachable,
    Hangs,
    /// 415 for whatever is packed.
    Plain,
    /// 413 for more than so many.
    Small(usize),
}

pub(super) struct Fake {
    pub(super) mood: Mood,
    pub(super) asked: usize,
    /// How each was packed.
    pub(super) encodings: Vec<Option<String>>,
    /// What it took.
    pub(super) records: Vec<LogRecord>,
}

#[derive(Clone)]
pub(super) struct Collector(pub(super) Arc<Mutex<Fake>>);

pub(super) fn says(status: u16, kind: &str, body: Vec<u8>) -> Mood {
    Mood::Says(Reply { status, kind: kind.to_owned(), body, retry_after: None })
}

pub(super) fn unpacked(encoding: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    match encoding {
        None => unpacked.extend_from_slice(body),
        Some("gzip") => drop(GzDecoder::new(body).read_to_end(&mut unpacked).unwrap()),
        Some(other) => panic!("{other}"),
    }
    unpacked
}

pub(super) fn records(body: &[u8]) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let logs = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
    logs.flat_map(|logs| logs.log_records).collect()
}

impl Collect for Collector {
    fn post<'a>(
        &'a self,
        _network: &'a Network,
        url: &'a Url,
        _headers: &'a Headers,
        body: Body<'a>,
    ) -> Pending<'a, Result<Reply, String>> {
        assert_eq!((url.path(), body.kind), ("/v1/logs", PROTOBUF));
        let mut fake = self.0.lock().unwrap();
        fake.asked += 1;
        fake.encodings.push(body.encoding.map(str::to_owned));
        let mut sent = records(&unpacked(body.encoding, &body.bytes));
        let reply = match &fake.mood {
            Mood::Says(reply) => Ok(reply.clone()),
            Mood::Plain if body.encoding.is_some() => {
                let body = b"unsupported content encoding".to_vec();
                let kind = "text/plain".to_owned();
                Ok(Reply { status: 415, kind, body, retry_after: None })
            }
            Mood::Plain => Ok(Reply { status: 200, ..Reply::default() }),
            Mood::Unreachable => Err("connection refused".to_owned()),
            Mood::Hangs => return Box::pin(std::future::pending()),
            Mood::Small(most) if sent.len() > *most => {
                Ok(Reply { status: 413, ..Reply::default() })
            }
            Mood::Small(_) => Ok(Reply { status: 200, ..Reply::default() }),
        };
        if reply.as_ref().is_ok_and(|reply| (200..300).contains(&reply.status)) {
            fake.records.append(&mut sent);
        }
        Box::pin(async move { reply })
    }
}

pub(super) struct Paper {
    path: PathBuf,
    synced: AtomicU64,
}

impl Durable for Paper {
    fn path(&self) -> &Path {
        &self.path
    }

    fn synced(&self) -> u64 {
        self.synced.load(Ordering::SeqCst)
    }
}

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) paper: Arc<Paper>,
    pub(super) clock: Arc<FakeClock>,
    pub(super) collector: Collector,
    pub(super) shipping: Arc<Shipping>,
    sealer: Sealer,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = FakeClock::at(1_795_000_000);
        let config = "[audit.ship]\notlp = \"http://127.0.0.1:4318\"\n";
        fs::write(folder.path().join("config.toml"), config).unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "").unwrap();
        let paper = Arc::new(Paper { path, synced: AtomicU64::new(0) });
        let fake =
            Fake { mood: says(200, "", vec![]), asked: 0, encodings: vec![], records: vec![] };
        let collector = Collector(Arc::new(Mutex::new(fake)));
        let sealer = Sealer::new(paper.clone(), clock.clone());
        assert!(sealer.has_key(Ok(Some(Locked::of(&[7; 32])))));
        let shipping = Self::process(&folder, &paper, &clock, &collector);
        Self { folder, paper, clock, collector, shipping, sealer }
    }

    fn process(
        folder: &tempfile::TempDir,
        paper: &Arc<Paper>,
        clock: &Arc<FakeClock>,
        collector: &Collector,
    ) -> Arc<Shipping> {
        let config = Arc::new(ConfigFile::open(folder.path().join("config.toml")));
        assert_eq!(config.problems(), []);
        Arc::new(Shipping {
            post: Box::new(collector.clone()),
            ..Shipping::new(config, paper.clone(), clock.clone())
        })
    }

    /// With these lines behind the collector's URL in the config.
    pub(super) fn configure(&self, more: &str) {
        let config = format!("[audit.ship]\notlp = \"http://127.0.0.1:4318\"\n{more}\n");
        fs::write(self.folder.path().join("config.toml"), config).unwrap();
    }

    pub(super) fn restart(&mut self) {
        let (folder, paper) = (&self.folder, &self.paper);
        self.shipping = Self::process(folder, paper, &self.clock, &self.collector);
    }

    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Fake) -> T) -> T {
        what(&mut self.collector.0.lock().unwrap())
    }

    pub(super) fn mood(&self, mood: Mood) {
        self.with(|fake| fake.mood = mood);
    }

    pub(super) fn text(&self) -> String {
        fs::read_to_string(&self.paper.path).unwrap()
    }

    /// So many more lines, on disk.
    pub(super) fn write(&self, more: u64) {
        let mut text = self.text();
        let begun = text.lines().count() as u64;
        for seq in begun + 1..=begun + more {
            text.push_str(&format!(
                "{{\"v\":2,\"seq\":{seq},\"time\":\"2026-11-24T19:28:51.123Z\",\"event\":\"issue\",\"outcome\":\
                 \"denied\",\"caller\":{{\"transport\":\"socket\",\"pid\":12}}}}\n"
            ));
        }
        self.set(&text);
    }

    pub(super) fn set(&self, text: &str) {
        fs::write(&self.paper.path, text).unwrap();
        self.synced(text.len());
    }

    pub(super) fn synced(&self, bytes: usize) {
        self.paper.synced.store(bytes as u64, Ordering::SeqCst);
    }

    pub(super) fn seal(&self) {
        self.sealer.close();
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("ledger-log/1")
    }

    /// What was kept of how far it is.
    pub(super) fn kept(&self) -> PathBuf {
        self.folder.path().join("ledger-log/ship.json")
    }

    pub(super) fn taken(&self) -> Vec<String> {
        self.with(|fake| fake.records.iter().map(body).collect())
    }

    /// Those that are of a line.
    pub(super) fn lines(&self) -> Vec<String> {
        self.with(|fake| {
            let lines = fake.records.iter().filter(|one| said(one, "dagpass.kind") == "line");
            lines.map(body).collect()
        })
    }
}

pub(super) fn body(record: &LogRecord) -> String {
    match record.body.as_ref().and_then(|body| body.value.clone()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

pub(super) fn said(record: &LogRecord, name: &str) -> String {
    let found = record.attributes.iter().find(|one| one.key == name);
    match found.and_then(|one| one.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{other:?}"),
        None => String::new(),
    }
}
