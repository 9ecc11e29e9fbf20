//! How long a judgement takes, and how long a policy takes to load; run by hand, in release.

use std::sync::Arc;
use std::time::Instant;

use dagpass_core::policy::engine::{Authorizer, Question, SignedIn};
use dagpass_core::policy::{About, Action};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::{Caller, SessionKey, Target, TokenRequest};
use dagpass_core::time::Timestamp;

use super::super::judge::Layers;
use super::super::{Engine, Stance};
use super::layer;

/// So many rules of four kinds behind a base permit.
fn rules(count: usize) -> String {
    let mut text = "permit(principal, action, resource);\n".to_owned();
    for number in 0..count.saturating_sub(1) {
        text.push_str(&match number % 4 {
            0 => format!("forbid(principal, action in Action::\"tokens\", resource == Connection::\"c{number}\");\n"),
            1 => format!("forbid(principal is Container, action in Action::\"tokens\", resource) when {{ context has connection && context.connection like \"c{number}_*\" }};\n"),
            2 => format!("forbid(principal, action == Action::\"token\", resource) when {{ context has audience && context.audience == \"https://{number}.example\" }};\n"),
            _ => format!("forbid(principal, action, resource in Profile::\"p{number}\") unless {{ context.approved }};\n"),
        });
    }
    text
}

const LATE: &str = "forbid(principal, action, resource) when { context.time.hour == 4 };\n";
/// Of which nobody can tell when it turns.
const MOVING: &str = "forbid(principal, action, resource) when { context.time.epoch * 2 == 7 };\n";

#[test]
#[ignore = "a measurement"]
fn what_two_hundred_rules_cost() {
    for (name, text) in [
        ("one rule", rules(1)),
        ("200 rules", rules(200)),
        ("199 rules and one of the hour", rules(199) + LATE),
        ("one rule, judged each time", MOVING.to_owned() + &rules(1)),
        ("200 rules, judged each time", rules(199) + MOVING),
    ] {
        let engine = Engine::default();
        engine.take(Stance::Layers(Arc::new(Layers::new(vec![Arc::new(layer(&text))]))));
        let principal = Principal::new(Kind::Owner, Caller::default());
        let request = TokenRequest {
            connection: Some("warehouse".to_owned()),
            ..TokenRequest::new(SessionKey::of("prod"), Target::default())
        };
        let resource = request.resource();
        let signed_in = SignedIn::default();
        let question = Question {
            principal: &principal,
            action: Action::Token,
            resource: &resource,
            now: Timestamp::from_millis(1_795_548_531_000),
            signed_in: Some(&signed_in),
        };
        let mut took: Vec<u128> = (0..20_000)
            .map(|_| {
                let begin = Instant::now();
                std::hint::black_box(engine.judge(&question));
                begin.elapsed().as_nanos()
            })
            .collect();
        took.sort_unstable();
        eprintln!("{name}: p50 {} ns, p99 {} ns", took[10_000], took[19_800]);
    }
}

#[test]
#[ignore = "a measurement"]
fn how_long_the_longest_policies_take_to_load() {
    for count in [200, 500, 1_000, 2_000] {
        let text = rules(count);
        let begin = Instant::now();
        layer(&text);
        eprintln!("{count} rules: {} ms", begin.elapsed().as_millis());
    }
}
