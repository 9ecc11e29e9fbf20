//! The straight line of one request: decide, record, cache or refresh, record, issue. A method of
//! `Broker` is a use case; what is held of a session is its own.

mod renewal;
mod told;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::alarm::Alarm;
use crate::approvals::Approvals;
use crate::audit::{Event, Outcome, Receipt, Record, Served};
use crate::cache::Cached;
use crate::deployment::DeploymentView;
use crate::error::{ErrorCode, Refusal};
use crate::issuer_limit::IssuerLimits;
use crate::lanes::{self, Lane, Shares};
use crate::leases::{Leases, Use};
use crate::logout::Rules;
use crate::owed::debts::Debts;
use crate::policy::{self, About, Action, Bench, Permit};
use crate::ports::{Pending, Ports};
use crate::principal::Principal;
use crate::profile::Profile;
use crate::race::{First, first};
use crate::refusals::{self, not_recorded};
use crate::request::{Obtain, Reach, SessionKey, Target, TokenRequest};
use crate::session::{Cause, Fetched, Flight, Plan, Session, Whose};
use crate::token::{AccessToken, TokenSet};

pub use crate::session::SessionView;

use told::{Asked, decision, program};

/// How long does a caller wait for a new token while the old one is still valid?
const PATIENCE: Duration = Duration::from_secs(2);

/// And where the old one is not what he needs? Less than he is kept by the local API.
const LONG_PATIENCE: Duration = Duration::from_secs(6);

/// Sessions and their tokens. The one place a token is handed out from.
#[derive(Clone)]
pub struct Broker {
    pub(crate) ports: Ports,
    pub(crate) debts: Debts,
    pub(crate) limits: IssuerLimits,
    pub(crate) alarm: Alarm,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) leases: Arc<Leases>,
    shares: Arc<Shares>,
    /// By which people are signed out.
    logout: Arc<RwLock<Rules>>,
    sessions: Arc<RwLock<HashMap<SessionKey, Arc<Session>>>>,
}

/// A token on its way to a caller, already on the record.
#[derive(Clone, Debug)]
pub struct Issued {
    pub set: Arc<TokenSet>,
    pub served: Served,
    /// The issuer cannot give what `min_ttl` asked for.
    pub short_lived: bool,
    /// Where it stands on the record.
    pub receipt: Option<Receipt>,
}

impl Issued {
    pub fn access_token(&self) -> &AccessToken {
        &self.set.access_token
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Broker")
    }
}

impl Broker {
    pub fn new(ports: Ports) -> Self {
        let approvals = Approvals::open(ports.approvals.clone(), ports.clock.now());
        Self {
            approvals: Arc::new(approvals),
            leases: Arc::default(),
            ports,
            debts: Debts::default(),
            limits: IssuerLimits::default(),
            alarm: Alarm::default(),
            shares: Arc::default(),
            logout: Arc::default(),
            sessions: Arc::default(),
        }
    }

    /// Takes the sessions a config has. A session stays the same one; its profile is another.
    pub fn configure(&self, sessions: impl IntoIterator<Item = (SessionKey, Arc<Profile>)>) {
        let now = self.ports.clock.now();
        let mut known = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        let mut gone: HashSet<SessionKey> = known.keys().cloned().collect();
        for (key, profile) in sessions {
            gone.remove(&key);
            match known.entry(key) {
                Entry::Occupied(session) => session.get().take_profile(profile, now),
                Entry::Vacant(place) => {
                    let session = Session::new(place.key().clone(), profile);
                    place.insert(Arc::new(session));
                }
            }
        }
        // What is on its way for it goes on, and it is the same one where the config has it again.
        gone.iter().filter_map(|key| known.get(key)).for_each(|session| session.goes_away());
        drop(known);
        self.alarm.ring();
    }

