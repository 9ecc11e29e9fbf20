//! From Ping's answer to a session, in three steps: what came is kept, judged, and takes its place. It
//! goes to its end whatever becomes of whoever asked, because the code is spent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::answers::TokenFailure;
use crate::audit::{Event, Outcome, ProofNote, Record};
use crate::broker::Broker;
use crate::cache::Cached;
use crate::deployment::Deployments;
use crate::endpoints::{self, Standing};
use crate::error::{ErrorCode, Refusal};
use crate::freshness;
use crate::ports::{Grant, Pending, Received, Redeemed, RevokedFor, Saved};
use crate::profile::Profile;
use crate::refusals;
use crate::request::{Caller, SessionKey, Target};
use crate::session::{Leaving, Safety, Session, SessionState, StoredSession, stored};
use crate::sign_in::{Assurance, AuthorizationRequest, NewProof};
use crate::token::{AuthorizationCode, CodeVerifier, DeviceCode, Identity, TokenSet};

/// What a sign-in came to.
#[derive(Clone, Debug)]
pub(super) struct Concluded {
    pub(super) who: Option<Identity>,
    /// It can be renewed.
    pub(super) lasts: bool,
}

/// Why a poll brought no session.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Not yet, or never: the server's word, while nothing has been spent.
    ByServer(TokenFailure),
    Refused(Refusal),
}

/// All that a sign-in needs to be brought to its end.
#[derive(Clone)]
pub(super) struct Conclusion {
    pub(super) broker: Broker,
    pub(super) session: Arc<Session>,
    pub(super) profile: Arc<Profile>,
    /// What the answer is judged by.
    pub(super) assurance: Assurance,
    pub(super) caller: Caller,
    /// One of the ways in has won: what another brings is given up.
    pub(super) won: Arc<AtomicBool>,
}

/// How long is waited before each further try to judge, where the keys cannot be had just then? The code
/// is spent, and what it gave is kept.
const KEYS_AGAIN: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(12),
    Duration::from_secs(30),
];

impl Conclusion {
    pub(super) async fn by_code(
        &self,
        code: AuthorizationCode,
        request: AuthorizationRequest,
    ) -> Result<Concluded, Refusal> {
        let own = self.asked(request.assurance.clone());
        let ended = self.detached(Box::pin(async move {
            own.redeem(Grant::AuthorizationCode { code: &code, request: &request }).await
        }));
        ended.await.map_err(|stopped| match stopped {
            Stopped::ByServer(failure) => refusals::signing_in(&self.profile, &failure),
            Stopped::Refused(refusal) => refusal,
        })
    }

    pub(super) async fn by_device(
        &self,
        code: DeviceCode,
        verifier: Option<CodeVerifier>,
    ) -> Result<Concluded, Stopped> {
        let own = self.clone();
        self.detached(Box::pin(async move {
            own.redeem(Grant::DeviceCode { code: &code, verifier: verifier.as_ref() }).await
        }))
        .await
    }

    /// Of the way that asked for it.
    pub(super) fn asked(&self, assurance: Assurance) -> Self {
        Self { assurance, ..self.clone() }
    }

    /// To its end, whatever becomes of the caller; where nobody waits any more, the record has it.
    async fn detached(
        &self,
        work: Pending<'static, Result<Concluded, Stopped>>,
    ) -> Result<Concluded, Stopped> {
        let (tell, told) = oneshot::channel();
        let own = self.clone();
        self.broker.ports.spawn.spawn(Box::pin(async move {
            if let Err(Err(Stopped::Refused(refusal))) = tell.send(work.await) {
                own.record_failure(&refusal);
            }
            own.broker.alarm.ring();
        }));
        told.await.unwrap_or_else(|_gone| Err(Stopped::Refused(broke_off())))
    }

    async fn redeem(&self, grant: Grant<'_>) -> Result<Concluded, Stopped> {
        let (server, sign_outs) = (&self.broker.ports.server, self.session.sign_outs());
        let redeemed = server.redeem(&self.profile, grant).await.map_err(Stopped::ByServer)?;
        self.conclude(grant, redeemed, sign_outs).await.map_err(Stopped::Refused)
    }

