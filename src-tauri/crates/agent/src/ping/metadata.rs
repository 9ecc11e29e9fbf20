//! What the issuer says of itself (OIDC Discovery §3, RFC 8414 §2), with the profile's overrides on top.
//! Fields may be missing; endpoints are https, or loopback.

use std::collections::BTreeMap;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::EndpointOverrides;
use dagpass_core::sign_in::Offers;
use serde_json::{Map, Value};
use url::Url;

use crate::http::{misconfigured, text};
use crate::outgoing_proxy::is_safe;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Authorization,
    Token,
    DeviceAuthorization,
    PushedAuthorizationRequest,
    Revocation,
    Userinfo,
    Jwks,
    EndSession,
}

impl Endpoint {
    const ALL: [Self; 8] = [
        Self::Authorization,
        Self::Token,
        Self::DeviceAuthorization,
        Self::PushedAuthorizationRequest,
        Self::Revocation,
        Self::Userinfo,
        Self::Jwks,
        Self::EndSession,
    ];

    /// The document's word, and the one PingFederate uses beside it.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Authorization => &["authorization_endpoint"],
            Self::Token => &["token_endpoint"],
            Self::DeviceAuthorization => &["device_authorization_endpoint"],
            Self::PushedAuthorizationRequest => &["pushed_authorization_request_endpoint"],
            Self::Revocation => &["revocation_endpoint"],
            Self::Userinfo => &["userinfo_endpoint"],
            Self::Jwks => &["jwks_uri"],
            Self::EndSession => &["end_session_endpoint", "ping_end_session_endpoint"],
        }
    }

    /// The config's key under `endpoints`, and what it was given.
    fn overridden(self, by: &EndpointOverrides) -> (&'static str, Option<&String>) {
        match self {
            Self::Authorization => ("authorization", by.authorization.as_ref()),
            Self::Token => ("token", by.token.as_ref()),
            Self::DeviceAuthorization => ("device_authorization", by.device_authorization.as_ref()),
            Self::PushedAuthorizationRequest => {
                ("pushed_authorization_request", by.pushed_authorization_request.as_ref())
            }
            Self::Revocation => ("revocation", by.revocation.as_ref()),
            Self::Userinfo => ("userinfo", by.userinfo.as_ref()),
            Self::Jwks => ("jwks", by.jwks.as_ref()),
            Self::EndSession => ("end_session", by.end_session.as_ref()),
        }
    }
}

/// One reading of the document.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderMetadata {
    pub issuer: String,
    endpoints: BTreeMap<Endpoint, String>,
    /// Those of them that the document does not name, and how each was found.
    elsewhere: Vec<String>,
    pub requires_par: bool,
    iss_in_callback: bool,
    scopes_supported: Vec<String>,
    pub claims_supported: Vec<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    challenge_methods: Option<Vec<String>>,
    pub clock_skew: Option<i64>,
}

impl ProviderMetadata {
    pub(super) fn read(object: &Map<String, Value>, clock_skew: Option<i64>) -> Self {
        let said = |name: &str| object.get(name).and_then(Value::as_bool).unwrap_or(false);
        let endpoint = |endpoint: Endpoint| {
            let mut fields = endpoint.fields().iter();
            let url = fields.find_map(|field| text(object, field))?;
            Some((endpoint, url.to_owned()))
        };
        Self {
            issuer: text(object, "issuer").unwrap_or_default().to_owned(),
            endpoints: Endpoint::ALL.into_iter().filter_map(endpoint).collect(),
            elsewhere: Vec::new(),
            requires_par: said("require_pushed_authorization_requests"),
            iss_in_callback: said("authorization_response_iss_parameter_supported"),
            scopes_supported: names(object, "scopes_supported").unwrap_or_default(),
            claims_supported: names(object, "claims_supported").unwrap_or_default(),
            grant_types: names(object, "grant_types_supported"),
            response_types: names(object, "response_types_supported"),
            challenge_methods: names(object, "code_challenge_methods_supported"),
            clock_skew,
        }
    }

