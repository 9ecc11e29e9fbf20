//! The device authorization request (RFC 8628 §3.1). Decides whether the challenge is sent, and
//! refuses a verification page that is not the issuer's.

use std::time::Duration;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::{DevicePkce, Profile};
use dagpass_core::request::Target;
use dagpass_core::sign_in::{Assurance, DeviceAuthorization};
use dagpass_core::token::{CodeVerifier, DeviceCode};
use serde_json::{Map, Value};
use url::Url;

use super::answer::Asked;
use super::authorize::s256;
use super::client_auth::Client;
use super::fields::{Fields, Form};
use crate::http::{Answer, Http, misconfigured, plain, required, text, without};
use crate::outgoing_proxy::is_safe;
use crate::token::lifetime::seconds;

/// RFC 8628 §3.2, where the server names none.
const INTERVAL: u64 = 5;

/// How long is a code believed to live where the server does not say? Ping's own default.
const LIFETIME: u64 = 600;

pub(super) async fn request(
    http: &Http,
    url: &Url,
    client: &Client<'_>,
    (verifier, assurance): (Option<&CodeVerifier>, &Assurance),
) -> Result<DeviceAuthorization, TokenFailure> {
    let profile = client.profile;
    let challenge = match profile.device_pkce {
        DevicePkce::Off => None,
        DevicePkce::Auto | DevicePkce::On => verifier.map(s256),
    };
    let (wishes, response_type) = (assurance.wishes(), wants_response_type(url));
    let mut ask = Ask { http, url, client, challenge, wishes, response_type };
    loop {
        match ask.send().await {
            Ok((answer, document)) => {
                return read(profile, &answer, &document, ask.challenge.is_some());
            }
            Err(failure) => ask = ask.instead(failure)?,
        }
    }
}

/// PingAM's line, by its own path.
fn wants_response_type(url: &Url) -> bool {
    url.path().ends_with("/device/code")
}

struct Ask<'a> {
    http: &'a Http,
    url: &'a Url,
    client: &'a Client<'a>,
    challenge: Option<String>,
    /// `prompt`, `max_age`, `acr_values`: RFC 8628 has none of them, and whoever knows them heeds them.
    wishes: Vec<(&'static str, String)>,
    response_type: bool,
}

impl Ask<'_> {
    async fn send(&self) -> Result<(Answer, Map<String, Value>), TokenFailure> {
        let profile = self.client.profile;
        let challenge = self.challenge.as_deref();
        let fields = Fields::default()
            .set("scope", profile.scopes.to_string())
            .maybe("code_challenge", challenge)
            .maybe("code_challenge_method", challenge.map(|_| "S256"))
            .maybe("response_type", self.response_type.then_some("code"));
        let asked = self.wishes.iter();
        let fields = asked
            .fold(fields, |fields, (name, value)| fields.set(name, value.as_str()))
            .wishes(profile, &Target::of_sign_in(profile));
        let Form { request, secrets } = fields.post(self.url, self.client)?;
        let quietly = |failure| without(failure, &secrets);
        let answer = self.http.post(&profile.network, request).await.map_err(quietly)?;
        let document = answer.document(Asked::Other).map_err(quietly)?;
        Ok((answer, document))
    }

    /// The same with what the refusal names, or without what it may be about: each once.
    fn instead(self, failure: TokenFailure) -> Result<Self, TokenFailure> {
        let TokenFailure::Misconfigured { error, description } = &failure else {
            return Err(failure);
        };
        let (profile, auto) =
            (&self.client.profile.name, self.client.profile.device_pkce == DevicePkce::Auto);
        // RFC 6749 §3.1: whoever does not know it passes over it.
        if !self.response_type && description.contains("response_type") {
            tracing::debug!(%profile, "the device request is refused without response_type");
            return Ok(Self { response_type: true, ..self });
        }
        // A policy is never left out: what it asks for may be refused for good.
        let mut when = self.wishes.iter().filter(|(name, _)| *name != "acr_values");
        let names_wish = when.clone().any(|(name, _)| description.contains(name));
        let has_wish = when.next().is_some();
        if !names_wish && self.challenge.is_some() && auto && error == "invalid_request" {
            tracing::debug!(%profile, "the device request is refused with PKCE");
            return Ok(Self { challenge: None, ..self });
        }
        if names_wish || (has_wish && error == "invalid_request") {
            tracing::debug!(%profile, "the device request is refused with what it asks to have proven");
            let mut wishes = self.wishes;
            wishes.retain(|(name, _)| *name == "acr_values");
            return Ok(Self { wishes, ..self });
        }
        Err(failure)
    }
}

