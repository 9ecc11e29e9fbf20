//! The plain journeys, on all three families.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

use super::*;
use crate::encode::unb64;
use crate::{Fault, Kind};

#[test]
fn the_discovery_document_is_found_below_every_issuer() {
    for family in Family::ALL {
        let sandbox = start(family);
        let url = format!("{}/.well-known/openid-configuration", sandbox.issuer());
        let document = read(&url).json();
        assert_eq!(document["issuer"], sandbox.issuer(), "{family:?}");
        assert_eq!(document["token_endpoint"], sandbox.url(Endpoint::Token), "{family:?}");
    }
}

#[test]
fn a_browserless_sign_in_ends_in_tokens_that_the_api_takes_and_whose_id_token_verifies() {
    for family in Family::ALL {
        let sandbox = start(family);
        let answer = sign_in(&sandbox, "alice");
        assert_eq!(answer.status, 200, "{family:?} {}", answer.body);
        let id_token = answer.text("id_token");
        let claims = claims(&id_token);
        assert_eq!((&claims["sub"], &claims["nonce"]), (&"alice".into(), &"no".into()));
        verify(&sandbox, &id_token);

        let bearer = format!("Bearer {}", answer.text("access_token"));
        let api = send(
            "GET",
            &format!("{}/api/runs", sandbox.origin()),
            &[("authorization", &bearer)],
            "",
        );
        assert_eq!((api.status, api.text("sub").as_str()), (200, "alice"), "{family:?}");
        let userinfo =
            send("GET", &sandbox.url(Endpoint::Userinfo), &[("authorization", &bearer)], "");
        assert_eq!(userinfo.text("email"), "alice@example.test");
    }
}

fn verify(sandbox: &Sandbox, jwt: &str) {
    let jwk = read(&sandbox.url(Endpoint::Jwks)).json()["keys"][0].clone();
    let part = |name: &str| unb64(jwk[name].as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: part("n"), e: part("e") };
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &unb64(signature).unwrap()).unwrap();
}

#[test]
fn a_device_code_is_pending_then_approved_then_used_up() {
    for family in Family::ALL {
        let sandbox = start(family);
        let device = start_device(&sandbox, &[]);
        let pending = poll(&sandbox, &device);
        assert_eq!(pending.text("error"), "authorization_pending", "{family:?}");
        sandbox.approve_device(&device.text("user_code"), "bob").unwrap();
        let done = poll(&sandbox, &device);
        assert_eq!(done.status, 200, "{family:?} {}", done.body);
        assert_eq!(claims(&done.text("access_token"))["sub"], "bob");
        assert_eq!(poll(&sandbox, &device).status, 400);
        let next = refresh(&sandbox, &done.text("refresh_token"));
        assert_eq!(next.status, 200, "{family:?} {}", next.body);
        assert_eq!(sandbox.refreshes(), 1);
    }
}

#[test]
fn a_person_with_a_browser_types_the_code_signs_in_and_approves() {
    for (decision, expected) in [("approve", 200), ("deny", 400)] {
        let sandbox = start(Family::PingOne);
        let device = start_device(&sandbox, &[]);
        let page = device.text("verification_uri");
        assert_eq!(read(&device.text("verification_uri_complete")).status, 200);
        let wrong = post(&page, &[("user_code", "XXXX-XXXX")]);
        assert!(wrong.body.contains("role=\"alert\""));
        let sign_in = post(&page, &[("user_code", &device.text("user_code").to_lowercase())]);
        let form = [("user", "carol"), ("password", "x"), ("flow", &flow(&sign_in))];
        let consent = post(&page, &form);
        assert!(consent.body.contains("Carol Cardinal"), "{}", consent.body);
        assert!(consent.header("set-cookie").unwrap().contains("HttpOnly"));
        post(&page, &[("flow", &flow(&consent)), ("decision", decision)]);
        assert_eq!(poll(&sandbox, &device).status, expected, "{decision}");
    }
}

#[test]
fn a_person_with_a_browser_signs_in_once_for_two_requests() {
    let sandbox = start(Family::PingFederate);
    let url = authorization_url(&sandbox, &[]);
    let page = read(&url);
    let action = sandbox.url(Endpoint::Authorize);
    let no_password = post(&action, &[("flow", &flow(&page)), ("user", "bob")]);
    assert!(no_password.body.contains("role=\"alert\""));
    let done = post(&action, &[("flow", &flow(&page)), ("user", "bob"), ("password", "x")]);
    assert_eq!(redeem(&sandbox, done.header("location").unwrap()).status, 200);
    let cookie = done.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let again = send("GET", &url, &[("cookie", &cookie)], "");
    assert_eq!(again.status, 302);
    let forced = authorization_url(&sandbox, &[("prompt", "login")]);
    assert_eq!(send("GET", &forced, &[("cookie", &cookie)], "").status, 200);
}

