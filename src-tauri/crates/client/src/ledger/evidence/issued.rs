//! What was issued, summed up: to whom, for what, by which way, how often, and by which lines that is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::record::Person;
use super::super::{Audience, Line, NOT_VISIBLE};

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

/// Fed with the lines of a table, in order: no more of each is kept than its number and its token's fingerprint.
#[derive(Debug, Default)]
pub struct Issuing(BTreeMap<What, (Issued, BTreeSet<Box<str>>)>);

impl Issuing {
    pub fn take(&mut self, record: &Line) {
        let what = What::of(record);
        let (group, tokens) = self.0.entry(what).or_insert_with_key(|what| {
            let group = Issued {
                what: what.clone(),
                times: 0,
                tokens: 0,
                first: record.time.clone(),
                last: String::new(),
                approvals: Vec::new(),
                records: Vec::new(),
            };
            (group, BTreeSet::new())
        });
        tokens.extend(record.fingerprint.as_deref().map(Box::from));
        if let Some(approval) = record.approval.as_ref().filter(|id| !group.approvals.contains(id))
        {
            group.approvals.push(approval.clone());
        }
        group.times = group.times.saturating_add(record.count.unwrap_or(1));
        group.last.clone_from(&record.time);
        group.records.push(record.seq);
    }

    pub fn groups(self) -> Vec<Issued> {
        let groups = self.0.into_values();
        groups.map(|(group, tokens)| Issued { tokens: tokens.len() as u64, ..group }).collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn token(seq: u64, sub: &str, fingerprint: &str) -> Line {
        let who = Person { sub: sub.to_owned(), name: Some(sub.to_owned()), ..Person::default() };
        Line {
            seq,
            time: format!("2026-11-24T06:00:{seq:02}Z"),
            event: "issue".into(),
            subject: Some(who),
            fingerprint: Some(fingerprint.to_owned()),
            ..Line::default()
        }
    }

    fn issued(tokens: &[Line]) -> Vec<Issued> {
        let mut issuing = Issuing::default();
        tokens.iter().for_each(|token| issuing.take(token));
        issuing.groups()
    }

    #[test]
    fn what_was_issued_is_summed_up_by_whom_it_was_for() {
        let all = issued(&[
            token(1, "ada", "a"),
            token(2, "bob", "b"),
            token(3, "ada", "a"),
            token(4, "ada", "c"),
        ]);
        let told: Vec<_> = all
            .iter()
            .map(|one| (one.what.who.as_str(), one.times, one.tokens, one.records.as_slice()))
            .collect();
        assert_eq!(told, [("ada", 3, 2, &[1, 3, 4][..]), ("bob", 1, 1, &[2][..])]);
        let by = |mut token: Line, rule: &str, approval: &str| {
            (token.rules, token.approval) = (vec![rule.to_owned()], Some(approval.to_owned()));
            token
        };
        let approved = issued(&[
            by(token(1, "ada", "a"), "production", "ap-1"),
            by(token(2, "ada", "a"), "production", "ap-2"),
            by(token(3, "ada", "a"), "production", "ap-1"),
            by(token(4, "ada", "a"), "night", "ap-1"),
        ]);
        let told: Vec<_> = approved
            .iter()
            .map(|one| (one.what.rules.join(" "), one.approvals.join(" "), one.times))
            .collect();
        let row = |rule: &str, ids: &str, times| (rule.to_owned(), ids.to_owned(), times);
        assert_eq!(told, [row("night", "ap-1", 1), row("production", "ap-1 ap-2", 3)]);
        let mut many = token(1, "ada", "a");
        many.count = Some(u64::MAX);
        assert_eq!(issued(&[many.clone(), many])[0].times, u64::MAX);
    }
}
