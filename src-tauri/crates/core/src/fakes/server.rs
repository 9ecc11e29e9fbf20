//! An authorization server that gives out `at-1`, `at-2`, … and misbehaves on command.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::grants::Grants;
use super::{FakeClock, device_authorization, identity, lock, offers, token_set};
use crate::endpoints::host;
use crate::ports::{
    AuthorizationServer, Clock, Grant, Pending, Received, Redeemed, Renewal, Revocation,
    RevokedFor, SignInServer, StoreFailure, TokenFailure,
};
use crate::profile::Profile;
use crate::sign_in::{
    Assurance, AuthorizationRequest, AuthorizationUrl, DeviceAuthorization, Offers,
};
use crate::token::{AccessToken, CodeVerifier, IdToken, RefreshToken, TokenSet};

/// Gives out `at-1`, `at-2`, …; rotates; ends the family on a replay, as PingOne does.
#[derive(Debug)]
pub struct FakeServer {
    pub clock: Arc<FakeClock>,
    pub lifetime: Mutex<Duration>,
    pub refreshes: AtomicUsize,
    /// Every refresh token that was presented, in order.
    pub presented: Mutex<Vec<String>>,
    /// Answers that come instead, first in first out. `LoseAnswer` rotates and then says nothing.
    pub faults: Mutex<VecDeque<Fault>>,
    /// Held while a refresh is under way, so that a test can let it wait.
    pub gate: Arc<tokio::sync::Mutex<()>>,
    pub revoked: AtomicUsize,
    /// The host that the config named for each refresh token that was sent, in order; empty where it
    /// named none.
    pub sent_to: Mutex<Vec<String>>,
    /// What revocations are answered, first in first out; then `Confirmed`.
    pub revocations: Mutex<VecDeque<Revocation>>,
    /// How many refreshes were on their way at once, at the most.
    pub most_at_once: AtomicUsize,
    pub exchanges: AtomicUsize,
    /// What every exchange is answered instead.
    pub no_exchange: Mutex<Option<TokenFailure>>,
    /// What every refresh is answered instead.
    pub no_refresh: Mutex<Option<TokenFailure>>,
    /// The scope of every answer, where it says one.
    pub scope: Mutex<Option<crate::profile::Scopes>>,
    /// Whom every answer's access token names.
    pub audience: Mutex<Option<Vec<String>>>,
    /// Held while an answer is judged, or a keychain asked: what does not come.
    pub keys: tokio::sync::Mutex<()>,
    /// What every answer's judgment comes to instead.
    pub disbelief: Mutex<Option<TokenFailure>>,
    /// Held while an access token is given back: an issuer that takes its time.
    pub revoking: tokio::sync::Mutex<()>,
    pub sign_ins: AtomicUsize,
    /// Every refresh token that was revoked, in order.
    pub revoked_tokens: Mutex<Vec<String>>,
    /// How long a pushed request lives, where they are pushed.
    pub pushes: Mutex<Option<Duration>>,
    /// What every pushed request is answered instead.
    pub no_push: Mutex<Option<TokenFailure>>,
    /// A replaced refresh token is not revoked, as at PingFederate.
    pub withholds: Mutex<bool>,
    /// How often a token was asked for the client itself.
    pub client_grants: AtomicUsize,
    /// What every such grant is answered instead.
    pub no_client: Mutex<Option<TokenFailure>>,
    /// Is there here what proves the client?
    pub proof: Mutex<Result<bool, StoreFailure>>,
    on_their_way: AtomicUsize,
    /// Who signs in next, where that is another than [`Self::subject`].
    pub signs_in: Mutex<String>,
    grants: Mutex<Grants>,
    /// Who the answers are about, unless a sign-in said so.
    pub subject: Mutex<String>,
}

#[derive(Clone, Debug)]
pub enum Fault {
    Answer(TokenFailure),
    LoseAnswer,
    /// Rotates, and gives the refresh token alone.
    NoAccessToken,
    AnotherSubject(String),
}

