use std::time::Duration;

use dagpass_core::time::Timestamp;
use zeroize::Zeroizing;

use super::*;

fn answer(status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        from: "auth.example.com".to_owned(),
        status,
        content_type: content_type.to_owned(),
        body: Zeroizing::new(body.as_bytes().to_vec()),
        retry_after: Some(Duration::from_secs(7)),
        correlation: None,
        challenge: None,
        received_at: Timestamp::from_secs(0),
        clock_skew: None,
    }
}

/// The failure in one word.
fn kind(failure: &TokenFailure) -> &'static str {
    match failure {
        TokenFailure::Unreachable { sent: true, .. } => "unreachable",
        TokenFailure::Unreachable { sent: false, .. } => "unreachable, unsent",
        TokenFailure::Rejected { .. } => "rejected",
        TokenFailure::Misconfigured { .. } => "misconfigured",
        TokenFailure::AuthorizationPending => "pending",
        TokenFailure::SlowDown => "slow_down",
        TokenFailure::ExpiredToken => "expired",
        TokenFailure::AccessDenied { .. } => "denied",
        TokenFailure::SubjectChanged { .. } => "subject_changed",
    }
}

const JSON: &str = "application/json;charset=UTF-8";

#[test]
fn the_error_word_decides_whatever_the_status() {
    use Asked::{DeviceCode, Other, RefreshToken};
    let table = [
        (RefreshToken, 400, r#"{"error":"invalid_grant"}"#, "rejected"),
        (RefreshToken, 401, r#"{"error":"invalid_grant"}"#, "rejected"),
        (RefreshToken, 200, r#"{"error":"invalid_grant"}"#, "rejected"),
        (
            RefreshToken,
            400,
            r#"{"error":"invalid_request","error_description":"RefreshToken does not exist"}"#,
            "rejected",
        ),
        (
            Other,
            400,
            r#"{"error":"invalid_request","error_description":"RefreshToken does not exist"}"#,
            "misconfigured",
        ),
        (RefreshToken, 400, r#"{"error":"invalid_request"}"#, "misconfigured"),
        (RefreshToken, 401, r#"{"error":"expired_token"}"#, "rejected"),
        (DeviceCode, 403, r#"{"error":"authorization_pending"}"#, "pending"),
        (DeviceCode, 400, r#"{"error":"authorization_pending"}"#, "pending"),
        (DeviceCode, 401, r#"{"error":"expired_token"}"#, "expired"),
        (DeviceCode, 403, r#"{"error":"authorization_declined"}"#, "denied"),
        (DeviceCode, 400, r#"{"error":"access_denied"}"#, "denied"),
        (DeviceCode, 429, r#"{"error":"slow_down"}"#, "slow_down"),
        (RefreshToken, 400, r#"{"error":"server_error"}"#, "unreachable"),
        (RefreshToken, 400, r#"{"error":"temporarily_unavailable"}"#, "unreachable"),
        (RefreshToken, 401, r#"{"error":"invalid_client"}"#, "misconfigured"),
        (RefreshToken, 400, r#"{"error":"invalid_scope"}"#, "misconfigured"),
        (RefreshToken, 400, r#"{"error":"interaction_required"}"#, "misconfigured"),
        (RefreshToken, 400, r#"{"error":"use_dpop_nonce"}"#, "misconfigured"),
        (RefreshToken, 503, r#"{"error":"rate_limited"}"#, "unreachable"),
    ];
    for (asked, status, body, expected) in table {
        let failure = answer(status, JSON, body).document(asked).unwrap_err();
        assert_eq!(kind(&failure), expected, "{asked:?} {status} {body}");
    }
}

#[test]
fn what_the_authorization_server_did_not_say_is_silence() {
    let table = [
        (200, "text/html", "<html>Sign in to the guest network</html>"),
        (200, "text/html", r#"{"error":"invalid_grant"}"#),
        (302, "text/html", ""),
        (302, JSON, r#"{"error":"invalid_grant"}"#),
        (200, JSON, r#"{"access_token":"abc","expi"#),
        (200, JSON, ""),
        (200, JSON, "[]"),
        (403, "text/html", "<h1>Blocked by policy</h1>"),
        (403, "text/plain", "Forbidden"),
        (403, JSON, r#"{"message":"Forbidden"}"#),
        (401, JSON, "{}"),
        (407, "text/html", ""),
        (408, "", ""),
        (500, "text/html", "oops"),
        (502, "", ""),
        (503, JSON, "{}"),
    ];
    for (status, content_type, body) in table {
        let failure = answer(status, content_type, body).document(Asked::RefreshToken).unwrap_err();
        assert_eq!(kind(&failure), "unreachable", "{status} {content_type} {body}");
    }
}

#[test]
fn a_limit_was_nobody_s_answer_and_an_outage_may_have_been() {
    let table = [
        (429, "", "", "unreachable, unsent"),
        (429, JSON, r#"{"error":"too_many_requests"}"#, "unreachable, unsent"),
        (429, JSON, r#"{"error":"temporarily_unavailable"}"#, "unreachable, unsent"),
        (408, "", "", "unreachable"),
        (503, JSON, r#"{"error":"temporarily_unavailable"}"#, "unreachable"),
    ];
    for (status, content_type, body, expected) in table {
        let failure = answer(status, content_type, body).document(Asked::RefreshToken).unwrap_err();
        assert_eq!(kind(&failure), expected, "{status} {body}");
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)), "{status} {body}");
    }
}

#[test]
fn a_proxy_403_does_not_end_the_session() {
    let failure = answer(403, "text/html", "denied").document(Asked::RefreshToken).unwrap_err();
    assert_eq!(
        failure,
        TokenFailure::Unreachable {
            cause: "auth.example.com sent HTTP 403, no answer of an authorization server".into(),
            sent: true,
            retry_after: Some(Duration::from_secs(7)),
        }
    );
}

#[test]
fn the_platform_shape_keeps_the_grant() {
    let body = |code: &str| {
        format!(r#"{{"id":"1","code":"{code}","message":"no","details":[{{"code":"X"}}]}}"#)
    };
    let table = [
        (400, "INVALID_DATA", "misconfigured"),
        (403, "ACCESS_FAILED", "misconfigured"),
        (429, "REQUEST_LIMITED", "unreachable, unsent"),
        (400, "REQUEST_LIMITED", "unreachable, unsent"),
        (500, "UNEXPECTED_ERROR", "unreachable"),
    ];
    for (status, code, expected) in table {
        let failure = answer(status, JSON, &body(code)).document(Asked::RefreshToken).unwrap_err();
        assert_eq!(kind(&failure), expected, "{status} {code}");
    }
}

#[test]
fn what_the_platform_says_in_its_details_is_told() {
    let table = [
        (
            400,
            r#"{"code":"INVALID_DATA","message":"Not valid","details":[
                {"code":"INVALID_VALUE","target":"scope","message":"`api:x` is not a scope"},
                {"code":"REQUIRED_VALUE","target":"acr_values"}]}"#,
            "INVALID_DATA: Not valid (scope: `api:x` is not a scope; acr_values: REQUIRED_VALUE)",
        ),
        (
            400,
            r#"{"code":"INVALID_DATA","message":"Not valid","details":[{"message":"Not valid"},7]}"#,
            "INVALID_DATA: Not valid",
        ),
        (400, r#"{"code":"X","message":"no","details":{"a":1}}"#, "X: no"),
        (
            404,
            r#"{"code":404,"reason":"Not Found","message":"Realm beta"}"#,
            "not_found: no such realm, or no OAuth in it, at auth.example.com: compare `issuer`; Not Found: Realm beta",
        ),
        (
            404,
            r#"{"code":404,"reason":"Not Found"}"#,
            "not_found: no such realm, or no OAuth in it, at auth.example.com: compare `issuer`; Not Found",
        ),
    ];
    for (status, body, expected) in table {
        let failure = answer(status, JSON, body).document(Asked::Other).unwrap_err();
        assert_eq!(failure.to_string(), expected, "{body}");
    }
    for (status, body) in
        [(404, r#"{"reason":"Not Found"}"#), (403, r#"{"code":403,"reason":"x"}"#)]
    {
        let failure = answer(status, JSON, body).document(Asked::Other).unwrap_err();
        assert_eq!(kind(&failure), "unreachable", "{body}");
    }
}

#[test]
fn the_correlation_id_is_told_once() {
    let mut told = answer(400, JSON, r#"{"error":"invalid_scope","error_description":"no"}"#);
    told.correlation = Some("c-1".to_owned());
    let text = told.document(Asked::Other).unwrap_err().to_string();
    assert_eq!(text, "invalid_scope: no (Correlation-Id: c-1)");
    let body = r#"{"error":"invalid_scope","error_description":"no (Correlation ID: c-1)"}"#;
    told.body = Zeroizing::new(body.as_bytes().to_vec());
    let text = told.document(Asked::Other).unwrap_err().to_string();
    assert_eq!(text, "invalid_scope: no (Correlation ID: c-1)");
}
