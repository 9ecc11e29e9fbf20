//! What is not the issuer's word about the grant: limits, portals, proxies, cut lines, a machine that
//! slept. The refresh token is kept, and the session goes on when it is over.

use std::io::Write;
use std::sync::Arc;

use dagpass_core::error::ErrorCode;
use dagpass_core::session::TroubleKind;
use dagpass_sandbox::{ErrorShape, Family, Fault, Kind, Options, Rotate, Sandbox};

use crate::stage::Stage;

#[tokio::test]
async fn retry_after_is_honoured_in_seconds_and_as_a_date_and_capped() {
    let limit = |text: &str| Kind::Status { status: 429, retry_after: Some(text.to_owned()) };
    let table = [
        (limit("3"), 3),
        (Kind::StatusDate { status: 503, seconds: 120 }, 120),
        (limit("999999"), 3600),
        (Kind::StatusDate { status: 503, seconds: 999_999 }, 300),
    ];
    for (kind, wait) in table {
        let stage = Stage::new(Family::PingOne);
        stage.device("alice").await.unwrap();
        stage.expire();
        stage.sandbox.fault(Fault::next_refresh(kind.clone()));
        stage.refused(ErrorCode::TemporarilyUnavailable).await;
        let limited = matches!(kind, Kind::Status { .. });
        assert_eq!(stage.active().unanswered.is_none(), limited, "{kind:?}: nothing was spent");
        // A date has whole seconds, and the test takes some time itself.
        stage.jump(wait - 2);
        for _ in 0..5 {
            stage.refused(ErrorCode::TemporarilyUnavailable).await;
        }
        assert_eq!(stage.sandbox.refreshes(), 1, "{kind:?}: not before it is time");
        stage.jump(3);
        stage.bytes().await;
        assert_eq!(stage.sandbox.refreshes(), 2, "{kind:?}: and then at once");
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn the_platforms_error_shape_is_read_and_never_ends_a_session() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    stage.expire();
    stage.sandbox.fault(Fault::next_refresh(Kind::Platform { status: 400 }));
    let refusal = stage.refused(ErrorCode::ServerError).await;
    let cause = refusal.cause.unwrap();
    assert!(cause.contains("The request could not be completed"), "{cause}");
    assert!(cause.contains("Correlation-Id"), "{cause}");
    assert_eq!(stage.active().trouble.unwrap().kind, TroubleKind::Misconfigured);
    stage.lives_on().await;

    stage.sandbox.quirks(|quirks| {
        (quirks.error_shape, quirks.one_resource) = (ErrorShape::Platform, true);
    });
    stage.sandbox.fault(Fault::next_refresh(Kind::Platform { status: 429 }));
    stage.expire();
    stage.refused(ErrorCode::TemporarilyUnavailable).await;
    stage.lives_on().await;
}

#[tokio::test]
async fn a_portal_a_proxy_or_half_an_answer_is_offline_and_the_refresh_token_is_kept() {
    for kind in [
        Kind::PortalHtml,
        Kind::PortalRedirect,
        Kind::ProxyForbidden,
        Kind::Truncated,
        Kind::HalfJson,
        Kind::ResetBefore,
    ] {
        let stage = Stage::with(Family::PingFederate, |quirks| {
            (quirks.rotate, quirks.grace) = (Rotate::Always, 600);
        });
        stage.device("alice").await.unwrap();
        let kept = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
        stage.expire();
        stage.sandbox.fault(Fault::next_refresh(kind.clone()));
        stage.refused(ErrorCode::TemporarilyUnavailable).await;
        assert_eq!(stage.active().trouble.unwrap().kind, TroubleKind::Offline, "{kind:?}");
        let still = stage.stored().unwrap().refresh_token.unwrap().fingerprint();
        assert_eq!(still, kept, "{kind:?}");
        assert_eq!(stage.sandbox.refreshes(), 1, "{kind:?}");
        stage.jump(2);
        stage.bytes().await;
        assert_eq!(stage.sandbox.refreshes(), 2, "{kind:?}");
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn an_outage_is_not_noticed_while_the_access_token_lives() {
    let stage = Stage::new(Family::PingOne);
    stage.device("alice").await.unwrap();
    let token = stage.bytes().await;
    stage.sandbox.fault(Fault::everywhere(Kind::PortalHtml));
    stage.jump(3545);
    for _ in 0..10 {
        assert_eq!(stage.bytes().await, token);
        stage.jump(5);
    }
    let tries = stage.sandbox.refreshes();
    assert!((1..=6).contains(&tries), "{tries} tries in 50 s: 1, 2, 4 … 30 s apart");
    stage.sandbox.clear_faults();
    stage.lives_on().await;
}

#[tokio::test]
async fn tls_that_somebody_else_ends_is_offline_and_no_token_is_sent_into_it() {
    let https = || Sandbox::start(Family::PingOne, Options { tls: true, ..Options::default() });
    let pem = |sandbox: &Sandbox| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(sandbox.ca_pem().unwrap().as_bytes()).unwrap();
        file
    };
    let sandbox = https();
    let (own, foreign) = (pem(&sandbox), pem(&https()));
    let mut stage = Stage::at(Arc::new(sandbox));
    let refusal = stage.device("alice").await.err().unwrap();
    assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable, "{refusal:?}");
    assert!(refusal.cause.unwrap().contains("certificate"));
    assert!(stage.sandbox.log().is_empty());

    stage.profile(|profile| profile.network.ca_file = Some(own.path().to_owned()));
    stage.device("alice").await.unwrap();
    stage.profile(|profile| profile.network.ca_file = Some(foreign.path().to_owned()));
    stage.expire();
    stage.refused(ErrorCode::TemporarilyUnavailable).await;
    assert_eq!(stage.sandbox.refreshes(), 0, "the refresh token did not leave");
    assert!(stage.active().unanswered.is_none());
    stage.profile(|profile| profile.network.ca_file = Some(own.path().to_owned()));
    stage.lives_on().await;
}
