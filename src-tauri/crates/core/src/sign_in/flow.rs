//! The sign-in itself: probe the store, plan, and let browser and device race until one has an answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc};

use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::ports::{
    Browser, Callbacks, Clock, Pending, RefreshTokenStore, SignInServer, TokenFailure,
};
use crate::profile::Profile;
use crate::race::{First, first};
use crate::refusals;
use crate::request::{Caller, SessionKey};
use crate::sign_in::conclude::{Concluded, Conclusion, Stopped};
use crate::sign_in::error_response;
use crate::sign_in::plan::{BROWSER_WINDOW, BrowserWay, DeviceWay, Plan, plan};
use crate::sign_in::poll::{Next, Polling};
use crate::sign_in::{
    Arrival, Assurance, AuthorizationRequest, Offers, Progress, SignInOptions, Step, Verdict,
};
use crate::token::CodeVerifier;

/// The world as a sign-in needs it.
#[derive(Clone)]
pub struct SignInPorts {
    pub clock: Arc<dyn Clock>,
    pub server: Arc<dyn SignInServer>,
    pub store: Arc<dyn RefreshTokenStore>,
    pub browser: Arc<dyn Browser>,
    pub callbacks: Arc<dyn Callbacks>,
    /// 256 fresh random bits, base64url.
    pub random: fn() -> String,
}

impl std::fmt::Debug for SignInPorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInPorts")
    }
}

/// One sign-in on its way.
pub struct SignIn<'a> {
    pub(super) ports: &'a SignInPorts,
    pub(super) profile: Arc<Profile>,
    options: &'a SignInOptions,
    progress: &'a dyn Progress,
    /// Callbacks that a person pasted.
    pasted: Mutex<mpsc::Receiver<Arrival>>,
    conclusion: Conclusion,
}

impl std::fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("profile", &self.profile.name).finish_non_exhaustive()
    }
}

impl Broker {
    /// A sign-in on this session, asked for by that caller.
    pub async fn sign_in<'a>(
        &self,
        key: &SessionKey,
        (ports, options): (&'a SignInPorts, &'a SignInOptions),
        caller: &Caller,
        (progress, pasted): (&'a dyn Progress, mpsc::Receiver<Arrival>),
    ) -> Result<SignIn<'a>, Refusal> {
        let session = self.session_of(key)?;
        self.load(&session).await;
        let profile = session.profile();
        if !profile.kind.signs_in() {
            let has_proof = session.client().is_some_and(|client| client.is_ready());
            return Err(refusals::nobody_signs_in(&profile, has_proof));
        }
        let conclusion = Conclusion {
            broker: self.clone(),
            session,
            profile: profile.clone(),
            assurance: Assurance::asked(&profile, &options.claim, None, ports.clock.now()),
            caller: caller.clone(),
            won: Arc::default(),
        };
        let pasted = Mutex::new(pasted);
        Ok(SignIn { ports, profile, options, progress, pasted, conclusion })
    }
}

/// How long after a failed reading of the keys is the next, while the person is at it?
const KEYS_AGAIN: Duration = Duration::from_secs(5);

type Outcome = Result<Concluded, Refusal>;

