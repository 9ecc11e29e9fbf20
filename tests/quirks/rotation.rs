//! Which refresh token is the newest, where it is kept, and how often each is presented.

use std::sync::Arc;

use dagpass_core::error::ErrorCode;
use dagpass_core::fakes;
use dagpass_core::ports::{AuthorizationServer, Grant};
use dagpass_core::request::Target;
use dagpass_core::session::EndReason;
use dagpass_sandbox::{Family, Fault, Kind, RefreshFormat, Replay, Rotate, Unrotated};

use crate::stage::Stage;

#[tokio::test]
async fn a_rotated_refresh_token_is_saved_before_its_access_token_and_none_is_presented_twice() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    for round in 1..=5 {
        stage.expire();
        stage.store.log.lock().unwrap().clear();
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let broker = stage.broker.clone();
                tokio::spawn(
                    async move { fakes::serve(&broker, &fakes::ask("prod")).await.unwrap() },
                )
            })
            .collect();
        for caller in callers {
            stage.hear(format!("{:?}", caller.await.unwrap()));
        }
        stage.landed().await;
        let saved = format!("save {}", round + 1);
        assert_eq!(*stage.store.log.lock().unwrap(), ["mark", saved.as_str(), "unmark"]);
        let given = stage.refreshes().pop().unwrap().new_refresh_token_fp.unwrap();
        let kept = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
        assert!(kept.as_str().starts_with(&given));
    }
    assert_eq!(stage.sandbox.refreshes(), 5, "one for twenty callers");
    assert_eq!(stage.sandbox.most_refreshing(), 1);
    assert_eq!(stage.sandbox.replayed(), [""; 0]);
}

#[tokio::test]
async fn a_replay_by_somebody_else_revokes_the_family_and_the_person_signs_in_again() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    let stolen = stage.stored().unwrap();
    stage.lives_on().await;
    let (token, target) = (stolen.refresh_token.as_ref().unwrap(), Target::default());
    let grant = Grant::RefreshToken { token, target: &target, session: &stolen, first: false };
    let failure = stage.ping.redeem(&stage.profile, grant).await.unwrap_err();
    stage.hear(format!("{failure:?} {failure}"));
    stage.expire();
    stage.refused(ErrorCode::LoginRequired).await;
    assert!(matches!(stage.ended(), EndReason::Rejected { .. }));
    stage.refused(ErrorCode::LoginRequired).await;
    assert_eq!(stage.sandbox.refreshes(), 3, "ours, the thief's, and the one that was refused");
}

#[tokio::test]
async fn a_token_that_another_writer_rotated_is_read_again_before_the_session_is_given_up() {
    let stage = Stage::with(Family::PingAm, |quirks| quirks.replay = Replay::Drop);
    stage.device("alice").await.unwrap();
    let other = stage.beside(stage.store.clone());
    other.bytes().await;
    assert_eq!(other.sandbox.refreshes(), 1);
    stage.expire();
    stage.bytes().await;
    assert_eq!(stage.sandbox.refreshes(), 3, "ours is refused, the stored one is taken");
    assert_eq!(stage.sandbox.replayed().len(), 1);
    stage.lives_on().await;
}

#[tokio::test]
async fn a_lost_answer_within_the_grace_is_asked_for_again_with_the_same_token() {
    let stage = Stage::with(Family::PingFederate, |quirks| {
        (quirks.rotate, quirks.grace) = (Rotate::Always, 600);
    });
    stage.device("alice").await.unwrap();
    stage.expire();
    stage.sandbox.fault(Fault::next_refresh(Kind::ResetAfter));
    stage.refused(ErrorCode::TemporarilyUnavailable).await;
    assert_eq!(stage.active().unanswered.unwrap().attempts, 1);
    stage.jump(2);
    stage.bytes().await;
    assert_eq!(stage.sandbox.refreshes(), 2);
    assert_eq!(stage.sandbox.replayed().len(), 1, "the same token, once more");
    assert!(stage.active().unanswered.is_none());
    assert!(stage.store.marks.lock().unwrap().is_empty());
    stage.lives_on().await;
}

#[tokio::test]
async fn a_lost_answer_without_grace_is_named_lost_in_rotation() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    stage.expire();
    stage.sandbox.fault(Fault::next_refresh(Kind::ResetAfter));
    stage.refused(ErrorCode::TemporarilyUnavailable).await;
    stage.jump(2);
    let refusal = stage.refused(ErrorCode::LoginRequired).await;
    assert!(refusal.cause.unwrap().starts_with("lost in rotation"));
    assert!(matches!(stage.ended(), EndReason::LostInRotation { .. }));
    assert_eq!(stage.sandbox.refreshes(), 2);
}

#[tokio::test]
async fn an_unanswered_refresh_is_not_sent_again_while_the_access_token_lives() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    let token = stage.bytes().await;
    stage.jump(3545);
    stage.sandbox.fault(Fault::next_refresh(Kind::ResetAfter));
    for _ in 0..10 {
        assert_eq!(stage.bytes().await, token);
        stage.jump(2);
    }
    assert_eq!(stage.sandbox.refreshes(), 1);
}

#[tokio::test]
async fn the_old_refresh_token_is_kept_where_a_refresh_returns_none() {
    for unrotated in [Unrotated::Absent, Unrotated::Empty, Unrotated::Same] {
        let stage = Stage::with(Family::PingFederate, |quirks| {
            quirks.rotate = Rotate::Interval;
            quirks.unrotated = unrotated;
            quirks.at_ttl = 600;
        });
        stage.device("alice").await.unwrap();
        let first = stage.stored().unwrap();
        for _ in 0..5 {
            stage.lives_on().await;
        }
        let kept = stage.stored().unwrap();
        let same = |a: &dagpass_core::session::StoredSession| {
            a.refresh_token.as_ref().unwrap().fingerprint()
        };
        assert_eq!((same(&kept), kept.generation), (same(&first), 1), "{unrotated:?}");
        // The hour between two rotations is over: a new one comes, and is the one presented next.
        stage.lives_on().await;
        let rolled = stage.stored().unwrap();
        assert_eq!(rolled.generation, 2, "{unrotated:?}");
        stage.lives_on().await;
        let presented = stage.refreshes().pop().unwrap().refresh_token_fp.unwrap();
        assert!(same(&rolled).as_str().starts_with(&presented), "{unrotated:?}");
    }
}

#[tokio::test]
async fn a_jwt_refresh_token_of_four_kilobytes_is_kept_and_rotated() {
    let stage = Stage::with(Family::PingAm, |quirks| {
        (quirks.rt_format, quirks.rt_pad) = (RefreshFormat::Jwt, 4096);
    });
    stage.device("alice").await.unwrap();
    for _ in 0..3 {
        assert!(stage.stored().unwrap().refresh_token.unwrap().expose().len() > 4096);
        stage.lives_on().await;
    }
    assert_eq!(stage.sandbox.replayed(), [""; 0]);
    let restarted = stage.beside(Arc::clone(&stage.store));
    restarted.bytes().await;
    assert_eq!(restarted.sandbox.replayed(), [""; 0]);
}
