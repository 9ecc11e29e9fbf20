//! What a policy says that its author can hardly mean: rules that never match, rules that contradict each
//! other, programs that are interpreters, and who reaches production without an approval.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{ActionConstraint, Authorizer as Cedar, Decision, PolicySet, ValidationMode};
use dagpass_client::wire::PolicyFinding;
use dagpass_core::policy::Action;
use dagpass_core::principal::Who;
use dagpass_core::time::Timestamp;

use super::facts::{Facts, Side};
use super::judge::{Layers, Strength};
use super::language::{ASKERS, Language};
use super::layer::{Layer, Rule};
use super::problem::Source;
use super::tested::by;

/// A connection of the config, in the words of `as_if`.
pub(crate) type Said = BTreeMap<String, String>;

/// What a name holds where production is meant.
const PRODUCTION: [&str; 2] = ["prod", "live"];
/// Programs that run what they are given: their path says nothing of it.
const INTERPRETERS: [&str; 14] = [
    "python",
    "pypy",
    "bash",
    "sh",
    "zsh",
    "dash",
    "fish",
    "perl",
    "ruby",
    "node",
    "java",
    "env",
    "pwsh",
    "powershell",
];
const SCRIPTS: [&str; 8] = [".py", ".sh", ".rb", ".pl", ".js", ".ps1", ".bat", ".cmd"];

impl Layers {
    /// `connections`: as the config has them.
    pub(crate) fn lint(&self, connections: &[Said], now: Timestamp) -> Vec<PolicyFinding> {
        let mut found = Vec::new();
        let samples = samples(connections, now);
        for layer in &self.all {
            found.extend(never_in_words(layer));
            found.extend(layer.rules.iter().flat_map(|rule| of_rule(layer, rule)));
            found.extend(without_permit(layer));
            found.extend(disagree(layer, &samples));
        }
        found.extend(self.unapproved(connections, now));
        found
    }

    /// Who gets a token for what is called production, and nobody is asked?
    fn unapproved(&self, connections: &[Said], now: Timestamp) -> Vec<PolicyFinding> {
        let named = |said: &&Said| {
            let names = ["connection", "profile", "env", "deployment"];
            names.iter().filter_map(|word| said.get(*word)).any(|name| {
                let name = name.to_ascii_lowercase();
                PRODUCTION.iter().any(|word| name.contains(word))
            })
        };
        let mut found = Vec::new();
        for said in connections.iter().filter(named) {
            let mut who: Vec<&str> = Vec::new();
            for one in ASKERS {
                let Some(facts) = facts(said, one, now) else { continue };
                if self.answer(&facts).strength == Strength::Permit {
                    who.push(one.as_str());
                }
            }
            if !who.is_empty() {
                let name = said.get("connection").map(String::as_str).unwrap_or_default();
                let message = format!(
                    "connection `{name}` is given without an approval to {}",
                    who.join(", ")
                );
                let hint = "where that is not meant: a rule with `unless { context.approved }`, or then = \"ask\"";
                found.push(finding("note", "production", message, Some(hint)));
            }
        }
        found
    }
}

/// By the schema alone.
fn never_in_words(layer: &Layer) -> Vec<PolicyFinding> {
    let Ok(language) = Language::of_dagpass() else { return Vec::new() };
    let policies = layer.rules.iter().map(|rule| rule.policy.clone());
    let Ok(set) = PolicySet::from_policies(policies) else { return Vec::new() };
    let judged = language.validator.validate(&set, ValidationMode::Strict);
    // One is enough: a rule without an action to be about is impossible as well.
    let mut seen = BTreeSet::new();
    let told = judged.validation_warnings().filter_map(|warning| {
        let rule = layer.rule(warning.policy_id().as_ref())?;
        if !seen.insert(rule.id.clone()) {
            return None;
        }
        let source: &Source = layer.sources.get(rule.source)?;
        let problem = source.told(warning, rule.offset);
        let found = finding("warning", "never", problem.message, problem.hint.as_deref());
        Some(placed(layer, rule, found))
    });
    told.collect()
}

fn of_rule(layer: &Layer, rule: &Rule) -> Vec<PolicyFinding> {
    let mut found = Vec::new();
    let tested = by(&rule.policy);
    for program in tested.iter().filter(|one| matches!(one.word, "program" | "parent")) {
        let (what, hint) = match named(&program.value) {
            Some(Kind::Script) => (
                "is a script: the system shows the interpreter that runs it, so this never matches",
                "name what the system shows: the path of a program of its own, `context.cwd`, `context.cgroup` or `context.parents`; a DAG by its connection",
            ),
            Some(Kind::Interpreter) => (
                "is an interpreter: whatever it runs would match",
                "give the job an interpreter of its own (a virtual environment with `--copies`, readable by one user) and name that path, or rest on `context.cgroup`, `context.cwd` or `principal is Run`",
            ),
            None => continue,
        };
        found.push(finding(
            "problem",
            "program",
            format!("`{}` {what}", program.value),
            Some(hint),
        ));
    }
    let scopes: Vec<&str> =
        tested.iter().filter(|one| one.word == "scopes").map(|one| one.value.as_str()).collect();
    let text = rule.policy.to_cedar().unwrap_or_default();
    let whole = scopes.contains(&"*") || text.contains("context has scopes");
    if let (Some(scope), false, true) = (scopes.first(), whole, rule.forbids()) {
        let message =
            format!("forbids the scope `{scope}`, and a request for the whole grant passes it");
        let hint = "name the whole grant with it: `resource in [Scope::\"…\", Scope::\"*\"]`";
        found.push(finding("warning", "scope", message, Some(hint)));
    }
    if names_a_connection_alone(rule) {
        let message = "is about a connection's name: the same token is asked for by its profile, with \
                       the same scopes and audience, and no connection is named then";
        let hint =
            "what must not leave is given a profile of its own: `resource in Profile::\"…\"`";
        found.push(finding("warning", "connection", message.to_owned(), Some(hint)));
    }
    if let Some(actions) = actions(rule)
        && actions.iter().all(|action| action.is_outside_policy())
    {
        let message = "is about actions that no policy is asked for".to_owned();
        found.push(finding("warning", "never", message, None));
    }
    found.into_iter().map(|one| placed(layer, rule, one)).collect()
}