impl SignIn<'_> {
    /// Runs to its end. Dropping the future cancels everything it opened; what Ping was asked to redeem
    /// goes on to its own end.
    pub async fn run(&self) -> Result<(), Refusal> {
        let ready = self.ports.store.readiness().await;
        ready.map_err(|failure| refusals::store(&self.profile, &failure))?;
        let offers = self.ports.server.offers(&self.profile).await;
        let offers = offers.map_err(|failure| refusals::signing_in(&self.profile, &failure))?;
        let opening = self.ports.browser.opening(&self.options.desktop);
        let plan = plan(&self.profile, &offers, self.options, opening)?;
        let mut concluded: Pending<'_, Outcome> = Box::pin(self.by_plan(plan, &offers));
        let mut keys: Pending<'_, ()> = Box::pin(self.fetch_keys());
        let concluded = match first(&mut concluded, &mut keys).await {
            First::Left(concluded) => concluded?,
            First::Right(()) => concluded.await?,
        };
        if !concluded.lasts {
            self.note(
                "Ping gave no refresh token: the session ends with its access token (is `offline_access` among the scopes?)"
                    .to_owned(),
            );
        }
        Ok(())
    }

    async fn by_plan(&self, plan: Plan, offers: &Offers) -> Outcome {
        let unopened = Notify::new();
        match (plan.browser, plan.device) {
            (BrowserWay::None, _) => self.device(DeviceWay::Now, &unopened).await,
            (browser, DeviceWay::None) => self.browser(browser, offers, &unopened).await,
            (browser, device) => self.race((browser, device), offers, &unopened).await,
        }
    }

    /// While the person types: after them there is no time for it.
    async fn fetch_keys(&self) {
        while let Err(TokenFailure::Unreachable { .. }) =
            self.ports.server.fetch_keys(&self.profile).await
        {
            self.ports.clock.sleep(KEYS_AGAIN).await;
        }
    }

    async fn race(
        &self,
        (browser, device): (BrowserWay, DeviceWay),
        offers: &Offers,
        unopened: &Notify,
    ) -> Outcome {
        let mut by_browser: Pending<'_, Outcome> =
            Box::pin(self.browser(browser, offers, unopened));
        let mut by_device: Pending<'_, Outcome> = Box::pin(self.device(device, unopened));
        match first(&mut by_browser, &mut by_device).await {
            First::Left(Err(refusal)) if refusal.code != ErrorCode::AccessDenied => {
                self.note(ended("the browser way ended", &refusal, "by code"));
                unopened.notify_one();
                by_device.await
            }
            First::Right(Err(refusal)) if refusal.code != ErrorCode::AccessDenied => {
                self.note(ended("the way by code ended", &refusal, "in the browser"));
                by_browser.await
            }
            First::Left(outcome) | First::Right(outcome) => outcome,
        }
    }

    /// Rings `unopened` where a browser was to open and did not.
    async fn browser(&self, way: BrowserWay, offers: &Offers, unopened: &Notify) -> Outcome {
        let listening = self.ports.callbacks.listen(&self.profile.redirect).await;
        let mut listening = listening.map_err(|cause| self.no_port(cause))?;
        let request = self.request(&listening.redirect_uri);
        let here = way == BrowserWay::Open && !self.options.desktop.remote;
        let address = self.address(here && offers.pushes, &request, listening.start).await?;
        let mut sends_on = self.sends_on(&request, address.clicks);
        let opened = way == BrowserWay::Open && self.open(&address.url, &mut sends_on).await?;
        let until = self.ports.clock.now().plus(BROWSER_WINDOW);
        let expires_at = address.ends.map_or(until, |ends| ends.min(until));
        let redirect_uri = request.redirect_uri.clone();
        let by_https = listening.by_https.clone();
        self.progress.tell(Step::Browser { url: address.url, redirect_uri, opened, expires_at });
        if !opened {
            unopened.notify_one();
        }
        let mut answered: Pending<'_, Outcome> =
            Box::pin(self.answer(&request, offers, &mut listening.arrivals));
        let mut over: Pending<'_, Refusal> = Box::pin(async {
            let mut window = self.window(&by_https, unopened);
            match first(&mut window, &mut sends_on).await {
                First::Left(()) => self.never_came_back(),
                First::Right(refusal) => refusal,
            }
        });
        match first(&mut answered, &mut over).await {
            First::Left(outcome) => outcome,
            First::Right(refusal) => Err(refusal),
        }
    }

    fn request(&self, redirect_uri: &str) -> AuthorizationRequest {
        let nonce = (self.ports.random)();
        AuthorizationRequest {
            redirect_uri: redirect_uri.to_owned(),
            state: (self.ports.random)(),
            assurance: self.asks_for(Some(&nonce)),
            nonce,
            verifier: CodeVerifier::new((self.ports.random)()),
        }
    }

    fn no_port(&self, cause: String) -> Refusal {
        Refusal::new(ErrorCode::ServerError, "no port is free for the browser's answer")
            .because(cause)
            .hint(format!(
                "end what holds one of them, or register another at Ping and add it to `redirect-ports`; `{} --device` needs none",
                self.profile.login()
            ))
    }

    fn never_came_back(&self) -> Refusal {
        Refusal::new(ErrorCode::ExpiredToken, "the browser did not come back within ten minutes")
            .because(format!(
                "is {} registered at Ping?",
                self.profile.redirect.to_register().join(" or ")
            ))
            .hint(format!("run `{}`", self.profile.login()))
    }

    /// As long as the browser is waited for. One that is made to come by https never gets through: then
    /// the code is offered at once.
    fn window<'a>(&'a self, by_https: &'a Notify, unopened: &'a Notify) -> Pending<'a, ()> {
        Box::pin(async move {
            let mut over = self.ports.clock.sleep(BROWSER_WINDOW);
            let mut came: Pending<'_, ()> = Box::pin(by_https.notified());
            if let First::Right(()) = first(&mut over, &mut came).await {
                let instead = self.profile.login();
                self.note(format!(
                    "the browser came back by https, which no local program can answer: have it allow http for 127.0.0.1 (its HTTPS-only mode), or sign in by code (`{instead} --device`)"
                ));
                unopened.notify_one();
                over.await;
            }
        })
    }

    /// It may come for the request before it is known to have opened.
    async fn open(&self, url: &str, sends_on: &mut Pending<'_, Refusal>) -> Result<bool, Refusal> {
        let mut opened = self.ports.browser.open(url, &self.options.desktop);
        match first(&mut opened, sends_on).await {
            First::Left(Ok(())) => Ok(true),
            First::Left(Err(cause)) => {
                self.note(format!("no browser could be opened: {cause}"));
                Ok(false)
            }
            First::Right(refusal) => Err(refusal),
        }
    }

    /// Takes callbacks until one is ours; a foreign or stale one never ends the flow (RFC 8252 §8.9).
    async fn answer(
        &self,
        request: &AuthorizationRequest,
        offers: &Offers,
        arrivals: &mut mpsc::Receiver<Arrival>,
    ) -> Outcome {
        loop {
            let arrival = self.next_arrival(arrivals).await?;
            let Arrival { answer, verdict } = arrival;
            if answer.state.as_deref() != Some(request.state.as_str()) {
                tell(verdict, Verdict::NotThisFlow);
                continue;
            }
            let outcome = match self.right_issuer(answer.iss.as_deref(), offers) {
                Err(refusal) => Err(refusal),
                Ok(()) => match &answer.outcome {
                    Ok(code) => self.conclusion.by_code(code.clone(), request.clone()).await,
                    Err(told) => Err(error_response::refusal(&self.profile, told)),
                },
            };
            tell(verdict, page(&outcome));
            return outcome;
        }
    }

    async fn next_arrival(
        &self,
        arrivals: &mut mpsc::Receiver<Arrival>,
    ) -> Result<Arrival, Refusal> {
        let mut pasted = self.pasted.lock().await;
        let mut by_listener: Pending<'_, Option<Arrival>> = Box::pin(arrivals.recv());
        let mut by_paste: Pending<'_, Option<Arrival>> = Box::pin(pasted.recv());
        let arrival = match first(&mut by_paste, &mut by_listener).await {
            First::Left(Some(arrival)) => Some(arrival),
            // Nobody can paste any more: the listener alone is left.
            First::Left(None) => by_listener.await,
            First::Right(arrival) => arrival,
        };
        arrival.ok_or_else(|| {
            Refusal::new(ErrorCode::ServerError, "the callback listener ended")
                .hint(format!("run `{}` again", self.profile.login()))
        })
    }

    /// RFC 9207 §2.4.
    fn right_issuer(&self, iss: Option<&str>, offers: &Offers) -> Result<(), Refusal> {
        let expected = self.profile.issuer.as_str();
        let cause = match iss {
            Some(iss) if iss == expected => return Ok(()),
            None if !offers.iss_in_callback => return Ok(()),
            Some(_) => "the callback names another issuer",
            None => "the callback names no issuer, though the server says it always does",
        };
        Err(Refusal::new(ErrorCode::InvalidRequest, "the browser's answer is not from this issuer")
            .because(cause)
            .hint("do not sign in again before you know who answered"))
    }

    async fn device(&self, way: DeviceWay, unopened: &Notify) -> Outcome {
        if let DeviceWay::After(span) = way
            && self.is_left_alone(span, unopened).await
        {
            self.note(format!(
                "no answer from the browser yet; if it shows an error about the redirect URI, have {} registered at Ping",
                self.profile.redirect.to_register().join(" or ")
            ));
        }
        let verifier = CodeVerifier::new((self.ports.random)());
        let assurance = self.asks_for(None);
        let device = self.ports.server.device(&self.profile, Some(&verifier), &assurance).await;
        let device = device.map_err(|failure| refusals::signing_in(&self.profile, &failure))?;
        self.progress.tell(Step::Device(device.clone()));
        let verifier = device.pkce.then_some(verifier);
        let conclusion = self.conclusion.asked(assurance);
        let mut polling = Polling::new(&device);
        let mut wait = polling.first_wait(self.ports.clock.now());
        loop {
            self.ports.clock.sleep(wait).await;
            let polled = conclusion.by_device(device.device_code.clone(), verifier.clone()).await;
            let failure = match polled {
                Ok(concluded) => return Ok(concluded),
                Err(Stopped::Refused(refusal)) => return Err(refusal),
                Err(Stopped::ByServer(failure)) => failure,
            };
            match polling.next(failure, self.ports.clock.now()) {
                Next::Wait(span) => wait = span,
                Next::Stop(failure) => return Err(refusals::signing_in(&self.profile, &failure)),
            }
        }
    }

    /// From this moment on.
    fn asks_for(&self, nonce: Option<&str>) -> Assurance {
        let now = self.ports.clock.now();
        Assurance::asked(&self.profile, &self.options.claim, nonce, now)
    }

    /// `false` as soon as no browser opened: nobody can answer there.
    async fn is_left_alone(&self, span: Duration, unopened: &Notify) -> bool {
        let mut over = self.ports.clock.sleep(span);
        let mut none: Pending<'_, ()> = Box::pin(unopened.notified());
        matches!(first(&mut over, &mut none).await, First::Left(()))
    }

    fn note(&self, text: String) {
        self.progress.tell(Step::Note(text));
    }
}

/// Of two ways, with what mends it, since the other one may be no better.
fn ended(what: &str, why: &Refusal, other: &str) -> String {
    let hint = why.hint.iter().map(|hint| format!(" ({hint})")).collect::<String>();
    format!("{what}: {why}{hint}; sign in {other}")
}

/// A browser that has gone away needs no page.
fn tell(page: tokio::sync::oneshot::Sender<Verdict>, verdict: Verdict) {
    if let Err(unseen) = page.send(verdict) {
        drop(unseen);
    }
}

fn page(outcome: &Outcome) -> Verdict {
    match outcome {
        Ok(concluded) => Verdict::SignedIn {
            who: concluded.who.as_ref().map(|who| {
                who.name
                    .clone()
                    .or_else(|| who.email.clone())
                    .unwrap_or_else(|| who.subject.sub.clone())
            }),
        },
        Err(refusal) => Verdict::Failed { code: refusal.code, description: refusal.to_string() },
    }
}
