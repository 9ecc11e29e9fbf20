//! Is this ID token true, and is it for us (OIDC Core §3.1.3.7)? Functions of the token, the keys
//! and the time that is passed in. The algorithms are our own list, whatever the issuer offers. What it
//! proves of the person, and to which request it belongs, is judged in the core.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AccessToken, Fingerprint, IdToken, IdTokenDetail, Stated};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::http::plain;
use crate::token::claims::{Claims, audiences, auth_time, instant};

/// Signatures alone: never `none`, never a shared secret.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// How far may two clocks be apart?
const LEEWAY: Duration = Duration::from_secs(60);

/// What the token must agree with.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// Whom else it may be meant for.
    pub audiences: &'a [String],
    /// A session that stands is not ended for whom else its ID token is meant for.
    pub stands: bool,
    pub access_token: &'a AccessToken,
    pub now: Timestamp,
}

/// What is wrong with an ID token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// Signed with a key the issuer does not publish (yet).
    #[error("the ID token is signed with a key that the issuer does not publish")]
    UnknownKey,
    /// A known key, another signature: forged, or the key was changed under its name.
    #[error("the ID token has a signature that does not fit")]
    Signature,
    /// Good, but for another time: clocks differ.
    #[error("the ID token {0}; is this machine's clock right?")]
    Clock(String),
    #[error("the ID token {0}")]
    Invalid(String),
}

fn invalid<T>(what: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw::Invalid(what.into()))
}

/// The claims of a token that is genuine and ours.
pub(super) fn verify(
    token: &IdToken,
    keys: &[Jwk],
    expected: &Expected<'_>,
) -> Result<Claims, Flaw> {
    let (algorithm, key_id) = header(token)?;
    let claims = signed(token, keys, algorithm, key_id.as_deref())?;
    check(&claims, algorithm, expected)?;
    Ok(claims)
}

/// Userinfo that is signed (OIDC Core §5.3.2): `iss` and `aud` should be there, and fit where they are.
pub(super) fn verify_userinfo(
    token: &IdToken,
    keys: &[Jwk],
    (issuer, client_id): (&str, &str),
) -> Result<Claims, Flaw> {
    let (algorithm, key_id) = header(token)?;
    let claims = signed(token, keys, algorithm, key_id.as_deref())?;
    if text(&claims, "iss").is_some_and(|named| named != issuer) {
        return invalid(format!("is not from `{issuer}`"));
    }
    let audiences = audiences(&claims);
    if !audiences.is_empty() && !audiences.iter().any(|audience| audience == client_id) {
        return invalid("is meant for another client");
    }
    Ok(claims)
}

fn header(token: &IdToken) -> Result<(Algorithm, Option<String>), Flaw> {
    let Ok(header) = jsonwebtoken::decode_header(token.expose()) else {
        return invalid("is no signed JWT of an algorithm we take");
    };
    if has_critical(token) {
        return invalid("has critical header parameters (crit), none of which we know");
    }
    if !ALGORITHMS.contains(&header.alg) {
        return invalid(format!("is signed with {:?}, which we do not take", header.alg));
    }
    Ok((header.alg, header.kid))
}

/// RFC 7515 §4.1.11: whoever does not understand one of them must refuse the token.
fn has_critical(token: &IdToken) -> bool {
    let header = token.expose().split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    serde_json::from_slice::<Claims>(&header).is_ok_and(|header| header.contains_key("crit"))
}

fn signed(
    token: &IdToken,
    keys: &[Jwk],
    algorithm: Algorithm,
    key_id: Option<&str>,
) -> Result<Claims, Flaw> {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    // Judged by `check`, at the time that is passed in.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let mut tried = false;
    for key in keys.iter().filter(|key| may_sign(key, algorithm, key_id)) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        tried = true;
        if let Ok(data) = jsonwebtoken::decode::<Claims>(token.expose(), &key, &validation) {
            return Ok(data.claims);
        }
    }
    Err(if tried { Flaw::Signature } else { Flaw::UnknownKey })
}

fn may_sign(key: &Jwk, algorithm: Algorithm, key_id: Option<&str>) -> bool {
    let named = key_id.is_none() || key.common.key_id.as_deref() == key_id;
    let for_signing = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let stated = key.common.key_algorithm.map(|stated| stated.to_string());
    let fits = stated.is_none_or(|stated| stated == format!("{algorithm:?}"));
    named && for_signing && fits
}

