//! `POST /v1/sign-in`: one sign-in at a time an issuer, told step by step; the stream's end is the
//! sign-in's end. Whoever asks for the one that is under way may join it.

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::mpsc;

use dagpass_client::wire::{DESKTOP_VARIABLES, SignInAsk, SignInEvent};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::RefreshTokenStore;
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::profile::{Flow, Profile};
use dagpass_core::refusals;
use dagpass_core::request::{Caller, SessionKey, Transport};
use dagpass_core::session::{ProofOfClient, SessionState};
use dagpass_core::sign_in::{Arrival, Claim, Desktop, NewProof, Progress, SignInOptions, Step};

use super::reply::{self, Reply};
use super::under_way::{Followers, Place, Seat};
use super::{Api, Asked, status, store_use};

pub(super) fn start(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: SignInAsk = asked.parse()?;
    let (key, profile) = whose(api, &ask)?;
    if !profile.kind.signs_in() {
        let has_proof = match api.broker.session(&key)?.state {
            SessionState::Client(client) => client.proof != ProofOfClient::Missing,
            _ => true,
        };
        return Err(refusals::nobody_signs_in(&profile, has_proof));
    }
    store_use::agrees(api)?;
    let mut options = options(&ask, &asked.principal)?;
    if options.claim.proof == NewProof::Unneeded && api.broker.wants_new_proof(&key)? {
        options.claim.proof = NewProof::Wished;
    }
    let (paste, pasted) = mpsc::channel(1);
    let (seat, told) = match Seat::take(api, (&key, &profile.issuer), (&options, ask.join), paste)?
    {
        Place::Free(seat, told) => (seat, told),
        Place::Joined(told) => return Ok(reply::lines(told)),
    };
    let caller = asked.caller().clone();
    let api = api.clone();
    tokio::spawn(async move {
        let tell = seat.followers();
        let attempt = Attempt { api: &api, key, profile: &profile, options, caller };
        tokio::select! {
            () = attempt.run(pasted, tell) => {}
            // Whoever followed it pressed Ctrl-C: nothing of the flow stays open.
            () = tell.deserted() => {}
        }
    });
    Ok(reply::lines(told))
}

fn whose(api: &Api, ask: &SignInAsk) -> Result<(SessionKey, Arc<Profile>), Refusal> {
    let config = api.config.current();
    if let Some(id) = &ask.connection {
        let connection = config.connection(id, None).map_err(|lookup| lookup.refusal(id))?;
        return Ok((connection.session.clone(), connection.profile.clone()));
    }
    config.session_named(ask.profile.as_deref())
}

fn options(ask: &SignInAsk, principal: &Principal) -> Result<SignInOptions, Refusal> {
    let flow = match ask.flow.as_deref() {
        None => None,
        Some("auto") => Some(Flow::Auto),
        Some("browser") => Some(Flow::Browser),
        Some("device") => Some(Flow::Device),
        Some(_) => {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "no such flow")
                .hint("use auto, browser or device"));
        }
    };
    let variables =
        ask.desktop.iter().filter(|(name, _)| DESKTOP_VARIABLES.contains(&name.as_str()));
    // `BROWSER` is a program to run: the owner's to name, at this machine's own door.
    let variables = variables.filter(|_| is_at_own_door(principal));
    let proof = if ask.fresh { NewProof::Demanded } else { NewProof::Unneeded };
    Ok(SignInOptions {
        flow,
        no_open: ask.no_open,
        desktop: Desktop {
            variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
            remote: ask.remote,
        },
        claim: Claim { proof, accept_subject: ask.accept_subject.clone() },
    })
}

fn is_at_own_door(principal: &Principal) -> bool {
    let local = matches!(principal.caller.transport, Transport::Socket | Transport::Pipe);
    local && principal.kind == Kind::Owner && principal.caller.capability.is_none()
}

struct Attempt<'a> {
    api: &'a Arc<Api>,
    key: SessionKey,
    profile: &'a Profile,
    options: SignInOptions,
    caller: Caller,
}

