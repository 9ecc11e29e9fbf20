//! What comes late: a deed between the judgement and the token's leaving, a sign-in behind a revocation, a find
//! behind both.

use std::collections::BTreeSet;
use std::fmt;

use super::*;
use crate::logout::{Reason, WindUp};

/// Does it while a token is on its way to this process.
struct Meanwhile(Broker, fn(&Broker));

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Pinned for Meanwhile {
    fn holds(&self) -> Result<(), &'static str> {
        (self.1)(&self.0);
        Ok(())
    }

    fn facts(&self) -> Arc<Verified> {
        Arc::default()
    }

    fn leader(&self) -> Option<Mark> {
        Some(mark(10))
    }
}

fn overtaken(scene: &Scene, by: fn(&Broker)) -> Principal {
    let process = Process::pinned(Arc::new(Meanwhile(scene.broker.clone(), by)));
    Principal { process, ..Principal::new(Kind::Owner, Caller::default()) }
}

fn wind_up(broker: &Broker) {
    let at = broker.ports.clock.now();
    let runs = BTreeSet::from(["run-a".to_owned()]);
    let until = at.plus(Duration::from_secs(600));
    let wind_up = WindUp { reason: Reason::Lock, at, until, runs };
    broker.wind_up(&SessionKey::of("prod"), &Caller::default(), (wind_up, "lock")).unwrap();
}

fn find(broker: &Broker) {
    let known = broker.leases(&terminal(900)).leases.swap_remove(0).tokens.swap_remove(0);
    broker.end_leases_with(&known.fingerprint, "found", &Caller::default()).unwrap();
}

fn state(lease: &Lease) -> Option<String> {
    lease.ended.as_ref().map(|end| end.why.to_string())
}

#[tokio::test]
async fn what_is_on_its_way_at_an_automatic_sign_out_does_not_leave_and_only_kept_runs_hold() {
    let scene = scene();
    for who in [&run("run-a"), &run("run-b"), &terminal(20)] {
        scene.bytes(who).await.unwrap();
    }
    let late = overtaken(&scene, wind_up);
    assert_eq!(scene.bytes(&late).await, Err(ErrorCode::LoginRequired));
    assert_eq!(scene.all().len(), 3, "it began no lease");
    assert_eq!(state(&scene.of(&run("run-a"))), None, "in flight, and goes on");
    for who in [&run("run-b"), &terminal(20)] {
        assert_eq!(state(&scene.of(who)).as_deref(), Some("signed out"));
    }
    assert_eq!(scene.bytes(&run("run-a")).await, served("at-1"));
}

#[tokio::test]
async fn bytes_that_are_found_while_they_are_on_their_way_to_another_tree_do_not_leave() {
    let scene = scene();
    scene.bytes(&run("run-a")).await.unwrap();
    let late = overtaken(&scene, find);
    assert_eq!(scene.bytes(&late).await, Err(ErrorCode::TemporarilyUnavailable));
    assert_eq!(scene.bytes(&terminal(10)).await, served("at-2"), "and the next are others");
    let session = scene.broker.session_of(&SessionKey::of("prod")).unwrap();
    // As an issuer does that gives the same token again.
    scene.signs_in_anew("at-1").await;
    assert_eq!(scene.bytes(&terminal(10)).await, Err(ErrorCode::TemporarilyUnavailable));
    assert!(session.token(&Target::default()).is_none(), "it is at hand no longer");
}

#[tokio::test]
async fn what_is_taken_back_after_a_new_sign_in_is_so_under_that_one() {
    for by_dag in [false, true] {
        let scene = scene();
        let one = task(&run("run-a"), "etl");
        let report = task(&run("run-a"), "report");
        for who in [&one, &report] {
            scene.bytes(who).await.unwrap();
        }
        scene.world.clock.jump(10);
        scene.signs_in_anew("at-9").await;
        let id = scene.of(&one).id;
        let which = if by_dag { Which::Dag("etl") } else { Which::Id(&id) };
        assert_eq!(scene.revoke(which).unwrap().len(), 1);
        assert_eq!(scene.bytes(&one).await, DENIED, "by its DAG: {by_dag}");
        assert_eq!(scene.bytes(&report).await.is_ok(), by_dag);
    }
}

