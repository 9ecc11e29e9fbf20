//! Who signed in: the ID token, else userinfo, else the access token's claims, else unknown.
//! Userinfo of another subject is not used (OIDC Core §5.3.2). Whether it is the right person, and what
//! they proved, is judged in the core.

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::{Profile, Subject};
use dagpass_core::request::Target;
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AccessToken, IdToken, Identity, IdentitySource, Stated};
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;

use super::groups::groups;
use super::id_token::{self, Expected, Flaw};
use super::jwks::{Keys, Place};
use super::metadata::{Endpoint, ProviderMetadata};
use super::spelling::Spellings;
use crate::http::{Http, misconfigured};
use crate::token::claims::{Claims, auth_time, hint};

/// What it takes to find out.
pub(super) struct Finder<'a> {
    pub http: &'a Http,
    pub keys: &'a Keys,
    pub spellings: &'a Spellings,
    pub metadata: &'a ProviderMetadata,
    pub profile: &'a Profile,
    pub access_token: &'a AccessToken,
    pub id_token: Option<&'a IdToken>,
    /// By our clock.
    pub received_at: Timestamp,
    /// By the server's, where it tells: its statements are judged by its own time, so that a
    /// machine whose clock is wrong can still sign in.
    pub server_now: Timestamp,
    /// It is a refresh of a session that was believed before.
    pub stands: bool,
}

/// Who it is, and what a genuine ID token states; nothing of either where there is nothing to go by.
#[derive(Default)]
pub(super) struct Found {
    pub who: Option<Identity>,
    pub stated: Option<Stated>,
}

