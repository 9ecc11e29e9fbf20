use std::sync::LazyLock;

use super::*;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

const NOW: i64 = 1_800_000_000;

static KEY: LazyLock<rcgen::KeyPair> = LazyLock::new(|| {
    crate::http::install_crypto();
    rcgen::KeyPair::generate().unwrap()
});

fn signer() -> EncodingKey {
    EncodingKey::from_ec_der(KEY.serialized_der())
}

fn published(kid: &str) -> Jwk {
    let mut key = Jwk::from_encoding_key(&signer(), Algorithm::ES256).unwrap();
    key.common.key_id = Some(kid.to_owned());
    key
}

fn sign(claims: &Claims) -> IdToken {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("k1".to_owned());
    IdToken::new(jsonwebtoken::encode(&header, claims, &signer()).unwrap())
}

fn unsigned(header: &Value, claims: &Claims, signature: &str) -> IdToken {
    let part = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
    let claims = serde_json::to_vec(claims).unwrap();
    IdToken::new(format!("{}.{}.{signature}", part(header.to_string().as_bytes()), part(&claims)))
}

fn good() -> Claims {
    let claims = json!({
        "iss": "https://am.example.com:443/am", "sub": "jane", "aud": "desk", "nonce": "n-1",
        "exp": NOW + 300, "iat": NOW, "auth_time": NOW - 5,
    });
    claims.as_object().unwrap().clone()
}

/// `good()` with `change` laid over it; null takes a claim away.
fn with(change: &Value) -> Claims {
    let mut claims = good();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn expected(access_token: &AccessToken) -> Expected<'_> {
    Expected {
        issuer: "https://am.example.com:443/am",
        client_id: "desk",
        audiences: &[],
        stands: false,
        access_token,
        now: Timestamp::from_secs(NOW),
    }
}

fn verdict(claims: &Claims) -> &'static str {
    let access_token = AccessToken::new("at-1");
    word(verify(&sign(claims), &[published("k1")], &expected(&access_token)))
}

fn word(result: Result<Claims, Flaw>) -> &'static str {
    match result {
        Ok(_) => "true",
        Err(Flaw::UnknownKey) => "unknown key",
        Err(Flaw::Clock(_)) => "clock",
        Err(Flaw::Signature | Flaw::Invalid(_)) => "invalid",
    }
}

#[test]
fn a_foreign_audience_is_named_and_a_standing_session_is_warned_first() {
    let access_token = AccessToken::new("at-1");
    let listed = ["api".to_owned(), "lake".to_owned()];
    let (whole, none): (&[String], &[String]) = (&listed, &[]);
    let table = [
        (json!({"aud": ["desk", "api"], "azp": "desk"}), whole, false, None),
        (json!({"aud": ["desk", "api"]}), whole, false, None),
        (json!({"aud": ["api", "desk", "lake"]}), whole, false, None),
        (json!({"aud": ["desk", "api"], "azp": "desk"}), none, false, Some("`api`")),
        (json!({"aud": ["desk", "api"]}), none, false, Some("`api`")),
        (json!({"aud": ["desk", "a", "b"]}), none, false, Some("`a`, `b`")),
        (json!({"aud": ["desk", "api"], "azp": "desk"}), none, true, None),
        (json!({"aud": ["desk", "api"]}), none, true, Some("`api`")),
        (json!({"aud": ["desk", "api"], "azp": "api"}), whole, true, Some("(azp)")),
        (json!({"aud": ["api"]}), whole, true, Some("another client")),
        (json!({"aud": []}), whole, false, Some("no client")),
    ];
    for (change, audiences, stands, named) in table {
        let expected = Expected { audiences, stands, ..expected(&access_token) };
        let verdict = verify(&sign(&with(&change)), &[published("k1")], &expected);
        match (verdict, named) {
            (Ok(_), None) => {}
            (Err(flaw), Some(named)) => assert!(flaw.to_string().contains(named), "{flaw}"),
            (verdict, _) => panic!("{change} {stands}: {verdict:?}"),
        }
    }
}

#[test]
fn a_critical_header_is_refused_whatever_it_names() {
    let access_token = AccessToken::new("at-1");
    for crit in [json!(["b64"]), json!([]), json!("exp")] {
        let header = json!({"alg": "ES256", "kid": "k1", "crit": crit});
        let token = unsigned(&header, &good(), "AAAA");
        let verdict = verify(&token, &[published("k1")], &expected(&access_token));
        assert!(matches!(verdict, Err(Flaw::Invalid(_))), "{crit} {verdict:?}");
    }
}

#[test]
fn each_claim_is_judged() {
    let access_token = AccessToken::new("at-1");
    let at_hash = half_hash(&access_token, Algorithm::ES256);
    let table = [
        (json!({}), "true"),
        // The issuer is a string, not a URL: `:443` stays.
        (json!({"iss": "https://am.example.com/am"}), "invalid"),
        (json!({"iss": "https://am.example.com:443/am/"}), "invalid"),
        (json!({"iss": null}), "invalid"),
        (json!({"sub": null}), "invalid"),
        (json!({"sub": ""}), "invalid"),
        (json!({"aud": "other"}), "invalid"),
        (json!({"aud": null}), "invalid"),
        (json!({"aud": ["desk"]}), "true"),
        (json!({"aud": ["desk", "api"]}), "invalid"),
        (json!({"aud": ["desk", "api"], "azp": "desk"}), "invalid"),
        (json!({"aud": ["desk", "api"], "azp": "api"}), "invalid"),
        (json!({"azp": "api"}), "invalid"),
        (json!({"at_hash": at_hash}), "true"),
        (json!({"at_hash": "AAAA"}), "invalid"),
        (json!({"exp": NOW - 59}), "true"),
        (json!({"exp": NOW - 60}), "clock"),
        (json!({"exp": null}), "invalid"),
        (json!({"iat": NOW + 60}), "true"),
        (json!({"iat": NOW + 61}), "clock"),
        (json!({"iat": null}), "invalid"),
        (json!({"nbf": NOW + 60}), "true"),
        (json!({"nbf": NOW + 61}), "clock"),
        (json!({"exp": NOW as f64 + 0.5}), "true"),
    ];
    for (change, expected) in table {
        assert_eq!(verdict(&with(&change)), expected, "{change}");
    }
}

