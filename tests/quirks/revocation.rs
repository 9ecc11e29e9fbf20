//! Giving a refresh token back: the current one, once. Stale ones lock the client out, for everybody.

use std::sync::Arc;

use dagpass_core::error::ErrorCode;
use dagpass_core::ports::{AuthorizationServer, Revocation, RevokedFor};
use dagpass_core::request::Caller;
use dagpass_sandbox::{Endpoint, Family, Fault, Kind, Rotate};

use crate::stage::Stage;

fn strict() -> Stage {
    Stage::with(Family::PingFederate, |quirks| {
        (quirks.rotate, quirks.lockout_after) = (Rotate::Always, Some(3));
    })
}

async fn sign_out(stage: &Stage) -> Option<Revocation> {
    stage.broker.sign_out(&Stage::key(), &Caller::default()).await.unwrap()
}

#[tokio::test]
async fn signing_out_revokes_the_current_refresh_token_once_and_never_a_rolled_one() {
    let stage = strict();
    for _ in 0..4 {
        stage.device("alice").await.unwrap();
        for _ in 0..2 {
            stage.lives_on().await;
        }
        let current = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
        assert_eq!(sign_out(&stage).await, Some(Revocation::Confirmed));
        assert_eq!(sign_out(&stage).await, None, "nobody is signed in any more");
        let revoked = stage.at_endpoint(Endpoint::Revoke).pop().unwrap().refresh_token_fp.unwrap();
        assert!(current.as_str().starts_with(&revoked));
        stage.refused(ErrorCode::LoginRequired).await;
    }
    assert_eq!(stage.at_endpoint(Endpoint::Revoke).len(), 4, "once each, and nobody locked out");
    assert_eq!(stage.at_endpoint(Endpoint::EndSession).len(), 0, "Ping's own session is not ours");
}

#[tokio::test]
async fn a_revocation_whose_answer_was_lost_is_not_sent_again() {
    let stage = strict();
    stage.device("alice").await.unwrap();
    stage.sandbox.fault(Fault::at(Endpoint::Revoke, Kind::ResetAfter).times(1));
    assert_eq!(sign_out(&stage).await, Some(Revocation::Unconfirmed));
    assert_eq!(sign_out(&stage).await, None);
    assert_eq!(stage.at_endpoint(Endpoint::Revoke).len(), 1);
    assert!(stage.stored().is_none());
    stage.device("alice").await.unwrap();
    stage.lives_on().await;
}

#[tokio::test]
async fn a_client_that_others_got_locked_out_is_named_and_the_session_is_kept() {
    let stage = strict();
    let careless = stage.beside(Arc::default());
    stage.device("alice").await.unwrap();
    careless.device("bob").await.unwrap();
    let stale = careless.stored().unwrap().refresh_token.unwrap();
    for _ in 0..4 {
        let answer = careless.ping.revoke(&careless.profile, &stale, RevokedFor::Good).await;
        careless.hear(format!("{answer:?}"));
    }
    stage.expire();
    let kept = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
    let refusal = stage.refused(ErrorCode::InvalidClient).await;
    assert!(refusal.cause.unwrap().contains("locked out"));
    assert_eq!(stage.stored().unwrap().refresh_token.unwrap().fingerprint(), kept);
    assert!(stage.token().await.is_err());
    assert_eq!(stage.sandbox.refreshes(), 1, "not asked again");
    assert!(matches!(stage.device("alice").await.err().unwrap().code, ErrorCode::InvalidClient));
}
