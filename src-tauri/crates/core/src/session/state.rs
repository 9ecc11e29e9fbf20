//! What a session can be, and how it becomes something else: every change takes the state and gives the
//! next one. Decides nothing of tokens, and asks nobody.

use std::time::Duration;

use crate::answers::StoreFailure;
use crate::endpoints::{self, Standing};
use crate::error::Why;
use crate::profile::Profile;
use crate::rest::Rest;
use crate::session::client::{ClientSession, ProofOfClient};
use crate::session::end::EndReason;
use crate::session::stored::{InFlight, StoredSession};
use crate::time::Timestamp;

/// What a session is right now. No wildcard arm on this.
#[derive(Clone, Debug)]
pub enum SessionState {
    /// The store has not been asked yet.
    Unloaded,
    /// The store would not say.
    Unreadable(StoreFailure),
    SignedOut,
    Active(Box<ActiveSession>),
    /// Signed in, and no refresh token was given: what the sign-in brought is all there will be.
    Fixed(Box<FixedSession>),
    /// Nobody signs in: the client itself is served.
    Client(Box<ClientSession>),
    /// It ended; a valid access token may still be served.
    Ended {
        why: EndReason,
        at: Timestamp,
        /// How long it lasted, where its end was seen as it came.
        lasted: Option<Duration>,
        /// Whose it was: the next sign-in is compared with them.
        last: Option<Box<StoredSession>>,
    },
}

#[derive(Clone, Debug)]
pub struct ActiveSession {
    pub stored: StoredSession,
    pub safety: Safety,
    /// A refresh that was sent and not answered, from this run or an earlier one.
    pub unanswered: Option<InFlight>,
    pub trouble: Option<Trouble>,
    /// When Ping last gave it a token; `None` where that was before this run of the agent.
    pub answered_at: Option<Timestamp>,
}

/// A session that cannot be renewed. Nothing is asked of Ping for it, so nothing of that can fail.
#[derive(Clone, Debug)]
pub struct FixedSession {
    pub stored: StoredSession,
    /// When the sign-in's own token ends, and the session with it.
    pub until: Timestamp,
}

/// How near to its end must a session have been seen alive for the end to say how long it lasts?
/// A laptop that slept for a night learns in the morning that it ended, not when.
const WATCHED: Duration = Duration::from_secs(3600);

impl ActiveSession {
    /// As it is found in the store, or begins.
    pub(crate) fn new(stored: StoredSession) -> Self {
        Self { stored, safety: Safety::Kept, unanswered: None, trouble: None, answered_at: None }
    }

    /// From the proof of identity until Ping's refusal `at`; `None` where nobody watched.
    pub fn lasted(&self, at: Timestamp) -> Option<Duration> {
        let seen = self.answered_at?;
        (seen.until(at) <= WATCHED).then(|| self.stored.proven_at().until(at))
    }

    /// Ping is left alone until its next turn.
    pub(crate) fn resting(&self, now: Timestamp) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| !trouble.rest.is_over(now))
    }
}

/// Where the newest refresh token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    Kept,
    /// In the encrypted file, because the keychain would not take it.
    Fallback,
    /// In memory alone: a crash now loses it.
    MemoryOnly,
}

/// Why the last refresh gave nothing, though the session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub kind: TroubleKind,
    pub cause: Why,
    pub since: Timestamp,
    /// Ping is left alone until this is over.
    pub rest: Rest,
    pub attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The issuer cannot be reached: state `offline`.
    Offline,
    /// The issuer refuses for a reason a person must mend.
    Misconfigured,
    /// It answered, and the answer cannot be used.
    Unusable,
}

impl SessionState {
    /// What the store held of this client's. A mark of another refresh token is about one that was
    /// replaced since, and no longer matters.
    pub(crate) fn loaded(
        found: Option<StoredSession>,
        mark: Option<InFlight>,
        profile: &Profile,
        now: Timestamp,
    ) -> Self {
        let Some(stored) = found else { return Self::SignedOut };
        match endpoints::standing(&stored, profile) {
            Standing::Ours => {}
            Standing::Another => return Self::SignedOut,
            Standing::Elsewhere(why) => return Self::withheld(why, stored, now),
        }
        if let Some(why) = stored.ended.clone() {
            return Self::Ended { why, at: now, lasted: None, last: Some(Box::new(stored)) };
        }
        let Some(token) = &stored.refresh_token else {
            // Its access token was never written down.
            let why = EndReason::NoRefreshToken;
            return Self::Ended { why, at: now, lasted: None, last: Some(Box::new(stored)) };
        };
        let unanswered = mark.filter(|mark| token.fingerprint() == mark.refresh_token);
        Self::Active(Box::new(ActiveSession { unanswered, ..ActiveSession::new(stored) }))
    }

    /// The config would send its tokens elsewhere: nothing of it leaves, and nothing of it is lost.
    pub(crate) fn withheld(why: EndReason, stored: StoredSession, at: Timestamp) -> Self {
        Self::Ended { why, at, lasted: None, last: Some(Box::new(stored)) }
    }

    /// A sign-in was judged and saved.
    pub(crate) fn signed_in(
        stored: StoredSession,
        safety: Safety,
        set: (Timestamp, Timestamp),
    ) -> Self {
        let (received_at, expires_at) = set;
        if stored.refresh_token.is_none() {
            return Self::Fixed(Box::new(FixedSession { stored, until: expires_at }));
        }
        let active = ActiveSession::new(stored);
        Self::Active(Box::new(ActiveSession { safety, answered_at: Some(received_at), ..active }))
    }