fn flow(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("name=\"flow\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn without_a_session_prompt_none_and_bad_requests_come_back_as_errors() {
    let sandbox = start(Family::PingOne);
    let table = [
        ([("prompt", "none")], 302, "login_required"),
        ([("code_challenge_method", "plain")], 302, "invalid_request"),
        ([("response_type", "token")], 302, "unsupported_response_type"),
        ([("client_id", "nobody")], 400, "unknown client_id"),
        ([("redirect_uri", "http://127.0.0.1/elsewhere")], 400, "Redirect URI mismatch"),
    ];
    for (more, status, text) in table {
        let answer = read(&authorization_url(&sandbox, &more));
        assert_eq!(answer.status, status, "{more:?}");
        let said = answer.header("location").unwrap_or(&answer.body).to_owned();
        assert!(said.contains(text), "{more:?}: {said}");
    }
}

#[test]
fn a_code_serves_once_and_its_second_use_ends_the_grant() {
    let sandbox = start(Family::PingOne);
    let callback = sandbox.authorize_as("alice", &authorization_url(&sandbox, &[])).unwrap();
    let first = redeem(&sandbox, &callback);
    assert_eq!(redeem(&sandbox, &callback).text("error"), "invalid_grant");
    assert_eq!(refresh(&sandbox, &first.text("refresh_token")).text("error"), "invalid_grant");
}

#[test]
fn the_api_refuses_what_is_absent_unknown_expired_or_disliked_and_says_so_in_its_log() {
    let sandbox = start(Family::PingOne);
    let url = format!("{}/api/x", sandbox.origin());
    let ask = |token: &str| send("GET", &url, &[("authorization", &format!("Bearer {token}"))], "");
    assert_eq!(read(&url).header("www-authenticate"), Some("Bearer realm=\"sandbox-api\""));
    assert!(ask("nonsense").header("www-authenticate").unwrap().contains("invalid_token"));
    let access = sign_in(&sandbox, "alice").text("access_token");
    assert_eq!(ask(&access).status, 200);
    sandbox.advance(Duration::from_secs(3600));
    assert_eq!(ask(&access).status, 401);
    let access = sign_in(&sandbox, "alice").text("access_token");
    sandbox.refuse_at_api(&access);
    assert_eq!(ask(&access).status, 401);
    let log = sandbox.api_log();
    let statuses: Vec<u16> = log.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [401, 401, 200, 401, 401]);
    assert_eq!(log[4].token.as_deref(), Some(crate::fingerprint(&access).as_str()));
    assert_eq!(read(&format!("{}/api-log", sandbox.control())).json().as_array().unwrap().len(), 5);
}

#[test]
fn revocation_introspection_and_sign_off_agree_on_what_lives() {
    let sandbox = start(Family::PingOne);
    let active = |token: &str| {
        let form = [("client_id", CLIENT_ID), ("token", token)];
        post(&sandbox.url(Endpoint::Introspect), &form).json()["active"] == true
    };
    let first = sign_in(&sandbox, "alice");
    assert!(active(&first.text("access_token")) && active(&first.text("refresh_token")));
    let form = [("client_id", CLIENT_ID), ("token", &first.text("refresh_token"))];
    assert_eq!(post(&sandbox.url(Endpoint::Revoke), &form).status, 200);
    assert!(!active(&first.text("access_token")) && !active(&first.text("refresh_token")));

    let second = sign_in(&sandbox, "alice");
    let hint = second.text("id_token");
    read(&format!("{}?id_token_hint={hint}", sandbox.url(Endpoint::EndSession)));
    assert!(!active(&second.text("refresh_token")));
}

#[test]
fn a_pushed_request_serves_once() {
    let sandbox = start(Family::PingFederate);
    let url = authorization_url(&sandbox, &[]);
    let (_, query) = url.split_once('?').unwrap();
    let pushed = send("POST", &sandbox.url(Endpoint::Par), &[], query);
    assert_eq!(pushed.status, 201, "{}", pushed.body);
    let query = Serializer::new(String::new())
        .append_pair("client_id", CLIENT_ID)
        .append_pair("request_uri", &pushed.text("request_uri"))
        .finish();
    let url = format!("{}?{query}", sandbox.url(Endpoint::Authorize));
    let callback = sandbox.authorize_as("alice", &url).unwrap();
    assert_eq!(redeem(&sandbox, &callback).status, 200);
    assert!(sandbox.authorize_as("alice", &url).is_err());
}

