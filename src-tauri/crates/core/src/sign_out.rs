//! Ending a session because a person wants it, or because of [`crate::logout`]: what is owed to Ping is written down before the record is
//! forgotten, and Ping is asked last.

use std::sync::Arc;

use crate::answers::StoreFailure;
use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::Refusal;
use crate::logout::{Out, WindUp};
use crate::ports::{Revocation, RevokedFor};
use crate::profile::Profile;
use crate::refusals;
use crate::request::{Caller, SessionKey};
use crate::session::{Session, SessionState, StoredSession};
use crate::token::AccessToken;

/// What there is to know of a sign-out beside whose it is.
#[derive(Default)]
struct Ending<'a> {
    /// Why, where nobody asked for it, and the record's words.
    because: Option<(Out, &'a str)>,
    /// A record that may be another client's than the session's.
    stored: Option<&'a StoredSession>,
}

/// What a sign-out came to that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// Somebody signed in while it waited for its turn: what is theirs stays.
    NotMeant,
    /// As for whoever asks for it.
    Done(Option<Revocation>),
}

impl Unasked {
    /// Of one that a person asked for, and means whoever is signed in.
    const fn asked(self) -> Option<Revocation> {
        match self {
            Self::NotMeant => None,
            Self::Done(revocation) => revocation,
        }
    }
}

impl Broker {
    /// Revokes the refresh token and forgets the session. `None` where nobody was signed in.
    pub async fn sign_out(
        &self,
        key: &SessionKey,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let session = self.session_of(key)?;
        self.sign_out_of(&session, caller, Ending::default()).await.map(Unasked::asked)
    }

    /// How often somebody signed out of it, whatever is still on its way to Ping.
    pub fn sign_outs(&self, key: &SessionKey) -> u64 {
        self.known(key).map_or(0, |session| session.sign_outs())
    }

    /// As [`Self::sign_out`], where nobody asked for it. `told` is the record's.
    pub async fn sign_out_because(
        &self,
        key: &SessionKey,
        caller: &Caller,
        (out, told): (Out, &str),
    ) -> Result<Unasked, Refusal> {
        let session = self.session_of(key)?;
        // Whoever is at it keeps the sign-out waiting: nobody is served meanwhile.
        session.went(out);
        self.sign_out_of(&session, caller, Ending { because: Some((out, told)), stored: None })
            .await
    }

    /// Only these runs are served from here on. `false` where nobody is signed in, or it goes already.
    pub fn wind_up(
        &self,
        key: &SessionKey,
        caller: &Caller,
        (wind_up, told): (WindUp, &str),
    ) -> Result<bool, Refusal> {
        let session = self.session_of(key)?;
        let goes_on = wind_up.runs.clone();
        if !session.winds_up(wind_up) {
            return Ok(false);
        }
        self.end_leases_but_of(&goes_on, key);
        self.end_approvals_of_session(key);
        // Whoever cannot be told on the record is shut out all the same.
        self.record_sign_out(&session, caller, Some(told)).map(|()| true)
    }

    /// What an earlier life of the agent did: whoever asks hears it.
    pub fn went(&self, key: &SessionKey, out: Out) -> Result<(), Refusal> {
        self.session_of(key).map(|session| session.went(out))
    }

    /// As [`Self::went`], of whom nobody could tell before whether they were ended.
    pub fn recalls(&self, key: &SessionKey, out: Option<Out>) {
        if let Some(session) = self.known(key) {
            session.recalls(out);
        }
    }

    fn record_sign_out(
        &self,
        session: &Session,
        caller: &Caller,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let whose = session.whose();
        let mut record = Record::new(Event::SignOut, Outcome::Ok, caller);
        record.session = Some(&session.key);
        record.person = whose.as_ref().and_then(|whose| whose.person.as_ref());
        record.reason = reason;
        self.record(&record)
    }

    /// As [`Self::sign_out`], of a session that no config in force names. Where one named it before it is still
    /// that session, which may hold a newer token than the record and has something on its way; else it is
    /// what the record says.
    pub async fn sign_out_unnamed(
        &self,
        key: &SessionKey,
        stored: Option<&StoredSession>,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let of_record = |stored| {
            let client = Arc::new(self.client_of(key, stored));
            Arc::new(Session::new(key.clone(), client))
        };
        let Some(session) = self.known(key).or_else(|| stored.map(of_record)) else {
            return Ok(None);
        };
        let ending = Ending { stored, because: None };
        self.sign_out_of(&session, caller, ending).await.map(Unasked::asked)
    }

