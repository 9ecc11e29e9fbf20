//! `POST /v1/sign-in`, its pasted callback, and `POST /v1/sign-out`. One sign-in at a time an issuer;
//! the stream's end is the sign-in's end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use dagpass_client::wire::{
    DESKTOP_VARIABLES, PastedCallback, SignInAsk, SignInEvent, SignOutAsk, SignOutReply, SignedOut,
};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::{RefreshTokenStore, Revocation};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::profile::{Flow, Issuer, Profile};
use dagpass_core::refusals;
use dagpass_core::request::{Caller, SessionKey, Transport};
use dagpass_core::session::SessionState;
use dagpass_core::sign_in::{Arrival, Desktop, Progress, SignIn, SignInOptions, Step, Verdict};

use super::reply::{self, Reply};
use super::{Api, Asked, deployments, orphans, patience, status, store_use};
use crate::callback;

pub(super) const NOT_SIGNED_IN: &str = "not_signed_in";
pub(super) const PENDING: &str = Revocation::Pending.as_str();
pub(super) const UNCONFIRMED: &str = Revocation::Unconfirmed.as_str();

/// Sign-ins under way, by issuer, each with the way a pasted callback reaches it.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<Issuer, mpsc::Sender<Arrival>>>);

impl SignIns {
    pub(super) fn under_way(&self, issuer: &Issuer) -> bool {
        self.table().contains_key(issuer)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Issuer, mpsc::Sender<Arrival>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn start(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: SignInAsk = asked.parse()?;
    let (key, profile) = whose(api, &ask)?;
    store_use::agrees(api)?;
    let mut options = options(&ask, &asked.principal)?;
    // An Airflow deployment asked for a new proof of identity: another one of the old kind is none.
    options.fresh |= api.broker.wants_new_proof(&key)?;
    let (paste, pasted) = mpsc::channel(1);
    let seat = Seat::take(api, &profile.issuer, paste)?;
    let (tell, told) = mpsc::channel(16);
    let caller = asked.caller().clone();
    let api = api.clone();
    tokio::spawn(async move {
        let _seat = seat;
        let attempt = Attempt { api: &api, key, profile: &profile, options, caller };
        tokio::select! {
            () = attempt.run(pasted, &tell) => {}
            // The person pressed Ctrl-C: nothing of the flow stays open.
            () = tell.closed() => {}
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
    let profile = config.profile(ask.profile.as_deref())?;
    Ok((SessionKey { profile: profile.name.clone(), connection: None }, profile.clone()))
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
    Ok(SignInOptions {
        flow,
        no_open: ask.no_open,
        desktop: Desktop {
            variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
            remote: ask.remote,
        },
        fresh: ask.fresh,
        accept_subject: ask.accept_subject.clone(),
    })
}

fn is_at_own_door(principal: &Principal) -> bool {
    let local = matches!(principal.caller.transport, Transport::Socket | Transport::Pipe);
    local && principal.kind == Kind::Owner && principal.caller.capability.is_none()
}

/// One issuer's place among the sign-ins under way; freed when the sign-in ends, however it ends.
struct Seat {
    api: Arc<Api>,
    issuer: Issuer,
}

impl Seat {
    fn take(
        api: &Arc<Api>,
        issuer: &Issuer,
        paste: mpsc::Sender<Arrival>,
    ) -> Result<Self, Refusal> {
        let mut table = api.sign_ins.table();
        if table.contains_key(issuer) {
            return Err(Refusal::new(
                ErrorCode::InteractionRequired,
                format!("a sign-in at {} is under way already", issuer.as_str()),
            )
            .hint("finish it in the browser, or press Ctrl-C where it was started"));
        }
        table.insert(issuer.clone(), paste);
        drop(table);
        api.changed();
        Ok(Self { api: api.clone(), issuer: issuer.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.api.sign_ins.table().remove(&self.issuer);
        self.api.changed();
    }
}

struct Attempt<'a> {
    api: &'a Arc<Api>,
    key: SessionKey,
    profile: &'a Profile,
    options: SignInOptions,
    caller: Caller,
}

impl Attempt<'_> {
    async fn run(&self, pasted: mpsc::Receiver<Arrival>, tell: &mpsc::Sender<Bytes>) {
        let last = match self.sign_in(pasted, tell).await {
            Ok(event) => event,
            Err(refusal) => self.failed(&refusal),
        };
        send(tell, &last).await;
    }

    async fn sign_in(
        &self,
        pasted: mpsc::Receiver<Arrival>,
        tell: &mpsc::Sender<Bytes>,
    ) -> Result<SignInEvent, Refusal> {
        let broker = &self.api.broker;
        self.open_store(tell).await?;
        let previous = broker.previous(&self.key).await?;
        let sign_in = SignIn {
            ports: &self.api.sign_in,
            profile: self.profile,
            previous: previous.as_ref(),
            options: &self.options,
            progress: &Teller { tell: tell.clone() },
            pasted: tokio::sync::Mutex::new(pasted),
        };
        let (stored, set) = sign_in.run().await?;
        broker.adopt(&self.key, stored, set, &self.caller).await?;
        let view = broker.session(&self.key)?;
        Ok(SignInEvent::SignedIn { status: Box::new(status::profile(self.api, &view)) })
    }

    /// A person is here: what the keychain asks is answered before anything else is begun, and not
    /// asked again after a no. Whatever else stands in the way is told by the sign-in itself.
    async fn open_store(&self, tell: &mpsc::Sender<Bytes>) -> Result<(), Refusal> {
        let store = &self.api.store;
        while store.readiness().await.is_err() && store.is_asking() {
            let text = "the keychain asks you something: answer its prompt".to_owned();
            send(tell, &SignInEvent::Note { text }).await;
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
    tell: mpsc::Sender<Bytes>,
}

impl Progress for Teller {
    fn tell(&self, step: Step) {
        let event = match step {
            Step::Browser { url, redirect_uri, opened, expires_at } => SignInEvent::Browser {
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
        // A reader that has gone away ends the sign-in by itself.
        if let Err(error) = self.tell.try_send(line(&event)) {
            tracing::debug!(%error, "sign-in event not delivered");
        }
    }
}

async fn send(tell: &mpsc::Sender<Bytes>, event: &SignInEvent) {
    if tell.send(line(event)).await.is_err() {
        tracing::debug!("the sign-in's caller is gone");
    }
}

fn line(event: &SignInEvent) -> Bytes {
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}

pub(super) async fn pasted(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let pasted: PastedCallback = asked.parse()?;
    let issuer = api.config.current().profile(Some(&pasted.profile))?.issuer.clone();
    let way = api.sign_ins.table().get(&issuer).cloned();
    let Some(way) = way else {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "no sign-in is under way")
            .hint(format!("run `dagpass login {} --no-open`", pasted.profile)));
    };
    let not_one = || {
        Refusal::new(ErrorCode::InvalidRequest, "that is not the callback URL of this sign-in")
            .hint("copy the whole address from the browser's address bar")
    };
    let answer = callback::pasted(&pasted.url).ok_or_else(not_one)?;
    let (verdict, judged) = oneshot::channel();
    way.send(Arrival { answer, verdict }).await.map_err(|_gone| not_one())?;
    match judged.await {
        Ok(Verdict::SignedIn { .. }) => Ok(reply::json(&serde_json::json!({ "signed_in": true }))),
        Ok(Verdict::Failed { code: _, description }) => {
            Err(Refusal::new(ErrorCode::AccessDenied, "the sign-in failed").because(description))
        }
        Ok(Verdict::NotThisFlow) | Err(_) => Err(not_one()),
    }
}

pub(super) async fn sign_out(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: SignOutAsk = asked.parse()?;
    if !api.config.is_known() {
        let profiles = orphans::sign_out(api, &ask, asked.caller()).await?;
        return Ok(reply::json(&SignOutReply { profiles }));
    }
    let config = api.config.current();
    let keys = if ask.all {
        config.sessions()
    } else {
        let profile = config.profile(ask.profile.as_deref())?;
        vec![SessionKey { profile: profile.name.clone(), connection: None }]
    };
    let ends: Vec<_> = keys.iter().map(|key| end(api, key, asked.caller())).collect();
    let until = Instant::now() + patience::SHORT;
    let mut reply = SignOutReply::default();
    for (key, end) in keys.iter().zip(ends) {
        let signed_out = match timeout_at(until, end).await {
            Ok(ended) => ended?,
            Err(_elapsed) => so_far(api, key)?,
        };
        let end_session_url = match (ask.sso, config.session(key)) {
            (true, Some(profile)) => end_session_url(api, &profile, until).await,
            _ => None,
        };
        reply.profiles.push(SignedOut { end_session_url, ..signed_out });
    }
    Ok(reply::json(&reply))
}

/// Ends one session, here and, where it can be told, at Ping. Begun at once, and to the end, also where
/// whoever asked for it goes away: what was begun is never half a sign-out.
pub(super) fn end(
    api: &Arc<Api>,
    key: &SessionKey,
    caller: &Caller,
) -> impl Future<Output = Result<SignedOut, Refusal>> + use<> {
    let (own, key, caller) = (api.clone(), key.clone(), caller.clone());
    let ended = api.tasks.detached(async move { ended(&own, &key, &caller).await });
    async move { ended.await.unwrap_or_else(|| Err(broke_off())) }
}

/// Ping keeps a sign-out, which goes on. It is one here already, unless it waits behind a refresh.
fn so_far(api: &Api, key: &SessionKey) -> Result<SignedOut, Refusal> {
    let view = api.broker.session(key)?;
    if !matches!(view.state, SessionState::SignedOut) {
        return Err(patience::of_a_deed());
    }
    Ok(SignedOut {
        profile: key.account(),
        revocation: UNCONFIRMED.to_owned(),
        end_session_url: None,
        deployments: Vec::new(),
    })
}

pub(super) fn broke_off() -> Refusal {
    Refusal::new(ErrorCode::ServerError, "the sign-out broke off")
        .hint("run `dagpass status` to see what it came to")
}

async fn ended(api: &Api, key: &SessionKey, caller: &Caller) -> Result<SignedOut, Refusal> {
    let ended = api.broker.sign_out(key, caller).await;
    // After the session: what is bought meanwhile finds nobody signed in, and is given back.
    let deployments = api.broker.log_out(key, caller).await?;
    if key.connection.is_none() {
        let now = api.clock.now();
        api.items.forget(&api.config.current(), &key.profile, now).await;
    }
    Ok(SignedOut {
        profile: key.account(),
        revocation: word(ended?).to_owned(),
        end_session_url: None,
        deployments: deployments::signed_out(deployments),
    })
}

async fn end_session_url(api: &Api, profile: &Profile, until: Instant) -> Option<String> {
    let found = timeout_at(until, api.ping.end_session_url(profile)).await.ok()?;
    found.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "the end-session address is not known");
        None
    })
}

pub(super) fn word(revocation: Option<Revocation>) -> &'static str {
    match revocation {
        None => NOT_SIGNED_IN,
        Some(revocation) => revocation.as_str(),
    }
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