/// Of a forbid: by its head, or by what it is for `when`. One that excepts a connection is not passed by.
fn names_a_connection_alone(rule: &Rule) -> bool {
    let Ok(json) = rule.policy.to_json() else { return false };
    let head = json["resource"].to_string();
    let conditions = json["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let when = conditions.iter().filter(|one| one["kind"] == "when").map(ToString::to_string);
    let when: String = when.collect();
    let by_name = head.contains("\"Connection\"") || when.contains("\"attr\":\"connection\"");
    rule.forbids() && by_name && !when.contains("\"attr\":\"profile\"")
}

/// `None` where it names none.
fn actions(rule: &Rule) -> Option<Vec<Action>> {
    let named = |uid: &cedar_policy::EntityUid| {
        Action::ALL.iter().copied().find(|one| one.as_str() == uid.id().unescaped())
    };
    match rule.policy.action_constraint() {
        ActionConstraint::Any => None,
        ActionConstraint::Eq(uid) => named(&uid).map(|one| vec![one]),
        ActionConstraint::In(all) => all.iter().map(named).collect(),
    }
}

fn without_permit(layer: &Layer) -> Option<PolicyFinding> {
    if layer.rules.iter().any(|rule| !rule.forbids()) {
        return None;
    }
    let message = format!("{} permits nothing, so no token leaves", layer.name);
    let hint = "begin it with `permit(principal, action, resource);`, which leaves all as the built-in rules have it";
    Some(finding("problem", "permit", message, Some(hint)))
}

/// A permit with conditions of its own that a forbid takes back wherever it matches.
fn disagree(layer: &Layer, samples: &[Facts<'static>]) -> Vec<PolicyFinding> {
    let Ok(language) = Language::of_dagpass() else { return Vec::new() };
    let matched: Vec<BTreeSet<usize>> =
        layer.rules.iter().map(|rule| matches(language, rule, samples)).collect();
    let mut found = Vec::new();
    for (rule, here) in layer.rules.iter().zip(&matched) {
        if rule.forbids() || here.is_empty() || here.len() == samples.len() {
            continue;
        }
        let forbids = layer.rules.iter().zip(&matched).filter(|(other, _)| other.forbids());
        for (other, _) in forbids.filter(|(_, there)| here.is_subset(there)) {
            let message = format!("permits what `{}` ({}) forbids", other.id, layer.place(other));
            let hint =
                "a forbid always wins: except it there with `unless`, or take one of the two away";
            found.push(placed(layer, rule, finding("warning", "disagree", message, Some(hint))));
        }
    }
    found
}

/// With which of the samples does it match by itself?
fn matches(language: &Language, rule: &Rule, samples: &[Facts<'static>]) -> BTreeSet<usize> {
    let Ok(alone) = PolicySet::from_policies([rule.policy.clone()]) else { return BTreeSet::new() };
    let cedar = Cedar::new();
    let one = |facts: &Facts<'static>| {
        let (entities, request) = (
            facts.entities(language).ok()?,
            facts.request(language, Side { declared: true, ..Side::default() }).ok()?,
        );
        let response = cedar.is_authorized(&request, &alone, &entities);
        let by_it = response.diagnostics().reason().next().is_some();
        (by_it || response.decision() == Decision::Allow).then_some(())
    };
    samples.iter().enumerate().filter_map(|(at, facts)| one(facts).map(|()| at)).collect()
}

/// Each connection, asked for by each kind of caller.
fn samples(connections: &[Said], now: Timestamp) -> Vec<Facts<'static>> {
    let of = |said: &Said| ASKERS.into_iter().filter_map(|who| facts(said, who, now)).collect();
    connections.iter().flat_map(|said| -> Vec<Facts<'static>> { of(said) }).collect()
}

fn facts(said: &Said, who: Who, now: Timestamp) -> Option<Facts<'static>> {
    let mut facts = Facts::plain(now);
    facts.set("who", Some(who.as_str())).ok()?;
    said.iter().try_for_each(|(word, value)| facts.set(word, Some(value))).ok()?;
    Some(facts)
}

enum Kind {
    Script,
    Interpreter,
}

/// By its last part; a version at its end is no part of the name.
fn named(path: &str) -> Option<Kind> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    if SCRIPTS.iter().any(|ending| name.ends_with(ending)) {
        return Some(Kind::Script);
    }
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '*'));
    INTERPRETERS.contains(&plain).then_some(Kind::Interpreter)
}

fn placed(layer: &Layer, rule: &Rule, found: PolicyFinding) -> PolicyFinding {
    PolicyFinding { rule: Some(rule.id.clone()), place: Some(layer.place(rule)), ..found }
}

fn finding(verdict: &str, check: &str, message: String, hint: Option<&str>) -> PolicyFinding {
    PolicyFinding {
        verdict: verdict.to_owned(),
        check: check.to_owned(),
        message,
        hint: hint.map(str::to_owned),
        ..PolicyFinding::default()
    }
}
