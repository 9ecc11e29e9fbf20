//! What is on its way to a run or a door that ends meanwhile.

use super::*;

/// What `who` hears whose token is on its way while `id` ends.
async fn ends_meanwhile(
    scene: &Arc<Scene>,
    who: &Principal,
    id: &str,
) -> Result<String, ErrorCode> {
    let asked_before = scene.world.presented().len();
    let shut = scene.world.server.gate.lock().await;
    let ends = async {
        while scene.world.presented().len() == asked_before {
            tokio::task::yield_now().await;
        }
        scene.broker.end_leases_of(id);
        drop(shut);
    };
    tokio::join!(scene.bytes(who), ends).0
}

#[tokio::test]
async fn what_lands_behind_the_end_of_its_run_does_not_leave_and_begins_no_lease() {
    let inner = within("run-b", "run-a");
    for (case, who, id) in [
        ("of its own", run("run-a"), "run-a"),
        ("of one within another", inner.clone(), "run-b"),
        ("of the outermost", inner, "run-a"),
    ] {
        let scene = Arc::new(scene());
        assert_eq!(ends_meanwhile(&scene, &who, id).await, DENIED, "{case}");
        assert!(scene.all().is_empty(), "{case}");
        // As a process that it left behind does, which was let in before.
        assert_eq!(scene.bytes(&who).await, DENIED, "{case}");
        assert_eq!(scene.bytes(&run("run-c")).await, served("at-1"), "{case}: another's is");
    }
}

#[tokio::test]
async fn what_was_asked_of_a_door_before_it_was_shut_is_not_served_through_the_next_of_its_name() {
    let scene = Arc::new(scene());
    let door = Principal::new(Kind::Container("etl-0a1b".into()), Caller::default());
    assert_eq!(ends_meanwhile(&scene, &door, "etl-0a1b").await, DENIED);
    assert!(scene.all().is_empty());
    assert_eq!(scene.bytes(&door).await, served("at-1"));
}
