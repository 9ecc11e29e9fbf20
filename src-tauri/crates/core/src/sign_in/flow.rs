//! The sign-in itself: probe the store, plan, let browser and device race, check who came.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc};

use crate::endpoints;
use crate::error::{ErrorCode, Refusal};
use crate::ports::{
    AuthorizationServer, Browser, Callbacks, Clock, Grant, Pending, RefreshTokenStore, TokenFailure,
};
use crate::profile::Profile;
use crate::race::{First, first};
use crate::refusals;
use crate::session::StoredSession;
use crate::sign_in::plan::{BROWSER_WINDOW, BrowserWay, DeviceWay, plan};
use crate::sign_in::poll::{Next, Polling};
use crate::sign_in::{
    Arrival, AuthorizationRequest, Desktop, Offers, Progress, SignInOptions, Step, Verdict,
};
use crate::token::{AuthorizationCode, CodeVerifier, TokenSet};

/// The world as a sign-in needs it.
#[derive(Clone)]
pub struct SignInPorts {
    pub clock: Arc<dyn Clock>,
    pub server: Arc<dyn AuthorizationServer>,
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
    pub ports: &'a SignInPorts,
    pub profile: &'a Profile,
    /// The session it would replace.
    pub previous: Option<&'a StoredSession>,
    pub options: &'a SignInOptions,
    pub progress: &'a dyn Progress,
    /// Callbacks that a person pasted.
    pub pasted: Mutex<mpsc::Receiver<Arrival>>,
}

impl std::fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("profile", &self.profile.name).finish_non_exhaustive()
    }
}

type Outcome = Result<TokenSet, Refusal>;

