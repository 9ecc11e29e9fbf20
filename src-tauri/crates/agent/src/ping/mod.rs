//! Ping, or any OpenID provider, behind [`AuthorizationServer`]. Decides what an answer means;
//! never whether a session ends, what is kept, or what a person is asked.

mod answer;
mod authorize;
mod client_auth;
mod device;
mod discovery;
mod fields;
mod groups;
mod handed_out;
mod id_token;
mod identity;
mod jwks;
mod kinds;
mod metadata;
mod received;
mod revoke;
mod spelling;
mod token_endpoint;
mod userinfo;

use std::sync::Arc;

use dagpass_client::wire::{DiscoverAsk, DiscoverReply};
use dagpass_core::ports::{
    AuthorizationServer, Clock, Grant, Pending, Received, Redeemed, Revocation, RevokedFor,
    SignInServer, StoreFailure, TokenFailure,
};
use dagpass_core::profile::{AssertionAudience, Network, Profile, Redirect};
use dagpass_core::sign_in::{
    Assurance, AuthorizationRequest, AuthorizationUrl, DeviceAuthorization, Offers,
};
use dagpass_core::token::{AccessToken, CodeVerifier, IdToken, RefreshToken, Stated, TokenSet};

use client_auth::{Client, Clients};
use discovery::{Documents, FRESH, FRESH_FOR_SIGN_IN, document_url};
#[cfg(test)]
pub(crate) use groups::groups;
use identity::{Finder, Found};
use jwks::Keys;
use metadata::{Endpoint, ProviderMetadata};
use spelling::Spellings;
use token_endpoint::AccessTokenRequest;

use crate::credentials::{Credentials, NoCredentials};
use crate::http::{Http, before_sending, misconfigured};
use crate::token::lifetime;

/// One for the whole agent: profiles of the same issuer share what was discovered.
pub struct Ping {
    clock: Arc<dyn Clock>,
    http: Http,
    clients: Clients,
    documents: Documents,
    keys: Keys,
    spellings: Spellings,
}

impl std::fmt::Debug for Ping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ping")
    }
}

impl SignInServer for Ping {
    fn offers<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<Offers, TokenFailure>> {
        Box::pin(async move {
            let fresh = (self.clock.now(), FRESH_FOR_SIGN_IN);
            let metadata = self.documents.of(&self.http, profile, fresh).await?;
            if profile.kind.signs_in() {
                metadata.takes_s256()?;
                // Found out before a browser opens.
                self.client(profile, &metadata).await?;
            }
            let listed = metadata.claims_supported.iter().map(String::as_str);
            let near = spelling::near(listed, &profile.groups_claim);
            let near_groups_claim = self.spellings.seen(profile).or(near);
            let pushes = authorize::pushes(&metadata, profile);
            Ok(Offers { near_groups_claim, pushes, ..metadata.offers() })
        })
    }

    fn authorize<'a>(
        &'a self,
        profile: &'a Profile,
        request: &'a AuthorizationRequest,
    ) -> Pending<'a, Result<AuthorizationUrl, TokenFailure>> {
        Box::pin(async move {
            let metadata = self.metadata(profile).await?;
            let client = self.client(profile, &metadata).await?;
            authorize::authorize(&self.http, &metadata, &client, request).await
        })
    }

    fn device<'a>(
        &'a self,
        profile: &'a Profile,
        verifier: Option<&'a CodeVerifier>,
        assurance: &'a Assurance,
    ) -> Pending<'a, Result<DeviceAuthorization, TokenFailure>> {
        Box::pin(async move {
            let metadata = self.metadata(profile).await?;
            let url = metadata.required(Endpoint::DeviceAuthorization)?;
            let client = self.client(profile, &metadata).await?;
            device::request(&self.http, &url, &client, (verifier, assurance)).await
        })
    }

    fn fetch_keys<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<(), TokenFailure>> {
        Box::pin(async move {
            let place = identity::place(&self.metadata(profile).await?, profile)?;
            self.keys.of(&self.http, &place, self.clock.now()).await.map(drop)
        })
    }
}