#[test]
fn none_and_shared_secrets_are_refused_though_the_claims_are_right() {
    let access_token = AccessToken::new("at-1");
    let claims = good();
    let kid = |alg: &str| json!({"alg": alg, "kid": "k1", "typ": "JWT"});
    let public = serde_json::to_vec(&published("k1")).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("k1".to_owned());
    let by_public_key =
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&public)).unwrap();
    let table = [
        (unsigned(&kid("none"), &claims, ""), "invalid"),
        (unsigned(&kid("NONE"), &claims, ""), "invalid"),
        (unsigned(&kid("HS256"), &claims, "AAAA"), "invalid"),
        (IdToken::new(by_public_key), "invalid"),
        (unsigned(&kid("EdDSA"), &claims, "AAAA"), "invalid"),
        (unsigned(&kid("ES256"), &claims, "AAAA"), "invalid"),
        (unsigned(&kid("RS256"), &claims, "AAAA"), "unknown key"),
        (IdToken::new("opaque"), "invalid"),
        (IdToken::new(""), "invalid"),
    ];
    for (index, (token, expected_word)) in table.into_iter().enumerate() {
        let result = verify(&token, &[published("k1")], &expected(&access_token));
        assert_eq!(word(result), expected_word, "row {index}");
    }
}

#[test]
fn an_altered_claim_breaks_the_signature() {
    let access_token = AccessToken::new("at-1");
    let token = sign(&good());
    let (_, signature) = token.expose().rsplit_once('.').unwrap();
    let header = json!({"alg": "ES256", "kid": "k1"});
    let forged = unsigned(&header, &with(&json!({"sub": "mallory"})), signature);
    let result = verify(&forged, &[published("k1")], &expected(&access_token));
    assert_eq!(result, Err(Flaw::Signature));
}

#[test]
fn a_key_serves_only_what_it_was_published_for() {
    let access_token = AccessToken::new("at-1");
    let token = sign(&good());
    let judge = |key: Jwk| word(verify(&token, &[key], &expected(&access_token)));
    assert_eq!(judge(published("k1")), "true");
    assert_eq!(judge(published("k2")), "unknown key");
    let mut for_encryption = published("k1");
    for_encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    assert_eq!(judge(for_encryption), "unknown key");
    let mut for_another = published("k1");
    for_another.common.key_algorithm = Some(jsonwebtoken::jwk::KeyAlgorithm::ES384);
    assert_eq!(judge(for_another), "unknown key");
}

#[test]
fn what_it_states_is_read_and_a_wrong_type_states_nothing() {
    let told = Stated {
        nonce: Some(Fingerprint::of("n-1")),
        acr: Some("MFA".to_owned()),
        auth_time: Some(Timestamp::from_secs(NOW - 5)),
        ..Stated::default()
    };
    let says = |claims: &Claims| stated(&sign(claims), claims);
    let without_detail = |claims: &Claims| Stated { detail: None, ..says(claims) };
    assert_eq!(without_detail(&with(&json!({"acr": "MFA"}))), told);
    let odd = with(&json!({"nonce": 1, "acr": ["MFA"], "auth_time": "now"}));
    assert_eq!(without_detail(&odd), Stated::default());
}

#[test]
fn all_that_an_auditor_asks_of_an_assertion_is_kept_and_never_the_token() {
    let more = json!({
        "azp": "desk", "amr": ["pwd", "mfa"], "sid": "s-1", "jti": "j-1", "at_hash": "h",
        "aud": ["desk", "api"],
    });
    let claims = with(&more);
    let token = sign(&claims);
    let detail = stated(&token, &claims).detail.unwrap();
    let expected = IdTokenDetail {
        iss: "https://am.example.com:443/am".to_owned(),
        sub: "jane".to_owned(),
        aud: vec!["desk".to_owned(), "api".to_owned()],
        azp: Some("desk".to_owned()),
        amr: vec!["pwd".to_owned(), "mfa".to_owned()],
        sid: Some("s-1".to_owned()),
        jti: Some("j-1".to_owned()),
        alg: "ES256".to_owned(),
        kid: Some("k1".to_owned()),
        at_hash: true,
    };
    assert_eq!(*detail, expected);
    let odd = with(&json!({"amr": "pwd", "sid": 7, "jti": ["x"]}));
    let detail = stated(&sign(&odd), &odd).detail.unwrap();
    assert_eq!(detail.amr, ["pwd"]);
    assert_eq!((detail.sid, detail.jti, detail.at_hash), (None, None, false));
    let printed = format!("{:?}", stated(&token, &claims));
    assert!(token.expose().split('.').all(|part| !printed.contains(part)), "{printed}");
}

#[test]
fn no_flaw_quotes_the_token() {
    let access_token = AccessToken::new("at-1");
    let token = sign(&with(&json!({"nonce": "canary-nonce", "aud": "canary-aud"})));
    let flaw = verify(&token, &[published("k1")], &expected(&access_token)).unwrap_err();
    let printed = format!("{flaw} {flaw:?}");
    assert!(!printed.contains("canary") && !printed.contains(token.expose()), "{printed}");
}
