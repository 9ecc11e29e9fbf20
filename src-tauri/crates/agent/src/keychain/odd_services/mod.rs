//! The store over Secret Services that behave in ways the two at hand do not.

mod service;

use std::sync::Arc;
use std::time::Duration;

use dagpass_core::ports::RefreshTokenStore as _;

use super::fixture::session;
use super::freedesktop::shown;
use super::stage::{Bus, agent, key, on_stage, token, until};
use super::thread::DEADLINE;
use super::*;
use service::{Habits, OddService};

const ASKED: &str = "it asks you something: answer its prompt";

fn locked<T>(why: &str) -> Result<T, StoreFailure> {
    Err(StoreFailure::Locked(why.to_owned()))
}

#[test]
fn a_service_without_an_encrypted_session_is_used_and_that_is_said() {
    on_stage(
        module_path!(),
        "a_service_without_an_encrypted_session_is_used_and_that_is_said",
        Bus::Private,
        async {
            let service = OddService::start(Habits::default());
            let agent = agent();
            agent.readiness().await.unwrap();
            assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
            assert!(service.plain_sessions() > 0);
            assert_eq!(token(&self::agent()).await, Ok(Some("t1".to_owned())));
            assert_eq!(agent.health().state, HealthState::Ok);
            let said = agent.health().detail.unwrap_or_default();
            assert!(said.contains("no encrypted session"), "{said}");
            agent.forget(&key()).await.unwrap();
            assert_eq!(service.items(), 1, "the sealing key");
        },
    );
}

#[test]
fn a_lock_that_is_named_late_is_a_locked_keychain() {
    on_stage(
        module_path!(),
        "a_lock_that_is_named_late_is_a_locked_keychain",
        Bus::Private,
        async {
            let service = OddService::start(Habits::default());
            agent().save(&key(), &session("t1", 1)).await.unwrap();
            service.becomes(Habits { locks_late: true, ..Habits::default() });
            let agent = agent();
            assert_eq!(token(&agent).await, locked("the Secret Service keeps it locked"));
            assert_eq!(agent.health().state, HealthState::Locked);
            service.becomes(Habits::default());
            assert_eq!(token(&agent).await, Ok(Some("t1".to_owned())));
        },
    );
}

#[test]
fn a_prompt_waits_for_a_person_and_nobody_waits_behind_it() {
    on_stage(
        module_path!(),
        "a_prompt_waits_for_a_person_and_nobody_waits_behind_it",
        Bus::Private,
        async {
            let service = OddService::start(Habits { asks: true, ..Habits::default() });
            let agent = Arc::new(agent());
            let asking = {
                let agent = agent.clone();
                tokio::spawn(async move { agent.readiness().await })
            };
            until(|| async { service.is_asking() }).await;
            // Neither of these waits for the deadline, or is in the queue behind it.
            let behind = tokio::time::timeout(DEADLINE / 2, agent.load(&key())).await;
            assert_eq!(behind.unwrap().map(|_| ()), locked(ASKED));
            assert_eq!(asking.await.unwrap(), locked(ASKED), "nor does whoever brought it up");
            assert!(agent.is_asking() && service.is_asking());
            service.answer(true);
            agent.answered().await.unwrap();
            service.becomes(Habits::default());
            assert_eq!(agent.readiness().await, Ok(()));
            assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
            assert_eq!(service.dismissals(), 0);
        },
    );
}

#[test]
fn a_prompt_that_nobody_answers_is_taken_back() {
    on_stage(module_path!(), "a_prompt_that_nobody_answers_is_taken_back", Bus::Private, async {
        let service = OddService::start(Habits::default());
        let path = service.prompt();
        let shown = tokio::task::spawn_blocking(move || {
            let bus = zbus::blocking::Connection::session().unwrap();
            shown(&bus, &path, Duration::from_millis(100))
        });
        let refused = StoreFailure::from(shown.await.unwrap().unwrap_err());
        assert_eq!(refused, StoreFailure::Locked("nobody answered its prompt".to_owned()));
        assert_eq!(service.dismissals(), 1);
    });
    assert_eq!(asking::PATIENCE, Duration::from_secs(60));
}

#[test]
fn a_prompt_that_is_dismissed_is_told_and_the_keychain_can_be_asked_again() {
    on_stage(
        module_path!(),
        "a_prompt_that_is_dismissed_is_told_and_the_keychain_can_be_asked_again",
        Bus::Private,
        async {
            let service = OddService::start(Habits { asks: true, ..Habits::default() });
            let agent = agent();
            assert_eq!(agent.readiness().await, locked(ASKED));
            // Whoever looks only once it was answered finds nobody asked any more.
            let (answered, ()) = tokio::join!(agent.answered(), async { service.answer(false) });
            assert_eq!(answered, locked("its prompt was dismissed"));
            assert_eq!(service.items(), 0, "nothing was made");
            assert_eq!(agent.readiness().await, locked(ASKED));
            service.answer(true);
            agent.answered().await.unwrap();
        },
    );
}

#[test]
fn a_save_behind_a_prompt_is_not_lost_and_moves_in_after_the_answer() {
    on_stage(
        module_path!(),
        "a_save_behind_a_prompt_is_not_lost_and_moves_in_after_the_answer",
        Bus::Private,
        async {
            let service = OddService::start(Habits::default());
            let agent = agent();
            agent.readiness().await.unwrap();
            service.becomes(Habits { asks: true, ..Habits::default() });
            assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Fallback));
            assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Fallback));
            service.answer(true);
            agent.answered().await.unwrap();
            // What the person allowed is the older one; the file has the newer.
            assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Kept));
            assert_eq!(token(&self::agent()).await, Ok(Some("t2".to_owned())));
            assert_eq!(service.items(), 2, "the record and the sealing key");
        },
    );
}

#[test]
fn an_item_that_is_held_back_is_asked_for_once() {
    on_stage(module_path!(), "an_item_that_is_held_back_is_asked_for_once", Bus::Private, async {
        let service = OddService::start(Habits::default());
        let before = agent();
        before.readiness().await.unwrap();
        before.save(&key(), &session("t1", 1)).await.unwrap();
        service.becomes(Habits { holds_back: true, ..Habits::default() });
        let agent = agent();
        assert_eq!(token(&agent).await, locked(ASKED));
        service.answer(true);
        agent.answered().await.unwrap();
        assert_eq!(token(&agent).await, Ok(Some("t1".to_owned())));
        service.becomes(Habits { asks: true, ..Habits::default() });
        assert_eq!(agent.forget(&key()).await, locked(ASKED), "a deletion is asked for too");
        service.answer(true);
        agent.answered().await.unwrap();
        assert_eq!(agent.forget(&key()).await, Ok(()));
        assert_eq!(token(&self::agent()).await, Ok(None));
    });
}
