//! What is not put to Cedar would have changed nothing.

use std::sync::Arc;

use cedar_policy::PolicySet;
use dagpass_core::policy::Action;
use dagpass_core::time::Timestamp;

use super::super::facts::{Facts, Side};
use super::super::judge::evaluated;
use super::super::language::Language;
use super::{NOW, layer};

const HEADS: [&str; 9] = [
    "principal, action, resource",
    "principal is Run, action, resource",
    "principal, action == Action::\"token\", resource",
    "principal, action in [Action::\"connection\", Action::\"looks\"], resource",
    "principal, action, resource == Connection::\"a\"",
    "principal, action, resource == Profile::\"a\"",
    "principal, action, resource in Profile::\"a\"",
    "principal, action, resource in Scope::\"*\"",
    "principal, action, resource is Connection in Profile::\"a\"",
];
const CONDITIONS: [&str; 16] = [
    "",
    "when { context has connection }",
    "when { context has connection && context.connection == \"a\" }",
    "when { context has connection && context.connection like \"*a*\" }",
    "when { context has connection && context.connection like \"\\*\" }",
    "when { context has audience && context.audience == \"a\" } when { context has env }",
    "when { context has env && context.env == \"a\" && context.time.epoch * 9223372036854775807 > 0 }",
    "when { context.time.epoch * 9223372036854775807 > 0 && context has env }",
    "unless { context has connection && context.connection == \"a\" }",
    "when { context has deployment } unless { context.approved }",
    "when { (if context has env then context.env == \"a\" else true) }",
    "when { context has connection || context has env }",
    "when { !(context has connection) }",
    "when { \"a\" == \"a\" && context has profile && \"a\" == context.profile }",
    "when { context has scopes && context.scopes.contains(\"a\") }",
    "when { context has profile && context has connection && context.profile != context.connection }",
];

fn requests() -> Vec<Facts<'static>> {
    let mut all = Vec::new();
    for said in [
        "action=token",
        "action=token profile=a",
        "action=token profile=b connection=a",
        "action=token profile=a connection=b scopes=a,b",
        "action=token profile=a connection=* env=a audience=a",
        "action=token profile=a deployment=a who=run",
        "action=connection profile=b connection=xa audience=b env=b who=container",
        "action=show-status who=run",
    ] {
        let mut facts = Facts::plain(Timestamp::from_secs(NOW));
        for (word, value) in said.split(' ').map(|one| one.split_once('=').unwrap()) {
            facts.set(word, Some(value)).unwrap();
        }
        if facts.action == Action::Token && facts.profile.is_none() {
            facts.profile = Some("c".into());
        }
        all.push(facts);
    }
    all
}

#[test]
fn a_rule_that_is_aimed_elsewhere_would_neither_have_matched_nor_failed() {
    let language = Language::of_dagpass().unwrap();
    let (mut put, mut there) = (0, 0);
    for effect in ["permit", "forbid"] {
        for condition in CONDITIONS {
            let all = HEADS.iter().enumerate();
            let rules =
                all.map(|(at, head)| format!("@id(\"r{at}\") {effect}({head}) {condition};"));
            let text: Vec<String> = rules.collect();
            // A rule that a head and a condition make impossible is a lint's, not an error.
            let layer = Arc::new(layer(&text.join("\n")));
            let policies = layer.rules.iter().map(|rule| rule.policy.clone());
            let whole = PolicySet::from_policies(policies).unwrap();
            for facts in requests() {
                let entities = facts.entities(language).unwrap();
                let picked = layer.about(&facts);
                put += picked.set.policies().count();
                there += whole.policies().count();
                for approved in [false, true] {
                    let side = Side { approved, ..Side::default() };
                    let request = facts.request(language, side).unwrap();
                    let some = evaluated(&layer, &request, (&picked.set, &entities));
                    let every = evaluated(&layer, &request, (&whole, &entities));
                    assert_eq!(some, every, "{effect} {condition} {facts:?}");
                }
            }
        }
    }
    assert!(put * 3 < there, "{put} of {there}");
}
