//! What was issued, summed up: to whom, for what, by which way, how often, and by which lines that is told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::record::Person;
use super::super::{Audience, Line, NOT_VISIBLE};
use super::tables::Entry;

/// Tokens that differ in nothing but themselves, their time and the process that asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issued {
    #[serde(flatten)]
    pub what: What,
    /// How many left, and of how many different tokens.
    pub times: u64,
    pub tokens: u64,
    pub first: String,
    pub last: String,
    /// By which approvals, where a rule asks for one.
    pub approvals: Vec<String>,
    /// The lines, by their numbers.
    pub records: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct What {
    pub who: String,
    pub issuer: String,
    pub profile: String,
    /// The connection or the deployment it was asked for; empty where by the profile alone.
    pub target: String,
    pub audience: Vec<String>,
    pub scopes: Vec<String>,
    /// The program that asked, as the system names it.
    pub program: String,
    /// DAG and task, as the program says of itself.
    pub task: String,
    /// Of the policies in force, those that decided.
    pub rules: Vec<String>,
}

pub fn issued(tokens: &[Entry]) -> Vec<Issued> {
    let mut groups: BTreeMap<What, Issued> = BTreeMap::new();
    let mut seen: BTreeMap<What, Vec<&str>> = BTreeMap::new();
    for Entry { record, .. } in tokens {
        let what = What::of(record);
        let count = record.count.unwrap_or(1);
        let fingerprints = seen.entry(what.clone()).or_default();
        fingerprints.extend(record.fingerprint.as_deref());
        let group = groups.entry(what.clone()).or_insert_with(|| Issued {
            what,
            times: 0,
            tokens: 0,
            first: record.time.clone(),
            last: String::new(),
            approvals: Vec::new(),
            records: Vec::new(),
        });
        if let Some(approval) = record.approval.as_ref().filter(|id| !group.approvals.contains(id))
        {
            group.approvals.push(approval.clone());
        }
        group.times = group.times.saturating_add(count);
        group.last.clone_from(&record.time);
        group.records.push(record.seq);
    }
    let mut groups: Vec<Issued> = groups.into_values().collect();
    for group in &mut groups {
        let mut tokens = seen.remove(&group.what).unwrap_or_default();
        tokens.sort_unstable();
        tokens.dedup();
        group.tokens = tokens.len() as u64;
    }
    groups
}

impl What {
    fn of(line: &Line) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let said = |name: &str| line.caller.context.get(name).cloned();
        let task = [said("dag_id"), said("task_id")].into_iter().flatten().collect::<Vec<_>>();
        Self {
            who: line.subject.as_ref().map(named).unwrap_or_default(),
            issuer: line.subject.as_ref().map(|who| who.iss.clone()).unwrap_or_default(),
            profile: line.session.as_ref().map(|one| one.profile.clone()).unwrap_or_default(),
            target: line.deployment.clone().unwrap_or_else(|| text(&line.connection)),
            audience: match &line.audience {
                Some(Audience::Names(names)) => names.clone(),
                Some(Audience::Text(text)) => vec![text.to_string()],
                None => vec![NOT_VISIBLE.to_owned()],
            },
            scopes: line.scopes.clone().unwrap_or_default(),
            program: text(&line.caller.executable),
            task: task.join(" / "),
            rules: line.rules.clone(),
        }
    }
}

/// `Alice Liddell <alice@corp.example> (7f3a)`.
pub(super) fn named(person: &Person) -> String {
    let Person { sub, name, email, .. } = person;
    let name = match (name, email) {
        (Some(name), Some(email)) if name != email => format!("{name} <{email}>"),
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => return sub.clone(),
    };
    if name == *sub { name } else { format!("{name} ({sub})") }
}
