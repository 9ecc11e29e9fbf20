use dagpass_sandbox::{Endpoint as At, Fault, Kind};

use super::*;

/// `sent`, and how long the server asks us to stay away.
fn unreachable(failure: &TokenFailure) -> Option<(bool, Option<u64>)> {
    match failure {
        TokenFailure::Unreachable { sent, retry_after, .. } => {
            Some((*sent, retry_after.map(|span| span.as_secs())))
        }
        _ => None,
    }
}

#[tokio::test]
async fn nothing_but_the_server_s_own_word_ends_a_session() {
    let limit = |text: &str| Kind::Status { status: 429, retry_after: Some(text.to_owned()) };
    let table = [
        (Kind::PortalHtml, None),
        (Kind::PortalRedirect, None),
        (Kind::HalfJson, None),
        (Kind::Truncated, None),
        (Kind::ProxyForbidden, None),
        (Kind::ResetBefore, None),
        (Kind::ResetAfter, None),
        (Kind::Status { status: 500, retry_after: None }, None),
        (Kind::Status { status: 408, retry_after: None }, None),
        (limit("3"), Some(3)),
        (limit("999999"), Some(3600)),
        (Kind::StatusDate { status: 503, seconds: 86_400 }, Some(300)),
        (Kind::OAuth { status: 400, error: "server_error".into() }, None),
    ];
    for (kind, wait) in table {
        let stage = Stage::new(Family::PingFederate);
        let session = stage.session(&stage.browser("alice").await.unwrap());
        stage.sandbox.fault(Fault::next_refresh(kind.clone()));
        let failure = stage.refresh(&session).await.unwrap_err();
        let done = !matches!(kind, Kind::Status { status: 429, .. });
        assert_eq!(unreachable(&failure), Some((done, wait)), "{kind:?} {failure:?}");
        assert!(stage.refresh(&session).await.is_ok(), "{kind:?}");
        stage.scan(&format!("{failure} {failure:?}"));
    }
}

#[tokio::test]
async fn a_refusal_that_a_person_must_mend_keeps_the_grant() {
    let told = |status: u16, error: &str| Kind::OAuth { status, error: error.to_owned() };
    for kind in [
        Kind::Platform { status: 400 },
        told(401, "invalid_client"),
        told(400, "invalid_scope"),
        told(400, "unauthorized_client"),
    ] {
        let stage = Stage::new(Family::PingOne);
        let session = stage.session(&stage.browser("alice").await.unwrap());
        stage.sandbox.fault(Fault::next_refresh(kind.clone()));
        let failure = stage.refresh(&session).await.unwrap_err();
        assert!(matches!(failure, TokenFailure::Misconfigured { .. }), "{kind:?} {failure:?}");
        assert!(stage.refresh(&session).await.is_ok(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_does_not_leave_while_the_issuer_cannot_be_found() {
    let stage = Stage::new(Family::PingOne);
    let session = stage.session(&stage.browser("alice").await.unwrap());
    let restarted = Stage { ping: Ping::new(stage.clock.clone()), ..stage };
    restarted.sandbox.fault(Fault::at(At::Discovery, Kind::PortalHtml));
    let failure = restarted.refresh(&session).await.unwrap_err();
    assert_eq!(unreachable(&failure), Some((false, None)), "{failure:?}");
    assert_eq!(restarted.sandbox.refreshes(), 0);
}

#[tokio::test]
async fn an_old_document_serves_while_a_new_one_cannot_be_read() {
    let stage = Stage::new(Family::PingOne);
    let session = stage.session(&stage.browser("alice").await.unwrap());
    stage.sandbox.fault(Fault::at(At::Discovery, Kind::PortalHtml));
    stage.clock.jump(3_601);
    assert!(stage.refresh(&session).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_never_opened_was_not_sent_on() {
    let stage = Stage::new(Family::PingOne);
    let session = stage.session(&stage.browser("alice").await.unwrap());
    let Stage { sandbox, ping, profile, .. } = stage;
    drop(sandbox);
    let token = session.refresh_token.as_ref().unwrap();
    let target = Target::default();
    let grant = Grant::RefreshToken { token, target: &target, session: &session, first: false };
    let failure = ping.redeem(&profile, grant).await.unwrap_err();
    assert_eq!(unreachable(&failure), Some((false, None)), "{failure:?}");
    assert!(failure.to_string().to_lowercase().contains("refused"), "{failure}");
    assert_eq!(ping.revoke(&profile, token, RevokedFor::Good).await, Ok(Revocation::Pending));
}

#[tokio::test]
async fn a_revocation_without_a_clear_answer_is_unconfirmed_and_never_repeated() {
    for kind in [Kind::ResetAfter, Kind::PortalHtml, Kind::ProxyForbidden] {
        let stage = Stage::new(Family::PingFederate);
        let set = stage.browser("alice").await.unwrap();
        stage.sandbox.fault(Fault::at(At::Revoke, kind.clone()).times(1));
        let token = set.refresh_token.unwrap();
        let revoked = stage.ping.revoke(&stage.profile, &token, RevokedFor::Good).await;
        assert_eq!(revoked, Ok(Revocation::Unconfirmed), "{kind:?}");
        let log = stage.sandbox.log();
        let sent = log.iter().filter(|entry| entry.endpoint == At::Revoke).count();
        assert_eq!(sent, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_server_s_own_words_are_repeated_without_what_it_was_sent() {
    let secret = "rt-canary-77";
    let failure = TokenFailure::Misconfigured {
        error: "invalid_scope".into(),
        description: format!("the token {secret} has no scope"),
    };
    let told = crate::http::without(failure, &[secret.to_owned(), String::new()]);
    assert_eq!(told.to_string(), "invalid_scope: the token [removed] has no scope");
}