impl SignIn<'_> {
    /// Runs to its end. Dropping the future cancels everything it opened.
    pub async fn run(&self) -> Result<(StoredSession, TokenSet), Refusal> {
        let ready = self.ports.store.readiness().await;
        ready.map_err(|failure| refusals::store(self.profile, &failure))?;
        let offers = self.ports.server.offers(self.profile).await;
        let offers = offers.map_err(|failure| refusals::token(self.profile, &failure))?;
        let opening = self.ports.browser.opening(&self.options.desktop);
        let plan = plan(self.profile, &offers, self.options, opening)?;
        let unopened = Notify::new();
        let set = match (plan.browser, plan.device) {
            (BrowserWay::None, _) => self.device(DeviceWay::Now, &unopened).await?,
            (browser, DeviceWay::None) => self.browser(browser, &offers, &unopened).await?,
            (browser, device) => self.race((browser, device), &offers, &unopened).await?,
        };
        self.welcome(set).await
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
                self.note(format!("the browser way ended ({refusal}); the code still works"));
                unopened.notify_one();
                by_device.await
            }
            First::Right(Err(refusal)) if refusal.code != ErrorCode::AccessDenied => {
                self.note(format!("no code can be had ({refusal}); the browser way still works"));
                by_browser.await
            }
            First::Left(outcome) | First::Right(outcome) => outcome,
        }
    }

    /// Rings `unopened` where a browser was to open and did not.
    async fn browser(&self, way: BrowserWay, offers: &Offers, unopened: &Notify) -> Outcome {
        let listening = self.ports.callbacks.listen(&self.profile.redirect).await;
        let mut listening = listening.map_err(|cause| {
            Refusal::new(ErrorCode::ServerError, "no port is free for the browser's answer")
                .because(cause)
                .hint("add `0` to `redirect-ports`, or run `dagpass login --device`")
        })?;
        let request = AuthorizationRequest {
            redirect_uri: listening.redirect_uri.clone(),
            state: (self.ports.random)(),
            nonce: (self.ports.random)(),
            verifier: CodeVerifier::new((self.ports.random)()),
            prompt: self.options.fresh.then(|| "login".to_owned()).or(self.profile.prompt.clone()),
        };
        let url = self.ports.server.authorize(self.profile, &request).await;
        let url = url.map_err(|failure| refusals::token(self.profile, &failure))?;
        let opened = way == BrowserWay::Open && self.open(&url, &self.options.desktop).await;
        let expires_at = self.ports.clock.now().plus(BROWSER_WINDOW);
        let redirect_uri = request.redirect_uri.clone();
        self.progress.tell(Step::Browser { url, redirect_uri, opened, expires_at });
        if !opened {
            unopened.notify_one();
        }
        let mut answered: Pending<'_, Outcome> =
            Box::pin(self.answer(&request, offers, &mut listening.arrivals));
        let mut over = self.ports.clock.sleep(BROWSER_WINDOW);
        match first(&mut answered, &mut over).await {
            First::Left(outcome) => outcome,
            First::Right(()) => Err(Refusal::new(
                ErrorCode::ExpiredToken,
                "the browser did not come back within ten minutes",
            )
            .because(format!("is `{}` registered at Ping?", request.redirect_uri))
            .hint(format!("run `{}`", self.profile.login()))),
        }
    }

    async fn open(&self, url: &str, desktop: &Desktop) -> bool {
        match self.ports.browser.open(url, desktop).await {
            Ok(()) => true,
            Err(cause) => {
                self.note(format!("no browser could be opened: {cause}"));
                false
            }
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
                    Ok(code) => self.redeem(code, request).await,
                    Err(error) => Err(Refusal::new(
                        ErrorCode::AccessDenied,
                        format!("Ping refused the sign-in ({})", error.error),
                    )
                    .because(error.description.clone())),
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
                .hint("run `dagpass login` again")
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

    async fn redeem(&self, code: &AuthorizationCode, request: &AuthorizationRequest) -> Outcome {
        let grant = Grant::AuthorizationCode { code, request };
        let set = self.ports.server.redeem(self.profile, grant).await;
        set.map_err(|failure| self.no_session(&failure))
    }

    async fn device(&self, way: DeviceWay, unopened: &Notify) -> Outcome {
        if let DeviceWay::After(span) = way
            && self.is_left_alone(span, unopened).await
        {
            let uris =
                self.profile.redirect.ports.iter().map(|port| self.profile.redirect.uri(*port));
            let uris: Vec<String> = uris.collect();
            self.note(format!(
                "no answer from the browser yet; if it shows an error about the redirect URI, have {} registered at Ping",
                uris.join(" or ")
            ));
        }
        let verifier = CodeVerifier::new((self.ports.random)());
        let device = self.ports.server.device(self.profile, Some(&verifier)).await;
        let device = device.map_err(|failure| self.no_session(&failure))?;
        self.progress.tell(Step::Device(device.clone()));
        let verifier = device.pkce.then_some(&verifier);
        let mut polling = Polling::new(&device);
        let mut wait = polling.first_wait();
        loop {
            self.ports.clock.sleep(wait).await;
            let grant = Grant::DeviceCode { code: &device.device_code, verifier };
            let answer = self.ports.server.redeem(self.profile, grant).await;
            match polling.next(answer, self.ports.clock.now()) {
                Next::Wait(span) => wait = span,
                Next::Done(set) => return Ok(*set),
                Next::Stop(failure) => return Err(self.no_session(&failure)),
            }
        }
    }

    /// `false` as soon as no browser opened: nobody can answer there.
    async fn is_left_alone(&self, span: Duration, unopened: &Notify) -> bool {
        let mut over = self.ports.clock.sleep(span);
        let mut none: Pending<'_, ()> = Box::pin(unopened.notified());
        matches!(first(&mut over, &mut none).await, First::Left(()))
    }

    /// Somebody signed in. Is it who it was, and did they prove it anew where that was asked?
    async fn welcome(&self, set: TokenSet) -> Result<(StoredSession, TokenSet), Refusal> {
        if let Err(refusal) = self.right_person(&set) {
            if let Some(token) = &set.refresh_token
                && let Err(failure) = self.ports.server.revoke(self.profile, token).await
            {
                self.note(format!("the new session could not be revoked: {failure}"));
            }
            return Err(refusal);
        }
        if set.refresh_token.is_none() {
            self.note(
                "Ping gave no refresh token: the session ends with its access token (is `offline_access` among the scopes?)"
                    .to_owned(),
            );
        }
        let stored = StoredSession {
            issuer: self.profile.issuer.clone(),
            client_id: self.profile.client_id.clone(),
            endpoints: Some(endpoints::of(self.profile)),
            identity: set.identity.clone(),
            granted: set.scope.clone().unwrap_or_else(|| self.profile.scopes.clone()),
            refresh_token: set.refresh_token.clone(),
            refresh_expires_at: set.refresh_expires_at,
            signed_in_at: set.received_at,
            generation: self.previous.map_or(1, |before| before.generation + 1),
        };
        Ok((stored, set))
    }

    fn right_person(&self, set: &TokenSet) -> Result<(), Refusal> {
        let before = self.previous.and_then(|session| session.identity.as_ref());
        let (Some(before), Some(now)) = (before, set.identity.as_ref()) else { return Ok(()) };
        let agreed = self.options.accept_subject.as_deref() == Some(now.subject.sub.as_str());
        if before.subject != now.subject && !agreed {
            return Err(Refusal::new(
                ErrorCode::SubjectChanged,
                format!("another person signed in on {}", self.profile.called()),
            )
            .because(format!("it was `{}`, now it is `{}`", before.subject.sub, now.subject.sub))
            .hint(format!(
                "if that is meant, run `{} --accept-subject {}`",
                self.profile.login(),
                now.subject.sub
            )));
        }
        let same = before.subject == now.subject;
        if self.options.fresh
            && same
            && now.auth_time.is_some()
            && now.auth_time <= before.auth_time
        {
            return Err(Refusal::new(
                ErrorCode::InsufficientUserAuthentication,
                "Ping did not ask for a new proof of identity",
            )
            .because("`auth_time` did not move, although `prompt=login` was sent"));
        }
        Ok(())
    }

    fn no_session(&self, failure: &TokenFailure) -> Refusal {
        match failure {
            // While signing in nothing has ended: say what Ping said.
            TokenFailure::Rejected { error, description } => {
                Refusal::new(ErrorCode::AccessDenied, "Ping refused the sign-in")
                    .because(format!("{error}: {description}"))
                    .hint(format!("run `{}`", self.profile.login()))
            }
            other => refusals::token(self.profile, other),
        }
    }

    fn note(&self, text: String) {
        self.progress.tell(Step::Note(text));
    }
}

/// A browser that has gone away needs no page.
fn tell(page: tokio::sync::oneshot::Sender<Verdict>, verdict: Verdict) {
    if let Err(unseen) = page.send(verdict) {
        drop(unseen);
    }
}

fn page(outcome: &Outcome) -> Verdict {
    match outcome {
        Ok(set) => Verdict::SignedIn {
            who: set.identity.as_ref().map(|who| {
                who.name
                    .clone()
                    .or_else(|| who.email.clone())
                    .unwrap_or_else(|| who.subject.sub.clone())
            }),
        },
        Err(refusal) => Verdict::Failed {
            code: refusal.code.as_str().to_owned(),
            description: refusal.to_string(),
        },
    }
}