impl FakeServer {
    pub fn new(clock: &Arc<FakeClock>) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            lifetime: Mutex::new(Duration::from_secs(3600)),
            refreshes: AtomicUsize::new(0),
            presented: Mutex::default(),
            faults: Mutex::default(),
            gate: Arc::default(),
            revoked: AtomicUsize::new(0),
            sent_to: Mutex::default(),
            revocations: Mutex::default(),
            most_at_once: AtomicUsize::new(0),
            exchanges: AtomicUsize::new(0),
            no_exchange: Mutex::default(),
            no_refresh: Mutex::default(),
            scope: Mutex::default(),
            audience: Mutex::default(),
            keys: tokio::sync::Mutex::default(),
            disbelief: Mutex::default(),
            revoking: tokio::sync::Mutex::default(),
            sign_ins: AtomicUsize::new(0),
            revoked_tokens: Mutex::default(),
            pushes: Mutex::default(),
            no_push: Mutex::default(),
            withholds: Mutex::default(),
            client_grants: AtomicUsize::new(0),
            no_client: Mutex::default(),
            proof: Mutex::new(Ok(true)),
            on_their_way: AtomicUsize::new(0),
            signs_in: Mutex::default(),
            grants: Mutex::new(Grants::of("rt-0")),
            subject: Mutex::new("alice".to_owned()),
        })
    }

    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }

    pub fn fail_next(&self, fault: Fault) {
        lock(&self.faults).push_back(fault);
    }

    fn note_host(&self, named: Option<&String>) {
        lock(&self.sent_to).push(named.map(|url| host(url)).unwrap_or_default());
    }

    /// Another life of the machine meets the same server.
    pub fn take_over(&self, before: &Self) {
        lock(&self.grants).clone_from(&lock(&before.grants));
        lock(&self.subject).clone_from(&lock(&before.subject));
    }

    pub fn is_alive(&self, token: &str) -> bool {
        lock(&self.grants).is_alive(token)
    }

    /// Its answer was received: it is of no use to anybody.
    pub fn is_spent(&self, token: &str) -> bool {
        lock(&self.grants).answered.iter().any(|spent| spent == token)
    }

    /// Refresh tokens that came once more after their answer had been received.
    pub fn presented_again(&self) -> Vec<String> {
        lock(&self.grants).again.clone()
    }

    /// A new family of refresh tokens.
    fn begin(&self, name: &str) -> TokenSet {
        let first = format!("{name}-rt");
        let who = lock(&self.signs_in).clone();
        lock(&self.grants).begin(&first, (!who.is_empty()).then_some(who));
        let now = self.clock.now();
        let end = now.plus(*lock(&self.lifetime));
        token_set(&format!("{name}-at"), Some(&first), now, end)
    }

    fn rotate(&self, presented: &str, answered: bool) -> Result<TokenSet, TokenFailure> {
        let count = self.refreshes.load(Ordering::SeqCst) + 1;
        let next = format!("rt-{count}");
        if !lock(&self.grants).rotate(presented, &next, answered) {
            return Err(TokenFailure::Rejected {
                error: "invalid_grant".into(),
                description: "replayed".into(),
            });
        }
        self.refreshes.fetch_add(1, Ordering::SeqCst);
        let now = self.clock.now();
        let mut set =
            token_set(&format!("at-{count}"), Some(&next), now, now.plus(*lock(&self.lifetime)));
        set.scope.clone_from(&lock(&self.scope));
        set.audience.clone_from(&lock(&self.audience));
        Ok(set)
    }
}

impl SignInServer for FakeServer {
    fn offers<'a>(&'a self, _profile: &'a Profile) -> Pending<'a, Result<Offers, TokenFailure>> {
        Box::pin(async { Ok(Offers { pushes: lock(&self.pushes).is_some(), ..offers() }) })
    }

    fn authorize<'a>(
        &'a self,
        _profile: &'a Profile,
        request: &'a AuthorizationRequest,
    ) -> Pending<'a, Result<AuthorizationUrl, TokenFailure>> {
        Box::pin(async move {
            let url = format!("https://idp.example/authorize?state={}", request.state);
            let life = *lock(&self.pushes);
            if let Some(failure) = lock(&self.no_push).clone() {
                return Err(failure);
            }
            Ok(AuthorizationUrl { url, ends: life.map(|life| self.clock.now().plus(life)) })
        })
    }

    fn device<'a>(
        &'a self,
        _profile: &'a Profile,
        _verifier: Option<&'a CodeVerifier>,
        _assurance: &'a Assurance,
    ) -> Pending<'a, Result<DeviceAuthorization, TokenFailure>> {
        Box::pin(async {
            Ok(device_authorization(self.clock.now().plus(Duration::from_secs(600))))
        })
    }

    fn fetch_keys<'a>(&'a self, _profile: &'a Profile) -> Pending<'a, Result<(), TokenFailure>> {
        Box::pin(async { Ok(()) })
    }
}

