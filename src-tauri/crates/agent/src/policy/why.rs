//! Why a request is judged as it is: the rules that decided, what was known, and the least that would have to
//! be otherwise for another answer.

use std::collections::{BTreeMap, BTreeSet};

use dagpass_client::wire::{PolicyDecider, PolicyWhy};
use dagpass_core::policy::Action;
use dagpass_core::time::Timestamp;

use super::as_if::WORDS;
use super::facts::{Facts, word};
use super::judge::{Answer, Layers, Strength};
use super::language::{ASKERS, Type};
use super::tested::{Tested, by};

/// How many changes are thought of, two at a time?
const MOST: usize = 40;

/// One thing that would be otherwise; `None` is taken away.
type Change = (&'static str, Option<String>);

impl Layers {
    /// `said`: word by word, as [`WORDS`] has them.
    pub(crate) fn why(
        &self,
        said: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<PolicyWhy, String> {
        let facts = thought(said, now)?;
        if facts.action.is_outside_policy() {
            return Ok(PolicyWhy {
                verdict: "permit".to_owned(),
                reason: "no policy is asked for this".to_owned(),
                facts: known(&facts),
                ..PolicyWhy::default()
            });
        }
        let answer = self.answer(&facts);
        let change = self.least_change(&facts, &answer);
        Ok(PolicyWhy {
            verdict: strength(answer.strength).to_owned(),
            deciders: self.deciders(&answer),
            facts: known(&facts),
            turned: change.as_ref().map(|(_, to)| strength(*to).to_owned()),
            change: change.map(|(words, _)| words),
            reason: answer.reason,
            digest: Some(self.digest.to_string()),
            note: None,
        })
    }

    /// Only how it is judged.
    pub(crate) fn verdict(
        &self,
        said: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(String, Vec<String>), String> {
        let answer = self.answer(&thought(said, now)?);
        Ok((strength(answer.strength).to_owned(), answer.rules.into_iter().collect()))
    }

    fn deciders(&self, answer: &Answer) -> Vec<PolicyDecider> {
        let mut found = Vec::new();
        for id in &answer.rules {
            for layer in &self.all {
                let Some(rule) = layer.rule(id) else { continue };
                found.push(PolicyDecider {
                    id: id.clone(),
                    layer: layer.name.clone(),
                    place: layer.place(rule),
                    text: rule.policy.to_cedar().unwrap_or_default(),
                });
            }
        }
        found
    }

    /// The first single change that gives another answer, else the first two; a permit before an approval.
    fn least_change(&self, facts: &Facts<'static>, is: &Answer) -> Option<(String, Strength)> {
        if is.strength == Strength::Ask {
            return Some(("a person approves it".to_owned(), Strength::Permit));
        }
        let changes = self.changes(facts);
        let turned = |changes: &[&Change]| {
            let mut other = facts.clone();
            for (word, value) in changes {
                other.set(word, value.as_deref()).ok()?;
            }
            let answer = self.answer(&other);
            (answer.strength != is.strength).then_some(answer.strength)
        };
        let mut found: Vec<(Strength, String)> = Vec::new();
        for change in &changes {
            found.extend(turned(&[change]).map(|to| (to, said(change))));
        }
        if found.is_empty() {
            for (at, one) in changes.iter().enumerate() {
                for other in changes.iter().skip(at + 1).filter(|other| other.0 != one.0) {
                    let both = || format!("{}, and {}", said(one), said(other));
                    found.extend(turned(&[one, other]).map(|to| (to, both())));
                }
            }
        }
        found.sort_by_key(|(to, _)| *to);
        found.into_iter().next().map(|(to, words)| (words, to))
    }

    /// Whatever a rule compares: as the rule has it, and otherwise.
    fn changes(&self, facts: &Facts<'_>) -> Vec<Change> {
        let rules = self.all.iter().flat_map(|layer| &layer.rules);
        let tested: BTreeSet<Tested> = rules.flat_map(|rule| by(&rule.policy)).collect();
        let known = known(facts);
        let mut changes: Vec<Change> = Vec::new();
        for one in &tested {
            let number = one.value.parse::<i64>().ok();
            let values: Vec<Option<String>> = match (one.word, number) {
                ("hour" | "weekday" | "signed-in-age", Some(number)) => {
                    [number - 1, number, number + 1]
                        .iter()
                        .map(|number| Some(number.to_string()))
                        .collect()
                }
                ("remote", _) => vec![Some("true".to_owned()), Some("false".to_owned())],
                ("reach", _) => {
                    ["named", "within", "beyond"].map(|word| Some(word.to_owned())).to_vec()
                }
                ("who", _) => ASKERS.map(|who| Some(who.as_str().to_owned())).to_vec(),
                ("scopes", _) if one.value == "*" => vec![Some("one".to_owned())],
                _ if one.pattern => vec![Some(one.value.replace('*', "x")), None],
                _ => vec![Some(one.value.clone()), None],
            };
            for value in values {
                let same = known.get(one.word).map(String::as_str) == value.as_deref();
                if !same && !changes.contains(&(one.word, value.clone())) {
                    changes.push((one.word, value));
                }
            }
        }
        changes.truncate(MOST);
        changes
    }
}

fn thought(said: &BTreeMap<String, String>, now: Timestamp) -> Result<Facts<'static>, String> {
    let mut facts = Facts::plain(now);
    // A group is known of somebody who is signed in, whichever is said first.
    for (word, value) in said {
        facts.set(word, Some(value))?;
    }
    if facts.resource().0 == Type::AGENT
        && matches!(facts.action, Action::Token | Action::Connection | Action::Try | Action::Proxy)
    {
        return Err("a token is for something: say `connection` or `profile`".to_owned());
    }
    Ok(facts)
}

fn said((word, value): &Change) -> String {
    match value {
        Some(value) => format!("`{word}` is `{value}`"),
        None => format!("`{word}` is not known, or is none of what the rules name"),
    }
}

pub(super) const fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Permit => "permit",
        Strength::Ask => "ask",
        Strength::Deny => "deny",
    }
}

