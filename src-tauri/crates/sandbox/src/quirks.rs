//! Every switch of the sandbox. The defaults are those of the family; a test sets what it is about.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::family::Family;

/// The switches. Over HTTP any subset of these fields may be sent; unknown names are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirks {
    /// Seconds an access token lives.
    pub at_ttl: i64,
    /// Seconds a refresh token lives, counted from its issue.
    pub rt_ttl: i64,
    /// Seconds an authorization code lives.
    pub code_ttl: i64,
    /// Seconds a pushed request lives.
    pub par_ttl: i64,
    /// Seconds a device code lives.
    pub device_ttl: i64,
    /// Seconds between two polls, as announced.
    pub device_interval: i64,
    /// Is a poll that comes before the interval has passed answered `slow_down`?
    pub enforce_interval: bool,
    /// HTTP status of `authorization_pending`.
    pub pending_status: u16,
    /// The n-th poll of every device code is answered `slow_down`.
    pub slow_down_after: Option<u32>,
    /// Polls of every device code whose connection is dropped, counted from the first.
    pub drop_polls: u32,
    pub device_pkce: DevicePkce,
    /// Does the device grant give an ID token?
    pub device_id_token: bool,
    /// Is a device request without `response_type` refused? PingAM's line of products does.
    pub device_response_type: bool,
    /// Does the device grant give neither ID token nor `scope` before the first refresh? So do they.
    pub device_silent: bool,
    /// The exact short URL that stands in for `verification_uri`; no `_complete` then.
    pub custom_verification_uri: Option<String>,
    /// Is `verification_uri_complete` left out?
    pub omit_verification_uri_complete: bool,
    /// Spell it `verification_url`.
    pub legacy_field: bool,
    pub at_format: AccessFormat,
    pub omit_expires_in: bool,
    /// May one request name the scopes of one resource only?
    pub one_resource: bool,
    /// Is the issuer that of a custom domain (`/as`)?
    pub custom_domain: bool,
    /// The exact issuer string to claim, such as one with `:443`. Endpoints stay where they are.
    pub issuer: Option<String>,
    /// Members to leave out of the metadata.
    pub omit_metadata: Vec<String>,
    pub sign_with: SignWith,
    /// Claims to set in every ID token; `null` removes one.
    pub id_token_claims: Map<String, Value>,
    /// Claims to set in userinfo; `null` removes one.
    pub userinfo_claims: Map<String, Value>,
    pub userinfo_shape: UserinfoShape,
    pub redirect_match: RedirectMatch,
    pub redirect_uris: Vec<String>,
    pub rfc9207: Rfc9207,
    pub require_par: bool,
    pub rotate: Rotate,
    /// Seconds between two rotations in `interval` mode.
    pub rotate_interval: i64,
    /// What a refresh that does not rotate says about the refresh token.
    pub unrotated: Unrotated,
    /// Seconds in which a rotated refresh token still works.
    pub grace: i64,
    pub replay: Replay,
    pub rt_policy: RefreshPolicy,
    pub rt_format: RefreshFormat,
    /// Bytes of padding in a JWT refresh token.
    pub rt_pad: usize,
    /// Do refresh tokens die with the browser session?
    pub session_bound: bool,
    /// Is a refresh for less than the whole scope refused?
    pub refuse_narrowing: bool,
    /// What a refresh that names no scope meets.
    pub refresh_scope: RefreshScope,
    /// Does a second sign-in in one session end the first refresh token of that client?
    pub single_rt_per_session: bool,
    /// More sessions than this purge the oldest of the user.
    pub max_sessions: Option<usize>,
    /// Revocations of a token that is not valid before the client is locked out.
    pub lockout_after: Option<u32>,
    pub groups_shape: GroupsShape,
    pub groups_claim: String,
    pub refresh_attrs: RefreshAttributes,
    pub error_shape: ErrorShape,
    /// The errors of PingAM's public ancestor: `authorization_declined`, `invalid_request` for an unknown refresh token.
    pub am_errors: bool,
    /// Seconds by which the issuer's clock is ahead of the machine's.
    pub date_offset: i64,
    pub require_dpop: bool,
    pub use_dpop_nonce: bool,
    /// Subject to name in every token and in userinfo instead of the right one, from now on.
    pub answer_as: Option<String>,
}

