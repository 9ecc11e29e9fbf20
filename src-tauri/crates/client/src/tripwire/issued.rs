//! Which tokens the ledger says were issued: when, to whom, for what. By fingerprint; no token is known here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, BufRead};

use jiff::Timestamp;
use serde::Serialize;

use crate::ledger::record::Line;
use crate::ledger::{Filter, Lines, Verdict};

/// The word of a line that tells of a find.
const FOUND: &str = "token-found";
/// How many tokens are remembered? A machine that issues one a second for days has no more.
const MOST: usize = 500_000;

/// A token by its fingerprint, and what the newest line that it went out by says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// SHA-256, first 16 digits.
    pub fingerprint: String,
    pub seq: u64,
    /// UTC (RFC 3339).
    pub time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Whose sign-in it comes from: address, name or `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// All of them, and what was found before.
#[derive(Debug, Default)]
pub struct Issued {
    by: HashMap<String, Issue>,
    found: HashSet<(String, String)>,
}

impl Issued {
    /// Of a ledger from its beginning; `since` leaves out what was issued before.
    pub fn read(ledger: impl BufRead, since: Option<Timestamp>) -> io::Result<Self> {
        let (mut all, mut lines) = (Self::default(), Lines::of(ledger));
        let filter = Filter { since, ..Filter::default() };
        while let Some(line) = lines.next(|_| {})? {
            let Some(text) = line.text.and_then(|text| std::str::from_utf8(text).ok()) else {
                continue;
            };
            if text.contains("\"fingerprint\"") && filter.judge(text) == Verdict::Wanted {
                all.add(text);
            }
        }
        Ok(all)
    }

    /// Takes one more line, which may tell of no token.
    pub fn add(&mut self, line: &str) {
        let Some(line) = Line::parse(line) else { return };
        let Some(fingerprint) = line.fingerprint.clone() else { return };
        match (&*line.event, &*line.outcome) {
            (FOUND, _) => {
                let place = line.reason.unwrap_or_default();
                self.found.insert((fingerprint, place));
            }
            ("issue", "ok") if self.by.len() < MOST || self.by.contains_key(&fingerprint) => {
                let before = self.by.remove(&fingerprint);
                self.by.insert(fingerprint, Issue::of(line, before));
            }
            _ => {}
        }
    }

    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.by.keys().map(String::as_str)
    }

    pub fn of(&self, fingerprint: &str) -> Option<&Issue> {
        self.by.get(fingerprint)
    }

    /// The runs of DAGs that they went out to.
    pub fn runs(&self) -> BTreeSet<(&str, &str)> {
        let run = |issue| -> Option<(&str, &str)> {
            let Issue { dag_id, run_id, .. }: &Issue = issue;
            Some((dag_id.as_deref()?, run_id.as_deref()?))
        };
        self.by.values().filter_map(run).collect()
    }

    /// Is this find on the record already?
    pub fn is_told(&self, fingerprint: &str, place: &str) -> bool {
        self.found.contains(&(fingerprint.to_owned(), place.to_owned()))
    }

    pub fn len(&self) -> usize {
        self.by.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }
}

impl Issue {
    /// What a line does not say is known from the one before it.
    fn of(line: Line, before: Option<Self>) -> Self {
        let before = before.unwrap_or_default();
        let says = |name: &str| line.caller.context.get(name).cloned();
        let person = line.subject.map(|who| who.email.or(who.name).unwrap_or(who.sub));
        let (dag_id, task_id, run_id) = match says("dag_id") {
            Some(dag) => (Some(dag), says("task_id"), says("run_id")),
            None => (before.dag_id, before.task_id, before.run_id),
        };
        Self {
            fingerprint: line.fingerprint.unwrap_or_default(),
            seq: line.seq,
            time: line.time,
            profile: line.session.map(|session| session.profile).or(before.profile),
            connection: line.connection.or(before.connection),
            deployment: line.deployment.or(before.deployment),
            dag_id,
            task_id,
            run_id,
            person: person.or(before.person),
            program: line.caller.executable.or(before.program),
            expires_at: line.expires_at.map(|ms| ms.div_euclid(1000)).or(before.expires_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = r#"{"seq":1,"time":"2026-11-24T08:00:00.000Z","event":"issue","outcome":"ok","fingerprint":"aa","session":{"profile":"prod"},"connection":"lake","subject":{"sub":"7f3a","email":"alice@corp.example"},"expires_at":1795550400000,"caller":{"executable":"/opt/py/bin/python3","context":{"dag_id":"etl","task_id":"load","run_id":"r1"}}}
{"seq":2,"time":"2026-11-24T08:01:00.000Z","event":"issue","outcome":"ok","fingerprint":"aa","session":{"profile":"prod"},"caller":{}}
{"seq":3,"time":"2026-11-24T08:02:00.000Z","event":"issue","outcome":"denied","caller":{}}
{"seq":4,"time":"2026-11-24T08:03:00.000Z","event":"refresh","outcome":"ok","fingerprint":"bb","caller":{}}
{"seq":5,"time":"2026-11-24T08:04:00.000Z","event":"token-found","outcome":"ok","fingerprint":"aa","reason":"/logs/a.log:3","caller":{}}
{"seq":6,"time":"2026-11-24T09:00:00.000Z","event":"issue","outcome":"ok","fingerprint":"cc","caller":{}}
half a li"#;

    #[test]
    fn what_went_out_is_known_by_its_newest_line_and_what_only_an_older_one_says() {
        let all = Issued::read(LEDGER.as_bytes(), None).unwrap();
        assert_eq!(all.len(), 2);
        let issue = all.of("aa").unwrap();
        assert_eq!((issue.seq, issue.time.as_str()), (2, "2026-11-24T08:01:00.000Z"));
        assert_eq!(issue.dag_id.as_deref(), Some("etl"));
        assert_eq!(issue.person.as_deref(), Some("alice@corp.example"));
        assert_eq!(issue.expires_at, Some(1_795_550_400));
        assert_eq!(all.runs().into_iter().collect::<Vec<_>>(), [("etl", "r1")]);
        assert_eq!(all.of("bb"), None, "it did not leave");
        assert!(all.is_told("aa", "/logs/a.log:3") && !all.is_told("aa", "/logs/a.log:4"));
        let since = "2026-11-24T08:30:00Z".parse().unwrap();
        let late = Issued::read(LEDGER.as_bytes(), Some(since)).unwrap();
        assert_eq!(late.fingerprints().collect::<Vec<_>>(), ["cc"]);
    }
}
