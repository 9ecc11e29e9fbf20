//! What the token endpoint answered, as the core takes it: not judged, and nobody's yet.

use std::time::Duration;

use dagpass_core::ports::{Received, Renewal};
use dagpass_core::profile::Scopes;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AccessToken, GivenBy, IdToken, RefreshToken, TokenSet, is_token};
use oauth2::TokenResponse as _;
use oauth2::basic::{BasicTokenResponse, BasicTokenType};
use serde_json::{Map, Value};

use crate::http::{Answer, text};
use crate::token::lifetime::seconds;
use crate::token::{claims, lifetime};

/// What the crate's response type has no room for.
#[derive(Debug)]
pub(super) struct Arrival {
    at: Timestamp,
    /// Clock of the server less ours, seconds.
    clock_skew: Option<i64>,
    id_token: Option<IdToken>,
    issued_token_type: Option<String>,
    /// Seconds, where the server tells.
    refresh_expires_in: Option<u64>,
}

pub(super) fn arrival(answer: &Answer, document: &Map<String, Value>) -> Arrival {
    Arrival {
        at: answer.received_at,
        clock_skew: answer.clock_skew,
        id_token: text(document, "id_token").map(IdToken::new),
        issued_token_type: text(document, "issued_token_type").map(str::to_owned),
        refresh_expires_in: refresh_life(document),
    }
}

/// Seconds. 0 is Keycloak's and PingAM's word for "does not end".
fn refresh_life(document: &Map<String, Value>) -> Option<u64> {
    let names = ["refresh_expires_in", "refresh_token_expires_in"].into_iter();
    names.filter_map(|name| seconds(document.get(name)?)).find(|life| *life > 0)
}

/// A success that holds a refresh token, whatever else is wrong with it: no portal makes one up.
pub(super) fn success(answer: &Answer) -> Option<Map<String, Value>> {
    let object = answer.json().filter(|_| answer.is_success())?;
    text(&object, "refresh_token").is_some_and(is_token).then_some(object)
}

/// What of a success is kept where no access token came with it.
pub(super) fn renewal(answer: &Answer, lacks: String) -> Option<Renewal> {
    let object = success(answer)?;
    let life = refresh_life(&object).map(Duration::from_secs);
    Some(Renewal {
        refresh_token: RefreshToken::new(text(&object, "refresh_token")?),
        refresh_expires_at: life.map(|life| answer.received_at.plus(life)),
        received_at: answer.received_at,
        lacks,
    })
}

/// As it came: who it is for is not known yet.
pub(super) fn received(
    tokens: &BasicTokenResponse,
    arrival: Arrival,
    given_by: GivenBy,
) -> Received {
    let access_token = AccessToken::new(tokens.access_token().secret().as_str());
    let claims = claims::hint(&access_token);
    let exp = claims.as_ref().and_then(|claims| claims::instant(claims, "exp"));
    let (expires_at, expiry_source) =
        lifetime::end(arrival.at, tokens.expires_in(), exp, arrival.clock_skew);
    let audience = claims.as_ref().map(claims::audiences);
    let scope = tokens.scopes().map(|scopes| scopes.iter().map(|one| one.as_str()).collect());
    let refresh_life = arrival.refresh_expires_in.map(Duration::from_secs);
    let set = TokenSet {
        token_type: token_type(tokens.token_type()),
        received_at: arrival.at,
        expires_at,
        expiry_source,
        refresh_token: tokens
            .refresh_token()
            .map(|token| RefreshToken::new(token.secret().as_str())),
        refresh_expires_at: refresh_life.map(|life| arrival.at.plus(life)),
        scope: scope.filter(|scope: &Scopes| !scope.is_empty()),
        id_token: None,
        given_for: None,
        identity: None,
        stated: None,
        audience: audience.filter(|audience| !audience.is_empty()),
        given_by: Some(given_by),
        disbelieved: None,
        access_token,
    };
    Received {
        set,
        id_token: arrival.id_token,
        issued_token_type: arrival.issued_token_type,
        clock_skew: arrival.clock_skew,
    }
}

/// The crate lower-cases what it does not know.
fn token_type(kind: &BasicTokenType) -> String {
    match kind {
        BasicTokenType::Bearer => "Bearer".to_owned(),
        BasicTokenType::Mac => "mac".to_owned(),
        BasicTokenType::Extension(name) if name == "dpop" => "DPoP".to_owned(),
        BasicTokenType::Extension(name) => name.clone(),
    }
}