    /// By which people are signed out from here on, also before anybody looks.
    pub fn signs_out_by(&self, rules: Rules) {
        *self.logout.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    fn serves(&self, session: &Session, principal: &Principal) -> Result<(), Refusal> {
        let rules = self.logout.read().unwrap_or_else(PoisonError::into_inner);
        session.serves(principal, &rules, self.ports.clock.now())
    }

    /// Judges, and puts the decision on the record: what cannot be recorded is denied.
    pub fn permit<T: About>(
        &self,
        principal: &Principal,
        action: Action,
        about: T,
    ) -> Result<Permit<T>, Refusal> {
        let now = self.ports.clock.now();
        let engine = self.ports.authorizer.as_ref();
        let named = about.resource().session.filter(|_| engine.is_in_force());
        let signed_in = named.and_then(|key| self.sign_in_of(key, now));
        let bench = Bench { engine, approvals: &self.approvals, now, signed_in };
        policy::authorize(&bench, principal, (action, about), |resource, judged| {
            let mut line = decision(&principal.caller, action, resource, judged);
            line.program = program(principal, action, judged.is_err());
            self.record(&line)
        })
    }

    /// The data path. The permit is spent: what it was given for is what is issued, to nobody else. One line
    /// of the record tells the decision and what it came to; where somebody has to be asked first, a line of
    /// what was permitted stands before that.
    pub async fn token(
        &self,
        permit: Permit<TokenRequest>,
        principal: &Principal,
    ) -> Result<Issued, Refusal> {
        let of = permit.sign_in();
        let (action, request, basis) = permit.spend_untold();
        let (request, caller) = (&request, &principal.caller);
        let asked = Asked { action, request, caller, basis: &basis, of };
        let now = self.ports.clock.now();
        let served =
            match self.shares.take(&principal.lane, &lanes::audience(request), (caller, now)) {
                Ok(counted) => self.serve(asked, principal).await.inspect(|_| counted.keep()),
                Err(refusal) => Err(refusal),
            };
        served.inspect_err(|refusal| self.record_unserved(asked, principal, refusal))
    }

    async fn serve(&self, asked: Asked<'_>, principal: &Principal) -> Result<Issued, Refusal> {
        let request = asked.request;
        let session = self.session_of(&request.session)?;
        let kind = session.profile().kind;
        let (mut wanted, now) = (Use::of(principal, request, kind), self.ports.clock.now());
        self.serves(&session, principal)?;
        self.leases.admits(&mut wanted, session.since(), now)?;
        if request.reach != Reach::Named {
            session.seat(&request.target, principal.name(), now)?;
        }
        let (whose, fresh) = self.fresh(&session, asked, principal).await?;
        // Also of what a sign-in brought.
        request.target.is_answered_by(fresh.token.set.audience.as_deref())?;
        self.serves(&session, principal)?;
        // Whoever waited may have been overtaken by a sign-out, or by somebody else.
        let judged = |whose: &Whose| asked.of.is_none_or(|at| whose.signed_in_at == at);
        let still = whose.as_ref().is_some_and(|whose| session.is_still_of(whose) && judged(whose));
        let Some(whose) = whose.filter(|_| still) else {
            return Err(refusals::signed_out(&session.profile()));
        };
        principal.process.holds().map_err(|what| {
            Refusal::new(ErrorCode::AccessDenied, "the caller is not the one that asked any more")
                .because(what)
        })?;
        let may_leave = || {
            self.serves(&session, principal)?;
            let still = session.is_still_of(&whose);
            still.then_some(()).ok_or_else(|| refusals::signed_out(&session.profile()))
        };
        let served = (&fresh.token, fresh.served);
        let issued = self.issue(&whose, (asked, &wanted), served, may_leave).inspect_err(|_| {
            // However it came to be at hand again: the next who asks gets others.
            let fingerprint = fresh.token.fingerprint.short();
            if self.leases.bars(fingerprint, self.ports.clock.now()) {
                session.drop_token(fingerprint);
            }
        })?;
        if fresh.is_due {
            self.refresh(&session, &request.target, Cause::Expiry).once();
        }
        Ok(issued)
    }

    /// A token that is good enough, and whose it was when it was asked for.
    async fn fresh(
        &self,
        session: &Arc<Session>,
        asked: Asked<'_>,
        principal: &Principal,
    ) -> Result<(Option<Whose>, Fresh), Refusal> {
        let (request, now) = (asked.request, self.ports.clock.now());
        let mut plan = session.plan(request, now);
        // Before anybody is waited for, store or Ping. Somebody else may have brought it meanwhile.
        if matches!(plan, Plan::Load | Plan::Fly { .. }) {
            self.record(&asked.permitted())?;
            if matches!(plan, Plan::Load) {
                self.load(session).await;
                self.serves(session, principal)?;
            }
            plan = session.plan(request, now);
        }
        let whose = session.whose();
        let fresh = match plan {
            Plan::Serve(token) => {
                self.alarm.not_after(token.refresh_at.max(now));
                Ok(Fresh { token, served: Served::Cache, is_due: false })
            }
            Plan::ServeAndRefresh(token) => {
                Ok(Fresh { token, served: Served::Cache, is_due: true })
            }
            Plan::Fly { fallback, cause } => {
                let flight = self.refresh(session, &request.target, cause).once();
                let before = fallback.as_ref().map(|token| token.fingerprint.clone());
                let token = self.arrival(flight, fallback, cause).await?;
                let kept = before.as_ref() == Some(&token.fingerprint);
                let served = if kept { Served::Cache } else { brought_by(&request.target.obtain) };
                Ok(Fresh { token, served, is_due: false })
            }
            Plan::Refuse(refusal) => Err(refusal),
            Plan::Load => Err(not_recorded("the session could not be loaded")),
        };
        fresh.map(|fresh| (whose, fresh))
    }

    /// Waits for the flight; a token that is still valid is served where it fails, or where it
    /// takes so long that the caller's own patience would end first.
    async fn arrival(&self, flight: Flight, fallback: Option<Cached>, cause: Cause) -> Fetched {
        let Some(token) = fallback else { return flight.arrival().await };
        let patience = match cause {
            Cause::Expiry => PATIENCE,
            Cause::MinTtl | Cause::Rejected => LONG_PATIENCE,
        };
        let mut arrived: Pending<'_, Fetched> = Box::pin(flight.arrival());
        let mut over = self.ports.clock.sleep(patience);
        let outcome = match first(&mut arrived, &mut over).await {
            First::Left(outcome) => outcome,
            First::Right(()) => return Ok(token),
        };
        // It was refused, and its session is over: nothing speaks for it any more.
        let dead = |refusal: &Refusal| {
            cause == Cause::Rejected && refusal.code == ErrorCode::LoginRequired
        };
        match outcome {
            Err(refusal) if dead(&refusal) => Err(refusal),
            Err(_) if token.valid_at(self.ports.clock.now()) => Ok(token),
            outcome => outcome,
        }
    }

    fn issue(
        &self,
        whose: &Whose,
        (asked, wanted): (Asked<'_>, &Use<'_>),
        (cached, served): (&Cached, Served),
        may_leave: impl Fn() -> Result<(), Refusal>,
    ) -> Result<Issued, Refusal> {
        let (request, now) = (asked.request, self.ports.clock.now());
        let since = (whose.signed_in_at, now);
        // Which may take a while the first time: nothing is granted yet.
        let program = wanted.principal().process.digest();
        let granted = self.leases.grant(wanted, cached, since, &may_leave)?;
        let mut record = asked.record(Event::Issue, Outcome::Ok);
        record.program = program;
        record.person = whose.person.as_ref();
        record.scopes = cached.set.scope.as_ref().or(request.target.scopes.as_ref());
        record.audience = cached.set.audience.as_deref();
        record.fingerprint = Some(cached.fingerprint.short());
        record.assertion = cached.set.given_for.as_ref().map(|from| from.short());
        record.expires_at = Some(cached.set.expires_at);
        record.served = Some(served);
        let told = self.receipt(&record).and_then(|receipt| {
            self.leases.still(&granted, wanted, cached, since, &may_leave).map(|()| receipt)
        });
        let receipt = match told {
            Ok(receipt) => receipt,
            Err(refusal) => {
                self.leases.ungrant(wanted, granted);
                return Err(refusal);
            }
        };
        let remaining = now.until(cached.set.expires_at);
        let short_lived = request.min_ttl.is_some_and(|needed| remaining < needed);
        Ok(Issued { set: cached.set.clone(), served, short_lived, receipt })
    }

    /// What a caller of that lane has had of each of its shares.
    pub fn shares_of(&self, lane: &Lane) -> Vec<lanes::Standing> {
        self.shares.standing(lane, self.ports.clock.now())
    }

    /// Every session, for `status`.
    pub fn sessions(&self) -> Vec<SessionView> {
        let named = self.all().into_iter().filter(|one| !one.is_away());
        let mut views: Vec<SessionView> = named.map(|one| one.view()).collect();
        views.sort_by(|a, b| a.key.cmp(&b.key));
        views
    }

    pub fn session(&self, key: &SessionKey) -> Result<SessionView, Refusal> {
        Ok(self.session_of(key)?.view())
    }

    /// A deployment as its profile's session holds it, without asking anybody.
    pub fn deployment(&self, key: &SessionKey, target: &Target) -> Result<DeploymentView, Refusal> {
        Ok(self.session_of(key)?.deployment(target, self.ports.clock.now()))
    }

    /// Did a deployment ask for a new proof of identity that was not given since, or would an old one be over
    /// at once? Then the next sign-in is one (`prompt=login`), whoever starts it.
    pub fn wants_new_proof(&self, key: &SessionKey) -> Result<bool, Refusal> {
        let session = self.session_of(key)?;
        let is_too_old = session.view().out.is_some_and(|out| out.reason.wants_new_proof());
        Ok(is_too_old || session.deployments(|held| held.wants_new_proof()))
    }

    pub(crate) fn session_of(&self, key: &SessionKey) -> Result<Arc<Session>, Refusal> {
        let named = self.known(key).filter(|session| !session.is_away());
        named.ok_or_else(|| {
            Refusal::new(ErrorCode::NotFound, format!("there is no profile `{}`", key.account()))
                .hint("run `dagpass status` to see the profiles")
        })
    }

    /// Also where no config names it any more.
    pub(crate) fn known(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// So that the record tells who went away with nothing, and why.
    fn record_unserved(&self, asked: Asked<'_>, principal: &Principal, refusal: &Refusal) {
        match self.record(&asked.unserved(principal, refusal)) {
            // Nothing leaves, so there is nothing to hold back where this cannot be written.
            Ok(()) | Err(_) => {}
        }
    }

    pub(crate) fn record(&self, record: &Record<'_>) -> Result<(), Refusal> {
        self.receipt(record).map(drop)
    }

    fn receipt(&self, record: &Record<'_>) -> Result<Option<Receipt>, Refusal> {
        self.ports.witness.record(record).map_err(|failure| not_recorded(&failure.0))
    }
}

/// A token that is good enough for it.
struct Fresh {
    token: Cached,
    served: Served,
    /// Its successor is asked for behind it.
    is_due: bool,
}

/// How a token for such a target comes about where it is not at hand.
fn brought_by(obtain: &Obtain) -> Served {
    match obtain {
        Obtain::Narrow | Obtain::SignIn => Served::Refresh,
        Obtain::Exchange | Obtain::JwtBearer(_) => Served::Exchange,
    }
}
