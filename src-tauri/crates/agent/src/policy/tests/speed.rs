//! How long a judgement takes; run by hand, in release.

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

#[test]
#[ignore = "a measurement"]
fn what_two_hundred_rules_cost() {
    for count in [1, 200] {
        let mut text = "permit(principal, action, resource);\n".to_owned();
        for number in 0..count - 1 {
            text.push_str(&match number % 4 {
                0 => format!("forbid(principal, action in Action::\"tokens\", resource == Connection::\"c{number}\");\n"),
                1 => format!("forbid(principal is Container, action in Action::\"tokens\", resource) when {{ context has connection && context.connection like \"c{number}_*\" }};\n"),
                2 => format!("forbid(principal, action == Action::\"token\", resource) when {{ context has audience && context.audience == \"https://{number}.example\" }};\n"),
                _ => format!("forbid(principal, action, resource in Profile::\"p{number}\") unless {{ context.approved }};\n"),
            });
        }
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
        eprintln!("{count} rules: p50 {} ns, p99 {} ns", took[10_000], took[19_800]);
    }
}
