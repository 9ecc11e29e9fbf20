//! Raw to true: the short form of a policy's rules.

use dagpass_core::policy::Action;
use dagpass_core::request::Reach;
use toml::Spanned;

use super::check::Check;
use super::policy::{PolicyConfig, PolicyRule, Then, When};
use super::raw::RawPolicy;
use super::raw_policy::{RawReach, RawRule};
use super::section::{At, Place};
use super::words::{duration, nearest};

/// Groups of actions, and all of them.
const GROUPS: [&str; 4] = ["tokens", "looks", "deeds", "*"];

impl Check<'_> {
    pub(super) fn policy(&mut self, policy: Option<At<RawPolicy>>) -> PolicyConfig {
        let Some(policy) = policy else { return PolicyConfig::default() };
        let file = policy.value.file.and_then(|at| {
            let place = at.place.clone();
            self.filled(Some(at)).map(|typed| self.path(&place, &typed))
        });
        let mut rules: Vec<PolicyRule> = Vec::new();
        let typed = policy.value.rule.map(|at| (at.value, at.place));
        for (number, raw) in typed.iter().flat_map(|(all, _)| all.iter().enumerate()) {
            let table = typed.as_ref().map(|(_, place)| place.key.as_str()).unwrap_or_default();
            let rule = self.rule(raw, &format!("{table}[{number}]"));
            if let Some(typed) = raw.id.as_ref().filter(|typed| typed.get_ref() == "base") {
                let place = at(&format!("{table}[{number}].id"), typed);
                self.problems.add(&place, "is the name of what all rules stand over");
            }
            let same = |other: &PolicyRule| rule.id.is_some() && other.id == rule.id;
            if let (Some(typed), true) = (&raw.id, rules.iter().any(same)) {
                let place = at(&format!("{table}[{number}].id"), typed);
                self.problems.add(&place, "is another rule's id already");
            }
            rules.push(rule);
        }
        let machines = typed.filter(|(_, place)| !self.problems.is_own(place));
        let rules_file = machines.map(|(_, place)| self.problems.file(&place).into());
        PolicyConfig { file, rules, rules_file }
    }

    fn rule(&mut self, raw: &RawRule, key: &str) -> PolicyRule {
        let then = at(&format!("{key}.then"), &raw.then);
        let when = &raw.when;
        let mut text = |name: &str, typed: &Option<Spanned<String>>| {
            let typed = typed.as_ref()?;
            if typed.get_ref().trim().is_empty() {
                self.problems.add(&at(&format!("{key}.{name}"), typed), "is empty");
            }
            Some(typed.get_ref().clone())
        };
        let id = text("id", &raw.id);
        let mut when_text = |name: &str, typed| text(&format!("when.{name}"), typed);
        let mut read = When {
            connection: when_text("connection", &when.connection),
            profile: when_text("profile", &when.profile),
            deployment: when_text("deployment", &when.deployment),
            audience: when_text("audience", &when.audience),
            env: when_text("env", &when.env),
            scope: when_text("scope", &when.scope),
            action: when_text("action", &when.action),
            group: when_text("group", &when.group),
            program: when_text("program", &when.program),
            lane: when_text("lane", &when.lane),
            dag: when_text("dag", &when.dag),
            who: when.who,
            remote: when.remote,
            reach: when.reach.map(|reach| match reach {
                RawReach::Named => Reach::Named,
                RawReach::Within => Reach::Within,
                RawReach::Beyond => Reach::Beyond,
            }),
            ..When::default()
        };
        if let Some(typed) = &when.action {
            self.action(&at(&format!("{key}.when.action"), typed), typed.get_ref());
        }
        for (name, typed) in [("scope", &when.scope), ("group", &when.group)] {
            let Some(typed) = typed.as_ref().filter(|typed| typed.get_ref().contains('*')) else {
                continue;
            };
            let place = at(&format!("{key}.when.{name}"), typed);
            let hint = "write one rule for each, or the policy in Cedar";
            self.problems.add_hint(&place, "is compared whole: no `*` here", hint);
        }
        if let Some(typed) = &when.hours {
            read.hours = hours(typed.get_ref());
            if read.hours.is_none() {
                let place = at(&format!("{key}.when.hours"), typed);
                self.problems.add_hint(&place, "is no span of hours", "8-18, or 18-8: UTC");
            }
        }
        if let Some(typed) = &when.signed_in_over {
            read.signed_in_over = duration(typed.get_ref());
            if read.signed_in_over.is_none() {
                let place = at(&format!("{key}.when.signed-in-over"), typed);
                self.problems.add_hint(&place, "is no span of time", "8h, 30m, 1d12h");
            }
        }
        if *raw.then.get_ref() == Then::Allow && read.dag.is_some() {
            let message = "what a caller says of itself (dag) never opens anything";
            let hint = "take the DAG out of the rule, or ask: then = \"ask\"";
            self.problems.add_hint(&then, message, hint);
        }
        let line = self.problems.line(&then);
        PolicyRule { id, line, when: read, then: *raw.then.get_ref() }
    }

    fn action(&mut self, place: &Place, typed: &str) {
        let words = || Action::ALL.iter().map(|action| action.as_str()).chain(GROUPS);
        if words().any(|word| word == typed) {
            return;
        }
        let message = format!("there is no action `{typed}`");
        let hint = match nearest(typed, words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "tokens, looks, deeds, or an action of `dagpass policy schema`".to_owned(),
        };
        self.problems.add_hint(place, message, hint);
    }
}

fn at<T>(key: &str, typed: &Spanned<T>) -> Place {
    Place { key: key.to_owned(), offset: typed.span().start }
}

fn hours(typed: &str) -> Option<(u8, u8)> {
    let (from, to) = typed.split_once('-')?;
    let hour = |text: &str| text.trim().parse::<u8>().ok().filter(|hour| *hour <= 24);
    let (from, to) = (hour(from)?, hour(to)?);
    (from != to && from < 24).then_some((from, to))
}