impl Finder<'_> {
    pub(super) async fn at_sign_in(&self) -> Result<Found, TokenFailure> {
        let Some(token) = self.id_token else {
            return Ok(Found { who: self.without_id_token().await, stated: None });
        };
        let claims = self.verified(token).await?;
        let claims = claims.map_err(|flaw| misconfigured("invalid_token", flaw.to_string()))?;
        let who = match self.describe(&claims, IdentitySource::IdToken) {
            Some(Told { who, complete: true, .. }) => Some(self.named_by_access_token(who)),
            Some(told) => Some(self.named_by_access_token(self.with_userinfo(told).await)),
            None => self.without_id_token().await,
        };
        Ok(Found { who, stated: Some(id_token::stated(token, &claims)) })
    }

    async fn without_id_token(&self) -> Option<Identity> {
        let claims = self.userinfo().await;
        let told = claims.and_then(|claims| self.describe(&claims, IdentitySource::Userinfo));
        match told {
            Some(told) => Some(self.named_by_access_token(told.who)),
            None => self.by_access_token(),
        }
    }

    /// What an ID token leaves unsaid. Another subject's is not used; that this server calls people
    /// otherwise there is known from then on.
    async fn with_userinfo(&self, token: Told) -> Identity {
        let claims = self.userinfo().await;
        let told = claims.and_then(|claims| self.describe(&claims, IdentitySource::Userinfo));
        let Some(info) = told else { return token.who };
        let also = (IdentitySource::Userinfo, info.who.subject.sub.clone());
        let mut who = if token.who.subject == info.who.subject {
            filled(token, &info.who)
        } else {
            tracing::warn!(profile = %self.profile.name, "userinfo is somebody else's, and not used");
            token.who
        };
        who.also.push(also);
        who
    }

    /// So that a later sign-in, of which nothing else tells, can be compared.
    fn named_by_access_token(&self, mut who: Identity) -> Identity {
        let claims = hint(self.access_token).unwrap_or_default();
        let sub = claims.get("sub").and_then(Value::as_str).filter(|sub| !sub.trim().is_empty());
        who.also.extend(sub.map(|sub| (IdentitySource::AccessTokenClaims, sub.to_owned())));
        who
    }

    fn by_access_token(&self) -> Option<Identity> {
        let claims = hint(self.access_token)?;
        self.describe(&claims, IdentitySource::AccessTokenClaims).map(|told| told.who)
    }

    /// Whom it does not find stays who they were. Only a token that is genuine can speak against the session: one
    /// that cannot be judged now (key not published yet, clocks apart) says nothing, since the
    /// answer it came with holds the only living refresh token. A forged one spoils its answer.
    ///
    /// A token for another target may name its person as that target knows them: only the sign-in's own is heard.
    pub(super) async fn at_refresh(
        &self,
        session: &StoredSession,
        target: &Target,
    ) -> Result<Found, TokenFailure> {
        let Some(token) = self.id_token else { return Ok(Found::default()) };
        let claims = match self.verified(token).await {
            Ok(Ok(claims)) => claims,
            Ok(Err(flaw @ (Flaw::Invalid(_) | Flaw::Signature))) => {
                return Err(misconfigured("invalid_token", flaw.to_string()));
            }
            Ok(Err(flaw @ (Flaw::UnknownKey | Flaw::Clock(_)))) => {
                tracing::warn!(profile = %self.profile.name, %flaw, "a refreshed ID token is set aside");
                return Ok(Found::default());
            }
            Err(failure) => {
                tracing::warn!(profile = %self.profile.name, %failure, "no keys for a refreshed ID token");
                return Ok(Found::default());
            }
        };
        let stated = Stated { by_refresh: true, ..id_token::stated(token, &claims) };
        if stated.is_of_another(session.nonce.as_ref()) {
            tracing::warn!(profile = %self.profile.name, "a refreshed ID token has another sign-in's nonce, and is set aside");
        }
        let who = self.describe(&claims, IdentitySource::IdToken).map(|told| {
            let who = match &session.identity {
                Some(before) => filled(told, before),
                None => told.who,
            };
            let is_own = *target == Target::of_sign_in(self.profile);
            if is_own { self.named_by_access_token(who) } else { who }
        });
        Ok(Found { who, stated: Some(stated) })
    }

    async fn verified(&self, token: &IdToken) -> Result<Result<Claims, Flaw>, TokenFailure> {
        let expected = Expected {
            issuer: self.profile.issuer.as_str(),
            client_id: &self.profile.client_id,
            audiences: &self.profile.id_token_audiences,
            stands: self.stands,
            access_token: self.access_token,
            now: self.server_now,
        };
        self.by_keys(|keys| id_token::verify(token, keys, &expected)).await
    }

    /// By the issuer's keys, which are read anew where one is missing or does not fit.
    pub(super) async fn by_keys(
        &self,
        verify: impl Fn(&[Jwk]) -> Result<Claims, Flaw>,
    ) -> Result<Result<Claims, Flaw>, TokenFailure> {
        let place = place(self.metadata, self.profile)?;
        let keys = self.keys.of(self.http, &place, self.received_at).await?;
        match verify(&keys) {
            Err(flaw @ (Flaw::UnknownKey | Flaw::Signature)) => {
                match self.keys.anew(self.http, &place, self.received_at).await {
                    Ok(Some(keys)) => Ok(verify(&keys)),
                    Ok(None) | Err(_) => Ok(Err(flaw)),
                }
            }
            judged => Ok(judged),
        }
    }

    fn describe(&self, claims: &Claims, source: IdentitySource) -> Option<Told> {
        let word = |name: &str| {
            claims.get(name).and_then(Value::as_str).filter(|word| !word.trim().is_empty())
        };
        let sub = word("sub")?.to_owned();
        let groups = groups(claims, &self.profile.groups_claim);
        self.spellings.saw(self.profile, claims);
        let name = word("name").or_else(|| word("preferred_username")).map(str::to_owned);
        let email = word("email").map(str::to_owned);
        let tells_groups = groups.is_some();
        let complete = tells_groups && (name.is_some() || email.is_some());
        let who = Identity {
            subject: Subject { iss: self.profile.issuer.as_str().to_owned(), sub },
            name,
            email,
            groups: groups.unwrap_or_default(),
            auth_time: auth_time(claims),
            source,
            also: Vec::new(),
        };
        Some(Told { who, complete, tells_groups })
    }
}

/// Where this profile's keys are.
pub(super) fn place(metadata: &ProviderMetadata, profile: &Profile) -> Result<Place, TokenFailure> {
    let url = metadata.required(Endpoint::Jwks)?;
    Ok(Place { url, network: profile.network.clone() })
}

/// One source's word on who it is.
#[derive(Clone, Debug)]
struct Told {
    who: Identity,
    /// Nothing that a second source could add.
    complete: bool,
    /// It names the groups, and be it none.
    tells_groups: bool,
}

/// The first source's word, with the second's where the first said nothing.
fn filled(first: Told, second: &Identity) -> Identity {
    let mut who = first.who;
    who.name = who.name.or_else(|| second.name.clone());
    who.email = who.email.or_else(|| second.email.clone());
    who.auth_time = who.auth_time.or(second.auth_time);
    if !first.tells_groups {
        who.groups.clone_from(&second.groups);
    }
    who
}