    /// It is over. How long it lasted is told only by an end that Ping brought about.
    #[must_use]
    pub(crate) fn ended(self, why: EndReason, at: Timestamp) -> Self {
        let (lasted, last) = match self {
            Self::Active(active) => {
                let by_ping = matches!(why, EndReason::Rejected { .. });
                let lasted = if by_ping { active.lasted(at) } else { None };
                (lasted, Some(Box::new(active.stored)))
            }
            Self::Fixed(fixed) => (None, Some(Box::new(fixed.stored))),
            Self::Ended { last, .. } => (None, last),
            // It has no end.
            client @ Self::Client(_) => return client,
            Self::Unloaded | Self::Unreadable(_) | Self::SignedOut => (None, None),
        };
        let last = last.map(|stored| Box::new(stored.tombstone(why.clone())));
        Self::Ended { why, at, lasted, last }
    }

    /// What a config that changed may have mended is tried again; what Ping asked for still rests.
    #[must_use]
    pub(crate) fn reconfigured(self) -> Self {
        match self {
            Self::Active(active) => {
                let stays = |trouble: &Trouble| trouble.kind == TroubleKind::Offline;
                let trouble = active.trouble.filter(stays);
                Self::Active(Box::new(ActiveSession { trouble, ..*active }))
            }
            // An issuer that refused it would do so again: nothing that proves it changed.
            Self::Client(client) => {
                let stays = |trouble: &Trouble| trouble.kind != TroubleKind::Unusable;
                let trouble = client.trouble.filter(stays);
                let proof = match client.proof {
                    ProofOfClient::Here => ProofOfClient::Here,
                    ProofOfClient::Unasked | ProofOfClient::Missing => ProofOfClient::Unasked,
                };
                Self::Client(Box::new(ClientSession { trouble, proof, ..*client }))
            }
            other @ (Self::Unloaded
            | Self::Unreadable(_)
            | Self::SignedOut
            | Self::Fixed(_)
            | Self::Ended { .. }) => other,
        }
    }

    /// What proves the client is another: it may be here by now, or gone, or known to the issuer.
    #[must_use]
    pub(crate) fn proven_anew(self) -> Self {
        match self.reconfigured() {
            Self::Client(client) => {
                let stays = |trouble: &Trouble| trouble.kind == TroubleKind::Offline;
                let trouble = client.trouble.filter(stays);
                let proof = ProofOfClient::Unasked;
                Self::Client(Box::new(ClientSession { trouble, proof, ..*client }))
            }
            other @ (Self::Unloaded
            | Self::Unreadable(_)
            | Self::SignedOut
            | Self::Active(_)
            | Self::Fixed(_)
            | Self::Ended { .. }) => other,
        }
    }

    /// The store is another one, or can be read again.
    #[must_use]
    pub(crate) fn reread(self, is_another: bool) -> Self {
        match self {
            Self::Unreadable(_) => Self::Unloaded,
            Self::SignedOut if is_another => Self::Unloaded,
            client @ Self::Client(_) if is_another => client.proven_anew(),
            other @ (Self::Unloaded
            | Self::SignedOut
            | Self::Active(_)
            | Self::Fixed(_)
            | Self::Client(_)
            | Self::Ended { .. }) => other,
        }
    }

    /// The record of that generation lies elsewhere now.
    #[must_use]
    pub(crate) fn kept(self, generation: u64, safety: Safety) -> Self {
        match self {
            Self::Active(active) if active.stored.generation == generation => {
                Self::Active(Box::new(ActiveSession { safety, ..*active }))
            }
            other @ (Self::Unloaded
            | Self::Unreadable(_)
            | Self::SignedOut
            | Self::Active(_)
            | Self::Fixed(_)
            | Self::Client(_)
            | Self::Ended { .. }) => other,
        }
    }

    /// What is stored of whoever is signed in.
    pub fn stored(&self) -> Option<&StoredSession> {
        match self {
            Self::Active(active) => Some(&active.stored),
            Self::Fixed(fixed) => Some(&fixed.stored),
            Self::Client(client) => Some(&client.stored),
            Self::Unloaded | Self::Unreadable(_) | Self::SignedOut | Self::Ended { .. } => None,
        }
    }

    /// Whose refresh token may still be good.
    pub(crate) fn holds(&self) -> Option<&StoredSession> {
        self.last().filter(|stored| stored.refresh_token.is_some())
    }

    /// Who is signed in, or was when it ended: the next to sign in is compared with them.
    pub fn last(&self) -> Option<&StoredSession> {
        match self {
            Self::Ended { last, .. } => last.as_deref(),
            Self::Unloaded
            | Self::Unreadable(_)
            | Self::SignedOut
            | Self::Active(_)
            | Self::Fixed(_)
            | Self::Client(_) => self.stored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::stored;

    const HOUR: u64 = 3600;

    #[test]
    fn an_end_that_nobody_watched_says_nothing() {
        let session = |answered_at: Option<i64>| ActiveSession {
            stored: stored("rt"),
            safety: Safety::Kept,
            unanswered: None,
            trouble: None,
            answered_at: answered_at.map(Timestamp::from_secs),
        };
        let ended = stored("rt").signed_in_at.plus(Duration::from_secs(8 * HOUR));
        let before = |secs: u64| Some(ended.minus(Duration::from_secs(secs)).as_secs());
        let lasted = |seen| session(seen).lasted(ended).map(|span| span.as_secs() / HOUR);
        assert_eq!(lasted(before(300)), Some(8));
        assert_eq!(lasted(before(HOUR + 1)), None, "it slept");
        assert_eq!(lasted(None), None, "the agent had been restarted");
    }
}
