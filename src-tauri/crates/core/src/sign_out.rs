//! Ending a session because a person wants it: what is owed to Ping is written down before the record is
//! forgotten, and Ping is asked last.

use std::sync::Arc;

use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::Refusal;
use crate::ports::{Revocation, RevokedFor};
use crate::refusals;
use crate::request::{Caller, SessionKey};
use crate::session::{Session, SessionState, StoredSession};

impl Broker {
    /// Revokes the refresh token and forgets the session. `None` where nobody was signed in.
    pub async fn sign_out(
        &self,
        key: &SessionKey,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let session = self.session_of(key)?;
        self.sign_out_of(&session, caller).await
    }

    /// As [`Self::sign_out`], of a session that no config in force names: by what its record says.
    pub async fn sign_out_unknown(
        &self,
        key: &SessionKey,
        stored: &StoredSession,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let client = Arc::new(self.client_of(key, stored));
        self.sign_out_of(&Arc::new(Session::new(key.clone(), client)), caller).await
    }

    async fn sign_out_of(
        &self,
        session: &Arc<Session>,
        caller: &Caller,
    ) -> Result<Option<Revocation>, Refusal> {
        let key = &session.key;
        self.load(session).await;
        let _alone = session.alone().await;
        let mut record = Record::new(Event::SignOut, Outcome::Ok, caller);
        record.session = Some(key);
        self.record(&record)?;
        let before = session.sign_out();
        // The debt is written and the record forgotten first: whatever ends us while Ping is asked, the
        // next start finds nobody signed in, and a token to revoke.
        let owed = match before.stored() {
            Some(stored) => Some(self.owe_to(key, stored, RevokedFor::Good).await),
            None => None,
        };
        let forgotten = self.ports.store.forget(key).await;
        let dropped = self.drop_pending(session).await;
        let revocation = match owed {
            Some(owed) => Some(self.revoke(&session.profile(), owed).await),
            None => None,
        };
        if let Err(failure) = forgotten {
            // Nobody knows what the store still has: it is read when it can be.
            let unread = matches!(before, SessionState::Unloaded | SessionState::Unreadable(_));
            if unread {
                session.loaded(SessionState::Unloaded);
            }
            return Err(refusals::store(&session.profile(), &failure));
        }
        dropped.map(|()| revocation)
    }
}
