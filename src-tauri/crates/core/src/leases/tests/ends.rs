//! What ends a lease, and what is left of one that ended.

use super::*;
use crate::leases::table::MOST;

fn why(lease: &Lease) -> Option<Why> {
    lease.ended.as_ref().map(|end| end.why.clone())
}

#[tokio::test]
async fn a_run_s_leases_end_with_it_and_its_token_is_told_of_until_that_has_ended() {
    let scene = scene();
    let (outer, inner) = (run("run-a"), within("run-b", "run-a"));
    scene.gets(&outer, ask("prod")).await.unwrap();
    scene.gets(&inner, narrowed("a:read")).await.unwrap();
    scene.broker.end_leases_of("run-b");
    let ended: Vec<_> = scene.all().iter().map(why).collect();
    assert!(ended.contains(&None) && ended.contains(&Some(Why::RunEnded)), "{ended:?}");
    scene.broker.end_leases_of("run-a");
    assert!(scene.all().iter().all(|lease| why(lease) == Some(Why::RunEnded)));
    assert_eq!(scene.broker.outstanding(|_| true).len(), 2);
    scene.world.clock.jump(3601);
    assert_eq!((scene.all().len(), scene.broker.outstanding(|_| true).len()), (0, 0));
}

#[tokio::test]
async fn a_door_that_is_opened_again_is_another() {
    let scene = scene();
    let door = Principal::new(Kind::Container("etl-0a1b".into()), Caller::default());
    scene.bytes(&door).await.unwrap();
    scene.revoke(Which::Id(&scene.of(&door).id)).unwrap();
    assert_eq!(scene.bytes(&door).await, DENIED);
    scene.broker.end_leases_of("etl-0a1b");
    assert_eq!(why(&scene.of(&door)), Some(Why::RunEnded));
    assert!(scene.bytes(&door).await.is_ok());
}

#[tokio::test]
async fn a_tree_s_leases_end_when_its_leader_is_seen_to_have_ended() {
    let scene = scene();
    for leader in [10, 20] {
        scene.bytes(&terminal(leader)).await.unwrap();
    }
    assert_eq!(scene.broker.lease_leaders(), [mark(10), mark(20)]);
    scene.broker.end_leases_of_trees(&[mark(10)]);
    assert_eq!(why(&scene.of(&terminal(10))), Some(Why::TreeEnded));
    assert_eq!(why(&scene.of(&terminal(20))), None);
}

#[tokio::test]
async fn a_sign_out_ends_them_and_a_new_sign_in_takes_no_old_no_over() {
    let scene = scene();
    let (taken_back, other) = (run("run-a"), run("run-b"));
    for who in [&taken_back, &other] {
        scene.bytes(who).await.unwrap();
    }
    scene.revoke(Which::Id(&scene.of(&taken_back).id)).unwrap();
    let key = SessionKey::of("prod");
    scene.broker.sign_out(&key, &Caller::default()).await.unwrap();
    assert_eq!(why(&scene.of(&other)), Some(Why::SignedOut));
    let left = scene.broker.outstanding(|one| *one == key);
    assert_eq!(left.len(), 2, "what was handed out is good to its own end");
    scene.signs_in_anew("at-9").await;
    assert_eq!(scene.bytes(&taken_back).await, served("at-9"));
    let lease = scene.of(&taken_back);
    assert_eq!((lease.ended, lease.times, lease.tokens.len()), (None, 1, 2));
    // An old find is none of this sign-in's.
    let caller = Caller::default();
    let tree = tree_of(&taken_back);
    for (token, expected) in [(&lease.tokens[0], false), (&lease.tokens[1], true)] {
        let found = scene.broker.end_leases_with(&token.fingerprint, "found in a log", &caller);
        assert_eq!(found.unwrap().iter().any(|one| one.lease.tree == tree), expected);
        assert_eq!(scene.of(&taken_back).is_revoked(), expected);
    }
}

#[tokio::test]
async fn every_session_s_leases_end_at_once_and_what_stays_good_is_told() {
    let scene = scene();
    scene.bytes(&run("run-a")).await.unwrap();
    scene.gets(&terminal(10), narrowed("a:read")).await.unwrap();
    assert_eq!((scene.broker.end_all_leases(), scene.broker.outstanding(|_| true).len()), (2, 2));
    assert_eq!(scene.broker.end_all_leases(), 0);
}

#[tokio::test]
async fn there_is_room_for_so_many_and_what_was_taken_back_gives_way_last() {
    let scene = scene();
    let taken_back = terminal(1);
    scene.bytes(&taken_back).await.unwrap();
    scene.revoke(Which::Id(&scene.of(&taken_back).id)).unwrap();
    scene.bytes(&run("run-a")).await.unwrap();
    scene.broker.end_leases_of("run-a");
    for leader in 0..u32::try_from(MOST).unwrap() {
        scene.bytes(&terminal(1_000 + leader)).await.unwrap();
    }
    let listed = scene.broker.leases(&terminal(1));
    assert_eq!((listed.leases.len(), listed.dropped), (MOST, 2), "and that is said");
    assert!(!listed.leases.iter().any(|lease| lease.tree == tree_of(&run("run-a"))));
    assert_eq!(scene.bytes(&taken_back).await, DENIED);
}
