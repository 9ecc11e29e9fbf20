//! A session that nobody signs in to: its tokens are given to the client itself (RFC 6749 §4.4), for what proves
//! it. There is no refresh token, nothing of it is in the store, and it never ends by itself.

use std::sync::Arc;

use crate::error::Refusal;
use crate::profile::{Profile, Subject};
use crate::refusals;
use crate::request::{Obtain, Target};
use crate::session::{Epoch, Held, Session, SessionState, StoredSession, Trouble, TroubleKind};
use crate::time::Timestamp;
use crate::token::{AccessToken, Identity, IdentitySource};

#[derive(Clone, Debug)]
pub struct ClientSession {
    /// Who it is, and since when it is served, in the form of a sign-in. Never in the store.
    pub stored: StoredSession,
    pub proof: ProofOfClient,
    pub trouble: Option<Trouble>,
}

/// Has this machine what proves the client?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOfClient {
    /// It was not looked for since the config, or what is kept, changed.
    Unasked,
    Here,
    Missing,
}

/// What one grant is asked for with.
pub(crate) struct ClientTurn {
    pub(crate) profile: Arc<Profile>,
    pub(crate) stored: StoredSession,
    pub(crate) epoch: Epoch,
    pub(crate) footing: Footing,
}

/// On what something was begun: which session, and what proved its client. What is heard of it later says nothing
/// of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footing {
    epoch: u64,
    proof: u64,
}

impl Footing {
    pub(super) const fn is_of_session(self, other: Self) -> bool {
        self.epoch == other.epoch
    }
}

impl ClientSession {
    pub(crate) fn begun(profile: &Profile, now: Timestamp) -> Self {
        let subject =
            Subject { iss: profile.issuer.as_str().to_owned(), sub: profile.client_id.clone() };
        let identity = Identity {
            subject,
            name: None,
            email: None,
            groups: Vec::new(),
            auth_time: None,
            source: IdentitySource::Client,
            also: Vec::new(),
        };
        let stored = StoredSession {
            issuer: profile.issuer.clone(),
            client_id: profile.client_id.clone(),
            endpoints: None,
            identity: Some(identity),
            nonce: None,
            granted: profile.scopes.clone(),
            refresh_token: None,
            refresh_expires_at: None,
            signed_in_at: now,
            generation: 1,
            id_token_hint: None,
            ended: None,
        };
        Self { stored, proof: ProofOfClient::Unasked, trouble: None }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.proof == ProofOfClient::Here
    }

    /// Also where it is looked for no sooner than it is needed.
    pub(crate) fn may_be_proven(&self) -> bool {
        self.proof != ProofOfClient::Missing
    }

    /// The issuer is left alone until its next turn.
    pub(crate) fn resting(&self, now: Timestamp) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| !trouble.rest.is_over(now))
    }

    /// Why nothing is asked for it just now.
    pub(crate) fn refusal(&self, profile: &Profile, now: Timestamp) -> Option<Refusal> {
        if self.proof == ProofOfClient::Missing {
            return Some(refusals::no_credential(profile));
        }
        self.resting(now).map(|trouble| refusals::trouble(profile, trouble))
    }
}

/// Of a client that nobody signs in to, the config alone says what is asked for: what it had is of before.
pub(super) fn asks_for_more(before: &Profile, now: &Profile) -> bool {
    let differs = before.scopes != now.scopes || before.token_params != now.token_params;
    !now.kind.signs_in() && differs
}

/// Is the client another to its issuer, by how it proves itself or where it is sent?
pub(super) fn proves_otherwise(before: &Profile, now: &Profile) -> bool {
    before.client_auth != now.client_auth
        || before.assertion_audience != now.assertion_audience
        || before.endpoints != now.endpoints
}

impl Session {
    pub(crate) fn footing(&self) -> Footing {
        self.held().footing()
    }

    /// Another secret or key lies here, or one that the issuer may know by now.
    pub(crate) fn proof_changed(&self) {
        let mut held = self.held();
        held.rests.clear();
        held.forget_refusals();
        held.proof_changed();
    }

    /// As it is held, where it is one.
    pub(crate) fn client(&self) -> Option<ClientSession> {
        self.held().client().cloned()
    }

    /// Judged anew when its turn has come: what the one before heard answers the whole queue.
    pub(crate) fn client_turn(
        &self,
        target: &Target,
        now: Timestamp,
    ) -> Result<ClientTurn, Refusal> {
        let held = self.held();
        let client = held.client().ok_or_else(|| held.not_signed_in())?;
        let refusal = client.refusal(&held.profile, now);
        match refusal.or_else(|| held.rests.resting(target, now)) {
            Some(refusal) => Err(refusal),
            None => Ok(ClientTurn {
                profile: held.profile.clone(),
                stored: client.stored.clone(),
                epoch: Epoch(held.epoch),
                footing: held.footing(),
            }),
        }
    }

    /// What it was given and is still good: a sign-out takes it back at the issuer, unless that refused the client
    /// and is left alone.
    pub(crate) fn tokens_of_client(&self, now: Timestamp) -> (Vec<AccessToken>, bool) {
        let held = self.held();
        let Some(client) = held.client() else { return (Vec::new(), false) };
        let resting = client.resting(now);
        let rests = resting.is_some_and(|trouble| trouble.kind == TroubleKind::Misconfigured);
        let is_the_issuer_s = |target: &Target| !matches!(target.obtain, Obtain::JwtBearer(_));
        let good = held.tokens.iter().filter(|(_, token)| token.valid_at(now));
        let good = good.filter(|(target, _)| is_the_issuer_s(target));
        (good.map(|(_, token)| token.set.access_token.clone()).collect(), rests)
    }

    /// What the issuer's last answer says of the client, unless it is another one since, or proves itself by
    /// something else.
    pub(crate) fn client_heard(&self, footing: Footing, trouble: Option<Trouble>) {
        let mut held = self.held();
        if held.footing() == footing
            && let SessionState::Client(client) = &mut held.state
        {
            client.trouble = trouble;
        }
    }
}

impl Held {
    pub(super) const fn footing(&self) -> Footing {
        Footing { epoch: self.epoch, proof: self.proof }
    }

    pub(super) fn proof_changed(&mut self) {
        self.proof += 1;
        self.become_(SessionState::proven_anew);
        // Nothing of a client is kept but what proves it.
        if !self.profile.kind.signs_in() && matches!(self.state, SessionState::Unreadable(_)) {
            self.state = SessionState::Unloaded;
        }
    }

    /// As it was loaded. What a grant came to meanwhile stands.
    pub(super) fn takes(&mut self, loaded: SessionState) {
        let trouble = self.client().and_then(|client| client.trouble.clone());
        self.state = match loaded {
            SessionState::Client(client) => {
                SessionState::Client(Box::new(ClientSession { trouble, ..*client }))
            }
            state @ (SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Active(_)
            | SessionState::Fixed(_)
            | SessionState::Ended { .. }) => state,
        };
    }

    /// Of the person who is signed in.
    pub(super) fn sign_in(&self) -> Option<Timestamp> {
        let stored = self.state.stored().filter(|_| self.client().is_none());
        stored.map(|stored| stored.signed_in_at)
    }

    pub(super) fn client(&self) -> Option<&ClientSession> {
        match &self.state {
            SessionState::Client(client) => Some(client),
            SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Active(_)
            | SessionState::Fixed(_)
            | SessionState::Ended { .. } => None,
        }
    }
}
