//! `POST {url}/auth/token`: the jwt-bearer grant (RFC 7523 §2.1) as JSON, which Airflow's routes take.

use std::time::Duration;

use dagpass_core::deployment::{Deployment, JwtBearerFailure, LONGEST_ASSUMED};
use dagpass_core::profile::Profile;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AccessToken, Assertion, ExpirySource, TokenSet};
use serde::Serialize;
use url::Url;

use super::answer::{self, Granted};
use crate::http::Http;
use crate::token::{claims, lifetime};

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[derive(Serialize)]
struct Grant<'a> {
    grant_type: &'a str,
    assertion: &'a str,
}

pub(super) async fn request(
    http: &Http,
    profile: &Profile,
    deployment: &Deployment,
    assertion: &Assertion,
) -> Result<TokenSet, JwtBearerFailure> {
    let url = endpoint(deployment, "/auth/token").map_err(answer::unsent)?;
    let grant = Grant { grant_type: JWT_BEARER, assertion: assertion.expose() };
    let body = serde_json::to_vec(&grant).unwrap_or_default();
    let request = oauth2::http::Request::post(url.as_str())
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(body)
        .map_err(|error| answer::unsent(error.to_string()))?;
    let received = http.post(&profile.network, request).await.map_err(answer::unanswered)?;
    let granted =
        answer::granted(&received).map_err(|failure| answer::without(failure, assertion))?;
    Ok(token_set(granted, assertion, (received.received_at, received.clock_skew)))
}

/// A route of the deployment, under whatever path it stands.
pub(super) fn endpoint(deployment: &Deployment, route: &str) -> Result<Url, String> {
    let url = format!("{}{route}", deployment.url);
    Url::parse(&url).map_err(|error| format!("{url}: {error}"))
}

fn token_set(
    granted: Granted,
    assertion: &Assertion,
    (at, clock_skew): (Timestamp, Option<i64>),
) -> TokenSet {
    let access_token = AccessToken::new(granted.access_token.as_str());
    let claims = claims::hint(&access_token);
    let exp = claims.as_ref().and_then(|claims| claims::instant(claims, "exp"));
    let life = granted.expires_in.map(Duration::from_secs);
    let (mut expires_at, expiry_source) = lifetime::end(at, life, exp, clock_skew);
    if expiry_source == ExpirySource::Assumed {
        expires_at = assumed_end(assertion, (at, clock_skew));
    }
    let audience = claims.as_ref().map(claims::audiences);
    TokenSet {
        access_token,
        token_type: "Bearer".to_owned(),
        received_at: at,
        expires_at,
        expiry_source,
        refresh_token: None,
        refresh_expires_at: None,
        scope: None,
        identity: None,
        stated: None,
        audience: audience.filter(|audience| !audience.is_empty()),
        id_token: None,
        given_for: Some(assertion.fingerprint()),
        given_by: None,
        disbelieved: None,
    }
}

/// Nothing tells: no longer than the assertion, and an hour at most.
fn assumed_end(assertion: &Assertion, (at, clock_skew): (Timestamp, Option<i64>)) -> Timestamp {
    let longest = at.plus(LONGEST_ASSUMED);
    let claims = claims::of(assertion.expose());
    let exp = claims.as_ref().and_then(|claims| claims::instant(claims, "exp"));
    match exp {
        Some(_) => lifetime::end(at, Some(LONGEST_ASSUMED), exp, clock_skew).0,
        None => longest,
    }
}