impl AuthorizationServer for Ping {
    fn redeem<'a>(
        &'a self,
        profile: &'a Profile,
        grant: Grant<'a>,
    ) -> Pending<'a, Result<Redeemed, TokenFailure>> {
        Box::pin(async move {
            let metadata = self.metadata(profile).await.map_err(before_sending)?;
            let url = metadata.required(Endpoint::Token)?;
            let client = self.client(profile, &metadata).await?;
            AccessTokenRequest::new(&self.http, client, &grant).run(url, grant).await
        })
    }

    fn judge<'a>(
        &'a self,
        profile: &'a Profile,
        grant: Grant<'a>,
        received: Received,
    ) -> Pending<'a, Result<TokenSet, TokenFailure>> {
        Box::pin(async move {
            let Received { set, id_token, issued_token_type, clock_skew } = received;
            let unusable = kinds::unusable(&grant, &set.token_type, issued_token_type.as_deref());
            if let Some(why) = unusable {
                return spoiled(grant, set, why);
            }
            let metadata = self.metadata(profile).await?;
            let finder = Finder {
                http: &self.http,
                keys: &self.keys,
                spellings: &self.spellings,
                metadata: &metadata,
                profile,
                access_token: &set.access_token,
                id_token: id_token.as_ref(),
                received_at: set.received_at,
                server_now: lifetime::server_now(set.received_at, clock_skew),
                stands: matches!(grant, Grant::RefreshToken { first: false, .. }),
            };
            let (found, disbelieved) = match (who(&finder, grant).await, grant) {
                (
                    Err(TokenFailure::Misconfigured { description, .. }),
                    Grant::RefreshToken { .. },
                ) => (Found::default(), Some(description)),
                (found, _) => (found?, None),
            };
            let Found { who: identity, stated } = found;
            let stated = stated.map(|stated| Stated { clock_skew, ..stated });
            let id_token = id_token
                .filter(|_| identity.is_some())
                .and_then(|token| lifetime::of_id_token(token, set.received_at, clock_skew));
            Ok(TokenSet { identity, stated, disbelieved, id_token, ..set })
        })
    }

    fn revoke<'a>(
        &'a self,
        profile: &'a Profile,
        token: &'a RefreshToken,
        why: RevokedFor,
    ) -> Pending<'a, Result<Revocation, TokenFailure>> {
        Box::pin(self.given_back(profile, (token.expose(), "refresh_token"), why))
    }

    fn revoke_access<'a>(
        &'a self,
        profile: &'a Profile,
        token: &'a AccessToken,
    ) -> Pending<'a, Result<Revocation, TokenFailure>> {
        Box::pin(self.given_back(profile, (token.expose(), "access_token"), RevokedFor::Good))
    }

    fn proves<'a>(&'a self, profile: &'a Profile) -> Pending<'a, Result<bool, StoreFailure>> {
        Box::pin(self.clients.proves(profile))
    }
}

