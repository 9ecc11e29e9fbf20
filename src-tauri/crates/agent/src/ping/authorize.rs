//! The URL the browser is sent to (OIDC Core §3.1.2.1), pushed ahead where the server wants it
//! (RFC 9126), and then for how long it is good. Always S256, never a client secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Profile;
use dagpass_core::request::Target;
use dagpass_core::sign_in::{AuthorizationRequest, AuthorizationUrl};
use dagpass_core::token::{CodeVerifier, IdToken};
use sha2::{Digest, Sha256};
use url::Url;

use super::answer::Asked;
use super::client_auth::Client;
use super::fields::{Fields, Form};
use super::metadata::{Endpoint, ProviderMetadata};
use crate::http::{Http, required, without};
use crate::token::lifetime::seconds;

/// How long does a pushed request live where the server does not say? What RFC 9126 §2.2 names as usual.
const PUSHED: u64 = 60;

/// The server wants it, or the profile does.
pub(super) fn pushes(metadata: &ProviderMetadata, profile: &Profile) -> bool {
    metadata.requires_par || profile.endpoints.pushed_authorization_request.is_some()
}

pub(super) async fn authorize(
    http: &Http,
    metadata: &ProviderMetadata,
    client: &Client<'_>,
    request: &AuthorizationRequest,
) -> Result<AuthorizationUrl, TokenFailure> {
    metadata.takes_s256()?;
    let profile = client.profile;
    let url = metadata.required(Endpoint::Authorization)?;
    let fields = fields(profile, request);
    if !pushes(metadata, profile) {
        return Ok(AuthorizationUrl { url: fields.on(url).into(), ends: None });
    }
    let push = metadata.required(Endpoint::PushedAuthorizationRequest)?;
    let Form { request, secrets } = fields.post(&push, client)?;
    let quietly = |failure| without(failure, &secrets);
    let answer = http.post(&profile.network, request).await.map_err(quietly)?;
    let document = answer.document(Asked::Other).map_err(quietly)?;
    let request_uri = required(&document, "request_uri")?;
    let named = Fields::default().set("client_id", profile.client_id.as_str());
    let url = named.set("request_uri", request_uri).on(url);
    let life = Duration::from_secs(document.get("expires_in").and_then(seconds).unwrap_or(PUSHED));
    Ok(AuthorizationUrl { url: url.into(), ends: Some(answer.received_at.plus(life)) })
}

/// RFC 7636 §4.2.
pub(super) fn s256(verifier: &CodeVerifier) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()))
}

/// Ends Ping's own session (OIDC RP-Initiated Logout §2): for the browser, only on request.
pub(super) fn end_session(
    metadata: &ProviderMetadata,
    profile: &Profile,
    hint: Option<&IdToken>,
) -> Result<Option<Url>, TokenFailure> {
    let Some(url) = metadata.endpoint(Endpoint::EndSession)? else { return Ok(None) };
    let fields = Fields::default().set("client_id", profile.client_id.as_str());
    Ok(Some(fields.maybe("id_token_hint", hint.map(IdToken::expose)).on(url)))
}

fn fields(profile: &Profile, request: &AuthorizationRequest) -> Fields {
    let fields = Fields::default()
        .set("response_type", "code")
        .set("client_id", profile.client_id.as_str())
        .set("redirect_uri", request.redirect_uri.as_str())
        .set("scope", profile.scopes.to_string())
        .set("state", request.state.as_str())
        .set("nonce", request.nonce.as_str())
        .set("code_challenge", s256(&request.verifier))
        .set("code_challenge_method", "S256")
        .maybe("login_hint", profile.login_hint.as_deref());
    let asked = request.assurance.wishes().into_iter();
    asked
        .fold(fields, |fields, (name, value)| fields.set(name, value))
        .wishes(profile, &Target::of_sign_in(profile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use dagpass_core::sign_in::{Assurance, Claim, NewProof};
    use dagpass_core::time::Timestamp;

    #[test]
    fn the_query_carries_every_wish_and_no_secret() {
        let mut profile = Profile::new("prod", "https://ping.example", "desk");
        profile.login_hint = Some("jane@example.com".into());
        profile.acr_values = Some("MFA".into());
        profile.max_age = Some(Duration::from_secs(900));
        profile.token_params = BTreeMap::from([
            ("access_token_manager_id".to_owned(), "airflow".to_owned()),
            ("client_id".to_owned(), "somebody-else".to_owned()),
        ]);
        let claim = Claim { proof: NewProof::Wished, accept_subject: None };
        let request = AuthorizationRequest {
            redirect_uri: "http://127.0.0.1:21217/callback".into(),
            state: "st".into(),
            nonce: "no".into(),
            verifier: CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            assurance: Assurance::asked(&profile, &claim, Some("no"), Timestamp::from_secs(0)),
        };
        profile.connection = Some("lake".to_owned());
        profile.own_token.resource = Some("https://lake.example".to_owned());
        let url = fields(&profile, &request).on(Url::parse("https://ping.example/as").unwrap());
        let value = |name: &str| {
            let all = url.query_pairs().filter(|pair| pair.0 == name);
            all.map(|pair| pair.1.into_owned()).collect::<Vec<_>>().join("|")
        };
        for (name, expected) in [
            ("response_type", "code"),
            ("client_id", "desk"),
            ("redirect_uri", "http://127.0.0.1:21217/callback"),
            ("scope", "openid"),
            ("state", "st"),
            ("nonce", "no"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("prompt", "login"),
            ("login_hint", "jane@example.com"),
            ("acr_values", "MFA"),
            ("max_age", "0"),
            ("access_token_manager_id", "airflow"),
            ("resource", "https://lake.example"),
            ("code_verifier", ""),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
    }
}
