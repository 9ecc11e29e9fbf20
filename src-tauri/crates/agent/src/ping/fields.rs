//! A request of OAuth, field by field: the one place where one is made, for the browser and for every
//! endpoint. A name is set once, by whoever comes first: the protocol, then the target, then the profile.
//! Sends nothing.

use std::collections::BTreeMap;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Profile;
use dagpass_core::request::Target;
use oauth2::HttpRequest;
use url::Url;

use crate::config::reservation;
use crate::http::misconfigured;

/// Form fields that must never be seen again, not even in a server's own words.
const SECRET_FIELDS: [&str; 8] = [
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "refresh_token",
    "subject_token",
    "token",
];

#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// What the protocol says.
    pub(super) fn set(self, name: &str, value: impl Into<String>) -> Self {
        self.maybe(name, Some(value))
    }

    pub(super) fn maybe(mut self, name: &str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value
            && !self.has(name)
        {
            self.0.push((name.to_owned(), value.into()));
        }
        self
    }

    /// What the token is for, and what the config adds of its own: the target's before the profile's.
    pub(super) fn wishes(self, profile: &Profile, target: &Target) -> Self {
        let named = self.maybe("resource", target.resource.as_deref());
        named.extra(&target.params).extra(&profile.token_params)
    }

    fn extra(mut self, params: &BTreeMap<String, String>) -> Self {
        for (name, value) in params {
            if reservation(name).is_none() {
                self = self.set(name, value.as_str());
            }
        }
        self
    }

    /// RFC 6749 §2.3: who the client is, and what proves it. A public client has its name alone.
    fn authenticated(self, profile: &Profile) -> Self {
        self.set("client_id", profile.client_id.as_str())
    }

    /// A form, as every endpoint takes it.
    pub(super) fn post(self, url: &Url, profile: &Profile) -> Result<HttpRequest, TokenFailure> {
        let fields = self.authenticated(profile).0;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        oauth2::http::Request::post(url.as_str())
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into_bytes())
            .map_err(|error| misconfigured("invalid_request", error.to_string()))
    }

    /// For the browser, which proves nothing for us.
    pub(super) fn on(self, mut url: Url) -> Url {
        url.query_pairs_mut().extend_pairs(self.0);
        url
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

/// What is sent as a form in `body`, of the fields that are secret.
pub(super) fn secrets_of(body: &[u8]) -> Vec<String> {
    url::form_urlencoded::parse(body)
        .filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()))
        .map(|(_, value)| value.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_name_is_sent_once_and_the_protocol_s_own_are_nobody_s_to_set() {
        let mut profile = Profile::new("prod", "https://ping.example", "desk");
        profile.token_params = params(&[
            ("access_token_manager_id", "profile"),
            ("audience", "profile"),
            ("client_id", "somebody-else"),
            ("client_assertion", "canary"),
            ("grant_type", "password"),
            ("scope", "all"),
        ]);
        let target = Target {
            resource: Some("https://lake.example".to_owned()),
            params: params(&[
                ("access_token_manager_id", "lake"),
                ("resource", "https://another.example"),
                ("requested_token_type", "urn:x"),
                ("code_verifier", "v"),
            ]),
            ..Target::default()
        };
        let fields = Fields::default().set("grant_type", "refresh_token");
        let fields = fields.maybe("scope", None::<String>).wishes(&profile, &target);
        let request = fields.post(&Url::parse("https://ping.example/token").unwrap(), &profile);
        let request = request.unwrap();
        let sent: Vec<_> = url::form_urlencoded::parse(request.body()).collect();
        let sent: Vec<_> = sent.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("grant_type", "refresh_token"),
            ("resource", "https://lake.example"),
            ("access_token_manager_id", "lake"),
            ("audience", "profile"),
            ("client_id", "desk"),
        ];
        assert_eq!(sent, expected);
    }

    #[test]
    fn the_secret_fields_of_a_form_are_known() {
        let body = b"grant_type=refresh_token&refresh_token=r%2B1&client_id=c&code_verifier=v";
        assert_eq!(secrets_of(body), ["r+1", "v"]);
    }
}
