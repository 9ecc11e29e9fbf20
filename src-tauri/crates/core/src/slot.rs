//! What the agent holds of one session: its state, its access tokens, its flights. One owner, one
//! short lock, never held across an await.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::cache::Cached;
use crate::deployment::Deployments;
use crate::error::Refusal;
use crate::freshness::{self, Verdict};
use crate::profile::Profile;
use crate::refusals;
use crate::request::{Obtain, Purpose, SessionKey, Target, TokenRequest};
use crate::rest::{Rest, Rests};
use crate::session::{ActiveSession, EndReason, SessionState, TroubleKind};
use crate::time::Timestamp;
use crate::typed::Typed;

/// What every waiter of a flight gets: the same token, or the same refusal.
pub(crate) type Landing = Result<Cached, Refusal>;

pub(crate) struct Slot {
    pub(crate) key: SessionKey,
    /// Replaced when the config changes and the client stays the same.
    profile: Mutex<Arc<Profile>>,
    held: Mutex<Held>,
    /// One send at a time per refresh token.
    pub(crate) sends: Arc<tokio::sync::Mutex<()>>,
    /// One read of the store at a time.
    pub(crate) loading: tokio::sync::Mutex<()>,
}

pub(crate) struct Held {
    pub(crate) state: SessionState,
    pub(crate) cache: HashMap<Target, Cached>,
    pub(crate) flights: HashMap<Target, watch::Receiver<Option<Landing>>>,
    pub(crate) used: HashMap<Target, Timestamp>,
    /// What was refused a moment ago, or an hour.
    pub(crate) rests: Rests,
    /// What Airflow's deployments sold.
    pub(crate) deployments: Deployments,
    /// Targets that no config names.
    pub(crate) typed: Typed,
    /// How long a store that would not keep the record is left alone, and how often it would not.
    pub(crate) unkept: Option<(Rest, u32)>,
    /// Proactive refreshes wait until then: a fleet that wakes together is spread.
    pub(crate) spread_until: Option<Timestamp>,
}

/// What to do for one request.
pub(crate) enum Plan {
    Load,
    Serve(Cached),
    ServeAndRefresh(Cached),
    Fly { fallback: Option<Cached>, cause: Cause },
    Refuse(Refusal),
}

/// Why Ping is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing cached, or too near its end.
    Expiry,
    /// A caller's `min_ttl` was not met.
    MinTtl,
    /// A server refused the token.
    Rejected,
}

impl Slot {
    pub(crate) fn new(key: SessionKey, profile: Arc<Profile>) -> Self {
        Self {
            key,
            profile: Mutex::new(profile),
            held: Mutex::new(Held {
                state: SessionState::Unloaded,
                cache: HashMap::new(),
                flights: HashMap::new(),
                used: HashMap::new(),
                rests: Rests::default(),
                deployments: Deployments::default(),
                typed: Typed::default(),
                unkept: None,
                spread_until: None,
            }),
            sends: Arc::default(),
            loading: tokio::sync::Mutex::new(()),
        }
    }

    /// The same session under another profile: nothing is taken over but the turn to send, and
    /// the deployments' JWTs that a sign-out must take back.
    pub(crate) fn after(old: &Self, profile: Arc<Profile>) -> Self {
        let new = Self { sends: old.sends.clone(), ..Self::new(old.key.clone(), profile) };
        new.held().deployments.inherit(&mut old.held().deployments);
        new
    }

