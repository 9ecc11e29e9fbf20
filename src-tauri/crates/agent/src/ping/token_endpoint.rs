//! The token endpoint, for every grant (RFC 6749 §4.1.3, §6; RFC 8628 §3.4; RFC 8693). A public
//! client: `client_id` in the body, no secret. An answer that carries a refresh token is never
//! thrown away for a field of a wrong type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use dagpass_core::ports::{Grant, Pending, Redeemed, Renewal, TokenFailure};
use dagpass_core::profile::{Profile, Scopes};
use dagpass_core::request::Target;
use dagpass_core::token::is_token;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenResponse,
};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardRevocableToken, TokenUrl,
};
use serde_json::{Map, Value};
use url::Url;

use super::answer::Asked;
use super::form::{form, is_ours, secrets_of};
use super::kinds::{ACCESS_TOKEN, asked_for};
use super::received::{Arrival, arrival, received, renewal, success};
use crate::http::{Answer, Http, misconfigured, no_answer, text, without};
use crate::token::lifetime::seconds;

type Client = oauth2::Client<
    BasicErrorResponse,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

const NO_ACCESS_TOKEN: &str =
    "the token endpoint answered with a new refresh token and no access token";

/// One request to the token endpoint (RFC 6749 §4.1.3).
pub(super) struct AccessTokenRequest<'a> {
    http: &'a Http,
    profile: &'a Profile,
    asked: Asked,
    arrival: OnceLock<Arrival>,
    /// In place of an arrival.
    renewal: OnceLock<Option<Renewal>>,
}

impl<'a> AccessTokenRequest<'a> {
    pub(super) fn new(http: &'a Http, profile: &'a Profile, grant: &Grant<'_>) -> Self {
        let asked = match grant {
            Grant::RefreshToken { .. } => Asked::RefreshToken,
            Grant::DeviceCode { .. } => Asked::DeviceCode,
            Grant::AuthorizationCode { .. } | Grant::TokenExchange { .. } => Asked::Other,
        };
        Self { http, profile, asked, arrival: OnceLock::new(), renewal: OnceLock::new() }
    }

    pub(super) async fn run(self, url: Url, grant: Grant<'_>) -> Result<Redeemed, TokenFailure> {
        let tokens = match grant {
            Grant::AuthorizationCode { .. } | Grant::RefreshToken { .. } => {
                self.standard(url, grant).await
            }
            Grant::DeviceCode { .. } | Grant::TokenExchange { .. } => {
                self.extension(&url, grant).await
            }
        };
        if let Some(renewal) = self.renewal.into_inner().flatten() {
            return Ok(Redeemed::Renewal(renewal));
        }
        let (tokens, arrival) = (tokens?, self.arrival.into_inner().ok_or_else(unlike_tokens)?);
        Ok(Redeemed::Tokens(Box::new(received(&tokens, arrival))))
    }

    async fn extension(
        &self,
        url: &Url,
        grant: Grant<'_>,
    ) -> Result<BasicTokenResponse, TokenFailure> {
        let request = form(url, &extension_form(self.profile, &grant))?;
        let response = self.carry(request).await?;
        serde_json::from_slice(response.body()).map_err(|_unlike| unlike_tokens())
    }

