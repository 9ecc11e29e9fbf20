//! Who answers, and who never does.

use super::*;

#[test]
fn nobody_approves_himself() {
    let scene = scene();
    let asking = program(100, 10);
    let id = scene.asked(&by(asking));
    let socket = |kind| of(kind, program(900, 90));
    let with = |change: fn(&mut Caller)| {
        let mut other = person();
        change(&mut other.caller);
        other
    };
    for (way, who) in [
        ("itself", by(program(100, 10))),
        ("another process of its tree", by(program(101, 10))),
        ("the leader of its session", by(program(10, 10))),
        ("what the same program started without a terminal", {
            by(Program { terminal: None, ..program(130, 130) })
        }),
        ("what the same program started at the same terminal", {
            by(Program { terminal: Some(10), ..program(130, 130) })
        }),
        (
            "a child in a session of its own",
            by(Program { above: vec![100, 10, 1], ..program(110, 110) }),
        ),
        ("an orphan of its session", by(Program { above: vec![], ..program(120, 10) })),
        ("whoever the system does not show", Principal::new(Kind::Owner, Caller::default())),
        ("TCP with the endpoint's capability", {
            let transport = Transport::Tcp;
            let capability = Some("endpoint".to_owned());
            let caller = Caller { transport, capability, ..Caller::default() };
            Principal::new(Kind::Owner, caller)
        }),
        ("a capability on the socket", with(|caller| caller.capability = Some("endpoint".into()))),
        ("a far machine", with(|caller| caller.remote = true)),
        ("a run", socket(Kind::Run("run-1".into()))),
        ("a container", socket(Kind::Container("door-1".into()))),
        ("a forwarded socket", socket(Kind::Forwarded("door-2".into()))),
        ("a relay", socket(Kind::Relay)),
        ("the agent's own clockwork", Principal::new(Kind::Agent, Caller::default())),
    ] {
        for answer in Answer::ALL {
            let refusal = scene.say(&who, &id, answer).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::AccessDenied, "{way} {answer:?}");
        }
        let written = scene.broker.permit(&who, Action::WriteConfig, Resource::default());
        assert_eq!(written.unwrap_err().code, ErrorCode::AccessDenied, "{way}");
    }
    assert_eq!(scene.told("approvalanswered"), 0, "{:?}", scene.events());
    // A parent in a tree of its own that had its child ask.
    let child = by(Program { above: vec![200, 20, 1], ..program(210, 210) });
    let id = scene.asked(&child);
    assert!(scene.say(&by(program(200, 20)), &id, Answer::Once).is_err());
    assert!(scene.say(&person(), &id, Answer::Once).is_ok());
}

#[test]
fn the_icon_and_the_window_answer_whoever_started_the_agent() {
    let scene = scene();
    let icon = || by(Program { path: "dagpass-agent", ..program(100, 10) });
    for who in [by(program(100, 10)), Principal::new(Kind::Owner, Caller::default())] {
        let id = scene.asked(&who);
        assert!(scene.say(&icon(), &id, Answer::Run).is_ok());
    }
    // What is behind a door is not shown, and is none of the person's own processes.
    let far = Principal::new(Kind::Container("door-1".into()), Caller::default());
    let id = scene.asked(&far);
    assert!(scene.say(&person(), &id, Answer::Run).is_ok());
    assert_eq!(scene.code(&far), None);
}

#[test]
fn whoever_does_not_ask_writes_the_config_meanwhile_and_afterwards_all_do() {
    let scene = scene();
    let who = by(program(100, 10));
    let writes = |who: &Principal| {
        let approvals = &scene.broker.approvals;
        approvals.lets_widen(who, Action::WriteConfig, scene.world.clock.now()).is_ok()
    };
    assert!(writes(&who));
    let id = scene.asked(&who);
    assert!(writes(&person()) && !writes(&who));
    scene.say(&person(), &id, Answer::No).unwrap();
    assert!(writes(&person()) && !writes(&who), "nor whom a no was said to");
    let refusal = scene.broker.revoke_approval(&who, &id).unwrap_err();
    assert_eq!(
        refusal.code,
        ErrorCode::AccessDenied,
        "a no is not taken back by whom it was said to"
    );
    scene.broker.revoke_approval(&person(), &id).unwrap();
    assert!(writes(&who));
    assert_eq!(scene.code(&who), PENDING);
    scene.approved(&who, Answer::Run);
    assert!(writes(&who));
}

