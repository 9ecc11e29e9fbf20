//! The right to present a session's refresh token. One holder at a time; whoever waited for it is judged
//! anew when it comes, because what happened meanwhile may have answered him. A turn ends by what its
//! answer did to the session.

use std::borrow::Cow;
use std::sync::Arc;

use crate::answers::{StoreFailure, TokenFailure};
use crate::cache::Cached;
use crate::endpoints::{self, Standing};
use crate::error::Refusal;
use crate::freshness::{self, Verdict};
use crate::ports::{Grant, Ports, Received, Redeemed, Saved};
use crate::profile::Profile;
use crate::refusals;
use crate::request::Target;
use crate::session::{
    ActiveSession, Alone, Cause, EndReason, Epoch, Held, InFlight, Safety, Session, SessionState,
    StoredSession, Trouble,
};
use crate::sign_in::renewed;
use crate::token::{Fingerprint, Identity, RefreshToken, TokenSet};

/// What somebody wants a turn for.
pub(crate) struct Want<'a> {
    pub(crate) target: &'a Target,
    pub(crate) cause: Cause,
    /// The token there was when he began to wait: another one since then is the answer.
    pub(crate) before: Option<Fingerprint>,
}

/// What became of somebody's wait for a turn.
pub(crate) enum Turn {
    Yours(Box<SendTurn>),
    /// What was wanted came meanwhile.
    Renewed(Cached),
    /// The session is over, or rests: that answers the whole queue.
    Refused(Refusal),
}

/// Nobody else has one.
pub(crate) struct SendTurn {
    session: Arc<Session>,
    profile: Arc<Profile>,
    epoch: Epoch,
    active: ActiveSession,
    token: RefreshToken,
    /// The whole scope is named, though RFC 6749 §6 lets it be left out.
    names_scope: bool,
    _alone: Alone,
}

impl Session {
    pub(crate) async fn send_turn(self: &Arc<Self>, ports: &Ports, want: Want<'_>) -> Turn {
        let alone = self.alone().await;
        let now = ports.clock.now();
        let held = self.held();
        let renewed = held.tokens.get(want.target).filter(|token| {
            let is_another = want.before.as_ref() != Some(&token.fingerprint);
            let margin = held.profile.refresh_margin;
            is_another && freshness::judge(token, now, margin, None) == Verdict::Serve
        });
        if let Some(token) = renewed {
            return Turn::Renewed(token.clone());
        }
        let active = match &held.state {
            SessionState::Active(active) => active,
            SessionState::Fixed(_) => {
                return Turn::Refused(refusals::no_refresh_token(&held.profile));
            }
            SessionState::Client(_)
            | SessionState::Unloaded
            | SessionState::Unreadable(_)
            | SessionState::SignedOut
            | SessionState::Ended { .. } => return Turn::Refused(held.not_signed_in()),
        };
        if let Some(trouble) = active.resting(now) {
            return Turn::Refused(refusals::trouble(&held.profile, trouble));
        }
        if let Some(refusal) = held.rests.resting(want.target, now) {
            return Turn::Refused(refusal);
        }
        // Nobody's token is sent where the config would not have it.
        if endpoints::standing(&active.stored, &held.profile) != Standing::Ours {
            return Turn::Refused(refusals::signed_out(&held.profile));
        }
        // Sent once without an answer: not sent again while what there is still serves.
        let serves = held.tokens.get(want.target).filter(|token| token.valid_at(now));
        if active.unanswered.is_some()
            && want.cause != Cause::Expiry
            && let Some(token) = serves
        {
            return Turn::Renewed(token.clone());
        }
        let Some(token) = active.stored.refresh_token.clone() else {
            return Turn::Refused(refusals::no_refresh_token(&held.profile));
        };
        Turn::Yours(Box::new(SendTurn {
            session: self.clone(),
            profile: held.profile.clone(),
            epoch: Epoch(held.epoch),
            active: ActiveSession::clone(active),
            token,
            names_scope: held.names_scope,
            _alone: alone,
        }))
    }
}

impl SendTurn {
    pub(crate) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn stored(&self) -> &StoredSession {
        &self.active.stored
    }

