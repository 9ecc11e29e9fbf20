//! The switches of the device grant.

use super::*;
use crate::{DevicePkce, Quirks};

/// Sets one switch.
type Change = fn(&mut Quirks);

#[test]
fn pending_has_the_status_of_the_product_or_the_chosen_one() {
    for (family, status) in
        [(Family::PingOne, 400), (Family::PingFederate, 400), (Family::PingAm, 403)]
    {
        let sandbox = start(family);
        let device = start_device(&sandbox, &[]);
        assert_eq!(poll(&sandbox, &device).status, status, "{family:?}");
        sandbox.quirks(|q| q.pending_status = 428);
        assert_eq!(poll(&sandbox, &device).status, 428);
    }
}

#[test]
fn polls_are_slowed_down_by_count_or_by_haste_and_can_be_dropped() {
    let table: [(Change, [&str; 3]); 4] = [
        (|_| {}, ["authorization_pending"; 3]),
        (
            |q| q.slow_down_after = Some(2),
            ["authorization_pending", "slow_down", "authorization_pending"],
        ),
        (|q| q.enforce_interval = true, ["authorization_pending", "slow_down", "slow_down"]),
        (|q| q.drop_polls = 2, ["", "", "authorization_pending"]),
    ];
    for (change, expected) in table {
        let sandbox = start(Family::PingOne);
        sandbox.quirks(change);
        let device = start_device(&sandbox, &[]);
        let said = [(); 3].map(|()| poll(&sandbox, &device).text("error"));
        assert_eq!(said, expected);
    }
}

#[test]
fn a_code_ends_refused_or_expired_in_the_words_of_the_product() {
    for (am_errors, denied, expired) in [
        (false, (400, "access_denied"), (400, "expired_token")),
        (true, (403, "authorization_declined"), (401, "expired_token")),
    ] {
        let sandbox = start(Family::PingAm);
        sandbox.quirks(|q| q.am_errors = am_errors);
        let said = |answer: Answer| (answer.status, answer.text("error"));
        let device = start_device(&sandbox, &[]);
        sandbox.deny_device(&device.text("user_code")).unwrap();
        assert_eq!(said(poll(&sandbox, &device)), (denied.0, denied.1.to_owned()));
        let device = start_device(&sandbox, &[]);
        sandbox.advance(Duration::from_secs(600));
        assert_eq!(said(poll(&sandbox, &device)), (expired.0, expired.1.to_owned()));
        assert!(sandbox.approve_device(&device.text("user_code"), "alice").is_err());
        let unknown = refresh(&sandbox, "nonsense").text("error");
        assert_eq!(unknown, if am_errors { "invalid_request" } else { "invalid_grant" });
    }
}

#[test]
fn the_answer_names_the_page_as_the_product_or_the_admin_wants() {
    let table: [(Change, &[&str]); 4] = [
        (|_| {}, &["verification_uri", "verification_uri_complete"]),
        (|q| q.omit_verification_uri_complete = true, &["verification_uri"]),
        (|q| q.legacy_field = true, &["verification_url", "verification_url_complete"]),
        (
            |q| q.custom_verification_uri = Some("https://acme.test/go".to_owned()),
            &["verification_uri"],
        ),
    ];
    for (change, expected) in table {
        let sandbox = start(Family::PingOne);
        sandbox.quirks(change);
        let answer = start_device(&sandbox, &[]).json();
        let members = answer.as_object().unwrap();
        let names: Vec<_> = members.keys().filter(|name| name.starts_with("verif")).collect();
        assert_eq!(names, expected);
        assert_eq!((&answer["expires_in"], &answer["interval"]), (&600.into(), &5.into()));
    }
}

#[test]
fn an_id_token_comes_with_the_device_grant_or_not() {
    for (family, expected) in
        [(Family::PingOne, true), (Family::PingFederate, false), (Family::PingAm, true)]
    {
        let sandbox = start(family);
        let device = start_device(&sandbox, &[]);
        sandbox.approve_device(&device.text("user_code"), "alice").unwrap();
        let answer = poll(&sandbox, &device).json();
        assert_eq!(answer.get("id_token").is_some(), expected, "{family:?}");
    }
}

#[test]
fn pkce_on_the_device_grant_is_optional_required_or_refused() {
    let table = [
        (DevicePkce::Optional, false, 200),
        (DevicePkce::Optional, true, 200),
        (DevicePkce::Required, false, 400),
        (DevicePkce::Required, true, 200),
        (DevicePkce::Refused, false, 200),
        (DevicePkce::Refused, true, 400),
    ];
    for (rule, sends, status) in table {
        let sandbox = start(Family::PingAm);
        sandbox.quirks(|q| q.device_pkce = rule);
        let challenge = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        let device = start_device(&sandbox, if sends { &challenge } else { &[] });
        assert_eq!(device.status, status, "{rule:?} {sends}");
        if status != 200 || !sends {
            continue;
        }
        sandbox.approve_device(&device.text("user_code"), "alice").unwrap();
        assert_eq!(poll(&sandbox, &device).text("error"), "invalid_grant");
        let code = device.text("device_code");
        let form = [("grant_type", DEVICE), ("device_code", &code), ("code_verifier", VERIFIER)];
        assert_eq!(token(&sandbox, &form).status, 200);
    }
}