#[test]
fn token_exchange_gives_another_audience_and_no_refresh_token() {
    let sandbox = start(Family::PingFederate);
    let access = sign_in(&sandbox, "alice").text("access_token");
    let form = [
        ("grant_type", crate::grants::TOKEN_EXCHANGE),
        ("subject_token", access.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "warehouse"),
    ];
    let answer = token(&sandbox, &form);
    assert_eq!(claims(&answer.text("access_token"))["aud"], "warehouse");
    assert_eq!(answer.json().get("refresh_token"), None);
}

#[test]
fn confidential_clients_authenticate_by_header_or_form() {
    let sandbox = start(Family::PingOne);
    let url = sandbox.url(Endpoint::Introspect);
    let right = "Basic c2VydmljZTpzdiUyNWMlM0FzJTJCZWNyZXQlMkY=";
    let basic = send("POST", &url, &[("authorization", right)], "token=x");
    assert_eq!(basic.status, 200);
    for (secret, status) in [("sv%c:s+ecret/", 200), ("wrong", 401)] {
        let form = [("client_id", "service"), ("client_secret", secret), ("token", "x")];
        assert_eq!(post(&url, &form).status, status, "{secret}");
    }
}

#[test]
fn every_secret_that_left_is_known_and_none_is_in_the_log() {
    let sandbox = start(Family::PingOne);
    let answer = sign_in(&sandbox, "alice");
    let next = refresh(&sandbox, &answer.text("refresh_token"));
    let known: Vec<String> = sandbox.secrets().into_iter().map(|secret| secret.value).collect();
    let log = serde_json::to_string(&(sandbox.log(), sandbox.api_log())).unwrap();
    for reply in [&answer, &next] {
        for name in ["access_token", "refresh_token", "id_token"] {
            assert!(known.contains(&reply.text(name)), "{name}");
        }
    }
    assert!(known.iter().all(|secret| !log.contains(secret.as_str())));
}

#[test]
fn the_control_route_does_what_the_rust_api_does() {
    let sandbox = start(Family::PingAm);
    let control =
        |name: &str, body: &str| send("POST", &format!("{}/{name}", sandbox.control()), &[], body);
    assert_eq!(control("quirks", "{\"pending_status\": 400, \"at_ttl\": 5}").status, 200);
    assert_eq!(control("quirks", "{\"no_such_switch\": 1}").status, 400);
    let device = start_device(&sandbox, &[]);
    assert_eq!(poll(&sandbox, &device).status, 400);
    let body = format!("{{\"user_code\": \"{}\", \"user\": \"bob\"}}", device.text("user_code"));
    assert_eq!(control("approve", &body).status, 200);
    let done = poll(&sandbox, &device);
    assert_eq!(done.json()["expires_in"], 5);
    control(
        "faults",
        "{\"endpoint\": \"token\", \"times\": 1, \"kind\": {\"status\": {\"status\": 429, \"retry_after\": \"3\"}}}",
    );
    let limited = refresh(&sandbox, &done.text("refresh_token"));
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("3")));
    let url = authorization_url(&sandbox, &[]);
    let location =
        control("authorize", &serde_json::json!({"user": "alice", "url": url}).to_string());
    assert_eq!(redeem(&sandbox, &location.text("location")).status, 200);
    for name in ["info", "log", "api-log", "quirks", "secrets", "users", "replayed", "devices"] {
        assert_eq!(read(&format!("{}/{name}", sandbox.control())).status, 200, "{name}");
    }
    let unknown = control("no-such-command", "");
    assert_eq!(unknown.status, 400);
}

#[test]
fn with_auto_approve_a_code_is_approved_after_a_second() {
    let options = Options { auto_approve: Some("bob".to_owned()), ..Options::default() };
    let sandbox = Sandbox::start(Family::PingOne, options);
    let device = start_device(&sandbox, &[]);
    sandbox.advance(Duration::from_secs(2));
    assert!(sandbox.wait_decided(Duration::from_secs(5)));
    assert_eq!(poll(&sandbox, &device).status, 200);
}

#[test]
fn a_fault_can_be_cleared() {
    let sandbox = start(Family::PingOne);
    sandbox.fault(Fault::everywhere(Kind::ProxyForbidden));
    assert_eq!(read(&sandbox.url(Endpoint::Jwks)).status, 403);
    sandbox.clear_faults();
    assert_eq!(read(&sandbox.url(Endpoint::Jwks)).status, 200);
}