    pub(crate) fn unanswered(&self) -> Option<&InFlight> {
        self.active.unanswered.as_ref()
    }

    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.active.trouble.as_ref()
    }

    /// Writes the in-flight mark, then asks Ping. Nothing else presents a session's refresh token.
    pub(crate) async fn present(
        &mut self,
        ports: &Ports,
        target: &Target,
    ) -> Result<Result<Redeemed, TokenFailure>, Refusal> {
        let before = self.active.unanswered.as_ref();
        let mark = InFlight {
            refresh_token: self.token.fingerprint(),
            since: before.map_or(ports.clock.now(), |mark| mark.since),
            attempts: before.map_or(1, |mark| mark.attempts + 1),
        };
        let marked = ports.store.mark(&self.session.key, Some(&mark)).await;
        marked.map_err(|failure| refusals::store(&self.profile, &failure))?;
        let asked = self.asked(target);
        let answer = ports.server.redeem(&self.profile, self.grant(&asked)).await;
        if let Err(TokenFailure::Unreachable { sent: true, .. }) = &answer {
            self.active.unanswered = Some(mark);
        }
        Ok(answer)
    }

    /// The whole scope is named from now on. `false` where that changes nothing.
    pub(crate) fn name_scope(&mut self, target: &Target) -> bool {
        let granted = &self.active.stored.granted;
        let changes = !self.names_scope && target.scopes.is_none() && !granted.is_empty();
        self.names_scope |= changes;
        changes
    }

    fn asked<'a>(&self, target: &'a Target) -> Cow<'a, Target> {
        if !self.names_scope || target.scopes.is_some() {
            return Cow::Borrowed(target);
        }
        let scopes = Some(self.active.stored.granted.clone());
        Cow::Owned(Target { scopes, ..target.clone() })
    }

    fn grant<'a>(&'a self, target: &'a Target) -> Grant<'a> {
        let session = &self.active.stored;
        Grant::RefreshToken { token: &self.token, target, session, first: false }
    }

    /// What a 200 brought is saved before anything in it is judged: what was sent may be dead.
    pub(crate) async fn keep(&mut self, ports: &Ports, redeemed: &Redeemed) {
        let (new, ends, received_at) = match redeemed {
            Redeemed::Tokens(received) => {
                let set = &received.set;
                (set.refresh_token.as_ref(), set.refresh_expires_at, set.received_at)
            }
            Redeemed::Renewal(alone) => {
                (Some(&alone.refresh_token), alone.refresh_expires_at, alone.received_at)
            }
        };
        self.active.unanswered = None;
        self.active.answered_at = Some(received_at);
        let stored = &mut self.active.stored;
        stored.refresh_expires_at = ends.or(stored.refresh_expires_at);
        let new = new.filter(|new| new.expose() != self.token.expose());
        if let Some(new) = new {
            self.token = new.clone();
            stored.refresh_token = Some(new.clone());
            self.save(ports).await;
        }
        self.settle();
    }

    /// Who it is, and whether to believe it of this session.
    pub(crate) async fn judge(
        &self,
        ports: &Ports,
        target: &Target,
        received: Received,
    ) -> Result<TokenSet, TokenFailure> {
        let set = ports.server.judge(&self.profile, self.grant(target), received).await?;
        renewed(&self.active.stored, set)
    }

    /// Another writer may have rotated: then its token is the one to present.
    pub(crate) async fn takes_newer(&mut self, ports: &Ports) -> bool {
        let Ok(loaded) = ports.store.load(&self.session.key).await else { return false };
        let Some(stored) = loaded.session else { return false };
        let Some(token) = stored.refresh_token.clone() else { return false };
        let ours = endpoints::standing(&stored, &self.profile) == Standing::Ours;
        // Where our own newest could not be saved, what lies there is older, and spent.
        let newer = stored.generation > self.active.stored.generation;
        if !ours || !newer {
            return false;
        }
        self.token = token;
        self.active = ActiveSession::new(stored);
        true
    }

    /// Ping answered, and it is believed.
    pub(crate) async fn answered(mut self: Box<Self>, ports: &Ports, identity: Option<Identity>) {
        self.active.trouble = None;
        let news = identity.filter(|who| self.active.stored.identity.as_ref() != Some(who));
        if let Some(who) = news {
            self.active.stored.identity = Some(who);
            self.save(ports).await;
        }
        self.settle();
        self.remember_scope();
        if self.active.safety != Safety::MemoryOnly {
            self.unmark(ports).await;
        }
    }

    /// The session stands, and Ping is left alone for a while.
    pub(crate) async fn rests(mut self: Box<Self>, ports: &Ports, trouble: Trouble) {
        self.active.trouble = Some(trouble);
        self.settle();
        if self.active.unanswered.is_none() && self.active.safety != Safety::MemoryOnly {
            self.unmark(ports).await;
        }
    }

    /// The session stands as it did.
    pub(crate) async fn stands(self: Box<Self>, ports: &Ports) {
        self.settle();
        if self.active.safety != Safety::MemoryOnly {
            self.unmark(ports).await;
        }
    }

    /// The session is over. The refresh token goes, a valid access token stays, and so does the memory of
    /// whose it was.
    pub(crate) async fn ends(
        self: Box<Self>,
        ports: &Ports,
        why: EndReason,
    ) -> Result<(), StoreFailure> {
        let tombstone = self.active.stored.tombstone(why.clone());
        {
            let mut held = self.session.held();
            let now = ports.clock.now();
            if let Some(place) = self.place(&mut held) {
                let state = std::mem::replace(place, SessionState::Unloaded);
                *place = state.ended(why, now);
            }
        }
        let kept = ports.store.save(&self.session.key, &tombstone).await;
        self.unmark(ports).await;
        kept.map(drop)
    }

    async fn save(&mut self, ports: &Ports) {
        self.active.stored.generation += 1;
        let saved = ports.store.save(&self.session.key, &self.active.stored).await;
        self.active.safety = match saved {
            Ok(Saved::Kept) => Safety::Kept,
            Ok(Saved::Fallback) => Safety::Fallback,
            Err(_) => Safety::MemoryOnly,
        };
    }

    /// Nobody but the holder of the turn changes an active session. Where the config changed meanwhile, it
    /// may stand aside, or have come back.
    fn settle(&self) {
        let mut held = self.session.held();
        if let Some(place) = self.place(&mut held) {
            *place = SessionState::Active(Box::new(self.active.clone()));
        }
    }

    /// Where this sign-in is now.
    fn place<'a>(&self, held: &'a mut Held) -> Option<&'a mut SessionState> {
        let is_mine = |state: &SessionState| {
            state.stored().is_some_and(|stored| stored.is_sign_in(&self.active.stored))
        };
        if is_mine(&held.state) {
            return Some(&mut held.state);
        }
        held.aside.as_mut().filter(|aside| is_mine(aside))
    }

    /// What was believed once is asked for the same way until somebody signs in anew.
    fn remember_scope(&self) {
        let mut held = self.session.held();
        if held.epoch == self.epoch.0 {
            held.names_scope = self.names_scope;
        }
    }

    /// A mark that stays behind costs one needless caution after a restart, never a session.
    async fn unmark(&self, ports: &Ports) {
        match ports.store.mark(&self.session.key, None).await {
            Ok(()) | Err(_) => {}
        }
    }
}