impl Attempt<'_> {
    async fn run(&self, pasted: mpsc::Receiver<Arrival>, tell: &Arc<Followers>) {
        let last = match self.sign_in(pasted, tell).await {
            Ok(event) => event,
            Err(refusal) => self.failed(&refusal),
        };
        tell.tell(line(&last));
    }

    async fn sign_in(
        &self,
        pasted: mpsc::Receiver<Arrival>,
        tell: &Arc<Followers>,
    ) -> Result<SignInEvent, Refusal> {
        let broker = &self.api.broker;
        self.open_store(tell).await?;
        let how = (&self.api.sign_in, &self.options);
        let progress = Teller { tell: tell.clone(), session: self.key.account() };
        broker.sign_in(&self.key, how, &self.caller, (&progress, pasted)).await?.run().await?;
        let view = broker.session(&self.key)?;
        Ok(SignInEvent::SignedIn { status: Box::new(status::profile(self.api, &view)) })
    }

    /// A person is here: what the keychain asks is answered before anything else is begun, and not
    /// asked again after a no. Whatever else stands in the way is told by the sign-in itself.
    async fn open_store(&self, tell: &Arc<Followers>) -> Result<(), Refusal> {
        let store = &self.api.store;
        while store.readiness().await.is_err() && store.is_asking() {
            let text = "the keychain asks you something: answer its prompt".to_owned();
            tell.tell(line(&SignInEvent::Note { text }));
            let answered = store.answered().await;
            answered.map_err(|failure| refusals::store(self.profile, &failure))?;
        }
        self.api.broker.reconsider_store();
        Ok(())
    }

    fn failed(&self, refusal: &Refusal) -> SignInEvent {
        let mut record = Record::new(Event::SignIn, Outcome::Failed, &self.caller);
        record.session = Some(&self.key);
        record.error = Some(refusal.code.as_str());
        record.reason = refusal.cause.as_deref();
        if let Err(failure) = self.api.witness.record(&record) {
            tracing::error!(%failure, "a failed sign-in is not on the record");
        }
        SignInEvent::Failed { error: reply::error_reply(refusal) }
    }
}

/// Passes the steps on to the stream.
struct Teller {
    tell: Arc<Followers>,
    session: String,
}

impl Progress for Teller {
    fn tell(&self, step: Step) {
        let event = match step {
            Step::Browser { url, redirect_uri, opened, expires_at } => SignInEvent::Browser {
                session: self.session.clone(),
                url,
                redirect_uri,
                opened,
                paste: true,
                expires_at: expires_at.as_secs(),
            },
            Step::Device(device) => SignInEvent::Device {
                user_code: device.user_code,
                verification_uri: device.verification_uri,
                verification_uri_complete: device.verification_uri_complete,
                expires_at: device.expires_at.as_secs(),
            },
            Step::Note(text) => SignInEvent::Note { text },
        };
        self.tell.tell(line(&event));
    }
}

pub(super) fn line(event: &SignInEvent) -> Bytes {
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_at_this_machine_s_own_door_names_a_program_to_run() {
        let desktop = [("BROWSER".to_owned(), "/srv/browser.sh".to_owned())].into();
        let ask = SignInAsk { desktop, ..SignInAsk::default() };
        let by = |kind, transport, capability: Option<&str>| {
            let capability = capability.map(str::to_owned);
            Principal::new(kind, Caller { transport, capability, ..Caller::default() })
        };
        let run = || Kind::Run("run-1".to_owned());
        for (principal, named) in [
            (by(Kind::Owner, Transport::Socket, None), true),
            (by(Kind::Owner, Transport::Pipe, None), true),
            (by(Kind::Owner, Transport::Tcp, Some("endpoint")), false),
            (by(Kind::Owner, Transport::Socket, Some("endpoint")), false),
            (by(Kind::Agent, Transport::Agent, None), false),
            (by(run(), Transport::Socket, Some("run-1")), false),
            (by(Kind::Container("etl".to_owned()), Transport::Socket, None), false),
            (by(Kind::Forwarded("box".to_owned()), Transport::Socket, None), false),
            (by(Kind::Relay, Transport::Socket, None), false),
        ] {
            let options = options(&ask, &principal).expect("no flow is named");
            assert_eq!(!options.desktop.variables.is_empty(), named, "{principal:?}");
        }
    }
}
