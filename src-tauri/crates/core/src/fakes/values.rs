//! Ready-made values for tests.

use std::time::Duration;

use crate::broker::{Broker, Issued};
use crate::endpoints;
use crate::error::Refusal;
use crate::policy::Action;
use crate::principal::{Kind, Principal};
use crate::profile::{Profile, Scopes, Subject};
use crate::request::{Caller, SessionKey, Target, TokenRequest};
use crate::session::StoredSession;
use crate::sign_in::{DeviceAuthorization, Offers};
use crate::time::Timestamp;
use crate::token::{
    AccessToken, DeviceCode, ExpirySource, Fingerprint, Identity, IdentitySource, RefreshToken,
    TokenSet,
};

pub fn profile() -> Profile {
    Profile::new("prod", "https://idp.example", "agent")
}

pub fn ask(profile: &str) -> TokenRequest {
    TokenRequest::new(SessionKey::of(profile), Target::default())
}

/// As the user whose agent it is asks.
pub async fn serve(broker: &Broker, request: &TokenRequest) -> Result<Issued, Refusal> {
    let owner = Principal::new(Kind::Owner, Caller::default());
    let permit = broker.permit(&owner, Action::Token, request.clone())?;
    broker.token(permit, &owner).await
}

pub fn rejected(token: &str) -> Option<Fingerprint> {
    Some(Fingerprint::of(token))
}

pub fn identity(sub: &str) -> Identity {
    Identity {
        subject: Subject { iss: "https://idp.example".into(), sub: sub.into() },
        name: Some("Alice".into()),
        email: None,
        groups: vec!["AF-Admins".into()],
        auth_time: None,
        source: IdentitySource::IdToken,
        also: Vec::new(),
    }
}

pub fn stored(refresh_token: &str) -> StoredSession {
    let profile = profile();
    StoredSession {
        endpoints: Some(endpoints::of(&profile)),
        issuer: profile.issuer,
        client_id: profile.client_id,
        identity: Some(identity("alice")),
        nonce: None,
        granted: Scopes::parse("openid"),
        refresh_token: Some(RefreshToken::new(refresh_token)),
        refresh_expires_at: None,
        signed_in_at: Timestamp::from_secs(999_000),
        generation: 1,
        id_token_hint: None,
        ended: None,
    }
}

pub fn token_set(
    access: &str,
    refresh: Option<&str>,
    received_at: Timestamp,
    expires_at: Timestamp,
) -> TokenSet {
    TokenSet {
        access_token: AccessToken::new(access),
        token_type: "Bearer".into(),
        received_at,
        expires_at,
        expiry_source: ExpirySource::ExpiresIn,
        refresh_token: refresh.map(RefreshToken::new),
        refresh_expires_at: None,
        scope: None,
        identity: None,
        stated: None,
        audience: None,
        id_token: None,
        given_for: None,
        given_by: None,
        disbelieved: None,
    }
}

pub fn offers() -> Offers {
    Offers {
        authorization_code: true,
        device_code: true,
        iss_in_callback: false,
        pushes: false,
        revocation: true,
        token_exchange: false,
        issuer: "https://idp.example".into(),
        scopes_supported: Vec::new(),
        found_elsewhere: Vec::new(),
        near_groups_claim: None,
        clock_skew: None,
    }
}

pub fn device_authorization(expires_at: Timestamp) -> DeviceAuthorization {
    DeviceAuthorization {
        device_code: DeviceCode::new("device-code"),
        user_code: "BVKV-2GZ2".into(),
        verification_uri: "https://idp.example/device".into(),
        verification_uri_complete: None,
        expires_at,
        interval: Duration::from_secs(5),
        pkce: true,
    }
}
