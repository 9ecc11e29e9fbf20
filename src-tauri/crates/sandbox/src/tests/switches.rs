//! Every switch of what the issuer issues and refuses, on its own: each with the fact it stages.

use serde_json::json;

use super::*;
use crate::{
    AccessFormat, ErrorShape, GroupsShape, RedirectMatch, RefreshAttributes, RefreshFormat,
    RefreshPolicy, Replay, Rfc9207, Rotate, SignWith, Unrotated,
};

/// PingOne with these switches set.
fn with(change: impl FnOnce(&mut crate::Quirks)) -> Sandbox {
    let sandbox = start(Family::PingOne);
    sandbox.quirks(change);
    sandbox
}

fn rt(answer: &Answer) -> String {
    answer.text("refresh_token")
}

#[test]
fn session_bound_refresh_tokens_die_with_the_session_and_by_purge() {
    for (bound, error) in [(true, "invalid_grant"), (false, "")] {
        let sandbox = with(|q| q.session_bound = bound);
        let answer = sign_in(&sandbox, "alice");
        sandbox.end_session("alice");
        assert_eq!(refresh(&sandbox, &rt(&answer)).text("error"), error, "{bound}");
    }
    let sandbox = with(|q| q.max_sessions = Some(2));
    let answer = sign_in(&sandbox, "alice");
    sandbox.sign_on("alice");
    let kept = refresh(&sandbox, &rt(&answer));
    assert_eq!(kept.status, 200);
    sandbox.sign_on("alice");
    assert_eq!(refresh(&sandbox, &rt(&kept)).text("error"), "invalid_grant");
}

#[test]
fn a_second_sign_in_replaces_the_first_where_a_session_keeps_one() {
    for (single, status) in [(false, 200), (true, 400)] {
        let sandbox = with(|q| q.single_rt_per_session = single);
        let first = sign_in(&sandbox, "alice");
        sign_in(&sandbox, "alice");
        assert_eq!(refresh(&sandbox, &rt(&first)).status, status, "{single}");
    }
}

#[test]
fn a_replayed_refresh_token_meets_the_grace_then_the_chosen_end() {
    let table = [
        (0, Replay::RevokeFamily, 400, 400),
        (0, Replay::Drop, 400, 200),
        (60, Replay::RevokeFamily, 200, 200),
    ];
    for (grace, replay, again, successor) in table {
        let sandbox = with(|q| (q.grace, q.replay) = (grace, replay));
        let first = rt(&sign_in(&sandbox, "alice"));
        let next = rt(&refresh(&sandbox, &first));
        assert_ne!(first, next);
        assert_eq!(refresh(&sandbox, &first).status, again, "{grace} {replay:?}");
        assert_eq!(refresh(&sandbox, &next).status, successor, "{grace} {replay:?}");
        assert_eq!(sandbox.replayed(), [crate::fingerprint(&first)]);
    }
}

#[test]
fn a_refresh_that_does_not_rotate_says_so_in_three_ways() {
    let table = [
        (Unrotated::Absent, None),
        (Unrotated::Empty, Some(String::new())),
        (Unrotated::Same, Some("same".to_owned())),
    ];
    for (unrotated, expected) in table {
        let sandbox = with(|q| {
            (q.rotate, q.rotate_interval, q.unrotated) = (Rotate::Interval, 3600, unrotated);
        });
        let token = rt(&sign_in(&sandbox, "alice"));
        let expected = expected.map(|text| text.replace("same", &token));
        let field = refresh(&sandbox, &token).json().get("refresh_token").cloned();
        assert_eq!(field, expected.map(Value::from), "{unrotated:?}");
        sandbox.advance(Duration::from_secs(3600));
        assert_ne!(rt(&refresh(&sandbox, &token)), token);
    }
    let sandbox = with(|q| q.rotate = Rotate::Never);
    let token = rt(&sign_in(&sandbox, "alice"));
    assert!((0..3).all(|_| refresh(&sandbox, &token).status == 200));
}