fn read(
    profile: &Profile,
    answer: &Answer,
    document: &Map<String, Value>,
    pkce: bool,
) -> Result<DeviceAuthorization, TokenFailure> {
    let number = |name: &str| document.get(name).and_then(seconds);
    // `verification_url` is what drafts of the standard called it.
    let verification_uri = match text(document, "verification_uri") {
        Some(uri) => uri,
        None => required(document, "verification_url")?,
    };
    let complete = text(document, "verification_uri_complete");
    for uri in std::iter::once(verification_uri).chain(complete) {
        belongs_to_issuer(profile, uri)?;
    }
    let life = Duration::from_secs(number("expires_in").unwrap_or(LIFETIME));
    Ok(DeviceAuthorization {
        device_code: DeviceCode::new(required(document, "device_code")?),
        user_code: plain(required(document, "user_code")?),
        verification_uri: harmless(verification_uri),
        verification_uri_complete: complete.map(harmless),
        expires_at: answer.received_at.plus(life),
        interval: Duration::from_secs(number("interval").unwrap_or(INTERVAL)),
        pkce,
    })
}

/// As the server wrote it, unless it holds what a terminal would obey, or what only looks like a letter:
/// then as a browser writes it.
fn harmless(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) if !uri.bytes().all(|byte| byte.is_ascii_graphic()) => url.into(),
        Ok(_) | Err(_) => uri.to_owned(),
    }
}

/// A person types a code there: it must be the issuer's page, or one the profile names.
fn belongs_to_issuer(profile: &Profile, uri: &str) -> Result<(), TokenFailure> {
    let refuse = |what: String| Err(misconfigured("server_error", what));
    let Ok(url) = Url::parse(uri) else {
        return refuse(format!("the verification URI `{}` is not a URL", plain(uri)));
    };
    if !is_safe(&url) {
        return refuse(format!("the verification URI `{}` is not https", plain(uri)));
    }
    let host = url.host_str().unwrap_or_default();
    let issuer = Url::parse(profile.issuer.as_str());
    let of_issuer = issuer.is_ok_and(|issuer| issuer.host_str() == Some(host));
    let named = profile.verification_hosts.iter().any(|named| named.eq_ignore_ascii_case(host));
    if of_issuer || named {
        return Ok(());
    }
    refuse(format!(
        "the verification page is on `{host}`, which is not the issuer's host; if that is right, add it to `verification-hosts`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_page_is_the_issuer_s_or_a_named_one() {
        let mut profile = Profile::new("p", "https://auth.pingone.eu:443/env/as", "c");
        profile.verification_hosts = vec!["Acme.co".to_owned()];
        for (uri, fine) in [
            ("https://auth.pingone.eu/env/device", true),
            ("https://auth.pingone.eu/env/device?user_code=A", true),
            ("https://acme.co/go", true),
            ("https://evil.acme.co/go", false),
            ("https://auth.pingone.eu.evil.example/", false),
            ("https://auth.pingone.eu@evil.example/", false),
            ("http://auth.pingone.eu/env/device", false),
            ("javascript:alert(1)", false),
            ("/device", false),
        ] {
            assert_eq!(belongs_to_issuer(&profile, uri).is_ok(), fine, "{uri}");
        }
        let failure = belongs_to_issuer(&profile, "https://short.example/").unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("short.example") && text.contains("verification-hosts"), "{text}");
    }

    #[test]
    fn an_address_that_a_terminal_would_obey_is_shown_as_a_browser_writes_it() {
        for (uri, shown) in [
            ("https://acme.co/go", "https://acme.co/go"),
            ("https://acme.co:443", "https://acme.co:443"),
            ("https://acme.co/\u{1b}]8;;\u{7}x", "https://acme.co/%1B]8;;%07x"),
            ("https://acme.co/\u{202e}oc", "https://acme.co/%E2%80%AEoc"),
            ("https://\u{430}cme.co/", "https://xn--cme-5cd.co/"),
        ] {
            assert_eq!(harmless(uri), shown);
            assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