impl Ping {
    /// For public clients alone.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::proving(clock, Arc::new(NoCredentials))
    }

    /// Clients that have a secret or a key prove themselves by what lies there.
    pub(crate) fn proving(clock: Arc<dyn Clock>, credentials: Arc<dyn Credentials>) -> Self {
        let http = Http::new(clock.clone());
        Self {
            clock,
            http,
            clients: Clients(credentials),
            documents: Documents::default(),
            keys: Keys::default(),
            spellings: Spellings::default(),
        }
    }

    /// `POST /v1/discover`: what a server says of itself, before there is a profile to compare with.
    pub async fn discover(&self, ask: &DiscoverAsk) -> Result<DiscoverReply, TokenFailure> {
        let url = if ask.url.contains("/.well-known/") {
            ask.url.clone()
        } else {
            document_url(&ask.url)
        };
        let network = Network {
            ca_file: ask.ca_file.as_ref().map(Into::into),
            proxy: ask.proxy.clone(),
            no_proxy: None,
        };
        let offers = discovery::look(&self.http, &network, &url).await?.offers();
        let discovery = document_url(&offers.issuer) != url;
        Ok(DiscoverReply {
            issuer: offers.issuer,
            authorization_code: offers.authorization_code,
            device_code: offers.device_code,
            scopes_supported: offers.scopes_supported,
            own_callback: !offers.iss_in_callback,
            redirect_ports: Redirect::PORTS.to_vec(),
            discovery: discovery.then_some(url),
            clock_skew: offers.clock_skew,
        })
    }

    /// A text that somebody hands out by https. No redirect is followed and nothing is sent along.
    pub async fn text(&self, network: &Network, url: &str) -> Result<String, TokenFailure> {
        handed_out::fetch(&self.http, network, url).await
    }

    /// Where the browser ends Ping's own session: `logout --sso` alone asks for it.
    pub async fn end_session_url(
        &self,
        profile: &Profile,
        hint: Option<&IdToken>,
    ) -> Result<Option<String>, TokenFailure> {
        let metadata = self.metadata(profile).await?;
        Ok(authorize::end_session(&metadata, profile, hint)?.map(Into::into))
    }

    async fn given_back(
        &self,
        profile: &Profile,
        token: (&str, &str),
        why: RevokedFor,
    ) -> Result<Revocation, TokenFailure> {
        let metadata = match self.metadata(profile).await {
            Err(TokenFailure::Unreachable { .. }) => return Ok(Revocation::Pending),
            read => read?,
        };
        match metadata.endpoint(Endpoint::Revocation)? {
            Some(url) if why == RevokedFor::Another && revoke::may_end_others(&url) => {
                Ok(Revocation::Withheld)
            }
            Some(url) => match self.client(profile, &metadata).await {
                Ok(client) => revoke::revoke(&self.http, &url, &client, token).await,
                // Nothing was sent: it may be tried again.
                Err(TokenFailure::Unreachable { .. }) => Ok(Revocation::Pending),
                Err(failure) => Err(failure),
            },
            None => Ok(Revocation::Unsupported),
        }
    }

    /// By the server's clock, as far as its metadata told it.
    async fn client<'a>(
        &self,
        profile: &'a Profile,
        metadata: &ProviderMetadata,
    ) -> Result<Client<'a>, TokenFailure> {
        let server_now = lifetime::server_now(self.clock.now(), metadata.clock_skew);
        let audience = match profile.assertion_audience {
            AssertionAudience::Issuer => profile.issuer.as_str(),
            AssertionAudience::TokenEndpoint => {
                metadata.required(Endpoint::Token)?;
                metadata.spelled(Endpoint::Token).unwrap_or_default()
            }
        };
        self.clients.of(profile, audience, server_now).await
    }

    async fn metadata(&self, profile: &Profile) -> Result<ProviderMetadata, TokenFailure> {
        self.documents.of(&self.http, profile, (self.clock.now(), FRESH)).await
    }
}

/// A refresh may have rotated: then its refresh token alone is kept.
fn spoiled(grant: Grant<'_>, set: TokenSet, why: String) -> Result<TokenSet, TokenFailure> {
    match grant {
        Grant::RefreshToken { .. } => Ok(TokenSet { disbelieved: Some(why), ..set }),
        Grant::AuthorizationCode { .. }
        | Grant::DeviceCode { .. }
        | Grant::ClientCredentials { .. }
        | Grant::TokenExchange { .. } => Err(misconfigured("invalid_token", why)),
    }
}

async fn who(finder: &Finder<'_>, grant: Grant<'_>) -> Result<Found, TokenFailure> {
    match grant {
        Grant::AuthorizationCode { .. } | Grant::DeviceCode { .. } => finder.at_sign_in().await,
        Grant::RefreshToken { first: true, .. } => {
            let found = finder.at_sign_in().await?;
            let stated = found.stated.map(|stated| Stated { by_refresh: true, ..stated });
            Ok(Found { stated, ..found })
        }
        Grant::RefreshToken { session, target, .. } => finder.at_refresh(session, target).await,
        Grant::ClientCredentials { .. } | Grant::TokenExchange { .. } => Ok(Found::default()),
    }
}

#[cfg(test)]
mod tests;