/// In the words of [`WORDS`]; what is not known is absent.
fn known(facts: &Facts<'_>) -> BTreeMap<String, String> {
    let process = &facts.verified;
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let joined = |all: &[std::borrow::Cow<'_, str>]| all.join(" ");
    let parents =
        process.parents.iter().filter_map(|one| Some(path(&one.executable.as_ref()?.path)));
    let parents: Vec<String> = parents.collect();
    let hour = facts.epoch.rem_euclid(86_400) / 3_600;
    let weekday = (facts.epoch.div_euclid(86_400) + 3).rem_euclid(7) + 1;
    let who = facts.who.as_str().to_owned();
    let signed_in = facts.signed_in.as_ref();
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let values = [
        Some(facts.action.as_str().to_owned()),
        Some(if *facts.name == who { who } else { format!("{who}:{}", facts.name) }),
        text(&facts.profile),
        text(&facts.connection),
        text(&facts.deployment),
        text(&facts.env),
        text(&facts.audience),
        facts.scopes.as_deref().map(joined),
        facts.reach.map(|reach| word(reach).to_owned()),
        Some(facts.remote.to_string()),
        signed_in.map(|(_, groups)| joined(groups)),
        signed_in.map(|(age, _)| age.to_string()),
        Some(hour.to_string()),
        Some(weekday.to_string()),
        process.executable.as_ref().map(|program| path(&program.path)),
        (!parents.is_empty()).then(|| parents.join(" ")),
        process.cwd.as_deref().map(path),
        process.terminal.clone(),
        process.cgroup.clone(),
        text(&facts.declared.dag),
        text(&facts.declared.task),
        facts.lanes.iter().flatten().next().map(|lane| lane.clone().into_owned()),
    ];
    let named = WORDS.iter().zip(values);
    named.filter_map(|(word, value)| Some(((*word).to_owned(), value?))).collect()
}
