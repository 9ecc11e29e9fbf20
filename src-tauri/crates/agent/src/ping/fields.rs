//! A request of OAuth, field by field: the one place where one is made, for the browser and for every
//! endpoint. A name is set once, by whoever comes first: the protocol, then the target, then the profile.
//! Sends nothing.

use std::collections::BTreeMap;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Profile;
use dagpass_core::request::Target;
use oauth2::HttpRequest;
use url::Url;

use super::client_auth::Client;
use crate::config::reservation;
use crate::http::misconfigured;

/// Form fields that must never be seen again, not even in a server's own words.
const SECRET_FIELDS: [&str; 6] =
    ["code", "code_verifier", "device_code", "refresh_token", "subject_token", "token"];

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

    /// A form, as every endpoint takes it, of that client.
    pub(super) fn post(self, url: &Url, client: &Client<'_>) -> Result<Form, TokenFailure> {
        let mut secrets = self.secrets();
        secrets.extend(client.secrets());
        let fields = client.sign(self).0;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = oauth2::http::Request::post(url.as_str())
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(value) = client.header() {
            request = request.header("authorization", value);
        }
        let request = request.body(body.into_bytes());
        let request =
            request.map_err(|error| misconfigured("invalid_request", error.to_string()))?;
        Ok(Form { request, secrets })
    }

    fn secrets(&self) -> Vec<String> {
        let secret = |(name, _): &&(String, String)| SECRET_FIELDS.contains(&name.as_str());
        self.0.iter().filter(secret).map(|(_, value)| value.clone()).collect()
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

/// A request, and what of it must never be seen again.
pub(super) struct Form {
    pub(super) request: HttpRequest,
    pub(super) secrets: Vec<String>,
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
        let url = Url::parse("https://ping.example/token").unwrap();
        let request = fields.post(&url, &Client::public(&profile)).unwrap().request;
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
        let fields =
            Fields::default().set("grant_type", "refresh_token").set("refresh_token", "r+1");
        let fields = fields.set("code_verifier", "v").set("scope", "openid");
        assert_eq!(fields.secrets(), ["r+1", "v"]);
    }
}