#[test]
fn whoever_was_asked_about_meets_that_answer_when_he_comes_again() {
    const REFUSED: Option<ErrorCode> = Some(ErrorCode::ApprovalRefused);
    let scene = scene();
    let who = by(program(100, 10));
    let code = |action| {
        let permit = scene.broker.permit(&who, action, Resource::default());
        permit.map(Permit::spend).err().map(|refusal| refusal.code)
    };
    for action in [Action::WriteConfig, Action::BreakGlass] {
        for (answer, expected) in [(Answer::No, REFUSED), (Answer::Today, None)] {
            let refusal = scene.broker.permit(&who, action, Resource::default()).unwrap_err();
            let id = refusal.approval.unwrap();
            assert_eq!(code(action), PENDING, "{action:?} again");
            // Another program of the tree does not do it instead, whatever is said to it.
            let beside = by(Program { path: "/usr/bin/beside", ..program(101, 10) });
            let instead = || {
                let permit = scene.broker.permit(&beside, action, Resource::default());
                permit.map(Permit::spend).unwrap_err().code
            };
            assert_eq!(instead(), ErrorCode::AccessDenied, "{action:?} meanwhile");
            // What waits of another kind is another matter.
            let other = match action {
                Action::WriteConfig => Action::BreakGlass,
                _ => Action::WriteConfig,
            };
            assert_eq!(code(other), Some(ErrorCode::AccessDenied), "{other:?} meanwhile");
            scene.say(&person(), &id, answer).unwrap();
            assert_eq!(code(action), expected, "{action:?} {answer:?}");
            if answer == Answer::No {
                assert_eq!(instead(), ErrorCode::AccessDenied, "{action:?} afterwards");
            }
            scene.broker.revoke_approval(&person(), &id).unwrap();
        }
    }
}

#[test]
fn a_lane_answers_nothing_and_what_is_approved_for_it_is_for_nobody_else() {
    let lane = |name: &str| Lane::In(Within { name: name.into(), quota: Quota::default() });
    let unseen = || Lane::Unseen(Arc::from([]));
    let of = |lane| Principal { lane, ..by(program(100, 10)) };
    for (asks, others) in [
        (Lane::Free, vec![lane("agent"), unseen()]),
        (lane("agent"), vec![Lane::Free, lane("other"), unseen()]),
        (unseen(), vec![Lane::Free, lane("agent")]),
    ] {
        let scene = scene();
        let who = of(asks);
        let id = scene.asked(&who);
        for answers in [lane("agent"), unseen()] {
            // As if the built-in rules had let it come so far.
            let by = Principal { lane: answers, ..person() };
            let refusal = scene.say(&by, &id, Answer::Today).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::AccessDenied);
            assert!(!by.may(Action::Approve) && by.may(Action::Token));
        }
        scene.say(&person(), &id, Answer::Today).unwrap();
        assert_eq!(scene.code(&who), None);
        for other in others {
            assert_eq!(scene.code(&of(other.clone())), PENDING, "{other:?}");
        }
    }
}

#[test]
fn what_the_agent_itself_asks_ahead_of_need_shuts_nobody_out() {
    let scene = scene();
    let agent = Principal::new(Kind::Agent, Caller::default());
    let id = scene.asked(&agent);
    let now = scene.world.clock.now();
    assert!(scene.broker.approvals.lets_widen(&person(), Action::WriteConfig, now).is_ok());
    scene.say(&person(), &id, Answer::Run).unwrap();
    assert_eq!(scene.code(&agent), None);
}

#[test]
fn what_is_approved_for_one_upstream_goes_to_no_other() {
    let scene = scene();
    let who = by(program(100, 10));
    let to = |upstream: &str, path: &str| {
        let (upstream, method, path) = (upstream.to_owned(), "GET".to_owned(), path.to_owned());
        let through = Some(crate::request::Through { upstream, method, path });
        TokenRequest { through, ..ask("prod") }
    };
    let sent = |upstream: &str, path: &str| {
        let permit = scene.broker.permit(&who, Action::Proxy, to(upstream, path));
        permit.err().map(|refusal| refusal.code)
    };
    assert_eq!(sent("warehouse", "/v1/tables"), PENDING);
    let [question] = &scene.broker.approvals().pending[..] else { panic!("it is one question") };
    assert_eq!(question.about.subject.upstream.as_deref(), Some("warehouse"));
    assert_eq!(question.about.request.as_deref(), Some("GET /v1/tables"));
    let id = question.id.to_string();
    scene.say(&person(), &id, Answer::Run).unwrap();
    assert_eq!(sent("warehouse", "/v1/tables"), None);
    assert_eq!(sent("warehouse", "/v1/rows"), None, "an answer is for no single path");
    assert_eq!(sent("lake", "/v1/tables"), PENDING);
    assert_eq!(scene.code(&who), PENDING, "nor is it one for a token");
}