    pub(crate) fn profile(&self) -> Arc<Profile> {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was refused may be granted under the new one: nothing rests any more but what Ping asked for.
    pub(crate) fn take_profile(&self, profile: Arc<Profile>) {
        let mut held = self.held();
        held.rests.clear();
        if let SessionState::Active(active) = &mut held.state
            && active.trouble.as_ref().is_some_and(|one| one.kind == TroubleKind::Misconfigured)
        {
            active.trouble = None;
        }
        drop(held);
        *self.profile.lock().unwrap_or_else(PoisonError::into_inner) = profile;
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session is over. How long it lasted is told only by an end that Ping brought about.
    pub(crate) fn end(&self, why: EndReason, at: Timestamp) {
        let mut held = self.held();
        let lasted = match (&why, &held.state) {
            (EndReason::Rejected { .. }, SessionState::Active(active)) => active.lasted(at),
            _ => None,
        };
        held.state = SessionState::Ended { why, at, lasted };
    }

    /// Decides from what is held, without asking anybody.
    pub(crate) fn plan(&self, request: &TokenRequest, now: Timestamp) -> Plan {
        let profile = self.profile();
        let mut held = self.held();
        if request.renewed
            && let Some(token) = held.cache.get_mut(&request.target)
            && request.rejected.as_ref() == Some(&token.fingerprint)
        {
            token.refused = true;
        }
        let cached = held.cache.get(&request.target).cloned();
        let valid = cached.clone().filter(|token| token.valid_at(now));
        let active = match &held.state {
            SessionState::Unloaded => return Plan::Load,
            SessionState::Unreadable(failure) => {
                return Plan::Refuse(refusals::store(&profile, failure));
            }
            SessionState::SignedOut => return Plan::Refuse(refusals::signed_out(&profile)),
            SessionState::Ended { why, .. } => {
                return match valid {
                    Some(token) => Plan::Serve(token),
                    None => Plan::Refuse(refusals::ended(&profile, why)),
                };
            }
            SessionState::Active(active) => active,
        };
        let asks_ping = !matches!(request.target.obtain, Obtain::JwtBearer(_));
        let whole = if asks_ping { ping_rests(active, &profile, now) } else { None };
        let resting = whole.or_else(|| held.rests.resting(&request.target, now));
        let unanswered = asks_ping && active.unanswered.is_some();
        if request.purpose == Purpose::Use {
            held.used.insert(request.target.clone(), now);
        }
        let (verdict, cause) = match &cached {
            None => (Verdict::Refresh, Cause::Expiry),
            // A parse takes what there is: it asks Ping for nothing while anything is valid.
            Some(_) if contents_itself(request) && valid.is_some() => {
                (Verdict::Serve, Cause::Expiry)
            }
            Some(token) => judge(token, request, now, &profile),
        };
        match (verdict, resting, cached) {
            (Verdict::Serve, _, Some(token)) => Plan::Serve(token),
            (Verdict::ServeAndRefresh, None, Some(token)) if !unanswered => {
                Plan::ServeAndRefresh(token)
            }
            (Verdict::ServeAndRefresh, _, Some(token)) => Plan::Serve(token),
            (_, Some(refusal), _) => valid.map_or(Plan::Refuse(refusal), Plan::Serve),
            // Sent once without an answer: not sent again before the token is near its end.
            (_, None, _) if unanswered && cause != Cause::Expiry && valid.is_some() => {
                valid.map_or_else(|| Plan::Load, Plan::Serve)
            }
            (_, None, _) => Plan::Fly { fallback: valid, cause },
        }
    }
}

/// Ping failed a moment ago and is left alone until its next turn.
fn ping_rests(active: &ActiveSession, profile: &Profile, now: Timestamp) -> Option<Refusal> {
    let trouble = active.trouble.as_ref().filter(|trouble| !trouble.rest.is_over(now))?;
    Some(refusals::trouble(profile, trouble))
}

/// A parse takes what there is, unless a server refused that.
fn contents_itself(request: &TokenRequest) -> bool {
    request.purpose == Purpose::DagParse && request.rejected.is_none()
}

fn judge(
    token: &Cached,
    request: &TokenRequest,
    now: Timestamp,
    profile: &Profile,
) -> (Verdict, Cause) {
    let refused = request.rejected.as_ref() == Some(&token.fingerprint);
    if refused && !token.refused {
        return (Verdict::Refresh, Cause::Rejected);
    }
    let plain = freshness::judge(token, now, profile.refresh_margin, None);
    if plain == Verdict::Refresh {
        return (Verdict::Refresh, Cause::Expiry);
    }
    let judged = freshness::judge(token, now, profile.refresh_margin, request.min_ttl);
    (judged, if judged == Verdict::Refresh { Cause::MinTtl } else { Cause::Expiry })
}