    /// Of a server that tells nothing: its endpoints are the profile's.
    pub(super) fn by_hand(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), ..Self::default() }
    }

    pub(super) fn overridden(mut self, by: &EndpointOverrides) -> Self {
        for endpoint in Endpoint::ALL {
            if let (key, Some(url)) = endpoint.overridden(by) {
                self.endpoints.insert(endpoint, url.clone());
                self.elsewhere.push(format!("`endpoints.{key}` of the config"));
            }
        }
        self.known_by_its_paths()
    }

    /// PingAM's line revokes tokens and does not say so: beside its token endpoint.
    fn known_by_its_paths(mut self) -> Self {
        let token = self.endpoints.get(&Endpoint::Token);
        let realm = token.and_then(|url| url.strip_suffix("/access_token"));
        if let Some(revocation) = realm.map(|realm| format!("{realm}/token/revoke")) {
            self.endpoints.entry(Endpoint::Revocation).or_insert_with(|| {
                self.elsewhere.push("revocation by PingAM's own path".to_owned());
                revocation
            });
        }
        self
    }

    /// `None` where the server has no such endpoint; an insecure one is an error.
    pub(super) fn endpoint(&self, endpoint: Endpoint) -> Result<Option<Url>, TokenFailure> {
        self.endpoints.get(&endpoint).map(|url| secure(url, endpoint.fields()[0])).transpose()
    }

    /// As the document or the config spells it: who compares it does so letter by letter.
    pub(super) fn spelled(&self, endpoint: Endpoint) -> Option<&str> {
        self.endpoints.get(&endpoint).map(String::as_str)
    }

    pub(super) fn required(&self, endpoint: Endpoint) -> Result<Url, TokenFailure> {
        self.endpoint(endpoint)?.ok_or_else(|| {
            let field = endpoint.fields()[0];
            let (key, _) = endpoint.overridden(&EndpointOverrides::default());
            let what = format!("the discovery document names no `{field}`; set `endpoints.{key}`");
            misconfigured("server_error", what)
        })
    }

    /// RFC 9700 §2.1.1: never plain, never none.
    pub(super) fn takes_s256(&self) -> Result<(), TokenFailure> {
        match &self.challenge_methods {
            Some(methods) if !methods.iter().any(|method| method == "S256") => Err(misconfigured(
                "server_error",
                "the server lists PKCE methods, and S256 is not among them",
            )),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn offers(&self) -> Offers {
        let has = |endpoint| self.endpoints.contains_key(&endpoint);
        let lists = |list: &Option<Vec<String>>, name: &str| {
            list.as_ref().is_none_or(|names| names.iter().any(|listed| listed == name))
        };
        Offers {
            authorization_code: has(Endpoint::Authorization)
                && has(Endpoint::Token)
                && lists(&self.response_types, "code")
                && lists(&self.grant_types, "authorization_code"),
            device_code: has(Endpoint::DeviceAuthorization) && has(Endpoint::Token),
            iss_in_callback: self.iss_in_callback,
            pushes: self.requires_par,
            revocation: has(Endpoint::Revocation),
            token_exchange: self.grant_types.is_some()
                && lists(&self.grant_types, "urn:ietf:params:oauth:grant-type:token-exchange"),
            issuer: self.issuer.clone(),
            scopes_supported: self.scopes_supported.clone(),
            found_elsewhere: self.elsewhere.clone(),
            near_groups_claim: None,
            clock_skew: self.clock_skew,
        }
    }
}

pub(super) fn secure(url: &str, what: &str) -> Result<Url, TokenFailure> {
    let parsed = Url::parse(url)
        .map_err(|error| misconfigured("config_invalid", format!("{what} `{url}`: {error}")))?;
    if !is_safe(&parsed) {
        let why = format!("{what} `{url}` is not https");
        return Err(misconfigured("config_invalid", why));
    }
    Ok(parsed)
}

fn names(object: &Map<String, Value>, field: &str) -> Option<Vec<String>> {
    let items = object.get(field)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(value: &Value) -> ProviderMetadata {
        ProviderMetadata::read(value.as_object().unwrap(), None)
    }

    #[test]
    fn an_endpoint_off_https_is_refused_and_loopback_is_not() {
        for (url, fine) in [
            ("https://a.example/token", true),
            ("http://a.example/token", false),
            ("http://127.0.0.1:9/token", true),
            ("http://[::1]:9/token", true),
            ("ftp://127.0.0.1/token", false),
            ("/as/token", false),
        ] {
            let read = metadata(&json!({ "token_endpoint": url }));
            assert_eq!(read.required(Endpoint::Token).is_ok(), fine, "{url}");
        }
    }

    #[test]
    fn a_missing_field_is_not_fatal_and_an_override_fills_it() {
        let read = metadata(&json!({"issuer": "https://pf", "scopes_supported": null}));
        assert!(!read.offers().device_code);
        let failure = read.required(Endpoint::DeviceAuthorization).unwrap_err();
        assert!(failure.to_string().contains("endpoints.device_authorization"), "{failure}");
        let overrides = EndpointOverrides {
            token: Some("https://pf/as/token.oauth2".into()),
            device_authorization: Some("https://pf/as/device_authz.oauth2".into()),
            ..EndpointOverrides::default()
        };
        let read = read.overridden(&overrides);
        assert!(read.offers().device_code);
        let url = read.required(Endpoint::DeviceAuthorization).unwrap();
        assert_eq!(url.as_str(), "https://pf/as/device_authz.oauth2");
    }

    #[test]
    fn a_product_s_own_path_stands_in_for_what_it_does_not_say() {
        let realm = "https://id.example/am/oauth2/realms/root/realms/alpha";
        for (token, said, expected) in [
            (format!("{realm}/access_token"), None, Some(format!("{realm}/token/revoke"))),
            (
                format!("{realm}/access_token"),
                Some("https://a/revoke"),
                Some("https://a/revoke".into()),
            ),
            ("https://pf/as/token.oauth2".to_owned(), None, None),
        ] {
            let read = metadata(&json!({"token_endpoint": token, "revocation_endpoint": said}));
            let read = read.overridden(&EndpointOverrides::default());
            let url = read.endpoint(Endpoint::Revocation).unwrap().map(String::from);
            assert_eq!(url, expected, "{token} {said:?}");
            let told = read.offers().found_elsewhere;
            assert_eq!(told.is_empty(), said.is_some() || expected.is_none(), "{told:?}");
        }
    }

    #[test]
    fn every_key_that_a_hint_names_is_one_that_the_config_takes() {
        for endpoint in Endpoint::ALL {
            let failure = ProviderMetadata::default().required(endpoint).unwrap_err().to_string();
            let key = failure.rsplit("set `").next().unwrap().trim_end_matches('`');
            let text = format!(
                "[profile.p]\nissuer = \"https://x.example\"\nclient-id = \"c\"\n{key} = \"https://x.example/y\"\n"
            );
            let config = crate::config::parse(&text, std::path::Path::new("/config.toml")).unwrap();
            let profile = config.profile(Some("p")).unwrap();
            let (_, set) = endpoint.overridden(&profile.endpoints);
            assert_eq!(set.map(String::as_str), Some("https://x.example/y"), "{key}");
        }
    }

    #[test]
    fn pkce_methods_without_s256_are_refused_and_silence_is_not() {
        for (listed, fine) in [
            (json!({}), true),
            (json!({"code_challenge_methods_supported": ["plain", "S256"]}), true),
            (json!({"code_challenge_methods_supported": ["plain"]}), false),
            (json!({"code_challenge_methods_supported": []}), false),
        ] {
            assert_eq!(metadata(&listed).takes_s256().is_ok(), fine, "{listed}");
        }
    }
}