#[tokio::test]
async fn a_no_outlives_a_look_while_its_sign_in_stands_aside_and_not_the_sign_in() {
    let scene = scene();
    let one = run("run-a");
    scene.bytes(&one).await.unwrap();
    scene.revoke(Which::Id(&scene.of(&one).id)).unwrap();
    scene.world.clock.jump(100_000);
    let key = SessionKey::of("prod");
    let other = || crate::profile::Profile { client_id: "another".into(), ..profile() };
    let configs = [vec![(key.clone(), Arc::new(other()))], Vec::new()];
    for config in configs {
        scene.broker.configure(config);
        assert_eq!(scene.all().len(), 1);
        scene.broker.configure([(key.clone(), Arc::new(profile()))]);
        assert_eq!(scene.bytes(&one).await, DENIED);
    }
    scene.signs_in_anew("at-9").await;
    assert!(scene.all().is_empty());
}

#[tokio::test]
async fn where_nobody_is_signed_in_that_is_what_a_revoked_tree_hears() {
    let scene = scene();
    let one = run("run-a");
    scene.bytes(&one).await.unwrap();
    scene.revoke(Which::Id(&scene.of(&one).id)).unwrap();
    scene.broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await.unwrap();
    assert_eq!(scene.bytes(&one).await, Err(ErrorCode::LoginRequired));
}

#[tokio::test]
async fn a_find_that_is_told_again_ends_nothing_of_a_later_sign_in() {
    let scene = scene();
    let one = run("run-a");
    scene.bytes(&one).await.unwrap();
    find(&scene.broker);
    assert_eq!(scene.bytes(&one).await, DENIED);
    scene.world.clock.jump(10);
    scene.signs_in_anew("at-9").await;
    assert_eq!(scene.bytes(&one).await, served("at-9"));
    assert_eq!(scene.of(&one).tokens.len(), 2);
    find(&scene.broker);
    assert_eq!(scene.bytes(&one).await, served("at-9"));
}

#[tokio::test]
async fn a_run_takes_its_token_back_from_itself_alone() {
    let scene = scene();
    let (one, other) = (run("run-a"), terminal(20));
    for who in [&one, &other] {
        scene.bytes(who).await.unwrap();
    }
    let fingerprint = scene.of(&one).tokens[0].fingerprint.clone();
    let which = Which::Fingerprint(&fingerprint);
    assert_eq!(scene.broker.revoke_leases(&one, which, "by its run").unwrap().len(), 1);
    assert_eq!(scene.bytes(&one).await, DENIED);
    assert_eq!(scene.bytes(&other).await, served("at-1"));
    assert_eq!(scene.bytes(&terminal(30)).await, served("at-1"), "the same bytes are at hand");
}

#[tokio::test]
async fn what_a_run_that_is_over_left_somewhere_is_told_as_revoked_and_kept_no_longer_than_its_token()
 {
    let scene = scene();
    scene.bytes(&run("run-a")).await.unwrap();
    scene.broker.end_leases_of("run-a");
    scene.bytes(&terminal(10)).await.unwrap();
    scene.broker.end_leases_of_trees(&[mark(10)]);
    let fingerprint = scene.of(&run("run-a")).tokens[0].fingerprint.clone();
    let revoked = scene.revoke(Which::Fingerprint(&fingerprint)).unwrap();
    assert!(revoked.len() == 2 && revoked.iter().all(|one| one.lease.is_revoked()));
    assert!(scene.all().iter().all(|lease| !lease.is_revoked() && lease.ended.is_some()));
    scene.world.clock.jump(100_000);
    assert!(scene.all().is_empty());
}

#[tokio::test]
async fn what_was_not_recorded_leaves_the_ended_lease_and_what_stays_good_of_it() {
    let scene = scene();
    let shell = terminal(10);
    scene.bytes(&shell).await.unwrap();
    let before = scene.of(&shell);
    scene.broker.end_all_leases();
    *scene.world.witness.full.lock().unwrap() = true;
    assert_eq!(scene.bytes(&shell).await, Err(ErrorCode::NotRecorded));
    *scene.world.witness.full.lock().unwrap() = false;
    let left = scene.broker.outstanding(|_| true);
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].id, &left[0].tokens), (&before.id, &before.tokens));
    assert!(scene.bytes(&shell).await.is_ok());
}