fn check(claims: &Claims, algorithm: Algorithm, expected: &Expected<'_>) -> Result<(), Flaw> {
    if text(claims, "iss") != Some(expected.issuer) {
        return invalid(format!("is not from `{}`", expected.issuer));
    }
    if text(claims, "sub").is_none_or(str::is_empty) {
        return invalid("names no subject");
    }
    audience(claims, expected)?;
    times(claims, expected.now)?;
    if let Some(hash) = text(claims, "at_hash")
        && hash != half_hash(expected.access_token, algorithm)
    {
        return invalid("belongs to another access token (at_hash)");
    }
    Ok(())
}

fn audience(claims: &Claims, expected: &Expected<'_>) -> Result<(), Flaw> {
    let (audiences, client_id) = (audiences(claims), expected.client_id);
    if audiences.is_empty() {
        return invalid("names no client that it is meant for (aud)");
    }
    if !audiences.iter().any(|audience| audience == client_id) {
        return invalid("is meant for another client");
    }
    let party = text(claims, "azp");
    if party.is_some_and(|party| party != client_id) {
        return invalid("was issued to another client (azp)");
    }
    let trusted =
        |audience: &String| audience == client_id || expected.audiences.contains(audience);
    let foreign: Vec<String> =
        audiences.iter().filter(|audience| !trusted(audience)).map(|name| plain(name)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let foreign = foreign.join("`, `");
    if expected.stands && party.is_some() {
        tracing::warn!(
            foreign,
            "an ID token has audiences that `id-token-audiences` does not list"
        );
        return Ok(());
    }
    invalid(format!(
        "is meant for `{foreign}` as well; if that is right, add it to `id-token-audiences`"
    ))
}

fn times(claims: &Claims, now: Timestamp) -> Result<(), Flaw> {
    let (Some(expiry), Some(issued)) = (instant(claims, "exp"), instant(claims, "iat")) else {
        return invalid("has no exp or no iat");
    };
    let clock = |what: &str, span: Duration| {
        Err(Flaw::Clock(format!("{what} {} s {}", span.as_secs(), "by our clock")))
    };
    if now >= expiry.plus(LEEWAY) {
        return clock("expired", expiry.until(now));
    }
    if issued > now.plus(LEEWAY) {
        return clock("is from the future,", now.until(issued));
    }
    match instant(claims, "nbf") {
        Some(start) if start > now.plus(LEEWAY) => clock("begins in", now.until(start)),
        Some(_) | None => Ok(()),
    }
}

/// What a token says that was verified: whether that is what was asked for, the core judges.
pub(super) fn stated(token: &IdToken, claims: &Claims) -> Stated {
    Stated {
        nonce: text(claims, "nonce").map(Fingerprint::of),
        acr: text(claims, "acr").map(str::to_owned),
        auth_time: auth_time(claims),
        detail: header(token).ok().map(|header| Box::new(detail(claims, header))),
        ..Stated::default()
    }
}

/// For the record.
fn detail(claims: &Claims, (algorithm, kid): (Algorithm, Option<String>)) -> IdTokenDetail {
    let word = |name: &str| text(claims, name).map(str::to_owned);
    let amr = match claims.get("amr") {
        // PingFederate may tell one alone.
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(_) | None => Vec::new(),
    };
    IdTokenDetail {
        iss: word("iss").unwrap_or_default(),
        sub: word("sub").unwrap_or_default(),
        aud: audiences(claims),
        azp: word("azp"),
        amr,
        sid: word("sid"),
        jti: word("jti"),
        alg: format!("{algorithm:?}"),
        kid,
        at_hash: claims.contains_key("at_hash"),
    }
}

/// OIDC Core §3.1.3.6: the left half of the hash that goes with the algorithm.
fn half_hash(token: &AccessToken, algorithm: Algorithm) -> String {
    let bytes = token.expose().as_bytes();
    let digest = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => Sha384::digest(bytes).to_vec(),
        Algorithm::RS512 | Algorithm::PS512 => Sha512::digest(bytes).to_vec(),
        _ => Sha256::digest(bytes).to_vec(),
    };
    URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2])
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