    /// The two grants of RFC 6749 itself, made and read by the `oauth2` crate.
    async fn standard(
        &self,
        url: Url,
        grant: Grant<'_>,
    ) -> Result<BasicTokenResponse, TokenFailure> {
        let client: Client = oauth2::Client::new(ClientId::new(self.profile.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(url));
        let answer = match grant {
            Grant::AuthorizationCode { code, request } => {
                let redirect = RedirectUrl::new(request.redirect_uri.clone())
                    .map_err(|error| misconfigured("config_invalid", error.to_string()))?;
                let code = oauth2::AuthorizationCode::new(code.expose().to_owned());
                let verifier = PkceCodeVerifier::new(request.verifier.expose().to_owned());
                let mut ask = client.exchange_code(code).set_pkce_verifier(verifier);
                ask = ask.set_redirect_uri(Cow::Owned(redirect));
                for (name, value) in params(self.profile, None) {
                    ask = ask.add_extra_param(name, value);
                }
                ask.request_async(self).await
            }
            Grant::RefreshToken { token, target, .. } => {
                let token = oauth2::RefreshToken::new(token.expose().to_owned());
                let mut ask = client.exchange_refresh_token(&token);
                ask = ask.add_scopes(subset(target));
                for (name, value) in params(self.profile, Some(target)) {
                    ask = ask.add_extra_param(name, value);
                }
                ask.request_async(self).await
            }
            Grant::DeviceCode { .. } | Grant::TokenExchange { .. } => return Err(unlike_tokens()),
        };
        answer.map_err(|error| match error {
            RequestTokenError::Request(failure) => failure,
            // Its text may quote the body, which holds tokens.
            RequestTokenError::ServerResponse(_)
            | RequestTokenError::Parse(..)
            | RequestTokenError::Other(_) => unlike_tokens(),
        })
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, TokenFailure> {
        let secrets = secrets_of(request.body());
        let quietly = |failure| without(failure, &secrets);
        let answer = self.http.post(&self.profile.network, request).await.map_err(quietly)?;
        let whole = success(&answer).filter(|object| text(object, "error").is_none());
        let document = match whole {
            Some(object) => Ok(object),
            None => answer.document(self.asked).map_err(quietly),
        };
        let (failure, lacks) = match document {
            Ok(document) if text(&document, "access_token").is_some_and(is_token) => {
                return self.arrived(&answer, document);
            }
            Ok(_) => (unlike_tokens(), NO_ACCESS_TOKEN.to_owned()),
            Err(failure) => (failure.clone(), failure.to_string()),
        };
        self.renewal.get_or_init(|| renewal(&answer, lacks));
        Err(failure)
    }

    fn arrived(
        &self,
        answer: &Answer,
        document: Map<String, Value>,
    ) -> Result<HttpResponse, TokenFailure> {
        if self.arrival.set(arrival(answer, &document)).is_err() {
            return Err(unlike_tokens());
        }
        let body = Value::Object(standard_fields(document)).to_string();
        Ok(HttpResponse::new(body.into_bytes()))
    }
}

/// The crate's way to the network is ours: its errors, limits and proxies.
impl<'c> AsyncHttpClient<'c> for AccessTokenRequest<'_> {
    type Error = TokenFailure;
    type Future = Pending<'c, Result<HttpResponse, TokenFailure>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

/// RFC 6749 §6: a part of the grant, or all of it by asking for nothing.
fn subset(target: &Target) -> Vec<Scope> {
    let scopes = target.scopes.iter().flat_map(Scopes::iter);
    scopes.map(|scope| Scope::new(scope.to_owned())).collect()
}

/// RFC 6749 §5.1, with what servers get wrong put right: `expires_in` as a string, a
/// `refresh_token` that is none, `scope` as a list, no `token_type`.
fn standard_fields(mut document: Map<String, Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    let kept = |fields: &mut Map<String, Value>, name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    let life = document.get("expires_in").and_then(seconds).map(Value::from);
    kept(&mut fields, "expires_in", life);
    let refresh = document.remove("refresh_token");
    kept(
        &mut fields,
        "refresh_token",
        refresh.filter(|token| token.as_str().is_some_and(is_token)),
    );
    let scope = match document.remove("scope") {
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            Some(Value::from(names.join(" ")))
        }
        other => other.filter(Value::is_string),
    };
    kept(&mut fields, "scope", scope.filter(|scope| scope.as_str().is_some_and(filled)));
    let kind = document.remove("token_type").filter(|kind| kind.as_str().is_some_and(filled));
    fields.insert("token_type".to_owned(), kind.unwrap_or_else(|| Value::from("Bearer")));
    kept(&mut fields, "access_token", document.remove("access_token"));
    fields
}

fn filled(text: &str) -> bool {
    !text.trim().is_empty()
}

/// The grants that stand in RFCs of their own.
fn extension_form(profile: &Profile, grant: &Grant<'_>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    add("client_id", &profile.client_id);
    let target = match grant {
        Grant::DeviceCode { code, verifier } => {
            add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
            add("device_code", code.expose());
            if let Some(verifier) = verifier {
                add("code_verifier", verifier.expose());
            }
            None
        }
        Grant::TokenExchange { subject_token, target } => {
            add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
            add("subject_token", subject_token.expose());
            add("subject_token_type", ACCESS_TOKEN);
            add("requested_token_type", asked_for(target));
            if let Some(scopes) = target.scopes.as_ref().filter(|scopes| !scopes.is_empty()) {
                add("scope", &scopes.to_string());
            }
            Some(*target)
        }
        Grant::AuthorizationCode { .. } | Grant::RefreshToken { .. } => None,
    };
    fields.extend(params(profile, target));
    fields
}

/// The profile's extra parameters under the target's own; `resource` only where the target has one.
fn params(profile: &Profile, target: Option<&Target>) -> BTreeMap<String, String> {
    let mut params = profile.token_params.clone();
    if let Some(target) = target {
        params.extend(target.params.clone());
        params.extend(target.resource.clone().map(|resource| ("resource".to_owned(), resource)));
    }
    params.retain(|name, _| !is_ours(name));
    params
}

/// JSON, a success, and no token in it: somebody else answered.
fn unlike_tokens() -> TokenFailure {
    no_answer("the token endpoint answered without an access token (captive portal?)", None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_token_is_neither_served_nor_kept() {
        for (token, is_one) in [
            (json!("a.b-c_~+/="), true),
            (json!("two words"), true),
            (json!(""), false),
            (json!("  \n"), false),
            (json!("\u{00a0}"), false),
            (json!("cut\nhere"), false),
            (json!("\u{0000}"), false),
            (json!("t\u{00f6}ken"), false),
            (json!(7), false),
            (json!(null), false),
        ] {
            let document = json!({ "refresh_token": token });
            let fields = standard_fields(document.as_object().unwrap().clone());
            assert_eq!(fields.contains_key("refresh_token"), is_one, "{token}");
        }
    }
}
