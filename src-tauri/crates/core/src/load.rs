//! What the store holds of a session, read once for however many ask.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::broker::Broker;
use crate::error::Refusal;
use crate::request::SessionKey;
use crate::session::{Session, SessionState};

impl Broker {
    /// Reads the store, once for however many ask. Returns when the state is known.
    pub async fn load_session(&self, key: &SessionKey) -> Result<(), Refusal> {
        let session = self.session_of(key)?;
        self.load(&session).await;
        Ok(())
    }

    pub(crate) async fn load(&self, session: &Arc<Session>) {
        let _one = session.loading().await;
        if !session.is_unknown() {
            return;
        }
        {
            // What is under way writes what is read here, where the client changed meanwhile.
            let _alone = session.alone().await;
            let read = self.ports.store.load(&session.key).await;
            let now = self.ports.clock.now();
            session.loaded(match read {
                Err(failure) => SessionState::Unreadable(failure),
                Ok(found) => {
                    let profile = session.profile();
                    SessionState::loaded(found.session, found.in_flight, &profile, now)
                }
            });
        }
        if session.is_unknown() {
            return;
        }
        let (own, session) = (self.clone(), session.clone());
        let (done, judged) = oneshot::channel::<()>();
        let stands = session.state().stored().is_some();
        self.ports.spawn.spawn(Box::pin(async move {
            own.judge_pending(&session).await;
            drop(done);
        }));
        // An older session serves meanwhile; where there is none, what was received may be it.
        if !stands {
            match judged.await {
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// A store that could not be read may be readable now.
    pub fn reconsider_store(&self) {
        self.all().iter().for_each(|session| session.reread(false));
    }

    /// The store is another one: it may hold what the one before did not.
    pub fn reread_store(&self) {
        self.all().iter().for_each(|session| session.reread(true));
    }
}
