//! Revocations that are owed: a sign-out while Ping could not be reached. Each is tried until a
//! request has left, for a day at most, across restarts; one that left is never repeated, because
//! PingFederate counts stale revocations towards locking the client out, for everybody.

pub(crate) mod debts;
pub(crate) mod note;

use crate::answers::{Revocation, RevokedFor, StoreFailure, TokenFailure};
use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::endpoints::{self, Standing};
use crate::error::Refusal;
use crate::freshness;
use crate::owed::debts::Debt;
use crate::profile::Profile;
use crate::refresh::own_voice;
use crate::request::SessionKey;
use crate::session::{Leaving, StoredSession};
use crate::time::Timestamp;
use crate::token::RefreshToken;

pub use note::{KEPT_FOR, OwedRevocation};

impl Broker {
    /// What is owed, for `status`.
    pub async fn owed_revocations(&self) -> Result<Vec<OwedRevocation>, StoreFailure> {
        if let Some(known) = self.debts.known().clone() {
            return Ok(known);
        }
        let listed = self.ports.owed.list().await?;
        let mut known = self.debts.known();
        // A sign-out in between knows more than what was read before it.
        Ok(known.get_or_insert(listed).clone())
    }

    /// Called every few seconds. Pays what is due, apart from whoever calls.
    pub fn pay_revocations(&self) {
        let now = self.ports.clock.now();
        let due = |owed: &OwedRevocation| owed.sent || owed.is_due(now) || now >= owed.forget_at();
        let idle = self.debts.known().as_ref().is_some_and(|all| !all.iter().any(due));
        if idle || self.debts.are_left_alone(now) {
            return;
        }
        let broker = self.clone();
        self.ports.spawn.spawn(Box::pin(async move { broker.pay_due(now).await }));
    }

    async fn pay_due(&self, now: Timestamp) {
        let Ok(_turn) = self.debts.turn.try_lock() else { return };
        let Ok(all) = self.owed_revocations().await else { return };
        let mut refused = false;
        for id in all.into_iter().map(|owed| owed.id) {
            // Looked at again: a sign-out may have paid it, or put it off, while another was paid.
            let known = if self.debts.is_on_its_way(&id) { None } else { self.debts.of(&id) };
            let Some(owed) = known else { continue };
            let settled = if owed.sent {
                // The agent ended while it was on its way.
                self.settle(&owed, Ok(Revocation::Unconfirmed)).await
            } else if now >= owed.forget_at() {
                self.settle(&owed, Ok(Revocation::Pending)).await
            } else if owed.is_due(now) {
                self.pay(owed, now).await
            } else {
                Ok(())
            };
            refused |= settled.is_err();
        }
        // Whatever the store or the ledger would not take is tried again, and not at every pass.
        let chance = self.ports.clock.chance();
        self.debts.rests(refused, self.ports.clock.now(), |n| freshness::backoff(n, None, chance));
    }

    /// Of a session that ends: keeps its token before its own record is forgotten.
    pub(crate) async fn owe_to(
        &self,
        key: &SessionKey,
        stored: &StoredSession,
        why: RevokedFor,
    ) -> Debt {
        let Some(token) = stored.refresh_token.clone() else { return Debt::None };
        let on_its_way = self.debts.take(token.fingerprint().short());
        match self.owe((key, why), stored, &token).await {
            Ok(owed) => Debt::Kept(owed, token, on_its_way),
            Err(_) => Debt::NotKept(token, why),
        }
    }

    /// One that was sent without an answer may be spent. PingFederate counts the revocation of a spent one
    /// towards locking the client out, for everybody, so it is left to its end, and that is on the record.
    pub(crate) async fn owe_for(&self, key: &SessionKey, left: &Leaving, why: RevokedFor) -> Debt {
        let Some(token) = left.stored.refresh_token.as_ref().filter(|_| left.ambiguous) else {
            return self.owe_to(key, &left.stored, why).await;
        };
        let (caller, fingerprint) = (own_voice(), token.fingerprint());
        let mut record = Record::new(Event::Revocation, Outcome::Failed, &caller);
        record.session = Some(key);
        record.fingerprint = Some(fingerprint.short());
        record.reason = Some("not revoked: it was sent without an answer and may be spent");
        match self.record(&record) {
            // Nothing leaves by it.
            Ok(()) | Err(_) => Debt::Ambiguous,
        }
    }

    /// What nobody keeps any more is revoked by whoever's client it is of.
    pub(crate) async fn give_up(&self, key: &SessionKey, stored: StoredSession, why: RevokedFor) {
        let left = Leaving { stored, ambiguous: false };
        self.give_up_what_left(key, left, why).await;
    }

    pub(crate) async fn give_up_what_left(&self, key: &SessionKey, left: Leaving, why: RevokedFor) {
        let debt = self.owe_for(key, &left, why).await;
        let stored = left.stored;
        let client = self.client_of(key, &stored);
        let own = self.clone();
        self.ports.spawn.spawn(Box::pin(async move {
            // What it came to is on the record.
            own.revoke(&client, debt).await;
        }));
    }

