//! The URL the browser is sent to (OIDC Core §3.1.2.1), pushed ahead where the server wants it
//! (RFC 9126). Always S256, never a client secret.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Profile;
use dagpass_core::sign_in::AuthorizationRequest;
use dagpass_core::token::CodeVerifier;
use sha2::{Digest, Sha256};
use url::Url;

use super::answer::Asked;
use super::form::{form, is_ours};
use super::metadata::{Endpoint, ProviderMetadata};
use crate::http::{Http, required};

pub(super) async fn authorize(
    http: &Http,
    metadata: &ProviderMetadata,
    profile: &Profile,
    request: &AuthorizationRequest,
) -> Result<String, TokenFailure> {
    metadata.takes_s256()?;
    let mut url = metadata.required(Endpoint::Authorization)?;
    let query = query(profile, request);
    let overridden = profile.endpoints.pushed_authorization_request.is_some();
    if !metadata.requires_par && !overridden {
        url.query_pairs_mut().extend_pairs(&query);
        return Ok(url.into());
    }
    let push = metadata.required(Endpoint::PushedAuthorizationRequest)?;
    let answer = http.post(&profile.network, form(&push, &query)?).await?;
    let document = answer.document(Asked::Other)?;
    let request_uri = required(&document, "request_uri")?;
    url.query_pairs_mut()
        .append_pair("client_id", &profile.client_id)
        .append_pair("request_uri", request_uri);
    Ok(url.into())
}

/// RFC 7636 §4.2.
pub(super) fn s256(verifier: &CodeVerifier) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()))
}

/// Ends Ping's own session (OIDC RP-Initiated Logout §2): for the browser, only on request.
pub(super) fn end_session(
    metadata: &ProviderMetadata,
    profile: &Profile,
) -> Result<Option<Url>, TokenFailure> {
    let Some(mut url) = metadata.endpoint(Endpoint::EndSession)? else { return Ok(None) };
    url.query_pairs_mut().append_pair("client_id", &profile.client_id);
    Ok(Some(url))
}

fn query<'a>(
    profile: &'a Profile,
    request: &'a AuthorizationRequest,
) -> Vec<(&'a str, Cow<'a, str>)> {
    let mut query: Vec<(&str, Cow<'_, str>)> = vec![
        ("response_type", "code".into()),
        ("client_id", profile.client_id.as_str().into()),
        ("redirect_uri", request.redirect_uri.as_str().into()),
        ("scope", profile.scopes.to_string().into()),
        ("state", request.state.as_str().into()),
        ("nonce", request.nonce.as_str().into()),
        ("code_challenge", s256(&request.verifier).into()),
        ("code_challenge_method", "S256".into()),
    ];
    let wishes = request.assurance.wishes().into_iter();
    query.extend(wishes.map(|(name, value)| (name, value.into())));
    query.extend(profile.login_hint.as_deref().map(|hint| ("login_hint", hint.into())));
    let extra = profile.token_params.iter().filter(|(name, _)| !is_ours(name));
    query.extend(extra.map(|(name, value)| (name.as_str(), value.as_str().into())));
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

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
        let query = query(&profile, &request);
        let value = |name: &str| {
            let all: Vec<&str> =
                query.iter().filter(|pair| pair.0 == name).map(|pair| pair.1.as_ref()).collect();
            all.join("|")
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
            ("code_verifier", ""),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
    }
}