impl Quirks {
    /// How this product behaves before anybody has configured it.
    pub fn of(family: Family) -> Self {
        let (one, federate, am) =
            (family == Family::PingOne, family == Family::PingFederate, family == Family::PingAm);
        Self {
            at_ttl: 3600,
            rt_ttl: 30 * 86_400,
            code_ttl: if one { 600 } else { 60 },
            par_ttl: 60,
            device_ttl: 600,
            device_interval: 5,
            enforce_interval: false,
            pending_status: if am { 403 } else { 400 },
            slow_down_after: None,
            drop_polls: 0,
            device_pkce: DevicePkce::Optional,
            device_id_token: !federate,
            device_response_type: false,
            device_silent: false,
            custom_verification_uri: None,
            omit_verification_uri_complete: am,
            legacy_field: false,
            at_format: AccessFormat::Jwt,
            omit_expires_in: false,
            one_resource: one,
            custom_domain: false,
            issuer: None,
            omit_metadata: Vec::new(),
            sign_with: SignWith::Key,
            id_token_claims: Map::new(),
            userinfo_claims: Map::new(),
            userinfo_shape: UserinfoShape::Json,
            redirect_match: if one { RedirectMatch::AnyPort } else { RedirectMatch::Exact },
            redirect_uris: [
                "http://127.0.0.1:21217/callback",
                "http://127.0.0.1:23683/callback",
                "http://127.0.0.1:28021/callback",
                "http://127.0.0.1:*/callback",
            ]
            .map(str::to_owned)
            .to_vec(),
            rfc9207: if federate { Rfc9207::Absent } else { Rfc9207::Right },
            require_par: false,
            rotate: if federate { Rotate::Never } else { Rotate::Always },
            rotate_interval: 3600,
            unrotated: Unrotated::Absent,
            grace: if federate { 60 } else { 0 },
            replay: if one { Replay::RevokeFamily } else { Replay::Drop },
            rt_policy: RefreshPolicy::Always,
            rt_format: RefreshFormat::Opaque,
            rt_pad: 0,
            session_bound: one,
            refuse_narrowing: false,
            refresh_scope: RefreshScope::Whole,
            single_rt_per_session: false,
            max_sessions: one.then_some(10),
            lockout_after: None,
            groups_shape: if federate { GroupsShape::Dn } else { GroupsShape::Array },
            groups_claim: "groups".to_owned(),
            refresh_attrs: RefreshAttributes::Stored,
            error_shape: ErrorShape::Oauth,
            am_errors: false,
            date_offset: 0,
            require_dpop: false,
            use_dpop_nonce: false,
            answer_as: None,
        }
    }

    /// These switches with the members of `patch` set.
    pub fn patched(&self, patch: Value) -> Result<Self, serde_json::Error> {
        let mut whole = serde_json::to_value(self)?;
        if let (Some(members), Value::Object(changes)) = (whole.as_object_mut(), patch) {
            members.extend(changes);
        }
        serde_json::from_value(whole)
    }
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
    };
}

choice!(
    /// What the device grant does with a PKCE challenge.
    DevicePkce { Optional, Required, Refused }
);
choice!(AccessFormat { Jwt, Reference });
choice!(
    /// How an ID token is signed.
    SignWith {
        Key,
        /// `alg: none`, no signature.
        None,
        /// HMAC keyed with the public key's PEM: the classic confusion.
        Hs256,
        /// A `kid` that the JWKS never names.
        UnknownKid,
        /// A key that the JWKS names only from now on.
        NextKey,
        /// The right `kid`, another key.
        ForeignKey,
    }
);
choice!(
    /// Which redirect URIs pass.
    RedirectMatch {
        /// Byte for byte as registered.
        Exact,
        /// Any port on a loopback address, host and path as registered (RFC 8252 §7.3).
        AnyPort,
        /// Any port where the registered URI says `:*`.
        WildcardPort,
    }
);
choice!(
    /// `iss` in the callback (RFC 9207).
    Rfc9207 { Right, Wrong, Absent }
);
choice!(
    /// Does a refresh give a new refresh token?
    Rotate { Always, Never, Interval }
);
choice!(
    /// A refresh that names no scope.
    RefreshScope {
        /// Is for the whole grant (RFC 6749 §6).
        Whole,
        /// Is an `invalid_request`.
        Required,
        /// Gives `openid` alone.
        Lessens,
    }
);
choice!(
    /// How userinfo is written (OIDC Core §5.3.2).
    UserinfoShape {
        Json,
        /// `application/jwt`, with `iss` and `aud`.
        Signed,
        /// The same, signed with another key.
        Forged,
    }
);
choice!(
    /// `refresh_token` in an answer that did not rotate.
    Unrotated { Absent, Empty, Same }
);
choice!(
    /// What a rotated refresh token does when it comes back after the grace.
    Replay {
        /// The whole family is revoked.
        RevokeFamily,
        /// Refused; its successor lives.
        Drop,
    }
);
choice!(
    /// When a refresh token is issued at all.
    RefreshPolicy { Always, Never, NeedsOfflineAccess }
);
choice!(RefreshFormat { Opaque, Jwt });
choice!(
    /// How groups are written.
    GroupsShape {
        Array,
        Absent,
        /// One string; an array only for several.
        String,
        CommaString,
        Dn,
        /// The user's own and 200 more.
        Many,
    }
);
choice!(
    /// Whether a refresh shows the groups of the sign-in or those of now.
    RefreshAttributes { Stored, Live }
);
choice!(
    /// RFC 6749 or Ping's platform body.
    ErrorShape { Oauth, Platform }
);