impl AuthorizationServer for FakeServer {
    fn redeem<'a>(
        &'a self,
        profile: &'a Profile,
        grant: Grant<'a>,
    ) -> Pending<'a, Result<Redeemed, TokenFailure>> {
        Box::pin(async move {
            let presented = match grant {
                Grant::RefreshToken { token, .. } => {
                    self.note_host(profile.endpoints.token.as_ref());
                    token.expose().to_owned()
                }
                Grant::TokenExchange { subject_token, .. } => {
                    let _open = self.gate.lock().await;
                    self.exchanges.fetch_add(1, Ordering::SeqCst);
                    if let Some(failure) = lock(&self.no_exchange).clone() {
                        return Err(failure);
                    }
                    let now = self.clock.now();
                    let name = format!("exchanged-{}", subject_token.expose());
                    return Ok(received(token_set(
                        &name,
                        None,
                        now,
                        now.plus(*lock(&self.lifetime)),
                    )));
                }
                Grant::ClientCredentials { .. } => {
                    let _open = self.gate.lock().await;
                    let count = self.client_grants.fetch_add(1, Ordering::SeqCst) + 1;
                    if let Some(failure) = lock(&self.no_client).clone() {
                        return Err(failure);
                    }
                    let now = self.clock.now();
                    let end = now.plus(*lock(&self.lifetime));
                    // RFC 6749 §4.4.3 says that none should come.
                    return Ok(received(token_set(&format!("c-{count}"), Some("c-rt"), now, end)));
                }
                Grant::AuthorizationCode { .. } | Grant::DeviceCode { .. } => {
                    let _open = self.gate.lock().await;
                    let count = self.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
                    return Ok(signed_in(self.begin(&format!("s{count}"))));
                }
            };
            lock(&self.presented).push(presented.clone());
            let under_way = self.on_their_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(under_way, Ordering::SeqCst);
            let _open = self.gate.lock().await;
            self.on_their_way.fetch_sub(1, Ordering::SeqCst);
            if let Some(failure) = lock(&self.no_refresh).clone() {
                return Err(failure);
            }
            let fault = lock(&self.faults).pop_front();
            match fault {
                None => self.rotate(&presented, true).map(received),
                Some(Fault::Answer(failure)) => Err(failure),
                Some(Fault::AnotherSubject(sub)) => {
                    *lock(&self.subject) = sub;
                    self.rotate(&presented, true).map(received)
                }
                Some(Fault::NoAccessToken) => self.rotate(&presented, true).map(renewal),
                Some(Fault::LoseAnswer) => {
                    self.rotate(&presented, false)?;
                    Err(TokenFailure::Unreachable {
                        cause: "connection reset".into(),
                        sent: true,
                        retry_after: None,
                    })
                }
            }
        })
    }

    fn judge<'a>(
        &'a self,
        _profile: &'a Profile,
        grant: Grant<'a>,
        received: Received,
    ) -> Pending<'a, Result<TokenSet, TokenFailure>> {
        Box::pin(async move {
            drop(self.keys.lock().await);
            if let Some(failure) = lock(&self.disbelief).clone() {
                return Err(failure);
            }
            let known =
                !matches!(grant, Grant::TokenExchange { .. } | Grant::ClientCredentials { .. });
            let token = received.set.refresh_token.as_ref();
            let signed_in = token.and_then(|token| lock(&self.grants).who(token.expose()));
            let who = signed_in.unwrap_or_else(|| lock(&self.subject).clone());
            let identity = known.then(|| identity(&who));
            Ok(TokenSet { identity, ..received.set })
        })
    }

    fn revoke<'a>(
        &'a self,
        profile: &'a Profile,
        token: &'a RefreshToken,
        why: RevokedFor,
    ) -> Pending<'a, Result<Revocation, TokenFailure>> {
        if why == RevokedFor::Another && *lock(&self.withholds) {
            return Box::pin(async { Ok(Revocation::Withheld) });
        }
        self.revoked.fetch_add(1, Ordering::SeqCst);
        lock(&self.revoked_tokens).push(token.expose().to_owned());
        lock(&self.grants).end(token.expose());
        self.note_host(profile.endpoints.revocation.as_ref());
        let answer = lock(&self.revocations).pop_front().unwrap_or(Revocation::Confirmed);
        Box::pin(async move {
            drop(self.gate.lock().await);
            Ok(answer)
        })
    }

    fn revoke_access<'a>(
        &'a self,
        _profile: &'a Profile,
        token: &'a AccessToken,
    ) -> Pending<'a, Result<Revocation, TokenFailure>> {
        lock(&self.revoked_tokens).push(token.expose().to_owned());
        let refused = lock(&self.no_client).clone();
        let answer = lock(&self.revocations).pop_front().unwrap_or(Revocation::Confirmed);
        Box::pin(async move {
            drop(self.revoking.lock().await);
            refused.map_or(Ok(answer), Err)
        })
    }

    fn proves<'a>(&'a self, _profile: &'a Profile) -> Pending<'a, Result<bool, StoreFailure>> {
        let proof = lock(&self.proof).clone();
        Box::pin(async move {
            drop(self.keys.lock().await);
            proof
        })
    }
}

fn received(set: TokenSet) -> Redeemed {
    let (id_token, issued_token_type) = (None, None);
    Redeemed::Tokens(Box::new(Received { set, id_token, issued_token_type, clock_skew: None }))
}

/// A sign-in's answer says who it is.
fn signed_in(set: TokenSet) -> Redeemed {
    let id_token = Some(IdToken::new("id"));
    let issued_token_type = None;
    Redeemed::Tokens(Box::new(Received { set, id_token, issued_token_type, clock_skew: None }))
}

/// The refresh token of an answer alone.
fn renewal(set: TokenSet) -> Redeemed {
    let Some(refresh_token) = set.refresh_token.clone() else { return received(set) };
    Redeemed::Renewal(Renewal {
        refresh_token,
        refresh_expires_at: set.refresh_expires_at,
        received_at: set.received_at,
        lacks: "no access token".to_owned(),
    })
}
