//! The verdict of several layers on one request: all have to permit, the stricter answer wins. Judged without
//! what the caller says of itself and with it, without an approval and with one. A rule that cannot be
//! evaluated denies.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Authorizer as Cedar, Decision, Entities, PolicySet, Request};
use dagpass_core::policy::engine::{Basis, Question, Verdict};
use dagpass_core::policy::facts::Verified;
use sha2::{Digest as _, Sha256};

use super::facts::{Facts, Side};
use super::language::Language;
use super::layer::{Layer, Picked};
use super::memo::{self, Memo};
use super::mentions::Mentions;

/// What is in force, top layer first.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) all: Vec<Arc<Layer>>,
    /// SHA-256 of their texts, first 16 digits.
    pub(crate) digest: Arc<str>,
    mentions: Mentions,
    memo: Memo,
}

/// How strict, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) strength: Strength,
    /// The `@id`s of the rules that decided, sorted.
    pub(super) rules: BTreeSet<String>,
    /// Of a denial, for a person.
    pub(super) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    Permit,
    Ask,
    Deny,
}

impl Layers {
    pub(crate) fn new(all: Vec<Arc<Layer>>) -> Self {
        let mut hash = Sha256::new();
        all.iter().for_each(|layer| layer.told_into(&mut hash));
        let digest: String =
            hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let of_all = |known: Mentions, layer: &Arc<Layer>| known.and(layer.mentions.clone());
        let mentions = all.iter().fold(Mentions::default(), of_all);
        Self { all, digest: digest.into(), mentions, memo: Memo::default() }
    }

    pub(super) fn judge(&self, question: &Question<'_>) -> Verdict {
        let verified: Arc<Verified> =
            if self.mentions.verified { question.verified() } else { Arc::default() };
        let facts = Facts::of(question, Cow::Borrowed(&verified));
        let answer = self.recalled(&facts);
        let policy = Some(self.digest.clone());
        let basis = Basis { policy, rules: answer.rules.into_iter().collect(), approval: None };
        match answer.strength {
            Strength::Permit => Verdict::Permit(basis),
            Strength::Ask => Verdict::Ask(basis),
            Strength::Deny => Verdict::Deny(basis, answer.reason),
        }
    }

    fn recalled(&self, facts: &Facts<'_>) -> Answer {
        if self.mentions.time.any {
            return self.answer(facts);
        }
        let key = memo::key(facts, &self.mentions.time);
        if let Some(known) = self.memo.recall(&key) {
            return known;
        }
        let answer = self.answer(facts);
        self.memo.keep(key, answer.clone());
        answer
    }

    /// The strictest of all layers, over all that may be a lie.
    pub(super) fn answer(&self, facts: &Facts<'_>) -> Answer {
        match self.answers(facts) {
            Ok(answer) => answer,
            Err(error) => Answer {
                strength: Strength::Deny,
                rules: BTreeSet::new(),
                reason: format!("the request could not be put to the policy: {error}"),
            },
        }
    }

    fn answers(&self, facts: &Facts<'_>) -> Result<Answer, String> {
        let language = Language::of_dagpass()?;
        let entities = facts.entities(language)?;
        let picked: Vec<Arc<Picked>> = self.all.iter().map(|layer| layer.about(facts)).collect();
        let speaks = picked.iter().any(|picked| picked.declared);
        let told = speaks && !facts.declared.is_empty();
        let said: &[bool] = if told { &[false, true] } else { &[false] };
        let lanes = if picked.iter().any(|one| one.lane) { facts.lanes.len() } else { 1 };
        let lanes = facts.lanes.iter().take(lanes).map(Option::as_deref);
        let sides = lanes.flat_map(|lane| {
            said.iter().map(move |declared| Side { lane, declared: *declared, approved: false })
        });
        let mut strictest: Option<Answer> = None;
        for side in sides {
            let unapproved = facts.request(language, side)?;
            let mut asked = Asked { facts, language, entities: &entities, approved: None };
            for (layer, picked) in self.all.iter().zip(&picked) {
                let answer = asked.of((layer, picked), &unapproved, side)?;
                strictest = Some(match strictest {
                    None => answer,
                    Some(known) => stricter(known, answer),
                });
            }
        }
        strictest.ok_or_else(|| "there is no policy".to_owned())
    }
}

fn stricter(mut one: Answer, mut other: Answer) -> Answer {
    match one.strength.cmp(&other.strength) {
        std::cmp::Ordering::Greater => one,
        std::cmp::Ordering::Less => other,
        std::cmp::Ordering::Equal => {
            one.rules.append(&mut other.rules);
            if one.reason.is_empty() {
                one.reason = other.reason;
            }
            one
        }
    }
}

/// One request, as it is put to each layer.
struct Asked<'a> {
    facts: &'a Facts<'a>,
    language: &'a Language,
    entities: &'a Entities,
    /// The same with an approval, where some layer needed to know.
    approved: Option<Request>,
}

impl Asked<'_> {
    fn of(
        &mut self,
        (layer, picked): (&Layer, &Picked),
        plain: &Request,
        side: Side<'_>,
    ) -> Result<Answer, String> {
        let first = evaluated(layer, plain, (&picked.set, self.entities));
        if first.strength == Strength::Permit || !picked.approved {
            return Ok(first);
        }
        let approved = match self.approved.take() {
            Some(made) => made,
            None => self.facts.request(self.language, Side { approved: true, ..side })?,
        };
        let second = evaluated(layer, &approved, (&picked.set, self.entities));
        self.approved = Some(approved);
        if second.strength == Strength::Deny {
            // What an approval would not mend is what denies.
            return Ok(if second.rules.is_empty() { first } else { second });
        }
        let rules = if first.rules.is_empty() { second.rules } else { first.rules };
        Ok(Answer { strength: Strength::Ask, rules, reason: String::new() })
    }
}

pub(super) fn evaluated(
    layer: &Layer,
    request: &Request,
    (set, entities): (&PolicySet, &Entities),
) -> Answer {
    let response = Cedar::new().is_authorized(request, set, entities);
    let told = response.diagnostics();
    let mut failed: Vec<(String, String)> = told
        .errors()
        .map(|cedar_policy::AuthorizationError::PolicyEvaluationError(error)| {
            (error.policy_id().to_string(), error.inner().to_string())
        })
        .collect();
    failed.sort();
    if let Some((id, error)) = failed.first() {
        return Answer {
            strength: Strength::Deny,
            rules: BTreeSet::from([id.clone()]),
            reason: format!("the rule `{id}` cannot be evaluated: {error}"),
        };
    }
    let rules: BTreeSet<String> = told.reason().map(ToString::to_string).collect();
    let (strength, reason) = match response.decision() {
        Decision::Allow => (Strength::Permit, String::new()),
        Decision::Deny => (Strength::Deny, denial(layer, &rules)),
    };
    Answer { strength, rules, reason }
}

fn denial(layer: &Layer, rules: &BTreeSet<String>) -> String {
    let names: Vec<&str> = rules.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => format!("no rule of {} permits it", layer.name),
        [one] => format!("the rule `{one}` of {} forbids it", layer.name),
        several => format!("the rules `{}` of {} forbid it", several.join("`, `"), layer.name),
    }
}