    async fn conclude(
        &self,
        grant: Grant<'_>,
        redeemed: Redeemed,
        sign_outs: u64,
    ) -> Result<Concluded, Refusal> {
        let _concluding = self.session.concludes();
        let (ports, key) = (&self.broker.ports, &self.session.key);
        let mut stored = self.stored(&redeemed);
        let lasts = stored.refresh_token.is_some();
        if lasts {
            self.keep_pending(&stored, false).await;
        }
        let judged = match redeemed {
            Redeemed::Tokens(received) if self.tells_nothing(&grant, &received) => {
                match self.first_refresh(&mut stored).await {
                    // What came has to do, while more cannot be asked for.
                    Err(TokenFailure::Unreachable { sent: false, .. }) => {
                        self.judged(grant, *received).await
                    }
                    judged => judged,
                }
            }
            Redeemed::Tokens(received) => self.judged(grant, *received).await,
            Redeemed::Renewal(_) => self.first_refresh(&mut stored).await,
        };
        let promoted = match judged {
            Ok(set) => {
                let who = set.identity.clone();
                let _alone = self.session.alone().await;
                self.promote(sign_outs, stored.clone(), set).await.map(|()| who)
            }
            Err(failure) => Err(refusals::signing_in(&self.profile, &failure)),
        };
        match promoted {
            Ok(who) => Ok(Concluded { who, lasts }),
            Err(refusal) => {
                self.broker.give_up(key, stored, RevokedFor::Good).await;
                match ports.pending.forget(key).await {
                    // Found at the next start, and judged the same.
                    Ok(()) | Err(_) => Err(refusal),
                }
            }
        }
    }

    /// Keys that cannot be had for a moment cost nobody the sign-in.
    pub(super) async fn judged(
        &self,
        grant: Grant<'_>,
        received: Received,
    ) -> Result<TokenSet, TokenFailure> {
        let ports = &self.broker.ports;
        for wait in KEYS_AGAIN {
            match ports.server.judge(&self.profile, grant, received.clone()).await {
                Err(TokenFailure::Unreachable { .. }) => ports.clock.sleep(wait).await,
                judged => return judged,
            }
        }
        ports.server.judge(&self.profile, grant, received).await
    }

    /// PingAM's line answers a device with neither ID token nor scope; a refresh gives both. Elsewhere it
    /// is worth one where a proof is demanded that nothing else can bring.
    fn tells_nothing(&self, grant: &Grant<'_>, received: &Received) -> bool {
        let Received { set, id_token, .. } = received;
        matches!(grant, Grant::DeviceCode { .. })
            && self.profile.scopes.contains("openid")
            && set.refresh_token.is_some()
            && id_token.is_none()
            && (set.scope.is_none() || self.assurance.claim.proof == NewProof::Demanded)
    }

    async fn promote(
        &self,
        sign_outs: u64,
        stored: StoredSession,
        set: TokenSet,
    ) -> Result<(), Refusal> {
        if self.session.sign_outs() != sign_outs {
            return Err(refusals::signed_out(&self.profile)
                .because("you signed out while this sign-in was being finished"));
        }
        if self.won.swap(true, Ordering::SeqCst) {
            let what = "this sign-in was finished another way";
            return Err(Refusal::new(ErrorCode::InteractionRequired, what));
        }
        let set = (Target::of_sign_in(&self.profile), set);
        let promoted =
            self.broker.promote(&self.session, stored, set, (&self.assurance, &self.caller)).await;
        // Another way may still bring the right person.
        promoted.inspect_err(|_| self.won.store(false, Ordering::SeqCst))
    }

