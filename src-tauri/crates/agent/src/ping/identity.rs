//! Who signed in: the ID token, else userinfo, else the access token's claims, else unknown.
//! Userinfo of another subject is not used (OIDC Core §5.3.2). A refresh may renew what is known of a
//! person, never exchange the person.

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::{Profile, Subject};
use dagpass_core::session::StoredSession;
use dagpass_core::sign_in::AuthorizationRequest;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AccessToken, Fingerprint, IdToken, Identity, IdentitySource};
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;

use super::groups::groups;
use super::id_token::{self, Expected, Flaw, Proof};
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

impl Finder<'_> {
    /// `request` is the browser's; the device grant has none.
    pub(super) async fn at_sign_in(
        &self,
        request: Option<&AuthorizationRequest>,
    ) -> Result<Option<Identity>, TokenFailure> {
        let from_token = match self.id_token {
            Some(token) => {
                let claims = self.verified(token, request).await?;
                let claims =
                    claims.map_err(|flaw| misconfigured("invalid_token", flaw.to_string()));
                self.describe(&claims?, IdentitySource::IdToken)
            }
            None => None,
        };
        if let Some(Told { who, complete: true, .. }) = from_token {
            return Ok(Some(who));
        }
        let from_userinfo = self
            .userinfo()
            .await
            .and_then(|claims| self.describe(&claims, IdentitySource::Userinfo));
        match (from_token, from_userinfo) {
            (Some(token), Some(info)) if token.who.subject != info.who.subject => {
                tracing::warn!(profile = %self.profile.name, "userinfo is somebody else's, and not used");
                Ok(Some(token.who))
            }
            (Some(token), Some(info)) => Ok(Some(filled(token, &info.who))),
            (Some(told), None) | (None, Some(told)) => Ok(Some(told.who)),
            (None, None) => Ok(hint(self.access_token)
                .and_then(|claims| self.describe(&claims, IdentitySource::AccessTokenClaims))
                .map(|told| told.who)),
        }
    }

    /// `None` keeps what is known. Only a token that is genuine can speak against the session: one
    /// that cannot be judged now (key not published yet, clocks apart) says nothing, since the
    /// answer it came with holds the only living refresh token. A forged one spoils its answer.
    pub(super) async fn at_refresh(
        &self,
        session: &StoredSession,
    ) -> Result<Option<Identity>, TokenFailure> {
        let Some(token) = self.id_token else { return Ok(None) };
        let claims = match self.verified(token, None).await {
            Ok(Ok(claims)) => claims,
            Ok(Err(flaw @ (Flaw::Invalid(_) | Flaw::Signature))) => {
                return Err(misconfigured("invalid_token", flaw.to_string()));
            }
            Ok(Err(flaw @ (Flaw::UnknownKey | Flaw::Clock(_)))) => {
                tracing::warn!(profile = %self.profile.name, %flaw, "a refreshed ID token is set aside");
                return Ok(None);
            }
            Err(failure) => {
                tracing::warn!(profile = %self.profile.name, %failure, "no keys for a refreshed ID token");
                return Ok(None);
            }
        };
        let told = self.describe(&claims, IdentitySource::IdToken);
        if let (Some(told), Some(before)) = (&told, &session.identity)
            && told.who.subject == before.subject
            && has_another_nonce(&claims, session)
        {
            tracing::warn!(profile = %self.profile.name, "a refreshed ID token has another nonce, and is set aside");
            return Ok(None);
        }
        match (told, &session.identity) {
            (Some(told), Some(before)) => same_person(told, before).map(Some),
            (told, None) => Ok(told.map(|told| told.who)),
            (None, Some(_)) => Ok(None),
        }
    }

    async fn verified(
        &self,
        token: &IdToken,
        request: Option<&AuthorizationRequest>,
    ) -> Result<Result<Claims, Flaw>, TokenFailure> {
        let asked_anew = request.and_then(|request| request.prompt.as_deref()) == Some("login");
        let expected = Expected {
            issuer: self.profile.issuer.as_str(),
            client_id: &self.profile.client_id,
            audiences: &self.profile.id_token_audiences,
            stands: self.stands,
            nonce: request.map(|request| request.nonce.as_str()),
            access_token: self.access_token,
            max_age: request.and(self.profile.max_age),
            proof: if asked_anew { Proof::New } else { Proof::Any },
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

/// It need not have one; where it has, it is the sign-in's (OIDC Core §12.2).
fn has_another_nonce(claims: &Claims, session: &StoredSession) -> bool {
    let nonce = claims.get("nonce").and_then(Value::as_str).map(Fingerprint::of);
    nonce.is_some_and(|nonce| session.nonce.as_ref().is_some_and(|sent| *sent != nonce))
}

/// OIDC Core §12.2.
fn same_person(now: Told, before: &Identity) -> Result<Identity, TokenFailure> {
    // An access token may name its subject in another way than an ID token does.
    let comparable = before.source != IdentitySource::AccessTokenClaims;
    if comparable && now.who.subject != before.subject {
        return Err(TokenFailure::SubjectChanged { now: now.who.subject.sub });
    }
    let seconds = |who: &Identity| who.auth_time.map(Timestamp::as_secs);
    if now.who.auth_time.is_some() && seconds(&now.who) < seconds(before) {
        let what = "the refreshed ID token rests on an older sign-in than the session does";
        return Err(misconfigured("invalid_token", what));
    }
    let mut who = filled(now, before);
    if !comparable {
        // The session keeps the name it was made under.
        who.subject = before.subject.clone();
        who.source = before.source;
    }
    Ok(who)
}
