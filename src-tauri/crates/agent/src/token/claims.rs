//! A JWT's claims, unverified: a hint, never a proof.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dagpass_core::time::Timestamp;
use dagpass_core::token::AccessToken;
use serde_json::{Map, Value};

pub(crate) type Claims = Map<String, Value>;

/// An access token's claims as a hint; `None` where it is opaque.
pub(crate) fn hint(token: &AccessToken) -> Option<Claims> {
    of(token.expose())
}

/// A JWT's claims, unverified.
pub(crate) fn of(jwt: &str) -> Option<Claims> {
    let mut parts = jwt.split('.');
    let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// Whole or broken seconds.
pub(crate) fn instant(claims: &Claims, name: &str) -> Option<Timestamp> {
    let value = claims.get(name)?;
    if let Some(whole) = value.as_i64() {
        return Some(Timestamp::from_secs(whole));
    }
    let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
    let span = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Timestamp::from_secs(0).plus(span))
}

/// `auth_time` in whole seconds: some servers tell it broken at a sign-in and whole at a refresh, or 0
/// where they do not know.
pub(crate) fn auth_time(claims: &Claims) -> Option<Timestamp> {
    let whole = instant(claims, "auth_time")?.as_secs();
    (whole > 0).then(|| Timestamp::from_secs(whole))
}

/// `aud`, one name or several.
pub(crate) fn audiences(claims: &Claims) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_authentication_is_whole_seconds_and_zero_is_none() {
        for (value, expected) in [
            ("1795957199.871", Some(1_795_957_199)),
            ("1795957199", Some(1_795_957_199)),
            ("0", None),
            ("0.4", None),
            ("-5", None),
            ("null", None),
            ("\"1795957199\"", None),
        ] {
            let claims = serde_json::from_str(&format!(r#"{{"auth_time":{value}}}"#)).unwrap();
            assert_eq!(auth_time(&claims), expected.map(Timestamp::from_secs), "{value}");
        }
    }

    #[test]
    fn an_opaque_access_token_gives_no_hint() {
        let jwt = format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(r#"{"aud":"desk"}"#));
        let claims = hint(&AccessToken::new(jwt)).unwrap();
        assert_eq!(audiences(&claims), ["desk"]);
        for opaque in ["", "abc", "a.b", "a.b.c", "a.e30.c.d", "00.AAAA.11"] {
            assert_eq!(hint(&AccessToken::new(opaque)), None, "{opaque}");
        }
    }
}