    fn stored(&self, redeemed: &Redeemed) -> StoredSession {
        let (scope, token, refresh_expires_at, signed_in_at) = match redeemed {
            Redeemed::Tokens(received) => {
                let set = &received.set;
                let (scope, token) = (set.scope.clone(), set.refresh_token.clone());
                (scope, token, set.refresh_expires_at, set.received_at)
            }
            Redeemed::Renewal(alone) => {
                let token = Some(alone.refresh_token.clone());
                (None, token, alone.refresh_expires_at, alone.received_at)
            }
        };
        StoredSession {
            issuer: self.profile.issuer.clone(),
            client_id: self.profile.client_id.clone(),
            endpoints: Some(endpoints::of(&self.profile)),
            identity: None,
            nonce: self.assurance.nonce.clone(),
            granted: scope.unwrap_or_else(|| self.profile.scopes.clone()),
            refresh_token: token,
            refresh_expires_at,
            signed_in_at,
            generation: 1,
            id_token_hint: None,
            ended: None,
        }
    }

    fn record_failure(&self, refusal: &Refusal) {
        let mut record = Record::new(Event::SignIn, Outcome::Failed, &self.caller);
        record.session = Some(&self.session.key);
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        match self.broker.record(&record) {
            // Nothing leaves by it, so there is nothing to hold back where this cannot be written.
            Ok(()) | Err(_) => {}
        }
    }
}

impl Broker {
    /// Somebody signed in, and is believed: on the record, saved, and then the session. Whoever calls is
    /// alone with it.
    pub(crate) async fn promote(
        &self,
        session: &Session,
        mut stored: StoredSession,
        (target, set): (Target, TokenSet),
        (assurance, caller): (&Assurance, &Caller),
    ) -> Result<(), Refusal> {
        let (ports, key, profile) = (&self.ports, &session.key, session.profile());
        let last = session.last();
        if endpoints::standing(&stored, &profile) != Standing::Ours {
            // It is not theirs that is sent on.
            return Err(
                refusals::signed_out(&profile).because("the config changed while you signed in")
            );
        }
        stored.identity = assurance.judge(&profile, last.as_ref(), &set)?;
        stored.id_token_hint = set.id_token.as_ref().and_then(|held| stored::hint(&held.token));
        let proven_anew = assurance.is_proven_anew(set.stated.as_ref());
        stored.generation = session.next_generation();
        let person = stored.identity.as_ref().map(Identity::person);
        let mut record = Record::new(Event::SignIn, Outcome::Ok, caller);
        record.session = Some(key);
        record.person = person.as_ref();
        record.scopes = Some(&stored.granted);
        record.proof =
            Some(ProofNote { stated: set.stated.as_ref(), given_by: set.given_by.as_ref() });
        self.record(&record)?;
        let safety = match ports.store.save(key, &stored).await {
            Ok(Saved::Kept) => Safety::Kept,
            Ok(Saved::Fallback) => Safety::Fallback,
            // Asked before the browser opened; what fails since then is retried, and told.
            Err(_) => Safety::MemoryOnly,
        };
        let due = freshness::refresh_at(
            set.received_at,
            set.expires_at,
            profile.refresh_margin,
            ports.clock.chance(),
        );
        let span = (set.received_at, set.expires_at);
        let state = SessionState::signed_in(stored, safety, span);
        let left = session.sign_in(state, (target, Cached::new(set, due)), ports.clock.now());
        if proven_anew {
            session.deployments(Deployments::has_new_proof);
        }
        match ports.store.mark(key, None).await {
            // About a token that was replaced, whether it goes or not.
            Ok(()) | Err(_) => {}
        }
        match ports.pending.forget(key).await {
            // Found at the next start: its token is the session's own, or was replaced by it.
            Ok(()) | Err(_) => {}
        }
        left.sessions.into_iter().for_each(|replaced| self.give_up_later(key, replaced));
        Ok(())
    }

    fn give_up_later(&self, key: &SessionKey, replaced: Leaving) {
        let (own, key) = (self.clone(), key.clone());
        self.ports.spawn.spawn(Box::pin(async move {
            own.give_up_what_left(&key, replaced, RevokedFor::Another).await;
        }));
    }
}

fn broke_off() -> Refusal {
    Refusal::new(ErrorCode::ServerError, "the sign-in broke off")
        .hint("run `dagpass status` to see what it came to")
}
