//! The token endpoint, for every grant (RFC 6749 §4.1.3, §4.4, §6; RFC 8628 §3.4; RFC 8693). An answer that
//! carries a refresh token is never thrown away for a field of a wrong type.

use std::sync::OnceLock;
use std::time::Instant;

use dagpass_core::ports::{Grant, Redeemed, Renewal, TokenFailure};
use dagpass_core::profile::{Profile, Scopes};
use dagpass_core::request::Target;
use dagpass_core::token::{CodeVerifier, GivenBy, is_token};
use oauth2::basic::BasicTokenResponse;
use serde_json::{Map, Value};
use url::Url;

use super::answer::Asked;
use super::client_auth::Client;
use super::fields::{Fields, Form};
use super::kinds::{ACCESS_TOKEN, asked_for};
use super::received::{Arrival, arrival, received, renewal, success};
use crate::http::{Answer, Http, no_answer, text, without};
use crate::token::lifetime::seconds;

const NO_ACCESS_TOKEN: &str =
    "the token endpoint answered with a new refresh token and no access token";

/// One request to the token endpoint (RFC 6749 §4.1.3).
pub(super) struct AccessTokenRequest<'a> {
    http: &'a Http,
    client: Client<'a>,
    asked: Asked,
    arrival: OnceLock<Arrival>,
    /// In place of an arrival.
    renewal: OnceLock<Option<Renewal>>,
}

impl<'a> AccessTokenRequest<'a> {
    pub(super) fn new(http: &'a Http, client: Client<'a>, grant: &Grant<'_>) -> Self {
        let asked = match grant {
            Grant::RefreshToken { .. } => Asked::RefreshToken,
            Grant::DeviceCode { .. } => Asked::DeviceCode,
            Grant::AuthorizationCode { .. }
            | Grant::ClientCredentials { .. }
            | Grant::TokenExchange { .. } => Asked::Other,
        };
        Self { http, client, asked, arrival: OnceLock::new(), renewal: OnceLock::new() }
    }

    pub(super) async fn run(self, url: Url, grant: Grant<'_>) -> Result<Redeemed, TokenFailure> {
        let since = Instant::now();
        let tokens = self.ask(&url, &grant).await;
        let given_by = GivenBy { endpoint: url.to_string(), took: since.elapsed() };
        if let Some(renewal) = self.renewal.into_inner().flatten() {
            return Ok(Redeemed::Renewal(renewal));
        }
        let (tokens, arrival) = (tokens?, self.arrival.into_inner().ok_or_else(unlike_tokens)?);
        Ok(Redeemed::Tokens(Box::new(received(&tokens, arrival, given_by))))
    }

    async fn ask(&self, url: &Url, grant: &Grant<'_>) -> Result<BasicTokenResponse, TokenFailure> {
        let form = fields(self.client.profile, grant).post(url, &self.client)?;
        let fields = self.carry(form).await?;
        // Its own message may quote the body, which holds tokens.
        serde_json::from_value(Value::Object(fields)).map_err(|_unlike| unlike_tokens())
    }

    async fn carry(&self, form: Form) -> Result<Map<String, Value>, TokenFailure> {
        let Form { request, secrets } = form;
        let quietly = |failure| without(failure, &secrets);
        let answer =
            self.http.post(&self.client.profile.network, request).await.map_err(quietly)?;
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
    ) -> Result<Map<String, Value>, TokenFailure> {
        if self.arrival.set(arrival(answer, &document)).is_err() {
            return Err(unlike_tokens());
        }
        Ok(standard_fields(document))
    }
}

/// What is asked, by grant: RFC 6749 §4.1.3, §4.4.2 and §6, RFC 8628 §3.4, RFC 8693 §2.1.
fn fields(profile: &Profile, grant: &Grant<'_>) -> Fields {
    let of = |kind: &str| Fields::default().set("grant_type", kind);
    // A part of the grant, or all of it by asking for nothing.
    let scope = |target: &Target| {
        target.scopes.as_ref().filter(|scopes| !scopes.is_empty()).map(Scopes::to_string)
    };
    match grant {
        Grant::AuthorizationCode { code, request } => of("authorization_code")
            .set("code", code.expose())
            .set("redirect_uri", request.redirect_uri.as_str())
            .set("code_verifier", request.verifier.expose())
            .wishes(profile, &Target::of_sign_in(profile)),
        Grant::DeviceCode { code, verifier } => of("urn:ietf:params:oauth:grant-type:device_code")
            .set("device_code", code.expose())
            .maybe("code_verifier", verifier.map(CodeVerifier::expose))
            .wishes(profile, &Target::of_sign_in(profile)),
        Grant::RefreshToken { token, target, .. } => of("refresh_token")
            .set("refresh_token", token.expose())
            .maybe("scope", scope(target))
            .wishes(profile, target),
        // No grant stands behind it: what the config names is asked for each time.
        Grant::ClientCredentials { target } => of("client_credentials")
            .maybe("scope", scope(target).or_else(|| whole(profile)))
            .wishes(profile, target),
        Grant::TokenExchange { subject_token, target } => {
            of("urn:ietf:params:oauth:grant-type:token-exchange")
                .set("subject_token", subject_token.expose())
                .set("subject_token_type", ACCESS_TOKEN)
                .set("requested_token_type", asked_for(target))
                .maybe("scope", scope(target))
                .wishes(profile, target)
        }
    }
}

fn whole(profile: &Profile) -> Option<String> {
    (!profile.scopes.is_empty()).then(|| profile.scopes.to_string())
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
