//! Who the client is, and what proves it (RFC 6749 §2.3; RFC 7523 §2.2): the one place that authenticates it,
//! for every endpoint that takes a form. A public client has its name alone. An assertion is made for one
//! request and lives a minute: its audience is what the profile says, and no other is tried.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::endpoints;
use dagpass_core::error::Why;
use dagpass_core::ports::{StoreFailure, TokenFailure};
use dagpass_core::profile::{ClientAuth, Credential, Profile};
use dagpass_core::time::Timestamp;
use dagpass_core::token::Secret;
use oauth2::http::HeaderValue;
use serde::Serialize;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::fields::Fields;
use crate::credentials::{ClientKey, Credentials};
use crate::http::misconfigured;
use crate::random::random;

/// How long is an assertion good? It is used at once; clocks differ.
const LIFE: Duration = Duration::from_secs(60);
/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The clients of the config's profiles, as they authenticate.
pub(super) struct Clients(pub(super) Arc<dyn Credentials>);

impl Clients {
    /// For one request. Nothing has left where this fails.
    pub(super) async fn of<'a>(
        &self,
        profile: &'a Profile,
        audience: &str,
        server_now: Timestamp,
    ) -> Result<Client<'a>, TokenFailure> {
        let proof = match profile.client_auth {
            ClientAuth::None => Proof::None,
            ClientAuth::SecretBasic => Proof::Basic(self.secret(profile).await?),
            ClientAuth::SecretPost => Proof::Post(self.secret(profile).await?),
            ClientAuth::PrivateKeyJwt => {
                let key = self.0.key(profile).await.map_err(unread)?;
                let key = key.ok_or_else(|| missing(profile, Credential::Key))?;
                Proof::Assertion(assertion(profile, &key, (audience, server_now))?)
            }
        };
        Ok(Client { profile, proof })
    }

    /// Is it here? Nothing is asked of a server for it.
    pub(super) async fn proves(&self, profile: &Profile) -> Result<bool, StoreFailure> {
        Ok(match profile.client_auth.credential() {
            None => true,
            Some(Credential::Secret) => self.0.secret(profile).await?.is_some(),
            Some(Credential::Key) => self.0.key(profile).await?.is_some(),
        })
    }

    async fn secret(&self, profile: &Profile) -> Result<Secret<String>, TokenFailure> {
        let secret = self.0.secret(profile).await.map_err(unread)?;
        secret.ok_or_else(|| missing(profile, Credential::Secret))
    }
}

/// One client, ready for one request.
pub(super) struct Client<'a> {
    pub(super) profile: &'a Profile,
    proof: Proof,
}

enum Proof {
    None,
    Basic(Secret<String>),
    Post(Secret<String>),
    Assertion(Secret<String>),
}

impl<'a> Client<'a> {
    #[cfg(test)]
    pub(super) fn public(profile: &'a Profile) -> Self {
        Self { profile, proof: Proof::None }
    }

    /// What is said in the form. Who proves it by a header names himself there alone (RFC 6749 §2.3.1).
    pub(super) fn sign(&self, fields: Fields) -> Fields {
        let named = |fields: Fields| fields.set("client_id", self.profile.client_id.as_str());
        match &self.proof {
            Proof::None => named(fields),
            Proof::Basic(_) => fields,
            Proof::Post(secret) => named(fields).set("client_secret", secret.expose().as_str()),
            Proof::Assertion(jwt) => named(fields)
                .set("client_assertion_type", JWT_BEARER)
                .set("client_assertion", jwt.expose().as_str()),
        }
    }

    /// What is said in the `Authorization` header.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let Proof::Basic(secret) = &self.proof else { return None };
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let secret = Zeroizing::new(encoded(secret.expose()));
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.profile.client_id), &*secret));
        let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&basic).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// What must never be seen again, not even in a server's own words.
    pub(super) fn secrets(&self) -> Vec<String> {
        match &self.proof {
            Proof::None => Vec::new(),
            Proof::Post(secret) | Proof::Assertion(secret) => vec![secret.expose().clone()],
            Proof::Basic(secret) => {
                let header = self.header();
                let sent = header.as_ref().and_then(|value| value.to_str().ok());
                let sent = sent.and_then(|value| value.strip_prefix("Basic "));
                [Some(secret.expose().clone()), sent.map(str::to_owned)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    }
}

/// RFC 7523 §3.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
}

fn assertion(
    profile: &Profile,
    key: &ClientKey,
    (aud, now): (&str, Timestamp),
) -> Result<Secret<String>, TokenFailure> {
    let claims = Claims {
        iss: &profile.client_id,
        sub: &profile.client_id,
        aud,
        jti: random(),
        iat: now.as_secs(),
        exp: now.plus(LIFE).as_secs(),
    };
    let signed = key.sign(&claims);
    signed.map_err(|why| misconfigured("invalid_client", format!("the client's key: {why}")))
}

fn missing(profile: &Profile, what: Credential) -> TokenFailure {
    let (name, what, command) = match what {
        Credential::Secret => (&profile.name, "secret", "dagpass secret set"),
        Credential::Key => (&profile.name, "key", "dagpass identity show"),
    };
    let client = &profile.client_id;
    let to = endpoints::beside_the_issuer(profile);
    let to = to.map(|hosts| format!(" that may go to {hosts}")).unwrap_or_default();
    misconfigured(
        "invalid_client",
        format!("this machine has no {what} of the client `{client}`{to}: run `{command} {name}`"),
    )
}

/// The store has it, perhaps, and does not say.
fn unread(failure: StoreFailure) -> TokenFailure {
    let cause = Why::from(format!("the client's secret cannot be read: {failure}"));
    let is_locked = matches!(failure, StoreFailure::Locked(_) | StoreFailure::PassphraseNeeded(_));
    TokenFailure::Unreachable {
        cause: if is_locked { cause.mended_by("run `dagpass agent unlock`") } else { cause },
        sent: false,
        retry_after: None,
    }
}