#[test]
fn a_refresh_token_is_given_by_policy_and_lives_its_time() {
    let table = [
        (RefreshPolicy::Always, "openid", true),
        (RefreshPolicy::Never, "openid offline_access", false),
        (RefreshPolicy::NeedsOfflineAccess, "openid", false),
        (RefreshPolicy::NeedsOfflineAccess, "openid offline_access", true),
    ];
    for (policy, scope, expected) in table {
        let sandbox = with(|q| q.rt_policy = policy);
        let url = authorization_url(&sandbox, &[("scope", scope)]);
        let answer = redeem(&sandbox, &sandbox.authorize_as("alice", &url).unwrap());
        assert_eq!(answer.json().get("refresh_token").is_some(), expected, "{policy:?} {scope}");
    }
    let sandbox = with(|q| q.rt_ttl = 10);
    let token = rt(&sign_in(&sandbox, "alice"));
    sandbox.advance(Duration::from_secs(11));
    assert_eq!(refresh(&sandbox, &token).text("error"), "invalid_grant");
}

#[test]
fn a_refresh_may_only_narrow_the_scope() {
    let sandbox = start(Family::PingOne);
    let token_of = |scope: &str| {
        let rt = rt(&sign_in(&sandbox, "alice"));
        token(
            &sandbox,
            &[("grant_type", "refresh_token"), ("refresh_token", &rt), ("scope", scope)],
        )
    };
    assert_eq!(token_of("openid").text("scope"), "openid");
    assert_eq!(token_of("openid data:read").text("error"), "invalid_scope");
    sandbox.quirks(|q| q.refuse_narrowing = true);
    assert_eq!(token_of("openid").text("error"), "invalid_scope");
    assert_eq!(token_of("openid offline_access api:read").status, 200);
}

#[test]
fn access_tokens_take_the_chosen_form_and_life() {
    let jwt = with(|q| q.at_ttl = 5);
    let answer = sign_in(&jwt, "alice");
    let claims = claims(&answer.text("access_token"));
    assert_eq!(answer.json()["expires_in"], 5);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 5);
    assert_eq!(claims["aud"], json!(["api"]));
    let opaque = with(|q| (q.at_format, q.omit_expires_in) = (AccessFormat::Reference, true));
    let answer = sign_in(&opaque, "alice");
    assert!(!answer.text("access_token").contains('.'));
    assert_eq!(answer.json().get("expires_in"), None);
}

#[test]
fn refresh_tokens_can_be_large_jwts() {
    let sandbox = with(|q| (q.rt_format, q.rt_pad) = (RefreshFormat::Jwt, 4096));
    let token = rt(&sign_in(&sandbox, "alice"));
    assert!(token.len() > 4096 && token.split('.').count() == 3);
    assert_eq!(refresh(&sandbox, &token).status, 200);
}

#[test]
fn one_request_names_one_resource_where_the_switch_says_so() {
    for (one, error) in [(true, "invalid_scope"), (false, "")] {
        let sandbox = with(|q| q.one_resource = one);
        let answer = start_device(&sandbox, &[]);
        assert_eq!(answer.status, 200);
        let form = [("client_id", CLIENT_ID), ("scope", "openid api:read data:read")];
        let answer = post(&sandbox.url(Endpoint::DeviceAuthorization), &form);
        assert_eq!(answer.text("error"), error);
        assert_eq!(answer.text("error_description").contains("(Correlation ID: "), one);
    }
}

#[test]
fn the_issuer_can_be_a_custom_domain_or_carry_a_port_that_parsers_strip() {
    let sandbox = with(|q| q.custom_domain = true);
    assert_eq!(sandbox.issuer(), format!("{}/as", sandbox.origin()));
    let discovery = read(&format!("{}/.well-known/openid-configuration", sandbox.issuer()));
    assert_eq!(discovery.text("issuer"), sandbox.issuer());
    assert_eq!(claims(&sign_in(&sandbox, "alice").text("id_token"))["iss"], sandbox.issuer());

    let exact = "https://tenant.test:443/am/oauth2/realms/root/realms/alpha";
    let sandbox = start(Family::PingAm);
    let url = format!("{}/.well-known/openid-configuration", sandbox.issuer());
    sandbox.quirks(|q| q.issuer = Some(exact.to_owned()));
    assert_eq!(read(&url).text("issuer"), exact);
    assert_eq!(claims(&sign_in(&sandbox, "alice").text("id_token"))["iss"], exact);
}

#[test]
fn metadata_can_lack_members() {
    let names = ["device_authorization_endpoint", "revocation_endpoint"];
    let sandbox = with(|q| q.omit_metadata = names.map(str::to_owned).to_vec());
    let document = read(&sandbox.url(Endpoint::Discovery)).json();
    assert!(names.iter().all(|name| document.get(name).is_none()));
    assert!(document.get("token_endpoint").is_some());
}

