//! Where the system is to say who answers.

use super::*;

impl Scene {
    /// Says it, with what the system says of whoever does.
    pub(super) fn proves(
        &self,
        who: &Principal,
        id: &str,
        (answer, proven): (Answer, Proven),
    ) -> Result<Timestamp, Refusal> {
        let midnight = self.world.clock.now().plus(Duration::from_secs(8 * 3600));
        self.broker.answer_approval(who, id, &Spoken { answer, midnight, proven })
    }

    fn lines(&self, event: &str) -> Vec<String> {
        let lines = self.world.witness.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(event)).cloned().collect()
    }
}

fn proven(need: Need, proof: Proof) -> Proven {
    Proven { need, proof }
}

fn cancelled() -> Proof {
    Proof::Unproven { why: "the person cancelled it".to_owned(), hint: "answer it again" }
}

#[test]
fn an_answer_that_nobody_proved_opens_nothing_and_its_asker_hears_why() {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.asked(&who);
    for answer in [Answer::Run, Answer::Today, Answer::Always] {
        let refusal = scene
            .proves(&person(), &id, (answer, proven(Need::Required, cancelled())))
            .unwrap_err();
        assert_eq!(refusal.code, ErrorCode::AccessDenied, "{answer:?}");
        assert_eq!(refusal.cause.as_deref(), Some("the person cancelled it"));
        let heard = scene.wants(&who, ask("prod")).unwrap_err();
        assert_eq!(heard.code, ErrorCode::ApprovalPending, "it goes on waiting");
        assert!(heard.cause.unwrap().ends_with("does not count: the person cancelled it"));
    }
    assert_eq!(scene.world.book.kept(), [] as [Standing; 0]);
    let told = scene.lines("ApprovalAnswered");
    assert_eq!((told.len(), scene.told("approvalanswered failed")), (3, 3));
    assert!(told.iter().all(|line| line.contains(r#"re_authenticated: Some("no")"#)), "{told:?}");
    assert!(told.iter().all(|line| line.contains(r#"error: Some("access_denied")"#)), "{told:?}");
    assert!(told.first().unwrap().contains(r#"reason: Some("run: the person cancelled it")"#));

    let polkit = proven(Need::Required, Proof::By("polkit"));
    scene.proves(&person(), &id, (Answer::Run, polkit)).unwrap();
    assert_eq!(scene.code(&who), None);
    let told = scene.lines("ApprovalAnswered").pop().unwrap();
    assert!(told.contains(r#"re_authenticated: Some("polkit")"#), "{told}");
}

#[test]
fn what_the_system_was_not_asked_about_says_so_on_the_record_and_a_no_needs_none() {
    for (answer, told) in [(Answer::Once, r#"Some("no")"#), (Answer::No, "None")] {
        let scene = scene();
        scene.approved(&by(program(100, 10)), answer);
        let line = scene.lines("ApprovalAnswered").pop().unwrap();
        assert!(line.contains(&format!("re_authenticated: {told}")), "{line}");
    }
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.asked(&who);
    let unable = proven(Need::WherePossible, Proof::Unable("no polkit".to_owned()));
    scene.proves(&person(), &id, (Answer::Today, unable)).unwrap();
    assert_eq!(scene.code(&who), None, "where the system cannot, the answer counts as it is");
}

#[test]
fn a_question_waits_while_the_person_proves_who_they_are_and_nobody_else_has_it_wait() {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.asked(&who);
    scene.world.clock.jump(50);
    let refusal = scene.broker.hold_approval(&who, &id, Answer::Run).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::AccessDenied, "nobody approves himself");
    scene.broker.hold_approval(&person(), &id, Answer::Run).unwrap();
    scene.world.clock.jump(i64::try_from(PROVING.as_secs()).unwrap());
    let polkit = proven(Need::Required, Proof::By("polkit"));
    scene.proves(&person(), &id, (Answer::Run, polkit)).unwrap();
    assert_eq!(scene.code(&who), None);
    assert_eq!(scene.told("approvalexpired"), 0);

    // What could not stand is said before a person types a password for it.
    let run = of(Kind::Run("run-1".into()), program(200, 20));
    let id = scene.asked(&run);
    let refusal = scene.broker.hold_approval(&person(), &id, Answer::Always).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
    assert!(scene.broker.hold_approval(&person(), "ap-none", Answer::Run).is_err());
}

#[test]
fn an_answer_of_another_meanwhile_is_the_one_that_counts() {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.asked(&who);
    scene.broker.hold_approval(&person(), &id, Answer::Run).unwrap();
    scene.say(&person(), &id, Answer::No).unwrap();
    let polkit = proven(Need::Required, Proof::By("polkit"));
    let refusal = scene.proves(&person(), &id, (Answer::Run, polkit)).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotFound);
    assert_eq!(scene.code(&who), REFUSED);
}
