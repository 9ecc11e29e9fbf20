//! The adapter on the sandbox: whole journeys, what may go wrong on them, and who it is.

mod answers;
mod faults;
mod journeys;
mod people;
mod tls;

use std::time::{Duration, SystemTime};

use super::*;
use dagpass_core::error::Refusal;
use dagpass_core::fakes::FakeClock;
use dagpass_core::profile::Scopes;
use dagpass_core::request::Target;
use dagpass_core::session::StoredSession;
use dagpass_core::sign_in::{Claim, renewed};
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AuthorizationCode, DeviceCode};
use dagpass_sandbox::{Family, Options, Sandbox, callback_member};

const REDIRECT: &str = "http://127.0.0.1:21217/callback";

/// The sandbox, the adapter, and the profile that goes with it.
struct Stage {
    sandbox: Sandbox,
    clock: Arc<FakeClock>,
    ping: Ping,
    profile: Profile,
}

impl Stage {
    fn new(family: Family) -> Self {
        Self::with(family, Options::default())
    }

    fn with(family: Family, options: Options) -> Self {
        crate::http::install_crypto();
        let sandbox = Sandbox::start(family, options);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let clock = FakeClock::at(i64::try_from(now).unwrap());
        let ping = Ping::new(clock.clone());
        let mut profile = Profile::new("prod", &sandbox.issuer(), sandbox.client_id());
        profile.scopes = Scopes::parse("openid offline_access api:read");
        Self { sandbox, clock, ping, profile }
    }

    /// Nothing but who it is.
    fn asked(nonce: Option<&str>) -> Assurance {
        let profile = Profile::new("prod", "https://idp.example", "agent");
        Assurance::asked(&profile, &Claim::default(), nonce, Timestamp::from_secs(0))
    }

    fn request() -> AuthorizationRequest {
        AuthorizationRequest {
            redirect_uri: REDIRECT.into(),
            state: "state-canary".into(),
            nonce: "nonce-canary".into(),
            verifier: CodeVerifier::new("verifier-canary-0123456789-0123456789-0123456789"),
            assurance: Self::asked(Some("nonce-canary")),
        }
    }

    async fn browser(&self, user: &str) -> Result<TokenSet, TokenFailure> {
        let request = Self::request();
        let url = self.ping.authorize(&self.profile, &request).await?.url;
        let callback = self.sandbox.authorize_as(user, &url).unwrap();
        let code = AuthorizationCode::new(callback_member(&callback, "code").unwrap());
        let grant = Grant::AuthorizationCode { code: &code, request: &request };
        self.redeem(grant).await
    }

    async fn poll(&self, code: &DeviceCode, pkce: bool) -> Result<TokenSet, TokenFailure> {
        let verifier = Self::request().verifier;
        let grant = Grant::DeviceCode { code, verifier: pkce.then_some(&verifier) };
        self.redeem(grant).await
    }

    async fn ask_device(
        &self,
        verifier: Option<&CodeVerifier>,
    ) -> Result<DeviceAuthorization, TokenFailure> {
        self.ping.device(&self.profile, verifier, &Self::asked(None)).await
    }

    async fn device(&self, user: &str) -> Result<TokenSet, TokenFailure> {
        let verifier = Self::request().verifier;
        let device = self.ask_device(Some(&verifier)).await?;
        self.sandbox.approve_device(&device.user_code, user).unwrap();
        self.poll(&device.device_code, device.pkce).await
    }

    /// Received, and judged as the core does.
    async fn redeem(&self, grant: Grant<'_>) -> Result<TokenSet, TokenFailure> {
        let received = match self.ping.redeem(&self.profile, grant).await? {
            Redeemed::Tokens(received) => *received,
            Redeemed::Renewal(alone) => return Err(alone.failure()),
        };
        let set = self.ping.judge(&self.profile, grant, received).await?;
        match grant {
            Grant::AuthorizationCode { request, .. } => {
                let judged = request.assurance.judge(&self.profile, None, &set);
                let refused = |refusal: Refusal| misconfigured("refused", refusal.to_string());
                judged.map(|_| set).map_err(refused)
            }
            Grant::RefreshToken { session, .. } => renewed(session, set),
            Grant::DeviceCode { .. }
            | Grant::ClientCredentials { .. }
            | Grant::TokenExchange { .. } => Ok(set),
        }
    }

    fn session(&self, set: &TokenSet) -> StoredSession {
        StoredSession {
            issuer: self.profile.issuer.clone(),
            client_id: self.profile.client_id.clone(),
            endpoints: None,
            identity: set.identity.clone(),
            nonce: None,
            granted: self.profile.scopes.clone(),
            refresh_token: set.refresh_token.clone(),
            refresh_expires_at: None,
            signed_in_at: set.received_at,
            generation: 1,
            id_token_hint: None,
            ended: None,
        }
    }

    async fn refresh(&self, session: &StoredSession) -> Result<TokenSet, TokenFailure> {
        self.refresh_for(session, &Target::default()).await
    }

    async fn refresh_for(
        &self,
        session: &StoredSession,
        target: &Target,
    ) -> Result<TokenSet, TokenFailure> {
        let token = session.refresh_token.as_ref().unwrap();
        let grant = Grant::RefreshToken { token, target, session, first: false };
        self.redeem(grant).await
    }

    /// Fails where `text` holds anything the sandbox or the flow handed out.
    fn scan(&self, text: &str) {
        let secrets = self.sandbox.secrets();
        assert!(!secrets.is_empty(), "nothing to look for");
        for secret in secrets {
            assert!(!text.contains(&secret.value), "{} in {text}", secret.kind);
        }
        assert!(!text.contains("verifier-canary") && !text.contains("nonce-canary"), "{text}");
    }
}