    /// Those that no config in force names, and of which something is left.
    pub fn unnamed(&self) -> Vec<SessionKey> {
        let (all, now) = (self.all(), self.ports.clock.now());
        all.iter().filter(|one| one.is_left_behind(now)).map(|one| one.key.clone()).collect()
    }

    async fn sign_out_of(
        &self,
        session: &Arc<Session>,
        caller: &Caller,
        Ending { stored, because }: Ending<'_>,
    ) -> Result<Unasked, Refusal> {
        let key = &session.key;
        self.load(session).await;
        let alone = session.alone().await;
        // What cannot be read can neither be revoked nor forgotten, unless it is nothing.
        if let SessionState::Unreadable(failure) = session.state()
            && !matches!(failure, StoreFailure::Corrupt(_))
            && !session.holds_token()
        {
            return Err(refusals::store(&session.profile(), &failure));
        }
        let is_meant = |out: Out| session.since().at().is_none_or(|since| since <= out.at);
        if because.is_some_and(|(out, _)| !is_meant(out)) {
            return Ok(Unasked::NotMeant);
        }
        // Behind its line nothing leaves any more, whatever was granted before it.
        let closing = session.closes();
        self.leases.overtakes();
        self.record_sign_out(session, caller, because.map(|(_, told)| told))?;
        let profile = session.profile();
        let (of_client, rests) = session.tokens_of_client(self.ports.clock.now());
        let mut left = session.sign_out(because.map(|(out, _)| out));
        stored.into_iter().for_each(|stored| left.and(stored));
        // Of a person of before, whom no config names now: nobody read it, and it is not forgotten unrevoked.
        let found = match profile.kind.signs_in() {
            true => Ok(None),
            false => self.ports.store.load(key).await.map(|loaded| loaded.session),
        };
        let unread = match found {
            Ok(found) => {
                found.iter().for_each(|stored| left.and(stored));
                None
            }
            Err(StoreFailure::Corrupt(_)) => None,
            Err(failure) => Some(failure),
        };
        self.end_leases_of_session(key);
        self.end_approvals_of_session(key);
        // The debt is written and the record forgotten first: whatever ends us while Ping is asked, the
        // next start finds nobody signed in, and a token to revoke.
        let mut owed = Vec::new();
        for leaving in left.sessions {
            let debt = self.owe_for(key, &leaving, RevokedFor::Good).await;
            // It ends where it was made, not where the config would send it.
            owed.push((self.client_of(key, &leaving.stored), debt));
        }
        let forgotten = match unread {
            None => self.ports.store.forget(key).await,
            Some(failure) => Err(failure),
        };
        let dropped = self.drop_pending(session, because.map(|(out, _)| out.at)).await;
        let was_signed_in = match &left.was {
            // Nobody is: of a client there is what it was given.
            SessionState::Client(_) => !of_client.is_empty(),
            was => was.stored().is_some(),
        };
        // Who asks for a client begins anew, and waits for no revocation.
        let _turn = profile.kind.signs_in().then_some((alone, closing));
        let mut revocation = was_signed_in.then_some(Revocation::Unsupported);
        for (client, debt) in owed {
            revocation = Some(self.revoke(&client, debt).await);
        }
        if !of_client.is_empty() {
            let revoked = match rests {
                false => self.revoke_of_client(&profile, &of_client).await,
                true => Revocation::Unconfirmed,
            };
            revocation = Some(match revocation {
                Some(Revocation::Unconfirmed) => Revocation::Unconfirmed,
                Some(_) | None => revoked,
            });
        }
        if let Err(failure) = forgotten {
            let refusal = refusals::store(&session.profile(), &failure);
            let cause = refusal.cause.clone().unwrap_or_default();
            let said = revocation.map_or("not signed in", Revocation::as_str).replace('_', " ");
            return Err(refusal.because(format!(
                "nobody is served any more, revocation: {said}; the stored record stays: {cause}"
            )));
        }
        dropped.map(|()| Unasked::Done(revocation))
    }

    /// Asked once each, up to the first that is not answered: they end by themselves soon, and nothing renews
    /// them. A client that was refused is not presented again.
    async fn revoke_of_client(&self, profile: &Profile, tokens: &[AccessToken]) -> Revocation {
        let mut all = Revocation::Confirmed;
        for token in tokens {
            match self.ports.server.revoke_access(profile, token).await {
                Ok(Revocation::Confirmed) => {}
                Ok(Revocation::Pending) => all = Revocation::Unconfirmed,
                Ok(_) if all == Revocation::Unconfirmed => {}
                Ok(revocation) => all = revocation,
                Err(_) => return Revocation::Unconfirmed,
            }
        }
        all
    }
}