#[test]
fn id_tokens_can_be_signed_badly_and_keys_can_roll() {
    let sandbox = start(Family::PingOne);
    let kids = || {
        let keys = read(&sandbox.url(Endpoint::Jwks)).json()["keys"].clone();
        let keys = keys.as_array().cloned().unwrap_or_default();
        keys.iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let header = |how| {
        sandbox.quirks(|q| q.sign_with = how);
        let jwt = sign_in(&sandbox, "alice").text("id_token");
        let part = crate::encode::unb64(jwt.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&part).unwrap()
    };
    let first = kids();
    let table = [
        (SignWith::Key, "RS256", true),
        (SignWith::None, "none", true),
        (SignWith::Hs256, "HS256", true),
        (SignWith::UnknownKid, "RS256", false),
        (SignWith::ForeignKey, "RS256", true),
    ];
    for (how, alg, known) in table {
        let header = header(how);
        assert_eq!(header["alg"], alg, "{how:?}");
        assert_eq!(first.contains(&header["kid"]), known, "{how:?}");
    }
    let rolled = header(SignWith::NextKey);
    assert!(!first.contains(&rolled["kid"]) && kids().contains(&rolled["kid"]));
    assert!(kids().contains(&first[0]));
    sandbox.roll_over(true);
    assert_eq!(kids().len(), 1);
    assert!(!kids().contains(&rolled["kid"]));
}

#[test]
fn claims_can_be_set_and_taken_away() {
    let sandbox = with(|q| {
        q.id_token_claims.insert("aud".into(), json!("somebody-else"));
        q.id_token_claims.insert("at_hash".into(), Value::Null);
        q.userinfo_claims.insert("sub".into(), json!("mallory"));
    });
    let answer = sign_in(&sandbox, "alice");
    let claims = claims(&answer.text("id_token"));
    assert_eq!((&claims["aud"], claims.get("at_hash")), (&json!("somebody-else"), None));
    let bearer = format!("Bearer {}", answer.text("access_token"));
    let headers = [("authorization", bearer.as_str())];
    let userinfo = send("GET", &sandbox.url(Endpoint::Userinfo), &headers, "");
    assert_eq!(userinfo.text("sub"), "mallory");
    sandbox.quirks(|q| q.answer_as = Some("eve".to_owned()));
    let next = refresh(&sandbox, &rt(&answer));
    assert_eq!(super::claims(&next.text("id_token"))["sub"], "eve");
}

#[test]
fn a_code_and_a_pushed_request_live_their_time() {
    let sandbox = with(|q| (q.code_ttl, q.par_ttl) = (1, 1));
    let url = authorization_url(&sandbox, &[]);
    let callback = sandbox.authorize_as("alice", &url).unwrap();
    let (_, query) = url.split_once('?').unwrap();
    let pushed = send("POST", &sandbox.url(Endpoint::Par), &[], query).text("request_uri");
    sandbox.advance(Duration::from_secs(2));
    assert_eq!(redeem(&sandbox, &callback).text("error"), "invalid_grant");
    let url = format!("{}?request_uri={pushed}", sandbox.url(Endpoint::Authorize));
    assert!(sandbox.authorize_as("alice", &url).is_err());
    sandbox.quirks(|q| q.require_par = true);
    let document = read(&sandbox.url(Endpoint::Discovery)).json();
    assert_eq!(document["require_pushed_authorization_requests"], true);
    assert!(sandbox.authorize_as("alice", &authorization_url(&sandbox, &[])).is_err());
}

#[test]
fn redirect_uris_match_by_the_rule_in_force() {
    let registered = "http://127.0.0.1:21217/callback";
    let table = [
        (RedirectMatch::Exact, registered, "http://127.0.0.1:21217/callback", true),
        (RedirectMatch::Exact, registered, "http://127.0.0.1:5/callback", false),
        (RedirectMatch::AnyPort, registered, "http://127.0.0.1:5/callback", true),
        (RedirectMatch::AnyPort, registered, "http://localhost:5/callback", true),
        (RedirectMatch::AnyPort, registered, "http://127.0.0.1:5/other", false),
        (RedirectMatch::AnyPort, registered, "http://evil.test:5/callback", false),
        (RedirectMatch::WildcardPort, registered, "http://127.0.0.1:5/callback", false),
        (RedirectMatch::WildcardPort, "http://[::1]:*/callback", "http://[::1]:5/callback", true),
    ];
    for (rule, registered, asked, passes) in table {
        let sandbox = with(|q| {
            (q.redirect_match, q.redirect_uris) = (rule, vec![registered.to_owned()]);
        });
        let url = authorization_url(&sandbox, &[("redirect_uri", asked)]);
        assert_eq!(sandbox.authorize_as("alice", &url).is_ok(), passes, "{rule:?} {asked}");
    }
}

#[test]
fn the_callback_names_the_right_issuer_a_wrong_one_or_none() {
    for (rule, expected) in [
        (Rfc9207::Right, Some("right")),
        (Rfc9207::Wrong, Some("https://other.test")),
        (Rfc9207::Absent, None),
    ] {
        let sandbox = with(|q| q.rfc9207 = rule);
        let callback = sandbox.authorize_as("alice", &authorization_url(&sandbox, &[])).unwrap();
        let expected = expected.map(|text| text.replace("right", &sandbox.issuer()));
        assert_eq!(callback_member(&callback, "iss"), expected);
        assert_eq!(callback_member(&callback, "state").as_deref(), Some("st"));
    }
}

#[test]
fn errors_come_as_oauth_or_as_platform_bodies() {
    for (shape, member) in [(ErrorShape::Oauth, "error"), (ErrorShape::Platform, "code")] {
        let sandbox = with(|q| q.error_shape = shape);
        let answer = refresh(&sandbox, "nonsense");
        assert!(answer.json()[member].is_string(), "{}", answer.body);
        assert!(answer.header("correlation-id").is_some());
    }
}

#[test]
fn stale_revocations_lock_every_client_out() {
    let sandbox = with(|q| q.lockout_after = Some(3));
    let form = [("client_id", CLIENT_ID), ("token", "stale")];
    let revoke = || post(&sandbox.url(Endpoint::Revoke), &form);
    let token = rt(&sign_in(&sandbox, "alice"));
    assert!((0..3).all(|_| revoke().status == 200));
    assert_eq!(refresh(&sandbox, &token).text("error"), "invalid_client");
}

#[test]
fn groups_are_those_of_the_sign_in_or_those_of_now() {
    for (attributes, expected) in [
        (RefreshAttributes::Stored, json!(["AF-Viewers"])),
        (RefreshAttributes::Live, json!(["AF-Admins"])),
    ] {
        let sandbox = with(|q| {
            (q.refresh_attrs, q.groups_shape) = (attributes, GroupsShape::Array);
        });
        let answer = sign_in(&sandbox, "bob");
        sandbox.set_groups("bob", &["AF-Admins"]);
        let next = refresh(&sandbox, &rt(&answer));
        assert_eq!(claims(&next.text("id_token"))["groups"], expected, "{attributes:?}");
    }
    let sandbox = with(|q| "memberOf".clone_into(&mut q.groups_claim));
    let claims = claims(&sign_in(&sandbox, "bob").text("access_token"));
    assert_eq!(claims["memberOf"], json!(["AF-Viewers"]));
}

#[test]
fn the_issuers_clock_can_be_wrong() {
    let right = sign_in(&with(|q| q.date_offset = 0), "alice");
    let ahead = sign_in(&with(|q| q.date_offset = 600), "alice");
    let iat = |answer: &Answer| claims(&answer.text("id_token"))["iat"].as_i64().unwrap();
    assert!((598..=602).contains(&(iat(&ahead) - iat(&right))));
    assert_ne!(ahead.header("date"), right.header("date"));
}

#[test]
fn a_proof_of_possession_can_be_required_with_or_without_a_nonce() {
    let sandbox = with(|q| q.require_dpop = true);
    let document = read(&sandbox.url(Endpoint::Discovery)).json();
    assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(refresh(&sandbox, "x").text("error"), "invalid_dpop_proof");
    sandbox.quirks(|q| q.use_dpop_nonce = true);
    let body = format!("grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token=x");
    let ask = |nonce: &str| {
        let claims = crate::encode::b64(json!({"nonce": nonce}).to_string().as_bytes());
        let proof = format!("e30.{claims}.c2ln");
        send("POST", &sandbox.url(Endpoint::Token), &[("dpop", &proof)], &body)
    };
    let first = ask("");
    assert_eq!(first.text("error"), "use_dpop_nonce");
    assert_eq!(ask(first.header("dpop-nonce").unwrap()).text("error"), "invalid_grant");
}
