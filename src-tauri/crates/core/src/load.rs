//! What the store holds of a session, read once for however many ask.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::broker::Broker;
use crate::endpoints::{self, Standing};
use crate::error::Refusal;
use crate::policy::{self, About, Action};
use crate::ports::Loaded;
use crate::principal::Principal;
use crate::profile::Profile;
use crate::request::SessionKey;
use crate::session::{ClientSession, ProofOfClient, Session, SessionState};

impl Broker {
    /// Reads the store, once for however many ask. Returns when the state is known.
    pub async fn load_session(&self, key: &SessionKey) -> Result<(), Refusal> {
        let session = self.session_of(key)?;
        self.load(&session).await;
        Ok(())
    }

    /// Before a policy judges it: a rule may be about who is signed in, and nobody knows that before the store
    /// was read. `Err` where nobody is, so that no rule is blamed for it. Without a policy, and for whoever our
    /// own rules deny, nothing is read.
    pub async fn read_to_judge(
        &self,
        principal: &Principal,
        action: Action,
        about: &impl About,
    ) -> Result<(), Refusal> {
        let resource = about.resource();
        let Some(key) = resource.session.filter(|_| self.ports.authorizer.is_in_force()) else {
            return Ok(());
        };
        if !policy::sees(principal, action, &resource) {
            return Ok(());
        }
        let session = self.session_of(key)?;
        if session.is_unknown() {
            self.load(&session).await;
        }
        session.last().map_or_else(|| Err(session.not_signed_in()), |_| Ok(()))
    }

    pub(crate) async fn load(&self, session: &Arc<Session>) {
        let _one = session.loading().await;
        if !session.is_unknown() {
            return;
        }
        {
            loop {
                let (footing, profile) = (session.footing(), session.profile());
                // What is under way writes what is read here, where the client changed meanwhile. Of a client
                // that nobody signs in to nothing is written.
                let alone = match profile.kind.signs_in() {
                    true => Some(session.alone().await),
                    false => None,
                };
                let state = match profile.kind.signs_in() {
                    true => self.of_store(session, &profile).await,
                    false => self.of_client(session, &profile).await,
                };
                let is_known = session.loaded(state, (&profile, footing));
                drop(alone);
                if is_known {
                    break;
                }
            }
        }
        if session.is_unknown() || session.client().is_some() {
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

    async fn of_store(&self, session: &Session, profile: &Profile) -> SessionState {
        match self.ports.store.load(&session.key).await {
            Err(failure) => SessionState::Unreadable(failure),
            Ok(found) => self.found(session, profile, found).await,
        }
    }

    /// Whether it can prove itself is looked for; nothing else of it is kept anywhere.
    async fn of_client(&self, session: &Session, profile: &Profile) -> SessionState {
        let before = session.client();
        let proof = match (self.ports.server.proves(profile).await, &before) {
            (Ok(true), _) => ProofOfClient::Here,
            (Ok(false), _) => ProofOfClient::Missing,
            // What was served so far goes on; the next grant says what is wrong.
            (Err(_), Some(_)) => ProofOfClient::Here,
            (Err(failure), None) => return SessionState::Unreadable(failure),
        };
        let now = self.ports.clock.now();
        let client = before.unwrap_or_else(|| ClientSession::begun(profile, now));
        SessionState::Client(Box::new(ClientSession { proof, ..client }))
    }

    async fn found(&self, session: &Session, profile: &Profile, found: Loaded) -> SessionState {
        let now = self.ports.clock.now();
        let mut stored = found.session;
        let older = stored.as_mut().filter(|stored| stored.endpoints.is_none());
        if let Some(older) = older
            && endpoints::standing(older, profile) == Standing::Ours
        {
            older.endpoints = Some(endpoints::of(profile));
            // Where Ping does not rotate nothing else writes it down before the next sign-in.
            match self.ports.store.save(&session.key, older).await {
                Ok(_) | Err(_) => {}
            }
        }
        SessionState::loaded(stored, found.in_flight, profile, now)
    }

    /// Another secret or key of that profile's client lies here: what the issuer refused may be granted now.
    pub fn client_changed(&self, profile: &Profile) {
        let all = self.all();
        let is_it = |one: &Profile| one.name == profile.name && one.client_id == profile.client_id;
        let own = all.iter().filter(|session| is_it(&session.profile()));
        own.for_each(|session| session.proof_changed());
        self.alarm.ring();
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
