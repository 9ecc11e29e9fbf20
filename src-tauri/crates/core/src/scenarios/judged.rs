//! A policy that asks who is signed in, right after a start.

use std::sync::Arc;
use std::time::Duration;

use super::broker;
use crate::broker::{Broker, Issued};
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{World, ask, profile, stored, token_set};
use crate::policy::Action;
use crate::policy::engine::{Authorizer, Basis, Question, Verdict};
use crate::ports::{Clock, Ports, StoreFailure};
use crate::principal::{Kind, Narrowing, Principal};
use crate::profile::ProfileName;
use crate::request::{Caller, SessionKey};
use crate::session::StoredSession;

/// Permits those of one group.
struct Group(&'static str);

impl Authorizer for Group {
    fn is_in_force(&self) -> bool {
        true
    }

    fn judge(&self, question: &Question<'_>) -> Verdict {
        let basis = Basis { rules: vec!["group".to_owned()], ..Basis::default() };
        let groups = question.signed_in.map(|who| who.groups.clone()).unwrap_or_default();
        match groups.iter().any(|group| group == self.0) {
            true => Verdict::Permit(basis),
            false => Verdict::Deny(basis, "not of the group".to_owned()),
        }
    }
}

fn judged(world: &World, group: &'static str) -> Broker {
    let broker = Broker::new(Ports { authorizer: Arc::new(Group(group)), ..world.ports() });
    broker.configure([(SessionKey::of("prod"), Arc::new(profile()))]);
    broker
}

async fn token(broker: &Broker, principal: &Principal) -> Result<Issued, Refusal> {
    broker.read_to_judge(principal, Action::Token, &ask("prod")).await?;
    let permit = broker.permit(principal, Action::Token, ask("prod"))?;
    broker.token(permit, principal).await
}

fn owner() -> Principal {
    Principal::new(Kind::Owner, Caller::default())
}

fn loads(world: &World) -> usize {
    world.store.log.lock().unwrap().iter().filter(|line| *line == "load").count()
}

#[tokio::test]
async fn the_first_request_after_a_start_is_judged_by_who_is_signed_in() {
    let world = World::signed_in();
    let broker = judged(&world, "AF-Admins");
    for _ in 0..2 {
        token(&broker, &owner()).await.unwrap();
    }
    assert_eq!(loads(&world), 1);
    let other = judged(&world, "others");
    let refusal = token(&other, &owner()).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::AccessDenied);
    assert_eq!(refusal.cause.as_deref(), Some("not of the group"));
}

#[tokio::test]
async fn no_rule_is_blamed_where_nobody_is_signed_in_or_the_store_is_locked() {
    let world = World::signed_in();
    world.store.records.lock().unwrap().clear();
    let refusal = token(&judged(&world, "AF-Admins"), &owner()).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
    *world.store.fail_loads.lock().unwrap() = Some(StoreFailure::Locked("x".into()));
    let refusal = token(&judged(&world, "AF-Admins"), &owner()).await.unwrap_err();
    assert_ne!(refusal.code, ErrorCode::AccessDenied, "{refusal:?}");
}

#[tokio::test]
async fn nothing_is_read_without_a_policy_or_for_whoever_our_own_rules_deny() {
    let world = World::signed_in();
    let plain = broker(&world);
    plain.read_to_judge(&owner(), Action::Token, &ask("prod")).await.unwrap();
    let narrowing = Narrowing { profiles: Some(vec![ProfileName::new("dev")]), connections: None };
    let narrowed =
        Principal { narrowing, ..Principal::new(Kind::Run("r".into()), Caller::default()) };
    let refusal = token(&judged(&world, "AF-Admins"), &narrowed).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::AccessDenied);
    assert_eq!(loads(&world), 0);
}

#[tokio::test]
async fn what_was_permitted_to_one_sign_in_is_not_served_of_the_next() {
    let world = World::signed_in();
    let broker = judged(&world, "AF-Admins");
    broker.read_to_judge(&owner(), Action::Token, &ask("prod")).await.unwrap();
    let permit = broker.permit(&owner(), Action::Token, ask("prod")).unwrap();
    let now = world.clock.now();
    let set = token_set("at-b", Some("rt-b"), now, now.plus(Duration::from_secs(3600)));
    let next = StoredSession { signed_in_at: now, ..stored("rt-b") };
    super::sign_in(&broker, next, set).await.unwrap();
    let refusal = broker.token(permit, &owner()).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired);
    assert!(token(&broker, &owner()).await.is_ok());
}