    /// At once, and once. What never left stays owed, and is paid when Ping can be reached.
    pub(crate) async fn revoke(&self, profile: &Profile, debt: Debt) -> Revocation {
        let (mut owed, token, _on_its_way) = match debt {
            Debt::None => return Revocation::Unsupported,
            Debt::Ambiguous => return Revocation::Unconfirmed,
            Debt::Kept(owed, token, on_its_way) => (owed, token, on_its_way),
            // Nobody will remember it: this is the only try.
            Debt::NotKept(token, why) => {
                return match self.ports.server.revoke(profile, &token, why).await {
                    Ok(Revocation::Pending) | Err(_) => Revocation::Unconfirmed,
                    Ok(answer) => answer,
                };
            }
        };
        owed.sent = true;
        if self.ports.owed.note(&owed).await.is_err() {
            return Revocation::Pending;
        }
        self.debts.put(owed.clone());
        let answer = self.ports.server.revoke(profile, &token, owed.why).await;
        let said = match &answer {
            Ok(answer) => *answer,
            Err(_) => Revocation::Unconfirmed,
        };
        let noted = match answer {
            Ok(Revocation::Pending) => self.later(owed, self.ports.clock.now()).await,
            answer => self.settle(&owed, answer).await,
        };
        match noted {
            // What was not noted, the clockwork finds where it was left, and does not send again.
            Ok(()) | Err(Refused) => said,
        }
    }

    async fn owe(
        &self,
        (session, why): (&SessionKey, RevokedFor),
        stored: &StoredSession,
        token: &RefreshToken,
    ) -> Result<OwedRevocation, StoreFailure> {
        // What other sign-outs left is read first: a note is never written over unread ones.
        self.owed_revocations().await?;
        let now = self.ports.clock.now();
        let owed = OwedRevocation {
            id: token.fingerprint().short().to_owned(),
            session: session.clone(),
            since: now,
            attempts: 0,
            retry_at: now,
            sent: false,
            why,
        };
        let bare = StoredSession { identity: None, id_token_hint: None, ..stored.clone() };
        self.ports.owed.keep(&owed, &bare).await?;
        self.debts.put(owed.clone());
        Ok(owed)
    }

    async fn pay(&self, mut owed: OwedRevocation, now: Timestamp) -> Result<(), Refused> {
        let kept = match self.ports.owed.token(&owed).await {
            Ok(kept) => kept,
            // Nothing can be sent of it, today or later.
            Err(StoreFailure::Corrupt(_)) => None,
            Err(_) => return self.later(owed, now).await,
        };
        let Some((stored, token)) = kept.and_then(with_token) else {
            return self.settle(&owed, Ok(Revocation::Unconfirmed)).await;
        };
        owed.sent = true;
        self.ports.owed.note(&owed).await?;
        self.debts.put(owed.clone());
        let profile = self.client_of(&owed.session, &stored);
        match self.ports.server.revoke(&profile, &token, owed.why).await {
            Ok(Revocation::Pending) => self.later(owed, self.ports.clock.now()).await,
            answer => self.settle(&owed, answer).await,
        }
    }

    async fn later(&self, mut owed: OwedRevocation, now: Timestamp) -> Result<(), Refused> {
        owed.put_off(now, self.ports.clock.chance());
        // In memory first: a note that cannot be written must not make it look as if it had left.
        self.debts.put(owed.clone());
        Ok(self.ports.owed.note(&owed).await?)
    }

    /// On the record, then forgotten.
    async fn settle(
        &self,
        owed: &OwedRevocation,
        answer: Result<Revocation, TokenFailure>,
    ) -> Result<(), Refused> {
        let caller = own_voice();
        let (outcome, reason) = match &answer {
            Ok(Revocation::Confirmed) => (Outcome::Ok, None),
            Ok(Revocation::Unsupported) => {
                (Outcome::Ok, Some("this issuer revokes no tokens".to_owned()))
            }
            Ok(Revocation::Withheld) => (
                Outcome::Ok,
                Some("not revoked: at this server that may end the newer sign-in too".to_owned()),
            ),
            Ok(Revocation::Unconfirmed) => (
                Outcome::Failed,
                Some("Ping did not confirm it, and it is not repeated".to_owned()),
            ),
            Ok(Revocation::Pending) => {
                (Outcome::Failed, Some("Ping could not be reached for a day".to_owned()))
            }
            Err(failure) => (Outcome::Failed, Some(failure.to_string())),
        };
        let mut record = Record::new(Event::Revocation, outcome, &caller);
        record.session = Some(&owed.session);
        record.fingerprint = Some(&owed.id);
        record.reason = reason.as_deref();
        // Once, however often its note is still to be removed.
        if !self.debts.is_on_record(&owed.id) {
            self.record(&record)?;
            self.debts.recorded(&owed.id);
        }
        self.ports.owed.forget(owed).await?;
        self.debts.strike(&owed.id);
        Ok(())
    }

    /// The client that the token belongs to, at the hosts that it was made with; the config may no longer
    /// have it, or send it elsewhere.
    pub(crate) fn client_of(&self, key: &SessionKey, stored: &StoredSession) -> Profile {
        let configured = self.session_of(key).ok().map(|session| session.profile());
        let configured = configured.map(|now| (endpoints::standing(stored, &now), now));
        match configured {
            Some((Standing::Ours, now)) => Profile::clone(&now),
            Some((Standing::Elsewhere(_), now)) => endpoints::as_made(stored, &now),
            Some((Standing::Another, _)) | None => {
                let client = (stored.issuer.as_str(), stored.client_id.as_str());
                let bare = Profile::new(key.profile.as_str(), client.0, client.1);
                endpoints::as_made(stored, &bare)
            }
        }
    }
}

fn with_token(stored: StoredSession) -> Option<(StoredSession, RefreshToken)> {
    let token = stored.refresh_token.clone()?;
    Some((stored, token))
}

/// The store or the ledger would not take it.
struct Refused;

impl From<StoreFailure> for Refused {
    fn from(_failure: StoreFailure) -> Self {
        Self
    }
}

impl From<Refusal> for Refused {
    fn from(_refusal: Refusal) -> Self {
        Self
    }
}
