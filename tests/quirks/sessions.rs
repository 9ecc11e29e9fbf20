//! What a refresh token hangs on: Ping's own session, the other sign-ins in it, the policy.

use dagpass_core::error::ErrorCode;
use dagpass_core::profile::Scopes;
use dagpass_core::session::EndReason;
use dagpass_sandbox::{Family, RefreshPolicy};

use crate::stage::Stage;

#[tokio::test]
async fn a_refresh_token_dies_with_pings_session_and_the_access_token_serves_to_its_end() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    let token = stage.bytes().await;
    stage.sandbox.end_session("alice");
    stage.jump(3590);
    for _ in 0..5 {
        assert_eq!(stage.bytes().await, token, "ten seconds are left of it");
    }
    assert!(matches!(stage.ended(), EndReason::Rejected { error, .. } if error == "invalid_grant"));
    stage.jump(11);
    for _ in 0..5 {
        let refusal = stage.refused(ErrorCode::LoginRequired).await;
        assert_eq!(refusal.hint.as_deref(), Some("run `dagpass login prod`"));
    }
    assert_eq!(stage.sandbox.refreshes(), 1, "a dead token is presented once");
    let left = stage.stored().unwrap();
    assert!(
        left.refresh_token.is_none() && left.identity.is_some(),
        "and forgotten, whose it was not"
    );
    stage.device("alice").await.unwrap();
    stage.lives_on().await;
}

#[tokio::test]
async fn the_eleventh_session_of_a_person_purges_the_first_and_its_refresh_token() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    for _ in 0..9 {
        stage.sandbox.sign_on("alice");
    }
    stage.lives_on().await;
    stage.sandbox.sign_on("alice");
    stage.expire();
    stage.refused(ErrorCode::LoginRequired).await;
    assert_eq!(stage.sandbox.refreshes(), 2);
}

#[tokio::test]
async fn a_second_sign_in_replaces_the_refresh_token_that_its_session_killed() {
    let stage = Stage::with(Family::PingOne, |quirks| quirks.single_rt_per_session = true);
    stage.device("alice").await.unwrap();
    let first = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
    stage.browser("alice").await.unwrap();
    let second = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
    assert_ne!(first, second);
    stage.lives_on().await;
    let presented = stage.refreshes()[0].refresh_token_fp.clone().unwrap();
    assert!(second.as_str().starts_with(&presented), "never the first: {presented}");
}

#[tokio::test]
async fn two_profiles_of_one_client_in_one_session_cost_the_first_its_sign_in() {
    let first = Stage::with(Family::PingOne, |quirks| quirks.single_rt_per_session = true);
    let second = first.beside(std::sync::Arc::default());
    first.device("alice").await.unwrap();
    second.device("alice").await.unwrap();
    first.expire();
    first.refused(ErrorCode::LoginRequired).await;
    first.refused(ErrorCode::LoginRequired).await;
    assert_eq!(first.sandbox.refreshes(), 1, "no loop of two agents that sign each other out");
    second.lives_on().await;
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_warns_and_ends_with_its_access_token() {
    let table = [
        (RefreshPolicy::Always, "openid", true),
        (RefreshPolicy::Never, "openid offline_access", false),
        (RefreshPolicy::NeedsOfflineAccess, "openid", false),
        (RefreshPolicy::NeedsOfflineAccess, "openid offline_access", true),
    ];
    for (policy, scopes, lasting) in table {
        let mut stage = Stage::with(Family::PingFederate, |quirks| quirks.rt_policy = policy);
        stage.profile(|profile| profile.scopes = Scopes::parse(scopes));
        let seen = stage.device("alice").await.unwrap();
        let warned = seen.notes.iter().any(|note| note.contains("no refresh token"));
        assert_eq!(warned, !lasting, "{policy:?} {scopes}: {:?}", seen.notes);
        if lasting {
            stage.lives_on().await;
            continue;
        }
        let token = stage.bytes().await;
        stage.jump(3590);
        assert_eq!(stage.bytes().await, token);
        stage.jump(11);
        let refusal = stage.refused(ErrorCode::LoginRequired).await;
        assert!(refusal.cause.unwrap().contains("no refresh token"));
        assert_eq!(stage.ended(), EndReason::NoRefreshToken);
        assert_eq!(stage.sandbox.refreshes(), 0, "there is nothing to send");
    }
}
