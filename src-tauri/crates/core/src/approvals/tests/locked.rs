use super::*;
use crate::fakes::{profile, stored};
use crate::logout::{Desk, Out, Reason, Rules, Signal, Signed, WindUp, due};
use crate::request::SessionKey;

const STEP: i64 = 5 * 60;

fn signed() -> Signed {
    let stored = stored("rt-0");
    Signed { in_at: stored.signed_in_at, proven_at: stored.signed_in_at, lifetime: None }
}

async fn served(scene: &Scene, who: &Principal) -> Result<(), Refusal> {
    let permit = scene.wants(who, ask("prod"))?;
    scene.broker.token(permit, who).await.map(drop)
}

fn dag(scene: &Scene) -> Principal {
    let sessions = ["prod", "dev"].map(|name| (SessionKey::of(name), Arc::new(profile())));
    scene.broker.configure(sessions);
    of(Kind::Run("run-1".to_owned()), program(100, 10))
}

/// By `on-lock`, with a grace that outlasts the DAG; and another session, with nothing in flight, at once.
#[tokio::test]
async fn a_dag_of_three_hours_under_a_locked_screen_keeps_its_approval_for_this_run() {
    let scene = scene();
    let dag = dag(&scene);
    scene.approved(&dag, Answer::Run);
    served(&scene, &dag).await.unwrap();
    let rules = Rules { on_lock: true, grace: Duration::from_secs(4 * 3600), ..Rules::default() };
    let (mut desk, began) = (Desk::default(), scene.world.clock.now());
    desk.hear(Signal::Locks, began);
    let due = due(&rules, &desk, &signed()).unwrap();
    assert!(due.reason == Reason::Lock && due.is_over(began));
    scene.broker.signs_out_by(rules.clone());
    let (until, runs) = (began.plus(rules.grace), ["run-1".to_owned()].into());
    let wind_up = WindUp { reason: due.reason, at: began, until, runs };
    let caller = Caller::default();
    assert!(scene.broker.wind_up(&SessionKey::of("prod"), &caller, (wind_up, "lock")).unwrap());
    let out = Out { reason: due.reason, at: began };
    let other = SessionKey::of("dev");
    scene.broker.sign_out_because(&other, &caller, (out, "lock")).await.unwrap();
    for step in 0..36 {
        scene.world.clock.jump(STEP);
        scene.broker.expire_approvals();
        assert!(served(&scene, &dag).await.is_ok(), "step {step}");
    }
    assert_eq!(scene.told("approvalasked"), 1, "nobody was asked again");
    assert_eq!(scene.told("signout"), 2, "of either session, once");
    let newcomer = of(Kind::Run("run-2".to_owned()), program(200, 20));
    scene.approved(&newcomer, Answer::Run);
    let refused = served(&scene, &newcomer).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::LoginRequired, "an approval signs nobody in");
}

#[tokio::test]
async fn where_a_lock_signs_out_the_run_has_its_grace_and_the_approval_stands_beyond_it() {
    let scene = scene();
    let dag = dag(&scene);
    scene.approved(&dag, Answer::Run);
    served(&scene, &dag).await.unwrap();
    let rules = Rules { on_lock: true, ..Rules::default() };
    let mut desk = Desk::default();
    let now = scene.world.clock.now();
    desk.hear(Signal::Locks, now);
    let due = due(&rules, &desk, &signed()).unwrap();
    assert!(due.reason == Reason::Lock && due.is_over(now));
    let (until, runs) = (now.plus(rules.grace), ["run-1".to_owned()].into());
    let wind_up = WindUp { reason: due.reason, at: now, until, runs };
    scene.broker.wind_up(&SessionKey::of("prod"), &Caller::default(), (wind_up, "lock")).unwrap();
    scene.world.clock.jump(STEP);
    assert!(served(&scene, &dag).await.is_ok(), "within the grace");
    scene.world.clock.jump(STEP);
    let refusal = served(&scene, &dag).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LoginRequired, "the session, not the approval");
    assert_eq!(scene.told("approvalasked"), 1);
}

#[tokio::test]
async fn an_answer_for_today_ends_with_whoever_gave_it_by_lock_idleness_sign_out_or_twelve_hours() {
    type Leave = fn(&mut Desk, &Scene);
    let table: [(&str, Leave, bool); 7] = [
        ("locked", |desk, at| desk.hear(Signal::Locks, at.world.clock.now()), true),
        (
            "another is in front",
            |desk, at| desk.hear(Signal::IsAway(true), at.world.clock.now()),
            true,
        ),
        ("nine minutes alone", |desk, at| alone(desk, at, 9 * 60), false),
        ("ten minutes alone", |desk, at| alone(desk, at, 10 * 60), true),
        ("nobody tells", |_, at| at.world.clock.jump(7 * 3600), false),
        (
            "at work",
            |desk, at| {
                at.world.clock.jump(7 * 3600);
                desk.hear(Signal::Touched(at.world.clock.now()), at.world.clock.now());
            },
            false,
        ),
        ("half a day", |_, at| at.world.clock.jump(12 * 3600), true),
    ];
    for (case, leave, ends) in table {
        for (answer, ends) in [(Answer::Today, ends), (Answer::Run, ends && case == "half a day")] {
            let scene = scene();
            let who = by(program(100, 10));
            let mut desk = Desk::default();
            // What was before it is no reason.
            desk.hear(Signal::Locks, scene.world.clock.now());
            desk.hear(Signal::IsLocked(false), scene.world.clock.now());
            scene.world.clock.jump(1);
            scene.approved(&who, answer);
            assert_eq!(scene.broker.has_approvals_for_today(), answer == Answer::Today);
            scene.world.clock.jump(1);
            leave(&mut desk, &scene);
            let told = scene.broker.end_approvals_left(&desk);
            assert!(!told || ends, "{case} {answer:?}");
            let code = scene.code(&who);
            assert_eq!(code.is_some(), ends, "{case} {answer:?}: {code:?}");
        }
    }
}

fn alone(desk: &mut Desk, scene: &Scene, secs: i64) {
    let touched = scene.world.clock.now();
    scene.world.clock.jump(secs);
    desk.hear(Signal::Touched(touched), scene.world.clock.now());
}

#[tokio::test]
async fn an_answer_for_today_ends_with_the_sign_in_and_a_run_s_does_not() {
    for (answer, holds) in [(Answer::Today, false), (Answer::Run, true)] {
        let scene = scene();
        let who = of(Kind::Run("run-1".to_owned()), program(100, 10));
        scene.broker.configure([(SessionKey::of("prod"), Arc::new(profile()))]);
        scene.approved(&who, answer);
        let own = Caller::default();
        scene.broker.sign_out(&SessionKey::of("prod"), &own).await.unwrap();
        assert_eq!(scene.code(&who).is_none(), holds, "{answer:?}");
    }
}
