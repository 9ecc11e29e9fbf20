//! Where each Ping product puts its endpoints, and what its metadata says. Paths are facts of the
//! products' own documentation; behaviour lives elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::quirks::{Quirks, Rfc9207};

/// Which product the sandbox looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    #[default]
    PingOne,
    PingFederate,
    PingAm,
}

impl Family {
    pub const ALL: [Self; 3] = [Self::PingOne, Self::PingFederate, Self::PingAm];

    /// `pingone`, `pingfederate` or `pingam`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::PingOne => "pingone",
            Self::PingFederate => "pingfederate",
            Self::PingAm => "pingam",
        }
    }

    /// What the sign-in page calls itself.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::PingOne => "PingOne",
            Self::PingFederate => "PingFederate",
            Self::PingAm => "PingAM",
        }
    }
}

/// The environment of the PingOne paths.
pub const ENVIRONMENT: &str = "3f1c0a52-6c2b-4d67-9a53-7d1f0e8b2c44";

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    Discovery,
    Authorize,
    Par,
    Token,
    DeviceAuthorization,
    DevicePage,
    Jwks,
    Userinfo,
    Introspect,
    Revoke,
    EndSession,
    Api,
}

/// One issuer: a prefix, and the paths below or beside it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What follows the origin in the issuer.
    pub(crate) prefix: String,
    paths: [(Endpoint, String); 11],
}

impl Place {
    /// The family's main issuer, or the one of a custom domain: there the environment is gone.
    pub(crate) fn of(family: Family, custom_domain: bool) -> Self {
        use Endpoint as E;
        let (prefix, device) = match family {
            Family::PingOne if custom_domain => ("/as".to_owned(), "/device".to_owned()),
            Family::PingOne => (format!("/{ENVIRONMENT}/as"), format!("/{ENVIRONMENT}/device")),
            Family::PingFederate => (String::new(), "/as/user_authz.oauth2".to_owned()),
            Family::PingAm => (
                "/am/oauth2/realms/root/realms/alpha".to_owned(),
                "/am/oauth2/device/user".to_owned(),
            ),
        };
        let at = |rest: &str| format!("{prefix}{rest}");
        let pick = |one: &str, federate: &str, am: &str| match family {
            Family::PingOne => at(one),
            Family::PingFederate => federate.to_owned(),
            Family::PingAm => at(am),
        };
        let paths = [
            (E::Discovery, at("/.well-known/openid-configuration")),
            (E::Authorize, pick("/authorize", "/as/authorization.oauth2", "/authorize")),
            (E::Par, pick("/par", "/as/par.oauth2", "/par")),
            (E::Token, pick("/token", "/as/token.oauth2", "/access_token")),
            (
                E::DeviceAuthorization,
                pick("/device_authorization", "/as/device_authz.oauth2", "/device/code"),
            ),
            (E::DevicePage, device),
            (E::Jwks, pick("/jwks", "/pf/JWKS", "/connect/jwk_uri")),
            (E::Userinfo, pick("/userinfo", "/idp/userinfo.openid", "/userinfo")),
            (E::Introspect, pick("/introspect", "/as/introspect.oauth2", "/introspect")),
            (E::Revoke, pick("/revoke", "/as/revoke_token.oauth2", "/token/revoke")),
            (E::EndSession, pick("/signoff", "/idp/init_logout.openid", "/connect/endSession")),
        ];
        Self { prefix, paths }
    }

    pub(crate) fn path(&self, wanted: Endpoint) -> &str {
        self.paths
            .iter()
            .find(|(endpoint, _)| *endpoint == wanted)
            .map_or("/api", |(_, path)| path.as_str())
    }

    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        self.paths.iter().find(|(_, known)| known == path).map(|(endpoint, _)| *endpoint)
    }
}

/// The issuers that answer on one port: both of PingOne's, so that a client can meet two `iss`.
pub(crate) fn places(family: Family) -> Vec<Place> {
    match family {
        Family::PingOne => vec![Place::of(family, false), Place::of(family, true)],
        Family::PingFederate | Family::PingAm => vec![Place::of(family, false)],
    }
}

/// Finds what a path means, and under which issuer.
pub(crate) fn route(family: Family, path: &str) -> Option<(Place, Endpoint)> {
    if path == "/api" || path.starts_with("/api/") {
        return Some((Place::of(family, false), Endpoint::Api));
    }
    places(family)
        .into_iter()
        .find_map(|place| place.endpoint(path).map(|endpoint| (place, endpoint)))
}

/// The metadata document (OIDC Discovery §3), less what the quirks take out.
pub(crate) fn metadata(place: &Place, origin: &str, quirks: &Quirks) -> Value {
    let url = |endpoint| format!("{origin}{}", place.path(endpoint));
    let issuer = quirks.issuer.clone().unwrap_or_else(|| format!("{origin}{}", place.prefix));
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": url(Endpoint::Authorize),
        "token_endpoint": url(Endpoint::Token),
        "device_authorization_endpoint": url(Endpoint::DeviceAuthorization),
        "pushed_authorization_request_endpoint": url(Endpoint::Par),
        "jwks_uri": url(Endpoint::Jwks),
        "userinfo_endpoint": url(Endpoint::Userinfo),
        "introspection_endpoint": url(Endpoint::Introspect),
        "revocation_endpoint": url(Endpoint::Revoke),
        "end_session_endpoint": url(Endpoint::EndSession),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_types_supported": ["public"],
        "scopes_supported": ["openid", "profile", "email", "groups", "offline_access",
            "api:read", "api:write", "data:read"],
        "claims_supported": ["sub", "name", "email", "groups", "auth_time", "sid"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported":
            ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "require_pushed_authorization_requests": quirks.require_par,
        "authorization_response_iss_parameter_supported": quirks.rfc9207 != Rfc9207::Absent,
    });
    if let Some(members) = document.as_object_mut() {
        if quirks.require_dpop {
            members.insert("dpop_signing_alg_values_supported".into(), json!(["ES256"]));
        }
        for name in &quirks.omit_metadata {
            members.remove(name);
        }
    }
    document
}
